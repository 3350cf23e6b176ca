"""Every error this project raises on purpose.

Each message states the fact and the remedy, so that it can be shown to a user without a traceback.
"""

from __future__ import annotations


class SamnError(Exception):
    """Base of every error raised on purpose; command lines print it and exit with code 1."""


class ConfigError(SamnError):
    """A configuration has an unknown key or an impossible value."""


class ImageError(SamnError):
    """An image cannot be read, or is not something a tracker can use."""


class RegionError(SamnError):
    """A box, polygon or mask is malformed, empty or outside the image."""


class TrackerStateError(SamnError):
    """A tracker was called out of order."""


class WeightsError(SamnError):
    """A weights file is missing, unreadable, or does not fit the model."""


class DatasetError(SamnError):
    """A data folder is incomplete or does not have the expected layout."""


class ResultError(SamnError):
    """A result file is missing, short, damaged or made by another configuration."""


class StorageError(ResultError):
    """A file system refuses what is to be written: a full disk, a folder that is not ours, a device that is gone."""


class EnvironmentProblemError(SamnError):
    """An installed package or program is missing, or is a version that does not work."""


class TrackerProcessError(SamnError):
    """The process of a tracker cannot be started, has ended, does not answer, or says what is no message."""


class TrainingError(SamnError):
    """A training run cannot go on: its loss is not finite, or its checkpoint belongs to another configuration."""

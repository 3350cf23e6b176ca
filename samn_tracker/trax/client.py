"""Any tracker behind TraX as a tracker of the contract: in a process of its own, in any language and environment.

`--tracker "trax:COMMAND"` in every runner, or `--tracker trackers.ini:NAME` with an entry as the VOT toolkit reads it:
`command`, `protocol` (trax or traxpython), `paths`, `timeout`, `env_NAME` and `arg_NAME`.
"""

from __future__ import annotations

import math
import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from samn_tracker.errors import ConfigError, RegionError, ResultError, TrackerProcessError, TrackerStateError
from samn_tracker.files import storage
from samn_tracker.images import encode_image
from samn_tracker.prediction import Prediction
from samn_tracker.runner.digits import ascii_number
from samn_tracker.shapes import regions
from samn_tracker.shapes.regions import TargetKind
from samn_tracker.trax.messages import MaskPart, Message, format_region, parse_region
from samn_tracker.trax.process import TrackerProcess
from samn_tracker.trax.registry import read_registry

TIMEOUT = 120.0
"""Seconds that a tracker may take for its greeting, its first frame, and any other frame."""

_KINDS: Mapping[str, TargetKind] = {"mask": "mask", "polygon": "polygon", "rectangle": "box"}
_OWN_OPTIONS = ("timeout", "restart")
_SHOWN, _LONGEST = 60, 1e6


@dataclass(frozen=True)
class Launch:
    """How a tracker's process is started.

    Attributes:
        command: program and arguments.
        environment: variables besides ours.
        properties: sent with every initialisation.
        timeout: seconds for each answer.
        restart: a new process for every sequence.
    """

    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)
    timeout: float = TIMEOUT
    restart: bool = False


class TraxTracker:
    """The tracker behind a command. Its process is started with the first sequence, and again after it has failed.

    The target is sent as the richest kind that the tracker takes and that says no more than what is known: a mask to
    one that takes masks, else its rotated or upright box.
    """

    def __init__(self, launch: Launch) -> None:
        self._launch = launch
        self._process: TrackerProcess | None = None
        self._hello: Message | None = None
        self._last: NDArray[np.float64] | None = None
        self._followed = False
        self._file: Path | None = None
        self._scratch = tempfile.TemporaryDirectory(prefix="samn-trax-")

    def next_image_is(self, path: Path) -> None:
        """The file that the next image was read from: the tracker is given that one, and no copy has to be written."""
        self._file = path

    def initialize(self, image: NDArray[np.uint8], target: NDArray[np.generic]) -> Prediction:
        """As `TrackerProtocol.initialize`.

        Raises:
            TrackerProcessError: the process cannot be started, ends, or does not answer.
            RegionError: the target is malformed, or the answer is no region.
        """
        if self._launch.restart:
            self.close()
        process, hello = self._started()
        checked = regions.as_target(target, image.shape)
        formats = _listed(hello, "trax.region", "rectangle")
        text = _target_text(checked, formats, image.shape)
        self._last = regions.target_as(checked, "box", image.shape)
        picture = self._picture(image, hello)
        if (ascii_number(hello.properties.get("trax.version", "1")) or 1) >= 4:
            if self._followed:
                process.send("initialize")  # forgets the objects so far
            process.send("initialize", [text])
            process.send("frame", [picture], self._launch.properties)
        else:
            process.send("initialize", [picture, text], self._launch.properties)
        self._followed = True
        return self._answer(process, image.shape)

    def track(self, image: NDArray[np.uint8]) -> Prediction:
        """As `TrackerProtocol.track`.

        Raises:
            TrackerStateError: called before `initialize`, or after the process failed.
            TrackerProcessError, RegionError: as of `initialize`.
        """
        if self._process is None or self._hello is None or self._last is None:
            raise TrackerStateError("track() was called before initialize(); give the first frame and its target first")
        self._process.send("frame", [self._picture(image, self._hello)])
        return self._answer(self._process, image.shape)

    def close(self) -> None:
        """End the process; the next sequence starts another one."""
        if self._process is not None:
            self._process.close()
        self._process = self._hello = self._last = None

    def _started(self) -> tuple[TrackerProcess, Message]:
        if self._process is None or self._hello is None or not self._process.alive:
            process = TrackerProcess(self._launch.command, self._launch.environment, self._launch.timeout)
            self._process, self._hello, self._followed = process, process.receive("hello"), False
        return self._process, self._hello

    def _picture(self, image: NDArray[np.uint8], hello: Message) -> str:
        formats = _listed(hello, "trax.image", "path")
        if "path" not in formats:
            raise TrackerProcessError(f"the tracker takes images as {', '.join(formats)}; it must take paths")
        path, self._file = self._file, None
        if path is None:
            path = Path(self._scratch.name) / "frame.bmp"
            with storage(path):
                path.write_bytes(encode_image(image, ".bmp"))
        return f"file://{path.resolve()}"

    def _answer(self, process: TrackerProcess, image_shape: tuple[int, ...]) -> Prediction:
        assert self._last is not None
        state = process.receive("state")
        region = parse_region(state.values[0]) if state.values else None
        confidence = _confidence(state.properties)
        if isinstance(region, MaskPart):
            mask = regions.place_mask(region.mask, region.offset, image_shape)
            found = bool(mask.any())
            self._last = regions.mask_to_box(mask) if found else self._last
            return Prediction(box=self._last, mask=mask, confidence=confidence * found, found=found)
        if region is None:
            return Prediction(box=self._last, confidence=0.0, found=False)
        if not np.isfinite(region).all():
            raise ResultError(f"the tracker answered the region {state.values[0][:60]}, which is not finite")
        polygon = region if region.shape == (4, 2) else None
        self._last = region if region.ndim == 1 else regions.polygon_to_box(region)
        return Prediction(box=self._last, polygon=polygon, confidence=confidence)


def launch_of(spec: str, overrides: Mapping[str, str]) -> Launch:
    """How `trax:COMMAND`, or `FILE.ini:NAME`, is started.

    `timeout` and `restart` of the overrides are ours; all others are sent to the tracker as properties.

    Raises:
        ConfigError: the command or the entry is not usable.
    """
    kind, _, command = spec.partition(":")
    launch = Launch(_words(command, spec)) if kind == "trax" else _entry(*spec.rsplit(":", 1))
    if not launch.command or shutil.which(launch.command[0]) is None:
        raise ConfigError(f"--tracker {spec}: there is no program {launch.command[0] if launch.command else ''!r}")
    properties = {key: value for key, value in overrides.items() if key not in _OWN_OPTIONS}
    return replace(
        launch,
        properties={**launch.properties, **properties},
        timeout=_seconds(overrides.get("timeout", launch.timeout)),
        restart=overrides.get("restart", str(launch.restart)).lower() in ("1", "true", "yes"),
    )


def create(spec: str, overrides: Mapping[str, str]) -> TraxTracker:
    """The tracker that `spec` names; see `launch_of`."""
    return TraxTracker(launch_of(spec, overrides))


def _entry(file: str, name: str) -> Launch:
    """An entry of a `trackers.ini` of the VOT toolkit."""
    registry = read_registry(Path(file))
    if name not in registry:
        raise ConfigError(f"{file} has no tracker {name!r}; it has {', '.join(registry) or 'none'}")
    entry = registry[name]
    folder = Path(file).resolve().parent
    protocol, command = entry.get("protocol", "trax"), entry.get("command", "")
    environment = {key[4:]: value for key, value in entry.items() if key.startswith("env_")}
    if protocol == "traxpython":
        paths = [str(folder / one) for one in entry.get("paths", "").split(os.pathsep) if one]
        environment["PYTHONPATH"] = os.pathsep.join([*paths, *filter(None, [os.environ.get("PYTHONPATH")])])
        python = entry.get("python", sys.executable)
        is_module = command.replace(".", "").isidentifier()
        words: tuple[str, ...] = (python, *(("-m", command) if is_module else ("-c", f"import sys; {command}")))
    elif protocol == "trax":
        words = _words(command, file)
    else:
        raise ConfigError(f"{file}: the protocol {protocol} of {name} is not known here; use trax or traxpython")
    return Launch(
        words,
        environment,
        {key[4:]: value for key, value in entry.items() if key.startswith("arg_")},
        _seconds(entry.get("timeout", TIMEOUT)),
        str(entry.get("restart", "false")).lower() in ("1", "true", "yes"),
    )


def _words(command: str, where: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(command))
    except ValueError as error:
        raise ConfigError(f"{where}: the command {command[:_SHOWN]!r} cannot be split into words ({error})") from None


def _seconds(value: str | float) -> float:
    try:
        seconds = float(value)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds <= _LONGEST:
        raise ConfigError(f"timeout={str(value)[:_SHOWN]} is not a number of seconds above 0")
    return seconds


def _target_text(target: NDArray[Any], formats: list[str], image_shape: tuple[int, ...]) -> str:
    """The target as a region of the kind it has, else of the next poorer one, else of any that the tracker takes."""
    own = regions.target_kind(target)
    richest = list(_KINDS.values())
    accepted = [_KINDS[one] for one in formats if one in _KINDS]
    if not accepted:
        raise RegionError(f"the tracker takes regions as {', '.join(formats)}; none of them is one that we have")
    poorer = [kind for kind in richest[richest.index(own) :] if kind in accepted]
    kind = poorer[0] if poorer else next(one for one in reversed(richest) if one in accepted)
    return format_region(regions.target_as(target, kind, image_shape), kind)


def _listed(hello: Message, name: str, default: str) -> list[str]:
    return [one for one in hello.properties.get(name, default).split(";") if one]


def _confidence(properties: Mapping[str, str]) -> float:
    try:
        return float(properties.get("confidence", "1"))
    except ValueError:
        raise ResultError(f"the tracker answered a confidence of {properties['confidence'][:40]!r}") from None

"""Frames from whatever a person has: a video file, a folder or glob of images, a camera."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path

import cv2
import numpy as np

from samn_tracker.app.frames import IMAGES_PER_SECOND, Frame, FrameSource
from samn_tracker.app.video import VideoFile
from samn_tracker.errors import ConfigError, DatasetError, ImageError
from samn_tracker.images import read_image

IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm"}

_SIMILARITY = 0.7
"""Share of equal letters above which a name is offered for another: a slip of two letters, not another word."""


class ImageFiles(FrameSource):
    """Image files in the order given."""

    def __init__(self, name: str, paths: list[Path], start: int, end: int | None) -> None:
        self.name = name
        self.files = tuple(paths)
        self.frames_per_second = IMAGES_PER_SECOND
        self._numbered = list(enumerate(paths))[start:end]
        if not self._numbered:
            raise DatasetError(
                f"{name} holds {len(paths)} images, none of them in {start}..{end}; change --start, --end"
            )
        self.total = len(self._numbered)

    def __iter__(self) -> Iterator[Frame]:
        return (Frame(index, read_image(path)) for index, path in self._numbered)


class Camera(FrameSource):
    """A camera by its number, as OpenCV counts them; it ends after `end` frames or when the person stops it."""

    def __init__(self, index: int, end: int | None) -> None:
        self.name = f"camera {index}"
        self.total = end
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # a dozen lines about each missing camera
        self._capture = cv2.VideoCapture(index)
        if not self._capture.isOpened():
            raise ImageError(f"{self.name} cannot be opened; check that it is connected and no other program uses it")
        self.frames_per_second = self._capture.get(cv2.CAP_PROP_FPS) or IMAGES_PER_SECOND

    def __iter__(self) -> Iterator[Frame]:
        index = 0
        while self.total is None or index < self.total:
            arrived, picture = self._capture.read()
            if not arrived:
                raise ImageError(f"{self.name} gave no picture after {index} frames; check the cable")
            yield Frame(index, np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), dtype=np.uint8))
            index += 1


def open_source(text: str, start: int = 0, end: int | None = None) -> FrameSource:
    """The frames of what a person named.

    Args:
        text: a video file, a folder of images, a glob such as "img/*.jpg", or a camera's number.
        start, end: frames start..end-1 are given, counted from 0; None is to the end.

    Raises:
        ConfigError: an impossible range.
        DatasetError: nothing there, or no image in the range.
        ImageError: a video or camera that cannot be opened.
        EnvironmentProblemError: a video, and PyAV is not installed.
    """
    if start < 0 or (end is not None and end <= start):
        raise ConfigError(f"frames {start}..{end} are none; --start is 0 or more, and --end is larger than --start")
    path = Path(text)
    if path.is_dir():
        return ImageFiles(text, _images([one for one in path.iterdir() if one.is_file()], text), start, end)
    if path.is_file():
        if path.suffix.lower() in IMAGE_SUFFIXES:
            raise DatasetError(f"{text} is a single image; give its folder, a glob such as '*.jpg', or a video file")
        return VideoFile(path, start, end)
    if text.isdigit():
        return Camera(int(text), end)
    if re.search(r"[*?\[]", text):
        return ImageFiles(text, _images(_glob(path), text), start, end)
    raise DatasetError(
        f"there is no file or folder {text}{similar(path)}; give a video, a folder of images, a glob, or a camera "
        "number"
    )


def natural_key(path: Path) -> list[tuple[int, int, str]]:
    """Sorts numbers in names as numbers: 2.jpg before 10.jpg."""
    parts = re.split(r"(\d+)", path.name.lower())
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts]


def similar(path: Path) -> str:
    """What else is in the same folder and has nearly this name, as words to follow "there is no ..."."""
    names = [one.name for one in path.parent.iterdir()] if path.parent.is_dir() else []
    near = get_close_matches(path.name, names, 1, cutoff=_SIMILARITY)
    return f", but there is {path.with_name(near[0])}" if near else ""


def _glob(pattern: Path) -> list[Path]:
    base = Path(pattern.anchor) if pattern.is_absolute() else Path()
    return [one for one in base.glob(str(pattern.relative_to(base))) if one.is_file()]


def _images(paths: list[Path], name: str) -> list[Path]:
    images = sorted((one for one in paths if one.suffix.lower() in IMAGE_SUFFIXES), key=natural_key)
    if not images:
        raise DatasetError(f"no image in {name}; looked for {', '.join(sorted(IMAGE_SUFFIXES))}")
    return images

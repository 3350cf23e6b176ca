"""Frames from whatever a person has: a video file, a folder or glob of images, a camera."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path

import cv2
import numpy as np

from samn_tracker.app.frames import IMAGES_PER_SECOND, EveryNth, Frame, FrameSource
from samn_tracker.app.stream import VideoAddress, is_address
from samn_tracker.app.video import VideoFile
from samn_tracker.errors import ConfigError, DatasetError, ImageError
from samn_tracker.images import ImageReader
from samn_tracker.runner.digits import ascii_number
from samn_tracker.runner.frames import IMAGE_SUFFIXES, FrameList, frame_list, image_files, ordered_images

_SIMILARITY = 0.7
"""Share of equal letters above which a name is offered for another: a slip of two letters, not another word."""

_LAST_CAMERA = 9999
_SHOWN = 60


class ImageFiles(FrameSource):
    """Image files in order; `files` are all of them, the range apart, and `numbers` those of the range.

    A frame's number is the one in its file's name, or its place where the names do not count.
    """

    def __init__(self, frames: FrameList, start: int, end: int | None) -> None:
        self.name = frames.place
        self.files = frames.paths
        self.frames_per_second = IMAGES_PER_SECOND
        numbered = zip(frames.numbers or range(len(frames)), frames.paths, strict=True)
        self._numbered = [one for one in numbered if one[0] >= start and (end is None or one[0] < end)]
        if not self._numbered:
            have = f"{len(frames)} images" + (f", {_span(frames.numbers)}" if frames.numbers else "")
            raise DatasetError(f"{self.name} holds {have}, none of them in {start}..{end}; change --start, --end")
        self.total = len(self._numbered)
        self.numbers = tuple(number for number, _ in self._numbered)
        if gaps := FrameList(self.name, tuple(path for _, path in self._numbered)).gaps:
            self.notes = (f"{self.name} lacks frames in the middle: {gaps}; answers keep the numbers of their images",)

    def __iter__(self) -> Iterator[Frame]:
        pictures = ImageReader()
        for index, path in self._numbered:
            image = pictures.read(path)
            if index == self._numbered[0][0] and pictures.note:
                self.notes += (f"{self.name}: {pictures.note}",)
            yield Frame(index, image)


def _silence_opencv() -> None:
    """It has a dozen lines for each missing camera; OpenCV 5 takes the order elsewhere than 4."""
    if hasattr(cv2, "setLogLevel"):
        cv2.setLogLevel(0)
    else:
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


class Camera(FrameSource):
    """A camera by its number, as OpenCV counts them; it ends after `end` frames or when the person stops it."""

    live = True

    def __init__(self, index: int, end: int | None) -> None:
        self.name = f"camera {index}"
        self.total = end
        _silence_opencv()
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


def open_source(text: str, start: int = 0, end: int | None = None, stride: int = 1) -> FrameSource:
    """The frames of what a person named.

    Args:
        text: a video file, a folder of images, a glob such as "img/*.jpg", a camera's number, or an http, https or rtsp
            address.
        start, end: frames start..end-1 are given, by the numbers in the names of images, else counted from 0; None is
            to the end.
        stride: every how many of them one is given.

    Raises:
        ConfigError: an impossible range.
        DatasetError: nothing there, no image in the range, or two files for one frame.
        ImageError: a video or camera that cannot be opened.
        EnvironmentProblemError: a video, and PyAV is not installed.
    """
    if start < 0 or (end is not None and end <= start):
        raise ConfigError(f"frames {start}..{end} are none; --start is 0 or more, and --end is larger than --start")
    source = _source(text, start, end)
    return source if stride == 1 else EveryNth(source, stride)


def _source(text: str, start: int, end: int | None) -> FrameSource:
    if is_address(text):
        return VideoAddress(text, start, end)
    path = Path(text)
    try:
        is_folder = path.is_dir()
    except (OSError, ValueError) as error:  # longer than any name, or unreadable on the way
        raise DatasetError(
            f"there is no file or folder {text[:_SHOWN]} that can be opened ({_reason(error)})"
        ) from None
    if path.exists() and not is_folder and not path.is_file():
        raise DatasetError(
            f"{text} is a pipe or a device, which can be read only once and from its beginning; save it to a file, or "
            "give a camera by its number"
        )
    if is_folder:
        return ImageFiles(frame_list(image_files(path), text), start, end)
    if path.is_file():
        if path.suffix.lower() in IMAGE_SUFFIXES:
            raise DatasetError(f"{text} is a single image; give its folder, a glob such as '*.jpg', or a video file")
        return VideoFile(path, start, end)
    number = ascii_number(text)
    if number is not None and number <= _LAST_CAMERA:
        return Camera(number, end)
    if re.search(r"[*?\[]", text):
        return ImageFiles(frame_list(ordered_images(_glob(path), text), text), start, end)
    raise DatasetError(
        f"there is no file or folder {text}{similar(path)}; give a video, a folder of images, a glob, a camera "
        "number, or an address"
    )


def similar(path: Path) -> str:
    """What else is in the same folder and has nearly this name, as words to follow "there is no ..."."""
    names = [one.name for one in path.parent.iterdir()] if path.parent.is_dir() else []
    near = get_close_matches(path.name, names, 1, cutoff=_SIMILARITY)
    return f", but there is {path.with_name(near[0])}" if near else ""


def _glob(pattern: Path) -> list[Path]:
    base = Path(pattern.anchor) if pattern.is_absolute() else Path()
    return [one for one in base.glob(str(pattern.relative_to(base))) if one.is_file()]


def _reason(error: OSError | ValueError) -> str:
    return str(getattr(error, "strerror", None) or error).lower()


def _span(numbers: Sequence[int]) -> str:
    return f"numbered {numbers[0]} to {numbers[-1]}"

"""OpenCV's own trackers behind the two-method contract: baselines, and the worked example of an adapter.

They take BGR images and whole-number boxes that lie inside the image, and answer boxes only. MIL draws its samples from
a random generator seeded by the clock, which OpenCV gives no way to set: two runs of it differ.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from samn_tracker.errors import ConfigError, EnvironmentProblemError, ImageError, TrackerStateError
from samn_tracker.prediction import Prediction
from samn_tracker.shapes.regions import as_target, target_as

OPENCV_TRACKERS: dict[str, str] = {"opencv-mil": "TrackerMIL", "opencv-csrt": "TrackerCSRT", "opencv-kcf": "TrackerKCF"}
OPENCV_NETWORKS: dict[str, tuple[str, dict[str, str]]] = {
    "opencv-nano": (
        "TrackerNano",
        {"backbone": "nanotrack_backbone_sim.onnx", "neckhead": "nanotrack_head_sim.onnx"},
    ),
    "opencv-vit": ("TrackerVit", {"net": "object_tracking_vittrack_2023sep.onnx"}),
}
"""OpenCV's trackers by networks, whose files are given: by setting, the name that they are published under."""

MINIMUM_SIDE = 8
"""OpenCV 5.0's MIL never returns from `init` on boxes of 4 pixels and less; smaller targets get a box of this side."""

MAXIMUM_SHARE = 0.9
"""MIL finds no sample of the background when the target fills the image; larger targets get this share of its side."""


class OpenCVTracker:
    """One of OpenCV's box trackers as a `TrackerProtocol`.

    A target that is too small for OpenCV, or reaches over the border, is given to it enlarged and clipped; the answer
    is mapped back. When OpenCV reports a failure, the last box is answered with `found` False.
    """

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make
        self._tracker: Any = None
        self._box: NDArray[np.float64] = np.zeros(4)
        self._offset: NDArray[np.float64] = np.zeros(2)
        self._ratio: NDArray[np.float64] = np.ones(2)

    def initialize(self, image: NDArray[np.uint8], target: NDArray[np.generic]) -> Prediction:
        """Start on a box, a polygon (its upright box of the same area) or a mask (its bounding box).

        Raises:
            RegionError: the target is malformed or outside the image.
            ImageError: the image is too small for OpenCV's trackers.
        """
        self._box = target_as(as_target(target, image.shape), "box", image.shape)
        given = _box_for_opencv(self._box, image)
        self._offset = self._box[:2] - given[:2]
        self._ratio = self._box[2:] / given[2:]
        self._tracker = self._make()
        self._tracker.init(_to_bgr(image), tuple(int(value) for value in given))
        return Prediction(box=self._box.copy())

    def track(self, image: NDArray[np.uint8]) -> Prediction:
        """Find the target in the next frame.

        Raises:
            TrackerStateError: called before `initialize`.
        """
        if self._tracker is None:
            raise TrackerStateError("track() was called before initialize(); give the first frame and its target first")
        found, box = self._tracker.update(_to_bgr(image))
        if found:
            answer = np.asarray(box, dtype=np.float64)
            self._box = np.concatenate([answer[:2] + self._offset, answer[2:] * self._ratio])
        return Prediction(box=self._box.copy(), confidence=float(bool(found)), found=bool(found))


def create_opencv_tracker(name: str) -> OpenCVTracker:
    """The tracker called `name` in OPENCV_TRACKERS.

    Raises:
        EnvironmentProblemError: the installed OpenCV package does not have it.
    """
    factory = getattr(cv2, OPENCV_TRACKERS[name], None)
    if factory is None:
        raise EnvironmentProblemError(
            f"{name} is not in the installed OpenCV {cv2.__version__}: CSRT and KCF are only in opencv-contrib-python, "
            "which has the rest too; put it in the place of opencv-python (never both, they overwrite each other): "
            f"`pip uninstall -y opencv-python && pip install --no-deps opencv-contrib-python{_same_version()}`; "
            "or use opencv-mil"
        )
    return OpenCVTracker(factory.create)


def create_opencv_network(name: str, files: Mapping[str, str]) -> OpenCVTracker:
    """The tracker called `name` in OPENCV_NETWORKS, of the ONNX files given by the names of its settings.

    Raises:
        ConfigError: a file is not given, is not there, or is none that OpenCV reads; another setting is given.
        EnvironmentProblemError: the installed OpenCV package does not have the tracker.
    """
    kind, wanted = OPENCV_NETWORKS[name]
    network_files(name, files)
    factory, parameters = getattr(cv2, kind, None), getattr(cv2, f"{kind}_Params", None)
    if factory is None or parameters is None:
        raise EnvironmentProblemError(f"{name} is not in the installed OpenCV {cv2.__version__}; use opencv-mil")

    def make() -> Any:
        given = parameters()
        for key in wanted:
            setattr(given, key, files[key])
        try:
            return factory.create(given)
        except cv2.error as error:
            raise ConfigError(f"OpenCV cannot read the networks of {name} ({error.err}); download them again") from None

    return OpenCVTracker(make)


def network_files(name: str, files: Mapping[str, str]) -> list[Path]:
    """The files of a tracker of OPENCV_NETWORKS.

    Raises:
        ConfigError: one is not given or not there, or another setting is given.
    """
    wanted = OPENCV_NETWORKS[name][1]
    example = " ".join(f"--set {key}={file}" for key, file in wanted.items())
    if files.keys() != wanted.keys():
        said = ", ".join(files) or "nothing"
        raise ConfigError(f"{name} needs the files of its networks, and got {said}: {example}")
    if missing := [files[key] for key in wanted if not Path(files[key]).is_file()]:
        raise ConfigError(f"{name}: there is no file {', '.join(missing)}; give its networks: {example}")
    return [Path(files[key]) for key in wanted]


def _same_version() -> str:
    """ "==5.0.0.93", the version of the build that is installed now, where its name is known."""
    try:
        return f"=={version('opencv-python')}"
    except PackageNotFoundError:
        return ""


def _box_for_opencv(box: NDArray[np.float64], image: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Whole-number box of at least MINIMUM_SIDE pixels that leaves one pixel free to every border of the image."""
    limit = np.array([image.shape[1] - 1, image.shape[0] - 1], dtype=np.float64)
    if (limit - 1 < MINIMUM_SIDE).any():
        raise ImageError(
            f"an image of {image.shape[1]}x{image.shape[0]} is too small for OpenCV's trackers; "
            f"they need {MINIMUM_SIDE + 2} pixels a side"
        )
    low, high = np.clip(box[:2], 1, limit), np.clip(box[:2] + box[2:], 1, limit)
    largest = np.maximum(np.floor(limit * MAXIMUM_SHARE), MINIMUM_SIDE)
    size = np.clip(np.rint(high - low), MINIMUM_SIDE, largest)
    corner = np.clip(np.rint((low + high - size) / 2), 1, limit - size)
    return np.concatenate([corner, size])


def _to_bgr(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(image[..., ::-1])

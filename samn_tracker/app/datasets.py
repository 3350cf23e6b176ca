"""Answers in the layouts of other people's tools: YOLO, MOTChallenge and COCO."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

import cv2
import numpy as np
from numpy.typing import NDArray

from samn_tracker.app.coco import coco_counts
from samn_tracker.app.frames import Frame
from samn_tracker.files import open_text, write_new
from samn_tracker.images import encode_image
from samn_tracker.output_folder import OutputFolder
from samn_tracker.prediction import Prediction


class YoloOutput:
    """A data set of Ultralytics' YOLO: yolo/images, yolo/labels with segments, yolo/boxes with boxes, yolo/data.yaml.

    Lines are `class x y w h` (boxes) or `class x1 y1 x2 y2 ...` (segments: the outline of the largest part), in shares
    of the image. Classes are the objects in the order in which they came, from 0. Objects not found have no line.
    """

    def __init__(self, folder: OutputFolder) -> None:
        self._folder = folder
        self._classes: dict[int, int] = {}

    def write(self, frame: Frame, answers: Mapping[int, Prediction]) -> None:
        """As `Output.write`."""
        shape = frame.image.shape[:2]
        boxes, segments = "", ""
        for number, answer in answers.items():
            kind = self._classes.setdefault(number, len(self._classes))
            if answer.found:
                boxes += _yolo_line(kind, _yolo_box(answer.box, shape))
                segments += _yolo_line(kind, _yolo_segment(answer, shape))
        name = f"{frame.index:08d}"
        write_new(self._folder.new(f"yolo/images/{name}.jpg"), encode_image(frame.image, ".jpg"))
        write_new(self._folder.new(f"yolo/labels/{name}.txt"), segments.encode())
        write_new(self._folder.new(f"yolo/boxes/{name}.txt"), boxes.encode())

    def close(self) -> Path | None:
        """As `Output.close`."""
        if not self._classes:
            return None
        names = "".join(f"  {kind}: object {number}\n" for number, kind in self._classes.items())
        text = f"path: .\ntrain: images\nval: images\nnames:\n{names}"
        write_new(self._folder.new("yolo/data.yaml"), text.encode())
        return self._folder.root / "yolo"


class MotOutput:
    """MOTChallenge's text: frame and pixels counted from 1, `frame,id,left,top,width,height,confidence,-1,-1,-1`."""

    def __init__(self, folder: OutputFolder) -> None:
        self._folder = folder
        self._stream: TextIO | None = None

    def write(self, frame: Frame, answers: Mapping[int, Prediction]) -> None:
        """As `Output.write`."""
        if self._stream is None:
            self._stream = open_text(self._folder.new("mot.txt"), "x")
        for number, answer in answers.items():
            if answer.found:
                x, y, width, height = answer.box
                place = f"{x + 1:.2f},{y + 1:.2f},{width:.2f},{height:.2f}"
                self._stream.write(f"{frame.index + 1},{number},{place},{answer.confidence:.4f},-1,-1,-1\n")

    def close(self) -> Path | None:
        """As `Output.close`."""
        if self._stream is None:
            return None
        self._stream.close()
        return self._folder.root / "mot.txt"


class CocoOutput:
    """A COCO data set: annotations with boxes and run-length masks, images, categories; a category an object.

    An annotation also has the `score` and the `track_id` of its object. Objects not found have none.
    """

    def __init__(self, folder: OutputFolder) -> None:
        self._folder = folder
        self._stream: TextIO | None = None
        self._images: list[int] = []
        self._size = (0, 0)
        self._objects: set[int] = set()
        self._count = 0

    def write(self, frame: Frame, answers: Mapping[int, Prediction]) -> None:
        """As `Output.write`."""
        if self._stream is None:
            self._stream = open_text(self._folder.new("coco.json"), "x")
            self._stream.write('{"annotations": [')
        self._images.append(frame.index)
        self._size = (frame.image.shape[0], frame.image.shape[1])
        self._objects |= set(answers)
        for number, answer in answers.items():
            if answer.found and answer.mask is not None:
                self._count += 1
                self._stream.write(",\n" if self._count > 1 else "\n")
                json.dump(self._annotation(frame.index, number, answer, answer.mask), self._stream, allow_nan=False)

    def close(self) -> Path | None:
        """As `Output.close`."""
        if self._stream is None:
            return None
        height, width = self._size
        with self._stream as stream:
            stream.write('\n],\n"images": [')
            for place, index in enumerate(self._images):
                image = {"id": index, "file_name": f"{index:08d}.jpg", "width": width, "height": height}
                stream.write((",\n" if place else "\n") + json.dumps(image))
            categories = [{"id": one, "name": f"object {one}"} for one in sorted(self._objects)]
            stream.write(f'\n],\n"categories": {json.dumps(categories)}}}\n')
        return self._folder.root / "coco.json"

    def _annotation(self, index: int, number: int, answer: Prediction, mask: NDArray[np.uint8]) -> dict[str, Any]:
        return {
            "id": self._count,
            "image_id": index,
            "category_id": number,
            "track_id": number,
            "bbox": np.round(answer.box, 3).tolist(),
            "area": int(mask.sum()),
            "iscrowd": 0,
            "score": round(float(answer.confidence), 4),
            "segmentation": {"size": list(mask.shape), "counts": coco_counts(mask)},
        }


def _yolo_line(kind: int, values: NDArray[np.float64]) -> str:
    return " ".join([str(kind), *(f"{value:.6f}" for value in values)]) + "\n" if len(values) else ""


def _yolo_box(box: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Middle x, y, width, height of the part inside the image, in shares of its size."""
    size = np.array([shape[1], shape[0]], dtype=np.float64)
    low, high = np.clip(box[:2], 0, size), np.clip(box[:2] + box[2:], 0, size)
    return np.concatenate([(low + high) / 2 / size, (high - low) / size])


def _yolo_segment(answer: Prediction, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """x1, y1, x2, y2, ... of the outline of the largest part, in shares of the image; the box without a mask."""
    size = np.array([shape[1], shape[0]], dtype=np.float64)
    if answer.mask is None:
        x, y, width, height = answer.box
        corners = np.array([[x, y], [x + width, y], [x + width, y + height], [x, y + height]])
        return np.asarray((np.clip(corners, 0, size) / size).ravel())
    # The outline of a mask of twice the size runs along the outer edges of its pixels, to a quarter of a pixel.
    large = np.repeat(np.repeat(answer.mask, 2, axis=0), 2, axis=1)
    contours, _ = cv2.findContours(large, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    outline = max(contours, key=cv2.contourArea, default=np.zeros((0, 1, 2)))[:, 0]
    return np.asarray(((outline + 0.5) / 2 / size).ravel()) if len(outline) >= 3 else np.zeros(0)

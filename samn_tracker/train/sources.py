"""Where training images come from: labelled stills and clips behind one small interface, and the packed file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol
from zipfile import BadZipFile

import cv2
import numpy as np
from numpy.typing import NDArray

from samn_tracker.errors import DatasetError, ImageError
from samn_tracker.files import atomic
from samn_tracker.images import decode_image

FORMAT = "samn-pack-1"
_SHOWN = 120
_DAMAGED = (ValueError, LookupError, TypeError, OSError, EOFError, BadZipFile, RuntimeError)
"""What reading a pack raises that is damaged, or encrypted (RuntimeError; so are recursions)."""


@dataclass(frozen=True)
class LabelledImage:
    """An image (H, W, 3) uint8 RGB with its object map (H, W) uint16: 0 is background, every other value an object."""

    image: NDArray[np.uint8]
    labels: NDArray[np.uint16]


class Source(Protocol):
    """A data set: stills, or the frames of clips.

    `clips` lists the indices of each clip's frames in order of time; it is empty for stills.
    """

    name: str
    clips: Sequence[Sequence[int]]

    def __len__(self) -> int:
        """Number of labelled images."""

    def read(self, index: int) -> LabelledImage:
        """The labelled image at `index`.

        Raises:
            DatasetError: the file is missing, broken or does not fit its image; the message names it.
        """


class PackedSource:
    """One data set of a packed file, held compressed in memory and decoded on each read."""

    def __init__(
        self,
        name: str,
        blobs: Sequence[NDArray[np.uint8]],
        entries: Sequence[tuple[int, int]],
        clips: Sequence[Sequence[int]],
    ) -> None:
        self.name = name
        self.clips = clips
        self._blobs = blobs
        self._entries = entries

    def __len__(self) -> int:
        return len(self._entries)

    def read(self, index: int) -> LabelledImage:
        """The labelled image at `index`.

        Raises:
            ImageError: the pack is damaged.
        """
        image, labels = self._entries[index]
        return LabelledImage(
            decode_image(self._blobs[image].tobytes(), f"{self.name}[{index}]"),
            _decoded_labels(self._blobs[labels], f"{self.name}[{index}]"),
        )


def _decoded_labels(blob: NDArray[np.uint8], name: str) -> NDArray[np.uint16]:
    labels = cv2.imdecode(blob, cv2.IMREAD_UNCHANGED) if len(blob) else None
    if labels is None or labels.ndim != 2:
        raise ImageError(f"{name} has no label map; make the packed file again")
    return np.asarray(labels).astype(np.uint16)


def read_pack(path: str | Path) -> dict[str, PackedSource]:
    """The data sets of a packed file, by name.

    Raises:
        DatasetError: the file is missing or is not a pack.
    """
    path = Path(path)
    if not path.is_file():
        raise DatasetError(f"no packed data file {path}; make it with `samn train pack CONFIG OUT`")
    try:
        with np.load(path, allow_pickle=False) as file:
            data, offsets, index = file["data"], file["offsets"], json.loads(file["index"].tobytes())
        if index["format"] != FORMAT:
            raise ValueError(f"its format is {index['format']!r}, this version reads {FORMAT}")
        blobs = [data[start:stop] for start, stop in pairwise(offsets)]
        return {one["name"]: _packed_set(one, blobs) for one in index["sets"]}
    except _DAMAGED as error:
        raise DatasetError(f"{path} is not a packed data file ({str(error)[:_SHOWN]}); make it again") from None


def _packed_set(one: Mapping[str, Any], blobs: Sequence[NDArray[np.uint8]]) -> PackedSource:
    """A data set of the index; every image, label map and frame that it names is there.

    Raises:
        ValueError, LookupError, TypeError: it is malformed.
    """
    entries = [(image, labels) for image, labels in one["entries"]]
    if not all(type(number) is int and 0 <= number < len(blobs) for pair in entries for number in pair):
        raise ValueError("it names images that it does not hold")
    if not all(type(number) is int and 0 <= number < len(entries) for clip in one["clips"] for number in clip):
        raise ValueError("it names frames that it does not hold")
    return PackedSource(str(one["name"]), blobs, entries, one["clips"])


def write_pack(sources: Sequence[Source], path: str | Path, longest_side: dict[str, int], quality: int = 88) -> None:
    """Shrink every image to at most `longest_side[source.name]` pixels, compress, and write one file.

    Images become JPEG of `quality`, object maps PNG; equal images (two maps of one photograph) are stored once.
    """
    blobs: dict[bytes, int] = {}
    index = []
    for source in sources:
        entries = []
        for number in range(len(source)):
            item = shrink(source.read(number), longest_side[source.name])
            image = cv2.imencode(".jpg", item.image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
            labels = cv2.imencode(".png", compact(item.labels), [cv2.IMWRITE_PNG_COMPRESSION, 9])[1].tobytes()
            entries.append([blobs.setdefault(blob, len(blobs)) for blob in (image, labels)])
        index.append({"name": source.name, "entries": entries, "clips": [list(clip) for clip in source.clips]})
    offsets = np.cumsum([0, *(len(blob) for blob in blobs)])
    text = json.dumps({"format": FORMAT, "sets": index}).encode()
    with atomic(Path(path)) as file:
        np.savez(
            file,
            data=np.frombuffer(b"".join(blobs), dtype=np.uint8),
            offsets=offsets,
            index=np.frombuffer(text, dtype=np.uint8),
        )


def shrink(item: LabelledImage, longest: int) -> LabelledImage:
    """`item` at most `longest` pixels on its longer side; labels keep their values."""
    height, width = item.labels.shape
    scale = longest / max(height, width)
    if scale >= 1:
        return item
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return LabelledImage(
        cv2.resize(item.image, size, interpolation=cv2.INTER_AREA),  # type: ignore[arg-type]
        cv2.resize(item.labels, size, interpolation=cv2.INTER_NEAREST_EXACT),  # type: ignore[arg-type]
    )


def compact(labels: NDArray[np.uint16]) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """Labels as uint8 where their values allow it (half the file)."""
    return labels.astype(np.uint8) if labels.max(initial=0) < 256 else labels

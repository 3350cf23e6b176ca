"""Trajectories: one region a frame, in the VOT toolkit's binary format, in legacy text, and their `.value` files.

A region is a special code (int: 0 skipped or unknown, 1 initialised here, 2 failed here), a box (4,) x, y, w, h, a
polygon (n, 2), or a mask cut to an offset. Text files written by pysot are legacy text with less precision.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from samn_tracker.errors import RegionError, ResultError
from samn_tracker.files import write_atomic
from samn_tracker.shapes.regions import rle_decode, rle_encode

UNKNOWN, INITIALISATION, FAILURE = 0, 1, 2
SUFFIXES = (".bin", ".txt")  # of trajectories
LARGEST = float(np.finfo(np.float32).max)  # coordinate that the toolkit's 32-bit files hold
LONGEST_RUN = 255 * 255  # the toolkit splits longer runs, so that one fits 16 bits


@dataclass(frozen=True)
class MaskPart:
    """A mask (h, w) of 0 and 1 whose top-left pixel is at column, row `offset`."""

    offset: tuple[int, int]
    mask: NDArray[np.uint8]


Region: TypeAlias = int | NDArray[np.float64] | MaskPart


def parse_region(text: str) -> Region:
    """A region from a line of text: one number, x,y,w,h, x1,y1,x2,y2,..., or m with a mask's run lengths.

    Coordinates that are NaN mean an absent target, the special code 0, as in the toolkit.

    Raises:
        ResultError: not a region.
    """
    try:
        if text.startswith("m"):
            left, top, width, height, *runs = (int(item) for item in text[1:].split(","))
            return MaskPart((left, top), _decode(runs, width, height))
        numbers = np.array([float(item) for item in text.split(",")])
    except (ValueError, RegionError) as error:
        raise ResultError(f"'{text[:60]}' is not a region ({error})") from None
    if len(numbers) == 1 and numbers[0] in (UNKNOWN, INITIALISATION, FAILURE):
        return int(numbers[0])
    if np.isnan(numbers).any() and len(numbers) >= 4:
        return UNKNOWN
    if not (np.abs(numbers) <= LARGEST).all() or len(numbers) < 4 or len(numbers) % 2:
        raise ResultError(f"'{text[:60]}' is not a region; use 1 code, 4 box numbers, or 6 and more polygon numbers")
    return numbers if len(numbers) == 4 else numbers.reshape(-1, 2)


def format_region(region: Region, decimals: int | None = None) -> str:
    """The line of text of a region; every digit of 32-bit floats, or a fixed number of `decimals`."""
    if isinstance(region, int):
        return str(region)
    if isinstance(region, MaskPart):
        height, width = region.mask.shape
        return "m" + ",".join(map(str, [*region.offset, width, height, *rle_encode(region.mask).tolist()]))
    values = np.ravel(region)
    if decimals is not None:
        return ",".join(f"{value:.{decimals}f}" for value in values)
    return ",".join(np.format_float_positional(np.float32(value), unique=True, trim="0") for value in values)


def decode_binary(data: bytes, name: str) -> list[Region]:
    """The trajectory in the bytes of a `.bin` file; `name` is used in errors.

    Raises:
        ResultError: cut off, of another version, with bytes left over, or with an impossible region.
    """
    reader = _Reader(data, name)
    version, length = reader.take("<hI")
    if version != 1:
        raise ResultError(f"{name} is not a toolkit result (version {version}, known is 1)")
    regions: list[Region] = []
    try:
        for _ in range(length):
            regions.append(_decode_region(reader))
    except struct.error:
        raise ResultError(f"{name} is cut off: {len(regions)} of {length} regions; run this part again") from None
    if reader.offset != len(data):
        raise ResultError(f"{name} has {len(data) - reader.offset} bytes after its last region; run this part again")
    return _absent_where_nan(regions, name)


def _absent_where_nan(regions: list[Region], name: str) -> list[Region]:
    """As in text, coordinates that are NaN mean an absent target; infinite ones nothing."""
    drawn = [(frame, region) for frame, region in enumerate(regions) if isinstance(region, np.ndarray)]
    if drawn and not np.isfinite(np.concatenate([region.ravel() for _, region in drawn])).all():
        for frame, region in drawn:
            if np.isnan(region).any():
                regions[frame] = UNKNOWN
            elif np.isinf(region).any():
                raise ResultError(f"{name}: the region of frame {frame} is infinite; run this part again")
    return regions


class _Reader:
    def __init__(self, data: bytes, name: str) -> None:
        self.data, self.name, self.offset = data, name, 0

    def take(self, layout: str) -> tuple[int, ...]:
        try:
            values = struct.unpack_from(layout, self.data, self.offset)
        except struct.error:
            if self.offset == 0:
                raise ResultError(f"{self.name} is cut off after {len(self.data)} bytes; run this part again") from None
            raise
        self.offset += struct.calcsize(layout)
        return values

    def floats(self, count: int) -> NDArray[np.float64]:
        """The next 32-bit numbers; struct.error where there are not so many."""
        begin, self.offset = self.offset, self.offset + 4 * count
        if self.offset > len(self.data):
            raise struct.error
        return np.frombuffer(self.data, np.dtype("<f4"), count, begin).astype(np.float64)


def _decode_region(reader: _Reader) -> Region:
    (kind,) = reader.take("<B")
    if kind == 0:
        return reader.take("<I")[0]
    if kind == 1:
        return reader.floats(4)
    if kind == 2:
        (corners,) = reader.take("<H")
        return reader.floats(2 * corners).reshape(-1, 2)
    if kind == 3:
        left, top, width, height, count = reader.take("<hhHHH")
        try:
            return MaskPart((left, top), _decode(reader.take(f"<{count}H"), width, height))
        except RegionError as error:
            raise ResultError(f"{reader.name}: {error}") from None
    raise ResultError(f"{reader.name} has a region of the unknown kind {kind}; run this part again")


def _decode(runs: Sequence[int], width: int, height: int) -> NDArray[np.uint8]:
    """The mask of the runs; the toolkit writes an empty mask as one run of 0 or of everything."""
    if width * height == 0:
        return np.zeros((height, width), dtype=np.uint8)
    return rle_decode(runs, (height, width))


def encode_binary(regions: Sequence[Region]) -> bytes:
    """The bytes of a `.bin` file; coordinates become 32-bit floats."""
    return struct.pack("<hI", 1, len(regions)) + b"".join(_encode_region(region) for region in regions)


def _encode_region(region: Region) -> bytes:
    if isinstance(region, int):
        return struct.pack("<BI", 0, region)
    if isinstance(region, MaskPart):
        runs = _split_long_runs(rle_encode(region.mask).tolist())
        height, width = region.mask.shape
        return struct.pack(f"<BhhHHH{len(runs)}H", 3, *region.offset, width, height, len(runs), *runs)
    if region.shape == (4,):
        return struct.pack("<B4f", 1, *region)
    return struct.pack(f"<BH{region.size}f", 2, len(region), *region.ravel())


def _split_long_runs(runs: list[int]) -> list[int]:
    pieces: list[int] = []
    for run in runs:
        whole, rest = divmod(run, LONGEST_RUN)
        if whole and rest == 0:
            whole, rest = whole - 1, LONGEST_RUN
        pieces += [LONGEST_RUN, 0] * whole + [rest]
    return pieces


def trajectory_file(folder: Path, stem: str) -> Path | None:
    """The file of one trajectory, binary or text, None if there is none.

    Raises:
        ResultError: there are both, of which the toolkit packs the one and scores the other.
    """
    found = [path for suffix in SUFFIXES if (path := folder / f"{stem}{suffix}").is_file()]
    if len(found) > 1:
        raise ResultError(f"{found[0]} and {found[1].name} are both there, of which one is packed and the other scored")
    return found[0] if found else None


def read_trajectory(path: Path) -> list[Region]:
    """The regions of a `.bin` or text file.

    Raises:
        ResultError: missing, empty, cut off, or not a trajectory; the line is named.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise ResultError(f"no result file {path}; run the tracker first") from None
    if path.suffix == ".bin":
        return decode_binary(data, str(path))
    regions = []
    lines = data.decode("utf-8", errors="replace").splitlines()
    if not lines:
        raise ResultError(f"{path} is empty; run this part again")
    for number, line in enumerate(lines, start=1):
        try:
            regions.append(parse_region(line.strip()))
        except ResultError as error:
            raise ResultError(f"{path} line {number}: {error}") from None
    return regions


def read_values(path: Path) -> list[float | None]:
    """One number a frame from a `.value` file; None where the toolkit left the line empty.

    Raises:
        ResultError: missing, or a line is not a number.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        return [float(line) if line.strip() else None for line in lines]
    except FileNotFoundError:
        raise ResultError(f"no file {path}; run this part again") from None
    except ValueError as error:
        raise ResultError(f"{path}: {error}; run this part again") from None


def write_trajectory(path: Path, regions: Sequence[Region], decimals: int | None = None) -> None:
    """Write regions as binary (`.bin`) or as text, atomically."""
    if path.suffix == ".bin":
        write_atomic(path, encode_binary(regions))
    else:
        text = "".join(format_region(region, decimals) + "\n" for region in regions)
        write_atomic(path, text.encode())

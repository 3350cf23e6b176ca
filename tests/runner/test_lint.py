"""A packed archive altered in every way that a server refuses: lint names each, pack refuses each."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from davis_runner.runner import Davis
from got10k_runner.runner import TEST_NAMES, Got10k
from samn_tracker.errors import DatasetError, ResultError
from samn_tracker.runner.benchmark import Benchmark
from samn_tracker.runner.execute import execute
from samn_tracker.runner.label_png import encode_labels
from samn_tracker.runner.lint import Fault, FolderSource, name_faults, open_source
from samn_tracker.runner.packing import pack
from samn_tracker.runner.worker import RunRequest
from trackingnet_runner.runner import TrackingNet

Files = dict[str, bytes]
TRACKER = "toy_trackers:Drift"


def packed(benchmark: Benchmark, data: Path, split: str, place: Path) -> Path:
    request = RunRequest(benchmark, data, split, TRACKER, place / "run")
    assert execute(request) == []
    pack(benchmark, place / "run", data, split, place / "results.zip")
    return place / "results.zip"


def altered(archive: Path, change: Callable[[Files], None]) -> Path:
    with zipfile.ZipFile(archive) as source:
        files = {name: source.read(name) for name in source.namelist()}
    change(files)
    target = archive.with_name("altered.zip")
    with zipfile.ZipFile(target, "w") as out:
        for name, content in files.items():
            out.writestr(name, content)
    return target


def faults_of(benchmark: Benchmark, archive: Path, data: Path | None, split: str) -> list[Fault]:
    source = open_source(archive)
    return source.faults() + benchmark.lint(source, data, split)


def line(name: str, number: int, change: Callable[[str], str]) -> Callable[[Files], None]:
    def alter(files: Files) -> None:
        lines = files[name].decode().split("\n")
        lines[number - 1] = change(lines[number - 1])
        files[name] = "\n".join(lines).encode()

    return alter


def png(change: Callable[[np.ndarray], bytes]) -> Callable[[Files], None]:
    def alter(files: Files) -> None:
        labels = np.asarray(Image.open(io.BytesIO(files["bear/00002.png"])))
        files["bear/00002.png"] = change(labels.copy())

    return alter


def as_rgb_png(labels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.repeat(labels[..., None] * 255, 3, axis=2)).save(buffer, format="PNG")
    return buffer.getvalue()


def as_grey_palette(labels: np.ndarray) -> bytes:
    image = Image.fromarray(labels)
    image.putpalette([value for index in range(256) for value in (index, index, index)])
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return buffer.getvalue()


BOX_FILES = {
    "trackingnet": ("-abc_0.txt", "b_1.txt", "c_2.txt"),
    "got10k": tuple(f"GOT-10k_Val_{number:06d}/GOT-10k_Val_{number:06d}_001.txt" for number in (1, 2, 3)),
}
BOX_CHANGES: dict[str, tuple[Callable[[str], Callable[[Files], object]], int, str]] = {
    "missing file": (lambda name: lambda files: files.pop(name), 0, "is missing"),
    "short file": (
        lambda name: lambda files: files.update({name: b"\n".join(files[name].split(b"\n")[:5]) + b"\n"}),
        0,
        "5 rows instead of 12",
    ),
    "tab": (lambda name: line(name, 3, lambda row: row.replace(",", "\t")), 3, "a tab"),
    "trailing comma": (lambda name: line(name, 4, lambda row: row + ","), 4, "a trailing comma"),
    "NaN": (lambda name: line(name, 5, lambda row: "nan" + row[row.index(",") :]), 5, "not four finite numbers"),
    "negative size": (lambda name: line(name, 6, lambda row: row.replace("18.00", "-18.00")), 6, "not positive"),
    "first frame missing": (
        lambda name: line(name, 1, lambda row: row.replace("20.00", "21.00")),
        1,
        "not the first frame's given box",
    ),
    "decimals": (lambda name: line(name, 7, lambda row: row + "0"), 7, "decimals: "),
    "three values": (lambda name: line(name, 8, lambda row: row[: row.rindex(",")]), 8, "3 values instead of 4"),
    "Windows line end": (lambda name: line(name, 2, lambda row: row + "\r"), 2, "Windows line end"),
}
STRANGE_FILES = {
    "extra folder": ({"again/b_1.txt": b"1", "again/c.txt": b""}, Fault("again/", 0, "an extra folder (2 entries)")),
    "extra file": ({"notes.txt": b"hello"}, Fault("notes.txt", 0, "an extra file")),
    "escaping path": ({"../b_1.txt": b"1"}, Fault("../b_1.txt", 0, "is a path that leaves the archive")),
}
MASK_CHANGES = {
    "missing file": (lambda files: files.pop("bear/00003.png"), "is missing"),
    "extra folder": (lambda files: files.update({"480p/x.png": b""}), "an extra folder"),
    "RGB PNG": (png(as_rgb_png), "is a RGB image"),
    "value 255": (png(lambda labels: encode_labels(labels * 255)), "255 is read as void"),
    "wrong size": (png(lambda labels: encode_labels(labels[:-2])), "is 64x46, its annotation 64x48"),
    "other id": (png(lambda labels: encode_labels(labels * 2)), "has the values 2"),
    "other palette": (png(as_grey_palette), "does not have the palette of DAVIS"),
    "truncated": (lambda files: files.update({"bear/00002.png": files["bear/00002.png"][:50]}), "not a readable image"),
}


@pytest.fixture(params=["got10k", "trackingnet"])
def boxes(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Benchmark, Path, Path, str]:
    """A benchmark of boxes, its data, a faultless archive, and the split."""
    benchmark, split = (Got10k(), "val") if request.param == "got10k" else (TrackingNet(), "TEST")
    data = request.getfixturevalue(f"{request.param}_data")
    archive = packed(benchmark, data, split, tmp_path)
    assert faults_of(benchmark, archive, data, split) == []
    return benchmark, data, archive, split


@pytest.mark.parametrize("name", BOX_CHANGES)
def test_altered_archive_of_boxes(boxes: tuple[Benchmark, Path, Path, str], name: str) -> None:
    benchmark, data, archive, split = boxes
    change, number, message = BOX_CHANGES[name]
    file = BOX_FILES[benchmark.name][1]
    found = faults_of(benchmark, altered(archive, change(file)), data, split)
    assert [(one.file, one.line) for one in found] == [(file, number)]
    assert message in found[0].message


@pytest.mark.parametrize("name", STRANGE_FILES)
def test_archive_with_strange_files(boxes: tuple[Benchmark, Path, Path, str], name: str) -> None:
    benchmark, data, archive, split = boxes
    files, expected = STRANGE_FILES[name]
    found = faults_of(benchmark, altered(archive, lambda content: content.update(files)), data, split)
    assert any(
        (one.file, one.line) == (expected.file, expected.line) and expected.message in one.message for one in found
    ), found


@pytest.mark.parametrize("name", MASK_CHANGES)
def test_altered_davis_archive(davis_data: Path, tmp_path: Path, name: str) -> None:
    change, message = MASK_CHANGES[name]
    archive = packed(Davis(), davis_data, "2016/val", tmp_path)
    assert faults_of(Davis(), archive, davis_data, "2016/val") == []
    found = faults_of(Davis(), altered(archive, change), davis_data, "2016/val")
    assert len(found) == 1, found
    assert message in found[0].message


def test_pack_refuses_what_lint_refuses_and_writes_nothing(trackingnet_data: Path, tmp_path: Path) -> None:
    archive = packed(TrackingNet(), trackingnet_data, "TEST", tmp_path)
    archive.unlink()
    (tmp_path / "run/results/b_1.txt").write_text("1,2,3,4\n")
    with pytest.raises(ResultError, match=r"b_1\.txt.*\n.*b_1\.txt") as caught:
        pack(TrackingNet(), tmp_path / "run", trackingnet_data, "TEST", archive)
    assert "damaged" in str(caught.value) or "short" in str(caught.value)
    assert not list(tmp_path.glob("*results.zip*"))


def test_packing_twice_gives_equal_bytes(davis_data: Path, tmp_path: Path) -> None:
    first = packed(Davis(), davis_data, "2017/val", tmp_path).read_bytes()
    pack(Davis(), tmp_path / "run", davis_data, "2017/val", tmp_path / "again.zip")
    assert (tmp_path / "again.zip").read_bytes() == first
    with zipfile.ZipFile(tmp_path / "again.zip") as archive:
        assert archive.namelist()[0] == "dogs/00000.png"


def test_got10k_test_names_are_known_without_data(got10k_data: Path, tmp_path: Path) -> None:
    archive = packed(Got10k(), got10k_data, "test", tmp_path)
    found = faults_of(Got10k(), archive, None, "test")
    assert len(TEST_NAMES) == 180
    assert (TEST_NAMES[0], TEST_NAMES[-1]) == ("GOT-10k_Test_000001", "GOT-10k_Test_000180")
    assert len(found) == 6
    assert found[-1].message.startswith(f"and {2 * 178 - 6} more files are missing")
    assert {one.message for one in found[:-1]} == {"is missing"}
    with pytest.raises(DatasetError, match="give --data"):
        faults_of(Got10k(), archive, None, "val")


def test_got10k_times_and_repetitions(got10k_data: Path, tmp_path: Path) -> None:
    archive = packed(Got10k(), got10k_data, "test", tmp_path)
    name = "GOT-10k_Test_000001/GOT-10k_Test_000001"

    def change(files: Files) -> None:
        files[f"{name}_002.txt"] = files[f"{name}_001.txt"]
        files[f"{name}_time.txt"] = files[f"{name}_time.txt"][:-4] + b"\n0.1\n"

    found = faults_of(Got10k(), altered(archive, change), got10k_data, "test")
    assert {(one.file, one.line) for one in found} == {
        (f"{name}_time.txt", 0),
        (f"{name}_time.txt", 9),
        (f"{name}_time.txt", 10),
    }


def test_not_an_archive_and_a_damaged_member(trackingnet_data: Path, tmp_path: Path) -> None:
    archive = packed(TrackingNet(), trackingnet_data, "TEST", tmp_path)
    content = bytearray(archive.read_bytes())
    content[60] ^= 0xFF
    (tmp_path / "broken.zip").write_bytes(content)
    found = faults_of(TrackingNet(), tmp_path / "broken.zip", trackingnet_data, "TEST")
    assert [one.file for one in found] == ["-abc_0.txt"]
    (tmp_path / "text.zip").write_text("hello")
    with pytest.raises(ResultError, match="not a readable zip"):
        open_source(tmp_path / "text.zip")


def test_empty_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "results/empty").mkdir(parents=True)
    assert FolderSource(tmp_path / "results").names() == ["empty/"]


def test_177_missing_sequences_are_not_354_lines() -> None:
    expected = [f"GOT-10k_Test_{number:06d}/{kind}" for number in range(177) for kind in ("boxes.txt", "time.txt")]
    found = name_faults([], expected)
    assert len(found) == 6
    assert str(found[-1]).endswith("and 348 more files are missing, up to GOT-10k_Test_000176/time.txt")
    assert len(name_faults([], expected[:20])) == 20

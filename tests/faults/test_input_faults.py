"""Damaged pictures and videos, in the real programs: named, the rest is done, and nothing is made up."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import FRAMES, Note, last_line, run_got10k, samn, still, write_video

BOX = ["--box", "50,35,20,20"]


def _cut(path: Path, share: float = 0.5) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])


def _noise(path: Path) -> None:
    path.write_bytes(np.random.default_rng(0).bytes(500))


def _other_size(path: Path) -> None:
    cv2.imwrite(str(path), np.zeros((50, 60, 3), np.uint8))


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGES: dict[str, Callable[[Path], None]] = {
    "JPEG cut off in the middle": _cut,
    "JPEG cut off in its header": lambda path: _cut(path, 0.01),
    "JPEG of noise": _noise,
    "JPEG of 0 bytes": _empty,
    "JPEG of another size": _other_size,
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damaged_jpeg_fails_its_sequence_and_no_other(name: str, data: Path, tmp_path: Path, note: Note) -> None:
    DAMAGES[name](data / "test/ball/00000005.jpg")
    result = run_got10k(data, tmp_path / "run")
    note(f"samn got10k run: {name}", last_line(result))
    assert result.returncode == 1
    assert "ball: frame 4 of 8" in result.stderr
    assert ("is 60x50, expected 128x96" if name == "JPEG of another size" else "00000005.jpg") in result.stderr
    assert not list((tmp_path / "run/results").rglob("ball_001.txt"))
    assert len(list((tmp_path / "run/results").rglob("cube_001.txt"))) == 1


def test_frame_of_another_size_and_resumption_after_the_repair(data: Path, tmp_path: Path, note: Note) -> None:
    path = data / "test/ball/00000005.jpg"
    kept = path.read_bytes()
    _cut(path)
    assert run_got10k(data, tmp_path / "run").returncode == 1
    path.write_bytes(kept)
    result = run_got10k(data, tmp_path / "run")
    note("samn got10k run: the same command after the repair", last_line(result))
    assert result.returncode == 0
    assert "1 of 2 sequences to run" in result.stderr


def test_frame_missing_in_the_middle_of_annotated_frames(data: Path, tmp_path: Path, note: Note) -> None:
    (data / "val").mkdir()
    for name in ("ball", "cube"):
        shutil.copytree(data / "test" / name, data / "val" / name)
        row = (data / "val" / name / "groundtruth.txt").read_text()
        (data / "val" / name / "groundtruth.txt").write_text(row * FRAMES)
    shutil.copy(data / "test/list.txt", data / "val/list.txt")
    (data / "val/ball/00000005.jpg").unlink()
    result = run_got10k(data, tmp_path / "run", "--split", "val")
    note("samn got10k run: frame missing in the middle", last_line(result))
    assert result.returncode == 1
    assert "ball" in result.stderr


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("PNG cut off in the middle", _cut),
        ("PNG of noise", _noise),
        ("picture of another size", _other_size),
        ("picture of 0 bytes", _empty),
    ],
)
def test_damaged_picture_in_a_folder(
    name: str, damage: Callable[[Path], None], data: Path, tmp_path: Path, note: Note
) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    for path in sorted((data / "test/ball").glob("*.jpg")):
        cv2.imwrite(str(folder / f"{path.stem}.png"), cv2.imread(str(path)))
    path = folder / "00000005.png"
    damage(path)
    result = samn("track", folder, *BOX, *still(), "--output", tmp_path / "out", "--save", "txt")
    note(f"samn track: {name}", last_line(result))
    assert result.returncode == 1
    assert ("frame 5 is 60x50, expected 128x96" if name == "picture of another size" else path.name) in result.stderr
    assert "4 frames tracked until then are kept" in result.stderr


@pytest.mark.parametrize("share", [0.001, 0.3, 0.5])
def test_video_cut_off(share: float, video: Path, tmp_path: Path, note: Note) -> None:
    _cut(video, share)
    result = samn("track", video, *BOX, *still(), "--output", tmp_path / "out", "--save", "txt")
    note(f"samn track: video cut off at {share:.1%}", last_line(result))
    assert result.returncode == 1


@pytest.mark.parametrize("share", [0.3, 0.9])
def test_mp4_cut_off(share: float, tmp_path: Path, note: Note) -> None:
    """Its index is at the end, so that nothing of it can be read."""
    path = write_video(tmp_path / "clip.mp4", "mp4v")
    _cut(path, share)
    result = samn("track", path, *BOX, *still(), "--output", tmp_path / "out", "--save", "txt")
    note(f"samn track: MP4 cut off at {share:.1%}", last_line(result))
    assert result.returncode == 1


def test_video_damaged_in_the_middle(video: Path, tmp_path: Path, note: Note) -> None:
    """A quarter of its bytes are noise: all frames are tracked, or the fault is told; nothing in between."""
    data = bytearray(video.read_bytes())
    start, count = len(data) * 3 // 8, len(data) // 4
    data[start : start + count] = np.random.default_rng(0).bytes(count)
    video.write_bytes(data)
    result = samn("track", video, *BOX, *still(), "--output", tmp_path / "out", "--save", "txt")
    note("samn track: video of which the middle is noise", last_line(result))
    rows = sum(len(path.read_text().splitlines()) for path in (tmp_path / "out").rglob("*.txt"))
    assert result.returncode == (0 if rows == FRAMES else 1)


def test_sequence_of_one_frame(data: Path, tmp_path: Path, note: Note) -> None:
    for path in list((data / "test/ball").glob("*.jpg"))[1:]:
        path.unlink()
    result = run_got10k(data, tmp_path / "run")
    note("samn got10k run: sequence of one frame", last_line(result))
    assert result.returncode == 0
    (answer,) = (tmp_path / "run/results").rglob("ball_001.txt")
    assert len(answer.read_text().splitlines()) == 1


@pytest.mark.parametrize("box", ["nan,0,5,5", "1,2,3", "1e9,0,5,5", "10,10,-5,5", "10,10,0,0", "a,b,c,d"])
def test_impossible_box(box: str, video: Path, tmp_path: Path, note: Note) -> None:
    result = samn("track", video, "--box", box, *still(), "--output", tmp_path / "out")
    note(f"samn track --box {box}", last_line(result))
    assert result.returncode == 1

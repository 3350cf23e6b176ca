"""Data as people have it, and the scores that an oracle must get: it answers the white square that each image shows.

The squares move by half their width a frame, so an image in the wrong place costs overlap. They lie on whole JPEG
blocks: the oracle's boxes are exact. A perfect tracker has a success of 20/21, for no overlap is above 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from benchmark_data import request

from davis_runner.runner import Davis
from got10k_runner.runner import Got10k
from ope_runner.runner import Ope
from samn_tracker.errors import DatasetError
from samn_tracker.runner.benchmark import Benchmark
from samn_tracker.runner.execute import execute
from samn_tracker.runner.label_png import encode_labels
from samn_tracker.runner.lint import open_source
from samn_tracker.runner.metrics.ope import scores, sequence_curves
from trackingnet_runner.runner import TrackingNet

FRAMES = 12
SHAPE = (64, 160)
PLAIN = [str(number) for number in range(1, FRAMES + 1)]
JUNK = ("._1.jpg", ".DS_Store", "Thumbs.db", "._groundtruth.txt")


def box(index: int) -> tuple[int, int, int, int]:
    return 8 * index, 16, 16, 24


def mask(index: int) -> np.ndarray[Any, Any]:
    x, y, width, height = box(index)
    labels = np.zeros(SHAPE, dtype=np.uint8)
    labels[y : y + height, x : x + width] = 255
    return labels


def write_frames(folder: Path, stems: Sequence[str] = PLAIN, junk: bool = False) -> None:
    folder.mkdir(parents=True)
    for index, stem in enumerate(stems):
        cv2.imwrite(str(folder / f"{stem}.jpg"), mask(index))
    for name in JUNK if junk else ():
        (folder / name).write_bytes(b"\x00\x05\x16\x07")


def rows(count: int = FRAMES, shift: int = 0) -> str:
    return "".join(f"{x + shift},{y + shift},{w},{h}\n" for x, y, w, h in map(box, range(count)))


def lay_out_ope(root: Path, junk: bool) -> None:
    write_frames(root / "a" / "img", junk=junk)
    (root / "a" / "groundtruth_rect.txt").write_text(rows(shift=1))
    if junk:
        (root / "a" / "._groundtruth_rect.txt").write_bytes(b"\x00")
        (root / ".trash").mkdir()
        (root / ".trash" / "groundtruth_rect.txt").write_text(rows())


def lay_out_got10k(root: Path, junk: bool, first_only: bool = False) -> None:
    split = root / ("test" if first_only else "val")
    write_frames(split / "a", junk=junk)
    (split / "a" / "groundtruth.txt").write_text(rows(1 if first_only else FRAMES))
    (split / "list.txt").write_text("a\n")


def lay_out_trackingnet(root: Path, junk: bool, first_only: bool = False) -> None:
    chunk = root / ("TEST" if first_only else "TRAIN_0")
    write_frames(chunk / "frames" / "a", junk=junk)
    (chunk / "anno").mkdir()
    (chunk / "anno" / "a.txt").write_text(rows(1 if first_only else FRAMES))
    if junk:
        (chunk / "anno" / "._a.txt").write_bytes(b"\x00")
        (chunk / "frames" / ".Trashes").mkdir()


def lay_out_davis(root: Path, junk: bool, masks: Sequence[int] = range(FRAMES)) -> None:
    write_frames(root / "JPEGImages/480p/a", junk=junk)
    folder = root / "Annotations/480p/a"
    folder.mkdir(parents=True)
    for index in masks:
        cv2.imwrite(str(folder / f"{PLAIN[index]}.png"), mask(index))
    for year in ("2016", "2017"):
        (root / "ImageSets" / year).mkdir(parents=True)
        (root / "ImageSets" / year / "val.txt").write_text("a\n")
    if junk:
        (folder / "._1.png").write_bytes(b"\x00")
        (folder.parent / ".DS_Store").write_bytes(b"\x00")


LayOut = Callable[[Path, bool], None]
RUNNERS: list[tuple[Benchmark, str, LayOut, str, float]] = [
    (Ope(), "one-based", lay_out_ope, "success", 20 / 21),
    (Got10k(), "val", lay_out_got10k, "ao", 1.0),
    (TrackingNet(), "TRAIN_0", lay_out_trackingnet, "success", 100.0),
    (Davis(), "2016/val", lay_out_davis, "j_mean", 1.0),
]


@pytest.mark.parametrize("junk", [False, True], ids=["plain", "with-dot-names-and-other-files"])
@pytest.mark.parametrize("runner", RUNNERS, ids=lambda runner: runner[0].name)
def test_an_oracle_on_frames_1_to_12_gets_the_perfect_score(
    tmp_path: Path, runner: tuple[Benchmark, str, LayOut, str, float], junk: bool
) -> None:
    benchmark, split, lay_out, key, perfect = runner
    lay_out(tmp_path / "data", junk)
    wanted = request(benchmark, tmp_path / "data", split, tmp_path / "run", tracker="toy_trackers:Whites")
    (sequence,) = benchmark.sequences(tmp_path / "data", split)
    assert [path.stem for path in sequence.frames] == PLAIN
    assert execute(wanted) == []
    results = tmp_path / "run" / "results"
    assert benchmark.lint(open_source(results), tmp_path / "data", split) == []
    assert benchmark.score(tmp_path / "data", results, split).overall[key] == pytest.approx(perfect)


@pytest.mark.parametrize(
    ("benchmark", "split", "lay_out", "images"),
    [
        (Got10k(), "test", lay_out_got10k, "test/a"),
        (TrackingNet(), "TEST", lay_out_trackingnet, "TEST/frames/a"),
    ],
    ids=["got10k", "trackingnet"],
)
def test_a_missing_frame_is_named_at_the_start_and_by_lint(
    tmp_path: Path, benchmark: Benchmark, split: str, lay_out: Any, images: str
) -> None:
    lay_out(tmp_path, False, first_only=True)
    (tmp_path / images / "5.jpg").unlink()
    (tmp_path / images / "8.jpg").unlink()
    for ask in (
        lambda: benchmark.sequences(tmp_path, split),
        lambda: benchmark.lint(open_source(tmp_path), tmp_path, split),
    ):
        with pytest.raises(DatasetError, match=r"a: .*a lacks frames in the middle: 5, 8"):
            ask()


def test_a_missing_image_of_davis_is_named_at_the_start(tmp_path: Path) -> None:
    lay_out_davis(tmp_path, False)
    (tmp_path / "JPEGImages/480p/a/5.jpg").unlink()
    with pytest.raises(DatasetError, match=r"masks of frames that .* lacks: 5\.png"):
        Davis().sequences(tmp_path, "2016/val")
    for number in PLAIN[1:]:
        (tmp_path / f"Annotations/480p/a/{number}.png").unlink()
    with pytest.raises(DatasetError, match="lacks frames in the middle: 5"):
        Davis().sequences(tmp_path, "2016/val")


@pytest.mark.parametrize("runner", RUNNERS, ids=lambda runner: runner[0].name)
@pytest.mark.parametrize("second", ["4.png", "04.jpg"])
def test_two_files_for_one_frame_stop_every_reader(
    tmp_path: Path, runner: tuple[Benchmark, str, LayOut, str, float], second: str
) -> None:
    benchmark, split, lay_out, _, _ = runner
    lay_out(tmp_path, False)
    folder = next(path for path in tmp_path.rglob("4.jpg")).parent
    cv2.imwrite(str(folder / second), mask(3))
    with pytest.raises(DatasetError, match="two files for one frame") as caught:
        benchmark.sequences(tmp_path, split)
    assert second in str(caught.value) and "4.jpg" in str(caught.value)


def test_masks_of_some_frames_belong_to_the_frames_of_their_number(tmp_path: Path) -> None:
    lay_out_davis(tmp_path, False, masks=(0, 4, 9))
    (sequence,) = Davis().sequences(tmp_path, "2017/val")
    assert {index: path.stem for index, path in sequence.annotations.items()} == {0: "1", 4: "5", 9: "10"}


def test_fewer_rows_than_images_are_refused_and_not_taken_for_the_first_frames(tmp_path: Path) -> None:
    lay_out_ope(tmp_path, False)
    (tmp_path / "a" / "groundtruth_rect.txt").write_text(rows(5))
    with pytest.raises(DatasetError, match=r"12 images and 5 rows of ground truth.*David"):
        Ope().sequences(tmp_path, "one-based")


def test_folders_of_two_targets_are_run_linted_and_scored_as_two_sequences(tmp_path: Path) -> None:
    data = tmp_path / "data"
    write_frames(data / "Jogging" / "img")
    (data / "Jogging" / "groundtruth_rect.1.txt").write_text(rows(shift=1))
    (data / "Jogging" / "groundtruth_rect.2.txt").write_text("3,3,9,9\n" * FRAMES)
    wanted = request(Ope(), data, "one-based", tmp_path / "run", tracker="toy_trackers:Whites")
    assert execute(wanted) == []
    results = tmp_path / "run" / "results"
    assert sorted(path.name for path in results.iterdir()) == ["Jogging-1.txt", "Jogging-2.txt"]
    assert Ope().lint(open_source(results), data, "one-based") == []
    scored = Ope().score(data, results, "one-based").sequences
    assert scored["Jogging-1"]["success"] == pytest.approx(20 / 21)
    assert scored["Jogging-2"]["success"] == pytest.approx(20 / 21 / FRAMES), "only the given first frame is right"
    (results / "Jogging-2.txt").unlink()
    assert [fault.file for fault in Ope().lint(open_source(results), data, "one-based")] == ["Jogging-2.txt"]


def test_a_zero_based_box_at_the_border_is_annotated() -> None:
    truth = np.array([[5, 5, 9, 9], [0, 5, 9, 9], [-3, 5, 9, 9], [3, -2, 9, 9]], dtype=np.float64)
    assert scores(sequence_curves(truth, truth, "zero-based"))["success"] == pytest.approx(20 / 21)
    absent = np.vstack([truth, [[0, 0, 0, 0], [np.nan] * 4]])
    answers = np.vstack([truth, truth[:2]])
    assert scores(sequence_curves(absent, answers, "zero-based"))["success"] == pytest.approx(20 / 21 * 4 / 6)
    assert scores(sequence_curves(truth, truth))["success"] == pytest.approx(20 / 21 / 4), "OTB's own rule"


def test_a_zero_based_run_at_the_left_border_has_the_perfect_score(tmp_path: Path) -> None:
    data = tmp_path / "data"
    write_frames(data / "a" / "img")
    (data / "a" / "groundtruth_rect.txt").write_text(rows())
    assert box(0)[0] == 0
    wanted = request(Ope(), data, "zero-based", tmp_path / "run", tracker="toy_trackers:Whites")
    assert execute(wanted) == []
    score = Ope().score(data, tmp_path / "run" / "results", "zero-based")
    assert score.overall["success"] == pytest.approx(20 / 21)


def test_a_blank_line_in_the_middle_of_truth_is_refused_and_one_at_the_end_is_not(tmp_path: Path) -> None:
    lay_out_ope(tmp_path, False)
    path = tmp_path / "a" / "groundtruth_rect.txt"
    path.write_bytes(b"\xef\xbb\xbf" + rows(shift=1).replace(",", "\t").replace("\n", "\r\n").encode() + b"\r\n\r\n")
    (sequence,) = Ope().sequences(tmp_path, "one-based")
    assert sequence.box == box(0)
    lines = rows(FRAMES - 1, shift=1).splitlines()
    path.write_text("\n".join([*lines[:4], "", *lines[4:]]))
    with pytest.raises(DatasetError, match="line 5 is blank"):
        Ope().sequences(tmp_path, "one-based")


def test_cover_is_a_level_from_0_to_8(tmp_path: Path) -> None:
    lay_out_got10k(tmp_path, False)
    results = tmp_path / "results"
    (results / "a").mkdir(parents=True)
    (results / "a" / "a_001.txt").write_text(rows(FRAMES - 1) + "150,50,5,5\n")
    cover = tmp_path / "val" / "a" / "cover.label"
    cover.write_text("8\n" * (FRAMES - 1) + "0\n")
    assert Got10k().score(tmp_path, results, "val").overall["ao"] == 1.0
    cover.write_text("8\n" * (FRAMES - 1) + "1\n")
    assert Got10k().score(tmp_path, results, "val").overall["ao"] == pytest.approx(10 / 11)
    cover.write_text("8\n" * (FRAMES - 1) + "9\n")
    with pytest.raises(DatasetError, match="has 9; cover is a level from 0 to 8"):
        Got10k().score(tmp_path, results, "val")


def test_a_resolution_of_0_is_refused_and_does_not_score_0(tmp_path: Path) -> None:
    lay_out_got10k(tmp_path, False)
    results = tmp_path / "results"
    (results / "a").mkdir(parents=True)
    (results / "a" / "a_001.txt").write_text(rows())
    meta = tmp_path / "val" / "a" / "meta_info.ini"
    meta.write_text("[METAINFO]\nresolution: (0, 0)\n")
    with pytest.raises(DatasetError, match=r"says resolution \(0, 0\)"):
        Got10k().score(tmp_path, results, "val")
    meta.write_text("[METAINFO]\n")
    assert Got10k().score(tmp_path, results, "val").overall["ao"] == 1.0


def soft(index: int) -> np.ndarray[Any, Any]:
    return np.asarray(cv2.GaussianBlur(mask(index), (3, 3), 0), dtype=np.uint8)


@pytest.mark.parametrize("split", ["2016/val", "2017/val"])
@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_soft_and_jpeg_masks_are_one_object_to_davis(tmp_path: Path, split: str, suffix: str) -> None:
    lay_out_davis(tmp_path / "data", False, masks=())
    for index, stem in enumerate(PLAIN):
        cv2.imwrite(str(tmp_path / f"data/Annotations/480p/a/{stem}{suffix}"), soft(index))
    wanted = request(Davis(), tmp_path / "data", split, tmp_path / "run", tracker="toy_trackers:Whites")
    assert execute(wanted) == []
    results = tmp_path / "run" / "results"
    assert Davis().lint(open_source(results), tmp_path / "data", split) == []
    scored = Davis().score(tmp_path / "data", results, split)
    assert len(scored.sequences) == 1, "its grey edges are no objects"
    assert scored.overall["j_mean"] == pytest.approx(1, abs=0.02)


def test_void_is_not_an_object_to_davis(tmp_path: Path) -> None:
    lay_out_davis(tmp_path / "data", False, masks=())
    for index, stem in enumerate(PLAIN):
        labels = mask(index) // 255
        labels[:4, :4] = 255
        (tmp_path / f"data/Annotations/480p/a/{stem}.png").write_bytes(encode_labels(labels))
    wanted = request(Davis(), tmp_path / "data", "2017/val", tmp_path / "run", tracker="toy_trackers:Whites")
    assert execute(wanted) == []
    assert list(Davis().score(tmp_path / "data", tmp_path / "run" / "results", "2017/val").sequences) == ["a_1"]

"""The accuracy protocol: its cases, its statistics against hand-computed values, and that it resumes."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from samn_tracker.bench.accuracy import main
from samn_tracker.bench.accuracy_table import by_sequence, comparison_table, confidence_figures, table
from samn_tracker.bench.case_runs import Result, Setting, run_case, run_cases
from samn_tracker.bench.development import Case, cases, jittered, read_sequences
from samn_tracker.bench.intervals import area_under_roc, bootstrap, without_each_group
from samn_tracker.errors import DatasetError, ResultError
from samn_tracker.prediction import Prediction

FRAMES = 6


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """`davis16/square`, absent in its first frame, and `box/UAV_square`, both a square that moves 2 pixels a frame."""
    root = tmp_path / "sequences"
    for folder in (
        root / "davis16" / "square" / "img",
        root / "davis16" / "square" / "mask",
        root / "box" / "UAV_square" / "img",
    ):
        folder.mkdir(parents=True)
    rows = []
    for index in range(FRAMES):
        mask = np.zeros((48, 64), np.uint8)
        mask[16:32, 8 + 2 * index : 24 + 2 * index] = 255
        rows.append(f"{8 + 2 * index},16,16,16")
        picture = np.dstack([mask // 2 + 60] * 3)
        cv2.imwrite(str(root / "davis16" / "square" / "img" / f"{index:05d}.png"), picture)
        cv2.imwrite(str(root / "davis16" / "square" / "mask" / f"{index:05d}.png"), mask if index else 0 * mask)
        cv2.imwrite(str(root / "box" / "UAV_square" / "img" / f"{index:04d}.png"), picture)
    (root / "box" / "UAV_square" / "groundtruth_rect.txt").write_text("\n".join(rows) + "\n")
    return root


class Still:
    """Answers its first box, and as a mask that box filled, in every frame."""

    def initialize(self, image: NDArray[np.uint8], target: NDArray[np.generic]) -> Prediction:
        if target.ndim == 2 and target.shape == image.shape[:2]:
            x, y, w, h = cv2.boundingRect(target.astype(np.uint8))
        else:
            x, y, w, h = (round(value) for value in target.ravel()[:4])
        self.mask = np.zeros(image.shape[:2], np.uint8)
        self.mask[y : y + h, x : x + w] = 1
        self.box = np.array([x, y, w, h], dtype=float)
        return Prediction(self.box, None, self.mask)

    def track(self, image: NDArray[np.uint8]) -> Prediction:
        return Prediction(self.box, None, self.mask, 0.5)


def case(data: Path, name: str) -> Case:
    return next(one for one in cases(read_sequences(data)) if one.name == name)


def test_cases_are_all_ways_and_starts_that_a_sequence_has(data: Path) -> None:
    names = [one.name for one in cases(read_sequences(data))]
    assert len(names) == 9 + 6
    assert "square/middle/mask" in names and "UAV_square/backwards/jittered" in names
    assert "UAV_square/forwards/mask" not in names
    assert {one.group for one in read_sequences(data)} == {"DAVIS", "UAV"}


def test_a_case_starts_at_the_first_truth_of_its_way(data: Path) -> None:
    assert [path.stem for path in case(data, "square/forwards/mask").frames().frames] == [
        f"{i:05d}" for i in range(1, 6)
    ]
    assert next(path.stem for path in case(data, "square/backwards/mask").frames().frames) == "00005"
    assert [path.stem for path in case(data, "UAV_square/middle/box").frames().frames] == ["0003", "0004", "0005"]


def test_a_tracker_that_stands_still_has_the_overlaps_of_its_shift(data: Path) -> None:
    result = run_case(Still(), case(data, "UAV_square/forwards/box"))
    shift = 2 * np.arange(1, FRAMES)
    np.testing.assert_allclose(result.overlaps, (16 - shift) / (16 + shift), atol=1e-4)
    masked = run_case(Still(), case(data, "square/forwards/mask"))
    np.testing.assert_allclose(
        masked.jaccard, ((16 - shift) / (16 + shift))[:3], atol=1e-4
    )  # DAVIS leaves the last out
    assert len(masked.overlaps) == 4


def test_a_jittered_box_is_off_by_a_tenth_at_most_and_the_same_each_time() -> None:
    box = np.array([10.0, 20.0, 40.0, 80.0])
    off = np.array([jittered(box, seed) for seed in range(200)])
    middle = off[:, :2] + off[:, 2:] / 2 - [30, 60]
    assert np.abs(middle).max(axis=0) == pytest.approx([4, 8], rel=0.1)
    assert np.abs(off[:, 2:] / [40, 80] - 1).max() <= 0.1
    np.testing.assert_array_equal(jittered(box, 7), off[7])


def result(sequence: str, group: str, overlap: float, start: str = "box", found: bool = True) -> Result:
    return Result(f"{sequence}/forwards/{start}", sequence, group, [], [], [overlap], [overlap], [found], 1, 1.0)


def test_bootstrap_of_equal_values_has_no_width_and_of_two_values_both() -> None:
    equal = bootstrap(np.array([0.4] * 5))
    assert (equal.mean, equal.low, equal.high) == pytest.approx((0.4, 0.4, 0.4))
    two = bootstrap(np.array([0.0, 1.0]))
    assert (two.mean, two.low, two.high) == (0.5, 0.0, 1.0)


def test_area_under_roc_by_hand() -> None:
    positive = np.array([True, True, False, False])
    assert area_under_roc(np.array([4.0, 3.0, 2.0, 1.0]), positive) == 1
    assert area_under_roc(np.array([4.0, 1.0, 3.0, 2.0]), positive) == 0.5
    assert area_under_roc(np.array([2.0, 2.0, 2.0, 1.0]), positive) == 0.75
    assert area_under_roc(np.array([1.0]), np.array([True])) is None


def test_a_gain_of_one_group_alone_is_seen() -> None:
    difference = {"a": 0.3, "b": 0.0, "c": -0.1}
    left_out = without_each_group(difference, {"a": "OTB", "b": "UAV", "c": "UAV"})
    assert left_out == pytest.approx({"OTB": -0.05, "UAV": 0.3})
    base = [result("a", "OTB", 0.5), result("b", "UAV", 0.5), result("c", "UAV", 0.5)]
    other = [result("a", "OTB", 0.8), result("b", "UAV", 0.5), result("c", "UAV", 0.4)]
    text = comparison_table(base, other)
    assert "+0.067" in text and "without OTB -0.050" in text and "most a +0.300" in text


def test_columns_and_confidence_of_results() -> None:
    results = [result("a", "OTB", 0.9), result("a", "OTB", 0.5, "jittered"), result("b", "UAV", 0.05, found=False)]
    assert by_sequence(results, "box IoU, box start") == {"a": 0.9, "b": 0.05}
    figures = confidence_figures(results)
    assert figures == {"roc_area": 1.0, "lost_not_found": 1.0, "good_not_found": 0.0}
    assert "group UAV" in table(results)


def test_cases_done_are_not_run_again_and_another_setting_is(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    setting = Setting("still", "tests.bench.test_accuracy:Still", {})
    todo = [case(data, "UAV_square/forwards/box"), case(data, "UAV_square/backwards/box")]
    first = run_cases(setting, todo[:1], tmp_path / "out", 1)
    both = run_cases(setting, todo, tmp_path / "out", 1)
    assert both[0] == first[0] and len(both) == 2
    assert "1 cases kept, 1 to run" in capsys.readouterr().err
    kept = next((tmp_path / "out").glob("*/UAV_square_forwards_box.json"))
    kept.write_text("{")
    with pytest.raises(ResultError, match="remove it to run the case again"):
        run_cases(setting, todo, tmp_path / "out", 1)


def test_a_folder_without_sequences_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(DatasetError, match="has none of the folders"):
        read_sequences(tmp_path)
    assert main(["--data", str(tmp_path)]) == 1
    assert "has none of the folders" in capsys.readouterr().err


def test_masks_of_development_sequences_belong_to_the_frames_of_their_number(tmp_path: Path) -> None:
    folder = tmp_path / "davis16" / "a"
    for kind in ("img", "mask"):
        (folder / kind).mkdir(parents=True)
        (folder / kind / ".DS_Store").touch()
    for number in range(8, 12):
        cv2.imwrite(str(folder / "img" / f"{number}.png"), np.zeros((8, 16), np.uint8))
        mask = np.zeros((8, 16), np.uint8)
        mask[2:5, number : number + 3] = 255
        cv2.imwrite(str(folder / "mask" / f"{number:05d}.png"), mask)
    (one,) = read_sequences(tmp_path)
    assert [path.stem for path in one.frames] == ["8", "9", "10", "11"]
    assert one.boxes[:, 0].tolist() == [8, 9, 10, 11]
    (folder / "mask" / "00009.png").unlink()
    with pytest.raises(DatasetError, match=r"no mask for 1 of 4 frames: 9\.png"):
        read_sequences(tmp_path)

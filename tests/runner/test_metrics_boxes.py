"""Box scores by hand, against the got10k package, and against published results."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from benchmark_data import SIZE, save_boxes, truth_boxes

from got10k_runner.runner import Got10k
from ope_runner.runner import Ope
from samn_tracker.runner.metrics import got10k, ope, trackingnet
from samn_tracker.runner.metrics.curves import area_under, mean_speed, share_above, share_within
from trackingnet_runner.runner import TrackingNet


def test_curves_by_hand() -> None:
    values, thresholds = np.array([0.0, 0.5, 1.0, np.nan]), np.array([0.0, 0.5, 1.0])
    assert share_above(values, thresholds).tolist() == [0.5, 0.25, 0.0]
    assert share_above(values, thresholds, inclusive=True).tolist() == [0.75, 0.5, 0.25]
    assert share_within(values, thresholds).tolist() == [0.25, 0.5, 0.75]
    assert area_under(np.array([1.0, 0.5, 0.0])) == 0.5
    assert mean_speed(np.array([0.5, 0.25, 0.0, np.nan])) == 3.0
    assert mean_speed(np.zeros(2)) is None


def test_trackingnet_by_hand() -> None:
    truth = np.array([[0, 0, 10, 10], [10, 10, 10, 10], [10, 10, 10, 10.4], [10, 10, 10, 10]])
    boxes = np.array([[50, 50, 1, 1], [10, 10, 10, 10], [15, 10, 10, 10.4], [np.nan] * 4])
    curves = trackingnet.sequence_curves(truth, boxes)
    # Row 0 counts as right, row 2 has IoU 50 / 150 and is 5 pixels (half a width) off, row 3 fails even at 0.
    assert curves.success.tolist() == [0.75] * 7 + [0.5] * 14
    assert curves.precision.tolist() == [0.5, 0.5] + [0.75] * 19
    assert curves.normalized_precision.tolist() == [0.5] * 20 + [0.75]
    assert curves.covered.tolist() == [True, True, True, False]


def test_trackingnet_missing_file_counts_as_zeros() -> None:
    curves = trackingnet.sequence_curves(truth_boxes(10, 0), None)
    assert curves.success[0] == 1.0
    assert curves.success[1] == 0.1
    assert curves.covered.tolist() == [True] + [False] * 9


@pytest.mark.data
def test_trackingnet_devkit_example(shared_data: Path) -> None:
    folder = shared_data / "oracles/trackingnet"
    scores = TrackingNet().score(folder / "groundtruth", folder / "submission", "TEST").overall
    expected = {"coverage": 88.9556, "precision": 87.8025, "normalized_precision": 87.8025, "success": 88.0796}
    assert {key: round(value, 4) for key, value in scores.items() if value is not None} == expected


@pytest.mark.data
def test_ope_autotrack_on_dtb70(shared_data: Path) -> None:
    folder = shared_data / "oracles/ope/DTB70"
    scores = Ope().score(folder / "groundtruth", folder / "AutoTrack", "dtb70").overall
    assert (round(scores["success"] or 0, 4), round(scores["precision"] or 0, 4)) == (0.4785, 0.7172)


def test_ope_by_hand() -> None:
    truth = np.array([[1, 1, 10, 10], [1, 1, 10, 10], [1, 1, 10, 10], [0, 0, 0, 0]], dtype=np.float64)
    boxes = np.array([[9, 9, 1, 1], [1, 1, 10, 10], [26, 1, 10, 10], [3, 3, 4, 4]], dtype=np.float64)
    curves = ope.sequence_curves(truth, boxes)
    assert curves.success.tolist() == [0.5] * 20 + [0.0]
    assert curves.precision[19] == 0.75
    assert curves.precision[25] == 1.0


def test_got10k_clip_keeps_the_size_of_a_box_that_begins_outside() -> None:
    truth = np.array([[0, 0, 1, 1], [0, 0, 20, 20], [0, 0, 20, 20]], dtype=np.float64)
    boxes = np.array([[0, 0, 1, 1], [-10, 0, 20, 20], [90, 0, 20, 20]], dtype=np.float64)
    overlaps = got10k.frame_overlaps(truth, boxes, np.ones(3), 100, 50)[1:]
    assert overlaps.tolist() == [1.0, 0.0]
    unseen = got10k.frame_overlaps(truth, boxes, np.array([1, 0, 1]), 100, 50)
    assert np.array_equal(unseen, [np.nan, np.nan, 0.0], equal_nan=True), "the start and what is hidden do not count"
    assert got10k.summarise([unseen]).ao == 0.0


def test_got10k_equals_the_official_package(got10k_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("got10k", reason="the got10k package (extra 'got10k') is not installed")
    from got10k.experiments import ExperimentGOT10k

    results = tmp_path / "results/GOT-10k/toy"
    for number, name in enumerate((got10k_data / "val/list.txt").read_text().split()):
        truth = np.loadtxt(got10k_data / "val" / name / "groundtruth.txt", delimiter=",")
        rng = np.random.default_rng(number + 10)
        boxes = truth + rng.normal(0, 5, truth.shape)
        boxes[:, 2:] = np.clip(boxes[:, 2:], 1, 80)
        boxes[2], boxes[3] = [-15, -9, 30, 22], [SIZE[1] - 5, SIZE[0] - 4, 40, 40]
        save_boxes(results / name / f"{name}_001.txt", boxes, decimals=3)
        save_boxes(results / name / f"{name}_002.txt", boxes + 1, decimals=3)
        times = rng.uniform(0.01, 0.1, len(truth))
        (results / name / f"{name}_time.txt").write_text("".join(f"{one:.8f}\n" for one in times))
    monkeypatch.setattr(ExperimentGOT10k, "plot_curves", lambda *_: None)
    official = ExperimentGOT10k(str(got10k_data), "val", str(tmp_path / "results"), str(tmp_path / "reports"))
    report = official.report(["toy"])["toy"]
    table = Got10k().score(got10k_data, results, "val")
    assert table.overall["ao"] == pytest.approx(report["overall"]["ao"], abs=1e-9)
    assert table.overall["sr50"] == pytest.approx(report["overall"]["sr"], abs=1e-9)
    assert table.overall["frames_per_second"] == pytest.approx(report["overall"]["speed_fps"], rel=1e-9)
    assert table.curves["success"]["y"] == pytest.approx(report["overall"]["succ_curve"], abs=1e-9)
    for name, scores in table.sequences.items():
        assert scores["ao"] == pytest.approx(report["seq_wise"][name]["ao"], abs=1e-9)
    assert json.loads(table.to_json())["ao"] == table.overall["ao"]

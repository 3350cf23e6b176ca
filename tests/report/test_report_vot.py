"""`samn report` on VOT results: what the files beside the trajectories say, and the pictures."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from app.conftest import FRAMES, box, picture

from samn_tracker.cli import main
from samn_tracker.report.thumbnails import draw
from samn_tracker.shapes.regions import box_to_polygon
from vot_workspace.report_frames import (
    Shown,
    clips,
    confidences,
    frames_per_second,
    mask_overlaps,
    mean_overlap,
    polygon_overlaps,
    read_shown,
)
from vot_workspace.source_sequence import SourceSequence
from vot_workspace.trajectory import FAILURE, INITIALISATION, UNKNOWN, MaskPart, Region, write_trajectory

BOXES = [np.array(box(index), dtype=np.float64) for index in range(FRAMES)]


def write_run(folder: Path, stem: str, regions: list[Region], confidence: list[str], seconds: list[float]) -> None:
    """A trajectory and the two files that the toolkit writes beside it."""
    write_trajectory(folder / f"{stem}.bin", regions)
    (folder / f"{stem}_confidence.value").write_text("".join(f"{one}\n" for one in confidence))
    (folder / f"{stem}_time.value").write_text("".join(f"{one}\n" for one in seconds))


def sequence(frames: list[Path] | None = None, anchors: list[float] | None = None) -> SourceSequence:
    return SourceSequence("white", frames or [], list(BOXES), (121, 97), anchors=anchors or [])


def test_starts_failures_and_skipped_frames_are_not_shown(tmp_path: Path) -> None:
    regions = [INITIALISATION, BOXES[1], FAILURE, UNKNOWN, INITIALISATION, BOXES[5], BOXES[6], BOXES[7]]
    seconds = [9.0, 0.5, 0.0, 0.0, 9.0, 0.5, 0.25, 0.75]
    write_run(tmp_path / "white", "white_001", regions, ["", "0.9", "", "", "", "0.8", "", "0.6"], seconds)
    write_run(tmp_path / "white", "white_002", [UNKNOWN] * FRAMES, [], [])
    shown = read_shown(tmp_path, [sequence()])
    assert list(shown["white"].regions) == [1, 5, 6, 7]
    nan = np.nan
    assert np.array_equal(shown["white"].confidence, [nan, 0.9, nan, nan, nan, 0.8, nan, 0.6], equal_nan=True)
    assert frames_per_second(shown) == 2.0, "4 frames in 2 seconds"


def test_an_anchor_leads_forward_or_backward(tmp_path: Path) -> None:
    part = MaskPart((2, 3), np.ones((4, 5), dtype=np.uint8))
    write_run(tmp_path / "white", "white_00000005", [INITIALISATION, part, part], ["", "0.5", "0.25"], [1, 1, 1])
    forward = read_shown(tmp_path, [sequence(anchors=[0, 0, 0, 0, 0, 1, 0, 0])])["white"]
    backward = read_shown(tmp_path, [sequence(anchors=[0, 0, 0, 0, 0, -1, 0, 0])])["white"]
    assert list(forward.regions) == [6, 7]
    assert list(backward.regions) == [4, 3]
    assert backward.confidence[[4, 3]].tolist() == [0.5, 0.25]


def test_a_confidence_that_never_changes_says_nothing() -> None:
    constant = Shown({}, np.array([np.nan, 1.0, 1.0]), np.zeros(0))
    varying = Shown({}, np.array([np.nan, 1.0, 0.5]), np.zeros(0))
    assert confidences({"a": constant}) == {}
    assert confidences({"a": constant, "b": varying}).keys() == {"a", "b"}
    assert frames_per_second({"a": constant}) is None


def test_mean_overlap_by_hand() -> None:
    half = MaskPart((20, 30), np.ones((20, 12), dtype=np.uint8))
    shown = Shown({0: half, 1: box_to_polygon(BOXES[1])}, np.zeros(0), np.zeros(0))
    overlaps = mask_overlaps(shown, sequence())
    assert overlaps[:2] == pytest.approx([0.5, 1]) and np.isnan(overlaps[2:]).all()
    assert mean_overlap(overlaps) == pytest.approx((0.5 + 1) / 2)
    assert mean_overlap(mask_overlaps(Shown({}, np.zeros(0), np.zeros(0)), sequence())) is None


def test_a_failure_is_an_overlap_of_nothing_and_a_skipped_frame_none(tmp_path: Path) -> None:
    regions = [INITIALISATION, BOXES[1], FAILURE, UNKNOWN, INITIALISATION, BOXES[5], BOXES[6], BOXES[7]]
    write_run(tmp_path / "white", "white_001", regions, [""] * FRAMES, [1.0] * FRAMES)
    overlaps = polygon_overlaps(read_shown(tmp_path, [sequence()])["white"], sequence())
    assert np.array_equal(overlaps, [np.nan, 1, 0, np.nan, np.nan, 1, 1, 1], equal_nan=True)


def test_a_mask_is_tinted_where_it_is(tmp_path: Path) -> None:
    path = tmp_path / "0.png"
    cv2.imwrite(str(path), np.zeros((360, 200, 3), dtype=np.uint8))
    shown = {"white": Shown({0: MaskPart((100, 180), np.ones((100, 60), dtype=np.uint8))}, np.zeros(0), np.zeros(0))}
    clip = clips(shown, [replace(sequence([path]), size=(200, 360))])("white")
    drawn = draw([(clip, None)], 0).any(axis=2)
    assert drawn.shape == (180, 100)
    assert drawn[92:138, 52:78].all(), "half the size of the image"
    assert not drawn[:85].any()
    outlined = draw([(clip, (255, 0, 0))], 0)
    assert outlined[90, 60, 0] > 150, "among several runs each mask is an outline in the run's colour"
    assert not outlined[100:130, 60:70].any()
    assert clips(shown, [sequence([])])("white").frames == [], "no images, no pictures"


def make_workspace(tmp_path: Path, length: int) -> Path:
    """A workspace of the reset-based demo rules with two sequences and a perfect result on them."""
    for name in ("first", "second"):
        folder = tmp_path / "data" / name / "img"
        folder.mkdir(parents=True)
        for index in range(length):
            cv2.imwrite(str(folder / f"{index:04d}.png"), picture(index)[..., ::-1])
        rows = [",".join(map(str, box(index))) for index in range(length)]
        (folder.parent / "groundtruth_rect.txt").write_text("\n".join(rows) + "\n")
    place = tmp_path / "w"
    assert (
        main(["vot", "create", str(place), "--rules", "demo", "--data", str(tmp_path / "data"), "--first-pixel", "0"])
        == 0
    )
    for name in ("first", "second"):
        regions = [INITIALISATION, *(np.array(box(index), dtype=np.float64) for index in range(1, length))]
        confidence = ["", *(f"{0.9 - 0.05 * index}" for index in range(1, length))]
        seconds = [3.0] + [0.25] * (length - 1)
        write_run(place / "results/SAMN/baseline" / name, f"{name}_001", regions, confidence, seconds)
    return place


def test_a_workspace_is_its_own_truth(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path, 14)
    page = tmp_path / "r.html"
    results = str(workspace / "results" / "SAMN")
    assert main(["report", results, "--truth", str(workspace), "--output", str(page), "--pictures", "1"]) == 0
    html = page.read_text()
    assert html.count("data:image/jpeg") == 2
    assert "Confidence over time" in html
    assert re.search(r"<td[^>]*>4\.000</td>", html), "frames a second, without the start"
    assert main(["report", results, "--truth", str(workspace), "--output", str(page), "--pictures", "0"]) == 0
    assert "data:image/jpeg" not in page.read_text()


def test_sequences_without_a_scored_frame_make_a_report_without_points(tmp_path: Path) -> None:
    """Accuracy leaves out the 10 frames after a start; of shorter sequences it is not defined."""
    workspace = make_workspace(tmp_path, 8)
    page = tmp_path / "r.html"
    assert main(["report", str(workspace / "results/SAMN"), "--truth", str(workspace), "--output", str(page)]) == 0
    assert "Confidence over time" in page.read_text()
    assert "<circle" not in page.read_text()

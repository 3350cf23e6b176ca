"""pysot's computation and the toolkit's, against published figures and hand-computed ones."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from samn_tracker.errors import ResultError
from vot_workspace.create import create
from vot_workspace.layouts import read_dataset
from vot_workspace.overlaps import overlaps, overlaps_of_runs
from vot_workspace.score import main, read_runs
from vot_workspace.score_plots import accuracy_robustness, write_plots
from vot_workspace.score_pysot import score
from vot_workspace.source_sequence import SourceSequence
from vot_workspace.trajectory import MaskPart, Region, write_trajectory

INTERVALS = {"VOT2018": (100, 356), "VOT2019": (46, 291)}
WIDE = (1000, 1000)


def box(x: float, y: float, width: float, height: float) -> np.ndarray:
    return np.array([x, y, width, height], dtype=float)


def sequence(length: int, name: str = "s", tags: dict[str, list[bool]] | None = None) -> SourceSequence:
    truth: list[Region] = [box(10, 10, 9, 9)] * length
    return SourceSequence(name, [], truth, (100, 100), tags=tags or {})


# a box of w x h covers w + 1 by h + 1 pixels in pysot's computation, which takes x + w and y + h for corners
@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (box(10, 10, 9, 9), box(10, 10, 9, 9), 1.0),
        (box(10, 10, 9, 9), box(15, 10, 9, 9), 50 / 150),
        (box(10, 10, 9, 9), box(40, 10, 9, 9), 0.0),
        (box(10.4, 10.4, 9, 9), box(9.6, 9.6, 9, 9), 1.0),
        (box(-5, 0, 9, 9), box(0, 0, 4, 9), 1.0),
        (box(1, 1, 0.2, 0.2), box(0, 0, 9, 9), 0.0),
        (np.array([[0, 0], [8, 0], [8, 8], [0, 8]]), np.array([[0, 0], [8, 8], [0, 8]]), 44 / 81),
    ],
)
def test_overlap_of_two_regions(first: np.ndarray, second: np.ndarray, expected: float) -> None:
    assert overlaps([first], [second], WIDE)[0] == pytest.approx(expected)
    assert overlaps([second], [first], WIDE)[0] == pytest.approx(expected)


def test_regions_are_cut_at_the_last_column_that_counts() -> None:
    one, two = box(90, 0, 20, 9), box(90, 0, 9, 9)
    assert overlaps([one], [two], (99, 99))[0] == 1.0
    assert overlaps([one], [two], (100, 100))[0] == pytest.approx(100 / 110)


def test_an_arrow_that_is_not_convex_is_drawn_row_by_row() -> None:
    arrow = np.array([[0, 0], [20, 10], [0, 20], [10, 10]], dtype=float)
    hull = np.array([[0, 0], [20, 10], [0, 20]], dtype=float)
    value = overlaps([arrow], [hull], WIDE)[0]
    assert 0.4 < value < 0.65  # half of the hull's area, and both outlines


def test_special_codes_have_no_overlap_and_masks_are_refused() -> None:
    assert np.isnan(overlaps([1, 2, 0], [box(0, 0, 5, 5)] * 3, WIDE)).all()
    with pytest.raises(ResultError, match="knows no masks"):
        overlaps([MaskPart((0, 0), np.ones((2, 2), np.uint8))], [box(0, 0, 5, 5)], WIDE)


def test_repetitions_and_bounds_at_once_are_those_one_at_a_time() -> None:
    """Boxes, polygons of different corners, codes at different frames, regions outside, more frames than one block."""
    rng = np.random.default_rng(0)

    def region(frame: int) -> Region:
        if frame % 7 == 3:
            return int(rng.integers(3))
        if frame % 2:
            return box(*rng.uniform(-30, 90, 2), *rng.uniform(1, 80, 2))
        middle, angles = rng.uniform(-30, 130, 2), np.sort(rng.uniform(0, 2 * np.pi, rng.integers(3, 7)))
        return middle + rng.uniform(5, 60) * np.stack([np.cos(angles), np.sin(angles)], axis=1)

    truth, *runs = ([region(frame) for frame in range(300)] for _ in range(4))
    limits = [(100, 80), (99, 79), (40, 200)]
    together = overlaps_of_runs(runs, truth, limits)
    apart = [[[overlaps([a], [b], one)[0] for a, b in zip(run, truth, strict=True)] for one in limits] for run in runs]
    np.testing.assert_array_equal(together, apart)
    assert np.isfinite(together).any(axis=2).all()
    assert (together[:, 0] != together[:, 1])[np.isfinite(together[:, 0])].any()


def test_figures_of_a_small_example() -> None:
    """20 frames: perfect until a failure in frame 12, a new start in frame 17; 2 of 3 frames after burn-in count."""
    hit = box(10, 10, 9, 9)
    run: list[Region] = [1, *[hit] * 11, 2, 0, 0, 0, 0, 1, hit, hit]
    tags = {"occlusion": [frame == 12 for frame in range(20)]}
    scored = score([sequence(20, tags=tags)], {"s": [run]}, (2, 5))
    assert scored.accuracy == 1.0
    assert scored.lost == 1
    assert scored.robustness == pytest.approx(5.0)
    # fragments: frames 0..17 with 11 hits, then zeros; frames 17..19 with 2 hits, to the end
    assert scored.curve[:4] == pytest.approx([1, 1, 1, 1])
    assert scored.curve[19] == pytest.approx(11 / 19)
    assert scored.eao == 1.0
    occlusion, empty = scored.attributes["occlusion"], scored.attributes["empty"]
    assert (occlusion.frames, occlusion.lost, occlusion.robustness) == (1, 1, 100.0)
    assert (empty.frames, empty.lost, empty.accuracy) == (19, 0, 1.0)


def test_expected_overlap_of_a_tag_weights_each_piece_by_its_tagged_share() -> None:
    """Overlap 1 on a, half tagged; overlap 1/3 on b, all tagged: (1 * 1/2 + 1/3 * 1) / (1/2 + 1) = 5/9."""
    tags = {"a": [frame < 4 for frame in range(8)], "b": [True] * 8}
    truth = [sequence(8, name, {"occlusion": values}) for name, values in tags.items()]
    answers = {"a": box(10, 10, 9, 9), "b": box(15, 10, 9, 9)}
    runs: dict[str, list[list[Region]]] = {name: [[1, *[answer] * 7]] for name, answer in answers.items()}
    scored = score(truth, runs, (3, 6))
    assert scored.eao == pytest.approx((1 + 1 / 3) / 2)
    assert scored.attributes["occlusion"].eao == pytest.approx(5 / 9)
    assert scored.attributes["empty"].eao == 1.0  # only a has frames without a tag
    assert score([sequence(8, "a")], {"a": runs["a"]}, (3, 6)).attributes == {}


def test_a_tag_that_no_long_sequence_has_leaves_the_lengths_out_and_not_zero() -> None:
    """The tagged sequence ends after 4 frames: of lengths 3 to 6, only those that it reaches count."""
    truth = [sequence(4, "a", {"occlusion": [True] * 4}), sequence(8, "b", {"occlusion": [False] * 8})]
    hit = box(10, 10, 9, 9)
    scored = score(truth, {"a": [[1, *[hit] * 3]], "b": [[1, *[hit] * 7]]}, (3, 6))
    assert scored.attributes["occlusion"].eao == 1.0
    none = score(truth, {"a": [[1, *[hit] * 3]], "b": [[1, *[hit] * 7]]}, (6, 8))
    assert np.isnan(none.attributes["occlusion"].eao)


def test_the_ar_plot_has_its_point_where_accuracy_and_reliability_are(tmp_path: Path) -> None:
    """Accuracy 1 and 5 failures in 100 frames: the mark is at exp(-0.05 * 30) = 0.22 of the axis."""
    pytest.importorskip("matplotlib", reason="matplotlib is not installed (pip install samn-tracker[report])")
    hit = box(10, 10, 9, 9)
    scored = score([sequence(20)], {"s": [[1, *[hit] * 11, 2, 0, 0, 0, 0, 1, hit, hit]]}, (2, 5))
    toolkit = {"baseline": {"curve": [1.0, 0.5]}, "unsupervised": {"accuracy": 0.5}}
    paths = write_plots(tmp_path / "plots", "T", toolkit, {"baseline": scored})
    assert [path.name for path in paths] == ["eao_baseline.png", "ar_baseline.png"]
    (axes,) = accuracy_robustness("T", "baseline", scored).axes
    assert axes.collections[0].get_offsets().tolist() == [[pytest.approx(np.exp(-1.5)), 1.0]]
    for path in paths:
        assert cv2.imread(str(path)).std() > 10, "something is drawn"


def test_missing_and_short_results_are_all_listed() -> None:
    with pytest.raises(ResultError, match="a: no result; b: 1 regions instead of 3"):
        score([sequence(3, "a"), sequence(3, "b")], {"b": [[1]]}, (1, 2))


@pytest.mark.data
@pytest.mark.parametrize(
    ("year", "tracker", "eao"),
    [
        ("VOT2018", "NanoTrack", 0.311),
        ("VOT2018", "LightTrack", 0.418),
        ("VOT2019", "NanoTrack", 0.247),
        ("VOT2019", "LightTrack", 0.328),
    ],
)
def test_published_figures_come_out_in_pysots_computation(
    shared_data: Path, year: str, tracker: str, eao: float
) -> None:
    folder = shared_data / "oracles" / "vot"
    truth = read_dataset(folder / f"{year}.json")
    runs = read_runs(folder / "results" / year / tracker, "baseline", [item.name for item in truth])
    assert round(score(truth, runs, INTERVALS[year]).eao, 3) == eao


@pytest.mark.data
@pytest.mark.parametrize(("year", "eao", "lost"), [("VOT2018", 0.311, 70), ("VOT2019", 0.247, 112)])
def test_the_toolkits_analysis_stands_beside_pysots_in_a_workspace_without_images(
    shared_data: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], year: str, eao: float, lost: int
) -> None:
    pytest.importorskip("yaml", reason="the VOT toolkit is not installed (pip install samn-tracker[vot])")
    folder = shared_data / "oracles" / "vot"
    results = folder / "results" / year / "NanoTrack"
    create(tmp_path / "w", year.lower(), read_dataset(folder / f"{year}.json"))
    assert main(["--truth", str(tmp_path / "w"), "--results", str(results), "--json"]) == 0
    printed = json.loads(capfd.readouterr().out)
    assert round(printed["pysot"]["eao"], 3) == eao
    assert printed["pysot"]["lost"] == lost
    assert printed["toolkit"]["eao"] == pytest.approx(printed["pysot"]["eao"], abs=0.006)
    assert printed["toolkit"]["accuracy"] == pytest.approx(printed["pysot"]["accuracy"], abs=0.01)


def test_a_workspace_alone_is_enough_to_score_and_an_eao_that_says_nothing_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("yaml", reason="the VOT toolkit is not installed (pip install samn-tracker[vot])")
    create(tmp_path / "w", "vot2018", [sequence(12)])
    hit = box(10, 10, 9, 9)
    write_trajectory(tmp_path / "w" / "results" / "SAMN" / "baseline" / "s" / "s_001.bin", [1, *[hit] * 11])
    assert main([str(tmp_path / "w"), "--no-toolkit", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["pysot"]["accuracy"] == 1.0
    assert main([str(tmp_path / "w"), "--no-toolkit", "--details"]) == 0
    told = capsys.readouterr()
    assert "baseline: EAO averages lengths of 100 to 356 frames, the longest sequence has 12" in told.err
    assert told.out.splitlines()[-1].split() == ["s", "12", "1.000", "0.00"]
    with pytest.raises(SystemExit) as usage:
        main([])
    assert usage.value.code == 2

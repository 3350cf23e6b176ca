"""The benchmark: its reference computes what the product computes, every step is timed, and it says what it found."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest
import torch

from samn_tracker.bench import report
from samn_tracker.bench.__main__ import main
from samn_tracker.bench.agreement import compare
from samn_tracker.bench.agreement import table as agreement_table
from samn_tracker.bench.development import DevelopmentSequence
from samn_tracker.bench.device_time import device_milliseconds
from samn_tracker.bench.picture import COLOURS, write_picture
from samn_tracker.bench.reference import Reference
from samn_tracker.bench.reference_filter import AutogradFilter, upsampled
from samn_tracker.bench.scenario import ProductFrame, ReferenceFrame, Still, Variant, random_network
from samn_tracker.bench.stopwatch import Stopwatch, interleaved, medians
from samn_tracker.core.config import SAMN_LITE, SAMN_R50, TrackerConfig
from samn_tracker.memory import spatial
from samn_tracker.memory.appearance import AppearanceBank
from samn_tracker.memory.config import SpatialConfig
from samn_tracker.memory.spatial_samples import covariance, principal_components
from samn_tracker.memory.spatial_solver import JointProblem, ScoreGrid, gauss_newton, gaussian_labels
from samn_tracker.model.network import Network
from samn_tracker.prediction import Prediction
from samn_tracker.runtime.config import RuntimeConfig
from samn_tracker.runtime.engine import Engine
from samn_tracker.shapes.regions import box_to_polygon, mask_to_box

SIZE = 96


def small(config: TrackerConfig, **model: int) -> TrackerConfig:
    return replace(
        config.with_patch_size(SIZE),
        model=replace(config.model, **model),
        spatial=replace(config.spatial, patch_size=SIZE, projection_channels=8, capacity=40),
        runtime=RuntimeConfig(precision="float32"),
    )


@pytest.mark.parametrize("config", [small(SAMN_R50), small(SAMN_LITE)], ids=["r50", "lite"])
def test_reference_and_product_segment_alike_with_the_same_memory(config: TrackerConfig) -> None:
    torch.manual_seed(4)
    network = Network(config.model).eval()
    rng = np.random.default_rng(4)
    patches = rng.integers(0, 256, (4, SIZE, SIZE, 3), dtype=np.uint8)
    masks = rng.random((3, SIZE, SIZE), dtype=np.float32)
    engine = Engine(network, "cpu", config.runtime)
    bank = AppearanceBank(config.appearance, replace(config.dynamic, weighting="none"), config.model.similarity)
    reference = Reference(network, config, patch_size=SIZE)
    for index in range(3):
        memory = engine.memorise(engine.encode(patches[index : index + 1]), masks[index : index + 1])
        if index == 0:
            bank.start(*memory)
        else:
            bank.memorise(*memory, 5 * index)
        reference.memorise(patches[index : index + 1], masks[index])
    encoded = engine.encode(patches[3:])
    ours = engine.segment(bank.read(encoded.query.key), encoded)[0]
    query = reference.encode(patches[3:]).query
    theirs = reference.decode(reference.read(query.key), query, (SIZE / 32, SIZE / 32))
    assert np.ptp(ours) > 0.01
    np.testing.assert_allclose(ours, theirs, atol=2e-5)
    threshold = float(np.median(theirs))
    differing = (ours > threshold) != (theirs > threshold)
    assert np.abs(theirs[differing] - threshold).max(initial=0) < 2e-5


def test_the_references_filter_reaches_the_products_optimum() -> None:
    """The same objective from the same start; double back-propagation and analytic derivatives end equally low."""
    config = SpatialConfig(projection_channels=4)
    grid = ScoreGrid(8, 8, spatial.FILTER_SIZE)
    centres = torch.tensor([[4.0, 4.0], [3.0, 5.0], [4.0, 4.0], [6.0, 4.0], [2.0, 2.0], [4.0, 5.0]])
    labels = gaussian_labels(grid, centres, 1.0)
    generator = torch.Generator().manual_seed(0)
    features = 0.1 * torch.randn(6, 12, 8, 8, generator=generator)
    features[:, :3] += labels[:, None, :-1, :-1]
    features = features / features.square().mean(dim=(1, 2, 3), keepdim=True).sqrt()
    penalties = (spatial.FILTER_PENALTY, spatial.PROJECTION_PENALTY)
    weights = torch.full((6,), 1 / 6)
    problem = JointProblem(features.flatten(2), labels, weights, grid, spatial.ACTIVATION_LEAK, penalties)
    theirs = AutogradFilter(config)
    theirs.start(features, labels[:, None])
    scores = theirs.scores(features[:1])
    # fold() lays the filter on the other way round than conv2d does.
    flipped = theirs.filter.flip(2, 3)[0].flatten(1)
    parameters = (flipped, theirs.projection[:, :, 0, 0])
    np.testing.assert_allclose(problem.scores(problem.kernel(parameters))[0], scores[0, 0], atol=1e-4)
    start = (
        torch.zeros_like(flipped),
        principal_components(covariance(features.flatten(2)), config.projection_channels),
    )
    ours = gauss_newton(problem, start, spatial.FIRST_NEWTON_STEPS, spatial.FIRST_CG_ITERATIONS)
    assert float(problem.loss(parameters)) == pytest.approx(float(problem.loss(ours)), rel=0.05)
    assert problem.loss(ours) < 0.7 * problem.loss(start)


def test_upsampling_keeps_the_scores_where_they_were() -> None:
    scores = torch.randn(1, 1, 5, 5, generator=torch.Generator().manual_seed(1))
    fine = upsampled(scores, 20)
    np.testing.assert_allclose(fine[..., ::4, ::4], scores, atol=1e-5)


def test_every_step_of_a_frame_is_timed_and_the_reference_takes_the_same_steps() -> None:
    config = small(SAMN_LITE, decoder_channels=8)
    network, still = random_network(config), Still()
    ours = ProductFrame(Engine(network, "cpu", config.runtime), config, still, stored=4)
    ours.run()
    ours.run()  # what the first one leaves for the memory to learn is a part of the second
    reference = Reference(network, config, patch_size=SIZE)
    reference.start(still.image, still.mask)
    theirs = ReferenceFrame(reference, still, stored=4)
    theirs.run()
    theirs.run()
    assert len(reference.keys) == 5
    shared = {"crop and paste", "spatial memory", "query encoder", "read", "decoder", "mask and box", "memory encoder"}
    assert set(ours.samples[1]) == shared | {"memory bank"}
    assert set(theirs.samples[1]) == shared | {"localisation encoder"}
    assert all(value > 0 for value in (*ours.samples[1].values(), *theirs.samples[1].values()))


def test_a_frame_that_is_not_followed_is_no_measurement() -> None:
    config = small(SAMN_LITE, decoder_channels=8)
    frame = ProductFrame(Engine(random_network(config), "cpu", config.runtime), config, Still(), stored=1)
    assert frame.tracker.state is not None
    frame.tracker.state.start = replace(frame.tracker.state.start, threshold=1.0)
    with pytest.raises(RuntimeError, match="not followed"):
        frame.run()


def test_actions_take_turns_and_the_first_round_does_not_count() -> None:
    calls: list[str] = []
    times = interleaved({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, repeats=2)
    assert calls == ["a", "b"] * 3
    assert [len(values) for values in times.values()] == [2, 2]


def test_parts_add_up_and_missing_ones_count_as_nothing() -> None:
    watch = Stopwatch()
    for _ in range(2):
        with watch("part"):
            pass
    assert set(watch.take()) == {"part"}
    assert watch.take() == {}
    assert medians([{"a": 1.0}, {"a": 3.0, "b": 2.0}, {"a": 2.0}]) == {"a": 2.0, "b": 0.0}


def test_parts_that_run_at_once_share_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """a from 0 to 4 and from 6 to 7, b from 1 to 3: two milliseconds are a's alone, two are shared, and one is a's."""
    clock = iter([0.0, 0.001, 0.003, 0.004, 0.006, 0.007])
    monkeypatch.setattr("samn_tracker.bench.stopwatch.time.perf_counter", lambda: next(clock))
    watch = Stopwatch()
    with watch("a"), watch("b"):
        pass
    with watch("a"):
        pass
    assert watch.take() == pytest.approx({"a": 4.0, "b": 1.0})


def test_the_picture_draws_every_part_to_scale(tmp_path: Path) -> None:
    path = tmp_path / "docs" / "frame.svg"
    write_picture(path, "a < b", [{"long": {"decoder": 30.0, "read": 10.0}, "short": {"decoder": 20.0}}])
    rectangles = ElementTree.parse(path).findall(".//{*}rect[{*}title]")
    widths = [float(one.attrib["width"]) for one in rectangles]
    assert [one.attrib["fill"] for one in rectangles] == [COLOURS[part] for part in ("read", "decoder", "decoder")]
    assert widths[1] == pytest.approx(3 * widths[0], rel=0.01)
    assert widths[2] == pytest.approx(2 * widths[0], rel=0.01)


class Answers:
    """A tracker that answers the given masks, one a frame."""

    def __init__(self, *masks: np.ndarray) -> None:
        self._masks = masks
        self._frame = 0

    def initialize(self, image: np.ndarray, target: object) -> Prediction:
        self._frame = 0
        return self._answer(self._masks[0])

    def track(self, image: np.ndarray) -> Prediction:
        self._frame += 1
        return self._answer(self._masks[self._frame - 1])

    def _answer(self, mask: np.ndarray) -> Prediction:
        box = mask_to_box(mask)
        return Prediction(box, box_to_polygon(box), mask)


def columns(first: int, last: int) -> np.ndarray:
    mask = np.zeros((8, 8), dtype=np.uint8)
    mask[:, first:last] = 1
    return mask


def test_agreement_is_the_overlap_of_both_answers_and_each_ones_with_the_truth(tmp_path: Path) -> None:
    paths, truths = [], []
    for index, truth in enumerate((columns(0, 4), columns(0, 4), columns(2, 4))):
        for kind, picture, found in (("img", np.zeros((8, 8, 3), np.uint8), paths), ("mask", 255 * truth, truths)):
            found.append(tmp_path / f"{kind}{index}.png")
            assert cv2.imwrite(str(found[-1]), picture)
    boxes = np.array([[0, 0, 4, 8], [0, 0, 4, 8], [2, 0, 2, 8]], dtype=float)
    sequence = DevelopmentSequence("short", "mask start", paths, boxes, truths)
    fast, plain = Answers(columns(0, 4), columns(0, 4)), Answers(columns(0, 4), columns(0, 2))
    one = compare("a", fast, plain, sequence)
    assert (one.frames, one.mean_iou, one.least_iou) == (2, 0.75, 0.5)
    assert (one.fast_jaccard, one.plain_jaccard) == (0.75, 0.5)
    assert compare("a", fast, plain, sequence, frames=1).mean_iou == 1
    assert agreement_table([one]).splitlines()[1].split() == ["a", "0.7500", "0.7500", "short", "0.7500", "0.5000"]


@pytest.mark.slow
def test_the_quick_benchmark_writes_table_and_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "speed.json"
    assert main(["--quick", "--frames", "100", "--json", str(path)]) == 0
    results = json.loads(path.read_text())
    assert {"r50_T20", "r50_T60", "lite_fps", "flat_time", "flat_rss_mb", "init", "objects5"} <= set(results["ratios"])
    assert all(value == value for value in results["ratios"].values())
    assert results["machine"]["cores"] >= 1
    assert "r50_T20" in capsys.readouterr().out


@pytest.mark.gpu
def test_both_sides_run_on_the_gpu() -> None:
    config = small(SAMN_LITE, decoder_channels=8)
    network, still = random_network(config), Still()
    ours = ProductFrame(Engine(network, "cuda", config.runtime), config, still, stored=4)
    ours.run()
    reference = Reference(network, config, "cuda", patch_size=SIZE)
    reference.start(still.image, still.mask)
    theirs = ReferenceFrame(reference, still, stored=4)
    theirs.run()
    assert ours.samples[0]["decoder"] > 0
    assert theirs.samples[0]["decoder"] > 0


@pytest.mark.gpu
def test_the_gpu_tells_how_long_it_computes() -> None:
    config = small(SAMN_LITE, decoder_channels=8)
    variant = Variant("small", random_network(config), config, "random")
    assert 0.01 < device_milliseconds(variant, "cuda", 3) < 100


@pytest.mark.parametrize(("gpu", "target"), [(None, ">= 30"), ("NVIDIA H200", ">= 400")])
def test_a_table_shows_the_targets_of_its_device(gpu: str | None, target: str) -> None:
    lines = report._ratios({"machine": {"gpu": gpu}, "ratios": {"lite_fps": 35.0}, "minutes": 2.0})
    assert lines[1].split(maxsplit=2) == ["lite_fps", "35.00", target]


def test_discs_are_what_random_weights_answer() -> None:
    """The stand-in for trained masks: a disc of half a target size around the centre."""
    config, size = small(SAMN_LITE, decoder_channels=8), 384
    engine = Engine(random_network(config), "cpu", config.runtime)
    encoded = engine.encode(np.zeros((1, size, size, 3), dtype=np.uint8))
    mask = engine.segment(torch.randn(1, config.model.value_channels, 24, 24), encoded)[0] > 0.5
    radius = size / config.segmentation.search_factor / 2
    assert mask.sum() == pytest.approx(np.pi * radius**2, rel=0.1)
    assert mask[size // 2, size // 2]


def test_peak_memory_is_not_that_of_the_process_that_started_this_one() -> None:
    """It read 0 for both sides, as the benchmark's own process was larger than its children."""
    child = "from samn_tracker.bench.memory_peaks import resident_peak_mb; print(resident_peak_mb())"
    parent = (
        "import subprocess, sys; ballast = b'1' * 2**31; "
        f"sys.exit(subprocess.run([sys.executable, '-c', {child!r}]).returncode)"
    )
    done = subprocess.run([sys.executable, "-c", parent], capture_output=True, text=True, check=True)
    assert 20 < float(done.stdout) < 2**11

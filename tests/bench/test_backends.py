"""What the backends are compared by, and the check of a GPU, run where there is none."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from samn_tracker.bench import backends, cuda
from samn_tracker.bench.scenario import Variant, random_network
from samn_tracker.core.config import SAMN_LITE
from samn_tracker.runtime.config import RuntimeConfig

CONFIG = replace(SAMN_LITE.with_patch_size(96), runtime=RuntimeConfig(backend="torch", precision="float32"))


@pytest.fixture(scope="module")
def variant() -> Variant:
    return Variant("lite", random_network(CONFIG), CONFIG, "random")


def test_the_first_choice_is_what_errors_are_of(variant: Variant) -> None:
    rows = backends.compare(variant, 96, 1, backends.CHOICES[:2])
    assert [(one.backend, one.precision) for one in rows] == [("torch", "float32"), ("torch", "bfloat16")]
    assert (rows[0].encoder_error, rows[0].decoder_error) == (0, 0)
    assert 0.001 < rows[1].encoder_error < 0.05
    lines = backends.table(rows).split("\n")
    assert len({len(line) for line in lines}) == 1, "columns are aligned"


def test_the_check_of_a_gpu_takes_the_same_path_on_a_cpu(variant: Variant) -> None:
    found = cuda.check(variant, "cpu", frames=6, size=(160, 120))
    assert cuda.LEAST_IOU < found.least_iou <= found.mean_iou <= 1
    assert found.milliseconds > 0


def test_without_a_gpu_the_check_ends_with_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    assert cuda.main([]) == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "samn bench cuda: torch sees no CUDA device here, so there is nothing to measure\n"

"""The cache of the real tracker: the same again passes; a threshold, weights or a package that changed is a line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from samn_tracker.core.config import SAMN_LITE
from samn_tracker.model.network import Network
from samn_tracker.model.weights import save_weights
from samn_tracker.regress.cache import Cache
from samn_tracker.regress.cases import Case, generated_cases
from samn_tracker.regress.check import check, table, update
from samn_tracker.regress.compare import Row

SETTINGS = {
    "box_start.patch_size": "96",
    "mask_start.patch_size": "96",
    "spatial.patch_size": "96",
    "runtime.precision": "float32",
    "runtime.threads": "1",
}


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return [generated_cases()[0].shortened(4)]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory, cases: list[Case], weights: str) -> Cache:
    made = Cache(tmp_path_factory.mktemp("cache"))
    update(made, cases, weights, SETTINGS, "first answers")
    return made


def _failing(rows: Sequence[Row]) -> list[str]:
    return [row.what for row in rows if row.fails]


def test_the_same_again_moves_nothing(cache: Cache, cases: list[Case], weights: str) -> None:
    assert check(cache, cases, weights, SETTINGS) == []


def test_threshold_changed_by_a_tenth_fails(cache: Cache, cases: list[Case], weights: str) -> None:
    threshold = 1.1 * SAMN_LITE.mask_start.threshold
    rows = check(cache, cases, weights, SETTINGS | {"mask_start.threshold": str(threshold)})
    assert "config.mask_start.threshold" in _failing(rows)
    assert str(threshold) in table(rows, 1, 4)


def test_other_weights_fail_by_their_hash_and_by_what_they_answer(
    cache: Cache, cases: list[Case], tmp_path: Path
) -> None:
    torch.manual_seed(4)
    other = tmp_path / "other.safetensors"
    save_weights(other, Network(SAMN_LITE.model), "samn-lite", {})
    failing = _failing(check(cache, cases, str(other), SETTINGS))
    assert "weights_sha256" in failing
    assert "mask IoU with the cache, mean" in failing


def test_package_of_another_version_is_a_line_that_does_not_fail(
    cache: Cache, cases: list[Case], weights: str, tmp_path: Path
) -> None:
    """The cache was made with another NumPy than the one installed here."""
    for path in cache.root.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    manifest["environment"]["packages"]["numpy"] = "1.2.3"
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    (row,) = check(Cache(tmp_path), cases, weights, SETTINGS)
    assert (row.what, row.cached, row.fails) == ("packages.numpy", "1.2.3", False)

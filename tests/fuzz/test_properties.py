"""What is written comes back as it was, and every array is a target or a RegionError."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from samn_tracker.core.config import TrackerConfig, load_toml
from samn_tracker.errors import ConfigError, RegionError, ResultError
from samn_tracker.runner.box_text import format_box, read_rows, strict_faults
from samn_tracker.runner.label_png import decode_labels, encode_labels
from samn_tracker.settings import merge, save_toml, to_dict
from samn_tracker.shapes.regions import as_target, rle_decode, rle_encode, target_kind
from samn_tracker.trax.options import parse_settings
from vot_workspace.trajectory import MaskPart, decode_binary, encode_binary, format_region, parse_region

masks = arrays.arrays(np.uint8, arrays.array_shapes(min_dims=2, max_dims=2, max_side=24), elements=st.integers(0, 1))
coordinates = st.floats(-1e6, 1e6, width=32)
regions = st.one_of(
    st.sampled_from([0, 1, 2]),
    st.lists(coordinates, min_size=4, max_size=4).map(np.array),
    st.lists(st.tuples(coordinates, coordinates), min_size=3, max_size=9).map(np.array),
    st.builds(MaskPart, st.tuples(st.integers(-999, 999), st.integers(-999, 999)), masks),
)


def _same(first: Any, second: Any) -> bool:
    if isinstance(first, MaskPart):
        return isinstance(second, MaskPart) and first.offset == second.offset and _equal(first.mask, second.mask)
    return type(first) is type(second) and _equal(np.float32(first), np.float32(second))


def _equal(first: NDArray[Any], second: NDArray[Any]) -> bool:
    return first.shape == second.shape and bool((first == second).all())


@given(regions)
def test_region_text_comes_back(region: Any) -> None:
    assert _same(parse_region(format_region(region)), region)


@given(st.lists(regions, max_size=6))
def test_binary_trajectory_comes_back(trajectory: list[Any]) -> None:
    again = decode_binary(encode_binary(trajectory), "a file")
    assert len(again) == len(trajectory)
    assert all(_same(one, two) for one, two in zip(again, trajectory, strict=True))


@given(st.lists(regions, min_size=1, max_size=4), st.data())
def test_cut_off_binary_trajectory_is_refused(trajectory: list[Any], data: st.DataObject) -> None:
    whole = encode_binary(trajectory)
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(ResultError, match=r"cut off|not a toolkit result"):
        decode_binary(whole[:cut], "a file")


@given(masks)
def test_run_lengths_come_back_and_alternate(mask: NDArray[np.uint8]) -> None:
    runs = rle_encode(mask)
    assert _equal(rle_decode(runs, (mask.shape[0], mask.shape[1])), mask)
    assert (runs[1:] > 0).all() and runs.sum() == mask.size
    assert runs[1::2].sum() == mask.sum()


@given(st.lists(st.integers(-5, 2**70)), st.integers(0, 40), st.integers(0, 40))
def test_any_run_lengths_give_a_mask_or_an_error(runs: list[int], height: int, width: int) -> None:
    try:
        mask = rle_decode(runs, (height, width))
    except RegionError:
        assert min(runs, default=0) < 0 or sum(runs) != height * width
    else:
        assert mask.shape == (height, width) and sum(runs) == height * width


boxes = st.tuples(coordinates, coordinates, st.floats(0.01, 1e6), st.floats(0.01, 1e6))


@given(st.lists(boxes, min_size=1, max_size=8), st.sampled_from([2, 4]))
def test_result_rows_pass_the_strict_reader_and_come_back(rows: list[tuple[float, ...]], decimals: int) -> None:
    text = "".join(format_box(row, decimals) + "\n" for row in rows)
    assert strict_faults(text, decimals, len(rows), rows[0]) == []
    found, faults = read_rows(text)
    assert faults == []
    np.testing.assert_allclose(found, rows, rtol=0, atol=0.51 * 10.0**-decimals)


@given(arrays.arrays(np.uint8, arrays.array_shapes(min_dims=2, max_dims=2, max_side=24)))
def test_label_maps_come_back(labels: NDArray[np.uint8]) -> None:
    assert _equal(decode_labels(encode_labels(labels), "a file"), labels)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "appearance.interval": st.integers(0, 10**6),
            "spatial.enabled": st.booleans(),
            "segmentation.follow_limit": st.none() | st.floats(0, 9),
            "segmentation.follow": st.sampled_from(["mask", "peak"]),
            "dynamic.temperature": st.floats(allow_nan=False, allow_infinity=False),
        },
    )
)
@settings(max_examples=40)
def test_configuration_comes_back_from_toml(tmp_path_factory: pytest.TempPathFactory, changes: dict[str, Any]) -> None:
    config = TrackerConfig().with_overrides(changes)
    path = tmp_path_factory.mktemp("toml") / "one.toml"
    save_toml(config, path)
    assert load_toml(path) == config


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=8), inner, max_size=4)),
    max_leaves=8,
)
known_keys = st.sampled_from(sorted(to_dict(TrackerConfig())))


@given(st.dictionaries(known_keys, st.one_of(json_values, st.dictionaries(st.text(max_size=8), json_values))))
def test_any_nested_values_give_a_configuration_or_an_error(values: dict[str, Any]) -> None:
    try:
        assert isinstance(merge(TrackerConfig(), values), TrackerConfig)
    except ConfigError as error:
        assert str(error)


@given(st.dictionaries(st.from_regex(r"[a-z]+\.[a-z_]+", fullmatch=True), st.from_regex(r"[\w.-]+", fullmatch=True)))
def test_settings_text_comes_back(values: dict[str, str]) -> None:
    assert parse_settings(",".join(f"{key}={value}" for key, value in values.items())) == values


any_array = arrays.arrays(
    st.sampled_from([np.uint8, np.int64, np.float64, np.float32, np.bool_, np.complex128, np.dtype("U3")]),
    arrays.array_shapes(min_dims=0, max_dims=3, max_side=8),
)


@given(st.one_of(any_array, st.lists(st.floats(), max_size=9), st.text(max_size=5), st.none()))
def test_any_value_is_a_checked_target_or_a_region_error(value: Any) -> None:
    shape = (8, 8)
    try:
        target = as_target(value, shape)
    except RegionError as error:
        assert str(error)
        return
    kind = target_kind(target)
    if kind == "mask":
        assert target.shape == shape and target.any()
    else:
        assert np.isfinite(target).all()


def test_text_file_of_the_configuration_is_utf8(tmp_path: Path) -> None:
    (tmp_path / "one.toml").write_bytes(b'[segmentation]\nfollow = "\xff"\n')
    with pytest.raises(ConfigError, match="not valid TOML"):
        load_toml(tmp_path / "one.toml")

"""Generated sequences: the same every time, exact in their annotations, and each kind does what its name says."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from samn_tracker.errors import ConfigError
from samn_tracker.images import read_image
from samn_tracker.shapes.polygons import polygon_area, polygon_to_mask
from samn_tracker.shapes.regions import box_iou, mask_iou, mask_to_box, polygon_to_box
from samn_tracker.synthetic import (
    KINDS,
    TAGS,
    SyntheticSequence,
    make_multi_object,
    make_sequence,
    write_sequence_images,
)

LENGTH = 60


def sequence(kind: str, seed: int = 3, length: int = LENGTH) -> SyntheticSequence:
    return make_sequence(kind, seed, length, textures="procedural")


def frames_with(sequence: SyntheticSequence, tag: str) -> int:
    return sum(tag in sequence.tags(index) for index in range(sequence.length))


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_arguments_give_the_same_bytes(kind: str) -> None:
    one, two = sequence(kind), sequence(kind)
    for index in (17, 0):
        np.testing.assert_array_equal(one.frame(index), two.frame(index))
        np.testing.assert_array_equal(one.mask(index), two.mask(index))
    assert (one.frame(0) != sequence(kind, seed=4).frame(0)).any()


def test_a_frame_does_not_depend_on_the_length_or_on_the_order() -> None:
    long = sequence("deforming")
    np.testing.assert_array_equal(list(sequence("deforming", length=3).frames)[2], long.frame(2))
    assert (long.frame(2) != long.frame(3)).any()


@pytest.mark.parametrize("kind", KINDS)
def test_types_and_shapes(kind: str) -> None:
    made = make_sequence(kind, 0, 5, size=(200, 150), textures="procedural")
    assert (made.kind, made.length, made.size, made.name) == (kind, 5, (200, 150), f"{kind}_0")
    assert (made.frame(4).shape, made.frame(4).dtype) == ((150, 200, 3), np.uint8)
    assert (made.mask(4).shape, made.mask(4).dtype) == ((150, 200), np.uint8)
    assert set(np.unique(made.mask(0))) == {0, 1}
    assert made.polygon(4).shape == (4, 2)
    assert made.box(4).shape == (4,)
    assert made.tags(4) <= set(TAGS)


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_frame_shows_the_whole_target(kind: str) -> None:
    for seed in range(5):
        made = sequence(kind, seed)
        assert made.visibility(0) > 0.98
        assert box_iou(mask_to_box(made.mask(0)), made.box(0)) > 0.93


@pytest.mark.parametrize("kind", KINDS)
def test_annotations_agree_with_the_mask_where_all_of_the_target_is_seen(kind: str) -> None:
    made = sequence(kind)
    for index in range(0, LENGTH, 6):
        if made.visibility(index) > 0.99:
            mask, polygon, box = made.mask(index), made.polygon(index), made.box(index)
            x, y, width, height = mask_to_box(mask)
            tight = np.array([x, y, x + width, y + height])
            np.testing.assert_allclose(tight, [*box[:2], *(box[:2] + box[2:])], atol=1)
            assert (mask & polygon_to_mask(polygon, mask.shape)).sum() > 0.99 * mask.sum()
            assert 0.7 < mask.sum() / polygon_area(polygon) < 1.0
            outer = polygon_to_box(polygon)
            assert (outer[:2] <= box[:2] + 1e-9).all() and (outer[2:] >= box[2:] - 1e-9).all()


@pytest.mark.parametrize("kind", ["deforming", "distractors"])
def test_the_mask_is_the_outline_filled_by_another_way(kind: str) -> None:
    made = sequence(kind)
    for index in (0, 20, 40):
        outline = made.scene.sprites[made.target].outline(index) - made.scene.offset(index)
        assert (made.mask(index) != polygon_to_mask(outline, (240, 320))).sum() <= 2


@pytest.mark.parametrize("kind", KINDS)
def test_the_target_differs_from_the_ground_around_it(kind: str) -> None:
    made = sequence(kind)
    frame, mask = made.frame(0).astype(float), made.mask(0)
    ring = cv2.dilate(mask, np.ones((21, 21), dtype=np.uint8)) - cv2.dilate(mask, np.ones((3, 3), dtype=np.uint8))
    assert np.linalg.norm(frame[mask == 1].mean(axis=0) - frame[ring == 1].mean(axis=0)) > 25


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("out_of_view", "full_occlusion", "decoy")])
def test_motion_is_smooth_and_the_target_stays_in_view(kind: str) -> None:
    made = sequence(kind)
    boxes = np.stack([made.box(index) for index in range(LENGTH)])
    steps = np.linalg.norm(np.diff(boxes[:, :2] + boxes[:, 2:] / 2, axis=0), axis=1)
    assert steps.mean() > 2 and steps.max() < 9
    assert boxes[:, 2:].min() > 30 and boxes[:, 2:].max() < 125
    assert min(made.visibility(index) for index in range(LENGTH)) > 0.5
    overlaps = [mask_iou(made.mask(index), made.mask(index + 1)) for index in range(LENGTH - 1)]
    assert min(overlaps) > 0.5


def test_rotating_turns_the_rectangle() -> None:
    made = sequence("rotating")
    sides = [made.polygon(index)[1] - made.polygon(index)[0] for index in (0, 36)]
    angles = [np.degrees(np.arctan2(side[1], side[0])) for side in sides]
    assert angles[1] - angles[0] == pytest.approx(90)


def test_scaling_changes_the_size() -> None:
    made = sequence("scaling")
    areas = [polygon_area(made.polygon(index)) for index in range(LENGTH)]
    assert max(areas) / min(areas) > 3
    assert frames_with(made, "size_change") > 10
    assert frames_with(sequence("moving"), "size_change") == 0


def test_deforming_changes_the_shape_and_not_only_the_pose() -> None:
    def fill(made: SyntheticSequence) -> float:
        shares = [made.mask(index).sum() / polygon_area(made.polygon(index)) for index in range(0, LENGTH, 3)]
        return max(shares) - min(shares)

    assert fill(sequence("deforming")) > 0.05 > 0.03 > fill(sequence("rotating"))


@pytest.mark.parametrize(
    ("kind", "low", "high"),
    [("partial_occlusion", 0.5, 0.8), ("full_occlusion", 0, 0), ("out_of_view", 0, 0), ("decoy", 0, 0)],
)
def test_the_target_is_hidden_and_comes_back(kind: str, low: float, high: float) -> None:
    for seed in range(3):
        made = sequence(kind, seed, length=80)
        visible = [made.visibility(index) for index in range(80)]
        assert low <= min(visible) <= high
        assert max(visible[int(np.argmin(visible)) :]) > 0.95
        assert "occlusion" in made.tags(int(np.argmin(visible)))


def test_a_hidden_target_still_has_its_box() -> None:
    made = sequence("full_occlusion")
    hidden = next(index for index in range(LENGTH) if not made.mask(index).any())
    assert box_iou(made.box(hidden), made.box(hidden - 1)) > 0.7


def test_distractors_look_like_the_target() -> None:
    made = sequence("distractors")
    labels = made.scene.labels(0)
    means = [made.frame(0)[labels == number].mean(axis=0) for number in (1, 2, 3)]
    assert np.ptp(means, axis=0).max() < 12
    np.testing.assert_array_equal(made.mask(0), labels == 3)


def test_illumination_changes_the_brightness() -> None:
    def spread(made: SyntheticSequence) -> float:
        levels = [made.frame(index).mean() for index in range(0, LENGTH, 6)]
        return max(levels) / min(levels)

    assert spread(sequence("illumination")) > 1.8
    assert spread(sequence("moving")) < 1.1
    assert frames_with(sequence("illumination"), "illum_change") > 20


def test_several_objects_hide_one_another() -> None:
    made = make_multi_object(1, LENGTH, objects=3, textures="procedural")
    first = made.labels(0)
    assert (made.objects, first.dtype, set(np.unique(first))) == (3, np.uint8, {0, 1, 2, 3})
    sizes = np.array([[(made.labels(index) == number).sum() for number in (1, 2, 3)] for index in range(0, LENGTH, 2)])
    assert (sizes[:, 0].min() < 0.8 * sizes[0, 0]) and (sizes[:, 2].min() > 0.95 * sizes[0, 2])


@pytest.mark.parametrize("objects", [1, 2, 5, 8])
def test_any_number_of_objects_starts_apart(objects: int) -> None:
    made = make_multi_object(0, 1, objects=objects, textures="procedural")
    for number, sprite in enumerate(made.scene.sprites, start=1):
        assert (made.labels(0) == number).sum() > 0.85 * sprite.area(0)


def test_photographs_are_used_where_scikit_image_is_installed() -> None:
    pytest.importorskip("skimage")
    by_default, photographs = make_sequence("moving", 3, 1), make_sequence("moving", 3, 1, textures="photographs")
    np.testing.assert_array_equal(by_default.frame(0), photographs.frame(0))
    np.testing.assert_array_equal(by_default.mask(0), sequence("moving").mask(0))
    assert (by_default.frame(0) != sequence("moving").frame(0)).any()


@pytest.mark.parametrize("size", [(96, 96), (160, 120), (427, 240), (640, 360), (120, 300)])
def test_other_frame_sizes(size: tuple[int, int]) -> None:
    for kind in KINDS:
        made = make_sequence(kind, 0, 30, size=size, textures="procedural")
        assert made.frame(29).shape == (size[1], size[0], 3)
        assert made.visibility(0) > 0.9


def test_written_images_are_the_frames(tmp_path: Path) -> None:
    made = sequence("moving", length=3)
    paths = write_sequence_images(made, tmp_path / "color")
    assert [path.name for path in paths] == ["00000001.jpg", "00000002.jpg", "00000003.jpg"]
    assert sorted(path.name for path in (tmp_path / "color").iterdir()) == [path.name for path in paths]
    difference = np.abs(read_image(paths[1]).astype(int) - made.frame(1))
    assert difference.mean() < 4
    assert write_sequence_images(made, tmp_path / "davis", first=0)[0].name == "00000000.jpg"


def test_impossible_arguments_are_all_named() -> None:
    with pytest.raises(ConfigError, match=r"unknown kind 'flying' \(known: moving, .*length 0;.*size 10 x 240"):
        make_sequence("flying", 0, 0, size=(10, 240))
    with pytest.raises(ConfigError, match=r"length -1;.*9 objects"):
        make_multi_object(0, -1, objects=9)


@pytest.mark.parametrize("index", [-1, LENGTH])
def test_a_frame_outside_the_sequence_is_an_index_error(index: int) -> None:
    made = sequence("moving")
    for method in (made.frame, made.mask, made.polygon, made.box, made.visibility, made.tags):
        with pytest.raises(IndexError, match="has frames 0 to 59"):
            method(index)

"""What is drawn over a picture, pixel by pixel where it matters."""

from __future__ import annotations

import numpy as np
import pytest

from samn_tracker.app.debug_picture import heat_over
from samn_tracker.prediction import Prediction
from samn_tracker.shapes.overlay import COLOURS, colour_of, draw_answers, draw_ruler, ruler_labels, text_plate

GREY = np.full((60, 80, 3), 100, dtype=np.uint8)


def answer(found: bool = True, masked: bool = True) -> Prediction:
    """A 20 x 10 box at (30, 25), filled."""
    mask = np.zeros((60, 80), dtype=np.uint8)
    mask[25:35, 30:50] = 1
    return Prediction(np.array([30.0, 25, 20, 10]), None, mask if masked else None, 0.5, found)


def test_the_inside_is_tinted_the_rest_is_untouched_and_the_input_too() -> None:
    drawn = draw_answers(GREY, {1: answer()}, words=False)
    tinted = (0.6 * 100 + 0.4 * np.array(COLOURS[0])).astype(np.uint8)
    assert (drawn[27:33, 33:47] == tinted).all()
    assert (drawn[:22] == 100).all()
    assert (drawn[:, :27] == 100).all()
    assert (GREY == 100).all()


@pytest.mark.parametrize("masked", [True, False])
def test_the_outline_lies_on_the_box(masked: bool) -> None:
    drawn = draw_answers(GREY, {1: answer(masked=masked)}, words=False)
    assert np.abs(drawn[25, 40].astype(int) - COLOURS[0]).max() < 70
    rows, columns = np.nonzero((np.abs(drawn.astype(int) - 100) > 40).any(axis=2))
    assert (rows.min() + 0.5, columns.min() + 0.5) == pytest.approx((25, 30), abs=1)
    assert (rows.max() + 0.5, columns.max() + 0.5) == pytest.approx((35, 50), abs=1)


def test_a_lost_object_is_grey_and_has_no_tint() -> None:
    drawn = draw_answers(GREY, {1: answer(found=False)}, words=False)
    assert (drawn[28:32, 33:47] == 100).all()
    assert (np.ptp(drawn.astype(int), axis=2) == 0).all(), "only greys"


def test_words_are_added_inside_the_picture() -> None:
    assert (draw_answers(GREY, {1: answer()}) != draw_answers(GREY, {1: answer()}, words=False)).any()
    corner = Prediction(np.array([70.0, -5, 30, 20]), None, None, 0.5)
    assert draw_answers(GREY, {12: corner, 3: answer()}).shape == GREY.shape


def test_colours_start_over() -> None:
    assert colour_of(1) == colour_of(1 + len(COLOURS)) == COLOURS[0]
    assert len({colour_of(number) for number in range(1, len(COLOURS) + 1)}) == len(COLOURS)


def test_heat_grows_with_the_value() -> None:
    values = np.tile(np.linspace(0, 1, 80, dtype=np.float32), (60, 1))
    brightness = heat_over(GREY, values, 1.0).astype(int).sum(axis=2).mean(axis=0)
    assert (np.diff(brightness[2:-2]) >= -2).all()
    assert brightness[-3] > brightness[2] + 200


@pytest.mark.parametrize(
    "shape", [(120, 160), (60, 400), (480, 854), (720, 1280), (2160, 3840), (1920, 1080), (100, 100)]
)
def test_no_number_of_the_ruler_lies_on_another(shape: tuple[int, int]) -> None:
    labels = ruler_labels(shape)
    plates = [text_plate(shape, text, place) for text, place in labels]
    drawn = np.zeros(shape, dtype=int)
    for left, top, right, bottom in plates:
        assert left >= 0 and right <= shape[1]
        drawn[top:bottom, left:right] += 1
    assert drawn.max() == 1
    across = [text for text, place in labels if place[1] == 0]
    assert across[0] == "0" and len(across) >= 2
    assert draw_ruler(np.zeros((*shape, 3), dtype=np.uint8)).shape == (*shape, 3)

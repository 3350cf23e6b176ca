"""Several objects behind the TraX server, driven by the real TraX client."""

from __future__ import annotations

import numpy as np
import pytest
from test_trax_server import HEIGHT, WIDTH, frame, served

trax = pytest.importorskip("trax", reason="the TraX bindings are not installed (pip install samn-tracker[vot])")

from samn_tracker.errors import ConfigError, RegionError, TrackerStateError  # noqa: E402
from samn_tracker.trax.options import Options  # noqa: E402
from samn_tracker.trax.several import SeveralSession  # noqa: E402


def mask(left: int, top: int, width: int = 30, height: int = 30) -> np.ndarray:
    whole = np.zeros((HEIGHT, WIDTH), np.uint8)
    whole[top : top + height, left : left + width] = 1
    return whole


MOVING, STILL = mask(30, 40), mask(110, 10, 20, 20)


def test_each_object_is_answered_in_its_place_and_one_may_begin_later() -> None:
    with served("fault_trackers:matching", SAMN_OBJECTS="several") as client:
        assert client.get("multiobject")
        image = {"color": trax.MemoryImage.create(frame(0))}
        given = [(trax.Mask.create(MOVING), {}), (trax.Rectangle.create(110, 10, 20, 20), {})]
        answers, _ = client.initialize(image, given, {})
        assert [np.array_equal(one.array(), two) for (one, _), two in zip(answers, (MOVING, STILL), strict=True)]

        answers, _ = client.frame({"color": trax.MemoryImage.create(frame(1))}, {}, [])
        first, second = (whole(one) for one, _ in answers)
        assert np.array_equal(first, np.roll(MOVING, (2, 3), (0, 1))) and np.array_equal(second, STILL)
        assert all(float(properties["confidence"]) == 0.75 for _, properties in answers)

        later = mask(10, 90, 20, 20)
        new = [(trax.Mask.create(later), {})]
        answers, _ = client.frame({"color": trax.MemoryImage.create(frame(2))}, {}, new)
        assert len(answers) == 3 and np.array_equal(whole(answers[2][0]), later)


def whole(region: object) -> np.ndarray:
    return np.asarray(region.array())[:HEIGHT, :WIDTH]  # type: ignore[attr-defined]


def test_the_server_of_one_object_says_how_several_are_followed() -> None:
    log: list[str] = []
    with pytest.raises(trax.TraxException), served("fault_trackers:matching", log=log) as client:
        given = [(trax.Mask.create(MOVING), {}), (trax.Mask.create(STILL), {})]
        client.initialize({"color": trax.MemoryImage.create(frame(0))}, given, {})


def session() -> SeveralSession:
    return SeveralSession(Options(tracker="test_absence:seen_once", objects="several"))


def test_an_object_that_is_lost_is_an_empty_mask(monkeypatch: pytest.MonkeyPatch) -> None:
    from pathlib import Path

    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "runner"))
    image, square = np.zeros((6, 8, 3), np.uint8), np.zeros((6, 8), np.uint8)
    square[1:4, 2:5] = 1
    follower = session()
    follower.initialize(image, [trax.Mask.create(square)], {})
    sums = [int(np.asarray(follower.track(image)[0][0].array()).sum()) for _ in range(2)]
    assert sums == [9, 0]


def test_what_cannot_be_followed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    follower = SeveralSession(Options(tracker="filled:opencv-mil", objects="several"))
    image = frame(0)
    with pytest.raises(TrackerStateError, match="before the first initialize"):
        follower.track(image)
    with pytest.raises(RegionError, match="target 1 shows no pixel"):
        follower.initialize(image, [trax.Mask.create(MOVING), trax.Mask.create(MOVING)], {})
    with pytest.raises(ConfigError, match="objects 'two' is unknown"):
        Options(objects="two")
    with pytest.raises(ConfigError, match="several objects are answered as masks"):
        Options(objects="several", reply="polygon")

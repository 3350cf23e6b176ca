"""Trackers that follow the studio's objects from any frame, forwards or backwards.

Every object has a tracker of its own: it is searched for and found again on its own, in a patch in which it keeps its
detail, and corrected without touching the others. Where masks overlap the surer object has the pixel (`merge_masks`).
A tracker knows every frame that the person marked, wherever in the video it lies. It begins anew when one of them
changes, so that what it saw while it was wrong is forgotten, and is shown some of its good answers again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from samn_tracker.core.tracker import Tracker
from samn_tracker.studio.answers import Answer, Thing, worth_a_look
from samn_tracker.studio.frames import FrameStore

RECALLED = 12
"""Tracked frames that a tracker which begins anew is shown again, evenly spread over those before its beginning."""

RECOGNISED = 0.5
"""Overlap of such a frame's mask with what is known so far from which it is believed: where a tracker has slipped onto
something else its answers are as sure as ever."""


@dataclass
class _Follower:
    """A tracker, the marked frames that it has learnt, and the frame at which it stands."""

    tracker: Tracker
    known: set[int] = field(default_factory=set)
    place: int | None = None


class Followers:
    """One tracker for each object, kept where the last frame left it while that serves."""

    def __init__(self, store: FrameStore, make_tracker: Callable[[], Tracker]) -> None:
        self._store = store
        self._make = make_tracker
        self._followers: dict[int, _Follower] = {}

    def new(self) -> Tracker:
        """A tracker of no object."""
        return self._make()

    def forget(self, one: int) -> None:
        """The object is gone, or another one than before."""
        self._followers.pop(one, None)

    def marked(self, one: int, index: int) -> None:
        """The person has marked the object in this frame: what was learnt of it before no longer holds."""
        follower = self._followers.get(one)
        if follower is not None and index in follower.known:
            self.forget(one)

    def proposer(self, one: int, thing: Thing, index: int) -> Tracker:
        """The object's tracker to propose a mask in frame `index`: it knows the other marked frames, not this one."""
        follower = self._followers.get(one)
        if follower is None or index in follower.known:
            others = [frame for frame in thing.prompts if frame != index]
            follower = self._learnt(one, thing, others, index, not others or min(others) < index)
        return follower.tracker

    def begin(self, one: int, thing: Thing, index: int, forwards: bool) -> None:
        """Bring the object's tracker to frame `index`, which has an answer, to go on from there."""
        follower = self._followers.get(one)
        if follower is not None and follower.place == index and follower.known == set(thing.prompts):
            return
        follower = self._learnt(one, thing, list(thing.prompts), index, forwards)
        if follower.place != index:
            answer = thing.answers[index]
            if answer.found:
                mask = answer.mask(self._store.shape)
                follower.tracker.correct(mask, self._store.image(index), permanent=False)
            follower.place = index

    def follow(self, one: int, thing: Thing, index: int) -> Answer:
        """The object's answer in the next frame, `index`; where the person marked it, that stays, and is looked at."""
        follower = self._followers[one]
        follower.place = index
        image = self._store.image(index)
        if index in thing.prompts:
            follower.tracker.correct(thing.answers[index].mask(self._store.shape), image, permanent=False)
            return thing.answers[index]
        return Answer.of(follower.tracker.track(image))

    def _learnt(self, one: int, thing: Thing, frames: list[int], index: int, forwards: bool) -> _Follower:
        """A new tracker that has learnt these frames, the nearest to `index` last; without one it has not begun."""
        follower = self._followers[one] = _Follower(self._make())
        for frame in sorted(frames, key=lambda frame: (-abs(frame - index), frame)):
            mask, image = thing.answers[frame].mask(self._store.shape), self._store.image(frame)
            if follower.known:
                follower.tracker.correct(mask, image)
            else:
                follower.tracker.initialize(image, mask)
                self._recall(follower.tracker, thing, index, forwards)
            follower.known.add(frame)
            follower.place = frame
        return follower

    def _recall(self, tracker: Tracker, thing: Thing, index: int, forwards: bool) -> None:
        """Let a new tracker see a few of the good answers that lie before frame `index`, in the order of the run."""
        doubtful = set(worth_a_look(thing.answers))
        good = [
            frame
            for frame, answer in sorted(thing.answers.items(), reverse=not forwards)
            if (frame < index if forwards else frame > index) and frame not in doubtful and not answer.given
        ]
        spread = np.linspace(0, len(good) - 1, min(RECALLED, len(good))).round().astype(int)
        for frame in (good[place] for place in spread):
            tracker.remember(self._store.image(frame), thing.answers[frame].mask(self._store.shape), RECOGNISED)

"""What the page can ask for, and what it is told: the project, its trackers and the run that is going on.

Commands come one at a time. A run of the trackers has a thread of its own; a command that changes anything stops it
first, and everything it has answered until then stays.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from samn_tracker.core.tracker import Tracker
from samn_tracker.errors import RegionError, SamnError, TrackerStateError
from samn_tracker.shapes.overlay import colour_of
from samn_tracker.shapes.points import Points
from samn_tracker.studio.answers import UNSURE, Answer, Thing, worth_a_look
from samn_tracker.studio.edits import Edited, boxed, click, painted
from samn_tracker.studio.following import Followers
from samn_tracker.studio.frames import FrameStore
from samn_tracker.studio.project import Project
from samn_tracker.studio.saving import save_results

Event = dict[str, Any]


class Session:
    """One video, one project.

    Args:
        tell: is given every event, from any thread.
    """

    def __init__(
        self,
        store: FrameStore,
        project: Project,
        make_tracker: Callable[[], Tracker],
        results: Path,
        tell: Callable[[Event], None],
    ) -> None:
        self.store = store
        self.project = project
        self._followers = Followers(store, make_tracker)
        self._results = results
        self._tell = tell
        self._stop = threading.Event()
        self._run: threading.Thread | None = None

    def warm_up(self) -> None:
        """Run the networks once on the first frame, so that the first click does not wait until they are ready."""
        image, tracker = self.store.image(0), self._followers.new()
        height, width = self.store.shape
        middle = np.array([[width / 2, height / 2]])
        with suppress(RegionError):  # there need not be anything in the middle
            tracker.propose(image, Points(middle))
        mask = np.zeros(self.store.shape, dtype=np.uint8)
        mask[height // 4 : height // 2 + 1, width // 4 : width // 2 + 1] = 1
        tracker.initialize(image, mask)
        tracker.track(image)

    # --- what the page sees --------------------------------------------------------------------------------------

    def about(self) -> Event:
        """The event that shows the whole project."""
        things = list(self.project.things.items())
        return {
            "type": "project",
            "name": self.store.name,
            "frames": self.store.count,
            "height": self.store.shape[0],
            "width": self.store.shape[1],
            "frames_per_second": self.store.frames_per_second,
            "unsure": UNSURE,
            "can_undo": self.project.can_undo,
            "running": self._run is not None and self._run.is_alive(),
            "objects": [self._about_thing(one, thing) for one, thing in things],
        }

    def answers(self, index: int) -> dict[str, Any]:
        """By object id, everything that is known of a frame."""
        told = {}
        for one, thing in list(self.project.things.items()):
            answer, prompt = thing.answers.get(index), thing.prompts.get(index)
            if answer is not None:
                clicks = {"positive": prompt.positive, "negative": prompt.negative} if prompt else {}
                told[str(one)] = {**answer.as_json(), **clicks}
        return told

    def _about_thing(self, one: int, thing: Thing) -> dict[str, Any]:
        answers = dict(thing.answers)
        confidences: list[float | None] = [None] * self.store.count
        for index, answer in answers.items():
            confidences[index] = answer.confidence
        return {
            "id": one,
            "name": thing.name,
            "colour": "rgb({},{},{})".format(*colour_of(one)),
            "prompts": sorted(thing.prompts),
            "confidences": confidences,
            "worth_a_look": worth_a_look(answers),
        }

    # --- objects -------------------------------------------------------------------------------------------------

    def add_object(self, name: str) -> None:
        """A new object, not marked anywhere yet."""
        self._change(lambda: self.project.add(name))

    def rename(self, one: int, name: str) -> None:
        """Another name for an object."""
        thing = self._thing(one)
        self._change(lambda: setattr(thing, "name", name))

    def remove(self, one: int) -> None:
        """An object, with all its answers; undo brings it back."""
        self._thing(one)
        self._change(lambda: self.project.things.pop(one))
        self.project.save()
        self._followers.forget(one)

    # --- marking -------------------------------------------------------------------------------------------------

    def point(self, one: int, index: int, point: tuple[float, float], positive: bool) -> None:
        """A click on the object, or beside it."""
        thing = self._thing(one)
        self._mark(one, index, lambda tracker: click(tracker, self.store.image(index), thing, index, point, positive))

    def box(self, one: int, index: int, box: list[float]) -> None:
        """A box around the object."""
        self._mark(one, index, lambda tracker: boxed(tracker, self.store.image(index), box))

    def stroke(self, one: int, index: int, stroke: list[list[float]], radius: float, add: bool) -> None:
        """Paint, or erase."""
        thing = self._thing(one)
        self._mark(one, index, lambda _: painted(self.store.shape, thing, index, stroke, radius, add))

    def clear(self, one: int, index: int) -> None:
        """Take away what is marked or was answered in a frame."""
        thing = self._thing(one)

        def take_away() -> None:
            thing.prompts.pop(index, None)
            thing.answers.pop(index, None)

        self._change(take_away)
        self.project.save()
        self._followers.forget(one)
        self._tell_answers(index)

    def undo(self) -> None:
        """Back to before the last edit or run."""
        self.stop()
        self.project.undo()
        for one in range(1, 256):
            self._followers.forget(one)
        self._tell(self.about())

    def _mark(self, one: int, index: int, edit: Callable[[Tracker], Edited]) -> None:
        thing = self._thing(one)

        def mark() -> None:
            prompt, mask = edit(self._followers.proposer(one, thing, index))
            thing.prompts[index] = prompt
            self.project.answer(one, index, Answer.of_mask(mask))
            self._followers.marked(one, index)

        self._change(mark)
        self._tell_answers(index)

    def _change(self, change: Callable[[], object]) -> None:
        """Do it, so that it can be undone, and tell; nothing has happened where it fails."""
        self.stop()
        self.project.remember()
        try:
            change()
        except BaseException:
            self.project.forget_step()
            raise
        self.project.save_objects()
        self._tell(self.about())

    def _thing(self, one: int) -> Thing:
        if one not in self.project.things:
            raise TrackerStateError(f"there is no object {one}; it may have been removed")
        return self.project.things[one]

    def _tell_answers(self, index: int) -> None:
        self._tell({"type": "answers", "frame": index, "answers": self.answers(index)})

    # --- tracking ------------------------------------------------------------------------------------------------

    def track(self, index: int, forwards: bool) -> None:
        """Follow every object that frame `index` shows to the end of the video, or to its beginning.

        Raises:
            TrackerStateError: the frame shows none.
        """
        self.stop()
        ids = [one for one, thing in self.project.things.items() if index in thing.answers]
        if not ids:
            raise TrackerStateError("no object is marked in this frame; click on one, or draw a box around it, first")
        self.project.remember()
        self._stop.clear()
        self._run = threading.Thread(target=self._track, args=(ids, index, forwards), daemon=True)
        self._tell({"type": "running", "running": True})
        self._run.start()

    def halt(self) -> None:
        """Ask the run to end after the frame that it is at; does not wait."""
        self._stop.set()

    def stop(self) -> None:
        """End the run after the frame that it is at, and wait for that."""
        run = self._run
        self._stop.set()
        if run is not None and run is not threading.current_thread():
            run.join()
        self._run = None

    def wait(self) -> None:
        """Wait until the run has ended by itself."""
        if self._run is not None:
            self._run.join()

    def _track(self, ids: list[int], index: int, forwards: bool) -> None:
        done, start = 0, 0.0
        frames = range(index + 1, self.store.count) if forwards else range(index - 1, -1, -1)
        try:
            for one in ids:
                self._followers.begin(one, self.project.things[one], index, forwards)
            start = time.perf_counter()
            for frame in frames:
                if self._stop.is_set():
                    break
                for one in ids:
                    thing = self.project.things[one]
                    self.project.answer(one, frame, self._followers.follow(one, thing, frame))
                done += 1
                self._tell_answers(frame)
        except SamnError as error:
            self._tell({"type": "error", "text": str(error)})
        except Exception as error:  # a page that waits for ever would be worse
            self._tell({"type": "error", "text": f"tracking ended by {type(error).__name__}: {error}"})
            raise
        finally:
            rate = done / max(time.perf_counter() - start, 1e-9) if done else 0.0
            self._tell({**self.about(), "running": False})
            self._tell({"type": "running", "running": False, "done": done, "rate": round(rate, 2)})

    # --- results -------------------------------------------------------------------------------------------------

    def save(self, kinds: str) -> None:
        """Write the same files as `samn track`, of every frame, and the project.

        Raises:
            SamnError: a kind is unknown, or a file cannot be written.
        """
        self.stop()
        self.project.save()
        files = save_results(self._results, kinds, self.store, self.project.things, self._saved)
        self._tell({"type": "saved", "files": {kind: str(path) for kind, path in files.items()}})

    def _saved(self, index: int) -> None:
        self._tell({"type": "saving", "frame": index})

    def close(self) -> None:
        """Stop, and finish the project's files."""
        self.stop()
        self.project.close()

"""A studio project on disk: whatever was done is in its folder a moment later.

`project.json` holds the objects and what the person marked, written whole after every edit; `answers.jsonl` has one
line an object and frame, added while tracking, so that a computer that stops loses one frame at most. The last line of
a frame counts.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, TextIO

from samn_tracker.errors import ResultError
from samn_tracker.files import open_text, write_atomic
from samn_tracker.runner.frames import listed
from samn_tracker.studio.answers import Answer, Prompt, Thing
from samn_tracker.studio.frames import FrameStore

VERSION = 1
UNDO_STEPS = 50
MAXIMUM_OBJECTS = 255
"""Ids are those of indexed PNG files."""


class Project:
    """The objects of one video, with the steps back.

    Attributes:
        folder: where everything is.
        things: id -> object.

    Raises:
        ResultError: the folder holds a project that cannot be read, or of another video.
    """

    def __init__(self, folder: Path, store: FrameStore) -> None:
        self.folder = folder
        self.things: dict[int, Thing] = {}
        self._past: list[dict[int, Thing]] = []
        self._about = {"frames": store.count, "height": store.shape[0], "width": store.shape[1]}
        self._source = store.name
        self._journal = folder / "answers.jsonl"
        if (folder / "project.json").is_file():
            self._load()
        self.save()
        self._stream = self._opened()

    # --- changes -------------------------------------------------------------------------------------------------

    def remember(self) -> None:
        """Keep the present state to come back to with `undo`; call it before a change."""
        self._past = [*self._past[1 - UNDO_STEPS :], {one: thing.copy() for one, thing in self.things.items()}]

    @property
    def can_undo(self) -> bool:
        """Whether there is a state to come back to; there is none after the program was started again."""
        return bool(self._past)

    def undo(self) -> None:
        """Come back to the state that was remembered last; nothing happens without one."""
        if self._past:
            self.things = self._past.pop()
            self.save()

    def forget_step(self) -> None:
        """Drop the state that was remembered last: the change it was kept for did not happen."""
        self._past.pop()

    def add(self, name: str) -> int:
        """A new object's id: the lowest free one.

        Raises:
            ResultError: there are as many as an indexed PNG can tell apart.
        """
        free = next((one for one in range(1, MAXIMUM_OBJECTS + 1) if one not in self.things), None)
        if free is None:
            raise ResultError(f"{MAXIMUM_OBJECTS} objects is the most that mask files can tell apart; remove one first")
        self.things[free] = Thing(name or f"object {free}")
        return free

    def answer(self, one: int, index: int, answer: Answer) -> None:
        """Record an answer, in memory and on disk."""
        self.things[one].answers[index] = answer
        self._stream.write(_line(one, index, answer))
        self._stream.flush()

    def _opened(self) -> TextIO:
        return open_text(self._journal, "a")

    # --- disk ----------------------------------------------------------------------------------------------------

    def save_objects(self) -> None:
        """Write `project.json`: the objects and what the person marked."""
        objects = {
            str(one): {
                "name": thing.name,
                "prompts": {str(index): asdict(prompt) for index, prompt in thing.prompts.items()},
            }
            for one, thing in self.things.items()
        }
        record = {"version": VERSION, "source": self._source, **self._about, "objects": objects}
        write_atomic(self.folder / "project.json", json.dumps(record, indent=1) + "\n")

    def save(self) -> None:
        """Write everything anew, one line for each answer."""
        lines = [_line(o, i, a) for o, thing in self.things.items() for i, a in sorted(thing.answers.items())]
        write_atomic(self._journal, "".join(lines))
        self.save_objects()
        if hasattr(self, "_stream"):
            self._stream.close()
            self._stream = self._opened()

    def close(self) -> None:
        """Finish the files."""
        self.save()
        self._stream.close()

    def _load(self) -> None:
        path = self.folder / "project.json"
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            self.things = {int(one): _thing(content) for one, content in record["objects"].items()}
            differs = [
                f"{key} {record[key]}, not {value}" for key, value in self._about.items() if record[key] != value
            ]
            version = record["version"]
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise ResultError(
                f"{path} is not a project that can be read ({error}); move it away, or choose another --project"
            ) from None
        if version != VERSION:
            raise ResultError(f"{path} is of version {version}, this program reads {VERSION}; use the program it is of")
        if differs:
            raise ResultError(
                f"{self.folder} is the project of another video ({record.get('source')}: {'; '.join(differs)}); "
                "choose another --project"
            )
        self._load_answers()

    def _load_answers(self) -> None:
        if not self._journal.is_file():
            return
        shape = (self._about["height"], self._about["width"])
        lines = self._journal.read_text(encoding="utf-8", errors="replace").splitlines()
        damaged = []
        for number, line in enumerate(lines, start=1):
            try:
                record = json.loads(line)
                one, index = int(record.pop("object")), int(record.pop("frame"))
                answer = Answer.from_json(record)
                whole = answer.fits(shape) and 0 <= index < self._about["frames"]
            except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
                whole = False
            if not whole:
                damaged.append(number)
            elif one in self.things:
                self.things[one].answers[index] = answer
        if damaged and damaged != [len(lines)]:  # the last one may be cut off where the program was ended
            print(f"{self._journal}: line {listed(damaged)} is damaged and left out", file=sys.stderr)


def _line(one: int, index: int, answer: Answer) -> str:
    return json.dumps({"object": one, "frame": index, **answer.as_json()}, separators=(",", ":")) + "\n"


def _thing(content: Mapping[str, Any]) -> Thing:
    return Thing(content["name"], {int(index): _prompt(one) for index, one in content["prompts"].items()})


def _prompt(content: Mapping[str, Any]) -> Prompt:
    positive, negative = (tuple((x, y) for x, y in content[key]) for key in ("positive", "negative"))
    base = content["base"]
    return Prompt(positive, negative, None if base is None else (tuple(base[0]), tuple(base[1])))

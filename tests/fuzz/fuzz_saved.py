"""What our own programs write and read again, and what other people's tools hand to them in the same formats."""

from __future__ import annotations

import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import torch
from fuzz_readers import SIZE, Parser, labels, picture, reader, write

from samn_tracker.app.report import with_attributes
from samn_tracker.report.model import Report, Run
from samn_tracker.report.runs import read_log, read_saved_scores, run_from_scores
from samn_tracker.studio import commands
from samn_tracker.studio.answers import Answer
from samn_tracker.studio.project import Project
from samn_tracker.train.checkpoint import read_state
from samn_tracker.train.coco import CocoSource
from samn_tracker.train.sources import LabelledImage, read_pack, write_pack
from samn_tracker.trax.client import launch_of
from samn_tracker.trax.messages import parse_message, parse_region
from vot_workspace.manifest import SEALS, read_seals
from vot_workspace.workspace import Workspace

_SCORES = {"benchmark": "ope", "split": "otb100", "success": 0.5, "sequences": {"a": {"success": 0.5}}, "notes": ["n"]}
_CURVES = {"curves": {"success": {"x": [0, 0.5, 1], "y": [1, 0.5, 0]}}, "attributes": {"IV (1)": {"success": 0.5}}}
_INI = b"[a]\nprotocol = traxpython\ncommand = samn_tracker\npaths = x:y\ntimeout = 30\nenv_A = %%1\narg_b = 2\n"
_PACK_INDEX = [b'{"format": "samn-pack-1", "sets": [{"name": "one", "entries": [[0, 1]], "clips": [[0]]}]}']
_STACK = (
    b"title: T\nexperiments:\n  baseline:\n    type: supervised\n    repetitions: 3\n    skip_initialize: 5\n"
    b"    analyses:\n      - type: _eao_score\n        low: 2\n        high: 3\n  realtime:\n    type: unsupervised\n"
)


def _nothing(root: Path) -> None:
    """A file that needs no other."""


def _scores(root: Path) -> object:
    table = read_saved_scores(root / "scores.json")
    return run_from_scores("a", table), table.to_json()


def _log(root: Path) -> object:
    return read_log(root / "a.csv")


def _launch(root: Path) -> object:
    return launch_of(f"{root}/t.ini:a", {})


def _answered(data: bytes, folder: Path) -> object:
    message = parse_message(data.decode("utf-8", errors="replace"))
    return message and [parse_region(one) for one in message.values]


def _asked(data: bytes, folder: Path) -> object:
    return commands.parse(data.decode("utf-8", errors="replace"))


def _studio(file: str) -> Parser:
    """A project with one damaged file, opened, every mask unpacked, and closed: what the page does with it."""
    seeds = {"project.json": _project_seeds(), "answers.jsonl": _journal_seeds()}

    def parse(data: bytes, folder: Path) -> object:
        for name, (whole, *_) in seeds.items():
            write(folder / name, data if name == file else whole)
        store: Any = SimpleNamespace(count=4, shape=SIZE, name="clip.mp4")
        project = Project(folder, store)
        try:
            return [one.prediction(SIZE) for thing in project.things.values() for one in thing.answers.values()]
        finally:
            project.close()

    return Parser(f"studio's {file}", seeds[file], parse)


def _project_seeds() -> list[bytes]:
    about = {"version": 1, "source": "clip.mp4", "frames": 4, "height": SIZE[0], "width": SIZE[1]}
    prompts = {"0": {"positive": [[3, 4]], "negative": [], "base": [[2, 2, 6, 5], [0, 30]]}}
    return [json.dumps({**about, "objects": {"1": {"name": "ball", "prompts": prompts}}}).encode()]


def _journal_seeds() -> list[bytes]:
    answer = Answer.of_mask((labels() == 1).astype(np.uint8)).as_json()
    return ["\n".join(json.dumps({"object": 1, "frame": index, **answer}) for index in range(3)).encode() + b"\n"]


def _pack_seeds(folder: Path) -> list[bytes]:
    class One:
        name, clips = "one", [[0]]

        def __len__(self) -> int:
            return 1

        def read(self, index: int) -> LabelledImage:
            return LabelledImage(np.full((*SIZE, 3), 90, np.uint8), labels().astype(np.uint16))

    write_pack([One()], folder / "seed.npz", {"one": 16})  # type: ignore[list-item]
    return [(folder / "seed.npz").read_bytes()]


def _packed_index(data: bytes, folder: Path) -> object:
    """The part of a pack that a checksum does not guard: a text in a whole archive."""
    blobs = np.frombuffer(picture() + cv2.imencode(".png", labels())[1].tobytes(), np.uint8)
    offsets = np.array([0, len(picture()), len(blobs)])
    np.savez(folder / "all.npz", data=blobs, offsets=offsets, index=np.frombuffer(data, np.uint8))
    return _packed(folder)


def _packed(root: Path) -> object:
    return [source.read(index) for source in read_pack(root / "all.npz").values() for index in range(len(source))]


def _state_seeds() -> list[bytes]:
    tensors = {"a": torch.zeros(2)}
    state = {"config": {"a": "1"}, "network": tensors, "average": tensors, "optimiser": {"state": {}}, "progress": {}}
    buffer = io.BytesIO()
    torch.save(state | {"random": torch.zeros(4, dtype=torch.uint8)}, buffer)
    return [buffer.getvalue()]


def _coco_layout(root: Path) -> None:
    write(root / "a.png", picture())


def _coco_seeds() -> list[bytes]:
    square = {"segmentation": [[2, 2, 8, 2, 8, 7, 2, 7]], "bbox": [2, 2, 6, 5], "area": 30}
    runs = {"segmentation": {"counts": [26, 5, 7, 5, 149], "size": list(SIZE)}, "bbox": [2, 2, 2, 5], "area": 10}
    coded = {"segmentation": {"counts": "[0040E0", "size": list(SIZE)}, "bbox": [2, 2, 2, 5], "area": 10}
    image = {"id": 1, "file_name": "a.png", "height": SIZE[0], "width": SIZE[1]}
    common = {"image_id": 1, "category_id": 1, "iscrowd": 0}
    shapes = [[square], [square, runs], [coded]]
    found = [[{**common, "id": number, **one} for number, one in enumerate(part, start=1)] for part in shapes]
    categories = [{"id": 1, "name": "thing"}]
    return [json.dumps({"images": [image], "annotations": one, "categories": categories}).encode() for one in found]


def _coco(root: Path) -> object:
    source = CocoSource("one", root, root / "instances.json")
    return [source.read(index) for index in range(len(source))]


def _workspace_layout(root: Path) -> None:
    write(root / "config.yaml", "stack: stack.yaml\nregistry:\n  - ./trackers.ini\n")
    write(root / "stack.yaml", _STACK)
    write(root / "sequences/list.txt", "a\n")


def _entries(root: Path) -> object:
    workspace = Workspace(root)
    return workspace.tracker(workspace.first_tracker)


def _experiments(root: Path) -> object:
    return Workspace(root).experiments


def _tags(root: Path) -> object:
    run = Run("a", {"success": 0.5}, {"one": {"success": 0.5}}, {})
    return with_attributes(Report("t", "b", "success", (run,)), root / "tags.json")


def saved_readers(folder: Path) -> list[Parser]:
    """Every reader; `folder` is used to make the seeds."""
    states = [b'@@TRAX:state "12,7,30,20" "confidence=0.93" \n', b'x@@TRAX:state "mask:2,3,2,2,1,2" "a=\\"b\\\\"\n']
    states += [b'@@TRAX:state "1,2,30,2,30,40,1,40" \n', b'@@TRAX:hello "trax.version=4" "trax.region=mask;polygon;"\n']
    asked = [
        b'{"type": "add_object", "name": "ball"}',
        b'{"type": "box", "object": 1, "frame": 3, "box": [1, 2, 3, 4]}',
    ]
    asked += [b'{"type": "stroke", "object": 1, "frame": 0, "stroke": [[1, 2.5]], "radius": 3, "add": true}']
    return [
        reader("saved scores", [json.dumps(_SCORES | _CURVES).encode()], _nothing, "scores.json", _scores),
        reader("run's log", [b"a,b,c,d\n0,0.1,1,1\n1,0.1,0.5,0\n"], _nothing, "a.csv", _log),
        reader("attributes of a report", [b'{"one": ["IV", "OCC"], "two": []}'], _nothing, "tags.json", _tags),
        Parser("TraX message of a tracker", states, _answered),
        reader("entry of a tracker", [_INI], _nothing, "t.ini", _launch),
        reader("workspace's trackers", [_INI], _workspace_layout, "trackers.ini", _entries),
        reader("workspace's stack", [_STACK], _workspace_layout, "stack.yaml", _experiments),
        reader("seals of results", [b'{"a/a/a_001.bin": "00"}'], _nothing, SEALS, read_seals),
        Parser("message of the studio's page", asked, _asked),
        _studio("project.json"),
        _studio("answers.jsonl"),
        reader("packed training data", _pack_seeds(folder), _nothing, "all.npz", _packed),
        Parser("index of packed training data", _PACK_INDEX, _packed_index),
        reader("training checkpoint", _state_seeds(), _nothing, "checkpoint.pt", read_state),
        reader("COCO annotations", _coco_seeds(), _coco_layout, "instances.json", _coco),
    ]

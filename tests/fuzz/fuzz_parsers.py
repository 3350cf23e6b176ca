"""Every reader of foreign bytes: how it is called, and valid inputs to start from.

A reader may answer or raise one of our errors; anything else is a crash.
"""

from __future__ import annotations

import io
import json
import pickle
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
import trax
from fuzz_onepass import onepass_readers
from fuzz_readers import Parser, all_readers
from fuzz_saved import saved_readers
from safetensors.torch import save

from samn_tracker.app.targets import targets_from_text
from samn_tracker.core.config import TrackerConfig, load_toml
from samn_tracker.errors import ResultError
from samn_tracker.images import decode_image
from samn_tracker.model.config import ModelConfig
from samn_tracker.model.weights import EARLIER_FORMAT as WEIGHTS_FORMAT
from samn_tracker.model.weights import read_info, read_tensors
from samn_tracker.regress.record import Record, read_record, save_record
from samn_tracker.runner.box_text import read_rows, strict_faults
from samn_tracker.runner.label_png import decode_labels, encode_labels
from samn_tracker.runner.lint import ZipSource
from samn_tracker.runner.run_folder import FORMAT as RUN_FORMAT
from samn_tracker.runner.run_folder import RunFolder
from samn_tracker.runner.truth import first_box, read_boxes, read_names
from samn_tracker.settings import save_toml, to_dict
from samn_tracker.shapes.regions import rle_decode, rle_encode
from samn_tracker.train.config import load_config
from samn_tracker.trax.convert import from_trax_region
from samn_tracker.trax.options import Options, parse_settings
from vot_workspace.layouts import read_dataset, read_folder
from vot_workspace.trajectory import (
    MaskPart,
    decode_binary,
    encode_binary,
    format_region,
    parse_region,
    read_trajectory,
    read_values,
)

_MASK = np.array([[0, 1, 1, 0], [1, 1, 1, 0], [0, 0, 1, 1]], dtype=np.uint8)
_POLYGON = np.array([[1.5, 2], [30, 2.25], [28, 40], [0, 38]])
_REGIONS = [1, np.array([3.5, 4, 20, 30]), _POLYGON, MaskPart((2, 5), _MASK), 0, 2]
_SHAPE = (48, 64)
_FLOAT = re.compile(r"[-+]?([0-9]+(\.[0-9]*)?([eE][-+]?[0-9]+)?|nan|inf)")


def _text(read: Callable[[str], object]) -> Callable[[bytes, Path], object]:
    return lambda data, folder: read(data.decode("utf-8", errors="replace"))


def _file(read: Callable[[Path], object], name: str) -> Callable[[bytes, Path], object]:
    def parse(data: bytes, folder: Path) -> object:
        path = folder / name
        path.write_bytes(data)
        return read(path)

    return parse


def _runs(text: str) -> object:
    numbers = [int(part) for part in text.split() if part.removeprefix("-").isdecimal() and len(part) < 19]
    height, width, *runs = [*numbers, 0, 0][: max(2, len(numbers))]
    mask = rle_decode(runs, (abs(height) % 512, abs(width) % 512))
    return rle_encode(mask)


def _rows(text: str) -> object:
    found, faults = read_rows(text)
    if not strict_faults(text, 4, None):
        assert not faults and np.isfinite(found).all(), "the strict reader accepts what the forgiving one does not"
    return strict_faults(text, 4, 3, (1.0, 2.0, 3.0, 4.0))


def _ground_truth(path: Path) -> object:
    return first_box("sequence", read_boxes(path))


def _settings(text: str) -> object:
    options = Options().updated({"samn_set": text}, "samn_")
    return TrackerConfig().with_overrides(parse_settings(options.set))


def _targets(text: str) -> object:
    boxes, polygons = ([text], []) if text.replace(" ", ",").count(",") == 3 else ([], [text])
    return targets_from_text(boxes, polygons, [], _SHAPE, [])


def _trax_region(text: str) -> object:
    """A region as the TraX library hands it over; numbers that are not finite get through its protocol."""
    region: object
    if text.startswith("m"):
        part = parse_region(text)
        assert isinstance(part, MaskPart)
        region = trax.Mask.create(part.mask, *part.offset)
    else:
        numbers = [float(item) if _FLOAT.fullmatch(item) else 0.0 for item in text.split(",")]
        numbers += [0.0] * (6 - len(numbers) if len(numbers) != 4 else 0)
        corners = list(zip(numbers[::2], numbers[1::2], strict=False))
        region = trax.Rectangle.create(*numbers) if len(numbers) == 4 else trax.Polygon.create(corners)
    return from_trax_region(region, _SHAPE)


def _archive(path: Path) -> object:
    source = ZipSource(path)
    found: list[object] = [source.faults()]
    for name in source.names():
        try:
            found.append(len(source.read(name)))
        except ResultError as error:
            found.append(error)
    assert {one.name for one in path.parent.iterdir()} == {path.name}, "reading an archive wrote files"
    return found


def _weights(path: Path) -> object:
    return read_tensors(path), read_info(path)


def _run_folder(path: Path) -> object:
    folder = RunFolder(path.parent)
    return folder.manifest, folder.damage("one")


def _run_record(path: Path) -> object:
    folder = RunFolder(path.parent.parent)
    return folder.damage(path.stem), folder.records()


def _in_records(data: bytes, folder: Path) -> object:
    (folder / "records").mkdir(exist_ok=True)
    return _file(_run_record, "records/one.json")(data, folder)


def _zip_seeds() -> list[bytes]:
    seeds = []
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", method) as archive:
            archive.writestr("one/one_001.txt", "1,2,3,4\n" * 5)
            archive.writestr("../escape.txt", "1")
            archive.writestr("empty/", "")
        seeds.append(buffer.getvalue())
    return seeds


def _picture_seeds() -> list[bytes]:
    picture = np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    pictures = [picture, picture[..., 0], np.dstack([picture, picture[..., :1]]), picture.astype(np.uint16) << 8]
    coded = [cv2.imencode(".png", one)[1].tobytes() for one in pictures]
    return coded + [cv2.imencode(suffix, picture)[1].tobytes() for suffix in (".jpg", ".bmp", ".tiff", ".webp")]


def _weights_seeds() -> list[bytes]:
    model = json.dumps(to_dict(ModelConfig()))
    header = {"format": WEIGHTS_FORMAT, "name": "samn-lite", "model": model, "provenance": '{"iterations": 3}'}
    tensors = {"a": torch.zeros(2, 3), "b": torch.ones(1, dtype=torch.float16)}
    deep = {**header, "model": "[" * 20000}
    return [save(tensors, metadata=header), save({}, metadata=header), save(tensors, metadata=deep), save(tensors)]


class _Hostile:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, ("raise SystemExit('the pickle ran')",)


def _checkpoint_seeds() -> list[bytes]:
    def saved(value: object, **options: object) -> bytes:
        buffer = io.BytesIO()
        torch.save(value, buffer, **options)
        return buffer.getvalue()

    state = {"state_dict": {"module.a": torch.zeros(2), "b": torch.ones(1)}}
    hostile = [saved(_Hostile()), saved({"a": _Hostile()}), pickle.dumps(_Hostile()), pickle.dumps({"a": 1})]
    return [saved(state), saved(state, _use_new_zipfile_serialization=False), saved([1, "two"]), *hostile]


def _toml_seeds(folder: Path) -> list[bytes]:
    save_toml(TrackerConfig(), folder / "seed.toml")
    whole = (folder / "seed.toml").read_bytes()
    short = b'[appearance]\ninterval = 10\n[segmentation]\narea_jump = 2.5\nfollow = "mask"\n'
    return [whole, short, b"spatial.enabled = false\nruntime = {threads = 1}\n"]


def _train_seeds() -> list[bytes]:
    configs = Path(__file__).resolve().parents[2] / "samn_tracker" / "train" / "configs"
    return [path.read_bytes() for path in sorted(configs.glob("*.toml"))]


def _record_seeds(folder: Path) -> list[bytes]:
    masks = {0: _MASK, 2: 1 - _MASK}
    boxes, polygons = np.array([[1, 2, 3.5, 4]] * 3), np.tile(_POLYGON, (3, 1, 1))
    record = Record((3, 4), boxes, polygons, np.ones(3), np.array([True, False, True]), masks)
    save_record(folder / "seed.json", record, {"box_iou": 0.5})
    return [(folder / "seed.json").read_bytes()]


def _json_seeds() -> list[bytes]:
    files = {"results/one.txt": {"bytes": 3, "sha256": "00"}, "records/one.json": {"bytes": 1, "sha256": "00"}}
    record = {"sequence": "one", "configuration": "c", "input": "i", "frames": 3, "seconds": 1.5, "files": files}
    escaping = {**record, "files": {"../../one.json": {"bytes": 3, "sha256": "00"}}}
    identity = {"tracker": "t", "weights_sha256": None, "device": "cpu"}
    manifest = {"format": RUN_FORMAT, "benchmark": "b", "split": "s", "configuration": "c", "identity": identity}
    manifest |= {"created": "2026", "started": "2026", "sequences": {"one": 3}}
    return [json.dumps(one).encode() for one in (record, manifest, escaping)] + [b"[" * 20000]


def _pysot_seeds() -> list[bytes]:
    entry = {
        "video_dir": "bag",
        "init_rect": [1, 2, 3, 4],
        "width": 320,
        "height": 240,
        "img_names": ["bag/color/00000001.jpg", "bag/color/00000002.jpg"],
        "gt_rect": [[1, 2, 3, 2, 3, 5, 1, 5], [1, 2, 3, 2, 3, 5, 1, 5]],
        "camera_motion": [0, 1],
    }
    unsized = {key: value for key, value in entry.items() if key not in ("width", "height")}
    return [json.dumps({"bag": one, "ball": entry}).encode() for one in (entry, unsized)]


def _once(path: Path, text: str) -> None:
    if not path.exists():
        path.write_text(text)


def _vot_truth(data: bytes, folder: Path) -> object:
    _once(folder / "sequence", "fps=30\nlength=3\nwidth=320\nheight=240\n")
    return _file(lambda path: read_folder(path.parent), "groundtruth.txt")(data, folder)


def _vot_properties(data: bytes, folder: Path) -> object:
    _once(folder / "groundtruth.txt", "1,2,3,4\n1,2,3,4\n")
    return _file(lambda path: read_folder(path.parent), "sequence")(data, folder)


def all_parsers(folder: Path) -> list[Parser]:
    """Every reader; `folder` is used to make the seeds."""
    region_lines = [format_region(region).encode() for region in _REGIONS]
    rows = b"1.0000,2.0000,3.0000,4.0000\n10.5000,-2.0000,3.0000,4.0000\n1.0000,2.0000,3.0000,4.0000\n"
    loose = b"1\t2\t3\t4\nNaN,NaN,NaN,NaN\n,,,\n1 2 3 4\n1;2;3;4\n"
    labels = encode_labels(np.arange(12, dtype=np.uint8).reshape(3, 4))
    boxes = [b"3,4,20,30", b"1,2 30,2 30,40", b"0.5,0.5,3,0.5,3,9,0,9,-4,2", b"1e3,1,1,1"]
    settings = [b"appearance.interval=10,segmentation.area_jump=0.1,2.5", b"spatial.enabled=no", b"a=b"]
    return [
        Parser("region text", region_lines, _text(parse_region)),
        Parser("TraX region", region_lines[1:4], _text(_trax_region)),
        Parser("trajectory, binary", [encode_binary(_REGIONS)], lambda data, _: decode_binary(data, "a file")),
        Parser("trajectory, text", [b"\n".join(region_lines)], _file(read_trajectory, "one.txt")),
        Parser("value file", [b"0.5\n\n1\nnan\n"], _file(read_values, "one.value")),
        Parser("run lengths", [b"3 4 1 2 1 3 1 2 2", b"512 512 262143 1", b"0 9"], _text(_runs)),
        Parser("result rows", [rows, loose], _text(_rows)),
        Parser("ground truth", [rows, loose], _file(_ground_truth, "groundtruth.txt")),
        Parser("list of names", [b"one\ntwo\n\nthree\r\n"], _file(read_names, "list.txt")),
        Parser("regions of the command line", boxes, _text(_targets)),
        Parser("settings text", settings, _text(_settings)),
        Parser("tracker TOML", _toml_seeds(folder), _file(load_toml, "one.toml")),
        Parser("training TOML", _train_seeds(), _file(load_config, "one.toml")),
        Parser("zip archive", _zip_seeds(), _file(_archive, "one.zip")),
        Parser("label PNG", [labels, *_picture_seeds()[:2]], lambda data, _: decode_labels(data, "a file")),
        Parser("picture", _picture_seeds(), lambda data, _: decode_image(data, "a file")),
        Parser("safetensors", _weights_seeds(), _file(_weights, "one.safetensors")),
        Parser("checkpoint, pickled", _checkpoint_seeds(), _file(read_tensors, "one.pt")),
        Parser("regression record", _record_seeds(folder), _file(read_record, "one.json")),
        Parser("run manifest", _json_seeds(), _file(_run_folder, "manifest.json")),
        Parser("run record", _json_seeds(), _in_records),
        Parser("VOT index, pysot", _pysot_seeds(), _file(read_dataset, "VOT2018.json")),
        Parser("VOT ground truth", [b"\n".join(region_lines[1:4]), rows], _vot_truth),
        Parser("VOT sequence file", [b"name=one\nfps=30\nlength=2\nwidth=320\nheight=240\n"], _vot_properties),
        *all_readers(),
        *onepass_readers(),
        *saved_readers(folder),
    ]

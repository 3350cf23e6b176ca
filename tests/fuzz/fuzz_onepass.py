"""What `samn ope` and `samn vos` read: truth in each layout, flags, attributes, lists, pysot's files, label maps."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from fuzz_readers import (
    LOOSE,
    MASKS,
    ROWS,
    SIZE,
    Parser,
    labels,
    linted_and_scored,
    mask_seeds,
    picture,
    reader,
    scored,
    sequences,
    write,
    write_frames,
)

from ope_runner.datasets import DATASETS
from ope_runner.layouts import Place
from ope_runner.video import read_frames, read_truth
from samn_tracker.app.benchmarks import load_benchmark
from samn_tracker.runner.label_png import encode_labels

_CORNERS = b"0 2.0 2.0 8.0 7.0 0 0 0 0 a\n1 3.0 2.0 9.0 7.0 0 0 0 0 a\n" * 2
_VIDEO = "data/valid/{}/a/{:05d}.png"


def _layout(root: Path) -> None:
    write_frames(root / "data/img")
    write(root / "data/groundtruth.txt", ROWS)


def _truth(columns: tuple[str, ...] = (), **facts: object) -> Callable[[Path], object]:
    def read(root: Path) -> object:
        data = root / "data"
        place = Place(data / "groundtruth.txt", data / "img", **facts)  # type: ignore[arg-type]
        here = {"absent": tuple(data / one for one in place.absent)}
        if isinstance(place.attributes, Path):
            here["attributes"] = data / place.attributes  # type: ignore[assignment]
        truth = read_truth(Place(**{**vars(place), **here}), columns)
        return truth, read_frames(place, len(truth.boxes))

    return read


def _tc128_layout(root: Path) -> None:
    write_frames(root / "data/a/img")
    write(root / "data/a/a_gt.txt", ROWS)
    write(root / "results/a.txt", ROWS)


def _pysot_layout(root: Path) -> None:
    write_frames(root / "data/a")
    write(root / "results/a.txt", ROWS)


def _pysot_seeds() -> list[bytes]:
    rows = [[float(one) for one in line.split(b",")] for line in ROWS.split()]
    names = [f"a/{number}.png" for number in range(1, len(rows) + 1)]
    entry = {"video_dir": "a", "init_rect": rows[0], "img_names": names, "gt_rect": rows, "attr": ["IV", "OCC"]}
    return [json.dumps({"a": one}).encode() for one in (entry, {**entry, "absent": [1, 1, 0, 1]})]


def _vos_layout(root: Path) -> None:
    for number in range(MASKS):
        write(root / _VIDEO.format("JPEGImages", number), picture())
        write(root / _VIDEO.format("Annotations", number), encode_labels(labels(number)))
        write(root / f"results/a/{number:05d}.png", encode_labels(labels(number) % 255))


def _flat_results(root: Path) -> None:
    _tc128_layout(root)
    for name in ("b_1", "b.1"):
        write(root / f"results/{name}.txt", ROWS)


def onepass_readers() -> list[Parser]:
    """Every reader; only the order of the names is fixed."""
    truth, masks, size = [ROWS, LOOSE], mask_seeds(), SIZE[::-1]
    assert size == (16, 12)
    columns = DATASETS["uav123"].attributes
    flags, tagged = [b"0\n0\n1\n0\n", b"0,0,1,0"], [b"1,0,0,0,0,0,0,0,0,0,0,1\n", b"1 0 0 0 0 0 0 0 0 0 0 1"]
    tc128 = _scored_part("tc128")
    return [
        reader("OPE truth, frames of a range", truth, _layout, "data/groundtruth.txt", _truth(span=(1, 4))),
        reader("OPE truth, corners", [_CORNERS, _CORNERS * 8], _layout, "data/groundtruth.txt", _nfs()),
        reader("OPE flags of absence", flags, _layout, "data/absent.txt", _truth(absent=("absent.txt",))),
        reader("OPE attributes", tagged, _layout, "data/att.txt", _truth(columns, attributes=Path("att.txt"))),
        reader("OPE frame range", [b"1,4\n", b"1\t3"], _tc128_layout, "data/a/a_frames.txt", sequences("ope", "tc128")),
        reader("OPE results, scored in part", truth, _flat_results, "results/a.txt", tc128),
        reader("OPE truth, pysot", _pysot_seeds(), _pysot_layout, "data/TC128.json", _both("tc128")),
        reader("VOS annotation", masks, _vos_layout, _VIDEO.format("Annotations", 1), _vos),
        reader("VOS first annotation", masks, _vos_layout, _VIDEO.format("Annotations", 0), _vos),
        reader("VOS results", masks, _vos_layout, "results/a/00001.png", linted_and_scored("vos", "mose/valid")),
    ]


def _nfs() -> Callable[[Path], object]:
    return _truth(corners=True, every=8, spare=1)


def _scored_part(dataset: str) -> Callable[[Path], object]:
    """The one sequence that there is, of a data set of many."""

    def read(root: Path) -> object:
        data = root / "data"
        return load_benchmark("ope").score_part(data, root / "results", dataset)

    return read


def _both(dataset: str) -> Callable[[Path], object]:
    run, score = sequences("ope", dataset), _scored_part(dataset)
    return lambda root: (run(root), score(root))


def _vos(root: Path) -> object:
    # The label maps of a data set are remembered by their path, which is the same in every input here.
    from samn_tracker.runner import object_map

    object_map.size_and_ids.cache_clear()
    return sequences("vos", "mose/valid")(root), scored("vos", "mose/valid")(root)

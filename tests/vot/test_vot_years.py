"""Every year's rules on every layout, with SAMN and with an OpenCV tracker, by the commands that a user types."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from contextlib import redirect_stdout
from importlib.util import find_spec
from pathlib import Path
from typing import TypeAlias

import pytest

if find_spec("vot") is None:
    pytest.skip("the VOT toolkit is not installed (pip install samn-tracker[vot])", allow_module_level=True)

from samn_tracker.synthetic import make_sequence, write_sequence_images
from vot_workspace.__main__ import main
from vot_workspace.create import create
from vot_workspace.export import to_box
from vot_workspace.layouts import read_dataset
from vot_workspace.source_sequence import SourceSequence
from vot_workspace.trajectory import format_region, read_trajectory
from vot_workspace.workspace import Workspace

Layout: TypeAlias = Callable[[Path, list[SourceSequence]], Path]
SHARED_BAG = Path(__file__).parents[3] / "shared" / "data" / "sequences" / "vot2018" / "bag"
SMALL = (160, 120)
_SIZES = ("box_start.patch_size=192", "mask_start.patch_size=192", "spatial.patch_size=128")
SETTINGS = {"samn-lite": ",".join(("runtime.threads=1", *_SIZES)), "opencv-mil": ""}
ONE_FORWARD_ONE_BACKWARD = ["--anchor-spacing", "10"]


def sequences(folder: Path) -> list[SourceSequence]:
    """A generated sequence of 14 frames, and 12 frames of VOT2018's bag where it is at hand."""
    drawn = make_sequence("rotating", 1, 14, SMALL)
    paths = write_sequence_images(drawn, folder / "drawn")
    regions = [drawn.polygon(index) for index in range(drawn.length)]
    tags = {"occlusion": [frame > 6 for frame in range(drawn.length)]}
    found = [SourceSequence(drawn.name, paths, [r for r in regions if r is not None], SMALL, tags=tags)]
    if SHARED_BAG.is_dir():
        (bag,) = read_dataset(SHARED_BAG.parent, ["bag"])
        found.append(SourceSequence("bag", bag.frames[:12], bag.groundtruth[:12], bag.size))
    return found


def toolkit_layout(folder: Path, items: list[SourceSequence]) -> Path:
    create(folder / "made", "vot2018", items)
    return folder / "made" / "sequences"


def flat_layout(folder: Path, items: list[SourceSequence]) -> Path:
    root = folder / "VOT2018"
    for item in items:
        (root / item.name).mkdir(parents=True)
        for number, frame in enumerate(item.frames, start=1):
            shutil.copy(frame, root / item.name / f"{number:08d}{frame.suffix}")
        rows = [format_region(region) for region in item.groundtruth]
        (root / item.name / "groundtruth.txt").write_text("\n".join(rows))
    (root / "list.txt").write_text("\n".join(item.name for item in items))
    return root


def pysot_layout(folder: Path, items: list[SourceSequence]) -> Path:
    root = flat_layout(folder, items)
    index = {}
    for item in read_dataset(root):
        images = [f"{item.name}/{frame.name}" for frame in item.frames]
        rows = [[float(value) for value in format_region(region).split(",")] for region in item.groundtruth]
        index[item.name] = {"video_dir": item.name, "img_names": images, "gt_rect": rows}
    (root / "VOT2018.json").write_text(json.dumps(index))
    return root


# SAMN's server takes two seconds to start, once for each experiment and sequence: both sequences in one layout only
SAMN_TAKES: dict[Layout, slice] = {toolkit_layout: slice(0, 1), flat_layout: slice(-1, None), pysot_layout: slice(None)}


def vot(*arguments: object, expected: int = 0) -> str:
    """What `python -m vot_workspace ...` prints; it must end with the exit code `expected`."""
    with redirect_stdout(io.StringIO()) as printed:
        assert main([str(argument) for argument in arguments]) == expected
    return printed.getvalue()


def start_run(workspace: Path, stderr: int) -> subprocess.Popen[str]:
    line = [sys.executable, "-m", "vot_workspace", "run", str(workspace)]
    return subprocess.Popen(line, stderr=stderr, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})


def kill_after_the_first_result(workspace: Path) -> list[Path]:
    """Start a run, and kill it when it has results; the results that it left."""
    with start_run(workspace, subprocess.DEVNULL) as process:
        while not (left := sorted(workspace.glob("results/SAMN/*/*/*.bin"))) and process.poll() is None:
            time.sleep(0.1)
        process.send_signal(signal.SIGKILL)
    assert left
    return left


def run_again(workspace: Path) -> None:
    """The next run goes on as soon as what the killed one left behind has ended."""
    for _ in range(20):
        with start_run(workspace, subprocess.PIPE) as process:
            printed = process.communicate()[1]
        if "or what it left running" not in printed:
            break
        time.sleep(1)
    assert process.returncode == 0, printed


def scores(workspace: Path, results: Path) -> dict[str, object]:
    return json.loads(vot("score", "--truth", workspace, "--results", results, "--json"))


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("tracker", ["opencv-mil", "samn-lite"])
@pytest.mark.parametrize("layout", [toolkit_layout, flat_layout, pysot_layout])
@pytest.mark.parametrize("rules", ["vot2016", "vot2018", "vot2019", "vot2020"])
def test_a_year_from_data_to_archive(tmp_path: Path, rules: str, layout: Layout, tracker: str) -> None:
    items = sequences(tmp_path)
    workspace, data = tmp_path / "w", layout(tmp_path, items)
    names = [item.name for item in items[SAMN_TAKES[layout] if tracker == "samn-lite" else slice(None)]]
    made_of = ["--data", data, "--sequences", *names, "--rules", rules, *ONE_FORWARD_ONE_BACKWARD]
    vot("create", workspace, *made_of, "--tracker", tracker, "--name", "SAMN", "--set", SETTINGS[tracker])

    left = {path: path.read_bytes() for path in kill_after_the_first_result(workspace)}
    vot("check", workspace, expected=1)
    run_again(workspace)
    assert all(path.read_bytes() == content for path, content in left.items())
    vot("check", workspace)

    results = workspace / "results" / "SAMN"
    scored = scores(workspace, results)
    assert scored["toolkit"]["accuracy"] > 0.3  # type: ignore[index]
    assert ("accuracy" in scored["pysot"]) == (rules != "vot2020")  # type: ignore[operator]
    vot("export", results, tmp_path / "text", "--format", "text")
    assert scores(workspace, tmp_path / "text") == scored
    vot("export", results, tmp_path / "old.zip", "--format", "zip")
    assert "manifest.txt" in zipfile.ZipFile(tmp_path / "old.zip").namelist()
    vot("export", results, tmp_path / "boxes", "--format", "boxes", "--truth", workspace)
    for name in Workspace(workspace).names:
        rows = [[float(v) for v in row.split(",")] for row in (tmp_path / "boxes" / f"{name}.txt").read_text().split()]
        answers = read_trajectory(results / "unsupervised" / name / f"{name}_001.bin")
        assert rows[1:] == [pytest.approx(to_box(region).tolist(), abs=1e-4) for region in answers[1:]]
    vot("pack", workspace)
    assert len(list(workspace.glob("SAMN_*.zip"))) == 1

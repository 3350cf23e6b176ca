"""`samn track` as a person types it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from samn_tracker.app.sources import open_source
from samn_tracker.cli import main
from samn_tracker.runner.label_png import encode_labels, palette, read_labels

from .conftest import FRAMES, SIZE, SMALL, box, picture
from .test_video import write_video

FIRST = ["--box", "20,30,24,20"]


def truth(index: int) -> np.ndarray[Any, Any]:
    """The white square of a frame as a mask (H, W)."""
    x, y, width, height = box(index)
    mask = np.zeros(SIZE, dtype=np.uint8)
    mask[y : y + height, x : x + width] = 1
    return mask


def coco_mask(segmentation: dict[str, Any]) -> np.ndarray[Any, Any]:
    """The mask (H, W) of COCO's compressed run lengths, decoded by hand."""
    runs: list[int] = []
    value = shift = 0
    for character in segmentation["counts"].encode():
        group = character - 48
        value |= (group & 31) << shift
        shift += 5
        if not group & 32:
            value -= (1 << shift) if group & 16 else 0
            runs.append(value + (runs[-2] if len(runs) > 2 else 0))
            value = shift = 0
    flat = np.repeat(np.arange(len(runs)) % 2, runs)
    height, width = segmentation["size"]
    return flat.reshape(width, height).T.astype(np.uint8)


def test_every_output_holds_the_answers(workplace: Path, whites: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["track", "frames", *FIRST, "--tracker", whites, "--save", "overlay,masks,txt,json,coco", "--json"])
    printed = capsys.readouterr()
    summary = json.loads(printed.out)
    assert (code, printed.err) == (0, ""), "the progress bar is for terminals only"
    assert (summary["complete"], summary["frames"], summary["objects"]["1"]["frames_found"]) == (True, FRAMES, FRAMES)
    assert summary["objects"]["1"]["last_box"] == list(box(FRAMES - 1))
    folder = workplace / "frames_samn"
    assert {name: Path(path) for name, path in summary["files"].items()} == {
        "overlay": Path("frames_samn/overlay.mp4"),
        "masks": Path("frames_samn/masks"),
        "txt": Path("frames_samn/boxes.txt"),
        "json": Path("frames_samn/boxes.json"),
        "coco": Path("frames_samn/coco.json"),
    }
    rows = (folder / "boxes.txt").read_text().splitlines()
    assert rows == [",".join(f"{value:.2f}" for value in box(index)) for index in range(FRAMES)]
    records = json.loads((folder / "boxes.json").read_text())
    assert [(one["frame"], one["object"], one["box"]) for one in records] == [
        (index, 1, list(box(index))) for index in range(FRAMES)
    ]
    coco = json.loads((folder / "coco.json").read_text())["annotations"]
    for index in range(FRAMES):
        assert np.array_equal(read_labels(folder / "masks" / f"{index:08d}.png"), truth(index))
        assert np.array_equal(coco_mask(coco[index]["segmentation"]), truth(index))
    drawn = list(open_source(str(folder / "overlay.mp4")))
    assert len(drawn) == FRAMES
    x, y, width, height = box(3)
    assert drawn[3].image[y + 5 : y + height - 5, x + 5 : x + width - 5, 2].mean() < 230, "the white square is tinted"


def test_masks_are_painted_in_the_colours_of_davis(workplace: Path, whites: str) -> None:
    assert main(["track", "frames", *FIRST, "--tracker", whites, "--save", "masks", "--end", "1"]) == 0
    colours = cv2.imread("frames_samn/masks/00000000.png")[..., ::-1]
    assert np.array_equal(colours, palette()[truth(0)])


def test_the_real_tracker_with_debug_pictures(workplace: Path, weights: str) -> None:
    write_video(workplace / "a.mp4", 5)
    given = ["--tracker", weights, *FIRST, *SMALL, "--set", "appearance.interval=1", "--debug-dir", "inside"]
    assert main(["track", "a.mp4", *given, "--output", "out", "--save", "overlay,txt"]) == 0
    lines = [json.loads(line) for line in (workplace / "inside" / "frames.jsonl").read_text().splitlines()]
    boxes = [[float(value) for value in row.split(",")] for row in (workplace / "out/boxes.txt").read_text().split()]
    assert [line["frame"] for line in lines] == list(range(5))
    assert np.allclose([line["box"] for line in lines], boxes, atol=0.01)
    assert (lines[0]["search"], lines[0]["memory"]) == (None, [])
    for line in lines[1:]:
        assert np.isclose(sum(weight for _, weight in line["memory"]), 1, atol=1e-3)
        indices = [index for index, _ in line["memory"]]
        assert indices == sorted(indices)
        assert indices[-1] < line["frame"]
        assert line["search"]["trusted"] in (True, False)
    for index in range(5):
        assert cv2.imread(str(workplace / "inside" / f"{index:08d}.png")).shape[0] > 384 + (index > 0) * 150


def test_several_objects_from_one_indexed_png(workplace: Path, weights: str) -> None:
    labels = truth(0)
    labels[70:90, 80:110] = 4
    Path("first.png").write_bytes(encode_labels(labels))
    small = ["--tracker", weights, "--set", "segmentation.multi_patch_size=128"]
    assert main(["track", "frames", "--mask", "first.png", *small, "--end", "3", "--save", "masks,json"]) == 0
    assert np.array_equal(read_labels(Path("frames_samn/masks/00000000.png")), labels)
    records = json.loads(Path("frames_samn/boxes.json").read_text())
    assert [(one["frame"], one["object"]) for one in records] == [(i, number) for i in range(3) for number in (1, 4)]


def test_several_boxes(workplace: Path, whites: str) -> None:
    given = ["--box", "20,30,24,20", "--polygon", "60,60,80,60,80,90", "--tracker", whites, "--save", "txt"]
    assert main(["track", "frames", *given]) == 0
    assert sorted(path.name for path in Path("frames_samn").glob("[!.]*")) == ["boxes_1.txt", "boxes_2.txt"]


def test_a_mask_of_0_and_255_is_one_object(workplace: Path, whites: str) -> None:
    cv2.imwrite("first.png", truth(0) * 255)
    assert main(["track", "frames", "--mask", "first.png", "--tracker", whites, "--save", "json", "--end", "2"]) == 0
    assert {one["object"] for one in json.loads(Path("frames_samn/boxes.json").read_text())} == {1}


def test_files_of_an_earlier_longer_run_do_not_stay(workplace: Path, whites: str) -> None:
    run = ["track", "frames", *FIRST, "--tracker", whites, "--save", "masks"]
    Path("frames_samn").mkdir()
    Path("frames_samn/notes.md").write_text("mine")
    assert main([*run]) == main([*run, "--end", "2"]) == 0
    assert len(list(Path("frames_samn/masks").iterdir())) == 2
    assert Path("frames_samn/notes.md").read_text() == "mine"


def test_an_earlier_run_is_replaced_with_a_word(
    workplace: Path, whites: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run = ["track", "frames", *FIRST, "--tracker", whites, "--save", "txt"]
    assert main(run) == 0
    assert capsys.readouterr().err == ""
    assert main([*run, "--save", "json"]) == 0
    assert capsys.readouterr().err == "samn track: frames_samn has an earlier run: its txt kept\n"
    assert main(run) == 0
    assert capsys.readouterr().err == "samn track: frames_samn has an earlier run: its txt replaced; its json kept\n"
    assert sorted(path.name for path in Path("frames_samn").glob("[!.]*")) == ["boxes.json", "boxes.txt"]


@pytest.mark.parametrize(
    "written", [["--box", "-5,30,40,20"], ["--box=-5,30,40,20"], ["--polygon", "-5,30,35,30,35,50"]]
)
def test_a_region_may_begin_outside_the_image(workplace: Path, whites: str, written: list[str]) -> None:
    assert main(["track", "frames", *written, "--tracker", whites, "--save", "txt", "--end", "2"]) == 0


def test_the_ruler_has_lines_at_round_coordinates(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["track", "frames", "--ruler", "ruler.png"]) == 0
    assert capsys.readouterr().out == "ruler.png\n"
    changed = (cv2.imread("ruler.png")[..., ::-1] != picture(0)).any(axis=2)
    assert changed[:, ::10].mean() > 0.99
    assert changed[::10].mean() > 0.99
    assert not changed[91:, 1:10].any(), "between the lines, away from the numbers, is the picture"
    assert not Path("frames_samn").exists()


def test_the_help_loads_no_network() -> None:
    code = "import sys, samn_tracker.app.track; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_masks_of_a_box_tracker_are_refused(workplace: Path, whites: str, capsys: pytest.CaptureFixture[str]) -> None:
    boxes_only = whites.replace("Whites", "boxes_only")
    assert main(["track", "frames", *FIRST, "--tracker", boxes_only]) == 1
    assert "boxes only, so masks cannot be saved; use --save overlay,txt" in capsys.readouterr().err
    assert main(["track", "frames", *FIRST, "--tracker", boxes_only, "--save", "overlay,txt"]) == 0


def test_a_cut_off_video_keeps_what_was_tracked(
    workplace: Path, weights: str, capsys: pytest.CaptureFixture[str]
) -> None:
    data = write_video(workplace / "a.mp4", 40)
    Path("a.mp4").write_bytes(data[: len(data) * 2 // 3])
    code = main(["track", "a.mp4", "--tracker", weights, *FIRST, *SMALL, "--json"])
    printed = capsys.readouterr()
    summary = json.loads(printed.out)
    assert (code, summary["complete"]) == (1, False)
    assert 0 < summary["frames"] < 40
    assert f"the {summary['frames']} frames tracked until then are kept" in printed.err
    assert len(Path("a_samn/boxes.txt").read_text().splitlines()) == summary["frames"]
    assert len(list(Path("a_samn/masks").iterdir())) == summary["frames"]
    assert len(list(open_source("a_samn/overlay.mp4"))) == summary["frames"]


def test_an_interrupted_run_keeps_what_was_tracked(
    workplace: Path, whites: str, capsys: pytest.CaptureFixture[str]
) -> None:
    stopped = whites.replace("Whites", "stopped")
    assert main(["track", "frames", *FIRST, "--tracker", stopped, "--save", "overlay,json"]) == 130
    assert "samn track: interrupted; the 3 frames tracked until then are kept" in capsys.readouterr().err
    assert len(json.loads(Path("frames_samn/boxes.json").read_text())) == 3
    assert len(list(open_source("frames_samn/overlay.mp4"))) == 3


def test_an_image_of_another_size_in_the_middle(
    workplace: Path, weights: str, capsys: pytest.CaptureFixture[str]
) -> None:
    cv2.imwrite("frames/4.png", picture(4)[:50])
    assert main(["track", "frames", "--tracker", weights, *FIRST, *SMALL, "--save", "txt"]) == 1
    assert "frame 4 is 121x50, expected 121x97" in capsys.readouterr().err
    assert len(Path("frames_samn/boxes.txt").read_text().splitlines()) == 4

"""Data and results of VOT as people have them: what is read, what is asked, what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("yaml", reason="the VOT toolkit is not installed (pip install samn-tracker[vot])")

from workspaces import SIZE, left, made, mask, polygon, write_flat, write_images

from samn_tracker.cli import main as samn
from samn_tracker.errors import ConfigError, DatasetError, ImageError, ResultError
from vot_workspace.__main__ import main
from vot_workspace.create import create
from vot_workspace.layouts import read_dataset
from vot_workspace.score import pysot_scores, read_truth, table, warn_of_short_sequences
from vot_workspace.score_pysot import score
from vot_workspace.score_toolkit import _defined
from vot_workspace.source_sequence import SourceSequence
from vot_workspace.trajectory import MaskPart, Region, write_trajectory
from vot_workspace.workspace import Workspace, experiments_of, longest_run, read_stack


def write_masks(folder: Path, numbers: list[int], name: str = "{}.png") -> None:
    folder.mkdir(parents=True)
    for number in numbers:
        cv2.imwrite(str(folder / name.format(number)), mask(number))


def rect(step: int, first_pixel: int) -> str:
    return f"{left(step) + first_pixel},{10 + first_pixel},16,16\n"


def write_otb(root: Path, first_pixel: int, length: int = 12) -> Path:
    write_images(root / "a" / "img", length)
    (root / "a" / "groundtruth_rect.txt").write_text("".join(rect(step, first_pixel) for step in range(length)))
    return root


def test_masks_of_some_frames_are_refused_and_not_paired_by_position(tmp_path: Path) -> None:
    write_images(tmp_path / "a" / "img", 4, "{}.jpg")
    write_masks(tmp_path / "a" / "mask", [1, 3])
    with pytest.raises(DatasetError, match=r"no mask for 2 of 4 frames: 2\.jpg, 4\.jpg"):
        read_dataset(tmp_path)


def test_masks_belong_to_the_frames_of_their_number(tmp_path: Path) -> None:
    write_images(tmp_path / "a" / "img", 11, "{}.jpg")
    write_masks(tmp_path / "a" / "mask", list(range(1, 12)), "{:04d}.png")
    (tmp_path / "a" / "mask" / "._0001.png").write_bytes(b"\x00")
    (read,) = read_dataset(tmp_path)
    assert [path.name for path in read.frames] == [f"{number}.jpg" for number in range(1, 12)]
    for number, region in enumerate(read.groundtruth, start=1):
        assert isinstance(region, MaskPart)
        assert np.array_equal(region.mask * 255, mask(number))


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_soft_and_jpeg_masks_are_the_object_without_its_halo(tmp_path: Path, suffix: str) -> None:
    write_images(tmp_path / "a" / "img", 1)
    (tmp_path / "a" / "mask").mkdir()
    cv2.imwrite(str(tmp_path / "a" / "mask" / f"1{suffix}"), cv2.GaussianBlur(mask(0), (5, 5), 0))
    (region,) = read_dataset(tmp_path)[0].groundtruth
    assert isinstance(region, MaskPart)
    assert abs(int(region.mask.sum()) - 16 * 16) <= 8, "the corners are round"
    (tmp_path / "a" / "mask" / "1.jpg").unlink(missing_ok=True)
    cv2.imwrite(str(tmp_path / "a" / "mask" / "1.png"), np.arange(SIZE[0] * SIZE[1]).reshape(SIZE[::-1]) % 250)
    with pytest.raises(DatasetError, match="grey values 1, 2, 3"):
        read_dataset(tmp_path)


@pytest.mark.parametrize("second", ["00000003.png", "3.jpg"])
def test_two_files_for_one_frame_are_refused_with_both_names(tmp_path: Path, second: str) -> None:
    write_flat(tmp_path, {"a": 4})
    cv2.imwrite(str(tmp_path / "a" / second), np.zeros((4, 4), np.uint8))
    with pytest.raises(DatasetError, match="two files for one frame") as caught:
        read_dataset(tmp_path)
    assert second in str(caught.value) and "00000003.jpg" in str(caught.value)


def test_a_blank_line_in_the_middle_is_refused_and_blank_lines_at_the_end_do_not_count(tmp_path: Path) -> None:
    write_flat(tmp_path, {"a": 4})
    rows = [",".join(map(str, polygon(step))) for step in range(4)]
    path = tmp_path / "a" / "groundtruth.txt"
    path.write_text("\n".join(rows) + "\n\n \n")
    assert len(read_dataset(tmp_path)[0].groundtruth) == 4
    path.write_text("\n".join([rows[0], "", *rows[1:3]]))
    with pytest.raises(DatasetError, match="line 2 is blank"):
        read_dataset(tmp_path)


def test_fewer_rows_than_images_are_refused_and_not_taken_for_the_first_frames(tmp_path: Path) -> None:
    write_flat(tmp_path, {"a": 4})
    (tmp_path / "a" / "groundtruth.txt").write_text("1,2,3,4\n" * 2)
    with pytest.raises(DatasetError, match=r"4 images and 2 rows of ground truth.*frames 300 to 770"):
        read_dataset(tmp_path)
    (tmp_path / "a" / "groundtruth.txt").write_text("1,2,3,4\n" * 4)
    (tmp_path / "a" / "00000002.jpg").unlink()
    with pytest.raises(DatasetError, match="missing in the middle: 2"):
        read_dataset(tmp_path)


def test_marks_tabs_line_ends_and_names_with_spaces_are_read(tmp_path: Path) -> None:
    write_flat(tmp_path, {"my dog": 2, "b": 2})
    (tmp_path / "list.txt").write_bytes("\ufeffmy dog\r\nb\r\n".encode())
    tabbed = "\t".join(map(str, polygon(0)))
    (tmp_path / "my dog" / "groundtruth.txt").write_bytes(f"\ufeff{tabbed}\r\n{tabbed}\r\n".encode())
    create(tmp_path / "w", "demo", read_dataset(tmp_path))
    workspace = Workspace(tmp_path / "w")
    assert workspace.names == ["my dog", "b"]
    assert workspace.sequences["my dog"].groundtruth[1].tolist() == np.reshape(polygon(0), (4, 2)).tolist()  # type: ignore[union-attr]


@pytest.mark.parametrize("first_pixel", [0, 1])
def test_boxes_in_otbs_layout_are_asked_for_their_first_pixel_and_converted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], first_pixel: int
) -> None:
    data = write_otb(tmp_path / "data", first_pixel)
    with pytest.raises(ConfigError, match="nothing says which: a; give --first-pixel 1 or --first-pixel 0"):
        create(tmp_path / "w", "vot2018", read_dataset(data))
    words = ["create", str(tmp_path / "w"), "--rules", "demo", "--data", str(data)]
    assert main(words) == 1
    assert "--first-pixel" in capsys.readouterr().err
    assert not (tmp_path / "w").exists()
    assert main([*words, "--first-pixel", str(first_pixel)]) == 0
    workspace = Workspace(tmp_path / "w")
    boxes: list[Region] = [np.array([left(step), 10.0, 16, 16]) for step in range(12)]
    assert [np.asarray(region).tolist() for region in workspace.sequences["a"].groundtruth] == [
        np.asarray(one).tolist() for one in boxes
    ]
    scored = score(list(workspace.sequences.values()), {"a": [[1, *boxes[1:]]]}, (2, 5))
    assert scored.accuracy == 1.0


def test_folders_of_two_targets_are_two_sequences(tmp_path: Path) -> None:
    write_images(tmp_path / "Jogging" / "img", 2)
    for target in (1, 2):
        (tmp_path / "Jogging" / f"groundtruth_rect.{target}.txt").write_text(f"{target},1,5,5\n" * 2)
    both = read_dataset(tmp_path)
    assert [(one.name, one.groundtruth[1].tolist()) for one in both] == [  # type: ignore[union-attr]
        ("Jogging-1", [1, 1, 5, 5]),
        ("Jogging-2", [2, 1, 5, 5]),
    ]
    (tmp_path / "list.txt").write_text("Jogging-2\n")
    assert [one.name for one in read_dataset(tmp_path)] == ["Jogging-2"]


def test_cover_label_is_a_level_and_no_tag(tmp_path: Path) -> None:
    write_flat(tmp_path, {"a": 3})
    (tmp_path / "a" / "cover.label").write_text("8\n1\n0\n")
    (tmp_path / "a" / "absence.label").write_text("0\n0\n1\n")
    (tmp_path / "a" / "._absence.label").write_bytes(b"\x00")
    assert read_dataset(tmp_path)[0].tags == {"absence": [False, False, True]}


@pytest.mark.parametrize("text", ["width=0\nheight=0\n", "width=-4\nheight=9\n"])
def test_a_size_of_0_is_refused(tmp_path: Path, text: str) -> None:
    write_flat(tmp_path, {"a": 1})
    (tmp_path / "a" / "sequence").write_text(text)
    with pytest.raises(DatasetError, match="says a size of"):
        read_dataset(tmp_path)


def write_anchored(root: Path, anchors: str) -> Path:
    write_images(root / "a" / "img", 3)
    write_masks(root / "a" / "mask", [1, 2, 3])
    cv2.imwrite(str(root / "a" / "mask" / "2.png"), mask(0) * 0)
    (root / "a" / "anchor.value").write_text(anchors)
    return root


def test_an_anchor_on_an_empty_mask_is_refused_when_the_workspace_is_made(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"a: anchors in frames without target \(1\)"):
        create(tmp_path / "w", "vot2020", read_dataset(write_anchored(tmp_path / "data", "1\n1\n0\n")))
    create(tmp_path / "w", "vot2020", read_dataset(write_anchored(tmp_path / "good", "1\n0\n-1\n")))
    (tmp_path / "w" / "sequences" / "a" / "anchor.value").write_text("1\n1\n-1\n")
    with pytest.raises(DatasetError, match=r"anchors in frames without target \(1\)"):
        list(Workspace(tmp_path / "w").expected())


@pytest.mark.parametrize("anchors", ["1\nnan\n", "1\n0\n0\n1\n", "1\n\n-1\n"])
def test_anchors_that_are_not_one_number_a_frame_are_refused(tmp_path: Path, anchors: str) -> None:
    with pytest.raises(DatasetError, match=r"anchor\.value"):
        read_dataset(write_anchored(tmp_path, anchors))


ONE_PASS = {
    "a region where the start should be": [np.array([8.0, 10, 16, 16])] * 12,
    "an answer beside the target": [1, *[np.array([40.0, 10, 8, 8])] * 11],
}


@pytest.mark.parametrize("kind", ONE_PASS)
def test_results_of_one_pass_are_not_scored_as_reset_based_ones(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    workspace = made(tmp_path, lengths={"a": 12})
    results = workspace.results("MIL")
    write_trajectory(results / "baseline" / "a" / "a_001.txt", ONE_PASS[kind])
    with pytest.raises(ResultError, match=r"1 of 1 results of baseline were not made with resets.*a: "):
        pysot_scores(*read_truth(workspace.folder), results)
    assert main(["score", str(workspace.folder), "MIL", "--no-toolkit"]) == 1
    assert samn(["report", str(results), "--truth", str(workspace.folder), "--output", str(tmp_path / "r.html")]) == 1
    assert capsys.readouterr().err.count("were not made with resets") == 2
    assert not (tmp_path / "r.html").exists()


@pytest.mark.parametrize("rules", ["vot2018", "vot2020"])
def test_an_eao_of_longer_sequences_than_there_are_is_null_and_not_defined(tmp_path: Path, rules: str) -> None:
    data = read_dataset(write_flat(tmp_path / "data", {"a": 60, "b": 40}))
    create(tmp_path / "w", rules, data)
    sequences, stack = read_truth(tmp_path / "w")
    (experiment,) = (one for one in experiments_of(stack) if one.name == "baseline")
    assert longest_run(experiment, sequences) == 60
    figures = {"baseline": {"accuracy": 0.5, "robustness": 1.0, "eao": 0.0}}
    shown = _defined(figures, [experiment], sequences)
    assert shown["baseline"] == {"accuracy": 0.5, "robustness": 1.0, "eao": None}
    assert "not defined" in table(shown, {})
    assert "it is not defined" in warn_of_short_sequences(sequences, stack)[0]
    long = [SourceSequence("a", [], [np.array([1.0, 1, 9, 9])] * 400, SIZE, anchors=[1.0] + [0.0] * 399)]
    assert _defined(figures, [experiment], long) == figures


def test_pysots_eao_of_short_sequences_is_null_in_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    workspace = made(tmp_path, rules="vot2018", lengths={"a": 12})
    truth = workspace.sequences["a"].groundtruth
    write_trajectory(workspace.results("SAMN") / "baseline" / "a" / "a_001.bin", [1, *truth[1:]])
    assert main(["score", str(workspace.folder), "--no-toolkit", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["pysot"]["eao"] is None
    assert main(["score", str(workspace.folder), "--no-toolkit"]) == 0
    assert "not defined" in capsys.readouterr().out
    page = tmp_path / "r.html"
    results = str(workspace.results("SAMN"))
    assert samn(["report", results, "--truth", str(workspace.folder), "--output", str(page)]) == 0
    assert "EAO is not defined" in page.read_text(encoding="utf-8")


def test_a_broken_mask_is_named_and_not_a_traceback(tmp_path: Path) -> None:
    write_images(tmp_path / "a" / "img", 1)
    (tmp_path / "a" / "mask").mkdir()
    (tmp_path / "a" / "mask" / "1.png").write_bytes(b"no image")
    with pytest.raises((DatasetError, ImageError), match=r"1\.png is not an image"):
        read_dataset(tmp_path)


def test_the_stack_of_a_year_has_an_interval() -> None:
    assert all(
        one.interval for one in experiments_of(read_stack("vot2018/shortterm", Path())) if one.name == "baseline"
    )

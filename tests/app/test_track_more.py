"""What `samn track` and `track_video` take and leave besides boxes: points, later objects, data sets, addresses."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import numpy as np
import pytest

import samn_tracker
from samn_tracker.app.coco import coco_counts
from samn_tracker.app.sources import open_source
from samn_tracker.app.stream import VideoAddress
from samn_tracker.app.video import VideoWriter
from samn_tracker.cli import main
from samn_tracker.errors import ConfigError, ImageError, RegionError
from samn_tracker.images import read_image
from samn_tracker.runner.label_png import encode_labels, read_labels
from samn_tracker.shapes.points import Points
from samn_tracker.shapes.regions import mask_iou

from .conftest import FRAMES, SIZE, SMALL, box, picture
from .test_track import truth

BOX = ["--box", "20,30,24,20"]
SETTINGS = dict(word.split("=") for word in SMALL if "=" in word)


def track(*words: str) -> int:
    return main(["track", "frames", *words])


def test_a_point_shows_the_square(workplace: Path) -> None:
    assert track("--point", "32,40", "--point", "5,5,-", *SMALL, "--save", "masks") == 0
    assert mask_iou(read_labels(workplace / "frames_samn" / "masks" / "00000000.png"), truth(0)) > 0.75


def test_a_point_becomes_a_mask_for_trackers_that_know_none(workplace: Path) -> None:
    assert track("--point", "32,40", "--tracker", "opencv-mil", "--save", "txt") == 0
    first = (workplace / "frames_samn" / "boxes.txt").read_text().splitlines()[0]
    assert [float(value) for value in first.split(",")] == pytest.approx(box(0), abs=2)


@pytest.mark.parametrize("words", [["--point", "32"], ["--point", "500,40"], ["--point", "32,40,-"]])
def test_an_impossible_point_is_an_error(workplace: Path, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert track(*words) == 1
    assert "--point" in capsys.readouterr().err
    assert not (workplace / "frames_samn").exists()


def test_a_preview_shows_what_is_meant_and_tracks_nothing(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert track("--point", "32,40", *SMALL, "--preview", "meant.png") == 0
    assert capsys.readouterr().out == "meant.png\n"
    shown = read_image("meant.png")
    assert shown.shape == (*SIZE, 3) and shown[40, 32, 2] < 230, "the square is tinted"
    assert not (workplace / "frames_samn").exists()


def test_objects_come_and_go(workplace: Path, whites: str) -> None:
    """The tracker answers every white pixel, whatever it was shown; what counts is when."""
    code = track(*BOX, "--start", "3:box:1,1,5,5", "--stop", "5:1", "--tracker", whites, "--save", "txt,json")
    assert code == 0
    folder = workplace / "frames_samn"
    records = json.loads((folder / "boxes.json").read_text())
    assert [one["frame"] for one in records if one["object"] == 1] == [0, 1, 2, 3, 4]
    assert [one["frame"] for one in records if one["object"] == 2] == [3, 4, 5, 6, 7]
    first, second = ((folder / f"boxes_{one}.txt").read_text().splitlines() for one in (1, 2))
    gone = "nan,nan,nan,nan"
    assert [line == gone for line in first] == [False] * 5 + [True] * 3
    assert [line == gone for line in second] == [True] * 3 + [False] * 5
    assert not (folder / "boxes.txt").exists()


def test_an_object_joins_a_label_map_and_another_leaves_it(workplace: Path) -> None:
    labels = np.zeros(SIZE, dtype=np.uint8)
    labels[30:50, 20:44] = 1
    labels[70:90, 80:100] = 2
    Path("first.png").write_bytes(encode_labels(labels))
    small = ["--set", "segmentation.multi_patch_size=128"]
    words = ["--mask", "first.png", "--start", "2:box:5,5,10,10", "--stop", "4:2", *small, "--save", "json"]
    assert track(*words) == 0
    records = json.loads((workplace / "frames_samn" / "boxes.json").read_text())
    ids = [sorted(one["object"] for one in records if one["frame"] == index) for index in range(FRAMES)]
    assert ids == [[1, 2]] * 2 + [[1, 2, 3]] * 2 + [[1, 3]] * 4


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--start", "x"], "no frame's number"),
        (["--start", "3:circle:1,2,3"], "not FRAME:KIND:VALUES"),
        (["--start", "3:box:"], "not FRAME:KIND:VALUES"),
        (["--start", "0:box:1,1,5,5"], "is not after the first frame, 0"),
        (["--start", "3:box:500,1,5,5"], "outside the image"),
        (["--start", "3:point:999,60"], "--start 3:point:999,60: --point: the point 999,60 lies outside"),
        (["--stop", "3:7"], "not FRAME:ID with an object of 1"),
        (["--stop", "3"], "not FRAME:ID"),
    ],
)
def test_impossible_changes_are_errors(
    workplace: Path, whites: str, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert track(*BOX, *words, "--tracker", whites) == 1
    assert said in capsys.readouterr().err
    assert not (workplace / "frames_samn").exists()


@pytest.mark.parametrize("words", [["--start", "900:box:1,2,30,40"], ["--start", "3:box:1,2,30,40", "--end", "3"]])
def test_an_object_that_never_comes_is_told_and_the_rest_kept(
    workplace: Path, whites: str, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert track(*BOX, "--tracker", whites, *words, "--save", "txt") == 1
    told = capsys.readouterr().err
    assert f"object 2 in frame {words[1].split(':')[0]}" in told
    frames = 3 if "--end" in words else FRAMES
    assert f"the {frames} frames tracked until then are kept" in told
    assert len((workplace / "frames_samn" / "boxes.txt").read_text().splitlines()) == frames


def test_stride_and_every(workplace: Path, whites: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert track(*BOX, "--tracker", whites, "--stride", "3", "--save", "masks", "--output", "third", "--json") == 0
    assert json.loads(capsys.readouterr().out)["frames"] == 3
    names = [f"{index:08d}.png" for index in (0, 3, 6)]
    assert sorted(path.name for path in (workplace / "third" / "masks").iterdir()) == names
    assert track(*BOX, "--tracker", whites, "--every", "3", "--save", "masks", "--output", "saved", "--json") == 0
    assert json.loads(capsys.readouterr().out)["frames"] == FRAMES, "all are tracked"
    assert sorted(path.name for path in (workplace / "saved" / "masks").iterdir()) == names
    with pytest.raises(SystemExit):
        track(*BOX, "--stride", "0")


def test_data_sets_for_other_tools(workplace: Path, whites: str) -> None:
    assert track(*BOX, "--tracker", whites, "--save", "yolo,mot,coco,sam2") == 0
    folder = workplace / "frames_samn"
    x, y, width, height = box(2)
    rows, columns = SIZE

    mot = [line.split(",") for line in (folder / "mot.txt").read_text().splitlines()]
    assert len(mot) == FRAMES
    assert [float(value) for value in mot[2]] == [3, 1, x + 1, y + 1, width, height, 0.5, -1, -1, -1]

    kind, *values = (folder / "yolo" / "boxes" / "00000002.txt").read_text().split()
    middle = [(x + width / 2) / columns, (y + height / 2) / rows, width / columns, height / rows]
    assert kind == "0" and [float(value) for value in values] == pytest.approx(middle, abs=1e-6)
    _, *outline = (folder / "yolo" / "labels" / "00000002.txt").read_text().split()
    corners = np.array(outline, dtype=float).reshape(-1, 2) * (columns, rows)
    drawn = cv2.fillPoly(np.zeros(SIZE, np.uint8), [np.floor(corners).astype(int)], 1)
    assert mask_iou(drawn, truth(2)) == 1
    assert corners.min(0) == pytest.approx((x, y), abs=0.3) and corners.max(0) == pytest.approx(
        (x + width, y + height), abs=0.3
    )
    assert read_image(folder / "yolo" / "images" / "00000002.jpg").shape == (*SIZE, 3)
    assert "0: object 1" in (folder / "yolo" / "data.yaml").read_text()

    coco = json.loads((folder / "coco.json").read_text())
    assert [image["id"] for image in coco["images"]] == list(range(FRAMES))
    assert (coco["images"][0]["width"], coco["images"][0]["height"]) == (columns, rows)
    assert coco["categories"] == [{"id": 1, "name": "object 1"}]
    third = coco["annotations"][2]
    assert (third["id"], third["image_id"], third["category_id"], third["iscrowd"]) == (3, 2, 1, 0)
    assert (third["area"], third["bbox"]) == (width * height, [x, y, width, height])
    assert third["segmentation"] == {"size": [rows, columns], "counts": coco_counts(truth(2))}

    assert np.array_equal(read_labels(folder / "sam2" / "video" / "00002.png"), truth(2))


def test_a_generator_gives_each_frame_with_its_answer(workplace: Path) -> None:
    pairs = samn_tracker.track_video("frames", Points([32, 40]), stream=True, settings=SETTINGS, end=4)
    assert isinstance(pairs, Iterator)
    frame, first = next(iter(pairs))
    assert (frame.index, mask_iou(first.mask, truth(0)) > 0.75) == (0, True)
    assert [frame.index for frame, _ in pairs] == [1, 2, 3]
    every = samn_tracker.track_video(workplace / "frames", {4: [20, 30, 24, 20]}, settings=SETTINGS, stride=3)
    assert [(frame.index, list(answers)) for frame, answers in every] == [(0, [4]), (3, [4]), (6, [4])]


def test_a_generator_refuses_before_the_first_pair(workplace: Path) -> None:
    with pytest.raises(ConfigError, match=r"frames 5\.\.2 are none"):
        samn_tracker.track_video("frames", [1, 1, 5, 5], stream=True, start=5, end=2)
    with pytest.raises(RegionError):
        samn_tracker.track_video("frames", [500, 1, 5, 5], settings=SETTINGS)


@pytest.fixture
def served(workplace: Path) -> Iterator[str]:
    """The address of the working directory, served over HTTP."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(workplace)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_an_address_is_tracked_like_a_file(served: str, workplace: Path, whites: str) -> None:
    writer = VideoWriter(workplace / "white.mp4", 24.0)
    for index in range(FRAMES):
        writer.write(picture(index))
    writer.close()
    code = main(["track", f"{served}/white.mp4", *BOX, "--tracker", whites, "--save", "masks"])
    assert code == 0
    assert len(list((workplace / "white_samn" / "masks").iterdir())) == FRAMES
    assert [frame.index for frame in open_source(f"{served}/white.mp4", 2, 5)] == [2, 3, 4]


def test_a_file_with_its_index_at_its_end_says_what_the_server_lacks(served: str, workplace: Path) -> None:
    """As cameras and OpenCV write them; Python's own server answers no byte ranges."""
    writer = cv2.VideoWriter(str(workplace / "late.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 24.0, (640, 480))
    noise = np.random.default_rng(0).integers(0, 256, (FRAMES, 480, 640, 3), dtype=np.uint8)  # more than is read ahead
    for image in noise:
        writer.write(image)
    writer.release()
    assert len(list(open_source("late.mp4"))) == FRAMES
    with pytest.raises(ImageError, match=r"after 0 frames .* a server that answers byte ranges"):
        next(iter(open_source(f"{served}/late.mp4")))


def test_an_address_that_does_not_answer_is_an_error_and_shows_no_password(served: str) -> None:
    with pytest.raises(ImageError, match=r"nothing\.mp4 does not answer with a video"):
        VideoAddress(f"{served}/nothing.mp4")
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"//me:secret@127.0.0.1:{silent.getsockname()[1]}/film"
        for scheme in ("http:", "rtsp:"):
            with pytest.raises(ImageError, match="does not answer with a video") as told:
                VideoAddress(scheme + address, seconds=0.5)
            assert "secret" not in str(told.value)

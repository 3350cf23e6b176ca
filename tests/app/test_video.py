"""Video in and out, and the other ways to give frames."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from samn_tracker.app.sources import open_source
from samn_tracker.app.video import VideoWriter, require_av
from samn_tracker.errors import ConfigError, DatasetError, EnvironmentProblemError, ImageError

from .browser import console_of
from .conftest import FRAMES, SIZE, picture

TOP_LEFT = (slice(0, 20), slice(0, 20))


def write_video(path: Path, frames: int = FRAMES, rate: float = 24.0, size: tuple[int, int] = SIZE) -> bytes:
    """Grey frames that brighten, with a red top left corner."""
    writer = VideoWriter(path, rate)
    for index in range(frames):
        image = np.full((*size, 3), 40 + 3 * index, dtype=np.uint8)
        image[TOP_LEFT] = (220, 30, 30)
        writer.write(image)
    writer.close()
    return path.read_bytes()


def test_what_is_written_comes_back_in_its_colours(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4")
    source = open_source(str(tmp_path / "a.mp4"))
    frames = list(source)
    assert (source.total, source.frames_per_second) == (FRAMES, 24.0)
    assert [frame.index for frame in frames] == list(range(FRAMES))
    for frame in frames:
        assert frame.image.shape == (SIZE[0] + 1, SIZE[1] + 1, 3)
        assert abs(float(frame.image[60:, 60:].mean()) - (40 + 3 * frame.index)) < 3
        assert np.allclose(frame.image[5:12, 5:12].mean(axis=(0, 1)), (220, 30, 30), atol=8)


def test_a_real_browser_plays_it(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4")
    page = tmp_path / "page.html"
    page.write_text(
        "<video src=a.mp4 muted onerror=\"console.log('error ' + this.error.code)\" "
        "onloadeddata=\"console.log('plays ' + this.videoWidth + 'x' + this.videoHeight + ', ' + this.duration)\">"
    )
    console, _ = console_of(page)
    assert f"plays {SIZE[1] + 1}x{SIZE[0] + 1}, 0.33" in console


def test_it_is_in_the_form_that_browsers_play(tmp_path: Path) -> None:
    data = write_video(tmp_path / "a.mp4")
    with require_av().open(str(tmp_path / "a.mp4")) as container:
        codec = container.streams.video[0].codec_context
        assert (codec.name, codec.pix_fmt) == ("h264", "yuv420p")
    assert 0 < data.index(b"moov") < data.index(b"mdat"), "the index must come first, so that playing starts at once"
    assert list(tmp_path.iterdir()) == [tmp_path / "a.mp4"]


@pytest.mark.parametrize(("turn", "corner"), [((0, 1, -1, 0), "right"), ((-1, 0, 0, -1), "bottom")])
def test_a_phone_video_on_its_side_is_turned_upright(tmp_path: Path, turn: tuple[int, ...], corner: str) -> None:
    data = bytearray(write_video(tmp_path / "a.mp4", 2, size=(96, 120)))
    matrix = data.index(b"tkhd") + 4 + 4 + 5 * 4 + 8 + 4 * 2
    for place, value in zip((0, 4, 12, 16), turn, strict=True):
        data[matrix + place : matrix + place + 4] = (value << 16).to_bytes(4, "big", signed=True)
    (tmp_path / "a.mp4").write_bytes(bytes(data))
    image = next(iter(open_source(str(tmp_path / "a.mp4")))).image
    red = np.argwhere((image[..., 0] > 150) & (image[..., 1] < 100)).mean(axis=0)
    assert image.shape[:2] == ((120, 96) if corner == "right" else (96, 120))
    assert red[1] > image.shape[1] / 2
    assert (red[0] > image.shape[0] / 2) == (corner == "bottom")


@pytest.mark.parametrize("kept", [0, 12, 100, 400, 500])
def test_a_video_cut_off_in_its_header_says_so(tmp_path: Path, kept: int) -> None:
    data = write_video(tmp_path / "a.mp4")
    (tmp_path / "a.mp4").write_bytes(data[:kept])
    with pytest.raises(ImageError, match=r"not a video that can be read|no video stream|cannot be decoded"):
        list(open_source(str(tmp_path / "a.mp4")))


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_a_video_cut_off_in_the_middle_gives_its_beginning_and_an_error(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    write_video(path, 60)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    frames = []
    with pytest.raises(ImageError, match=r"damaged after frame|is cut off"):
        for frame in open_source(str(path)):
            frames.append(frame.index)
    assert 0 < len(frames) < 60


def test_a_range_of_a_video_and_of_images(tmp_path: Path, workplace: Path) -> None:
    write_video(tmp_path / "a.mp4")
    for name in ("a.mp4", "frames", "frames/*.png"):
        source = open_source(name, 2, 5)
        assert [frame.index for frame in source] == [2, 3, 4]
        assert source.total == 3


def test_images_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for number in (0, 1, 2, 10, 11):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((20, 30, 3), number, dtype=np.uint8))
    assert [int(frame.image[0, 0, 0]) for frame in open_source(str(tmp_path))] == [0, 1, 2, 10, 11]


def test_images_are_rgb(workplace: Path) -> None:
    assert all(np.array_equal(frame.image, picture(frame.index)) for frame in open_source("frames"))


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("nowhere.mp4", DatasetError, "no file or folder nowhere.mp4"),
        ("empty", DatasetError, "no image in empty"),
        ("frames/*.jpg", DatasetError, "no image in frames"),
        ("frames/0.png", DatasetError, "single image"),
        ("note.mp4", ImageError, "not a video"),
        ("99", ImageError, "camera 99 cannot be opened"),
    ],
)
def test_what_cannot_be_read_is_named(workplace: Path, text: str, error: type[Exception], message: str) -> None:
    (workplace / "empty").mkdir()
    (workplace / "note.mp4").write_text("this is a letter, and no video")
    with pytest.raises(error, match=message):
        open_source(text)


@pytest.mark.parametrize(("start", "end"), [(-1, None), (3, 3), (4, 2)])
def test_an_impossible_range(workplace: Path, start: int, end: int | None) -> None:
    with pytest.raises(ConfigError, match="are none"):
        open_source("frames", start, end)


def test_a_range_behind_the_last_image(workplace: Path) -> None:
    with pytest.raises(DatasetError, match="holds 8 images"):
        open_source("frames", 8)


def test_without_pyav_the_message_says_what_to_do(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("a.mp4").write_bytes(b"anything")
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(EnvironmentProblemError, match=r"pip install av"):
        open_source("a.mp4")
    assert open_source("frames").total == FRAMES, "images need no PyAV"


def test_opencv_4_is_told_to_be_silent_about_a_missing_camera_where_it_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    levels: list[int] = []
    monkeypatch.setattr(cv2, "setLogLevel", levels.append, raising=False)
    with pytest.raises(ImageError, match="camera 99 cannot be opened"):
        open_source("99")
    assert levels == [0]

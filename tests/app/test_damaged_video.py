"""Videos that are damaged, mirrored, or of variable frame rate; pipes and devices."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from samn_tracker.app.slices import Slices
from samn_tracker.app.sources import open_source
from samn_tracker.app.video import require_av, turned
from samn_tracker.cli import main
from samn_tracker.errors import DatasetError, ImageError
from samn_tracker.studio.frames import open_store

SIZE = (120, 160)
COUNT = 50


def write(
    path: Path,
    times: list[int] | None = None,
    count: int = COUNT,
    codec: str = "libx264",
    options: dict[str, str] | None = None,
) -> bytes:
    """Noise that moves, as H.264 or another code at 25 frames a second, or shown at these milliseconds."""
    av = require_av()
    scene = np.random.default_rng(0).integers(0, 255, (*SIZE, 3), dtype=np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=options or {})
        stream.width, stream.height, stream.pix_fmt = SIZE[1], SIZE[0], "yuvj420p" if codec == "mjpeg" else "yuv420p"
        if times:
            stream.codec_context.time_base = Fraction(1, 1000)
        for index in range(len(times or range(count))):
            picture = av.VideoFrame.from_ndarray(np.roll(scene, 2 * index, axis=1), format="rgb24")
            picture = picture.reformat(format=stream.pix_fmt)
            if times:
                picture.pts, picture.time_base = times[index], Fraction(1, 1000)
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return path.read_bytes()


def frames_of(path: Path) -> tuple[int, str]:
    """How many frames came, and the sentence that ended them, or nothing."""
    count = 0
    try:
        for _ in open_source(str(path)):
            count += 1
    except ImageError as error:
        return count, str(error)
    return count, ""


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
def test_a_whole_video_is_whole(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"whole.{suffix}"
    write(path)
    assert frames_of(path) == (COUNT, "")


def test_zeroed_bytes_inside_an_mp4_are_told(tmp_path: Path) -> None:
    data = write(tmp_path / "a.mp4")
    start = data.index(b"mdat") + 1000
    for place in range(start, len(data) - 4000, (len(data) - start) // 6):
        damaged = bytearray(data)
        damaged[place : place + 60] = bytes(60)
        (tmp_path / "b.mp4").write_bytes(damaged)
        count, said = frames_of(tmp_path / "b.mp4")
        assert count < COUNT
        assert "is damaged after frame" in said or "cannot be decoded" in said


def test_a_frame_lost_in_the_middle_of_a_transport_stream_is_told(tmp_path: Path) -> None:
    """Frames do not get the numbers of others: it ends where they are missing."""
    data = write(tmp_path / "a.ts")
    damaged = bytearray(data)
    middle = len(data) * 7 // 10
    damaged[middle : middle + 400] = np.random.default_rng(0).bytes(400)
    (tmp_path / "b.ts").write_bytes(damaged)
    count, said = frames_of(tmp_path / "b.ts")
    assert 0 < count < COUNT - 1
    assert f"is damaged after frame {count - 1}" in said


def test_a_packet_that_gives_no_picture_is_told_and_moves_no_numbers(tmp_path: Path) -> None:
    """MPEG-4 dropped the frame, and every later one got the number of the one before."""
    data = write(tmp_path / "a.mp4", codec="mpeg4")
    with require_av().open(str(tmp_path / "a.mp4")) as container:
        places = [packet.pos for packet in container.demux(video=0) if packet.size]
    damaged = bytearray(data)
    damaged[places[20] : places[20] + 4] = bytes(4)
    (tmp_path / "b.mp4").write_bytes(damaged)
    count, said = frames_of(tmp_path / "b.mp4")
    assert count <= 20
    assert f"is damaged after frame {count - 1}" in said


@pytest.mark.parametrize("codec", ["libvpx", "libvpx-vp9", "mjpeg"])
def test_a_damaged_matroska_file_does_not_lose_pictures_in_silence(tmp_path: Path, codec: str) -> None:
    """The first byte of a block is destroyed, and what reads the file skips to where it finds its way again."""
    data = write(tmp_path / "a.mkv", codec=codec)
    assert frames_of(tmp_path / "a.mkv") == (COUNT, "")
    with require_av().open(str(tmp_path / "a.mkv")) as container:
        place = [packet.pos for packet in container.demux(video=0) if packet.size][25]
    damaged = bytearray(data)
    damaged[place - 8 : place + 8] = bytes(16)
    (tmp_path / "b.mkv").write_bytes(damaged)
    count, said = frames_of(tmp_path / "b.mkv")
    assert count <= 26
    assert f"is damaged after frame {count - 1}" in said


def test_the_studio_shows_no_picture_that_is_patched_up(tmp_path: Path) -> None:
    """What `samn track` stops at is a frame that cannot be decoded there; frames after the next key frame are whole."""
    data = write(tmp_path / "a.mp4", options={"g": "10", "bf": "0"})
    whole = [frame.image for frame in open_source(str(tmp_path / "a.mp4"))]
    with require_av().open(str(tmp_path / "a.mp4")) as container:
        place = [packet.pos for packet in container.demux(video=0) if packet.size][24]
    damaged = bytearray(data)
    damaged[place + 8 : place + 200] = bytes(192)
    (tmp_path / "b.mp4").write_bytes(damaged)
    store = open_store(str(tmp_path / "b.mp4"))
    assert store.count == COUNT
    for index in (0, 10, 23, 30, 49, 31, 22):
        assert np.array_equal(store.image(index), whole[index]), index
    for index in (24, 25, 29):
        with pytest.raises(ImageError, match=f"frame {index} of .* cannot be decoded"):
            store.image(index)
    assert np.array_equal(store.image(30), whole[30])


@pytest.mark.parametrize("suffix", ["mkv", "ts"])
def test_a_video_cut_at_60_percent_is_told(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    data = write(path)
    path.write_bytes(data[: len(data) * 6 // 10])
    count, said = frames_of(path)
    assert 0 < count < COUNT
    assert "is cut off: it promises 2." in said or "is damaged after frame" in said


def test_track_keeps_what_was_done_of_a_damaged_video_and_exits_with_1(
    workplace: Path, whites: str, capsys: pytest.CaptureFixture[str]
) -> None:
    data = bytearray(write(workplace / "a.mp4"))
    data[-3000:-2940] = bytes(60)
    Path("a.mp4").write_bytes(data)
    code = main(["track", "a.mp4", "--box", "20,20,40,40", "--tracker", whites, "--save", "txt", "--output", "out"])
    rows = len(Path("out/boxes.txt").read_text().splitlines())
    assert code == 1
    assert 0 < rows < COUNT
    assert f"a.mp4 is damaged after frame {rows - 1}" in capsys.readouterr().err


def test_the_overlay_keeps_the_times_of_a_variable_frame_rate(workplace: Path, whites: str) -> None:
    times = [0, 40, 80, 480, 520, 1300, 1340]
    write(workplace / "a.mp4", times)
    assert frames_of(workplace / "a.mp4") == (len(times), "")
    assert main(["track", "a.mp4", "--box", "20,20,40,40", "--tracker", whites, "--save", "overlay"]) == 0
    shown = [frame.seconds for frame in open_source("a_samn/overlay.mp4")]
    assert np.allclose(np.array(shown) * 1000, times, atol=1)


def test_a_variable_frame_rate_is_not_taken_for_a_cut(tmp_path: Path) -> None:
    times = [40 * index + 400 * (index > 20) + 3000 * (index > 30) for index in range(COUNT)]
    write(tmp_path / "a.mkv", times)
    assert frames_of(tmp_path / "a.mkv") == (COUNT, "")


MIRRORS = {
    "as it is": ((1, 0, 0, 1), lambda image: image),
    "left and right": ((-1, 0, 0, 1), lambda image: image[:, ::-1]),
    "up and down": ((1, 0, 0, -1), lambda image: image[::-1]),
    "half a turn": ((-1, 0, 0, -1), lambda image: image[::-1, ::-1]),
    "a quarter clockwise": ((0, 1, -1, 0), lambda image: np.rot90(image, -1)),
    "a quarter back": ((0, -1, 1, 0), lambda image: np.rot90(image, 1)),
    "the diagonal": ((0, 1, 1, 0), lambda image: image.transpose(1, 0, 2)),
    "the other diagonal": ((0, -1, -1, 0), lambda image: np.rot90(image, 2).transpose(1, 0, 2)),
}


@pytest.mark.parametrize("name", MIRRORS)
def test_a_mirrored_display_matrix_mirrors_and_turns_as_it_says(name: str) -> None:
    (a, b, c, d), expected = MIRRORS[name]
    image = np.random.default_rng(0).integers(0, 255, (4, 6, 3), dtype=np.uint8)
    matrix = np.array([[a << 16, b << 16, 0], [c << 16, d << 16, 0], [0, 0, 1 << 30]], dtype=np.int32)
    assert np.array_equal(turned(image, matrix), expected(image))


def test_a_video_with_a_mirrored_display_matrix_is_not_turned_by_180_degrees(tmp_path: Path) -> None:
    data = bytearray(write(tmp_path / "a.mp4", count=2))
    plain = next(iter(open_source(str(tmp_path / "a.mp4")))).image
    matrix = data.index(b"tkhd") + 4 + 4 + 5 * 4 + 8 + 4 * 2
    data[matrix : matrix + 4] = (-1 << 16).to_bytes(4, "big", signed=True)
    (tmp_path / "a.mp4").write_bytes(bytes(data))
    assert np.array_equal(next(iter(open_source(str(tmp_path / "a.mp4")))).image, plain[:, ::-1])


def test_pipes_and_devices_get_a_sentence(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    for place in (tmp_path / "pipe.mp4", Path("/dev/zero")):
        with pytest.raises(DatasetError, match=f"{place} is a pipe or a device"):
            open_source(str(place))


def test_a_video_whose_title_is_not_utf_8_is_a_video(tmp_path: Path) -> None:
    path = tmp_path / "named.mp4"
    av = require_av()
    with av.open(str(path), "w") as container:
        container.metadata["title"] = "Caf\u00e9 \u00e9t\u00e9"
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")))
        container.mux(stream.encode())
    assert path.read_bytes().count(b"\xc3\xa9") == 3
    path.write_bytes(path.read_bytes().replace(b"\xc3\xa9", b"\xe9\xe9"))
    assert frames_of(path) == (3, "")
    assert open_store(str(path)).count == 3


def test_the_studio_refuses_a_video_whose_packets_cannot_be_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "a.nut"
    data = write(path, count=25)
    path.write_bytes(data[:-80] + bytes(60) + data[-20:])
    with pytest.raises(ImageError, match=r"a\.nut is damaged \(.*\); copy or download it again"):
        open_store(str(path))
    count, said = frames_of(path)
    assert 0 < count < 25
    assert "is damaged after frame" in said


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts", "avi"])
@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_zeros_that_a_lost_piece_left_in_h264_and_hevc_are_told(tmp_path: Path, codec: str, suffix: str) -> None:
    """Decoders read them as any other words of the code, and answer another picture."""
    if codec == "libx265" and suffix == "avi":
        pytest.skip("not a pair that is written")
    path = tmp_path / f"holes.{suffix}"
    options = {"x265-params": "log-level=none"} if codec == "libx265" else {}
    data = write(path, count=12, codec=codec, options=options)
    assert frames_of(path) == (12, "")
    with require_av().open(str(path)) as container:
        first = next(bytes(one) for one in container.demux(video=0) if one.size)
    place = data.index(first[6000:6008])
    path.write_bytes(data[:place] + bytes(8) + data[place + 8 :])
    count, said = frames_of(path)
    assert count == 0
    assert "zeros are in its place" in said or suffix == "ts", "there the zeros divide packets"
    with pytest.raises(ImageError):
        open_store(str(path)).image(0)


def _stream(code: str, header: bytes) -> SimpleNamespace:
    return SimpleNamespace(codec_context=SimpleNamespace(name=code, extradata=header))


LENGTHS_OF_4 = b"\x01d\x00\x0b\xff\xe1"


@pytest.mark.parametrize(
    ("code", "header", "packet", "whole"),
    [
        ("h264", LENGTHS_OF_4, b"\0\0\0\5\x65abcd\0\0\0\3\x41ef", True),
        ("h264", LENGTHS_OF_4, b"\0\0\0\7\x65a\0\0\0bc", False),
        ("h264", LENGTHS_OF_4, b"\0\0\0\7\x65a\0\0\2bc", False),
        ("h264", LENGTHS_OF_4, b"\0\0\0\7\x65a\0\0\3bc", True),
        ("h264", LENGTHS_OF_4, b"\0\0\0\7\x65ab\0\0\0\0", True),
        ("h264", LENGTHS_OF_4, b"\0\0\0\7\x06a\0\0\0bc", True),
        ("h264", b"\x01d\x00\x0b\xfd", b"\0\7\x65a\0\0\0bc\0\2\x41e", False),
        ("h264", b"", b"\0\0\0\1\x65ab\0\0\1\x41cd", True),
        ("h264", b"\0\0\0\1\x67", b"\0\0\0\1\x65ab\0\0\0\0\0c", False),
        ("hevc", b"", b"\0\0\0\1\x26\1ab\0\0\0\0\0c", False),
        ("hevc", b"", b"\0\0\0\1\x4e\1ab\0\0\0\0\0c", True),
        ("vp9", b"", bytes(40), True),
        ("h264", LENGTHS_OF_4, b"", True),
    ],
)
def test_what_no_slice_can_hold(code: str, header: bytes, packet: bytes, whole: bool) -> None:
    assert Slices(_stream(code, header)).are_whole(packet) == whole


@pytest.mark.parametrize("suffix", ["avi", "asf"])
def test_a_sound_video_without_times_of_its_pictures_is_not_called_damaged(tmp_path: Path, suffix: str) -> None:
    """AVI and ASF keep the order of decoding alone; with B-frames each second picture was said to be missing."""
    path = tmp_path / f"reordered.{suffix}"
    write(path, count=30, options={"bf": "2", "g": "10"})
    frames = list(open_source(str(path)))
    assert [frame.seconds for frame in frames] == [None] * 30
    write(tmp_path / "same.mp4", count=30, options={"bf": "2", "g": "10"})
    whole = [frame.image for frame in open_source(str(tmp_path / "same.mp4"))]
    assert len(frames) == 30
    assert all((one.image == two).all() for one, two in zip(frames, whole, strict=True))
    store = open_store(str(path))
    assert store.count == 30
    for index in (0, 7, 25, 12, 29, 3):
        assert (store.image(index) == whole[index]).all(), f"the studio shows another picture as {index}"

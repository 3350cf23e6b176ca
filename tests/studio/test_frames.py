"""What the studio reads is what `samn track` reads: numbers, values and times of the frames."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from samn_tracker.app.video import require_av
from samn_tracker.errors import ResultError
from samn_tracker.prediction import Prediction
from samn_tracker.studio.answers import Answer, Thing
from samn_tracker.studio.frames import open_store
from samn_tracker.studio.project import Project
from samn_tracker.studio.saving import save_results

MASK = np.zeros((48, 64), np.uint8)
MASK[10:30, 20:40] = 1


def images(folder: Path, numbers: list[int], dtype: type = np.uint8) -> Path:
    folder.mkdir()
    for number in numbers:
        value = 30000 + 100 * number if dtype == np.uint16 else 90
        picture: np.ndarray = np.full((48, 64), value, dtype)
        picture[:, :32] = value + 500 if dtype == np.uint16 else 10
        cv2.imwrite(str(folder / f"{number}.png"), picture)
    return folder


def test_masks_saved_by_the_studio_have_the_numbers_of_their_images(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = open_store(str(images(tmp_path / "frames", [7, 8, 10, 11])))
    assert "lacks frames in the middle: 9" in capsys.readouterr().err
    answers = {index: Answer.of(Prediction(np.array([20.0, 10, 20, 20]), None, MASK)) for index in range(4)}
    save_results(tmp_path / "out", "masks,txt", store, {1: Thing("ball", {}, answers)}, lambda index: None)
    assert sorted(int(path.stem) for path in (tmp_path / "out/masks").glob("*.png")) == [7, 8, 10, 11]


def test_16_bit_frames_of_the_studio_are_scaled_by_the_first_one(tmp_path: Path) -> None:
    store = open_store(str(images(tmp_path / "frames", [0, 1, 2, 3], np.uint16)))
    means = [store.image(index).mean() for index in (0, 3, 1, 2)]
    assert means[0] < means[2] < means[3] < means[1], "each was scaled by itself, and all looked alike"


def test_the_studio_keeps_the_times_of_a_variable_frame_rate(tmp_path: Path) -> None:
    times = [0, 40, 480, 1300]
    with require_av().open(str(tmp_path / "a.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for time in times:
            picture = require_av().VideoFrame.from_ndarray(np.full((48, 64, 3), 90, np.uint8), format="rgb24")
            picture = picture.reformat(format="yuv420p")
            picture.pts, picture.time_base = time, Fraction(1, 1000)
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    store = open_store(str(tmp_path / "a.mp4"))
    assert np.allclose([1000 * (store.frame(index).seconds or 0) for index in range(4)], times, atol=1)


def test_a_project_on_a_full_disk_ends_with_a_sentence(tmp_path: Path) -> None:
    project = Project(tmp_path / "p", open_store(str(images(tmp_path / "frames", [1, 2]))))
    one = project.add("ball")
    project._stream.close()
    project._journal.unlink()
    project._journal.symlink_to("/dev/full")
    project._stream = project._opened()
    with pytest.raises(ResultError, match="No space left on device"):
        project.answer(one, 0, Answer.of_mask(MASK))

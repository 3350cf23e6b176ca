"""What a person meets who makes a mistake with `samn vot`, or whose machine does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from workspaces import made, write_flat

from samn_tracker.cli import main
from samn_tracker.errors import ResultError
from vot_workspace import toolkit
from vot_workspace.check import Fault
from vot_workspace.doctor import diagnose_workspace
from vot_workspace.run import report
from vot_workspace.score import read_runs
from vot_workspace.workspace import Workspace

HERE = Path(__file__).parent


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_flat(tmp_path / "data", {"a": 6})


def create(place: Path, data: Path, *more: str) -> int:
    return main(["vot", "create", str(place), "--data", str(data), "--rules", "demo", *more])


def test_a_path_of_other_letters_is_refused_at_once(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert create(tmp_path / "Prüfung", data) == 1
    assert "Prüfung, is not of ASCII letters alone, and the toolkit's TraX fails on it" in capsys.readouterr().err
    assert not (tmp_path / "Prüfung").exists()
    (tmp_path / "дом").symlink_to(data)
    assert create(tmp_path / "plain", tmp_path / "дом") == 0, "data elsewhere may be called as it likes"


def test_doctor_and_run_tell_a_workspace_that_was_moved_to_such_a_path(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert create(tmp_path / "plain", data) == 0
    moved = (tmp_path / "plain").rename(tmp_path / "für später")
    assert any("ASCII letters" in problem for problem in diagnose_workspace(moved))
    assert main(["vot", "run", str(moved)]) == 1
    assert "ASCII letters" in capsys.readouterr().err


def test_a_sequence_of_other_letters_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert create(tmp_path / "W", write_flat(tmp_path / "data", {"café": 6})) == 1
    assert "the name of a sequence, café," in capsys.readouterr().err


def test_doctor_finds_an_entry_whose_module_cannot_be_imported(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert create(tmp_path / "W", data, "--tracker", "no_such_module:make") == 0
    assert main(["vot", "doctor", str(tmp_path / "W"), "--start", "make"]) == 1
    printed = capsys.readouterr()
    assert "nothing wrong" not in printed.out
    assert "[make] cannot begin on the first frame of a" in printed.err
    assert "no_such_module" in printed.err


def test_a_run_tells_the_cause_and_not_17_times_missing(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert create(tmp_path / "W", data, "--tracker", "no_such_module:make") == 0
    capsys.readouterr()
    assert main(["vot", "run", str(tmp_path / "W")]) == 1
    said = capsys.readouterr().err
    assert said.count("missing") == 0
    assert "the module 'no_such_module' of --tracker no_such_module:make cannot be imported" in said


def test_a_report_of_failures_begins_with_the_cause(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    workspace = made(tmp_path)
    (workspace.folder / "logs").mkdir()
    (workspace.folder / "logs/MIL_1.log").write_text("hello\nsamn-trax: error: the GPU is gone\nbye\n")
    faults = [Fault("baseline", "a", f"a_{index:03d}", "missing") for index in range(17)]
    assert report(workspace, "MIL", faults) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "MIL failed: samn-trax: error: the GPU is gone"
    assert sum("missing" in line for line in lines) == 2
    assert "baseline/a/a_000" in lines[1] and "more" in lines[1]


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ((), "SAMN"),
        (("--preset", "paper"), "SAMN-paper"),
        (("--tracker", "opencv-mil"), "opencv-mil"),
        (("--tracker", "some.module:make"), "make"),
        (("--tracker", "runs/mine v2.safetensors"), "mine-v2"),
        (
            ("--set", "spatial.enabled=no", "--set", "appearance.interval=10"),
            "SAMN-spatial-enabled-no-appearance-interval-10",
        ),
    ],
)
def test_an_entry_that_nobody_named_is_called_after_what_it_runs(
    data: Path, tmp_path: Path, given: tuple[str, ...], name: str
) -> None:
    """Two configurations under one name could not be told apart in results, archives and reports."""
    assert create(tmp_path / "W", data, *given) == 0
    workspace = Workspace(tmp_path / "W")
    assert list(workspace.trackers) == [name, "MIL"]
    assert workspace.first_tracker == name


def test_a_percent_sign_in_a_setting_gets_through_trackers_ini(data: Path, tmp_path: Path) -> None:
    assert create(tmp_path / "W", data, "--tracker", "runs/100%/a.safetensors") == 0
    assert Workspace(tmp_path / "W").tracker("a")["env_samn_tracker"] == "runs/100%/a.safetensors"


def test_the_toolkit_does_not_say_that_a_failed_run_concluded_successfully(
    data: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """It says so of every evaluation that it did not break off itself."""
    assert create(tmp_path / "W", data, "--tracker", "opencv-mil") == 0
    toolkit.run("evaluate", tmp_path / "W", "opencv-mil", "--persist", "--experiments", "baseline")
    said = capfd.readouterr().err
    assert list((tmp_path / "W/results/opencv-mil/baseline").glob("*/*.bin")), said
    assert "concluded" not in said


def test_an_entry_may_be_called_by_its_trackers_name(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert create(tmp_path / "my W", data, "--tracker", "opencv-mil", "--name", "mine-1") == 0
    assert f"next: samn vot run '{tmp_path}/my W' mine-1\n" in capsys.readouterr().err, "quoted for the shell"
    entries = (tmp_path / "my W/trackers.ini").read_text()
    assert "[mine-1]" in entries and "[SAMN]" not in entries
    with pytest.raises(SystemExit, match="2"):
        create(tmp_path / "W2", data, "--name", "../x")


@pytest.mark.parametrize(
    "given", [("--anchor-spacing", "0"), ("--anchor-spacing", "-1"), ("--timeout", "-5"), ("--timeout", "²")]
)
def test_impossible_numbers_are_a_wrong_command_line(
    data: Path, tmp_path: Path, given: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        create(tmp_path / "W", data, *given)
    assert "is not a number above 0" in capsys.readouterr().err


def test_a_file_vot_py_in_the_working_folder_is_not_taken_for_the_toolkit(tmp_path: Path) -> None:
    (tmp_path / "vot.py").write_text("raise SystemExit('this is not the toolkit')\n")
    environment = os.environ | {"PYTHONPATH": str(HERE.parents[1]), "OMP_NUM_THREADS": "1"}
    line = [sys.executable, "-m", "vot_workspace", "doctor"]
    done = subprocess.run(line, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert "vot.py" not in done.stdout + done.stderr
    code = "from vot_workspace import toolkit; from pathlib import Path; print(toolkit.run('help', Path('.')))"
    line = [sys.executable, "-c", code]
    done = subprocess.run(line, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert "this is not the toolkit" not in done.stdout + done.stderr


def test_flat_results_are_told_what_they_are(tmp_path: Path) -> None:
    (tmp_path / "baseline").mkdir()
    (tmp_path / "baseline/a.txt").write_text("1,2,3,4\n")
    with pytest.raises(ResultError, match=r"holds a\.txt, one file a sequence; VOT's results are a folder a sequence"):
        read_runs(tmp_path, "baseline", ["a", "b"])

"""`samn studio` as a person starts and ends it."""

from __future__ import annotations

import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from samn_tracker.cli import main

pytest.importorskip("uvicorn", reason="the studio's extra is not installed: pip install 'samn-tracker[studio]'")


def test_the_printed_address_answers_at_once_and_ctrl_c_keeps_the_project(clip: list[Path], tmp_path: Path) -> None:
    """A program on the same project is refused meanwhile."""
    words = [sys.executable, "-m", "samn_tracker", "studio", str(clip[0].parent), "--no-browser"]
    command = [*words, "--set", "box_start.patch_size=96", "--set", "mask_start.patch_size=96"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            address = server.stdout.readline().strip()
            assert address.startswith("http://127.0.0.1:")
            with urllib.request.urlopen(address, timeout=60) as reply:
                assert b"samn studio" in reply.read()
            with pytest.raises(urllib.error.HTTPError, match="403"):
                urllib.request.urlopen(address.split("?", maxsplit=1)[0], timeout=60)
            project = tmp_path / f"{clip[0].parent.name}_studio"
            again = ["studio", str(clip[0].parent), "--no-browser", "--project", str(project)]
            assert main(again) == 1, "it is open in another program"
        finally:
            server.send_signal(signal.SIGINT)
            _, said = server.communicate(timeout=60)
    assert server.returncode == 0, said
    assert "Traceback" not in said
    assert (project / "project.json").is_file()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nothing.mp4"], "there is no file or folder nothing.mp4"),
        (["0"], "record the camera first"),
    ],
)
def test_what_cannot_be_opened_is_a_sentence(
    clip: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    said: str,
) -> None:
    monkeypatch.chdir(clip[0].parent)
    assert main(["studio", *words, "--no-browser", "--project", str(tmp_path / "project")]) == 1
    assert said in capsys.readouterr().err


def test_a_port_that_cannot_be_is_a_wrong_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["studio", ".", "--port", "99999"])
    assert ended.value.code == 2 and "'99999' is not a number from 0 to 65535" in capsys.readouterr().err

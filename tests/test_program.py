"""How every command line begins and ends: closed and full streams, the signals, errors as sentences."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from samn_tracker.errors import ConfigError, ImageError, ResultError
from samn_tracker.program import run_program, stopping_signals

PROGRAM = """
import os, sys
from samn_tracker.program import run_program

def command():
    {body}

sys.exit(run_program("it", command))
"""


def run(body: str, shell: str = "", **options: object) -> subprocess.CompletedProcess[str]:
    """A program with this body, its streams as the shell's words say."""
    line = ["sh", "-c", f'exec "$0" -c "$1" {shell}', sys.executable, PROGRAM.format(body=body)]
    return subprocess.run(line, capture_output=True, text=True, timeout=60, check=False, **options)  # type: ignore[call-overload, no-any-return]


def test_a_full_stdout_is_one_sentence() -> None:
    done = run("print('x' * 100000); return 0", "> /dev/full")
    assert done.returncode == 1
    assert done.stderr == "it: cannot write to standard output: No space left on device; let it go elsewhere\n"


def test_a_full_stdout_that_is_found_at_the_end_is_one_sentence() -> None:
    done = run("print('x'); return 0", "> /dev/full")
    assert done.returncode == 1
    assert done.stderr.startswith("it: cannot write to standard output: No space left")


def test_a_closed_stdout_is_one_sentence() -> None:
    done = run("print('x'); return 0", ">&-")
    assert done.returncode == 1
    assert done.stderr.startswith("it: cannot write to standard output: Bad file descriptor")


def test_a_reader_that_has_ended_is_met_quietly() -> None:
    done = run("print('x' * 1000000); return 0", "| true")
    assert done.stderr == ""


@pytest.mark.parametrize("shell", ["2>&-", "2> /dev/full"])
def test_a_closed_or_full_stderr_stops_nothing(shell: str) -> None:
    done = run("print('word', file=sys.stderr); print('result'); return 0", shell)
    assert (done.returncode, done.stdout) == (0, "result\n")


def test_files_do_not_get_the_number_of_a_closed_stderr(tmp_path: Path) -> None:
    """What C libraries print would be written into the file."""
    body = "f = open('mine', 'w'); os.write(2, b'noise'); f.close(); return f.name and int(os.path.getsize('mine') > 0)"
    assert run(body, "2>&-", cwd=tmp_path).returncode == 0


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGQUIT", "SIGINT"])
def test_each_stopping_signal_is_like_ctrl_c(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    number = getattr(signal, name)
    before = signal.getsignal(number)

    def command() -> int:
        os.kill(os.getpid(), number)
        raise AssertionError("the signal was not heard")

    assert run_program("it", command) == 130
    assert capsys.readouterr().err == "it: interrupted; run the same command again to go on\n"
    assert signal.getsignal(number) is before


def test_a_closed_terminal_that_signals_twice_does_not_break_the_tidying() -> None:
    tidied = False
    with pytest.raises(KeyboardInterrupt), stopping_signals():
        try:
            os.kill(os.getpid(), signal.SIGHUP)
        finally:
            os.kill(os.getpid(), signal.SIGHUP)
            os.kill(os.getpid(), signal.SIGTERM)
            tidied = True
    assert tidied


def test_nohup_is_respected() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stopping_signals():
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_errors_are_sentences(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    def fails(error: Exception) -> int:
        def command() -> int:
            raise error

        return run_program("it", command)

    assert [fails(ConfigError("a")), fails(ImageError("b")), fails(MemoryError())] == [1, 1, 1]
    assert fails(PermissionError(13, "Permission denied", "place")) == 1
    assert capsys.readouterr().err.splitlines() == [
        "it: a",
        "it: b",
        "it: there is not enough memory; end other programs, or give smaller pictures",
        "it: place: Permission denied; check its permissions and the room on its disk",
    ]


def test_a_word_of_200_kilobytes_is_not_echoed_whole(capsys: pytest.CaptureFixture[str]) -> None:
    def command() -> int:
        raise ResultError(f"--polygon {'1,2,' * 50_000}3 is not what it should be")

    assert run_program("samn x", command) == 1
    said = capsys.readouterr().err
    assert len(said) < 400
    assert said.startswith("samn x: --polygon 1,2,1,2,")
    assert said.endswith("1,2,3 is not what it should be\n")

"""Clients that go away, in the words of the protocol; the server is a process of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("trax", reason="the TraX bindings are not installed (pip install samn-tracker[vot])")

TOYS = Path(__file__).parents[1] / "vot"
INITIALIZE = '@@TRAX:initialize "30,40,30,30" \n'
FRAME = '@@TRAX:frame "file://{image}" \n'
HUNG_UP = "samn-trax: error: the client hung up without a quit"


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "one.png"
    cv2.imwrite(str(path), np.random.default_rng(0).integers(0, 255, (120, 160, 3), dtype=np.uint8))
    return path


def served(**environment: str) -> subprocess.Popen[str]:
    line = [sys.executable, "-m", "samn_tracker.trax.server", "--tracker", "fault_trackers:matching"]
    variables = os.environ | {"PYTHONPATH": str(TOYS), "OMP_NUM_THREADS": "1"} | environment
    pipe = subprocess.PIPE
    return subprocess.Popen(line, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=variables)


@pytest.mark.parametrize(
    ("said", "answers"),
    [
        ("", 0),
        ('@@TRAX:initialize "30,40', 0),
        (INITIALIZE, 0),
        (INITIALIZE + FRAME, 1),
        (INITIALIZE + FRAME * 3, 3),
        (INITIALIZE + FRAME + '@@TRAX:frame "a=', 1),
    ],
    ids=["at once", "within initialize", "before its frame", "after it", "frames ahead", "within a frame"],
)
def test_a_client_that_hangs_up_ends_the_server_at_once_and_not_in_a_loop(said: str, answers: int, image: Path) -> None:
    process = served()
    out, err = process.communicate(said.format(image=image), timeout=60)
    assert process.returncode == 1
    assert out.count("@@TRAX:state") == answers
    assert err.startswith(HUNG_UP) and err.count("\n") == 1


@pytest.mark.parametrize("quit_line", ["@@TRAX:quit \n", "@@TRAX:quit", '@@TRAX:quit "trax.reason=enough" \n'])
def test_a_quit_before_the_end_is_no_hang_up(quit_line: str, image: Path) -> None:
    process = served()
    _, err = process.communicate((INITIALIZE + FRAME).format(image=image) + quit_line, timeout=60)
    assert (process.returncode, err) == (0, "")


def test_a_client_killed_before_it_reads_the_answer_ends_the_server(image: Path) -> None:
    process = served()
    assert process.stdin is not None and process.stdout is not None and process.stderr is not None
    process.stdout.close()
    process.stdin.write((INITIALIZE + FRAME).format(image=image))
    process.stdin.close()
    assert process.wait(60) == 1
    assert process.stderr.read().startswith(HUNG_UP)
    process.stderr.close()


def test_a_message_of_nonsense_is_named_without_a_traceback() -> None:
    process = served()
    _, err = process.communicate('@@TRAX:frame "a" "b" "c" \n@@TRAX:quit \n', timeout=60)
    assert process.returncode == 1
    assert err.startswith("samn-trax: error: the client sent what is no TraX message") and err.count("\n") == 1


def test_a_client_at_a_socket_is_answered_and_its_end_noticed(image: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        process = served(TRAX_SOCKET=str(listener.getsockname()[1]))
        client, _ = listener.accept()
        with client, client.makefile("rw") as lines:
            assert lines.readline().startswith("@@TRAX:hello")
            lines.write((INITIALIZE + FRAME).format(image=image))
            lines.flush()
            assert lines.readline().startswith('@@TRAX:state "30.0000,40.0000,30.0000,30.0000"')
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert err.startswith(HUNG_UP)


@pytest.mark.parametrize("port", ["1", "99999", "here"])
def test_a_socket_where_nobody_listens_is_named(port: str) -> None:
    process = served(TRAX_SOCKET=port)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert f"samn-trax: error: no TraX client listens at TRAX_SOCKET={port}" in err and "Traceback" not in err

"""A client that hangs up ends its server; what signals do is in `test_stops.py`."""

from __future__ import annotations

import subprocess
import sys

import pytest
from conftest import Note, environment, last_line


@pytest.mark.parametrize("said", ["", '@@TRAX:initialize "50,35,20,20" \n'], ids=["at once", "before the first frame"])
def test_client_hangs_up(said: str, note: Note, request: pytest.FixtureRequest) -> None:
    line = [sys.executable, "-m", "samn_tracker.trax.server", "--tracker", "fault_toys:still"]
    result = subprocess.run(line, input=said, capture_output=True, text=True, timeout=120, env=environment())
    moment = request.node.callspec.id
    note(f"samn-trax: the client hangs up {moment}", last_line(result))
    assert result.returncode == 1
    assert "hung up" in result.stderr and "Traceback" not in result.stderr

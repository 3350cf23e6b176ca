"""What is shipped is what was made, versions carry known security mends, and nothing talks to a network by itself."""

from __future__ import annotations

import re
import subprocess
import sys
from configparser import ConfigParser
from importlib.metadata import version
from pathlib import Path

import pytest

from samn_tracker import __version__
from samn_tracker.model.weights import file_hash
from samn_tracker.shipped import SHIPPED_WEIGHTS, shipped_hashes

ROOT = Path(__file__).resolve().parents[1]
# Before these versions: CVE-2025-32434 (torch.load with weights_only runs code), CVE-2024-28219 (Pillow), and
# CVE-2023-4863 (the libwebp in OpenCV).
LEAST = {"torch": (2, 6), "Pillow": (10, 3), "opencv-python": (4, 9)}


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text)[:2])


def _required() -> dict[str, tuple[int, ...]]:
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg")
    lines = setup["options"]["install_requires"].split("\n")
    found = (re.match(r"([\w-]+)\s*>=\s*([\d.]+)", line) for line in lines)
    return {match[1]: _numbers(match[2]) for match in found if match}


@pytest.mark.parametrize("package", LEAST)
def test_least_versions_carry_known_mends(package: str) -> None:
    assert _required()[package] >= LEAST[package]
    assert _numbers(version(package)) >= LEAST[package]


def test_the_lowest_versions_that_are_tested_are_those_that_are_allowed() -> None:
    """`.ci/matrix lowest` said nothing of numpy 2.0 with OpenCV 4.9, which were allowed and did not import together."""
    setup = ConfigParser(interpolation=None)
    setup.read(ROOT / "setup.cfg")
    asked = setup["options"]["install_requires"]
    for extra in ("vot", "got10k", "demo", "report", "studio"):
        asked += setup["options.extras_require"][extra]
    allowed = dict(re.findall(r"^([\w-]+)>=([\w.]+)", asked, re.M))
    text = (ROOT / "constraints-lowest.txt").read_text(encoding="utf-8")
    tested = dict(re.findall(r"^([\w-]+)==([\w.]+)", text, re.M))
    assert {name: _release(one) for name, one in tested.items()} == {n: _release(one) for n, one in allowed.items()}


def _release(text: str) -> tuple[int, ...]:
    """4.10.0 and 4.10 are one."""
    numbers = [int(part) for part in re.findall(r"\d+", text)]
    while numbers and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)


def test_who_cites_finds_this_version() -> None:
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.findall(r"^version: (\S+)$", text, re.M) == [__version__]
    titles = re.findall(r"^## (\d+\.\d+\.\d+) \((unreleased|\d{4}-\d\d-\d\d)\)$", _changelog(), re.M)
    assert titles[-1][0] == __version__
    assert [when == "unreleased" for _, when in titles[:-1]] == [False] * (len(titles) - 1)


def _changelog() -> str:
    return (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_every_shipped_weights_file_is_listed_and_has_its_hash() -> None:
    listed = shipped_hashes()
    present = {path.name: file_hash(path) for path in SHIPPED_WEIGHTS.glob("*.safetensors")}
    assert present == listed


def test_nothing_opens_a_socket_or_looks_up_a_name() -> None:
    """Import of everything, a whole short track and the list of commands, with every way to the network closed."""
    code = """
import socket, sys
calls = []
def refuse(*arguments, **options):
    calls.append(arguments)
    raise OSError("the network is closed")
for name in ("connect", "connect_ex", "bind", "sendto"):
    setattr(socket.socket, name, refuse)
socket.getaddrinfo = socket.create_connection = socket.gethostbyname = refuse
def audit(event, arguments):
    if event.startswith(("socket.connect", "socket.getaddrinfo", "urllib")):
        calls.append(event)
sys.addaudithook(audit)

import importlib, pkgutil, torch
from dataclasses import replace
import samn_tracker
for module in pkgutil.walk_packages(samn_tracker.__path__, "samn_tracker."):
    if not module.name.endswith("__main__") and ".train" not in module.name:
        importlib.import_module(module.name)
from samn_tracker.cli import main
from samn_tracker.core.config import SAMN_LITE
from samn_tracker.runtime.engine import Engine
from samn_tracker.model.network import Network
from samn_tracker.synthetic import make_sequence
from samn_tracker.core.tracker import Tracker
config = SAMN_LITE.with_patch_size(96)
tracker = Tracker(Engine(Network(config.model), "cpu"), config)
sequence = make_sequence("moving", 0, 3, (128, 96), "procedural")
tracker.initialize(sequence.frame(0), sequence.mask(0))
tracker.track(sequence.frame(1))
main(["weights", "list"])
assert not calls, calls
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


def test_no_source_names_a_service_to_report_to() -> None:
    """No telemetry: nothing in the packages imports a client of a network protocol."""
    clients = re.compile(
        r"^\s*(?:import|from)\s+(requests|urllib\.request|urllib3|http\.client|httpx|ftplib|smtplib)\b", re.M
    )
    runners = ("got10k_runner", "trackingnet_runner", "davis_runner", "ope_runner", "vos_runner")
    packages = ("samn_tracker", "vot_workspace", *runners)
    found = [
        str(path.relative_to(ROOT))
        for package in packages
        for path in sorted((ROOT / package).rglob("*.py"))
        if clients.search(path.read_text(encoding="utf-8"))
    ]
    assert found == []

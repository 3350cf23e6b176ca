"""`samn doctor` and `samn completion`."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from samn_tracker.app import doctor
from samn_tracker.app.completion import SUBCOMMANDS, script
from samn_tracker.cli import COMMANDS, main


def test_it_looks_at_everything(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    code = main(["doctor", "--json"])
    found = {one["subject"]: one for one in json.loads(capsys.readouterr().out)}
    assert {"python", "numpy", "torch", "device", "video", "display"} <= found.keys()
    assert (found["numpy"]["state"], found["display"]["state"]) == ("ok", "missing")
    assert "--box" in found["display"]["words"]
    assert code == any(one["state"] == "fault" for one in found.values())


def test_a_damaged_weights_file_is_a_fault(
    weights: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = Path(weights).read_bytes()
    for name, data in {"whole": whole, "cut": whole[: len(whole) // 2], "other": whole}.items():
        (tmp_path / f"{name}.safetensors").write_bytes(data)
    import hashlib

    digest = hashlib.sha256(whole).hexdigest()
    (tmp_path / "SHA256SUMS").write_text(f"{digest}  whole.safetensors\n{'0' * 64}  other.safetensors\n")
    monkeypatch.setattr("samn_tracker.app.doctor.SHIPPED_WEIGHTS", tmp_path)
    states = {one.subject: one.state for one in doctor.weights()}
    assert states == {"cut.safetensors": "fault", "other.safetensors": "fault", "whole.safetensors": "ok"}
    assert main(["doctor"]) == 1
    assert "another was listed; reinstall" in capsys.readouterr().out


def without(package: str, *words: str) -> subprocess.CompletedProcess[str]:
    """`samn WORDS` where `package` is not installed, in a process of its own."""
    code = (
        f"import sys; sys.modules[{package!r}] = None; from samn_tracker.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    return subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True)


def test_it_works_without_torch_and_says_what_is_missing() -> None:
    ended = without("torch", "doctor", "--json")
    assert (ended.returncode, ended.stderr) == (1, "")
    found = {one["subject"]: one for one in json.loads(ended.stdout)}
    assert found["device"]["state"] == "fault"
    assert "torch cannot be loaded" in found["device"]["words"]
    assert found["samn-lite.safetensors"]["state"] == "ok"


@pytest.mark.parametrize(
    ("package", "words", "remedy"),
    [
        ("torch", ["weights", "list"], "pip install 'samn-tracker'"),
        ("torch", ["train", "mine.toml", "--run", "run"], "pip install 'samn-tracker'"),
        ("yaml", ["vot", "create", "w18", "--rules", "vot2018", "--data", "data"], "pip install 'samn-tracker[vot]'"),
    ],
)
def test_a_package_that_is_not_installed_is_one_sentence(package: str, words: list[str], remedy: str) -> None:
    """It was a traceback."""
    ended = without(package, *words)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith(f"samn {words[0]}")
    assert ended.stderr.endswith(f": this needs {package}, which is not installed: {remedy}\n")
    assert ended.stderr.count("\n") == 1


def test_two_builds_of_opencv_are_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert doctor.opencv() == [], "this installation has one"
    for name in doctor.OPENCV[1:3]:
        folder = tmp_path / f"{name.replace('-', '_')}-5.0.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 5.0.0\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    (finding,) = doctor.opencv()
    assert all("opencv" not in one.words for one in doctor.vot()), "it was told twice"
    assert finding.state == "fault"
    assert "opencv-contrib-python and opencv-python-headless overwrite each other: pip uninstall -y" in finding.words


def complete(words: list[str], shell: str = "bash") -> list[str]:
    """What a real bash offers after `words`, the last of which is being typed."""
    if shutil.which("bash") is None:
        pytest.skip("no bash here")
    lines = [script("bash", list(COMMANDS)), f"COMP_WORDS=({' '.join(repr(one) for one in words)})"]
    lines += [f"COMP_CWORD={len(words) - 1}", "_samn", 'printf "%s\\n" "${COMPREPLY[@]}"']
    finished = subprocess.run(["bash", "-c", "\n".join(lines)], capture_output=True, text=True, check=True)
    assert finished.stderr == ""
    return finished.stdout.split()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["samn", "tr"], ["track", "trackingnet", "train"]),
        (["samn", "got10k", "s"], ["score", "show"]),
        (["samn", "track", "a.mp4", "--debug"], ["--debug-dir", "--debug-pixel"]),
        (["samn", "report", "--tr"], ["--truth"]),
        (["samn", "score", "runs/lite", "--c"], ["--csv"]),
        (["samn", "track", "holi"], []),
        (["samn", "weights", "verify", "l"], []),
    ],
)
def test_bash_offers_what_can_follow(words: list[str], offered: list[str]) -> None:
    assert complete(words) == offered


def test_completion_offers_the_subcommands_that_exist(capsys: pytest.CaptureFixture[str]) -> None:
    from vot_workspace.__main__ import COMMANDS as VOT

    assert set(SUBCOMMANDS["vot"]) == set(VOT)
    for program, names in SUBCOMMANDS.items():
        if program in ("vot", "completion"):
            continue
        for name in names:
            with pytest.raises(SystemExit) as stopped:
                main([program, name, "--help"])
            assert stopped.value.code == 0
    capsys.readouterr()


def test_completion_left_out_newer_runners_and_commands(capsys: pytest.CaptureFixture[str]) -> None:
    for program, (module, _) in COMMANDS.items():
        if "_runner." not in module and program != "weights":
            continue
        with pytest.raises(SystemExit):
            main([program, "nonsense"])
        known = capsys.readouterr().err.partition("choose from ")[2]
        assert set(re.findall(r"\w+", known)) == set(SUBCOMMANDS[program]), program


def test_completion_is_printed_for_both_shells(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "bash"]) == 0
    bash = capsys.readouterr().out
    assert main(["completion", "zsh"]) == 0
    assert capsys.readouterr().out == "autoload -Uz bashcompinit && bashcompinit\n" + bash


@pytest.mark.parametrize("command", ["track", "score", "report", "doctor", "completion"])
def test_help_teaches_and_documents_exit_codes(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([command, "--help"])
    assert stopped.value.code == 0
    printed = capsys.readouterr().out
    assert f"samn {command}" in printed
    main([])
    assert "exit codes: 0 done" in capsys.readouterr().out

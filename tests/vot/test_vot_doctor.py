"""The doctor, on installations and workspaces that are broken on purpose."""

from __future__ import annotations

import sys
from importlib import invalidate_caches
from pathlib import Path

import pytest

from vot_workspace.doctor import diagnose, diagnose_workspace, first_regions_are_safe, misplaced

SOUND = {"vot-toolkit": "0.7.4", "attributee": "0.1.9", "vot-trax": "4.0.2", "opencv-python": "5.0.0.93"}


def problems(python: tuple[int, int] = (3, 11), **changes: str | None) -> list[str]:
    versions = SOUND | {name.replace("_", "-"): version for name, version in changes.items()}
    return diagnose(versions.get, lambda name: True, python)


def test_a_sound_installation_has_no_problems() -> None:
    assert problems() == []


@pytest.mark.parametrize(
    ("changes", "what", "remedy"),
    [
        ({"trax": "1.4.1"}, "deep-learning library", "pip uninstall -y trax"),
        ({"attributee": "0.1.10"}, "attributee 0.1.10 makes `import vot` fail", "pip install attributee==0.1.9"),
        ({"vot_toolkit": "0.9.0"}, "vot-toolkit 0.9.0 cannot run", "pip install vot-toolkit==0.7.4"),
        ({"vot_toolkit": "0.8.1"}, "vot-toolkit 0.8.1 cannot run", "pip install vot-toolkit==0.7.4"),
        ({"vot_toolkit": None}, "not installed", "pip install vot-toolkit==0.7.4"),
        ({"vot_trax": None}, "TraX bindings are not installed", "pip install vot-trax==4.0.2"),
        ({"opencv_contrib_python": "4.10"}, "overwrite each other", "pip uninstall"),
        ({"opencv_python_headless": "4.10"}, "overwrite each other", "-y opencv-python opencv-python-headless"),
    ],
)
def test_each_trap_has_one_line_with_its_remedy(changes: dict[str, str | None], what: str, remedy: str) -> None:
    (problem,) = problems(**changes)
    assert what in problem
    assert remedy in problem
    assert "\n" not in problem


def test_attributee_0_1_10_is_fine_before_python_3_11() -> None:
    assert problems((3, 10), attributee="0.1.10") == []


def test_a_module_that_shadows_a_package_and_one_that_is_gone_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = tmp_path / "site" / "some_package-1.0.dist-info"
    record.mkdir(parents=True)
    (record / "METADATA").write_text("Metadata-Version: 2.1\nName: some-package\nVersion: 1.0\n")
    (record / "RECORD").write_text("some_module/__init__.py,,\n")
    monkeypatch.syspath_prepend(tmp_path / "site")
    assert misplaced("some_module", "some-package") == ""
    for place in ("site", "cwd"):
        (tmp_path / place / "some_module").mkdir(parents=True)
        (tmp_path / place / "some_module" / "__init__.py").touch()
    invalidate_caches()
    assert misplaced("some_module", "some-package") is None
    monkeypatch.syspath_prepend(tmp_path / "cwd")
    assert misplaced("some_module", "some-package") == str(tmp_path / "cwd" / "some_module" / "__init__.py")
    assert misplaced("some_module", "package-that-is-not-installed") is None


def test_all_problems_are_told_at_once() -> None:
    versions = {"vot-toolkit": "0.9.0", "attributee": "0.1.10", "trax": "1.4.1"}
    assert len(diagnose(versions.get, lambda name: name != "torch", (3, 12))) == 4


def test_a_server_that_takes_only_masks_is_warned_of() -> None:
    (problem,) = first_regions_are_safe(["mask"])
    assert "declare rectangle, polygon and mask" in problem
    assert first_regions_are_safe(["rectangle", "polygon", "mask"]) == []


def test_entries_that_cannot_start_are_named(tmp_path: Path) -> None:
    pytest.importorskip("yaml", reason="the VOT toolkit is not installed (pip install samn-tracker[vot])")
    (tmp_path / "config.yaml").write_text("stack: vot2018/shortterm\n")
    (tmp_path / "trackers.ini").write_text(
        "[A]\nprotocol = trax\ncommand = no-such-program -x\ntimeout = 9\n"
        f"[B]\nprotocol = traxpython\ncommand = tracker.py\n[C]\nprotocol = trax\ncommand = {sys.executable}\n"
    )
    text = "\n".join(diagnose_workspace(tmp_path))
    assert "[A] the program no-such-program does not exist" in text
    assert "[B] protocol traxpython takes a module's name" in text
    assert "[B] has no timeout" in text and "[C] has no timeout" in text
    assert "list.txt" in text
    (problem,) = diagnose_workspace(tmp_path / "nowhere")
    assert "is not a workspace" in problem

"""The documentation: every command and program in it runs, every option and link exists, and it builds strictly."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest
from docs_blocks import Block, read_blocks
from docs_elsewhere import ELSEWHERE, SLOW
from docs_playground import copy_playground, make_checkpoint, make_playground

from samn_tracker import cli
from samn_tracker.images import read_image

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
GUIDES = [*PAGES, ROOT / "vot_workspace" / "README.md"]
PROSE = [*PAGES, ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("[a-z]*/README.md"))]
SECONDS = 240
SLOW_SECONDS = 3 * 3600
PROGRAMS = r"samn|samn-trax|vot|make|pip|python|pytest|torchrun|git"


def page_id(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def runnable(page: Path) -> list[Block]:
    return [b for b in read_blocks(page) if b.reason is None and (b.title or b.language in ("sh", "python"))]


@pytest.fixture(scope="session")
def original_playground(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("original")
    make_playground(folder)
    return folder


@pytest.fixture
def playground(original_playground: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with what a reader has at hand, as the working directory; modules that a page writes are forgotten."""
    copy_playground(original_playground, tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", None)).startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.mark.parametrize("page", [page for page in PAGES if runnable(page)], ids=page_id)
def test_every_block_of_a_page_runs(page: Path, playground: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In order, in one folder; Python blocks share their names, first of all a frame, its target, and more frames."""
    images = [read_image(path) for path in sorted((playground / "frames").iterdir())]
    names: dict[str, Any] = {"__name__": "page", "frame": images[0], "frames": images[1:], "target": [60, 40, 48, 36]}
    for block in runnable(page):
        if block.title:
            (playground / block.title).write_text(block.text, encoding="utf-8")
        elif block.language == "python":
            exec(compile(block.text, block.place, "exec"), names)
        else:
            run_shell(block, capsys)


def left_out(page: Path) -> list[str]:
    """The commands that the test above does not run; a page without languages shows nothing but commands."""
    blocks = [one for one in read_blocks(page) if one.language == "" or (one.language == "sh" and one.reason)]
    return [command for block in blocks for command in block.commands]


def test_every_command_that_is_not_run_is_listed() -> None:
    shown = {command for page in GUIDES for command in left_out(page)}
    assert not shown - {*SLOW, *ELSEWHERE}, "run it, or list it in tests/docs_elsewhere.py with the reason"
    assert not {*SLOW, *ELSEWHERE} - shown, "listed in tests/docs_elsewhere.py, but no page shows it as not run"
    assert not set(SLOW) & set(ELSEWHERE)


@pytest.mark.slow
@pytest.mark.timeout(SLOW_SECONDS)
@pytest.mark.parametrize("page", [page for page in GUIDES if set(left_out(page)) & set(SLOW)], ids=page_id)
def test_the_slow_commands_of_a_page_run(page: Path, playground: Path, request: pytest.FixtureRequest) -> None:
    wanted = [command for command in left_out(page) if command in SLOW]
    if any("DATA" in command for command in wanted):
        (playground / "DATA").symlink_to(request.getfixturevalue("shared_data") / "sequences")
    if any("SAMN.tar" in command for command in wanted):
        make_checkpoint(playground / "SAMN.tar")
    for command in wanted:
        run_bash(command.replace("/path/to", str(playground / "data")), page_id(page), SLOW_SECONDS)


def run_bash(text: str, place: str, seconds: int = SECONDS) -> None:
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", text], capture_output=True, text=True, timeout=seconds)
    assert done.returncode == 0, f"{place}: {text}\n{done.stdout}{done.stderr}"


def run_shell(block: Block, capsys: pytest.CaptureFixture[str]) -> None:
    """Plain `samn` lines in this process, which spares the seconds that loading torch takes; anything else in bash."""
    lines = [line for line in block.text.replace("\\\n", " ").splitlines() if line.strip()]
    if not all(re.fullmatch(r"samn [^$`|<>;&]*", line) for line in lines):
        run_bash(block.text, block.place)
        return
    for line in lines:
        try:
            code = cli.main(shlex.split(line, comments=True)[1:])
        except SystemExit as exit_:
            code = int(exit_.code or 0)
        said = capsys.readouterr()
        assert code == 0, f"{block.place}: {line} ended with {code}\n{said.out}{said.err}"


@pytest.mark.parametrize(
    ("block", "said"),
    [("samn weights info none.safetensors", "no weights file"), ("echo lost; false", "lost"), ("samn nonsense", "")],
)
def test_a_command_that_fails_is_named(
    block: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"words\n\n```sh\n{block}\n```\n\n<!-- not run: it would fail -->\n```sh\nfalse\n```\n")
    (wrong,) = runnable(page)
    with pytest.raises(AssertionError, match=rf"page\.md:4(.|\n)*{said}"):
        run_shell(wrong, capsys)


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_every_shell_and_python_block_has_a_known_language(page: Path) -> None:
    known = {"sh", "python", "text", "toml", "ini", "json"}
    strange = [f"{block.place}: {block.language!r}" for block in read_blocks(page) if block.language not in known]
    assert not strange, "a block in another language would never be run"
    hidden = [b.place for b in read_blocks(page) if b.language == "text" and re.match(rf"({PROGRAMS})\b", b.text)]
    assert not hidden, "a command in a block of text would never be run"


@cache
def help_texts() -> dict[tuple[str, ...], str]:
    """As the documentation's own build makes them."""
    spec = spec_from_file_location("docs_generate", DOCS / "generate.py")
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    texts: dict[tuple[str, ...], str] = module.help_texts()
    return texts


def commands(page: Path) -> Iterator[tuple[str, list[str]]]:
    """Every `samn` command line of a page's shell blocks and inline code, run or not, with where it stands."""
    text = page.read_text(encoding="utf-8")
    for block in read_blocks(page):
        if block.language == "sh":
            for line in block.text.replace("\\\n", " ").splitlines():
                yield block.place, line.split("#")[0].split()
        text = text.replace(block.text, "\n" * block.text.count("\n"))
    for number, line in enumerate(text.splitlines(), start=1):
        for code in re.findall(r"`([^`]+)`", line):
            yield f"{page.name}:{number}", code.split()


@pytest.mark.parametrize("page", PROSE, ids=page_id)
def test_every_command_and_option_that_is_named_exists(page: Path) -> None:
    """A samn command's options are those of its own help; an option named alone is one of any of our commands."""
    texts = help_texts()
    words = {key[:2] for key in texts}
    everything = " ".join(texts.values())
    faults = []
    for place, parts in commands(page):
        if parts[:1] == ["samn"] and len(parts) > 1 and parts[1].isalpha() and parts[1].islower():
            if ("samn", parts[1]) not in words:
                faults.append(f"{place}: there is no `samn {parts[1]}`")
                continue
            command = ("samn", *parts[1:3]) if ("samn", *parts[1:3]) in texts else ("samn", parts[1])
            text = texts.get(command, everything)
        elif parts and parts[0].startswith("--"):
            text = everything
        else:
            continue
        for option in (part.split("=")[0] for part in parts if re.match(r"--[a-z]", part)):
            if not re.search(rf"{re.escape(option)}\b(?!-)", text) and option != "--help":
                faults.append(f"{place}: `{' '.join(parts[:3])}` has no {option}")
    assert not faults, "\n".join(faults)


def test_the_other_build_of_opencv_is_given_in_the_pinned_version() -> None:
    pinned = re.findall(r"^opencv-python==(\S+)", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE)
    named = re.findall(r"opencv-contrib-python==(\S+)", (DOCS / "troubleshooting.md").read_text(encoding="utf-8"))
    assert named
    assert set(named) <= set(pinned)


def test_the_map_names_every_room() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    places = [path for path in (ROOT / "samn_tracker").iterdir() if not path.name.startswith(("_", "py.typed"))]
    places += [path.parent for path in ROOT.glob("*/__init__.py") if path.parent.name != "samn_tracker"]
    assert len(places) > 20
    assert not [path.name for path in places if not re.search(rf"\b{re.escape(path.name)}\b", text)]


@pytest.mark.parametrize("page", PROSE, ids=page_id)
def test_every_test_that_is_named_exists(page: Path) -> None:
    named = set(re.findall(r"(tests/[\w/]+\.py)::(\w+)", page.read_text(encoding="utf-8")))
    faults = [f"{file}::{name}" for file, name in named if not _has_test(ROOT / file, name)]
    assert not faults, f"{page_id(page)} names tests that are not there: {', '.join(sorted(faults))}"


def _has_test(file: Path, name: str) -> bool:
    return file.is_file() and f"\ndef {name}(" in file.read_text(encoding="utf-8")


GENERATED = ("reference/commands.md", "reference/configuration.md", "reference/training-configuration.md", "models.md")


@pytest.mark.parametrize("page", PROSE, ids=page_id)
def test_every_relative_link_leads_to_a_file(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    targets = [target.split("#")[0] for target in re.findall(r"\]\(([^)\s]+)\)", text)]
    files = [page.parent / target for target in targets if target and "://" not in target]
    made = {(DOCS / name).resolve() for name in GENERATED}
    missing = [str(file) for file in files if not file.exists() and file.resolve() not in made]
    assert not missing, f"{page_id(page)} links to what is not there: {', '.join(missing)}"


def test_the_documentation_builds_without_a_warning(tmp_path: Path) -> None:
    program = shutil.which("mkdocs", path=str(Path(sys.executable).parent))
    if program is None:
        pytest.skip("mkdocs is not installed; pip install 'samn-tracker[docs]'")
    site = tmp_path / "site"
    done = subprocess.run(
        [program, "build", "--strict", "--quiet", "--site-dir", str(site)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    configuration = (site / "reference" / "configuration.html").read_text(encoding="utf-8")
    assert "search_factor" in configuration
    assert "samn got10k run" in (site / "reference" / "commands.html").read_text(encoding="utf-8")
    assert "load_tracker" in (site / "reference" / "api.html").read_text(encoding="utf-8")
    assert not re.findall(r'(?:src|href)="https?://(?!squidfunk)', configuration), "a page loads something from the net"

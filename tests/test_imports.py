"""No module imports itself by way of others: in a circle, what exists depends on who was imported first."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest
from product import PACKAGES, ROOT


def sources(root: Path, packages: Iterable[str]) -> dict[str, str]:
    """The text of every module by its dotted name; a package's is that of its `__init__.py`."""
    files = [path for package in packages for path in (root / package).rglob("*.py")]
    names = [path.relative_to(root).with_suffix("").parts for path in files]
    dotted = [".".join(parts[:-1] if parts[-1] == "__init__" else parts) for parts in names]
    return {name: path.read_text(encoding="utf-8") for name, path in zip(dotted, files, strict=True)}


def imported(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Dotted names that are imported when the module is; not those in functions or for type checkers alone."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from imported(node.orelse)
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from imported(ast.iter_child_nodes(node))


def needed(module: str, text: str, modules: Mapping[str, str]) -> set[str]:
    """The modules that `module` waits for: those it imports, and the packages around them that are not around it."""
    parts = [name.split(".") for name in imported(ast.parse(text).body)]
    names = {".".join(one[:length]) for one in parts for length in range(1, len(one) + 1)}
    return {name for name in names & modules.keys() if name != module and not module.startswith(f"{name}.")}


def circle(modules: Mapping[str, str]) -> list[str]:
    """The modules of one circle, its first named again at its end; empty where there is none."""
    try:
        TopologicalSorter({name: needed(name, text, modules) for name, text in modules.items()}).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_module_imports_itself_by_way_of_others() -> None:
    modules = sources(ROOT, PACKAGES)
    assert len(modules) > 100
    assert not circle(modules)


@pytest.mark.parametrize(
    ("text", "is_circle"),
    [
        ("from p.a import x", True),
        ("import p.a", True),
        ("class C:\n    from p import a", True),
        ("try:\n    import p.a\nexcept ImportError:\n    pass", True),
        ("def f():\n    import p.a", False),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import p.a", False),
        ("import p", False),
    ],
)
def test_a_circle_is_found_where_importing_follows_it(text: str, is_circle: bool) -> None:
    found = circle({"p": "", "p.a": "from p.b import y", "p.b": text})
    assert (set(found) == {"p.a", "p.b"}) if is_circle else not found

"""Small faults, made one at a time in a module's source: what a test that means something should notice."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass

_COMPARED: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
"""The boundary moved, and the opposite."""
_COMPUTED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
}
_CALLED = {
    "max": "min",
    "min": "max",
    "maximum": "minimum",
    "minimum": "maximum",
    "argmax": "argmin",
    "argmin": "argmax",
}


@dataclass(frozen=True)
class Mutant:
    """A module with one fault."""

    line: int
    fault: str
    source: str


def mutants(source: str) -> list[Mutant]:
    """Every mutant of a module's source, in the order of its lines; annotations and docstrings are left alone."""
    tree = ast.parse(source)
    found = []
    for index, node in enumerate(_code(tree)):
        for fault, replacement in _replacements(node):
            changed = copy.deepcopy(tree)
            target = next(one for number, one in enumerate(_code(changed)) if number == index)
            for field in (*target._fields, "_fields"):
                target.__dict__.pop(field, None)
            target.__class__ = replacement.__class__
            target.__dict__.update(copy.deepcopy(replacement).__dict__)
            found.append(Mutant(getattr(node, "lineno", 0), fault, ast.unparse(ast.fix_missing_locations(changed))))
    return sorted(found, key=lambda one: one.line)


def _code(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes that are executed, in a fixed order."""
    yield node
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "decorator_list"):
            continue
        for child in value if isinstance(value, list) else [value]:
            documents = isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)
            if isinstance(child, ast.AST) and not documents:
                yield from _code(child)


def _replacements(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    before = ast.unparse(node) if isinstance(node, ast.expr) else ""
    for new in _changed(node):
        yield f"{before} -> {ast.unparse(new)}", new


def _changed(node: ast.AST) -> Iterator[ast.expr]:
    if isinstance(node, ast.Compare):
        for index, operator in enumerate(node.ops):
            for other in _COMPARED[type(operator)]:
                operators = [*node.ops[:index], other(), *node.ops[index + 1 :]]
                yield ast.Compare(node.left, operators, node.comparators)
    elif isinstance(node, ast.BoolOp):
        yield ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.Not, ast.USub)):
        yield node.operand
    elif isinstance(node, ast.BinOp) and type(node.op) in _COMPUTED:
        yield ast.BinOp(node.left, _COMPUTED[type(node.op)](), node.right)
    elif isinstance(node, ast.IfExp):
        yield ast.IfExp(node.test, node.orelse, node.body)
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield ast.Constant(not node.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        yield ast.Constant(node.value + 1)
    elif isinstance(node, ast.Call):
        yield from _called(node)


def _called(node: ast.Call) -> Iterator[ast.expr]:
    function = node.func
    if isinstance(function, ast.Name) and function.id in _CALLED:
        yield ast.Call(ast.Name(_CALLED[function.id], ast.Load()), node.args, node.keywords)
    elif isinstance(function, ast.Attribute) and function.attr in _CALLED:
        other = ast.Attribute(function.value, _CALLED[function.attr], ast.Load())
        yield ast.Call(other, node.args, node.keywords)

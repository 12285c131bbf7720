"""Breaks one guard after another and asks the tests whether they notice: `python -m tests.mutation [module ...]`.

A guard is the condition of an `if`, a comparison, or an `and`/`or` in handlers/. Each is turned into its opposite or
its neighbour; a mutant that no test notices survives. `EVERY=10` tries each tenth only.
"""

import ast
import itertools
import os
import sys
from collections.abc import Iterator
from importlib.machinery import SourceFileLoader
from pathlib import Path

import pytest

SURVIVORS_MAX = 0.05
TESTS = ("tests/handlers", "--ignore=tests/handlers/test_properties.py")
NEIGHBOURS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
UNREACHABLE = ("customer is None", "scene.customer is None", "NOTHING")
"""Guards for the type checker: what they are against cannot come about, so no test can."""


def guards(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """(number, what is done to it) of each mutant of a module."""
    for number, node in enumerate(ast.walk(tree)):
        if isinstance(node, ast.If | ast.IfExp) and not _for_types_only(node.test):
            yield number, "not"
        if isinstance(node, ast.Compare) and not _for_types_only(node):
            yield number, "compare"
        if isinstance(node, ast.BoolOp) and not _for_types_only(node):
            yield number, "bool"


def _for_types_only(node: ast.expr) -> bool:
    """Also `text or ""`, which is a default and no guard."""
    if isinstance(node, ast.BoolOp) and isinstance(node.values[-1], ast.Constant):
        return True
    return any(text in ast.unparse(node) for text in UNREACHABLE)


def mutant(source: str, number: int, how: str) -> tuple[str, str]:
    """The module with one guard broken, and what was broken."""
    tree = ast.parse(source)
    node = next(node for at, node in enumerate(ast.walk(tree)) if at == number)
    what = f"line {getattr(node, 'lineno', 0)}: {how} {ast.unparse(getattr(node, 'test', node))}"
    match node:
        case ast.If() | ast.IfExp():
            node.test = ast.UnaryOp(ast.Not(), node.test)
        case ast.Compare():
            node.ops[0] = NEIGHBOURS[type(node.ops[0])]()
        case ast.BoolOp():
            node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        case _:
            raise ValueError(what)
    return ast.unparse(ast.fix_missing_locations(tree)), what


def survives(path: Path, text: str) -> bool:
    """Whether all tests pass, in a process of its own that finds this text where the module was."""
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        return os.waitstatus_to_exitcode(status) == 0
    compiled, original = compile(text, str(path), "exec"), SourceFileLoader.get_code

    def get_code(self: SourceFileLoader, fullname: str) -> object:
        return compiled if fullname == f"handlers.{path.stem}" else original(self, fullname)

    SourceFileLoader.get_code = get_code  # type: ignore[method-assign,assignment]
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    os._exit(pytest.main(["-x", "-q", *TESTS]))


def modules(names: list[str]) -> list[Path]:
    return [path for path in sorted(Path("handlers").glob("*.py")) if not names or path.stem in names]


def mutants(names: list[str]) -> Iterator[tuple[Path, str, str]]:
    for path in modules(names):
        source = path.read_text(encoding="utf-8")
        for number, how in guards(ast.parse(source)):
            text, what = mutant(source, number, how)
            yield path, text, what


def main(names: list[str], every: int) -> int:
    """Reports the survivors; fails where there are too many."""
    survivors, count = 0, 0
    whole = modules(names)[0]
    if not survives(whole, whole.read_text(encoding="utf-8")):
        sys.stdout.write("the tests fail already\n")
        return 1
    for path, text, what in itertools.islice(mutants(names), 0, None, every):
        count += 1
        if survives(path, text):
            survivors += 1
            sys.stdout.write(f"survived: {path} {what}\n")
            sys.stdout.flush()
    sys.stdout.write(f"{survivors} of {count} mutants survived\n")
    return 1 if survivors > SURVIVORS_MAX * max(1, count) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], int(os.environ.get("EVERY", "1"))))

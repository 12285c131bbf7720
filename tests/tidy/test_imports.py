"""Imports go worker → handlers → contracts, and the core knows no I/O."""

import ast
import sys
from pathlib import Path

import pytest

ALLOWED = {"contracts": {"contracts", "pydantic"}, "handlers": {"handlers", "contracts", "pydantic"}}
IMPURE = {"asyncio", "random", "secrets", "socket", "subprocess", "threading", "time", "uuid", "os"}
"""Of the standard library, what a decision must not depend on."""

CORE = sorted(path for layer in ALLOWED for path in Path(layer).rglob("*.py"))


def imported_by(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    modules = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    modules += [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return {module.partition(".")[0] for module in modules}


@pytest.mark.parametrize("path", CORE, ids=str)
def test_the_core_imports_the_standard_library_pydantic_and_what_is_below_it(path: Path) -> None:
    allowed = (ALLOWED[path.parts[0]] | sys.stdlib_module_names) - IMPURE
    assert imported_by(path) <= allowed


@pytest.mark.parametrize("path", CORE, ids=str)
def test_the_core_does_not_await(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Await | ast.AsyncFunctionDef)]

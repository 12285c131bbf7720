"""Breaks one guard after another and asks the tests whether they notice: `python -m tests.mutation [module ...]`.

A guard is the condition of an `if`, of a `case` or of a comprehension, a comparison, or an `and`/`or` in handlers/.
Each is turned into its opposite or its neighbour; a mutant that no test notices survives. `EVERY=10` tries each tenth
only.

The tests are collected once, and run once to see which functions each of them reaches. Then each mutant is a fork of
this process in which one function has other code, and only the tests that reach it run, up to the first that fails.
"""

import ast
import gc
import itertools
import os
import resource
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, FrameType, FunctionType
from typing import Any, NamedTuple

import pytest

SURVIVORS_MAX = 0.05
CPU_SECONDS_MAX = 120
MEMORY_BYTES_MAX = 2**31
"""A mutant may well run for ever, and take all memory meanwhile. Then it is noticed."""
TESTS = ("tests/handlers", "--ignore=tests/handlers/test_properties.py", "--timeout=0")
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
HANDLERS = f"{Path('handlers').resolve()}/"
Place = tuple[str, str, int]
"""Module, qualified name and first line of a function."""


class Mutant(NamedTuple):
    """A module with one guard broken, and in which function that is (None: in none)."""

    path: Path
    what: str
    code: CodeType
    function: Place | None


def guards(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """(number, what is done to it) of each mutant of a module."""
    for number, node in enumerate(ast.walk(tree)):
        match node:
            case ast.If() | ast.IfExp():
                yield number, "not"
            case ast.match_case(guard=ast.expr()):
                yield number, "case not"
            case ast.comprehension(ifs=[_, *_]):
                yield number, "for not"
            case ast.Compare():
                yield number, "compare"
            case ast.BoolOp() if not isinstance(node.values[-1], ast.Constant):  # `text or ""` is a default
                yield number, "bool"
            case _:
                pass


def mutant(path: Path, number: int, how: str) -> Mutant:
    """The module with one guard broken, its lines where they were."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    node = next(node for at, node in enumerate(ast.walk(tree)) if at == number)
    broken = _condition(node)
    line = getattr(broken, "lineno", 0)
    what = f"line {line}: {how} {ast.unparse(broken)}"
    match node:
        case ast.If() | ast.IfExp():
            node.test = _opposite(node.test)
        case ast.match_case():
            node.guard = _opposite(broken)
        case ast.comprehension():
            node.ifs[0] = _opposite(broken)
        case ast.Compare():
            node.ops[0] = NEIGHBOURS[type(node.ops[0])]()
        case ast.BoolOp():
            node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        case _:
            raise ValueError(what)
    code = compile(ast.fix_missing_locations(tree), str(path.resolve()), "exec")
    return Mutant(path, what, code, _function_at(path, code, line))


def _condition(node: ast.AST) -> ast.expr:
    match node:
        case ast.If() | ast.IfExp():
            return node.test
        case ast.match_case(guard=ast.expr() as guard):
            return guard
        case ast.comprehension():
            return node.ifs[0]
        case ast.expr():
            return node
        case _:
            raise ValueError(ast.dump(node))


def _opposite(condition: ast.expr) -> ast.expr:
    return ast.copy_location(ast.UnaryOp(ast.Not(), condition), condition)


def _function_at(path: Path, module: CodeType, line: int) -> Place | None:
    """The outermost function that has this line. A comprehension of the module itself runs at its import."""
    for code in _functions(module):
        if code.co_name.startswith("<") and code.co_qualname == code.co_name:
            continue
        lines = [at for inner in (code, *_functions(code)) for _, _, at in inner.co_lines() if at]
        if code.co_flags & 1 and code.co_firstlineno <= line <= max(lines):  # 1: optimized, so no class body
            return path.stem, code.co_qualname, code.co_firstlineno
    return None


def _functions(code: CodeType) -> Iterator[CodeType]:
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield inner
            yield from _functions(inner)


def mutants(names: list[str]) -> Iterator[Mutant]:
    for path in sorted(Path("handlers").glob("*.py")):
        if not names or path.stem in names:
            tree = ast.parse(path.read_text(encoding="utf-8"))
            for number, how in guards(tree):
                yield mutant(path, number, how)


# ----------------------------------------------------------------------------------------- those outside of functions


def survives_import(tried: Mutant) -> bool:
    """Whether all tests pass in a process that imports this module instead. Before anything of handlers is imported."""
    child = os.fork()
    if child:
        return _succeeds(child)
    original = SourceFileLoader.get_code

    def get_code(self: SourceFileLoader, fullname: str) -> object:
        return tried.code if fullname == f"handlers.{tried.path.stem}" else original(self, fullname)

    SourceFileLoader.get_code = get_code  # type: ignore[method-assign,assignment]
    _confine()
    os._exit(pytest.main(["-x", "-q", *TESTS]))


# ----------------------------------------------------------------------------------------------- those inside of them


class Mutation:
    """A pytest plugin that runs the tests once to see what they reach, and then some of them for each mutant."""

    def __init__(self, tried: list[Mutant]) -> None:
        self.tried = tried
        self.survivors: list[Mutant] = []
        self.passed = False
        self._reached: dict[Place, list[pytest.Item]] = defaultdict(list)
        self._noticed: Counter[str] = Counter()
        self._seconds: dict[str, float] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        for item in session.items:
            self._watch(item)
        functions: dict[str, list[FunctionType]] = defaultdict(list)
        for function in gc.get_objects():
            if isinstance(function, FunctionType) and function.__code__.co_filename.startswith(HANDLERS):
                functions[_module(function.__code__)].append(function)
        for one in self.tried if not session.testsfailed else ():
            self._try(one, functions[one.path.stem])
        self.passed = not session.testsfailed
        return True

    def _watch(self, item: pytest.Item) -> None:
        places: set[Place] = set()

        def called(frame: FrameType, event: str, _: Any) -> None:
            code = frame.f_code
            if event == "call" and code.co_filename.startswith(HANDLERS):
                places.add((_module(code), code.co_qualname, code.co_firstlineno))

        begun = time.perf_counter()
        sys.setprofile(called)
        try:
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
        finally:
            sys.setprofile(None)
        self._seconds[item.nodeid] = time.perf_counter() - begun
        for place in places:
            self._reached[place].append(item)

    def _promise(self, item: pytest.Item) -> tuple[float, float]:
        """First what has noticed most for the time that it takes, then what takes the least."""
        seconds = self._seconds[item.nodeid]
        return -self._noticed[item.nodeid] / seconds, seconds

    def _try(self, tried: Mutant, functions: list[FunctionType]) -> None:
        assert tried.function is not None
        tests = sorted(self._reached[tried.function], key=self._promise)
        reading, writing = os.pipe()
        child = os.fork()
        if child:
            os.close(writing)
            with os.fdopen(reading) as answer:
                noticed = answer.read()
            if _succeeds(child):
                self.survivors.append(tried)
                sys.stdout.write(f"survived: {tried.path} {tried.what} ({len(tests)} tests reach it)\n")
                sys.stdout.flush()
            else:
                self._noticed[noticed] += 1
            return
        _confine()
        changed = {(code.co_qualname, code.co_firstlineno): code for code in _functions(tried.code)}
        for function in functions:
            code = changed.get((function.__code__.co_qualname, function.__code__.co_firstlineno))
            if code is not None:
                function.__code__ = code
        for item in tests:
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
            if item.session.testsfailed:
                os.write(writing, item.nodeid.encode())
                os._exit(1)
        os._exit(0)


def _module(code: CodeType) -> str:
    return code.co_filename.removeprefix(HANDLERS).removesuffix(".py")


def _succeeds(child: int) -> bool:
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) == 0


def _confine() -> None:
    """A child says nothing, and ends."""
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS_MAX, CPU_SECONDS_MAX))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)


def main(names: list[str], every: int) -> int:
    """Reports the survivors; fails where there are too many."""
    tried = list(itertools.islice(mutants(names), 0, None, every))
    survivors = [one for one in tried if one.function is None and survives_import(one)]
    for one in survivors:
        sys.stdout.write(f"survived: {one.path} {one.what}\n")
    mutation = Mutation([one for one in tried if one.function is not None])
    pytest.main(["-q", "-s", *TESTS], plugins=[mutation])
    if not mutation.passed:
        sys.stdout.write("the tests fail already\n")
        return 1
    count = len(survivors) + len(mutation.survivors)
    sys.stdout.write(f"{count} of {len(tried)} mutants survived\n")
    return 1 if count > SURVIVORS_MAX * max(1, len(tried)) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], int(os.environ.get("EVERY", "1"))))

"""Which tests show which requirement: `python -m tests.requirements` prints the table."""

import re
import sys
from pathlib import Path

import pytest

LIST = Path("docs/requirements.md")


def requirements() -> list[str]:
    """All of them, as docs/requirements.md lists them."""
    return re.findall(r"^\| (R\d+) \|", LIST.read_text(encoding="utf-8"), re.MULTILINE)


class Collector:
    """Reads the marks of all tests, without running them."""

    def __init__(self) -> None:
        self.tests: dict[str, set[str]] = {}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            for mark in item.iter_markers("requirement"):
                for requirement in mark.args:
                    self.tests.setdefault(requirement, set()).add(item.nodeid.partition("[")[0])


def shown() -> dict[str, set[str]]:
    """Requirement → the tests that name it."""
    collector = Collector()
    pytest.main(["--collect-only", "-p", "no:terminal", "tests"], plugins=[collector])
    return collector.tests


def main() -> int:
    tests, missing = shown(), 0
    for requirement in requirements():
        named = sorted(tests.get(requirement, ()))
        missing += not named
        sys.stdout.write(f"{requirement}: {len(named) or 'NO TEST'}\n")
        sys.stdout.writelines(f"    {name}\n" for name in named)
    for unknown in sorted(set(tests) - set(requirements())):
        missing += 1
        sys.stdout.write(f"{unknown} is no requirement, but a test names it\n")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())

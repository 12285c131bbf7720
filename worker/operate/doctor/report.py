"""What a check found, and what is to be done about it."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Status(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    """It works, and can hurt one day."""
    PROBLEM = "problem"
    """A promise is broken, or somebody waits who should not."""
    UNKNOWN = "unknown"
    """It could not be looked at; the finding says why."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of what is there, with the numbers, and one line of what to do; a check that is content has one, too."""

    check: str
    status: Status
    found: str
    do: str = ""
    numbers: dict[str, Any] = field(default_factory=dict)
    """The same for programs, and more of it."""


@dataclass(frozen=True, slots=True)
class Says:
    """A check's pen: it knows the check's name."""

    check: str

    def ok(self, found: str, **numbers: Any) -> Finding:
        """All is well."""
        return Finding(self.check, Status.OK, found, "", numbers)

    def warning(self, found: str, do: str, **numbers: Any) -> Finding:
        """It works, and can hurt one day."""
        return Finding(self.check, Status.WARNING, found, do, numbers)

    def problem(self, found: str, do: str, **numbers: Any) -> Finding:
        """It hurts."""
        return Finding(self.check, Status.PROBLEM, found, do, numbers)

    def unknown(self, found: str, do: str = "") -> Finding:
        """It could not be looked at."""
        return Finding(self.check, Status.UNKNOWN, found, do)


def count(number: int, one: str, more: str | None = None) -> str:
    """`1 lane`, `1,203 lanes`."""
    return f"{number:,} {one if number == 1 else more or one + 's'}"


def some(names: list[str], most: int = 3) -> str:
    """The first few of many names."""
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def ago(seconds: float) -> str:
    """How long something has waited: `42 s`, `3 min`, `5 h`, `12 d`."""
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0, seconds):.0f} s"

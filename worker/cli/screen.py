"""What people and scripts see: tables that fit 80 columns, and JSON with one object a line. Data goes to stdout."""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import orjson
from rich.console import Console
from rich.highlighter import JSONHighlighter
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.theme import Theme

from worker.operate.texts import visible

THEME = Theme({"good": "green", "bad": "bold red", "warn": "yellow", "faint": "dim", "name": "cyan"})


out = Console(theme=THEME, highlight=False, emoji=False)
err = Console(theme=THEME, highlight=False, emoji=False, stderr=True)
"""For progress and remarks: what is piped on stays clean."""

HOUR, DAY = 3600, 86_400


def safe(text: object, *, lines: bool = False) -> str:
    """Stored text for the screen: no markup, and nothing that a terminal would obey."""
    return escape(visible(text, lines=lines))


def print_json(*values: object) -> None:
    """One JSON object a line: dataclasses, dicts, times in RFC 3339, bytes as text."""
    for value in values:
        line = visible(orjson.dumps(value, default=_plain, option=orjson.OPT_UTC_Z).decode())
        sys.stdout.buffer.write(f"{line}\n".encode())
    sys.stdout.buffer.flush()


def show_json(value: object) -> None:
    """A value laid out for people, in colours."""
    text = orjson.dumps(value, default=_plain, option=orjson.OPT_UTC_Z | orjson.OPT_INDENT_2).decode()
    out.print(JSONHighlighter()(visible(text, lines=True)), soft_wrap=True)


def _plain(value: object) -> object:
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).decode("utf-8", "backslashreplace")
    if isinstance(value, set | frozenset):
        return sorted(value)
    if isinstance(value, timedelta):
        return value.total_seconds()
    raise TypeError(type(value).__name__)


def table(*columns: str, title: str | None = None) -> Table:
    """A table without a frame. A column named with `>` before it is a number, with `~` before it may be cut short."""
    made = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, header_style="faint")
    for column in columns:
        if column.startswith(">"):
            made.add_column(column[1:], justify="right", no_wrap=True)
        elif column.startswith("~"):
            made.add_column(column[1:], no_wrap=True, overflow="ellipsis", ratio=1)
        else:
            made.add_column(column, overflow="fold")
    return made


def rows(made: Table, lines: Iterable[Iterable[Any]]) -> Table:
    """The table with these lines, every cell as text. Markup in a cell that came from outside must be escaped."""
    for line in lines:
        made.add_row(*("" if cell is None else str(cell) for cell in line))
    return made


def when(moment: datetime | None) -> str:
    """A time as people compare it: UTC, to the second."""
    return moment.strftime("%Y-%m-%d %H:%M:%S") if moment else ""


def span(seconds: float) -> str:
    """How long: `850 ms`, `42 s`, `3 min`, `5 h`, `12 d`."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 2 * 60:
        return f"{seconds:.0f} s"
    if seconds < 2 * HOUR:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / HOUR:.0f} h" if seconds < 2 * DAY else f"{seconds / DAY:.0f} d"


@contextmanager
def progress_bar(what: str, total: int | None = None) -> Iterator[Callable[[str, int, int], None]]:
    """A bar on a terminal's stderr, gone at the end; none elsewhere. It hears what is done and how much of how much."""
    columns = (
        TextColumn("{task.description}", style="name"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task(what, total=total)
        yield lambda stage, done, of: bar.update(task, description=stage, completed=done, total=of)

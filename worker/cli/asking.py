"""The yes before something is done: who gives it, and that somebody is there to be asked."""

import sys
from typing import IO, Annotated

import typer

from worker.cli.exits import Exit
from worker.cli.operation import fail
from worker.cli.screen import err
from worker.operate.texts import visible

HOW: dict[str, str] = {"rich_help_panel": "How"}

DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the plan, and end.", **HOW)]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask after the plan.", **HOW)]


def attended() -> bool:
    """Whether somebody sits at a terminal and can answer."""
    return sys.stdin is not None and sys.stdin.isatty()


def stdin() -> IO[bytes]:
    """What is piped in. Ends the process with a line where there is nothing."""
    if sys.stdin is None:  # closed, as by `<&-`
        raise fail("There is no stdin to read: give a file.", Exit.USAGE)
    return sys.stdin.buffer


def see_that_somebody_is_there(what_for: str, instead: str) -> None:
    """Ends the process with a line that says what does without anybody, where nobody sits at a terminal."""
    if not attended():
        raise fail(f"Nobody is there {what_for}: {instead}.", Exit.USAGE)


def see_that_somebody_answers(*, yes: bool, dry_run: bool = False) -> None:
    """The same, where somebody would be asked."""
    if not (yes or dry_run):
        see_that_somebody_is_there("to be asked", "--yes does without, --dry-run shows the plan alone")


def agreed(question: str, *, yes: bool) -> bool:
    """Whether to go on."""
    go_on = yes or typer.confirm(visible(question), err=True)
    if not go_on:
        err.print("Nothing was done.")
    return go_on

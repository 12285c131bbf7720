"""`dead-letters edit`: a corrected body is decided in a letter's place."""

import difflib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import click
import typer

from worker.cli.asking import DryRun, Yes, agreed, see_that_somebody_answers, see_that_somebody_is_there, stdin
from worker.cli.errors import explain
from worker.cli.exits import Exit
from worker.cli.letters.acting import How, Why, plan, run
from worker.cli.operation import As, AsJson, fail, operate
from worker.cli.screen import err, out, safe
from worker.mongo.letters import Letter
from worker.operate.access import Access
from worker.operate.errors import CannotOperate
from worker.operate.letters.edit import body_of, corrected, parse, pretty, text_of, with_settings
from worker.operate.letters.find import Filter, find_letter
from worker.operate.letters.job import Action, Job
from worker.operate.texts import quoted


def edit(
    letter_id: Annotated[str, typer.Argument(metavar="ID", help="Of the letter, or of its command.")],
    *,
    file: Annotated[
        Path | None, typer.Option("--file", "-f", help="The whole corrected body, a CloudEvent; - for stdin.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="PATH=VALUE", help="A field, e.g. data.reason=… or type=…; can repeat."),
    ] = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    why: Why = "",
    operator: As,
    json: AsJson = False,
) -> None:
    """Decide a corrected body in a letter's place; without --file and --set, $EDITOR opens it.

    It gets a new command id, because the old one is taken by the letter; the two are linked. What waits behind the
    letter goes through. 4: it is refused, or fails too.
    """
    how = How(operator, dry_run, yes, json)
    if file is None and not settings:
        see_that_somebody_is_there("to edit it", "give --set or --file")
    see_that_somebody_answers(yes=yes, dry_run=dry_run)

    async def find(access: Access) -> Letter:
        return await find_letter(access, letter_id)

    letter = operate(find)
    written = None if file or settings else _written(letter)
    with _keeping(written):
        try:
            body = corrected(letter, _edited(letter, file, written, settings or []))
        except CannotOperate as error:
            raise fail(*explain(error)) from None
        _show_difference(letter, body, json=json)
        job = Job(Action.EDIT, why, body=body)
        chosen, plans = plan(Filter(ids=(letter["_id"],)), job, how)
        if not dry_run and agreed(f"Decide it so, as {body['id']}?", yes=yes):
            run(job, how, chosen, plans)


@contextmanager
def _keeping(written: Path | None) -> Iterator[None]:
    """What was written in an editor is thrown away only once it was decided so."""
    try:
        yield
    except typer.Exit as end:
        if written and end.exit_code == Exit.OK:
            written.unlink()
        raise
    finally:
        if written and written.exists():
            err.print(_kept(written), soft_wrap=True)


def _edited(letter: Letter, file: Path | None, written: Path | None, settings: list[str]) -> dict[str, Any]:
    """The body from the file or the editor, else the letter's own; with what was --set in it."""
    body = body_of(letter)
    if written is not None:
        body = parse(written.read_bytes(), "The edited text")
    elif file is not None:
        try:
            body = parse(stdin().read() if str(file) == "-" else file.read_bytes(), str(file))
        except OSError as error:
            raise fail(f"{file}: {error.strerror}", Exit.USAGE) from None
    return with_settings(body, settings) if settings or body is None else body


def _written(letter: Letter) -> Path:
    """A file for this user alone, with what an editor made of the letter's body."""
    before = text_of(letter).encode()
    handle, name = tempfile.mkstemp(prefix="dead-letter-", suffix=".json")
    path = Path(name)
    with os.fdopen(handle, "wb") as target:
        target.write(before)
    problem = None
    try:
        click.edit(filename=name)
    except click.ClickException as error:  # typer has a click of its own, and does not know this one
        problem = error.format_message()
    changed = path.read_bytes() != before
    if changed and not problem:
        return path
    if not changed:
        path.unlink()
    else:
        err.print(_kept(path), soft_wrap=True)
    why = f"{problem}: set EDITOR, or give --set or --file." if problem else "Nothing was changed, so nothing was done."
    raise fail(why, Exit.USAGE)


def _kept(written: Path) -> str:
    return f"What you wrote is kept: --file={quoted(str(written))}"


def _show_difference(letter: Letter, body: dict[str, Any], *, json: bool) -> None:
    before = body_of(letter)
    old = pretty(before) if before is not None else text_of(letter)
    if before is not None and {**before, "id": None} == {**body, "id": None}:
        raise fail("Nothing was changed: `dead-letters replay` decides it as it is.", Exit.USAGE)
    screen = err if json else out
    for line in list(difflib.unified_diff(old.splitlines(), pretty(body).splitlines(), n=1, lineterm=""))[2:]:
        style = {"+": "good", "-": "bad", "@": "faint"}.get(line[0], "")
        screen.print(safe(line, lines=True), style=style or None)
    screen.print()

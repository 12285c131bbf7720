"""All commands of `partnership-worker`."""

from typing import Annotated

import typer

from worker.cli.exits import MEANINGS
from worker.cli.lazy import lazy_group
from worker.cli.operation import show_tracebacks
from worker.release import version

COMMANDS = {
    "run": "worker.cli.run",
    "verify": "worker.cli.verify",
    "doctor": "worker.cli.doctor",
    "republish": "worker.cli.republish",
    "journal": "worker.cli.journal",
    "send": "worker.cli.send",
    "tail": "worker.cli.tail",
    "show": "worker.cli.views:show",
    "list": "worker.cli.views:cards",
    "history": "worker.cli.views:history",
    "explain": "worker.cli.views:explain",
    "dead-letters": "worker.cli.letters.app",
}

app = typer.Typer(
    cls=lazy_group(COMMANDS),
    no_args_is_help=True,
    # A traceback of typer's shows local variables, and with them settings and bodies.
    pretty_exceptions_enable=False,
    epilog="Exit codes: " + " · ".join(f"{code.value} {text}" for code, text in MEANINGS.items()),
)


def _say_version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it
    if wanted:
        typer.echo(version())
        raise typer.Exit


@app.callback()
def _options(
    *,
    traceback: Annotated[
        bool, typer.Option("--traceback", help="Show where a defect is, instead of one line.")
    ] = False,
    release: Annotated[
        bool, typer.Option("--version", help="Say which release this is.", is_eager=True, callback=_say_version)
    ] = False,
) -> None:
    """Background worker for partnerships, and what operators need beside it."""
    del release
    show_tracebacks(wanted=traceback)

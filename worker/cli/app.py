"""All commands of `partnership-worker`. One's module is imported when it is asked for, so `run` starts quickly."""

from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typing_extensions import override

from worker.cli.exits import MEANINGS
from worker.cli.operation import show_tracebacks

COMMANDS = {
    "run": "worker.cli.run",
    "verify": "worker.cli.verify",
    "journal": "worker.cli.journal",
    "send": "worker.cli.send",
    "tail": "worker.cli.tail",
    "show": "worker.cli.views:show",
    "list": "worker.cli.views:cards",
    "history": "worker.cli.views:history",
    "explain": "worker.cli.views:explain",
    "dead-letters": "worker.cli.letters.app",
}
"""Name → module, which has a `typer.Typer` named `app`: with one command it is that command, with more a group of them.
Name → `module:function`, where a module has several commands."""


def command_of(name: str) -> Any:
    """A command of the table, imported now."""
    module, _, function = COMMANDS[name].partition(":")
    found = import_module(module)
    if function:
        single = typer.Typer(add_completion=False)
        single.command()(getattr(found, function))
    command = typer.main.get_command(single if function else found.app)
    command.name = name
    return command


class Commands(TyperGroup):
    """The table above as a group."""

    @override
    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    @override
    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        return command_of(cmd_name) if cmd_name in COMMANDS else None


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    # A traceback of typer's shows local variables, and with them settings and bodies.
    pretty_exceptions_enable=False,
    epilog="Exit codes: " + " · ".join(f"{code.value} {text}" for code, text in MEANINGS.items()),
)


@app.callback()
def _options(
    *,
    traceback: Annotated[
        bool, typer.Option("--traceback", help="Show where a defect is, instead of one line.")
    ] = False,
) -> None:
    """Background worker for partnerships, and what operators need beside it."""
    show_tracebacks(wanted=traceback)

"""The command line: `partnership-worker` or `python -m worker`."""

import sys
from typing import Any

import typer

from worker.cli.app import app
from worker.cli.exits import Exit
from worker.operate.texts import visible

WrongUsage: Any = typer.BadParameter.__mro__[2]
"""The base of all that typer says about usage. Where it lives depends on typer's release."""


def main() -> None:
    """Entry point of the console script."""
    try:
        code = app(standalone_mode=False)
    except WrongUsage as error:
        code = Exit.USAGE
        told = visible(error.format_message())
        if told:
            typer.secho(f"{told.rstrip('.')}. `{_command(error)} --help` says more.", fg=typer.colors.RED, err=True)
        else:  # no arguments at all: it has shown the help
            error.show()
    except typer.Abort:
        code = Exit.INTERRUPTED
    sys.exit(code or Exit.OK)


def _command(error: BaseException) -> str:
    context = getattr(error, "ctx", None)
    return context.command_path if context else "partnership-worker"


if __name__ == "__main__":
    main()

"""The command line: `partnership-worker` or `python -m worker`."""

import os
import sys
from typing import Any

import typer

from worker.cli.app import app
from worker.cli.errors import explain
from worker.cli.exits import Exit
from worker.cli.operation import fail
from worker.operate.texts import visible

WrongUsage: Any = typer.BadParameter.__mro__[2]
"""The base of all that typer says about usage. Where it lives depends on typer's release."""


def main() -> None:
    """Entry point of the console script."""
    try:
        _see_that_arguments_are_text()
        code = app(standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()
    except WrongUsage as error:
        code = Exit.USAGE
        told = visible(error.format_message())
        if told:
            typer.secho(f"{told.rstrip('.')}. `{_command(error)} --help` says more.", fg=typer.colors.RED, err=True)
        else:  # no arguments at all: it has shown the help
            error.show()
    except typer.Abort:
        code = Exit.INTERRUPTED
    except (BrokenPipeError, SystemExit) as ended:  # `| head` has seen enough; typer and rich would end with 1
        if isinstance(ended, SystemExit) and not isinstance(ended.__context__, BrokenPipeError):
            raise
        code = Exit.PIPE
        _write_no_more()
    except OSError as error:  # of stdout: a disk that is full
        code = fail(*explain(error)).exit_code
        _write_no_more()
    sys.exit(code or Exit.OK)


def _see_that_arguments_are_text() -> None:
    for argument in sys.argv[1:]:
        try:
            argument.encode()
        except UnicodeEncodeError:
            raise typer.BadParameter(f"{argument!r} is not UTF-8") from None


def _write_no_more() -> None:
    """What is left to be written would fail once more when Python ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _command(error: BaseException) -> str:
    context = getattr(error, "ctx", None)
    return context.command_path if context else "partnership-worker"


if __name__ == "__main__":
    main()

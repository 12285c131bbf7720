"""Running an operation from the command line: settings, connections, and every error on one line with what to do."""

import asyncio
import getpass
import os
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer

from contracts.base import ID_CHARACTERS_MAX
from worker.cli.errors import explain
from worker.cli.exits import Exit
from worker.logs import configure_logs
from worker.operate.access import Access, access
from worker.operate.orders import SAFE_ID
from worker.operate.texts import visible
from worker.settings import load_settings

T = TypeVar("T")

AsJson = Annotated[bool, typer.Option("--json", help="JSON instead of a table: one object a line.")]


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's number that no file of users has
        return str(os.getuid())


def _name(text: str) -> str:
    if not SAFE_ID.fullmatch(text):
        raise typer.BadParameter(f"a name has 1 to {ID_CHARACTERS_MAX} characters, none of them a control character")
    return text


def reason(text: str) -> str:
    """A reason that an order can hold. Raises typer.BadParameter."""
    if len(text) > REASON_CHARACTERS_MAX:
        raise typer.BadParameter(f"{len(text):,} characters; the most is {REASON_CHARACTERS_MAX:,}")
    return text


As = Annotated[
    str,
    typer.Option(
        "--as", metavar="NAME", default_factory=_login, callback=_name, help="Who you are; kept with what you do."
    ),
]
"""Who the operator is. Give the parameter no default of its own."""

REASON_CHARACTERS_MAX = 4096
NUMBER_MAX = 1_000_000_000
"""Of what is shown: more is no wish, and MongoDB has 64 bits."""

_tracebacks = False


def show_tracebacks(*, wanted: bool) -> None:
    """Let defects through instead of telling them in one line."""
    global _tracebacks  # noqa: PLW0603 - an option of the whole command line
    _tracebacks = wanted


def operate(work: Callable[[Access], Awaitable[T]], also: Callable[[], str] = str) -> T:
    """Run `work` with access to the deployment that the environment names, and answer with its result.

    Kafka's address and the secret may be missing until something needs them. Whatever goes wrong is told in one line
    on stderr, with what there is to say `also`, and ends the process with its exit code.
    """
    try:
        settings = load_settings(optional=("kafka_bootstrap", "secret"))
        configure_logs("console", "critical")  # what libraries say of lost connections comes as one line of ours

        async def main() -> T:
            async with access(settings) as connected:
                return await work(connected)

        return asyncio.run(main())
    except (typer.Exit, BrokenPipeError):  # `| head` has seen enough
        raise
    except KeyboardInterrupt:
        raise fail(f"interrupted {also()}".strip(), Exit.INTERRUPTED) from None
    except Exception as error:
        text, code = explain(error)
        if code is Exit.DEFECT and _tracebacks:
            raise
        raise fail(f"{text} {also()}".strip(), code) from None


def fail(text: str, code: Exit) -> typer.Exit:
    """Tell an error in one line; raise what this answers with."""
    typer.secho(visible(text), fg=typer.colors.RED, err=True)
    return typer.Exit(code)

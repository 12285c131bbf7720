"""Running an operation from the command line: settings, connections, and every error on one line with what to do."""

import asyncio
import getpass
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer
from aiokafka.errors import KafkaError
from pymongo.errors import OperationFailure, PyMongoError

from worker.cli.exits import Exit
from worker.failures import StopWorker, codes_of, describe
from worker.logs import configure_logs
from worker.operate.access import Access, access
from worker.operate.errors import CannotOperate, NeedsSettings, NoAnswer, WrongRequest
from worker.operate.texts import visible
from worker.settings import SettingsError, load_settings

T = TypeVar("T")

AsJson = Annotated[bool, typer.Option("--json", help="JSON instead of a table: one object a line.")]

As = Annotated[
    str,
    typer.Option("--as", metavar="NAME", default_factory=getpass.getuser, help="Who you are; kept with what you do."),
]
"""Who the operator is. Give the parameter no default of its own."""

UNAUTHORIZED = {13, 18}
"""MongoDB's codes for what this user may not do."""

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


def explain(error: Exception) -> tuple[str, Exit]:  # noqa: PLR0911 - one for each kind
    """An error in one line with what to do, and the exit code for it."""
    match error:
        case SettingsError():
            return f"Wrong settings: {'; '.join(str(error).splitlines())}", Exit.USAGE
        case NeedsSettings() | WrongRequest():
            return _one_line(error), Exit.USAGE
        case NoAnswer():
            return _one_line(error), Exit.UNAVAILABLE
        case CannotOperate() | StopWorker():
            return _one_line(error), Exit.OPERATOR
        case OperationFailure() if codes_of(error) & UNAUTHORIZED:
            return "MongoDB does not let this user do it: give it a role that may read the database.", Exit.OPERATOR
        case PyMongoError() if not isinstance(error, OperationFailure):
            name = type(error).__name__
            return f"MongoDB does not answer ({name}): is it up, and is MONGO_URL right?", Exit.UNAVAILABLE
        case KafkaError() | TimeoutError() | OSError():
            name = type(error).__name__
            return f"Kafka does not answer ({name}): is it up, and is KAFKA_BOOTSTRAP right?", Exit.UNAVAILABLE
        case _:
            return f"A defect: {describe(error)}. `partnership-worker --traceback ...` shows where.", Exit.DEFECT


def fail(text: str, code: Exit) -> typer.Exit:
    """Tell an error in one line; raise what this answers with."""
    typer.secho(visible(text), fg=typer.colors.RED, err=True)
    return typer.Exit(code)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())

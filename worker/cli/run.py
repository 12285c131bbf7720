"""`run`: the worker itself."""

import asyncio
import gc
import sys

import structlog
import typer

from worker.app import Worker
from worker.cli.exits import Exit
from worker.failures import StopWorker
from worker.logs import configure_logs
from worker.settings import SettingsError, load_settings
from worker.tolerant import read_tolerantly

GC_OBJECTS = 100_000

app = typer.Typer(add_completion=False)
log = structlog.get_logger("worker")


@app.command()
def run() -> None:
    """Run the worker until SIGTERM. Exit codes: 0 stopped, 1 defect, 2 settings, 3 an operator is needed."""
    try:
        settings = load_settings()
        worker = Worker(settings)
    except SettingsError as error:
        raise _wrong(error) from None
    configure_logs(settings.log_format, settings.log_level)

    # A batch makes some 100,000 short-lived objects without cycles. With Python's default of a collection for each 700
    # of them a third of a command's time went into looking for cycles.
    gc.freeze()
    gc.set_threshold(GC_OBJECTS, 20, 50)

    read_tolerantly()

    async def main() -> None:
        await worker.run()

    try:
        if sys.platform == "win32":
            asyncio.run(main())
        else:
            import uvloop  # noqa: PLC0415 - not made for Windows

            uvloop.run(main())
    except SettingsError as error:
        raise _wrong(error) from None
    except StopWorker as error:
        log.error("stopped: an operator is needed", reason=str(error))  # noqa: TRY400 - its text says it all
        raise typer.Exit(Exit.OPERATOR) from None
    except Exception:
        log.exception("stopped: a defect")
        raise typer.Exit(Exit.DEFECT) from None


def _wrong(error: SettingsError) -> typer.Exit:
    typer.echo(f"Wrong settings:\n{error}", err=True)
    return typer.Exit(Exit.USAGE)

"""`dead-letters export`: letters as JSON lines, byte for byte."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Annotated

import typer

from worker.cli.exits import Exit
from worker.cli.letters.filters import State, filtered
from worker.cli.letters.words import counted, say_next
from worker.cli.operation import AsJson, fail, operate
from worker.cli.screen import err, out, print_json, safe
from worker.operate.access import Access
from worker.operate.letters.find import Filter, letters
from worker.operate.letters.lines import encoded


@filtered(State.OPEN, State.PARKED)
def export(
    wanted: Filter,
    *,
    file: Annotated[
        Path | None, typer.Option("--file", "-f", help="A new file, readable for you alone; else stdout.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Write letters as JSON lines, in log order: open and parked ones, unless --state says otherwise.

    `key`, `value` and the headers' values are base64, so nothing is lost; `body` is the value where it can be read.
    They may hold personal data. `import` brings them into another deployment.
    """

    async def work(access: Access) -> int:
        number = 0
        with _target(file) as target:
            async for letter in letters(access, wanted):
                target.write(encoded(letter))
                number += 1
        return number

    number = operate(work)
    if file is None:
        err.print(f"{counted(number, 'letter')} written; what producers sent may be personal data.", style="faint")
    elif json:
        print_json({"summary": {"letters": number, "file": str(file)}})
    else:
        out.print(f"{counted(number, 'letter')} written to {safe(str(file))}; they may hold personal data.")
        say_next("Bring them into a deployment, after a plan:", "import", str(file))
    if not number:
        raise typer.Exit(Exit.FOUND)


@contextmanager
def _target(file: Path | None) -> Iterator[IO[bytes]]:
    """Stdout; or a file for this user alone, which has its name once it is complete: it may hold personal data."""
    if file is None:
        yield sys.stdout.buffer
        return
    try:
        file.lstat()  # from Python 3.14 on exists() says nothing of a name that cannot be
    except FileNotFoundError:
        pass
    except OSError as error:
        raise fail(f"{file}: {error.strerror}", Exit.USAGE) from None
    else:
        raise fail(f"{file} is there already: choose another name.", Exit.USAGE)
    try:  # by a name that nobody knows before, so that nobody can put a link or a file of his own there
        handle, name = tempfile.mkstemp(prefix=".export-", suffix=".part", dir=file.parent)
    except OSError as error:
        raise fail(f"{file}: {error.strerror}", Exit.USAGE) from None
    part, target = Path(name), os.fdopen(handle, "wb")
    try:
        with target:
            yield target
        part.rename(file)
    except OSError as error:
        if error.errno is None:  # a time-out of the servers
            raise
        raise fail(f"{file}: {error.strerror}", Exit.USAGE) from None
    finally:
        part.unlink(missing_ok=True)

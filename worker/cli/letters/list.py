"""`dead-letters list`: what failed, grouped by how it failed."""

from typing import Annotated

import typer

from worker.cli.letters.filters import State, filtered
from worker.cli.operation import AsJson, operate
from worker.cli.screen import out, print_json
from worker.operate.access import Access
from worker.operate.letters.find import Filter, Letter, letters


@filtered(State.OPEN, State.PARKED)
def show_list(
    wanted: Filter,
    *,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="So many are shown.")] = 20,
    json: AsJson = False,
) -> None:
    """What failed and is open, or waits behind such a one (parked)."""

    async def work(access: Access) -> list[Letter]:
        return [letter async for letter in letters(access, wanted, fields={"value": 0, "headers": 0}, limit=limit)]

    for letter in operate(work):
        if json:
            print_json(letter)
        else:
            out.print(letter["_id"], letter["reason"])

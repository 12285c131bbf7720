"""Orders about dead letters, given as an operator's process gives them, one after the other."""

import asyncio
from collections.abc import Sequence
from typing import Any

from contracts.commands import operating
from contracts.commands.operating import LetterOrder
from tests.support.deployment import Deployment
from worker.operate.access import access
from worker.operate.orders import Answered, Place, ordering
from worker.operate.republish.run import Done
from worker.operate.republish.run import republish as republish_

WAY: dict[str, type[LetterOrder]] = {
    "replay": operating.ReplayDeadLetter,
    "edit": operating.EditDeadLetter,
    "discard": operating.DiscardDeadLetter,
    "reopen": operating.ReopenDeadLetter,
    "release": operating.ReleaseDeadLetter,
}


def letter(deployment: Deployment, letter_id: str) -> dict[str, Any]:
    """One by its id, or by its command's."""
    found = deployment.db.dead_letters.find_one({"$or": [{"_id": letter_id}, {"command_id": letter_id}]})
    assert found is not None, f"no dead letter {letter_id}"
    return found


def states(deployment: Deployment) -> dict[str, str]:
    """Command id → state of its letter."""
    return {found["command_id"]: found["state"] for found in deployment.db.dead_letters.find()}


def give(deployment: Deployment, action: str, letter_id: str, by: str = "olga", **data: Any) -> Answered:
    """One order about a letter; returns what came of it, once that is published."""
    (answered,) = give_all(deployment, [(action, letter_id)], by, **data)
    deployment.wait_published()
    return answered


def give_all(
    deployment: Deployment, wanted: Sequence[tuple[str, str]], by: str = "olga", **data: Any
) -> list[Answered]:
    """Several at once: (action, letter id) each."""

    async def work() -> list[Answered]:
        async with access(deployment.settings()) as connected, ordering(connected, by) as orders:
            found = [letter(deployment, letter_id) for _, letter_id in wanted]
            given = [
                (Place.of(one), WAY[action](actor=orders.actor, letter_id=one["_id"], **data))
                for (action, _), one in zip(wanted, found, strict=True)
            ]
            return await orders.wait(await orders.give(given))

    return asyncio.run(work())


def republish(deployment: Deployment, *entry_ids: str) -> Done:
    async def work() -> Done:
        async with access(deployment.settings()) as connected:
            return await republish_(connected, entry_ids, "olga", "they were gone")

    return asyncio.run(work())

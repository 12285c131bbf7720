"""Lanes meet at the customers. A batch that meets others again and again is halved, until it gets through."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.support import messages
from tests.support.deployment import Deployment
from tests.support.inside import lane_inside
from worker.failures import Fate, TooManyConflicts, fate_of
from worker.mongo.store import Conflict

BATCH = 8


def test_too_many_conflicts_halve() -> None:
    assert fate_of(TooManyConflicts("3 conflicts")) is Fate.HALVE


async def test_a_batch_that_conflicts_again_and_again_is_halved(deploy: Callable[..., Deployment]) -> None:
    """White box: every store of more than two commands conflicts, as if another lane were always quicker."""
    deployment = deploy(lanes=1, overrides={"batch_records_max": str(BATCH)})
    async with lane_inside(deployment) as inside:
        store: Any = inside.lane._store
        save: Callable[..., Awaitable[None]] = store.save
        sizes: list[int] = []

        async def crowded(session: object, lane: object, changes: Any) -> None:
            sizes.append(len(changes.entries))
            if len(changes.entries) > 2:
                raise Conflict("customers")
            await save(session, lane, changes)

        store.save = crowded
        commands = [messages.register_partner(f"partner-{number}") for number in range(BATCH)]
        await inside.append(*commands)
        running = asyncio.create_task(inside.run())
        try:
            await asyncio.to_thread(deployment.wait_decided, [f"register-partner-{number}" for number in range(BATCH)])
        finally:
            inside.lane.close()
            await asyncio.wait({running}, timeout=30)

    assert sizes[:3] == [BATCH] * 3, "a conflict was not tried again"
    assert sorted(set(sizes), reverse=True)[:3] == [8, 4, 2]
    await asyncio.to_thread(deployment.judge)


async def test_a_conflict_is_decided_anew_on_what_the_other_wrote(deploy: Callable[..., Deployment]) -> None:
    """White box: between load and save somebody else writes the partner; what was decided on nothing is not kept."""
    deployment = deploy(lanes=1)
    async with lane_inside(deployment) as inside:
        await inside.open()
        await inside.append(messages.register_partner("acme"))
        store: Any = inside.lane._store
        load: Callable[..., Awaitable[Any]] = store.load
        loads = 0

        async def overtaken(*arguments: Any) -> Any:
            nonlocal loads
            loaded = await load(*arguments)
            loads += 1
            if loads == 1:
                deployment.db.partners.insert_one({"_id": "acme", "rev": 1, "from": "somebody else"})
                deployment.db.partners.delete_one({"_id": "acme"})
            return loaded

        store.load = overtaken
        working = asyncio.create_task(inside.work())
        try:
            await asyncio.to_thread(deployment.wait_decided, ["register-acme"])
        finally:
            inside.lane.close()
            await asyncio.wait({working}, timeout=30)

    assert loads == 2, "the write conflict went unseen"
    assert deployment.db.partners.find_one({"_id": "acme"})["rev"] == 1  # type: ignore[index]


pytestmark = pytest.mark.timeout(120)

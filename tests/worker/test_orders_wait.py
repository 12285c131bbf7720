"""Who gave an order waits for it as long as its lane gets on, and no longer."""

import asyncio
from collections.abc import Callable

import pytest

from contracts.commands.operating import ReleaseDeadLetter
from tests.support.deployment import Deployment
from worker.operate.access import access
from worker.operate.errors import NoAnswer
from worker.operate.orders import Place, ordering

PATIENCE_SECONDS = 0.4


def test_it_waits_while_the_lane_has_others_before_it(deploy: Callable[..., Deployment]) -> None:
    """A lane that is minutes behind is no lane that stands still. No worker runs: the test is the lane."""
    deployment = deploy(lanes=2)
    deployment.make_topics()
    lanes, steps = deployment.db.lanes, 8
    lanes.insert_many([{"_id": lane, "stored": 0} for lane in (0, 1)])

    async def get_on() -> int:
        for step in range(steps):
            await asyncio.sleep(PATIENCE_SECONDS / 2)
            lanes.update_one({"_id": 1}, {"$set": {"stored": step}})
        return steps

    async def work() -> bool:
        async with access(deployment.settings()) as connected, ordering(connected, "olga") as orders:
            ids = await orders.give([(Place(1), ReleaseDeadLetter(actor=orders.actor, letter_id="x"))])
            moving = asyncio.create_task(get_on())
            with pytest.raises(NoAnswer, match="1 of 1 orders were not carried out"):
                await orders.wait(ids, PATIENCE_SECONDS)
            return moving.done()

    assert asyncio.run(work()), "it gave up while the lane got on"

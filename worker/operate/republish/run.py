"""The orders of a plan, given to the lanes, and what came of them."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from contracts.commands.operating import Republish
from worker.clock import monotonic_seconds
from worker.mongo.collections import LANES
from worker.operate.access import Access
from worker.operate.errors import NoAnswer
from worker.operate.orders import ANSWER_SECONDS, LOOK_SECONDS, Answered, Orders, Place, ordering
from worker.operate.republish.missing import plan_all, silent
from worker.operate.republish.plan import Plan, Selection
from worker.operate.verify.report import Progress

FILED_UNDER = "journal"
"""Subject and partner of these orders: they are about entries of many."""

ORDERS_AT_ONCE = 20
"""So many are under way; after a Ctrl-C no more than these are carried out."""


@dataclass(slots=True)
class Done:
    """What came of the orders."""

    orders: int = 0
    records: int = 0
    already: int = 0
    """Records that another order had published since the plan was made."""
    by: str | None = None
    at: datetime | None = None
    """Who gave that order, and when."""
    redacted: int = 0
    """Records that cannot come again: a purge took their bytes."""
    codes: Counter[str] = field(default_factory=Counter)
    """Why orders had no effect."""

    def note(self, answered: Answered) -> None:
        """One more answer."""
        result = answered.result
        self.orders += 1
        self.records += result.get("records", 0)
        self.already += result.get("already", 0)
        self.redacted += result.get("redacted", 0)
        self.by, self.at = self.by or result.get("by"), self.at or result.get("at")
        if answered.code is not None:
            self.codes[answered.code] += 1


async def carry_out(access: Access, plan: Plan, by: str, reason: str, progress: Progress = silent) -> Done:
    """Give the orders and wait for what comes of them; until all is published.

    Raises:
        NoAnswer: no worker has carried them out in time. They are in the log, and will be.
    """
    done, total, given = Done(redacted=plan.redacted), plan.total, 0
    async with ordering(access, by) as orders:
        waiting: list[tuple[Place, Republish]] = []
        for lane, records in plan.orders():
            seen = plan.seen.get(lane, 0)
            waiting.append(
                (
                    Place(lane, FILED_UNDER, FILED_UNDER),
                    Republish(actor=orders.actor, reason=reason, records=records, seen=seen),
                )
            )
            given += sum(map(len, records.values()))
            if len(waiting) >= ORDERS_AT_ONCE:
                await _give(orders, waiting, done)
                progress("republish", given, total)
        await _give(orders, waiting, done)
        progress("republish", total, total)
    await _until_published(access)
    return done


async def republish(access: Access, entry_ids: Sequence[str], by: str, reason: str = "") -> Done:
    """All records of these entries, unless an order published them before. The caller knows that they are missing."""
    plan = await plan_all(access, Selection(entries=tuple(entry_ids)))
    plan.seen.clear()
    return await carry_out(access, plan, by, reason)


async def _give(orders: Orders, waiting: list[tuple[Place, Republish]], done: Done) -> None:
    if waiting:
        for answered in await orders.wait(await orders.give(waiting)):
            done.note(answered)
        waiting.clear()


async def _until_published(access: Access) -> None:
    stored = {lane["_id"]: lane["stored"] async for lane in access.db[LANES].find({}, {"stored": 1})}
    until = monotonic_seconds() + ANSWER_SECONDS
    while True:
        published = {lane["_id"]: lane["published"] async for lane in access.db[LANES].find({}, {"published": 1})}
        if all(published.get(lane, 0) >= offset for lane, offset in stored.items()):
            return
        if monotonic_seconds() > until:
            raise NoAnswer(
                f"The orders were carried out, but not all is published after {ANSWER_SECONDS:.0f} s: is a worker "
                "running? It publishes the rest when it opens the lane."
            )
        await asyncio.sleep(LOOK_SECONDS)

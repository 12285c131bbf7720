"""Plans and runs about dead letters, as an operator's process makes them."""

import asyncio
from collections.abc import Sequence
from typing import Any

from handlers.outcome import outcome
from tests.support.deployment import Deployment
from worker.operate.access import access
from worker.operate.letters.find import Filter
from worker.operate.letters.job import Action, Chosen, Job, choose
from worker.operate.letters.plan import Decide, Planned, foresee
from worker.operate.letters.run import Done, Report, carry_out

UNSETTLED = Filter(states=("open", "parked"))
REPLAY = Job(Action.REPLAY, "mended")


def plan(
    deployment: Deployment, job: Job = REPLAY, wanted: Filter = UNSETTLED, decide: Decide = outcome
) -> list[Planned]:
    """What would become of each letter."""

    async def work() -> list[Planned]:
        async with access(deployment.settings()) as connected:
            chosen = await choose(connected, wanted, job.action)
            return [planned async for planned in foresee(connected, job, chosen, decide)]

    return asyncio.run(work())


def chosen(deployment: Deployment, job: Job = REPLAY, wanted: Filter = UNSETTLED) -> list[Chosen]:
    """The letters in their order."""

    async def work() -> list[Chosen]:
        async with access(deployment.settings()) as connected:
            return await choose(connected, wanted, job.action)

    return asyncio.run(work())


def run(
    deployment: Deployment, letters: Sequence[Chosen], job: Job = REPLAY, by: str = "olga", **options: Any
) -> tuple[list[Done], Report]:
    """Do the job with these; what came of each, and of all."""
    told: list[Done] = []

    async def work() -> Report:
        async with access(deployment.settings()) as connected:
            return await carry_out(connected, by, job, letters, tell=told.append, **options)

    report = asyncio.run(work())
    if report.error is not None:
        raise report.error
    deployment.wait_published()
    return told, report

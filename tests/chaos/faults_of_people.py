"""What people do to a deployment at work: two operators at the same letters, two releases beside each other."""

import asyncio
import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from tests.chaos.breaks import NEW_COMMAND, OLDER
from tests.chaos.world import World, pause
from worker.operate.access import access
from worker.operate.letters.find import Filter
from worker.operate.letters.job import Action, Chosen, Job, choose
from worker.operate.letters.run import WRONG, carry_out

LETTERS = 40
READY_SECONDS = 15.0


def two_operators(world: World, dice: random.Random) -> bool:
    """Both order something about the same dead letters at once, while lanes decide and a worker is killed."""
    wanted = Filter(states=("open", "parked"), type=NEW_COMMAND if dice.random() < 0.7 else None)
    letters = asyncio.run(_choose(world, wanted))
    if not letters:
        return False
    first = dice.randrange(len(letters))
    letters = letters[first : first + LETTERS]
    jobs = [Job(action, "a test") for action in dice.choices([Action.REPLAY, Action.DISCARD], [4, 1], k=2)]
    with ThreadPoolExecutor(len(jobs)) as hands:
        reports = [hands.submit(_operate, world, f"operator-{number}", job, letters) for number, job in enumerate(jobs)]
        pause(dice.uniform(0, 0.5))
        if dice.random() < 0.5:
            world.fleet.kill(world.slot(dice))
        return any(report.result() for report in reports)


async def _choose(world: World, wanted: Filter) -> list[Chosen]:
    try:
        async with access(world.deployment.settings()) as connected:
            return await choose(connected, wanted, Action.REPLAY)
    except WRONG:  # the database is away
        return []


def _operate(world: World, who: str, job: Job, letters: Sequence[Chosen]) -> int:
    """How many orders were given."""

    async def work() -> int:
        async with access(world.deployment.settings()) as connected:
            return (await carry_out(connected, who, job, letters, failures_max=LETTERS)).orders

    return asyncio.run(work())


def older_beside(world: World, dice: random.Random) -> bool:
    """One worker of the release before this one among the others; what it cannot read becomes dead letters."""
    with world.fleet_lock:
        slot = world.slot(dice)
        for release in ([OLDER], []):
            slot.patches = release
            dice.choice([world.fleet.kill, world.fleet.terminate])(slot)
            for _ in range(int(READY_SECONDS / 0.25)):
                pause(0.25)
                if world.fleet.ready():
                    break
            if release:
                pause(dice.uniform(2, 6))
    return True

"""What people do to a deployment at work: two operators at once, two releases side by side, another secret."""

import asyncio
import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from tests.chaos.breaks import NEW_COMMAND, OLDER
from tests.chaos.world import World, pause
from tests.support.deployment import ROOT, SECRET, wait_until
from worker.operate.access import access
from worker.operate.letters.find import Filter
from worker.operate.letters.job import Action, Chosen, Job, choose
from worker.operate.letters.run import WRONG, carry_out

LETTERS = 40
READY_SECONDS = 15.0
NEXT_SECRET = "the next secret of the tests, long enough as well"  # noqa: S105 - it guards nothing


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
    """One worker of the release before this one among the others; what it cannot read becomes dead letters.

    Of its checkout, where there is one; else it is played by one that knows a command less.
    """
    with world.fleet_lock:
        slot = world.slot(dice)
        for is_older in (True, False):
            slot.patches = [OLDER] if is_older and world.before is None else []
            slot.home = world.before if is_older and world.before is not None else ROOT
            dice.choice([world.fleet.kill, world.fleet.terminate])(slot)
            wait_ready(world)
            if is_older:
                pause(dice.uniform(2, 6))
    return True


def change_secret(world: World, dice: random.Random) -> bool:
    """One step of it (docs/operating.md), worker by worker: the next one is accepted; it is in use; the former is.

    The first one is never taken away: the load's links are made with it.
    """
    with world.fleet_lock:
        settings, operators = world.fleet.settings, world.deployment.overrides
        if "second_secret" not in operators:
            operators["second_secret"] = NEXT_SECRET
        elif "secret" not in settings:
            settings |= {"secret": NEXT_SECRET, "second_secret": SECRET}
        else:
            del settings["secret"], settings["second_secret"]
        for slot in world.fleet.slots:
            former = slot.worker
            dice.choice([world.fleet.kill, world.fleet.terminate])(slot)
            wait_until(lambda: slot.worker is not former, 60, "a worker with other settings")  # noqa: B023 - here and now
            wait_ready(world)
    return True


def wait_ready(world: World) -> None:
    """Until all workers are, or for as long as one may need."""
    for _ in range(int(READY_SECONDS / 0.25)):
        pause(0.25)
        if world.fleet.ready():
            break

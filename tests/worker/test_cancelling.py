"""Tasks end when they are told to, also one that did not hear it the first time."""

import asyncio
import random
import time
from typing import Any

from pymongo import AsyncMongoClient

from worker.cancelling import cancel
from worker.servers import Servers

TIMES = 60


def test_a_task_that_never_ends_is_given_up_within_the_bound() -> None:
    async def stubborn(done: asyncio.Event) -> None:
        while not done.is_set():
            try:
                await done.wait()
            except asyncio.CancelledError:
                continue

    async def main() -> None:
        done = asyncio.Event()
        task = asyncio.create_task(stubborn(done))
        await asyncio.sleep(0)
        async with asyncio.timeout(5):
            await cancel([task], within=0.2)
        assert not task.done()
        done.set()
        await task

    asyncio.run(main())


def test_what_a_cancelled_task_fails_with_is_not_reported_as_unseen() -> None:
    async def fail() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise ValueError from None

    async def main() -> list[dict[str, Any]]:
        reported: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
        task = asyncio.create_task(fail())
        await asyncio.sleep(0)
        await cancel([task])
        del task
        await asyncio.sleep(0)
        return reported

    assert asyncio.run(main()) == []


def test_whoever_talks_with_mongodb_on_a_busy_loop_ends(servers: Servers) -> None:
    """There a quarter of all cancellations got lost."""

    async def talk(client: AsyncMongoClient[dict[str, Any]]) -> None:
        while True:
            await client.admin.command("ping")

    async def keep_busy() -> None:
        while True:
            until = time.monotonic() + 0.004
            while time.monotonic() < until:
                pass
            await asyncio.sleep(0)

    async def main() -> None:
        dice = random.Random(1)
        client: AsyncMongoClient[dict[str, Any]]
        async with AsyncMongoClient(servers.mongo_url) as client:
            await client.admin.command("ping")
            busy = asyncio.create_task(keep_busy())
            for _ in range(TIMES):
                task = asyncio.create_task(talk(client))
                await asyncio.sleep(dice.random() * 0.03)
                async with asyncio.timeout(10):
                    await cancel([task])
                assert task.done()
            await cancel([busy])

    asyncio.run(main())

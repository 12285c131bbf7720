"""The client survives what the worker does to it while MongoDB is away."""

import asyncio

import pytest
from pymongo.errors import ServerSelectionTimeoutError

from worker.mongo.client import connect

NOWHERE = "mongodb://127.0.0.1:1/?directConnection=true"
COMMANDS = 30


async def test_cancelled_commands_leave_the_client_usable() -> None:
    """As when lanes are cut off: cancelled, and once more, since a cancellation may get lost."""
    client = connect(NOWHERE, 1)
    running = [asyncio.create_task(client.admin.command("ping")) for _ in range(COMMANDS)]
    await asyncio.sleep(0.3)
    for _ in range(2):
        for task in running:
            task.cancel()
        await asyncio.sleep(0)
    found = await asyncio.wait_for(asyncio.gather(*running, return_exceptions=True), 10)
    assert {type(error) for error in found} == {asyncio.CancelledError}

    with pytest.raises(ServerSelectionTimeoutError):
        await asyncio.wait_for(client.admin.command("ping"), 10)
    await client.close()

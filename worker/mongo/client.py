"""The one module that makes a MongoDB client: PyMongo's asynchronous API, or Motor where the extra is installed.

Both speak the same language from here on (decision 0005); the tests of the store run on each.
"""

import asyncio
import inspect
import sys
from collections.abc import Awaitable
from typing import Any, Literal

import pymongo.lock
from pymongo import AsyncMongoClient

if sys.version_info < (3, 12):

    async def _wait_for(work: Awaitable[bool], seconds: float | None) -> bool:
        async with asyncio.timeout(seconds):
            return await work

    # As asyncio.wait_for of Python 3.12 does it. That of 3.11 has another task wait for the condition, and leaves it
    # when it is cancelled twice: that task takes the lock of the client's topology, and nobody ever gives it back. No
    # command of this client gets on then, also when MongoDB is there again (tests/worker/test_mongo_client.py).
    pymongo.lock.wait_for = _wait_for  # type: ignore[assignment,attr-defined]

Driver = Literal["pymongo", "motor"]
Client = AsyncMongoClient[dict[str, Any]]


def connect(
    url: str, request_timeout_seconds: float, driver: Driver = "pymongo", answer_seconds: float | None = None
) -> Client:
    """A client with the concerns that the promises rest on: majority writes, primary reads, every wait bounded.

    `answer_seconds`: for one answer of a server that is there, where that may take longer than a request of the worker.
    """
    milliseconds = int(request_timeout_seconds * 1000)
    options: dict[str, Any] = {
        "tz_aware": True,
        "w": "majority",
        "journal": True,
        "retryWrites": True,
        "readConcernLevel": "majority",
        "serverSelectionTimeoutMS": milliseconds,
        "connectTimeoutMS": milliseconds,
        "socketTimeoutMS": int((answer_seconds or request_timeout_seconds) * 1000),
        "waitQueueTimeoutMS": milliseconds,
        "appname": "partnership-worker",
    }
    if driver == "motor":
        from motor.motor_asyncio import AsyncIOMotorClient  # noqa: PLC0415 - an extra that may be absent

        return AsyncIOMotorClient(url, **options)  # type: ignore[return-value] # the same verbs
    return AsyncMongoClient(url, **options)


async def awaited(value: Any) -> Any:
    """The value, awaited where this driver gives an awaitable and the other one a value."""
    return await value if inspect.isawaitable(value) else value

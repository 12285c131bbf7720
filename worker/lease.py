"""A lease in MongoDB, by MongoDB's clock: what only one worker at a time shall do."""

import asyncio
import contextlib
from typing import Any

from pymongo.errors import PyMongoError

from worker.clock import from_milliseconds, new_id
from worker.mongo.collections import LEASES

LEASE_SECONDS = 15.0
"""After this another worker takes over from one that died."""
LOOK_SECONDS = 0.05
"""Between two looks at one that somebody waits for."""


class Lease:
    """One worker's hand on one lease.

    Two may hold it for a moment (a suspended one does not know), so what is done under it must bear being done twice.
    """

    def __init__(self, db: Any, name: str) -> None:
        self._db = db
        self._name = name
        self._me = new_id()

    async def is_held(self) -> bool:
        """Take it, or hold it for longer; whether it is ours."""
        free = {"$or": [{"$lte": ["$until", "$$NOW"]}, {"$eq": ["$owner", self._me]}]}
        taken = {"owner": self._me, "until": {"$add": ["$$NOW", int(LEASE_SECONDS * 1000)]}}
        result = await self._db[LEASES].update_one({"_id": self._name, "$expr": free}, [{"$set": taken}])
        return bool(result.matched_count)

    async def wait(self) -> None:
        """Wait until it is ours. It need not be there: whoever had it before may have ended it."""
        never = {"owner": {"$ifNull": ["$owner", ""]}, "until": {"$ifNull": ["$until", from_milliseconds(0)]}}
        while True:
            await self._db[LEASES].update_one({"_id": self._name}, [{"$set": never}], upsert=True)
            if await self.is_held():
                return
            await asyncio.sleep(LOOK_SECONDS)

    async def end(self) -> None:
        """Take it out of the world, so that the next one need not wait. Without MongoDB it ends by its time."""
        with contextlib.suppress(PyMongoError):
            await self._db[LEASES].delete_one({"_id": self._name, "owner": self._me})

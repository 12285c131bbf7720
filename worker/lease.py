"""A lease in MongoDB, by MongoDB's clock: what only one worker at a time shall do."""

from typing import Any

from worker.clock import new_id
from worker.mongo.collections import LEASES

LEASE_SECONDS = 15.0
"""After this another worker takes over from one that died."""


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

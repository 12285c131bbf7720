"""Which format a deployment's documents have. MongoDB has its number, so that no earlier release works on later ones.

It could not read them, or would lose what it does not know when it writes them again (decision 0016).
"""

import contextlib
from typing import Any

import structlog
from pymongo.errors import DuplicateKeyError

from worker.failures import StopWorker
from worker.mongo.client import Client
from worker.mongo.collections import LANES, TOPOLOGY

FORMAT = 1
"""Higher by one in each release that writes what the release before cannot read, or would not keep."""

NAME = "format"

log = structlog.get_logger(__name__)


class FormatInUse:
    """The highest format that any worker of this deployment ever wrote."""

    def __init__(self, client: Client, database: str) -> None:
        self._topology: Any = client[database][TOPOLOGY]
        self._lanes: Any = client[database][LANES]

    async def claim(self) -> None:
        """Say that this release writes its format. Workers of earlier ones end within a second, and store nothing more.

        Raises:
            StopWorker: a later release has written here.
        """
        with contextlib.suppress(DuplicateKeyError):
            await self._topology.insert_one({"_id": NAME, "number": FORMAT, "fenced": FORMAT})
        earlier = {"_id": NAME, "number": {"$lt": FORMAT}}
        if (await self._topology.update_one(earlier, {"$set": {"number": FORMAT}})).modified_count:
            log.warning("no earlier release can work here from now on", format=FORMAT)
        await self.check()
        unfenced = {"_id": NAME, "number": FORMAT, "fenced": {"$not": {"$gte": FORMAT}}}
        if await self._topology.find_one(unfenced):  # also where who raised it was killed before it came to this
            # Who has a lane has it no more, and to have it again looks at the format after it took it.
            await self._lanes.update_many({}, {"$inc": {"epoch": 1}})
            await self._topology.update_one(unfenced, {"$set": {"fenced": FORMAT}})

    async def check(self) -> None:
        """See that no later release has written here.

        Raises:
            StopWorker: one has.
            PyMongoError: MongoDB does not answer.
        """
        number = await self.number()
        if number > FORMAT:
            msg = (
                f"A later release has written to this database, in format {number}; this one knows {FORMAT}, and would "
                "not read, or not keep, what is there. Run the later release; to go back for good, restore a backup "
                'from before it (see "A new release" in docs/deploying.md).'
            )
            raise StopWorker(msg)

    async def number(self) -> int:
        """That of the latest release that ever worked here; 0 before anybody has."""
        found = await self._topology.find_one({"_id": NAME})
        return int(found["number"]) if found else 0

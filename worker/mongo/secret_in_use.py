"""Which secret a deployment works with. MongoDB has its id, so that nobody works with another one unnoticed.

A worker with another one would refuse the links that are out, and others' sealed commands would be dead letters.
"""

import contextlib
from typing import Any

import structlog
from pymongo.errors import DuplicateKeyError

from worker.failures import StopWorker
from worker.mongo.client import Client
from worker.mongo.collections import TOPOLOGY
from worker.secrets import Secrets

SECRET = "secret"  # noqa: S105 - the document's name

ANOTHER = (
    "PARTNERSHIP_SECRET is not the one that this deployment works with. With another one the links that are out would "
    "open nothing, and what workers tell each other would be dead letters. Set the one of before; to change it, see "
    '"Changing the secret" in docs/operating.md.'
)

log = structlog.get_logger(__name__)


class SecretInUse:
    """The id of the secret with which this deployment's workers sign; of the worker that started last."""

    def __init__(self, client: Client, database: str, secrets: Secrets) -> None:
        self._collection: Any = client[database][TOPOLOGY]
        self._secrets = secrets

    async def claim(self) -> None:
        """Say that this worker signs with its first secret. Before it joins the others.

        Raises:
            StopWorker: it does not accept the one that is in use.
        """
        own = self._secrets.id
        with contextlib.suppress(DuplicateKeyError):
            await self._collection.insert_one({"_id": SECRET, "in_use": own})
        await self.check()
        others = {"_id": SECRET, "in_use": {"$in": self._secrets.others}}
        if (await self._collection.update_one(others, {"$set": {"in_use": own}})).modified_count:
            log.warning("this deployment works with another secret from now on")

    async def check(self) -> None:
        """See that it is one of those that this worker accepts: another worker may start with a new one at any time.

        Raises:
            StopWorker: it is not.
            PyMongoError: MongoDB does not answer.
        """
        if not await self.is_accepted():
            raise StopWorker(ANOTHER)

    async def is_accepted(self) -> bool:
        """Whether it is one of those, or nobody has started yet."""
        in_use = await self.id()
        return in_use is None or self._secrets.accepts(in_use)

    async def id(self) -> str | None:
        """That of the secret with which the worker signs that started last; None before anybody has started."""
        found = await self._collection.find_one({"_id": SECRET})
        return found and str(found["in_use"])

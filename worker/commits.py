"""A group's offsets, committed beside the work: they say where to begin, and nobody waits for them to be said."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError

from worker.cancelling import cancel
from worker.clock import backoff_seconds
from worker.failures import describe
from worker.ownership import Tasks
from worker.settings import Settings

COMMIT_SECONDS = 0.1
"""From one commit to the next. So much may be done already above what an owner that was killed has committed."""

log = structlog.get_logger(__name__)


class Commits:
    """The offsets of one consumer. A commit names the group's generation, so that a zombie's is refused."""

    def __init__(self, where: str, settings: Settings, tasks: Tasks, consumer: Callable[[], AIOKafkaConsumer]) -> None:
        self._where = where
        self._settings = settings
        self._tasks = tasks
        self._consumer = consumer
        self._noted: dict[TopicPartition, int] = {}
        self._committing: asyncio.Task[None] | None = None
        self._settling = asyncio.Event()

    def note(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Below these all is done. Goes with the next commit, together with what else is noted until then."""
        self._noted |= offsets
        if self._noted and (self._committing is None or self._committing.done()):
            self._committing = self._tasks.start(self._commit(), f"{self._where} commits")

    async def settle(self) -> None:
        """Return when all that is noted is committed, or was tried once more."""
        self._settling.set()
        if self._committing is not None:
            await asyncio.wait({self._committing})

    async def forget(self) -> None:
        """What was not committed until now never is: the partitions may be others'."""
        self._settling.clear()
        self._noted.clear()
        if self._committing is not None:
            # aiokafka tries again under the next generation, and would set back what a new owner has committed.
            await cancel([self._committing], within=1)

    async def _commit(self) -> None:
        attempt = 0
        while self._noted:
            noted, self._noted = self._noted, {}
            pause = COMMIT_SECONDS
            try:
                async with asyncio.timeout(self._settings.request_timeout_seconds):
                    consumer = self._consumer()
                    assigned = consumer.assignment()
                    await consumer.commit({place: offset for place, offset in noted.items() if place in assigned})
            except (KafkaError, TimeoutError, IllegalStateError) as error:
                attempt += 1
                pause = backoff_seconds(attempt)
                log.warning("could not commit", where=self._where, error=describe(error), attempt=attempt)
                if not self._settling.is_set():
                    self._noted = noted | self._noted
            else:
                attempt = 0
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._settling.wait()

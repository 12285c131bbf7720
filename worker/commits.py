"""A group's offsets, committed beside the work: they say where to begin, and nobody waits for them to be said."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from worker.cancelling import cancel
from worker.clock import backoff_seconds, monotonic_seconds
from worker.failures import describe
from worker.ownership import Tasks
from worker.settings import Settings

COMMIT_SECONDS = 0.1
"""From one commit to the next. So much may be done already above what an owner that was killed has committed; more
where commits fail, and then `problem` says so."""

log = structlog.get_logger(__name__)


class Commits:
    """The offsets of one consumer.

    A commit names the group's generation, and one that is refused is not said again: the group went on without this
    worker, and others may own the partitions.
    """

    def __init__(self, where: str, settings: Settings, tasks: Tasks, consumer: Callable[[], AIOKafkaConsumer]) -> None:
        self._where = where
        self._settings = settings
        self._tasks = tasks
        self._consumer = consumer
        self._noted: dict[TopicPartition, int] = {}
        self._owing_since: float | None = None
        self._committing: asyncio.Task[None] | None = None
        self._settling = asyncio.Event()

    def note(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Below these all is done. Goes with the next commit, together with what else is noted until then."""
        self._noted |= offsets
        if self._noted and self._owing_since is None:
            self._owing_since = monotonic_seconds()
        if self._noted and (self._committing is None or self._committing.done()):
            self._committing = self._tasks.start(self._commit(), f"{self._where} commits")

    def problem(self) -> str | None:
        """Says that nothing could be committed for longer than one request may take; None where all is well."""
        owing = 0.0 if self._owing_since is None else monotonic_seconds() - self._owing_since
        if owing <= self._settings.request_timeout_seconds:
            return None
        return f"{self._where}: no offset could be committed for {owing:.0f} s"

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
        self._noted.clear()  # what a lane that was cut off has noted meanwhile
        self._owing_since = None

    async def _commit(self) -> None:
        attempt = 0
        while self._noted:
            noted, self._noted = self._noted, {}
            pause = COMMIT_SECONDS
            try:
                async with asyncio.timeout(self._settings.request_timeout_seconds):
                    await self._say(noted)
            except CommitFailedError as error:
                log.warning("the group refused a commit", where=self._where, error=describe(error))
                self._owing_since = monotonic_seconds() if self._noted else None
            except (KafkaError, TimeoutError, IllegalStateError) as error:
                attempt += 1
                pause = backoff_seconds(attempt)
                log.warning("could not commit", where=self._where, error=describe(error), attempt=attempt)
                if not self._settling.is_set():
                    self._noted = noted | self._noted
            else:
                attempt = 0
                self._owing_since = monotonic_seconds() if self._noted else None
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._settling.wait()

    async def _say(self, noted: dict[TopicPartition, int]) -> None:
        consumer = self._consumer()
        assigned = consumer.assignment()
        offsets = {place: offset for place, offset in noted.items() if place in assigned}
        # Who was put out of the group has no generation, and a commit without one is not refused where the group is
        # empty: it would set back what others committed before they left.
        if offsets and consumer._coordinator.generation > 0:  # aiokafka itself does not say  # noqa: SLF001
            await consumer.commit(offsets)

"""What intake and lanes have in common: partitions that come and go, and a cursor on each that guards against gaps."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import IllegalStateError

from worker.cancelling import cancel, failure_of
from worker.clock import backoff_seconds
from worker.cursor import Cursor, Gap
from worker.kafka import UNAVAILABLE, Prober
from worker.metrics import Metrics

log = structlog.get_logger(__name__)

PLACEHOLDER_OFFSET = 0
"""Where a partition is set, paused, until its opening knows better. Without a position aiokafka would look one up by
itself, and without a committed one raise an error into a loop that only logs it."""


def by_partition(records: Iterable[ConsumerRecord]) -> Iterator[tuple[TopicPartition, list[ConsumerRecord]]]:
    """The runs of records of one partition, as they were fetched."""
    for (topic, number), run in groupby(records, key=lambda record: (record.topic, record.partition)):
        yield TopicPartition(topic, number), list(run)


def pause_until_open(consumer: AIOKafkaConsumer, partitions: Iterable[TopicPartition]) -> None:
    """Hold partitions that were just assigned. Does not await: aiokafka sends no heartbeat while a listener runs."""
    for partition in partitions:
        consumer.seek(partition, PLACEHOLDER_OFFSET)
        consumer.pause(partition)


class Tasks:
    """Tasks in the background whose failure ends the worker: nothing fails unseen."""

    def __init__(self, fail: Callable[[BaseException], None]) -> None:
        self._fail = fail
        self._running: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Run it, and report what it raises."""
        task = asyncio.create_task(work, name=name)
        self._running.add(task)
        task.add_done_callback(self._ended)
        return task

    async def cancel(self) -> None:
        """End all."""
        await cancel(list(self._running))

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if (error := failure_of(task)) is not None:
            self._fail(error)


class GapGuard:
    """Sends a partition back to where its cursor stands, and finds out whether the gap is real.

    `current` answers with the cursor that counts for a partition now: one whose time is over must move nothing.
    """

    def __init__(
        self,
        where: str,
        prober: Prober,
        metrics: Metrics,
        tasks: Tasks,
        current: Callable[[TopicPartition], Cursor | None],
    ) -> None:
        self._where = where
        self._prober = prober
        self._metrics = metrics
        self._tasks = tasks
        self._current = current
        self._closing: set[Cursor] = set()

    def take(
        self, consumer: AIOKafkaConsumer, partition: TopicPartition, cursor: Cursor, records: Sequence[ConsumerRecord]
    ) -> Sequence[ConsumerRecord]:
        """The records that are new. With a gap before them: none, and they are asked for again."""
        if cursor in self._closing:
            return ()
        taken = cursor.take(records)
        if not isinstance(taken, Gap):
            return taken
        self._metrics.gaps.labels(self._where).inc()
        self._closing.add(cursor)
        consumer.pause(partition)
        self._tasks.start(
            self._close(consumer, partition, cursor, taken), f"gap {partition.topic}-{partition.partition}"
        )
        return ()

    async def _close(self, consumer: AIOKafkaConsumer, partition: TopicPartition, cursor: Cursor, gap: Gap) -> None:
        attempt = 0
        try:
            while self._current(partition) is cursor:
                try:
                    found = await self._prober.first_offset(partition, gap.expected, self._where)
                except UNAVAILABLE:
                    attempt += 1
                    await asyncio.sleep(backoff_seconds(attempt))
                    continue
                if self._current(partition) is not cursor:
                    return  # given back, or started again, while Kafka was asked
                if found == gap.found:
                    cursor.confirm(gap)
                log.info(
                    "gap before a batch",
                    where=self._where,
                    topic=partition.topic,
                    partition=partition.partition,
                    expected=gap.expected,
                    found=gap.found,
                    real=found == gap.found,
                )
                consumer.seek(partition, gap.expected)
                consumer.resume(partition)
                return
        except IllegalStateError:
            return  # the partition was taken away meanwhile
        finally:
            self._closing.discard(cursor)


class Listener(ConsumerRebalanceListener):  # type: ignore[misc] # aiokafka has no types
    """Hands assignments on. What a listener raises is swallowed by aiokafka, so it is reported here."""

    def __init__(
        self,
        assigned: Callable[[set[TopicPartition]], None],
        revoked: Callable[[set[TopicPartition]], Coroutine[Any, Any, None]],
        fail: Callable[[BaseException], None],
    ) -> None:
        self._assigned = assigned
        self._revoked = revoked
        self._fail = fail

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """Partitions came."""
        try:
            self._assigned(assigned)
        except Exception as error:  # noqa: BLE001 - reported, and ends the worker
            self._fail(error)

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        """Partitions go."""
        try:
            await self._revoked(revoked)
        except Exception as error:  # noqa: BLE001 - reported, and ends the worker
            self._fail(error)

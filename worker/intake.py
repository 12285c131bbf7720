"""Intake: from the public command topics to the lane log. Moves bytes, decides nothing, knows no MongoDB.

At least once is enough here: a second copy in the lane log is a repeat. Once a record is there, its order is fixed.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence

import orjson
import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.errors import IllegalStateError

from contracts.base import ID_CHARACTERS_MAX
from contracts.topics import COMMAND_BYTES_MAX, RECORD_BYTES_MAX, TopicName
from worker.clock import backoff_seconds, monotonic_seconds
from worker.commits import Commits
from worker.cursor import Cursor
from worker.failures import describe
from worker.kafka import (
    UNAVAILABLE,
    Batches,
    LogEndsEarly,
    Prober,
    make_producer,
    make_reader,
    offsets_of,
    start_client,
    stop_client,
)
from worker.metrics import Metrics
from worker.ownership import GapGuard, Listener, Tasks, by_partition, pause_until_open
from worker.partitioning import lane_of
from worker.records import HEADERS_MAX, TOO_LARGE_HEADER, Headers, Source, size_of
from worker.settings import Settings
from worker.watchdog import Place

PACE_SECONDS = 0.01
"""From one append to the next, at least. What comes meanwhile goes together: that is cheaper for all that follows."""

log = structlog.get_logger(__name__)


def lane_for(record: ConsumerRecord, lanes: int) -> int:
    """The lane of the partner in the body. Key and partition do not count: producers' libraries hash differently.

    A record with no partner to read goes by its source partition, so that such ones keep their order.
    """
    value = record.value
    if value and len(value) <= COMMAND_BYTES_MAX:
        try:
            partner = orjson.loads(value)["partitionkey"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            pass
        else:
            if isinstance(partner, str) and 0 < len(partner) <= ID_CHARACTERS_MAX:
                return lane_of(partner, lanes)
    return lane_of(f"{record.topic}:{record.partition}", lanes)


def carried(record: ConsumerRecord) -> tuple[bytes | None, bytes | None, Headers]:
    """Key, value and headers as they go into the lane log.

    A topic's limit is on the compressed batch, so what is unpacked here may be larger than the lane log takes. Sent for
    ever, it would stop everything behind it. So a mark goes in its place, and becomes the dead letter of what stays
    where it is, on its own topic.
    """
    size = size_of(record)
    if size <= RECORD_BYTES_MAX and len(record.headers) <= HEADERS_MAX:
        return record.key, record.value, tuple(record.headers)
    return None, None, ((TOO_LARGE_HEADER, b"%d" % size),)


def in_order_of_time(records: Sequence[ConsumerRecord]) -> list[ConsumerRecord]:
    """By append time across partitions, and never against the order within one, even if a broker's clock went back."""
    latest: dict[tuple[str, int], int] = {}
    times = []
    for record in records:
        place = (record.topic, record.partition)
        latest[place] = max(latest.get(place, 0), record.timestamp)
        times.append(latest[place])
    return [records[index] for index in sorted(range(len(records)), key=times.__getitem__)]


class Intake:
    """Owns partitions of the public topics, and appends their records to the lane log."""

    def __init__(
        self,
        settings: Settings,
        metrics: Metrics,
        prober: Prober,
        consumer: Callable[[], AIOKafkaConsumer],
        fail: Callable[[BaseException], None],
    ) -> None:
        self.assigned = False
        self._closed = True
        self.waiting_for: str | None = None
        self._failures = 0
        self.listener = Listener(self._assign, self._revoke, fail)
        self._settings = settings
        self._lane_log = settings.topic(TopicName.LANES)
        self._metrics = metrics
        self._prober = prober
        self._consumer = consumer
        self._cursors: dict[TopicPartition, Cursor] = {}
        self._opening: dict[TopicPartition, asyncio.Task[None]] = {}
        self._tasks = Tasks(fail)
        self._guard = GapGuard("intake", prober, metrics, self._tasks, self._cursors.get)
        self._producer: AIOKafkaProducer | None = None
        self._moving = asyncio.Lock()
        self._commits = Commits("intake", settings, self._tasks, consumer)

    async def move(self, records: Sequence[ConsumerRecord]) -> None:
        """Append a batch to the lane log. Returns when that is done or not ours to do."""
        begun = monotonic_seconds()
        async with self._moving:
            consumer = self._consumer()
            owned: dict[TopicPartition, Cursor] = {}
            taken: list[ConsumerRecord] = []
            for partition, run in by_partition(records):
                cursor = self._cursors.get(partition)
                if cursor is not None:
                    new = self._guard.take(consumer, partition, cursor, run)
                    if new:
                        owned[partition] = cursor
                        taken.extend(new)
            if taken:
                try:
                    await self._append(in_order_of_time(taken), owned)
                except BaseException:
                    # The cursors are ahead of what is appended: nothing more may go by them.
                    for partition, cursor in owned.items():
                        if self._cursors.get(partition) is cursor:
                            del self._cursors[partition]
                    raise
                # Here, where no cursor is ahead of what is appended.
                self._commits.note({p: c.next_offset for p, c in owned.items() if self._cursors.get(p) is c})
        await asyncio.sleep(begun + PACE_SECONDS - monotonic_seconds())

    def places(self) -> list[Place]:
        """Where intake stands, for the watchdog."""
        if not self.assigned:
            return [Place("intake", None, None)]
        open_ones = [
            Place("intake", partition, cursor.next_offset, self.waiting_for, failures=self._failures)
            for partition, cursor in self._cursors.items()
        ]
        return open_ones + [Place("intake", partition, None) for partition in self._opening]

    def problems(self) -> list[str]:
        """Why intake is not ready; empty when it is."""
        if not self.assigned:
            return ["intake: no assignment yet"]
        if self.waiting_for is not None:
            return [f"intake: waiting for {self.waiting_for}"]
        if self._opening:
            return [f"intake: opening {len(self._opening)} partitions"]
        problem = self._commits.problem()
        return [problem] if problem else []

    def begin(self) -> None:
        """Take what the group assigns, until `close`. Said at each joining: a first try may have failed."""
        self._closed = False

    async def close(self) -> None:
        """Finish the batch under way within its bound, then let go."""
        self._closed = True
        await self._revoke(self._cursors.keys() | self._opening.keys())
        await self._tasks.cancel()
        await self._drop_producer()

    # Moving -------------------------------------------------------------------------------------------------------

    async def _append(self, records: list[ConsumerRecord], owned: dict[TopicPartition, Cursor]) -> None:
        attempt = 0
        while any(self._cursors.get(partition) is cursor for partition, cursor in owned.items()):
            try:
                async with asyncio.timeout(self._settings.request_timeout_seconds):
                    if self._producer is None:
                        self._producer = make_producer(self._settings)
                        await start_client(self._producer)
                    batches = Batches(self._producer)
                    for record in records:
                        source = Source(record.topic, record.partition, record.offset, record.timestamp)
                        key, value, headers = carried(record)
                        lane = lane_for(record, self._settings.lanes)
                        batches.add(self._lane_log, lane, key, value, (*headers, source.to_header()), None)
                    await batches.send()
            except UNAVAILABLE as error:
                # The outcome is unknown; sending again can only make repeats.
                attempt += 1
                self._failures += 1
                pause = backoff_seconds(attempt)
                self.waiting_for = f"Kafka ({type(error).__name__})"
                log.warning("intake sends again", error=describe(error), attempt=attempt, pause_seconds=round(pause, 2))
                await self._drop_producer()
                await asyncio.sleep(pause)
            else:
                self.waiting_for = None
                for record in records:
                    self._metrics.intake.labels(record.topic).inc()
                return
        self.waiting_for = None  # whoever has them now waits for it

    async def _drop_producer(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await stop_client(producer)

    # Owning -------------------------------------------------------------------------------------------------------

    def _assign(self, partitions: set[TopicPartition]) -> None:
        consumer = self._consumer()
        pause_until_open(consumer, partitions)
        if self._closed:
            return  # as for lanes
        self.assigned = True
        if partitions:
            task = self._tasks.start(self._open(consumer, sorted(partitions)), "intake opens")
            self._opening |= dict.fromkeys(partitions, task)

    async def _open(self, consumer: AIOKafkaConsumer, partitions: list[TopicPartition]) -> None:
        """Find where each goes on, and see that its log still reaches there. One without an answer waits alone."""
        attempt = 0
        while True:
            reader = make_reader(self._settings)
            try:
                async with asyncio.timeout(self._settings.request_timeout_seconds):
                    await start_client(reader)
                    # All at once: one after another takes longer than the bound when the brokers are slow. The
                    # committed offsets first, so that no log seems to end before one of them.
                    committed = await asyncio.gather(
                        *(consumer.committed(partition) for partition in partitions), return_exceptions=True
                    )
                    refused = [error for error in committed if isinstance(error, UNAVAILABLE)]
                    within = self._settings.request_timeout_seconds / 3
                    starts, ends = await asyncio.gather(
                        offsets_of(reader.beginning_offsets, partitions, within, refused),
                        offsets_of(reader.end_offsets, partitions, within, refused),
                    )
                closed = dict(zip(partitions, committed, strict=True))
                for partition, offset in list(closed.items()):
                    if self._opening.get(partition) is not asyncio.current_task():
                        return  # taken away meanwhile; a cancellation may get lost in the clients
                    first = self._first(partition, offset, starts, ends, refused)
                    if first is None:
                        continue
                    consumer.seek(partition, first)
                    consumer.resume(partition)
                    self._cursors[partition] = Cursor(first)
                    del self._opening[partition], closed[partition]
                    if offset is None:
                        # So that what expires from here on before it was read is noticed, also after a crash.
                        self._commits.note({partition: first})
                if not closed:
                    log.info("intake is open", partitions=len(self._cursors))
                    return
                partitions, error = list(closed), refused[0] if refused else TimeoutError("no answer")
            except IllegalStateError:
                return  # taken away meanwhile
            except UNAVAILABLE as away:
                error = away
            finally:
                await stop_client(reader)
            attempt += 1
            log.warning("intake opens again", error=describe(error), partitions=len(partitions), attempt=attempt)
            await asyncio.sleep(backoff_seconds(attempt))

    def _first(
        self,
        partition: TopicPartition,
        committed: int | BaseException | None,
        starts: Mapping[TopicPartition, int],
        ends: Mapping[TopicPartition, int],
        refused: list[Exception],
    ) -> int | None:
        """Where a partition goes on; None where that is not known yet, of which `refused` is told the reason."""
        if isinstance(committed, UNAVAILABLE) or partition not in starts or partition not in ends:
            return None
        if isinstance(committed, BaseException):
            raise committed
        first = starts[partition] if committed is None else committed
        try:
            self._prober.reach.check(partition, first, starts[partition], ends[partition], "intake")
        except LogEndsEarly as early:
            refused.append(early)
            return None
        return first

    async def _revoke(self, partitions: set[TopicPartition]) -> None:
        self.assigned = False
        for partition in partitions:
            if task := self._opening.pop(partition, None):
                task.cancel()
        try:
            # Let the batch under way be sent and committed, so that the next owner need not repeat it.
            async with asyncio.timeout(self._settings.lane_close_seconds):
                async with self._moving:
                    await self._commits.settle()
        except TimeoutError:
            log.warning("intake was cut off")
        for partition in partitions:
            self._cursors.pop(partition, None)
        await self._commits.forget()

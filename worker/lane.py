"""One lane: one partition of the lane log, one writer. Opens, decides batch after batch, starts again when in doubt."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from enum import Enum
from itertools import islice
from typing import NamedTuple

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from contracts.topics import TopicName
from handlers.documents import Partner
from worker.batch import Result, Rules
from worker.cancelling import cancel
from worker.clock import backoff_seconds, monotonic_seconds
from worker.commits import Commits
from worker.cursor import Cursor
from worker.decode import decode
from worker.failures import Fate, StopWorker, describe, fate_of
from worker.journal import records_of
from worker.kafka import Reach, check_start, make_reader, start_client, stop_client
from worker.letters.carrying import run_of_a_kind
from worker.metrics import Metrics
from worker.mongo.store import NOT_BEGUN, LaneDocument, Store
from worker.publications import TRANSACTION_BYTES_MAX, Publications, SharedPublisher
from worker.publisher import Publisher
from worker.records import Outgoing, place_of, size_of
from worker.rounds import Rounds
from worker.settings import Settings
from worker.storing import Part
from worker.visible import Key, Sought, key_of, true_marks

QUEUE_BATCHES = 2
"""Batches that wait in a lane before its partition is paused: enough to never wait for a fetch, little to hold."""

RECOVERED_AT_ONCE = 10_000
"""Of the lane log, while it is asked what of its outcomes was published: some 30,000 records."""

PARTNERS_MAX = 100
"""Partners that a lane remembers, those of its last batches."""

IDLE_SECONDS = 1.0
"""A lane without work notes after so long what it has published."""

SEEN_SECONDS_MAX = 1.5
"""So long a lane that closes waits for its last publication to be seen."""

log = structlog.get_logger(__name__)


class State(Enum):
    """What a lane is doing; only an open one is ready."""

    OPENING = "opening"
    OPEN = "open"
    CLOSED = "closed"


class Published(NamedTuple):
    """How far a lane is published, in one of its openings: the next offset, and its marks (LaneDocument)."""

    epoch: int
    offset: int
    marks: dict[str, int]


NOTHING = Published(0, 0, {})


class Lane:
    """The life of one lane on this worker, from assignment to revocation.

    Nothing in memory survives a reopening: documents, journal, the lane's document and the topics say it all.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        rules: Rules,
        store: Store,
        rounds: Rounds,
        publications: Publications,
        metrics: Metrics,
        commits: Commits,
        reach: Reach,
        consumer: AIOKafkaConsumer,
        partition: TopicPartition,
    ) -> None:
        self.partition = partition
        self.number: int = partition.partition
        self.state = State.OPENING
        self.cursor: Cursor | None = None
        self.recovered_to = NOT_BEGUN
        """Up to which offset an opening has come in asking what was published."""
        self._step = "fencing in Kafka"
        self._trouble: str | None = None
        self._doubt: str | None = None
        self._settings = settings
        self._rules = rules
        self._store = store
        self._rounds = rounds
        self._publications = publications
        self._metrics = metrics
        self._commits = commits
        self._reach = reach
        self._consumer = consumer
        self._queue: deque[ConsumerRecord] = deque()
        self._queue_bytes = 0
        self._arrived = asyncio.Event()
        self._closing = asyncio.Event()
        self._attempt = 0
        self._batch_records_max = settings.batch_records_max
        self._transactional_id = settings.transactional_id(self.number)
        self._publisher: Publisher | None = None
        self._shared: SharedPublisher | None = None
        self._session: object | None = None
        self._document: LaneDocument | None = None
        self._partners: dict[str, Partner] = {}
        self._acknowledged = NOTHING
        self._seen = NOTHING
        self._shown = asyncio.Event()
        self._recovered: dict[str, int] = {}
        self._begun = 0.0
        self._taken = 0
        self._log = log.bind(lane=self.number)

    # Feeding ------------------------------------------------------------------------------------------------------

    def put(self, records: Sequence[ConsumerRecord]) -> None:
        """Take records that passed the cursor. A full lane pauses its partition; no other lane waits for it."""
        self._queue.extend(records)
        self._queue_bytes += sum(map(size_of, records))
        self._arrived.set()
        if self._is_full(1.0):
            self._consumer.pause(self.partition)

    @property
    def next_offset(self) -> int | None:
        """The next offset to be decided and published; None while the lane is not open."""
        return self._acknowledged.offset if self.is_open else None

    @property
    def is_open(self) -> bool:
        """Whether it works: what it was when it began is settled."""
        return self.state is State.OPEN

    @property
    def acknowledged(self) -> Published:
        """Up to where Kafka says that it has what this lane published. It may still be taken away (`confirm`)."""
        return self._acknowledged

    @property
    def seen(self) -> Published:
        """Up to where a reader sees what this lane published: only that does it hold for published."""
        return self._seen

    @property
    def waiting_for(self) -> str | None:
        """What made a lane start again, or the step of its first opening; None while it is open."""
        return None if self.is_open else self._trouble or f"its opening, {self._step}"

    @property
    def failures(self) -> int:
        """How often it has started again, with no batch done since."""
        return self._attempt

    @property
    def waiting_records(self) -> int:
        """Records that arrived and are not decided."""
        return len(self._queue)

    def _is_full(self, share: float) -> bool:
        return (
            len(self._queue) >= share * QUEUE_BATCHES * self._settings.batch_records_max
            or self._queue_bytes >= share * QUEUE_BATCHES * self._settings.batch_bytes_max
        )

    # Running ------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Own the lane until it is closed or cancelled.

        Raises:
            StopWorker: what only an operator can mend. Any other exception is a defect; both end the process.
        """
        try:
            while not self._closing.is_set() and self.partition in self._consumer.assignment():
                try:
                    await self._open()
                    await self._work()
                except Exception as error:
                    fate = fate_of(error)
                    if fate is Fate.STOP:
                        raise
                    self._attempt += 1  # back to nothing when a batch is done, not when the lane is open again
                    self.state, self._trouble = (
                        State.OPENING,
                        f"{type(error).__name__} while {self._step}: {fate.value}",
                    )
                    pause = (
                        self._settings.heartbeat_seconds * 2 if fate is Fate.YIELD else backoff_seconds(self._attempt)
                    )
                    self._log.warning(
                        "lane starts again",
                        step=self._step,
                        error=describe(error),
                        fate=fate.name,
                        attempt=self._attempt,
                        pause_seconds=round(pause, 2),
                    )
                    self._metrics.reopened.labels(fate.name).inc()
                    await self._shut()
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(pause):
                            await self._closing.wait()
        finally:
            self.state = State.CLOSED
            await self._shut()

    def close(self) -> None:
        """Ask the lane to end after the batch that it is at."""
        self._closing.set()
        self._arrived.set()

    async def confirm(self, shown: Published) -> None:
        """Hold for published what was acknowledged up to there: nothing stands open below its marks.

        That alone does not say that a reader sees it. Where a broker had left out the markers of an acknowledged
        publication, and somebody has fenced the publisher in its next one, both were aborted. So it is asked for a sign
        of life first: who was not fenced until then has had nothing aborted.

        Raises:
            KafkaError, TimeoutError: it gives none.
        """
        new = dict(shown.marks.items() - self._seen.marks.items())
        if self._is_ahead(shown) and new:
            await self._shared_publisher.prove(place_of(min(new)))
        if self._is_ahead(shown):
            self._see(shown)

    def _is_ahead(self, published: Published) -> bool:
        return self.is_open and self._seen.epoch == published.epoch and self._seen.offset < published.offset

    @property
    def recovered(self) -> Mapping[str, int]:
        """The marks of what was published from the journal at its opening, by the producer of openings."""
        return self._recovered

    async def end_open(self, places: Iterable[tuple[TopicName, int]]) -> None:
        """End what the publisher of open lanes left open there; only where partitions take markers.

        Raises:
            KafkaError, TimeoutError: as SharedPublisher.settle.
        """
        await self._shared_publisher.settle(places)

    def doubt(self, why: str) -> None:
        """Ask the lane to start again after the batch that it is at: what it has published is not seen."""
        if self.is_open:
            self._doubt = why
            self._arrived.set()

    # Opening ------------------------------------------------------------------------------------------------------

    async def _open(self) -> None:
        self.state, self.cursor = State.OPENING, None
        self._pause()
        self._doubt = None  # this is what it asks for
        self._queue.clear()
        self._queue_bytes = 0
        self._partners.clear()  # another owner may have written them
        # Fence in Kafka first: from here on nobody else opens this lane. Then fence in MongoDB.
        self._step = "fencing in Kafka"
        self._publisher = Publisher(self._settings, self._rules.secrets, self._transactional_id)
        await self._publisher.start()
        self._shared = await self._publications.current()
        self._step = "fencing in MongoDB"
        self._session = await self._store.start_session()
        sessions = (self._session, await self._rounds.session())
        document = await self._store.open_lane(self.number, sessions, self._transactional_id)

        self._step = "asking how far it was published"
        async with asyncio.timeout(self._settings.request_timeout_seconds):
            reader = make_reader(self._settings, "read_uncommitted")
            try:
                await start_client(reader)
                committed = await self._consumer.committed(self.partition)
                if document.stored == NOT_BEGUN and committed is None:
                    first = (await reader.beginning_offsets([self.partition]))[self.partition]
                    document = await self._store.start_at(document, first)
                if committed is not None and committed > document.stored:
                    await self._store.check_owner(document)  # a later owner may have come to there meanwhile
                    msg = (
                        f"lane {self.number}: Kafka says that everything below {committed} was published, but MongoDB "
                        f"has stored only up to {max(0, document.stored)}. MongoDB has lost something (a restored "
                        "backup? another database?), or the group's offset was set by hand. Bring the two together "
                        "before you start again."
                    )
                    raise StopWorker(msg)
                await check_start(reader, self.partition, document.stored, f"lane {self.number}", self._reach)
                document = replace(document, marks=await true_marks(self._settings, reader, document.marks))
            finally:
                await stop_client(reader)

        # Below the document's `published` all is out, whatever happened to the group's offsets; above it some may be.
        self._step = "publishing what is not published"
        document, marks = await self._recover(document, committed or 0)
        self._recovered = marks
        self._acknowledged = Published(document.epoch, document.stored, document.marks | marks)
        self._seen = Published(document.epoch, document.published, document.marks) if marks else self._acknowledged
        self._step = "noting what is published"
        self._document = await self._store.note_published(document, self._seen.offset, self._seen.marks)
        if not marks:  # else some is not seen yet, and the group may know of more that is than the document does
            self._see(self._acknowledged)
        await self._close_publisher()  # from here on the shared one
        self.cursor = Cursor(document.stored)
        self._consumer.seek(self.partition, document.stored)
        if not self._closing.is_set():
            self._consumer.resume(self.partition)
        self.state, self._trouble, self._step = State.OPEN, None, "working"
        self._log.info("lane is open", epoch=document.epoch, next_offset=document.stored, published=document.published)

    async def _recover(self, document: LaneDocument, committed: int) -> tuple[LaneDocument, dict[str, int]]:
        """Publish what a crash left, in log order, before anything is decided. Returns the marks of that.

        There may be much of it, where publications were hidden for long: it is gone through part by part, and what is
        found there is noted, so that an opening that does not come to its end was not for nothing.
        """
        first, stored = document.published, document.stored
        ended = {place_of(mark) for mark in document.marks}
        await self._end_open(document, ended)
        marks: dict[str, int] = {}
        for start in range(first, stored, RECOVERED_AT_ONCE):
            self.recovered_to, end = start, min(start + RECOVERED_AT_ONCE, stored)
            sought = Sought(self._settings, self._rules.secrets, committed)
            await sought.add(self._store.unpublished(self.number, start, end))
            if places := sought.places - ended:
                await self._end_open(document, places)
                ended |= places
            if missing := await sought.missing(document.marks, self._own_publisher.end_open):
                marks |= await self._publish_missing(missing, start, end)
            if not marks and end < stored:  # else not all below it is seen yet
                document = await self._store.note_published(document, end, document.marks)
        # By now nothing is hidden of what the former ones published for this lane: it would have been waited for. Not
        # before: an opening that comes to nothing, again and again, would leave an id each time.
        working = (self._transactional_id, self._shared_publisher.id)
        if set(document.producers) != set(working):
            await self._store.note_producers(document, working)
        return document, marks

    async def _publish_missing(self, missing: dict[Key, int], start: int, end: int) -> dict[str, int]:
        """Of what was decided from one offset of the lane log up to another, what is missing, by its key.

        The journal is read once more for it, and may have less by now: what a purge took (decision 0011) stays away.
        """
        # By the lane's own: what a broker does not take must not hold other lanes.
        marks: dict[str, int] = {}
        records: list[Outgoing] = []
        count = size = 0
        async for entry in self._store.unpublished(self.number, start, end):
            for record in records_of(entry):
                key = key_of(record, self._rules.secrets)
                if not missing.get(key):
                    continue
                missing[key] -= 1
                if size > TRANSACTION_BYTES_MAX:
                    marks |= await self._own_publisher.publish(records)
                    records, size = [], 0
                records.append(record)
                count += 1
                size += len(record.value or b"")
        marks |= await self._own_publisher.publish(records)
        self._metrics.recoveries.inc()
        self._log.info("published from the journal", records=count, next_offset=end)
        return marks

    async def _end_open(self, document: LaneDocument, places: Iterable[tuple[TopicName, int]]) -> None:
        """Fence who published for this lane, and end what they left open."""
        places = list(places)
        shared = self._shared_publisher
        await self._own_publisher.end_open(places)  # first: who was fenced meanwhile must hurt nobody
        formers = [producer for producer in document.producers if producer not in (self._transactional_id, shared.id)]
        await asyncio.gather(*(self._publications.end(producer, places) for producer in formers))
        if self._acknowledged is not NOTHING:
            # What this lane gave the shared one, when it was open before, has ended after that, and stays hidden
            # nowhere. Its own first, once more: it begins when these partitions have taken the markers of its first
            # time. One that does not would hold every lane.
            await self._own_publisher.end_open(places)
            await shared.settle(places)

    def _pause(self) -> None:
        if self.partition in self._consumer.assignment():
            self._consumer.pause(self.partition)

    async def _shut(self) -> None:
        session, self._session = self._session, None
        self.cursor, self._shared = None, None
        await self._close_publisher()
        if session is not None:
            await self._store.end_session(session)

    async def _close_publisher(self) -> None:
        publisher, self._publisher = self._publisher, None
        if publisher is not None:
            await publisher.stop()

    # Working ------------------------------------------------------------------------------------------------------

    async def _work(self) -> None:
        """Batch after batch. While one is published the next is decided and stored; they go out in their order."""
        publishing: asyncio.Task[None] | None = None
        try:
            while True:
                if self._doubt is not None:
                    doubt, self._doubt = self._doubt, None
                    raise TimeoutError(doubt)
                self._shared_publisher.check()
                ready = await self._arrival(publishing)
                idle = publishing is None
                if publishing is not None and (not ready or publishing.done()):
                    await publishing
                    publishing = None
                if ready:
                    result = await self._store_or_halve()
                    if result is None:
                        continue
                    self._forget(result.lane.stored)
                    if publishing is not None:
                        await publishing
                    publishing = asyncio.create_task(self._publish_stored(result, monotonic_seconds() - self._begun))
                elif self._closing.is_set():
                    await self._be_seen()
                    await self._note_published()
                    return
                elif idle:
                    await self._note_published()
        finally:
            if publishing is not None:
                await cancel([publishing])  # what it leaves, the next opening publishes

    async def _arrival(self, publishing: asyncio.Task[None] | None) -> bool:
        """Whether there are records to decide.

        False: idle for a while, closing, or none came before `publishing` was done.
        """
        if not self._queue and not self._closing.is_set():
            self._arrived.clear()
            arrived = asyncio.ensure_future(self._arrived.wait())
            events = {arrived} if publishing is None else {arrived, publishing}
            try:
                await asyncio.wait(events, timeout=IDLE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            finally:
                arrived.cancel()
        return bool(self._queue) and not self._closing.is_set()

    def _next_batch(self, records_max: int) -> list[ConsumerRecord]:
        """The next records by number and bytes, left in the queue until they are stored."""
        batch: list[ConsumerRecord] = []
        size = 0
        for record in islice(self._queue, records_max):
            size += size_of(record)
            if batch and size > self._settings.batch_bytes_max:
                break
            batch.append(record)
        return batch

    def _forget(self, stored: int) -> None:
        was_full = self._is_full(0.5)
        while self._queue and self._queue[0].offset < stored:
            self._queue_bytes -= size_of(self._queue.popleft())
        if was_full and not self._is_full(0.5) and not self._closing.is_set():
            self._consumer.resume(self.partition)

    async def _store_or_halve(self) -> Result | None:
        """Store a batch; or nothing of it, and half as many the next time, until the culprit is alone."""
        try:
            # A lane in trouble goes alone until it has published something: others must not have it too.
            alone = self._attempt > 0 or self._batch_records_max < self._settings.batch_records_max
            stored = await self._rounds.store(len(self._queue), self._batch_records_max, self._take, alone=alone)
        except Exception as error:
            if self._taken == 1 or fate_of(error) is not Fate.HALVE:
                raise
            self._batch_records_max = self._taken // 2
            self._metrics.halved.inc()
            self._log.info("batch halved", error=describe(error), records=self._taken)
            return None
        self._document = stored.result.lane
        self._remember(stored.partners)
        return stored.result

    def _take(self, records_max: int) -> Part:
        """What is to be decided next, when its time has come: what arrived while the lane waited goes with it."""
        document, session = self._document, self._session
        if document is None or session is None:
            msg = "a lane that is not open stores nothing"
            raise RuntimeError(msg)
        items = run_of_a_kind([decode(record, self._rules.secrets) for record in self._next_batch(records_max)])
        self._begun, self._taken = monotonic_seconds(), len(items)
        document = replace(document, published=self._seen.offset, marks=self._seen.marks)
        part = Part(document, session, items, self._partners)
        if part.has_orders:
            self._partners.clear()  # what orders do to them is not followed
        return part

    def _remember(self, partners: Mapping[str, Partner]) -> None:
        """Partners as they are stored now. Only this lane writes them, so the next batch need not read them again."""
        for key, partner in partners.items():
            self._partners.pop(key, None)
            self._partners[key] = partner
        for key in list(islice(self._partners, max(0, len(self._partners) - PARTNERS_MAX))):
            del self._partners[key]

    async def _publish_stored(self, result: Result, store_seconds: float) -> None:
        started = monotonic_seconds()
        marks = await self._shared_publisher.publish(result.records)
        former = self._acknowledged
        self._acknowledged = Published(former.epoch, result.lane.stored, former.marks | marks)
        self._attempt = 0
        self._batch_records_max = min(self._settings.batch_records_max, self._batch_records_max * 2)
        self._metrics.batch(result.outcomes, store_seconds, monotonic_seconds() - started)
        for letter in result.buried:
            self._log.warning("dead letter", **letter)

    def _see(self, published: Published) -> None:
        """Below it all is decided and published."""
        self._seen = published
        self._shown.set()
        self._commits.note({self.partition: published.offset})

    @property
    def _own_publisher(self) -> Publisher:
        if self._publisher is None:
            msg = "a lane that is not opening publishes nothing of its own"
            raise RuntimeError(msg)
        return self._publisher

    @property
    def _shared_publisher(self) -> SharedPublisher:
        if self._shared is None:
            msg = "a lane that is not open publishes nothing"
            raise RuntimeError(msg)
        return self._shared

    async def _be_seen(self) -> None:
        """Wait a moment for the look after the last publication, so that the next opening need not ask the topics."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(SEEN_SECONDS_MAX, self._settings.lane_close_seconds / 2)):
                while self._seen.offset < self._acknowledged.offset:
                    self._shown.clear()
                    await self._shown.wait()

    async def _note_published(self) -> None:
        document = self._document
        if document is not None and document.published < self._seen.offset:
            self._document = await self._store.note_published(document, self._seen.offset, self._seen.marks)

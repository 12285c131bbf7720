"""P4, second half: the event topics hold what the journal holds, in order, nothing twice, nothing unknown.

A lane writes to one partition of each topic, several lanes may share it, and each lane's records stand there in the
lane's order. So a partition is read once from its start to its end, beside the journal of its lanes: a record is the
next one of a lane, or something is wrong with it. Below a topic's log start, and above what the lanes say that they
have published, nothing is judged.
"""

from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from contracts.topics import TOPICS, TopicName
from worker.clock import from_milliseconds, monotonic_seconds
from worker.journal import digest_of_value
from worker.mongo.collections import LANES
from worker.operate.access import Access
from worker.operate.errors import CannotOperate
from worker.operate.verify.expected import Expected, LaneRecords, first_after, look_up, without_token
from worker.operate.verify.report import Kind, Progress, Report
from worker.secrets import Secrets
from worker.visible import CLOCKS_DIFFER_MS_MAX

PUBLISHED_TOPICS = tuple(name for name, row in TOPICS.items() if row.producer == "worker (lanes)")
"""What only the lanes write: events, refusals and dead letters."""

REPUBLISHED_HEADER = "republished"
"""On a record that an operator asked to be put there again."""

RECORDS_AT_ONCE = 2000
PENDING_MAX = 10_000
"""Records of a lane that were passed over and may still come. Beyond that they are told as missing at once."""

NOTHING_COMES_SECONDS = 60
"""So long an open transaction may hold a topic back; Kafka ends one sooner."""


async def verify_topics(
    access: Access, report: Report, progress: Progress, topics: Collection[TopicName] = PUBLISHED_TOPICS
) -> None:
    """Walk over these topics beside the journal."""
    secrets = access.secrets if access.has_secret else None
    # First what was published, then where the topics end: what is below the one must be below the other.
    published = {lane["_id"]: lane["published"] async for lane in access.db[LANES].find({}, {"published": 1})}
    async with access.reader() as reader, access.reader("read_uncommitted") as end_reader:
        ranges = await _ranges(access, end_reader, topics)
        total = sum(end - start for _, _, start, end in ranges)
        seen = 0
        for topic, partition, start, end in ranges:
            count = ranges_count(ranges, topic)
            lanes = {lane: at for lane, at in published.items() if lane % count == partition.partition}
            walk = _Walk(access.db, report, topic, partition, secrets)
            await walk.begin(lanes, start)
            try:
                async for records in _records(reader, partition, start, end):
                    for record in records:
                        await walk.take(record)
                    progress(str(topic), seen + records[-1].offset - start, total)
                await walk.end()
            finally:
                await walk.close()
            seen += end - start
    progress("topics", total, total)


def ranges_count(ranges: list[tuple[TopicName, TopicPartition, int, int]], topic: TopicName) -> int:
    """How many partitions a topic has."""
    return sum(name is topic for name, *_ in ranges)


async def _ranges(
    access: Access, reader: AIOKafkaConsumer, topics: Collection[TopicName]
) -> list[tuple[TopicName, TopicPartition, int, int]]:
    """Each partition with its start and end. The end of what is written: what is open there is waited for."""
    found = []
    counts = await access.partition_counts(topics)
    for topic in topics:
        partitions = [TopicPartition(access.settings.topic(topic), number) for number in range(counts[topic])]
        starts, ends = await reader.beginning_offsets(partitions), await reader.end_offsets(partitions)
        found += [(topic, partition, starts[partition], ends[partition]) for partition in partitions]
    return found


async def _records(
    reader: AIOKafkaConsumer, partition: TopicPartition, start: int, end: int
) -> AsyncIterator[list[ConsumerRecord]]:
    """What a `read_committed` consumer sees between two offsets."""
    reader.assign([partition])
    reader.seek(partition, start)
    position, moved = start, monotonic_seconds()
    while position < end:
        batches = await reader.getmany(partition, timeout_ms=1000, max_records=RECORDS_AT_ONCE)
        for records in batches.values():
            yield [record for record in records if record.offset < end]
        before, position = position, await reader.position(partition)
        if position != before:
            moved = monotonic_seconds()
        elif monotonic_seconds() > moved + NOTHING_COMES_SECONDS:
            msg = (
                f"{partition.topic}[{partition.partition}] cannot be read beyond {position} of {end}: a transaction is "
                "open there. Look with kafka-transactions.sh, and abort it if its producer is gone."
            )
            raise CannotOperate(msg)


@dataclass(slots=True)
class _Walk:
    """One partition of one topic beside the journal of its lanes."""

    db: Any
    report: Report
    topic: TopicName
    partition: TopicPartition
    secrets: Secrets | None
    lanes: dict[int, LaneRecords] = field(default_factory=dict)
    last: LaneRecords | None = None
    """The lane of the record before: a transaction's records are of one lane."""
    since_ms: int | None = None
    """Append time of the first record that is left, where earlier ones are gone."""

    async def begin(self, published: dict[int, int], start: int) -> None:
        """With nothing gone, from each lane's first entry on; else each lane's start is found as it comes."""
        for lane, at in published.items():
            self.lanes[lane] = LaneRecords(self.db, self.topic, lane, at, self.secrets, begun=start == 0)
            if start == 0:
                await self.lanes[lane].seek(0)

    async def take(self, record: ConsumerRecord) -> None:
        """The next record of the partition."""
        self.report.records += 1
        if self.since_ms is None:
            await self._find_starts(record.timestamp)
        if self.last is not None and self._is(record, self.last.head):
            lane: LaneRecords | None = self.last
        else:
            lane = next((lane for lane in self.lanes.values() if self._is(record, lane.head)), None)
        if lane is not None:
            self.last, lane.begun = lane, True
            await lane.advance()
        else:
            await self._explain(record)

    async def _find_starts(self, since_ms: int) -> None:
        self.since_ms = since_ms
        since = from_milliseconds(since_ms) + timedelta(milliseconds=CLOCKS_DIFFER_MS_MAX)
        for lane in self.lanes.values():
            if not lane.begun:  # what was decided after the first record that is left was also published after it
                await lane.seek(await first_after(self.db, lane.lane, max(0, lane.published), since))

    async def _explain(self, record: ConsumerRecord) -> None:
        """It is not the next of any lane: what is it?"""
        place = f"{self.topic}[{record.partition}]@{record.offset}"
        found = await look_up(self.db, self.topic, record.value, record.headers, self.secrets)
        lane = self.lanes.get(found[0]) if found else None
        if found is None:
            self.report.differ(Kind.RECORD_UNKNOWN, place, None, "an entry of the journal", record.value or b"")
            return
        expected = found[1]
        if lane is None:
            there = f"the partition of lane {found[0]}"
            self.report.differ(Kind.RECORD_UNKNOWN, place, expected.entry, there, f"partition {record.partition}")
            return
        if not lane.begun:  # the first of its lane that is left
            lane.begun = True
            if lane.head is None or expected.place < lane.head.place:
                await lane.seek(expected.place[0])
                while lane.head is not None and lane.head.place < expected.place:  # gone with the ones before
                    await lane.advance()
        await self._place(record, place, lane, expected)

    async def _place(self, record: ConsumerRecord, place: str, lane: LaneRecords, expected: Expected) -> None:
        while lane.head is not None and lane.head.place < expected.place:
            if lane.is_due():
                self._pass_over(lane, lane.head)
            await lane.advance()
        asked_for = any(name == REPUBLISHED_HEADER for name, _ in record.headers)
        if lane.head is not None and lane.head.place == expected.place:
            await lane.advance()
        elif expected.place in lane.pending:
            del lane.pending[expected.place]
            if not asked_for:
                self.report.differ(Kind.RECORD_LATE, place, expected.entry, "in its lane's order", "behind later ones")
        elif expected.place[0] >= lane.published:
            return  # decided since, and nothing to judge by yet
        elif not asked_for:
            self.report.differ(Kind.RECORD_TWICE, place, expected.entry, "once", "again")
        self.report.repeats_asked_for += asked_for
        if not self._is(record, expected):
            self._differs(record, place, expected)

    def _pass_over(self, lane: LaneRecords, expected: Expected) -> None:
        lane.pending[expected.place] = expected
        if len(lane.pending) > PENDING_MAX:
            first = next(iter(lane.pending))
            self._missing(lane.pending.pop(first))

    async def end(self) -> None:
        """At the end of the partition: what should have come and did not?"""
        if self.since_ms is None and not all(lane.begun for lane in self.lanes.values()):
            return  # everything is gone by retention
        for lane in self.lanes.values():
            for expected in lane.pending.values():
                self._missing(expected)
            while lane.is_due() and lane.head is not None:
                self._missing(lane.head)
                await lane.advance()

    async def close(self) -> None:
        """Give the cursors back."""
        for lane in self.lanes.values():
            await lane.close()

    # Comparing ----------------------------------------------------------------------------------------------------

    def _is(self, record: ConsumerRecord, expected: Expected | None) -> bool:
        if expected is None or not self._same_value(record.value, expected):
            return False
        if expected.digest is not None and self.topic is TopicName.DEAD_LETTERS:
            return set(expected.headers) <= set(record.headers)  # the producer's own, and its key, are redacted
        if record.key != expected.key:
            return False
        # Tuples of (name, bytes) on both sides; what republish adds is not part of the record.
        return record.headers == expected.headers or self._own(record) == expected.headers

    @staticmethod
    def _own(record: ConsumerRecord) -> tuple[tuple[str, bytes | None], ...]:
        return tuple(header for header in record.headers if header[0] != REPUBLISHED_HEADER)

    def _same_value(self, value: bytes | None, expected: Expected) -> bool:
        if expected.digest is not None:
            return digest_of_value(value) == expected.digest
        if expected.has_token and self.secrets is None:
            return without_token(value) == expected.value
        return value == expected.value

    def _missing(self, expected: Expected) -> None:
        place = f"{self.topic}[{self.partition.partition}]"
        self.report.differ(Kind.RECORD_MISSING, place, expected.entry, expected.value or b"", "nothing")

    def _differs(self, record: ConsumerRecord, place: str, expected: Expected) -> None:
        if record.key != expected.key:
            was, now = expected.key, record.key
        elif not self._same_value(record.value, expected):
            was, now = expected.value, record.value
        else:
            was, now = str(expected.headers).encode(), str(self._own(record)).encode()
        self.report.differ(Kind.RECORD_DIFFERS, place, expected.entry, was or b"", now or b"")

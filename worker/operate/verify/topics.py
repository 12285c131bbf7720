"""P4, second half: the event topics hold what the journal holds, in order, nothing twice, nothing unknown.

A lane writes to one partition of each topic, several lanes may share it, and each lane's records stand there in the
lane's order. So a partition is read once from its start to its end, beside the journal of its lanes: a record is the
next one of a lane, or something is wrong with it. Below a topic's log start, before its retention, and above what the
lanes say that they have published, nothing is judged.
"""

from collections.abc import AsyncIterator, Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from contracts.topics import TOPICS, TopicName
from worker.clock import monotonic_seconds, utc_now
from worker.mongo.collections import LANES
from worker.operate.access import Access
from worker.operate.errors import CannotOperate
from worker.operate.verify.expected import Place
from worker.operate.verify.report import Kind, Progress, Report
from worker.operate.verify.walk import Missing, Walk

PUBLISHED_TOPICS = tuple(name for name, row in TOPICS.items() if row.producer == "worker (lanes)")
"""What only the lanes write: events, refusals and dead letters."""

RECORDS_AT_ONCE = 2000
NOTHING_COMES_SECONDS = 60
"""So long an open transaction may hold a topic back; Kafka ends one sooner."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What `republish` looks at, and what it wants to know."""

    missing: Callable[[Missing], None]
    """Told of each record that its topic lacks, in the order of its lane."""
    partitions: Callable[[TopicName, int, int], bool] = lambda _topic, _number, _count: True
    """Whether to look at a partition of a topic that has so many."""
    expired: bool = False
    """Also what the log start and the retention took."""
    judged: Callable[[TopicName, int, Place | None], None] = lambda _topic, _lane, _first: None
    """Told of each lane from where on its records on a topic were judged; None: none were."""
    cut: Callable[[TopicName, int], None] = lambda _topic, _partition: None
    """Told of each partition that has lost its beginning."""


async def verify_topics(
    access: Access,
    report: Report,
    progress: Progress,
    topics: Collection[TopicName] = PUBLISHED_TOPICS,
    scope: Scope | None = None,
) -> None:
    """Walk over these topics beside the journal. With a scope, only what it asks for is told of missing records."""
    asked = scope or Scope(lambda missing: _tell(report, missing))
    secrets = access.secrets if access.has_secret else None
    # First what was published, then where the topics end: what is below the one must be below the other.
    published = {lane["_id"]: lane["published"] async for lane in access.db[LANES].find({}, {"published": 1})}
    kept_since = {} if asked.expired else await _kept_since(access, topics)
    async with access.reader() as reader, access.reader("read_uncommitted") as end_reader:
        ranges = await _ranges(access, end_reader, topics)
        counts = {topic: ranges_count(ranges, topic) for topic in topics}
        ranges = [each for each in ranges if asked.partitions(each[0], each[1].partition, counts[each[0]])]
        total = sum(end - start for _, _, start, end in ranges)
        seen = 0
        for topic, partition, start, end in ranges:
            lanes = {lane: at for lane, at in published.items() if lane % counts[topic] == partition.partition}
            walk = Walk(access.db, report, topic, partition, secrets, kept_since.get(topic), asked.missing)
            if start > 0:
                asked.cut(topic, partition.partition)
            await walk.begin(lanes, from_first=start == 0 or asked.expired)
            try:
                async for records in _records(reader, partition, start, end):
                    for record in records:
                        await walk.take(record)
                    progress(str(topic), seen + records[-1].offset - start, total)
                await walk.end()
            finally:
                await walk.close()
            for lane, beside in walk.lanes.items():
                asked.judged(topic, lane, beside.first)
            seen += end - start
    progress("topics", total, total)


def _tell(report: Report, missing: Missing) -> None:
    if missing.expired:
        report.expired += 1
        return
    expected = missing.expected
    place = f"{missing.topic}[{missing.partition}]"
    report.differ(Kind.RECORD_MISSING, place, expected.entry, expected.value or b"", "nothing")


async def _kept_since(access: Access, topics: Collection[TopicName]) -> dict[TopicName, datetime]:
    """What was published before these times may be gone by retention, whether the topic still begins at 0 or not."""
    names = {access.settings.topic(topic): topic for topic in topics}
    found: dict[TopicName, datetime] = {}
    async with access.admin() as admin:
        answers = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name) for name in names])
    for code, _, _, name, entries in (resource for answer in answers for resource in answer.resources):
        retention_ms = int(next((entry[1] for entry in entries if entry[0] == "retention.ms"), -1))
        if not code and retention_ms >= 0:  # whose configuration this user may not see is taken to keep for ever
            found[names[name]] = utc_now() - timedelta(milliseconds=retention_ms)
    return found


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

"""What was published? The topics themselves are asked, whenever a crash left batches that may have gone out or not.

Kafka's committed offset cannot say: it follows some time after the events, somebody may have deleted or set it, and a
broker that was killed and started again was seen to answer with an older one. It is believed in one case only: where
the topic has lost, by its retention, what would be looked at.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition

from contracts.topics import TopicName
from worker.clock import monotonic_seconds, to_milliseconds
from worker.encode import as_published, without_token
from worker.journal import records_of
from worker.kafka import make_reader, start_client, stop_client
from worker.records import EDITED_FROM_HEADER, REPUBLISHED_HEADER, Headers, Outgoing, header, mark_of, place_of
from worker.secrets import Secrets
from worker.settings import Settings

CLOCKS_DIFFER_MS_MAX = 600_000
"""An event is appended after its command was; by how much brokers' clocks may differ is allowed for."""

MARKER_SECONDS = 0.01
"""A transaction is answered before its markers are written: by then most are, and the pauses double from there on."""

MARKER_SECONDS_MAX = 1.0
"""A marker that was not seen for this long is written once more, and who leads is asked afresh."""

log = structlog.get_logger(__name__)

Key = tuple[str, bytes]
"""The name of a record's partition (`mark_of`), and its digest."""

Wanted = dict[bytes, list[int]]
"""A record, by its digest → its numbers among all that are looked for."""

WriteMarkers = Callable[[Iterable[tuple[TopicName, int]]], Awaitable[None]]
"""Publisher.end_open."""

TELLING_HEADERS = ("dead-letter-id", "dead-letter-reason", REPUBLISHED_HEADER, EDITED_FROM_HEADER)


async def true_marks(settings: Settings, reader: AIOKafkaConsumer, marks: Mapping[str, int]) -> dict[str, int]:
    """The marks without those that reach beyond the end of their partition: that topic was made anew.

    The reader is one that reads what is not committed, so that an open transaction does not look like an end.
    """
    places = {mark: TopicPartition(settings.topic(topic), n) for mark in marks for topic, n in [place_of(mark)]}
    topics = await reader.topics()
    there = {mark: place for mark, place in places.items() if place.topic in topics}
    ends = await reader.end_offsets(list(there.values())) if there else {}
    return {mark: marks[mark] for mark, place in there.items() if marks[mark] <= ends[place]}


class Sought:
    """Records of the journal that may be on their topics or not: of each some 250 bytes are held."""

    def __init__(self, settings: Settings, secrets: Secrets, committed: int) -> None:
        """`committed` is the group's offset in the lane log."""
        self.places: set[tuple[TopicName, int]] = set()
        self._settings = settings
        self._secrets = secrets
        self._committed = committed
        self._count = self._said = 0
        """How many there are, and how many of them, the first ones, Kafka says were published."""
        self._wanted: dict[TopicPartition, Wanted] = {}
        self._since: dict[TopicPartition, datetime] = {}

    async def add(self, entries: AsyncIterator[dict[str, Any]]) -> None:
        """The records of these journal entries, which come in log order."""
        async for entry in entries:
            for record in records_of(entry):
                partition = TopicPartition(self._settings.topic(record.topic), record.partition)
                self.places.add((record.topic, record.partition))
                _, digest = key_of(record, self._secrets)
                self._wanted.setdefault(partition, {}).setdefault(digest, []).append(self._count)
                self._since.setdefault(partition, entry["at"])
                self._count += 1
            if entry["offset"] < self._committed:
                self._said = self._count

    async def missing(self, marks: Mapping[str, int], write_markers: WriteMarkers) -> dict[Key, int]:
        """Those that are not there: how often each is missing, by its key. Who published them is fenced by now.

        `marks` are the offsets at which the lane's publications before these ended. Where that is long ago (on another
        lane's log, to which this one seldom says something) the time says where to begin, and what is not found from
        there on is looked for from the marks on after all. Each record is looked for: of a transaction whose markers a
        broker left out (publisher.py) some may be there and others not.

        Raises:
            KafkaError, TimeoutError: Kafka is away, a transaction stays open in front of what is to be read, or an end
                is only known from a broker that may be cut off from the others.
        """
        if not self._wanted:
            return {}
        settings = self._settings
        places = {TopicPartition(settings.topic(topic), n): mark_of(topic, n) for topic, n in self.places}
        reader, end_reader = make_reader(settings), make_reader(settings, "read_uncommitted")
        try:
            await start_client(reader)
            await start_client(end_reader)
            # To the end of what is written, not of what is visible yet: a transaction that is still open there, of
            # ours or of another lane, is waited for.
            ends = await _moved_ends(settings, end_reader, places, write_markers)
            for partition, wanted in self._wanted.items():
                end = ends[partition]
                mark, at = marks.get(places[partition]), self._since[partition]
                first, begins_late = await _start(reader, end_reader, partition, end, mark, at)
                start, _ = await _start(reader, end_reader, partition, end, mark, at, by_time=True)
                await _strike_out(settings, reader, partition, start, end, wanted)
                if wanted and first < start:  # a broker's clock that jumped ahead takes a lane's time along
                    await _strike_out(settings, reader, partition, first, min(start, end), wanted)
                if begins_late:
                    for numbers in wanted.values():
                        numbers[:] = [number for number in numbers if number >= self._said]
        finally:
            await stop_client(reader)
            await stop_client(end_reader)
        missing = {
            (places[partition], digest): len(numbers)
            for partition, wanted in self._wanted.items()
            for digest, numbers in wanted.items()
            if numbers
        }
        log.info("asked the topics", records=self._count, missing=sum(missing.values()))
        return missing


def key_of(record: Outgoing, secrets: Secrets) -> Key:
    """By which a record is known from all others, wherever they stand.

    Without its token where the secret is not known (any more) with which that was made.
    """
    value, _ = as_published(record, secrets)
    return mark_of(record.topic, record.partition), _digest(record.key, value, record.headers)


async def _moved_ends(
    settings: Settings, end_reader: AIOKafkaConsumer, places: Mapping[TopicPartition, str], write_markers: WriteMarkers
) -> dict[TopicPartition, int]:
    """Where these partitions end, by brokers that lead them by now.

    One that the others do not hear any more leads on in its own eyes, and answers with the ends of then; what its
    successor has taken since would not be looked for. Its ends stand still: without the others it commits nothing, and
    its controller's word, without which it could go on alone, does not reach it. So a marker is written in each
    partition, and an end is believed when it is beyond what was said before.

    Raises:
        KafkaError, TimeoutError: Kafka is away, or an end does not move.
    """
    before: dict[TopicPartition, int] = await end_reader.end_offsets(list(places))
    await write_markers(place_of(mark) for mark in places.values())
    ends: dict[TopicPartition, int] = await end_reader.end_offsets(list(places))
    since, pause = monotonic_seconds(), MARKER_SECONDS
    while behind := [partition for partition in places if ends[partition] <= before[partition]]:
        if monotonic_seconds() - since > settings.request_timeout_seconds:
            first = behind[0]
            msg = (
                f"{first.topic}[{first.partition}] is said to end at {ends[first]}, and before a marker was written "
                f"there it was {before[first]}: the broker that says so may be cut off from the others"
            )
            raise TimeoutError(msg)
        await asyncio.sleep(pause)
        pause *= 2
        if pause > MARKER_SECONDS_MAX:
            await write_markers(place_of(places[partition]) for partition in behind)
            end_reader._client.force_metadata_update()  # the next question waits for it  # noqa: SLF001
            pause = MARKER_SECONDS
        ends |= await end_reader.end_offsets(behind)
    return ends


async def _start(
    reader: AIOKafkaConsumer,
    end_reader: AIOKafkaConsumer,
    partition: TopicPartition,
    end: int,
    mark: int | None,
    at: datetime,
    *,
    by_time: bool = False,
) -> tuple[int, bool]:
    """Where to begin to look for what was decided at that time or later, and behind the mark.

    And whether the partition begins so late that what was published may be gone.
    """
    beginning: int = (await reader.beginning_offsets([partition]))[partition]
    since, begins_late = mark or 0, mark is not None and mark < beginning
    if mark is None or by_time:
        at_ms = max(0, to_milliseconds(at) - CLOCKS_DIFFER_MS_MAX)
        # Also of what is hidden still: to a `read_committed` reader it is as if there were nothing from there on.
        found = (await end_reader.offsets_for_times({partition: at_ms}))[partition]
        offset: int = end if found is None else found.offset
        if mark is None:
            begins_late = offset <= beginning > 0
            if found is None:  # by a clock that ran ahead, or a broker that is behind: nothing else says where to begin
                offset = beginning
        since = max(since, offset)
    return max(beginning, since), begins_late


async def _strike_out(
    settings: Settings,
    reader: AIOKafkaConsumer,
    partition: TopicPartition,
    start: int,
    end: int,
    wanted: Wanted,
) -> None:
    """Take out of `wanted` what a `read_committed` consumer sees from `start` on, below `end`."""
    reader.assign([partition])
    reader.seek(partition, start)
    patience = settings.open_transaction_seconds
    is_notices = partition.topic == settings.topic(TopicName.NOTICE_EVENTS)
    position, moved = -1, monotonic_seconds()
    while wanted and (now_at := await reader.position(partition)) < end:
        if now_at > position:
            position, moved = now_at, monotonic_seconds()
        elif monotonic_seconds() - moved > patience:
            msg = f"a transaction stays open on {partition.topic}[{partition.partition}] at offset {position}"
            raise TimeoutError(msg)
        async with asyncio.timeout(settings.request_timeout_seconds):
            batches = await reader.getmany(partition, timeout_ms=1000)
        for records in batches.values():
            for seen in records:
                if seen.offset >= end:  # looked through before
                    break
                told = _digest(seen.key, seen.value, seen.headers)
                if told not in wanted and is_notices:  # its secret may not be known any more
                    told = _digest(seen.key, without_token(seen.value), seen.headers)
                if numbers := wanted.get(told):
                    numbers.pop(0)
                    if not numbers:
                        del wanted[told]


def _digest(key: bytes | None, value: bytes | None, headers: Headers) -> bytes:
    """16 bytes that tell a record from all others: of key, value, and the headers that tell two of one value apart."""
    digest = hashlib.blake2b(digest_size=16)
    for part in (key, value, *(header(headers, name) for name in TELLING_HEADERS)):
        digest.update(b"-" if part is None else b"%d:" % len(part))
        digest.update(part or b"")
    return digest.digest()

"""What was published? The topics themselves are asked, whenever a crash left batches that may have gone out or not.

Kafka's committed offset cannot say: it follows some time after the events, somebody may have deleted or set it, and a
broker that was killed and started again was seen to answer with an older one. It is believed in one case only: where
the topic has lost, by its retention, what would be looked at.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition

from worker.clock import monotonic_seconds, to_milliseconds
from worker.encode import with_token
from worker.journal import records_of
from worker.kafka import make_reader, start_client, stop_client
from worker.records import REPUBLISHED_HEADER, Headers, header, mark_of, place_of
from worker.secrets import Secrets
from worker.settings import Settings

CLOCKS_DIFFER_MS_MAX = 600_000
"""An event is appended after its command was; by how much brokers' clocks may differ is allowed for."""

log = structlog.get_logger(__name__)

Wanted = dict[bytes, list[int]]
"""A record, by its digest → its numbers among all that are looked for."""

TELLING_HEADERS = ("dead-letter-id", "dead-letter-reason", REPUBLISHED_HEADER)


async def true_marks(settings: Settings, reader: AIOKafkaConsumer, marks: Mapping[str, int]) -> dict[str, int]:
    """The marks without those that reach beyond the end of their partition: that topic was made anew.

    The reader is one that reads what is not committed, so that an open transaction does not look like an end.
    """
    places = {mark: TopicPartition(settings.topic(topic), n) for mark in marks for topic, n in [place_of(mark)]}
    topics = await reader.topics()
    there = {mark: place for mark, place in places.items() if place.topic in topics}
    ends = await reader.end_offsets(list(there.values())) if there else {}
    return {mark: marks[mark] for mark, place in there.items() if marks[mark] <= ends[place]}


async def unpublished(
    settings: Settings,
    secrets: Secrets,
    entries: AsyncIterator[dict[str, Any]],
    marks: dict[str, int],
    committed: int,
) -> set[int]:
    """The numbers, from 0 on, of the records of these journal entries that are not on their topics.

    `marks` are the offsets at which the lane's publications before these ended, so that little is read. Each record is
    looked for: of a transaction whose markers a broker left out (publisher.py) some may be there and others not.
    `committed` is the group's offset in the lane log. Of each record some 250 bytes are held.

    Raises:
        KafkaError, TimeoutError: Kafka is away, or a transaction stays open in front of what is to be read.
    """
    count = said = 0
    """How many records there are, and how many of them, the first ones, Kafka says were published."""
    wanted: dict[TopicPartition, Wanted] = {}
    since: dict[TopicPartition, int | datetime] = {}
    async for entry in entries:
        for record in records_of(entry):
            partition = TopicPartition(settings.topic(record.topic), record.partition)
            told = _digest(record.key, with_token(record, secrets), record.headers)
            wanted.setdefault(partition, {}).setdefault(told, []).append(count)
            since.setdefault(partition, marks.get(mark_of(record.topic, record.partition), entry["at"]))
            count += 1
        if entry["offset"] < committed:
            said = count
    reader, end_reader = make_reader(settings), make_reader(settings, "read_uncommitted")
    try:
        await start_client(reader)
        await start_client(end_reader)
        for partition, looked_for in wanted.items():
            # To the end of what is written, not of what is visible yet: a transaction that is still open there, of ours
            # or of another lane, is waited for.
            end = (await end_reader.end_offsets([partition]))[partition]
            if await _strike_out(settings, reader, end_reader, partition, since[partition], end, looked_for):
                for numbers in looked_for.values():
                    numbers[:] = [number for number in numbers if number >= said]
    finally:
        await stop_client(reader)
        await stop_client(end_reader)
    missing = {number for looked_for in wanted.values() for numbers in looked_for.values() for number in numbers}
    log.info("asked the topics", records=count, missing=len(missing))
    return missing


async def _strike_out(
    settings: Settings,
    reader: AIOKafkaConsumer,
    end_reader: AIOKafkaConsumer,
    partition: TopicPartition,
    since: int | datetime,
    end: int,
    wanted: Wanted,
) -> bool:
    """Take out of `wanted` what a `read_committed` consumer sees below `end`.

    Returns whether the partition begins so late that what was published may be gone.
    """
    reader.assign([partition])
    start: int = (await reader.beginning_offsets([partition]))[partition]
    begins_late: bool
    if isinstance(since, datetime):
        at = max(0, to_milliseconds(since) - CLOCKS_DIFFER_MS_MAX)
        # Also of what is hidden still: to a `read_committed` reader it is as if there were nothing from there on.
        found = (await end_reader.offsets_for_times({partition: at}))[partition]
        since = end if found is None else found.offset
        begins_late = since <= start > 0
    else:
        begins_late = since < start
    reader.seek(partition, max(start, since))
    patience = settings.open_transaction_seconds
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
                told = _digest(seen.key, seen.value, seen.headers)
                if numbers := wanted.get(told):
                    numbers.pop(0)
                    if not numbers:
                        del wanted[told]
    return begins_late


def _digest(key: bytes | None, value: bytes | None, headers: Headers) -> bytes:
    """16 bytes that tell a record from all others: of key, value, and the headers that tell two of one value apart."""
    digest = hashlib.blake2b(digest_size=16)
    for part in (key, value, *(header(headers, name) for name in TELLING_HEADERS)):
        digest.update(b"-" if part is None else b"%d:" % len(part))
        digest.update(part or b"")
    return digest.digest()

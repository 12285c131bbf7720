"""Was it published? Asked only where Kafka has forgotten: the group's offsets are gone, and MongoDB knows no better.

A batch that was stored has gone out or not; the committed offset says which, because it is atomic with the events.
Where somebody deleted the offsets of a group whose worker was killed in that instant, the topics themselves are asked.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition

from worker.clock import to_milliseconds
from worker.encode import with_token
from worker.journal import records_of
from worker.kafka import make_reader, stop_client
from worker.secrets import Secrets
from worker.settings import Settings

CLOCKS_DIFFER_MS_MAX = 600_000
"""An event is appended after its command was; by how much brokers' clocks may differ is allowed for."""

log = structlog.get_logger(__name__)


async def first_unpublished(
    settings: Settings, secrets: Secrets, entries: Sequence[dict[str, Any]], stored: int
) -> int:
    """The offset of the first of these journal entries that is not on its topic; `stored` where all of them are.

    They go out in log order and never in part, so halving finds it.
    """
    publishing = [entry for entry in entries if entry["records"]]
    reader, end_reader = make_reader(settings), make_reader(settings, "read_uncommitted")
    try:
        await reader.start()
        await end_reader.start()
        low, high = 0, len(publishing)
        while low < high:
            middle = (low + high) // 2
            entry = publishing[middle]
            record = records_of(entry)[0]
            partition = TopicPartition(settings.topic(record.topic), record.partition)
            # Beyond the transactions that other lanes have open there: behind one of them it would be hidden still.
            end = (await end_reader.end_offsets([partition]))[partition]
            if await _is_visible(
                settings, reader, partition, end, record.key, with_token(record, secrets), entry["at"]
            ):
                low = middle + 1
            else:
                high = middle
    finally:
        await stop_client(reader)
        await stop_client(end_reader)
    return publishing[low]["offset"] if low < len(publishing) else stored


async def _is_visible(
    settings: Settings,
    reader: AIOKafkaConsumer,
    partition: TopicPartition,
    end: int,
    key: bytes | None,
    value: bytes | None,
    decided_at: datetime,
) -> bool:
    """Whether a `read_committed` consumer sees this record below `end`. Reads on from the time of the decision."""
    reader.assign([partition])
    since = to_milliseconds(decided_at) - CLOCKS_DIFFER_MS_MAX
    found = (await reader.offsets_for_times({partition: max(0, since)}))[partition]
    if found is None:
        return False  # nothing was appended since
    reader.seek(partition, found.offset)
    log.info("looking for an event", topic=partition.topic, partition=partition.partition, since=found.offset, end=end)
    while await reader.position(partition) < end:
        async with asyncio.timeout(settings.request_timeout_seconds):
            batches = await reader.getmany(partition, timeout_ms=1000)
        for records in batches.values():
            if any(seen.value == value and seen.key == key for seen in records):
                return True
    return False

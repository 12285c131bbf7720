"""Was it published? Asked only where Kafka has forgotten: the group's offsets are gone, and MongoDB knows no better.

A batch that was stored has gone out or not; the committed offset says which, because it is atomic with the events. Where
somebody deleted the offsets of a group whose worker was killed in that instant, the event topics themselves are asked.
"""

import asyncio
from datetime import datetime

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition

from worker.clock import to_milliseconds
from worker.encode import with_token
from worker.records import Outgoing
from worker.secrets import Secrets
from worker.settings import Settings

CLOCKS_DIFFER_MS_MAX = 600_000
"""An event is appended after its command was; by how much brokers' clocks may differ is allowed for."""

log = structlog.get_logger(__name__)


async def is_visible(
    settings: Settings, secrets: Secrets, reader: AIOKafkaConsumer, record: Outgoing, decided_at: datetime
) -> bool:
    """Whether a `read_committed` consumer can see this record. Reads its partition from the time of the decision on."""
    partition = TopicPartition(settings.topic(record.topic), record.partition)
    value = with_token(record, secrets)
    since = to_milliseconds(decided_at) - CLOCKS_DIFFER_MS_MAX
    found = (await reader.offsets_for_times({partition: max(0, since)}))[partition]
    if found is None:
        return False  # nothing was appended since
    end = (await reader.end_offsets([partition]))[partition]
    reader.assign([partition])
    reader.seek(partition, found.offset)
    log.info("looking for an event", topic=partition.topic, partition=partition.partition, since=found.offset, end=end)
    while await reader.position(partition) < end:
        async with asyncio.timeout(settings.request_timeout_seconds):
            batches = await reader.getmany(partition, timeout_ms=1000)
        for records in batches.values():
            if any(seen.value == value and seen.key == record.key for seen in records):
                return True
    return False

"""Follows the event topics as a `read_committed` consumer."""

import asyncio
from collections.abc import AsyncGenerator, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from aiokafka import ConsumerRecord, TopicPartition
from pydantic import ValidationError

from contracts.message import CommandFrame
from contracts.registry import EVENTS
from contracts.topics import TopicName
from handlers.keeping import redacted
from worker.clock import from_milliseconds
from worker.operate.access import Access

EVENT_TOPICS = (
    TopicName.LIFECYCLE_EVENTS,
    TopicName.QUOTA_EVENTS,
    TopicName.BILLING_EVENTS,
    TopicName.NOTICE_EVENTS,
    TopicName.REJECTIONS,
)


@dataclass(frozen=True, slots=True)
class Seen:
    """An event as it stands on its topic."""

    topic: str
    partition: int
    offset: int
    appended_at: datetime
    event: dict[str, Any]

    @property
    def data(self) -> dict[str, Any]:
        """The event's data."""
        found = self.event.get("data")
        return found if isinstance(found, dict) else {}


HIDDEN = "(hidden)"
"""In place of a token: whoever has one may come in by it."""


ATTRIBUTES = ("specversion", *CommandFrame.model_fields, "datacontenttype")
"""Those of our own CloudEvents, none of which is personal."""


def told(event: dict[str, Any], *, bodies: bool) -> dict[str, Any]:
    """An event for people, without a token. Unless asked for `bodies`, also without what may be personal.

    That is what a purge takes out of it (handlers/keeping.py), and what this release does not know.
    """
    data = event.get("data")
    if isinstance(data, dict) and isinstance(params := data.get("params"), dict) and "token" in params:
        data = {**data, "params": {**params, "token": HIDDEN}}
    if bodies:
        return {**event, "data": data}
    frame = {name: event[name] for name in ATTRIBUTES if name in event}
    return {**frame, "data": _impersonal(str(event.get("type")), data)}


def _impersonal(wire_type: str, data: Any) -> dict[str, Any]:
    kind = EVENTS.get(wire_type)
    if kind is None:
        return {}
    try:
        event = kind.model_validate(data)
    except ValidationError:
        return {}
    left = redacted(event, customer_gone=True)
    kept = {name for name in kind.model_fields if getattr(event, name) == getattr(left, name)}
    return event.model_dump(mode="json", exclude_none=True, include=kept)


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events; what is None is not asked for."""

    partnership: str | None = None
    partner: str | None = None
    type: str | None = None

    def fits(self, event: dict[str, Any]) -> bool:
        """Whether it is one of them. `type` is an event's name or its whole wire type."""
        wire = str(event.get("type", ""))
        return (
            (self.partnership is None or event.get("subject") == self.partnership)
            and (self.partner is None or event.get("partitionkey") == self.partner)
            and (self.type is None or self.type == wire or f".{self.type}.v" in wire)
        )


async def tail_events(
    access: Access,
    wanted: EventFilter,
    topics: Collection[TopicName] = EVENT_TOPICS,
    *,
    from_beginning: bool = False,
    to_end: bool = False,
) -> AsyncGenerator[Seen, None]:
    """Events as they come, each partition in its order; `to_end`: only up to where the topics end now."""
    names = {access.settings.topic(topic): topic for topic in topics}
    counts = await access.partition_counts(topics)
    partitions = [TopicPartition(name, number) for name, topic in names.items() for number in range(counts[topic])]
    async with access.reader() as reader:
        reader.assign(partitions)
        ends = await reader.end_offsets(partitions)
        starts = await reader.beginning_offsets(partitions) if from_beginning else ends
        for partition in partitions:
            reader.seek(partition, starts[partition])
        left = {partition for partition in partitions if starts[partition] < ends[partition]} if to_end else None
        while left is None or left:
            batches = await reader.getmany(timeout_ms=500)
            for partition, records in batches.items():
                for record in records:
                    seen = _seen(names[partition.topic], record)
                    if wanted.fits(seen.event) and (left is None or record.offset < ends[partition]):
                        yield seen
            if left is not None:
                left = {place for place in left if await reader.position(place) < ends[place]}
            await asyncio.sleep(0)


def _seen(topic: TopicName, record: ConsumerRecord) -> Seen:
    try:
        body = orjson.loads(record.value or b"null")
    except orjson.JSONDecodeError:
        body = None
    event = body if isinstance(body, dict) else {"type": "not an event"}
    return Seen(topic.value, record.partition, record.offset, from_milliseconds(record.timestamp), event)

"""A consumer like any other: reads what the worker publishes, as soon as it is committed."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer, ConsumerRecord

from contracts.message import Event
from contracts.registry import EVENTS
from contracts.topics import TopicName
from worker.demo.process import DemoError
from worker.kafka import stop_client

POLL_MS = 200


@dataclass(frozen=True, slots=True)
class Seen:
    """A record of the worker, and when it was to be seen. `event` is None for a dead letter."""

    topic: TopicName
    lane: int
    id: str
    subject: str
    cause: str
    correlation: str
    """The producer's command, also where the worker's own command stands between."""
    event: Event | None
    headers: dict[str, str]
    at: float

    @property
    def number(self) -> int:
        """Its place among the records of its cause."""
        return int(self.id.rpartition(":")[2]) if self.event else 1


class Follower:
    """Everything that was seen, in the order in which it came."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self._arrived = asyncio.Condition()
        self._topics: dict[str, TopicName] = {}
        self._reading: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def follow(self, bootstrap: str, topics: dict[str, TopicName]) -> AsyncIterator[None]:
        """Read these topics from their beginning for as long as the block lasts."""
        self._topics = topics
        consumer = AIOKafkaConsumer(
            *topics,
            bootstrap_servers=bootstrap,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
        )
        try:
            await consumer.start()
            self._reading = asyncio.create_task(self._read(consumer))
            yield
        finally:
            if self._reading is not None:
                self._reading.cancel()
                await asyncio.wait({self._reading})
            await stop_client(consumer)

    async def until(self, true: Callable[[], Any], seconds: float, what: str, check: Callable[[], None]) -> None:
        """Wait until what was seen makes it true; `check` raises where there is nothing to wait for any more."""
        end = time.monotonic() + seconds
        async with self._arrived:
            while not true():
                check()
                if self._reading is not None and self._reading.done():
                    self._reading.result()
                if time.monotonic() > end:
                    raise DemoError(f"{what} did not come within {seconds:.0f} s.")
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._arrived.wait(), 0.25)

    async def _read(self, consumer: AIOKafkaConsumer) -> None:
        while True:
            found = await consumer.getmany(timeout_ms=POLL_MS)
            if not found:
                continue
            now = time.monotonic()
            async with self._arrived:
                self.seen += [self._seen(record, now) for records in found.values() for record in records]
                self._arrived.notify_all()

    def _seen(self, record: ConsumerRecord, now: float) -> Seen:
        topic = self._topics[record.topic]
        headers = {key: (value or b"").decode(errors="replace") for key, value in record.headers}
        if topic is TopicName.DEAD_LETTERS:  # Not ours to read: what it holds is whatever somebody sent.
            letter = headers["dead-letter-id"]
            return Seen(topic, record.partition, letter, "", letter, letter, None, headers, now)
        body = orjson.loads(record.value)
        return Seen(
            topic=topic,
            lane=record.partition,
            id=body["id"],
            subject=body["subject"],
            cause=body["causationid"],
            correlation=body["correlationid"],
            event=EVENTS[body["type"]].model_validate(body["data"]),
            headers=headers,
            at=now,
        )

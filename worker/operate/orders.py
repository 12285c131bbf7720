"""Orders to the lanes: appended to the lane log, sealed; and what came of them, from the journal.

Nothing else changes a dead letter or publishes again, so whatever two operators do at once has an order.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaProducer

from contracts.base import ID_CHARACTERS_MAX, ID_PATTERN, to_milliseconds
from contracts.commands.operating import Order
from contracts.message import Actor, CommandMessage, Party, Role
from contracts.topics import COMMAND_BYTES_MAX, TopicName
from worker.clock import monotonic_seconds, new_id, utc_now
from worker.encode import CONTENT_TYPE_HEADER, cloud_event
from worker.kafka import Batches
from worker.mongo.collections import JOURNAL, LANES
from worker.operate.access import Access
from worker.operate.errors import NoAnswer, WrongRequest
from worker.records import OF_ORDER, SIGNATURE_HEADER

ANSWER_SECONDS = 30.0
ANSWER_SECONDS_MAX = 600.0
"""Where the lane gets on all the time."""

LOOK_SECONDS = 0.05
NOBODY = "dead-letters"
"""Subject and partner of an order about a record that has none, or none that a frame could hold."""

SAFE_ID = re.compile(rf"(?=.{{1,{ID_CHARACTERS_MAX}}}$){ID_PATTERN}")


@dataclass(frozen=True, slots=True)
class Answered:
    """What came of one order: no `code`, or why it had no effect or another one (contracts/commands/operating.py)."""

    order_id: str
    code: str | None
    result: dict[str, Any]
    records: int = 0


@dataclass(frozen=True, slots=True)
class Place:
    """Where an order goes: the lane, and what its journal entry is filed under."""

    lane: int
    subject: str = NOBODY
    partner: str = NOBODY

    @classmethod
    def of(cls, letter: dict[str, Any]) -> "Place":
        """That of a letter."""
        partner = _safe(letter["partner"]) or NOBODY
        return cls(letter["lane"], _safe(letter["subject"]) or partner, partner)


def _safe(text: str | None) -> str | None:
    return text if text is not None and SAFE_ID.fullmatch(text) else None


@dataclass(slots=True)
class Orders:
    """An operator's hand on the lane log. Made by `ordering`."""

    access: Access
    by: str
    producer: AIOKafkaProducer
    secret_id: str
    """Of the secret to seal with."""
    actor: Actor = field(init=False)
    _lanes: dict[str, int] = field(default_factory=dict)
    """Where each order went."""

    def __post_init__(self) -> None:
        self.actor = Actor(kind=Party.PLATFORM, party_id="platform", user_id=_safe(self.by) or "?", role=Role.ADMIN)

    async def give(self, orders: Iterable[tuple[Place, Order]]) -> list[str]:
        """Append orders in this sequence. Returns their ids, under which the journal will have what came of them.

        Raises:
            WrongRequest: one is larger than a command may be; nothing was appended.
            KafkaError: it is not known whether they arrived.
        """
        topic = self.access.settings.topic(TopicName.LANES)
        batches = Batches(self.producer)
        ids = []
        for place, order in orders:
            order_id = f"{OF_ORDER}{new_id()}"
            cause = CommandMessage(order_id, place.subject, place.partner, order)
            value = cloud_event(order, order_id, place.subject, place.partner, cause, to_milliseconds(utc_now()))
            if len(value) > COMMAND_BYTES_MAX:
                raise WrongRequest(f"An order of {len(value):,} bytes; the most is {COMMAND_BYTES_MAX:,}.")
            headers = (CONTENT_TYPE_HEADER, (SIGNATURE_HEADER, self.access.secrets.seal(value, self.secret_id)))
            batches.add(topic, place.lane, place.partner.encode(), value, headers, None)
            ids.append(order_id)
            self._lanes[order_id] = place.lane
        async with asyncio.timeout(self.access.settings.request_timeout_seconds):
            await batches.send()
        return ids

    async def wait(self, ids: Sequence[str], seconds: float = ANSWER_SECONDS) -> list[Answered]:
        """What came of these orders, in their sequence. Waits for longer while their lanes get on: they may be behind.

        Raises:
            NoAnswer: no worker has carried them out. They are in the log, and will be.
        """
        journal = self.access.db[JOURNAL]
        fields = {"code": 1, "result": 1, "records": {"$size": "$records"}}
        found: dict[str, Answered] = {}
        began = monotonic_seconds()
        until, stood = began + seconds, await self._stored(ids)
        while len(found) < len(ids):
            missing = [order_id for order_id in ids if order_id not in found]
            async for row in journal.find({"_id": {"$in": missing}}, fields):
                found[row["_id"]] = Answered(row["_id"], row.get("code"), row.get("result", {}), row["records"])
            if len(found) < len(ids):
                if monotonic_seconds() > until:
                    former, stood = stood, await self._stored([one for one in ids if one not in found])
                    if stood.items() <= former.items() or monotonic_seconds() > began + ANSWER_SECONDS_MAX:
                        raise NoAnswer(
                            f"{len(ids) - len(found)} of {len(ids)} orders were not carried out within "
                            f"{monotonic_seconds() - began:.0f} s: is a worker running? They are in the lane log and "
                            "will be, or become dead letters; the journal has them then."
                        )
                    until = monotonic_seconds() + seconds
                await asyncio.sleep(LOOK_SECONDS)
        return [found[order_id] for order_id in ids]

    async def _stored(self, ids: Sequence[str]) -> dict[int, int]:
        """How far the lanes are that these orders went to."""
        lanes = {self._lanes[order_id] for order_id in ids}
        found = self.access.db[LANES].find({"_id": {"$in": list(lanes)}}, {"stored": 1})
        return {lane["_id"]: lane["stored"] async for lane in found}

    async def carry_out(self, place: Place, order: Order) -> Answered:
        """Give one order and wait for what comes of it."""
        (answered,) = await self.wait(await self.give([(place, order)]))
        return answered


@asynccontextmanager
async def ordering(access: Access, by: str) -> AsyncIterator[Orders]:
    """Orders by this person. Needs Kafka and the secret."""
    secret_id = await access.workers_secret()
    async with access.producer() as producer:
        yield Orders(access, by, producer, secret_id)

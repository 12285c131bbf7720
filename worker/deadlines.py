"""Deadlines (P5): what is due becomes a command in the lane log. One worker does it, by a lease in MongoDB.

MongoDB's clock says what is due; whether it counts, the lane decides by the time of its record. So a deadline is never
early, and sent twice it has one effect: one that no longer counts leaves nothing behind. It is sent again until the
partnership waits for something else: after a minute, then after twice as long each time.
"""

import asyncio
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from pymongo.errors import PyMongoError

from contracts.base import ID_CHARACTERS_MAX, to_milliseconds
from contracts.commands.internal import DeadlineReached
from contracts.message import SYSTEM, CommandMessage
from contracts.topics import TopicName
from handlers.deadlines import Deadline, deadlines
from handlers.documents import Partnership
from worker.clock import backoff_seconds, monotonic_seconds
from worker.encode import CONTENT_TYPE_HEADER, cloud_event
from worker.failures import describe
from worker.kafka import Batches, make_producer, start_client, stop_client
from worker.lease import Lease
from worker.letters.keys import keys_of
from worker.mongo.client import Client
from worker.mongo.collections import A_DATE, DEAD_LETTERS, DEADLINES_LEASE, LANES, PARTNERSHIPS
from worker.mongo.store import document_of
from worker.partitioning import lane_of
from worker.records import SIGNATURE_HEADER
from worker.secrets import Secrets
from worker.settings import Settings

LOOK_SECONDS = 1.0
AT_ONCE = 500
"""Partnerships sent in one go: after a day of downtime thousands are due, and lanes take them in batches."""

ON_THEIR_WAY_MAX = 20_000
"""So many are remembered; while the lanes have not come to them, no more are sent."""

LOOKED_AT = {"partner_id": 1, "next_due_at": 1, "sequences.lifecycle": 1}
"""Of a partnership that is on its way already, which is looked at again each second. The whole is read once."""

AGAIN_SECONDS = 60.0
AGAIN_SECONDS_MAX = 3600.0

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Sent:
    """What a partnership was when its deadlines were sent; once it is something else, it is looked at anew."""

    mark: tuple[datetime, int]
    at: float
    again_after: float


def deadline_id(partnership_id: str, deadline: Deadline) -> str:
    """`~partnership:kind:due_at:sequence`: the same whoever sends it, and however often."""
    command_id = f"~{partnership_id}:{deadline.kind}:{to_milliseconds(deadline.due_at)}:{deadline.sequence}"
    if len(command_id) <= ID_CHARACTERS_MAX:
        return command_id
    return f"~deadline:{hashlib.blake2b(command_id.encode(), digest_size=16).hexdigest()}"


class Scheduler:
    """Looks for what is due, while it holds the lease."""

    def __init__(self, settings: Settings, secrets: Secrets, client: Client) -> None:
        self._settings = settings
        self._secrets = secrets
        self._client = client
        self._db = client[settings.mongo_database]
        self._lease = Lease(self._db, DEADLINES_LEASE)
        self._sent: dict[str, _Sent] = {}
        self._producer: AIOKafkaProducer | None = None

    async def run(self) -> None:
        """Until cancelled. A sick dependency is waited for: what is due stays due."""
        attempt = 0
        try:
            while True:
                try:
                    sent = await self._look() if await self._holds_lease() else 0
                    attempt = 0
                    await asyncio.sleep(0 if sent >= AT_ONCE else LOOK_SECONDS)
                except (KafkaError, PyMongoError, TimeoutError, OSError) as error:
                    attempt += 1
                    log.warning("deadlines wait", error=describe(error), attempt=attempt)
                    await self._drop_producer()
                    await asyncio.sleep(backoff_seconds(attempt))
        finally:
            await self._drop_producer()

    async def _holds_lease(self) -> bool:
        held = await self._lease.is_held()
        if not held:
            self._sent.clear()  # another worker holds it
        return held

    async def _look(self) -> int:
        # A command's answer has no time zone, whatever the client's options say; it is UTC.
        now = (await self._client.admin.command("hello"))["localTime"].replace(tzinfo=UTC)
        # Beyond those that are on their way already: else they would hide the others.
        found = await self._find_due(now, min(AT_ONCE + len(self._sent), ON_THEIR_WAY_MAX))
        marks = {row["_id"]: _mark(row) for row in found}
        self._sent = {key: sent for key, sent in self._sent.items() if marks.get(key) == sent.mark}
        fresh = [key for key in marks if self._is_to_send(key)][:AT_ONCE]
        if fresh:
            whole = await self._db[PARTNERSHIPS].find({"_id": {"$in": fresh}}).to_list(None)
            await self._append([document_of(Partnership, fields) for fields in whole], now)
            for key in fresh:
                self._note_sent(key, marks[key])
        return len(fresh)

    async def _find_due(self, now: datetime, limit: int) -> list[dict[str, Any]]:
        """The partnerships that are due, longest first, without those that wait behind a dead letter.

        Their lanes would do nothing, and one that is let go must not find its deadline in a long pause.
        """
        query = {"next_due_at": {**A_DATE, "$lte": now}}
        due = self._db[PARTNERSHIPS].find(query, LOOKED_AT).sort("next_due_at", 1)
        if await self._db[LANES].find_one({"blocking": {"$gt": 0}}, {"_id": 1}) is None:
            return await due.limit(limit).to_list(None)
        found: list[dict[str, Any]] = []
        looked_at: list[dict[str, Any]] = []
        async for row in due:
            looked_at.append(row)
            if len(looked_at) >= AT_ONCE:
                found += await self._unblocked(looked_at)
                looked_at = []
                if len(found) >= limit:
                    break
        found += await self._unblocked(looked_at)
        return found[:limit]

    async def _unblocked(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        keys = {row["_id"]: keys_of(row["_id"], row["partner_id"]) for row in rows}
        wanted = {key for some in keys.values() for key in some}
        blocked = set(await self._db[DEAD_LETTERS].distinct("blocks", {"blocks": {"$in": list(wanted)}}))
        return [row for row in rows if blocked.isdisjoint(keys[row["_id"]])]

    def _is_to_send(self, partnership_id: str) -> bool:
        sent = self._sent.get(partnership_id)
        return sent is None or monotonic_seconds() >= sent.at + sent.again_after

    def _note_sent(self, partnership_id: str, mark: tuple[datetime, int]) -> None:
        before = self._sent.get(partnership_id)
        again = min(before.again_after * 2, AGAIN_SECONDS_MAX) if before else AGAIN_SECONDS
        self._sent[partnership_id] = _Sent(mark, monotonic_seconds(), again)

    async def _append(self, partnerships: list[Partnership], now: datetime) -> None:
        due = [(partnership, deadline) for partnership in partnerships for deadline in _due(partnership, now)]
        if not due:  # a lane was quicker
            return
        topic = self._settings.topic(TopicName.LANES)
        async with asyncio.timeout(self._settings.request_timeout_seconds):
            if self._producer is None:
                self._producer = make_producer(self._settings)
                await start_client(self._producer)
            batches = Batches(self._producer)
            for partnership, deadline in due:
                command_id = deadline_id(partnership.id, deadline)
                command = DeadlineReached(actor=SYSTEM, **deadline._asdict())
                cause = CommandMessage(command_id, partnership.id, partnership.partner_id, command)
                value = cloud_event(
                    command, command_id, partnership.id, partnership.partner_id, cause, to_milliseconds(now)
                )
                headers = (CONTENT_TYPE_HEADER, (SIGNATURE_HEADER, self._secrets.seal(value)))
                lane = lane_of(partnership.partner_id, self._settings.lanes)
                batches.add(topic, lane, partnership.partner_id.encode(), value, headers, None)
            await batches.send()
        log.info("deadlines reached", count=len(due))

    async def _drop_producer(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await stop_client(producer)


def _mark(row: dict[str, Any]) -> tuple[datetime, int]:
    """A deadline that has had its effect leaves another mark."""
    return row["next_due_at"], row["sequences"].get("lifecycle", 0)


def _due(partnership: Partnership, now: datetime) -> list[Deadline]:
    return [deadline for deadline in deadlines(partnership) if deadline.due_at <= now]

"""Deadlines (P5): what is due becomes a command in the lane log. One worker does it, by a lease in MongoDB.

MongoDB's clock says what is due; whether it counts, the lane decides by the time of its record. So a deadline is never
early, and sent twice it has one effect: one that no longer counts leaves nothing behind. It is sent again until the
partnership waits for something else: after a minute, then after twice as long each time.
"""

import asyncio
import hashlib
from collections import Counter
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
from worker.failures import ATTEMPTS_QUIET, UnreadableDocument, describe
from worker.kafka import Batches, make_producer, start_client, stop_client
from worker.lease import Lease
from worker.letters.keys import key_of, keys_of
from worker.mongo.client import Client
from worker.mongo.collections import A_DATE, A_TEXT, DEAD_LETTERS, DEADLINES_LEASE, LANES, PARTNERSHIPS
from worker.mongo.store import document_of
from worker.partitioning import lane_of
from worker.records import OF_DEADLINE, SIGNATURE_HEADER
from worker.secrets import Secrets
from worker.settings import Settings

LOOK_SECONDS = 1.0
AT_ONCE = 500
"""Partnerships sent in one go: after a day of downtime thousands are due, and lanes take them in batches."""

ON_THEIR_WAY_MAX = 20_000
ON_THEIR_WAY_TO_LANE_MAX = 2_000
"""So many are remembered, of all lanes and of one; while it has not come to them, no more are sent there."""

LOOKED_AT = {"partner_id": 1, "next_due_at": 1, "sequences.lifecycle": 1}
"""Of a partnership that is on its way already, which is looked at again each second. The whole is read once."""

AGAIN_SECONDS = 60.0
AGAIN_SECONDS_MAX = 3600.0
LEFT_OUT_MAX = 10_000
"""Partners that a query names."""

AFTER_FAILURE_SECONDS = 15.0
"""Before what could not be appended is tried again: its partition has no leader, perhaps, and others wait meanwhile."""

A_PARTNERS_KEY = {"$gte": "partner:", "$lt": "partner;"}
"""What a letter blocks that blocks a whole partner (worker/letters/keys.py)."""

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Sent:
    """What a partnership was when its deadlines were sent; once it is something else, it is looked at anew."""

    mark: tuple[datetime, int]
    lane: int
    at: float
    again_after: float
    is_on_its_way: bool
    """Not where nothing was to send: this release knows no deadline that is due, or cannot read the partnership."""


def deadline_id(partnership_id: str, deadline: Deadline) -> str:
    """`~due:partnership:kind:due_at:sequence`: the same whoever sends it, and however often.

    Ids of partnerships and commands are other people's: each kind of own id begins in a way of its own.
    """
    command_id = f"{OF_DEADLINE}{partnership_id}:{deadline.kind}:{to_milliseconds(deadline.due_at)}:{deadline.sequence}"
    if len(command_id) <= ID_CHARACTERS_MAX:
        return command_id
    return f"{OF_DEADLINE}{hashlib.blake2b(command_id.encode(), digest_size=16).hexdigest()}"


class Scheduler:
    """Looks for what is due, while it holds the lease."""

    def __init__(self, settings: Settings, secrets: Secrets, client: Client) -> None:
        self.waiting_for: str | None = None
        """Why nothing is sent, where that lasts."""
        self._settings = settings
        self._secrets = secrets
        self._client = client
        self._db = client[settings.mongo_database]
        self._lease = Lease(self._db, DEADLINES_LEASE)
        self._sent: dict[str, _Sent] = {}
        self._left_out: set[str] = set()
        """Partners that nothing is sent of now: their lanes have not come to what was."""
        self._producer: AIOKafkaProducer | None = None

    async def run(self) -> None:
        """Until cancelled. A sick dependency is waited for: what is due stays due."""
        attempt = 0
        try:
            while True:
                try:
                    sent = await self._look() if await self._holds_lease() else 0
                    attempt, self.waiting_for = 0, None
                    await asyncio.sleep(0 if sent >= AT_ONCE else LOOK_SECONDS)
                except (KafkaError, PyMongoError, TimeoutError, OSError) as error:
                    attempt += 1
                    self.waiting_for = describe(error) if attempt >= ATTEMPTS_QUIET else None
                    log.warning("deadlines wait", error=describe(error), attempt=attempt)
                    await self._drop_producer()
                    await asyncio.sleep(backoff_seconds(attempt))
        finally:
            await self._drop_producer()

    async def _holds_lease(self) -> bool:
        held = await self._lease.is_held()
        if not held:
            self._sent.clear()  # another worker holds it
            self._left_out.clear()
        return held

    async def _look(self) -> int:
        # A command's answer has no time zone, whatever the client's options say; it is UTC.
        now = (await self._client.admin.command("hello"))["localTime"].replace(tzinfo=UTC)
        blocking = await self._db[LANES].find_one({"blocking": {"$gt": 0}}, {"_id": 1}) is not None
        await self._look_at_sent(blocking=blocking)
        to_lane = Counter(sent.lane for sent in self._sent.values() if sent.is_on_its_way)
        full = {lane for lane, number in to_lane.items() if number >= ON_THEIR_WAY_TO_LANE_MAX}
        self._left_out = {partner for partner in self._left_out if self._lane_of(partner) in full}
        # Beyond those that are on their way, or of which nothing was to send: else they would hide the others.
        nothing = min(len(self._sent) - to_lane.total(), ON_THEIR_WAY_MAX)
        limit = min(AT_ONCE + len(self._sent), ON_THEIR_WAY_MAX + nothing)
        found = await self._find_due(now, limit, blocking=blocking)
        fresh: dict[str, tuple[datetime, int]] = {}
        for row in found:
            lane = self._lane_of(row["partner_id"])
            if row["_id"] in self._sent:
                continue
            if to_lane[lane] < ON_THEIR_WAY_TO_LANE_MAX:
                fresh[row["_id"]] = _mark(row)
                to_lane[lane] += 1
            elif len(self._left_out) < LEFT_OUT_MAX:
                self._left_out.add(row["partner_id"])
            if len(fresh) >= AT_ONCE:
                break
        again = [key for key in self._sent if self._is_to_send_again(key)][:AT_ONCE]
        marks = fresh | {key: self._sent[key].mark for key in again}
        if marks:
            whole = await self._db[PARTNERSHIPS].find({"_id": {"$in": list(marks)}}).to_list(None)
            await self._append(self._readable(whole, marks), marks, now)
        return len(fresh)

    def _readable(self, whole: list[dict[str, Any]], marks: dict[str, tuple[datetime, int]]) -> list[Partnership]:
        """The others stay due, for a release that can read them, and hold nobody's deadlines."""
        found: list[Partnership] = []
        for fields in whole:
            try:
                found.append(document_of(Partnership, fields))
            except UnreadableDocument as error:
                log.error("a deadline waits", error=str(error))  # noqa: TRY400 - it says all
                self._note_sent(fields["_id"], fields["partner_id"], marks[fields["_id"]])
        return found

    async def _look_at_sent(self, *, blocking: bool) -> None:
        """Forget partnerships whose deadlines have had their effect, and those that wait behind a dead letter since.

        One that is let go must not find its deadline in a long pause.
        """
        if not self._sent:
            return
        rows = await self._db[PARTNERSHIPS].find({"_id": {"$in": list(self._sent)}}, LOOKED_AT).to_list(None)
        if blocking:
            parts = [rows[start : start + AT_ONCE] for start in range(0, len(rows), AT_ONCE)]
            rows = [row for part in parts for row in await self._unblocked(part)]
        marks = {row["_id"]: _mark(row) for row in rows}
        self._sent = {key: sent for key, sent in self._sent.items() if marks.get(key) == sent.mark}

    async def _find_due(self, now: datetime, limit: int, *, blocking: bool) -> list[dict[str, Any]]:
        """The partnerships that are due, longest first, without those that wait behind a dead letter.

        Their lanes would do nothing.
        """
        keys = await self._db[DEAD_LETTERS].distinct("blocks", {"blocks": A_PARTNERS_KEY}) if blocking else []
        nobodys = self._left_out | {key.removeprefix(key_of(None, "")) for key in keys}
        query: dict[str, Any] = {"next_due_at": {**A_DATE, "$lte": now}, "partner_id": {**A_TEXT}}
        if nobodys:
            query["partner_id"]["$nin"] = list(nobodys)
        due = self._db[PARTNERSHIPS].find(query, LOOKED_AT).sort("next_due_at", 1)
        if not blocking:
            return await due.limit(limit).to_list(None)
        found: list[dict[str, Any]] = []
        looked_at: list[dict[str, Any]] = []
        async for row in due:
            looked_at.append(row)
            if len(looked_at) >= AT_ONCE:
                found += await self._unblocked(looked_at)
                looked_at = []
                await self._lease.is_held()
                if len(found) >= limit:
                    break
        found += await self._unblocked(looked_at)
        return found[:limit]

    async def _unblocked(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        keys = {row["_id"]: keys_of(row["_id"], row["partner_id"]) for row in rows}
        wanted = {key for some in keys.values() for key in some}
        blocked = set(await self._db[DEAD_LETTERS].distinct("blocks", {"blocks": {"$in": list(wanted)}}))
        return [row for row in rows if blocked.isdisjoint(keys[row["_id"]])]

    def _lane_of(self, partner_id: str) -> int:
        return lane_of(partner_id, self._settings.lanes)

    def _is_to_send_again(self, partnership_id: str) -> bool:
        sent = self._sent[partnership_id]
        return monotonic_seconds() >= sent.at + sent.again_after

    def _note_sent(
        self, key: str, partner_id: str, mark: tuple[datetime, int], *, is_due: bool = False, failed: bool = False
    ) -> None:
        before = self._sent.pop(key, None)
        again = AFTER_FAILURE_SECONDS
        if not failed:
            again = max(AGAIN_SECONDS, min(before.again_after * 2, AGAIN_SECONDS_MAX)) if before else AGAIN_SECONDS
        lane, now = self._lane_of(partner_id), monotonic_seconds()
        self._sent[key] = _Sent(mark, lane, now, again, is_due)  # behind all that were sent before it

    async def _append(
        self, partnerships: list[Partnership], marks: dict[str, tuple[datetime, int]], now: datetime
    ) -> None:
        """Append their deadlines, lane by lane: one whose partition has no leader holds no other's.

        Raises:
            KafkaError, TimeoutError: no lane took any.
        """
        if self._producer is None:
            async with asyncio.timeout(self._settings.request_timeout_seconds):
                self._producer = make_producer(self._settings)
                await start_client(self._producer)
        lanes: dict[int, list[Partnership]] = {}
        for partnership in partnerships:
            lanes.setdefault(self._lane_of(partnership.partner_id), []).append(partnership)
        sends = [self._append_to(lane, ours, now) for lane, ours in lanes.items()]
        results = await asyncio.gather(*sends, return_exceptions=True)
        errors = []
        for (lane, ours), result in zip(lanes.items(), results, strict=True):
            if isinstance(result, BaseException):
                if not isinstance(result, KafkaError | TimeoutError | OSError):
                    raise result
                errors.append(result)
                log.warning("deadlines wait", lane=lane, error=describe(result))
            for partnership in ours:
                self._note_sent(
                    partnership.id,
                    partnership.partner_id,
                    marks[partnership.id],
                    is_due=bool(_due(partnership, now)),
                    failed=isinstance(result, BaseException),
                )
        if errors:
            await self._drop_producer()  # it holds what was not sent
        if errors and len(errors) == len(lanes):
            raise errors[0]
        log.info("deadlines reached", count=sum(result for result in results if isinstance(result, int)))

    async def _append_to(self, lane: int, partnerships: list[Partnership], now: datetime) -> int:
        """Returns how many deadlines there were; 0 where the lane was quicker."""
        batches, count = Batches(self._producer), 0
        for partnership in partnerships:
            for deadline in _due(partnership, now):
                command_id = deadline_id(partnership.id, deadline)
                command = DeadlineReached(actor=SYSTEM, **deadline._asdict())
                cause = CommandMessage(command_id, partnership.id, partnership.partner_id, command)
                value = cloud_event(
                    command, command_id, partnership.id, partnership.partner_id, cause, to_milliseconds(now)
                )
                headers = (CONTENT_TYPE_HEADER, (SIGNATURE_HEADER, self._secrets.seal(value)))
                key = partnership.partner_id.encode()
                batches.add(self._settings.topic(TopicName.LANES), lane, key, value, headers, None)
                count += 1
        async with asyncio.timeout(self._settings.request_timeout_seconds):
            await batches.send()
        return count

    async def _drop_producer(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await stop_client(producer)


def _mark(row: dict[str, Any]) -> tuple[datetime, int]:
    """A deadline that has had its effect leaves another mark."""
    return row["next_due_at"], (row.get("sequences") or {}).get("lifecycle", 0)


def _due(partnership: Partnership, now: datetime) -> list[Deadline]:
    return [deadline for deadline in deadlines(partnership) if deadline.due_at <= now]

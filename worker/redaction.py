"""After a purge: nothing personal is left in the journal and in the dead letters either (R98, decision 0011).

The purge marks its own journal entry as due for it, in its own transaction, so nothing is forgotten. One worker, by a
lease, looks for such marks, redacts entry after entry, and takes the mark away at the end. Each step can be done again,
so a kill costs no more than the look of another worker.

It never touches what is not published yet: recovery publishes from the journal. It changes no outcome and no digest of
a command, so a repeat stays a repeat. Of each record whose bytes it changes it keeps their digest as published, so
`verify` can still compare.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, NamedTuple

import orjson
import structlog
from pymongo import UpdateOne
from pymongo.errors import ConnectionFailure, PyMongoError

from contracts.events.closing import PersonalDataPurged
from contracts.registry import EVENTS, INTERNAL, ORDERS
from contracts.topics import TopicName
from handlers.keeping import redacted
from worker.clock import backoff_seconds
from worker.dead_letters import where
from worker.failures import ATTEMPTS_QUIET, describe
from worker.journal import published_digest
from worker.lease import Lease
from worker.mongo.client import Client
from worker.mongo.collections import CUSTOMERS, DEAD_LETTERS, JOURNAL, LANES, PARTNERSHIPS, REDACTION_LEASE
from worker.secrets import Secrets

LOOK_SECONDS = 2.0
AT_ONCE = 100
"""Purges looked at, and entries rewritten, in one go: a second's work, and little enough to hold in memory."""

LETTERS_AT_ONCE = 1000
"""Dead letters of one purge; it may have any number, and a query ends at 16 MB."""

LIFECYCLE = TopicName.LIFECYCLE_EVENTS.value
HEADER_PREFIX = "dead-letter-"
WITHOUT_BODY = {"$unset": {"key": "", "value": "", "headers": ""}, "$set": {"redacted": True}}
"""Of a dead letter stay ids, reason and history."""

LINKS = ("edited_from", "replay_of")
"""What an entry that came of a dead letter has its id in."""

OWN_COMMANDS = INTERNAL.keys() | ORDERS.keys()

DUE = "due"
OF_PARTNERSHIP, OF_CUSTOMER = "partnership", "customer"
"""How far an entry is redacted: what the customer's own document needs goes with the customer."""

log = structlog.get_logger(__name__)


class _Purge(NamedTuple):
    """What a purge says must go. `customer_rev`: of the customer's document, where it is gone with it; else None."""

    entry_id: str
    at: datetime
    partnership_id: str
    customer_id: str | None
    customer_rev: int | None

    @property
    def level(self) -> str:
        return OF_PARTNERSHIP if self.customer_rev is None else OF_CUSTOMER


class Redactor:
    """Looks for purges whose traces are still there, while it holds the lease."""

    def __init__(self, secrets: Secrets, client: Client, database: str) -> None:
        self.waiting_for: str | None = None
        """Why nothing is redacted, where that lasts."""
        self._secrets = secrets
        self._db = client[database]
        self._lease = Lease(self._db, REDACTION_LEASE)
        self._behind = ""
        """The purge that was looked at last."""

    async def run(self) -> None:
        """Until cancelled. MongoDB away is waited for: what is due stays due."""
        attempt = 0
        while True:
            try:
                done = await self.look() if await self._lease.is_held() else 0
                attempt, self.waiting_for = 0, None
                await asyncio.sleep(0 if done >= AT_ONCE else LOOK_SECONDS)
            except (PyMongoError, TimeoutError, OSError) as error:
                attempt += 1
                self.waiting_for = describe(error) if attempt >= ATTEMPTS_QUIET else None
                log.warning("redaction waits", error=describe(error), attempt=attempt)
                await asyncio.sleep(backoff_seconds(attempt))

    async def look(self) -> int:
        """Redact the next of what is due, as far as it is published. Returns how many purges are done with.

        Each look goes on behind the last one: a purge that cannot be finished stands in nobody's way.
        """
        due = {"redaction": DUE, "_id": {"$gt": self._behind}}
        entries = await self._db[JOURNAL].find(due).sort("_id", 1).limit(AT_ONCE).to_list(None)
        done = 0
        for entry in entries:
            self._behind = entry["_id"]
            try:
                done += await self._finish(_purge_of(entry))
            except (ConnectionFailure, TimeoutError, OSError):
                raise  # MongoDB is away
            except Exception as error:  # noqa: BLE001 - a defect, or what MongoDB refuses; the others need not wait
                log.error("traces of a purge cannot be redacted", purge=entry["_id"], error=where(error))  # noqa: TRY400
        if len(entries) < AT_ONCE:
            self._behind = ""
        return done

    async def _finish(self, purge: _Purge) -> bool:
        """Whether nothing is left to redact for this purge. Then its mark is gone too."""
        complete = await self._redact(purge)
        if complete:
            finished = {"$unset": {"redaction": ""}, "$set": {"traces_gone": True}}
            await self._db[JOURNAL].update_one({"_id": purge.entry_id}, finished)
        return complete

    async def _redact(self, purge: _Purge) -> bool:
        published = {lane["_id"]: lane["published"] async for lane in self._db[LANES].find({}, {"published": 1})}
        query = await self._traces(purge)
        copies = [{"about" if name == "subject" else name: x for name, x in one.items()} for one in query]
        complete, count = await self._redact_entries(purge, {"$or": [*query, *copies]}, published)
        letters = 0
        async for page in self._letters(query):
            # The letters last: by them the entries of what could not be read are found.
            whole, more = await self._redact_entries(purge, {"_id": {"$in": page}}, published)
            count += more
            complete = complete and whole
            if whole:
                await self._db[DEAD_LETTERS].update_many({"_id": {"$in": page}}, WITHOUT_BODY)
                await self._lease.is_held()
                letters += len(page)
        if complete:
            log.info("traces of a purge are gone", purge=purge.entry_id, entries=count, letters=letters)
        return complete

    async def _redact_entries(
        self, purge: _Purge, query: dict[str, Any], published: dict[int, int]
    ) -> tuple[bool, int]:
        """Redact these entries. Answers whether that is all of them, and how many they were."""
        gone = purge.customer_rev is not None
        enough = [OF_CUSTOMER] if gone else [OF_CUSTOMER, OF_PARTNERSHIP]
        complete, count = True, 0
        operations: list[UpdateOne] = []
        unknown: list[tuple[str, str]] = []
        async for entry in self._db[JOURNAL].find({**query, "redacted": {"$nin": enough}}).batch_size(AT_ONCE):
            if not _is_before(entry, purge):
                continue
            if entry["offset"] >= published.get(entry["lane"], 0):
                complete = False
                continue
            try:
                records = [
                    record_without_traces(record, self._secrets, customer_gone=gone) for record in entry["records"]
                ]
            except (ValueError, KeyError) as error:  # this one alone waits, for a worker of the release that wrote it
                unknown.append((entry["_id"], where(error)))
                continue
            fields = {"records": records, "redacted": purge.level}
            operations.append(UpdateOne({"_id": entry["_id"]}, {"$set": fields}))
            count += 1
            if len(operations) >= AT_ONCE:
                await self._write(operations)
        if operations:
            await self._write(operations)
        if unknown:
            first, why = unknown[0]
            log.error("entries cannot be redacted", purge=purge.entry_id, count=len(unknown), first=first, error=why)
        return complete and not unknown, count

    async def _traces(self, purge: _Purge) -> list[dict[str, Any]]:
        """Queries for all that is about the partnership; and about the customer, where it is gone too."""
        partnerships = [purge.partnership_id]
        if purge.customer_rev is None:
            return [{"subject": {"$in": partnerships}}]
        former = {"customer_id": purge.customer_id, "state.status": "purged"}
        partnerships += [found["_id"] async for found in self._db[PARTNERSHIPS].find(former, {"_id": 1})]
        return [{"subject": {"$in": partnerships}}, {"subject": purge.customer_id, "at": {"$lte": purge.at}}]

    async def _letters(self, query: list[dict[str, Any]]) -> AsyncIterator[list[str]]:
        """Letters about the same, so many at a time.

        A letter that named nobody is known by what it became: by the entry of its replay, or of its corrected body.
        """
        became = [letter for name in LINKS for letter in await self._db[JOURNAL].distinct(name, {"$or": query})]
        theirs = {"$or": [*query, {"_id": {"$in": became}}], "redacted": {"$ne": True}}
        page: list[str] = []
        async for letter in self._db[DEAD_LETTERS].find(theirs, {"_id": 1}):
            page.append(letter["_id"])
            if len(page) >= LETTERS_AT_ONCE:
                yield page
                page = []
        if page:
            yield page

    async def _write(self, operations: list[UpdateOne]) -> None:
        await self._db[JOURNAL].bulk_write(operations, ordered=False)
        operations.clear()
        await self._lease.is_held()


def record_without_traces(record: dict[str, Any], secrets: Secrets, *, customer_gone: bool) -> dict[str, Any]:
    """A record of an entry, as stored, without anything personal. The same one where there is nothing.

    Raises:
        ValueError, KeyError: a later release wrote it, and nobody knows here what is personal in it.
    """
    topic = TopicName(record["topic"])
    if topic is TopicName.LANES:
        if orjson.loads(record["value"] or b"{}").get("type") in OWN_COMMANDS:
            return record  # ids only
        return {**record, "value": None, "digest": published_digest(record, secrets)[0]}
    if topic is TopicName.DEAD_LETTERS:
        ours = [[name, value] for name, value in record.get("headers", ()) if name.startswith(HEADER_PREFIX)]
        changed = {"key": None, "value": None, "headers": ours}
        return {**record, **changed, "digest": published_digest(record, secrets)[0]}
    said = orjson.loads(record["value"])
    kind, private = EVENTS[said["type"]], record.get("private")
    event = kind.model_validate({**said["data"], "private": private})
    read = orjson.loads(event.model_dump_json(exclude_none=True))
    if not _is_all_of(said["data"], read) or (private is not None and "private" not in kind.model_fields):
        msg = f"{said['type']} has fields that this release does not know; a worker of the later one will do it"
        raise ValueError(msg)
    after = redacted(event, customer_gone=customer_gone)
    if after is event:
        return record
    kept = {name: value for name, value in record.items() if name != "private"}
    data = orjson.loads(after.model_dump_json(exclude_none=True))
    if data == said["data"]:
        return kept
    digest, has_token = published_digest(record, secrets)
    if has_token:
        kept = {name: value for name, value in kept.items() if name not in ("token", "token_secret")}
    return {**kept, "value": orjson.dumps({**said, "data": data}), "digest": digest}


def _is_all_of(said: Any, read: Any) -> bool:
    """Whether all fields that were published were read; more may be, with their defaults."""
    if isinstance(said, dict) and isinstance(read, dict):
        return all(name in read and _is_all_of(value, read[name]) for name, value in said.items())
    if isinstance(said, list) and isinstance(read, list):
        return len(said) == len(read) and all(_is_all_of(*pair) for pair in zip(said, read, strict=True))
    return True


def _purge_of(entry: dict[str, Any]) -> _Purge:
    said = [orjson.loads(record["value"]) for record in entry["records"] if record["topic"] == LIFECYCLE]
    purged = next(each["data"] for each in said if each["type"] == PersonalDataPurged.wire_type())
    revs = {change["id"]: change["rev"] for change in entry["changes"] if change["kind"] == CUSTOMERS}
    customer_id = purged.get("customer_id")
    return _Purge(
        entry["_id"], entry["at"], entry["subject"], customer_id, revs[customer_id] if purged["customer_gone"] else None
    )


def _is_before(entry: dict[str, Any], purge: _Purge) -> bool:
    """Not where it made something of the customer after that was gone: a new life, and needed for its fold."""
    revs = [c["rev"] for c in entry["changes"] if c["kind"] == CUSTOMERS and c["id"] == purge.customer_id]
    return purge.customer_rev is None or all(rev <= purge.customer_rev for rev in revs)

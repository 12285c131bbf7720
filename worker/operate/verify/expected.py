"""What a lane published on one partition of one topic, read from the journal in log order."""

import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from contracts.topics import TopicName
from worker.encode import with_token, without_token
from worker.journal import entry_of, record_name, records_of
from worker.mongo.client import awaited
from worker.mongo.collections import DEAD_LETTERS, JOURNAL
from worker.records import REPUBLISHED_HEADER, Headers, header
from worker.secrets import Secrets

ENTRIES_AT_ONCE = 500
LETTER_ID_HEADER = "dead-letter-id"
LETTER_REASON_HEADER = "dead-letter-reason"
NO_STEP = -1

Place = tuple[int, int, int]
"""Where a record stands in its lane: offset of the lane log, step of a replay, number among the entry's records. One
that an order published again stands at the order's offset."""

FIRST: Place = (-1, NO_STEP, 0)
"""Before all others."""


class Expected(NamedTuple):
    """One record as the journal has it, with its token where the secret is known."""

    entry: str
    number: int
    """Among the entry's records."""
    place: Place
    at: datetime
    """When it was to be published; again, if an order did so."""
    decided_at: datetime
    origin: Place
    """Where it stood first, whatever published it again."""
    key: bytes | None
    value: bytes | None
    headers: Headers
    hides_token: bool
    """Whether it was published with a token that is not in `value`, nor in `digest`."""
    digest: bytes | None = None
    """Of the value as it was published, where a purge has redacted the record (decision 0011)."""
    again: bool = False
    """Whether an order published it again: the topic may have it twice then."""

    @property
    def name(self) -> str:
        """In all of the journal. The same for what was published again."""
        return record_name(self.entry, self.number)


@dataclass(slots=True)
class LaneRecords:
    """A lane's records of one topic in their order, one at a time: `head`, then `advance`."""

    db: Any
    topic: TopicName
    lane: int
    published: int
    """Below this offset everything was published; above it something may be missing yet."""
    secrets: Secrets | None
    first: Place | None
    """From here on it is judged; None as long as the first of its records that the topic still has is not known."""
    head: Expected | None = None
    pending: dict[Place, Expected] = field(default_factory=dict)
    """Passed over on the topic, and so missing unless they come later."""
    _cursor: Any = None
    _waiting: list[Expected] = field(default_factory=list)

    async def seek(self, offset: int) -> None:
        """Go to the first record at or after this offset of the lane log."""
        await self.close()
        said = [{"records.topic": self.topic.value}, {"republished.0": {"$exists": True}}]
        query = {"lane": self.lane, "offset": {"$gte": offset}, "$or": said}
        self._cursor = self.db[JOURNAL].find(query, projection_of(self.topic))
        self._cursor = self._cursor.sort(LOG_ORDER).batch_size(ENTRIES_AT_ONCE)
        self._waiting.clear()
        await self.advance()

    async def advance(self) -> None:
        """The next record becomes the head; None where there is none yet."""
        while not self._waiting:
            entry = await anext(self._cursor, None)
            if entry is None:
                self.head = None
                return
            self._waiting = (await expected_of(self.db, self.topic, entry, self.secrets))[::-1]
        self.head = self._waiting.pop()

    def is_due(self) -> bool:
        """Whether the head must be on the topic."""
        return self.head is not None and self.head.place[0] < self.published

    async def close(self) -> None:
        """Give the cursor back."""
        if self._cursor is not None:
            await awaited(self._cursor.close())


LOG_ORDER = [("offset", 1), ("step", 1)]
"""As the index `log_order` of the journal: a replay decides several entries at one offset."""


def projection_of(topic: TopicName) -> dict[str, Any]:
    """An entry's place, and its records on one topic; and what it published again."""
    on_topic = {"$filter": {"input": "$records", "cond": {"$eq": ["$$this.topic", topic.value]}}}
    topics = "$records.topic"
    return {"lane": 1, "offset": 1, "step": 1, "at": 1, "republished": 1, "records": on_topic, "topics": topics}


async def expected_of(db: Any, topic: TopicName, entry: dict[str, Any], secrets: Secrets | None) -> list[Expected]:
    """The records of an entry that was read with `projection_of`; an order's that published some again has those."""
    if names := set(entry.get("republished", ())):
        originals = db[JOURNAL].find({"_id": {"$in": [entry_of(name) for name in names]}}, projection_of(topic))
        found = [each async for original in originals.sort(LOG_ORDER) for each in _expected_of(original, secrets)]
        again = [expected for expected in found if expected.name in names]
        mark = (REPUBLISHED_HEADER, entry["_id"].encode())
        return [
            expected._replace(
                place=(entry["offset"], NO_STEP, number),
                at=entry["at"],
                headers=(*expected.headers, mark),
                again=True,
            )
            for number, expected in enumerate(again)
        ]
    return _expected_of(entry, secrets)


def _expected_of(entry: dict[str, Any], secrets: Secrets | None) -> list[Expected]:
    topic = next((record["topic"] for record in entry["records"]), None)
    numbers = [number for number, on in enumerate(entry["topics"]) if on == topic]
    return [
        Expected(
            entry["_id"],
            number,
            (entry["offset"], entry.get("step", NO_STEP), number),
            entry["at"],
            entry["at"],
            (entry["offset"], entry.get("step", NO_STEP), number),
            record["key"],
            _value(record, secrets),
            tuple((name, value) for name, value in record.get("headers", ())),
            _hides_token(record, secrets),
            record.get("digest"),
        )
        for number, record in zip(numbers, entry["records"], strict=True)
    ]


def _value(record: dict[str, Any], secrets: Secrets | None) -> bytes | None:
    value: bytes | None = record["value"]
    if "token" not in record:
        return value
    if secrets is None or _hides_token(record, secrets):
        return without_token(value)
    (outgoing,) = records_of({"records": [record]})
    return with_token(outgoing, secrets)


def _hides_token(record: dict[str, Any], secrets: Secrets | None) -> bool:
    """Whether it has a token that nobody here can make: of a secret that is not known, or not any more."""
    if "token" not in record:
        return False
    return "digest" in record or secrets is None or not secrets.accepts(record.get("token_secret", ""))


def identity(topic: TopicName, value: bytes | None, headers: Headers) -> tuple[str, str] | None:
    """(id of the journal entry, id of the record) as the record itself says; None where it says nothing."""
    if topic is TopicName.DEAD_LETTERS:
        found = [text for name, text in headers if name == LETTER_ID_HEADER and text]
        letter = found[-1].decode("utf-8", "replace") if found else None
        # One that waited is there again when it fails, with its own reason.
        reasons = [text for name, text in headers if name == LETTER_REASON_HEADER and text]
        return (letter, f"{letter} {reasons[-1]!r}" if reasons else letter) if letter else None
    try:
        said = orjson.loads(value or b"")["id"]
        entry, _, number = said.rpartition(":")
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        return None
    return (entry, said) if entry and number else None


async def look_up(
    db: Any, topic: TopicName, value: bytes | None, headers: Headers, secrets: Secrets | None
) -> tuple[int, Expected] | None:
    """(lane, record) of the journal for a record of the topic, by its id; None where the journal has none."""
    ids = identity(topic, value, headers)
    if ids is None:
        return None
    order = (header(headers, REPUBLISHED_HEADER) or b"").decode("utf-8", "replace")
    found = None
    async for entry in entries_of(db, topic, order, ids[0]):
        for expected in await expected_of(db, topic, entry, secrets):
            theirs = identity(topic, expected.value, expected.headers)
            if theirs is not None and theirs[1] == ids[1]:
                if expected.headers == headers:
                    return entry["lane"], expected
                found = found or (entry["lane"], expected)
    return found


async def entries_of(db: Any, topic: TopicName, order_id: str, entry_id: str) -> AsyncIterator[dict[str, Any]]:
    """The journal entries that a record with this id can come from; first the order that put it there, if one did."""
    for wanted in filter(None, (order_id, entry_id)):
        async for entry in db[JOURNAL].find({"_id": wanted}, projection_of(topic)):
            yield entry
    # What came of a letter was entered under the ids of the orders that decided it.
    letter = await db[DEAD_LETTERS].find_one({"_id": entry_id}, {"history.order": 1})
    for done in letter.get("history", ()) if letter else ():
        steps = {"_id": {"$regex": f"^{re.escape(done['order'])}:[0-9]+$"}, "replay_of": entry_id}
        async for entry in db[JOURNAL].find(steps, projection_of(topic)):
            yield entry


async def published_later(db: Any, passed_over: Sequence[Expected]) -> list[bool]:
    """Whether an order published each of these again, later than where it is missing."""
    last: dict[str, int] = {}
    names = [expected.name for expected in passed_over]
    async for order in db[JOURNAL].find({"republished": {"$in": names}}, {"republished": 1, "offset": 1}):
        for name in order["republished"]:
            last[name] = max(last.get(name, -1), order["offset"])
    return [last.get(expected.name, -1) > expected.place[0] for expected in passed_over]


async def first_after(db: Any, lane: int, published: int, at: datetime) -> int:
    """The first offset of a lane that was decided after `at`; by halving, because times never fall in a lane."""
    low, high = 0, published
    while low < high:
        middle = (low + high) // 2
        query = {"lane": lane, "offset": {"$gte": middle, "$lt": high}}
        entry = await db[JOURNAL].find_one(query, {"offset": 1, "at": 1}, sort=LOG_ORDER)
        if entry is None or entry["at"] > at:
            high = middle
        else:
            low = entry["offset"] + 1
    return low

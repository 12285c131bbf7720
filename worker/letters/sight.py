"""What an order sees: its letter, what stands before it, what waits behind it. Loaded in the lane's transaction."""

from dataclasses import dataclass, field
from typing import Any

import orjson
from aiokafka import ConsumerRecord

from contracts.commands.operating import (
    ContinueParked,
    EditDeadLetter,
    LetterOrder,
    ReopenDeadLetter,
    Republish,
)
from worker.decode import Item, Readable, decode
from worker.encode import CONTENT_TYPE_HEADER
from worker.letters.keys import keys_of, waits_for
from worker.letters.republishing import names_of
from worker.mongo.letters import Letter, Letters, Waiting
from worker.records import Headers, Source
from worker.secrets import Secrets

LET_GO_MAX = 100
LET_GO_BYTES_MAX = 1_048_576
"""So many letters that waited go through in one store; the lane continues with a command to itself."""


@dataclass(slots=True)
class Sight:
    """Loaded for one order."""

    letter: Letter | None = None
    item: Item | None = None
    """The letter's bytes as this release reads them, or the edited ones."""
    stands_before: str | None = None
    """A letter that must be settled first."""
    waiting: list[tuple[Letter, Item]] = field(default_factory=list)
    more: bool = False
    entries: list[dict[str, Any]] = field(default_factory=list)
    republished: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Of the records to publish again those that an order published again already, unseen by who asks for it."""

    @property
    def items(self) -> list[Item]:
        """All that this order may decide."""
        return [*([self.item] if self.item else []), *(item for _, item in self.waiting)]


def item_of(letter: Letter, secrets: Secrets, lane_log: str, value: bytes | None = None) -> Item:
    """A letter's record as it once came, decoded by this release; with another value, its correction."""
    place = letter["source"]
    source = Source(place["topic"], place["partition"], place["offset"], 0)
    original: Headers = tuple((name, content) for name, content in letter.get("headers", ()))
    headers: Headers = (CONTENT_TYPE_HEADER,) if value else original
    record = ConsumerRecord(
        topic=lane_log,
        partition=letter["lane"],
        offset=letter["offset"],
        timestamp=0,
        timestamp_type=1,
        key=letter.get("key"),
        value=value or letter.get("value"),  # none after a purge
        checksum=None,
        serialized_key_size=-1,
        serialized_value_size=-1,
        headers=(*headers, source.to_header()),
    )
    return decode(record, secrets)


async def look(letters: Letters, session: Any, secrets: Secrets, item: Item, let_go_max: int) -> Sight:
    """Load what this order is about. With `let_go_max` 0 nothing of what waits is taken along."""
    order = item.decoded.message.data if isinstance(item.decoded, Readable) else None
    lane_log = item.record.topic
    sight, found = Sight(), Waiting([], more=False)
    if isinstance(order, ContinueParked):
        partner = item.decoded.message.partner_id  # type: ignore[union-attr] # it is readable
        found = await letters.waiting(session, order.blocks, partner, "", max(1, let_go_max), LET_GO_BYTES_MAX)
    elif isinstance(order, LetterOrder):
        letter = sight.letter = await letters.find(session, order.letter_id)
        if letter is None:
            return sight
        edited = orjson.dumps(order.body) if isinstance(order, EditDeadLetter) else None
        sight.item = item_of(letter, secrets, lane_log, edited)
        keys = keys_before(letter, sight.item)
        sight.stands_before = await letters.before(session, keys, letter["offset"], letter["_id"])
        if "blocks" in letter and not isinstance(order, ReopenDeadLetter):
            found = await letters.waiting(
                session, letter["blocks"], letter["partner"], letter["_id"], let_go_max, LET_GO_BYTES_MAX
            )
    elif isinstance(order, Republish):
        sight.entries = await letters.entries(session, order.records)
        sight.republished = await letters.republished(session, names_of(order, sight.entries), order.seen)
    sight.waiting = [(letter, item_of(letter, secrets, lane_log)) for letter in found.letters]
    sight.more = found.more
    return sight


def keys_before(letter: Letter, item: Item) -> tuple[str, ...]:
    """What it waits for: as it can be read now, else as much as could be read of it."""
    if isinstance(item.decoded, Readable):
        return waits_for(item)
    partner = letter["partner"]
    return keys_of(letter["subject"] or partner, partner) if partner else ()

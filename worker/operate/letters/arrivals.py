"""What would become of exported letters here: by what this journal and these dead letters know of them already."""

from collections.abc import AsyncIterator, Iterable
from datetime import datetime
from enum import StrEnum
from itertools import islice
from typing import Any, NamedTuple

from contracts.registry import INTERNAL, ORDERS
from contracts.topics import COMMAND_TOPICS, TopicName
from worker.dead_letters import DISCARDED, OPEN, PARKED, RESOLVED, Fault, fingerprint_of
from worker.decode import Item, Readable
from worker.journal import Outcome
from worker.letters.keys import waits_for
from worker.letters.sight import item_of
from worker.mongo.client import awaited
from worker.mongo.collections import DEAD_LETTERS, JOURNAL
from worker.operate.access import Access
from worker.operate.letters.lines import Carried
from worker.records import header
from worker.secrets import Secrets

IMPORTED_HEADER = "imported-from"
"""On a record that an import sends: the id of the letter that it was, wherever that was."""

AT_ONCE = 50
"""Letters held at once: each can have a body of a megabyte."""


class Fate(StrEnum):
    """What an import does with a letter, and why."""

    NEW = "new"
    UNREADABLE = "unreadable"
    BEHIND = "behind"
    DECIDED = "decided"
    LETTER = "letter"
    TAKEN = "taken"
    SETTLED = "settled"
    REDACTED = "redacted"
    OWN = "own"
    DRY_RUN = "dry_run"


class Arrival(NamedTuple):
    """A letter from elsewhere, and what it is here.

    `topic`: where its record belongs; None where nowhere. `late`: something about its partnership was decided
    here since.
    """

    letter: Carried
    item: Item
    fate: Fate
    topic: TopicName | None
    late: bool

    @property
    def partner(self) -> str | None:
        """As far as it can be read."""
        decoded = self.item.decoded
        return decoded.message.partner_id if isinstance(decoded, Readable) else decoded.partner_id


def origin_of(letter: Carried) -> str:
    """It stays the same through several exports and imports."""
    found = header(letter.headers, IMPORTED_HEADER)
    return found.decode("utf-8", "replace") if found else letter.id


async def judge(access: Access, letters: Iterable[Carried], *, unreadable: bool) -> AsyncIterator[Arrival]:
    """Each of these with its fate, in their order and in bounded memory. Reads only.

    A command is known by its id and the digest of its body, as for every repeat (P2). What cannot be read has no such
    id; it is known by the letter that it was. Unless it is to be sent too, what waits behind it stays away with it.
    """
    secrets = Secrets.of(access.settings)
    lane_log = access.settings.topic(TopicName.LANES)
    held: set[str] = set()
    left = iter(letters)
    while some := [(letter, item_of(_stored(letter), secrets, lane_log)) for letter in islice(left, AT_ONCE)]:
        known = await _known(access, some)
        for letter, item in some:
            topic = _topic(letter, item)
            fate = _fate(letter, item, topic, known)
            if fate is Fate.UNREADABLE and not unreadable and letter.blocks is not None:
                held.add(letter.blocks)
            elif fate is Fate.NEW and not held.isdisjoint(waits_for(item)):
                fate = Fate.BEHIND
            late = letter.subject in known.last and known.last[letter.subject] > letter.at
            yield Arrival(letter, item, fate, topic, late)


def _stored(letter: Carried) -> dict[str, Any]:
    """As MongoDB had it, as far as decoding needs it."""
    return {
        "source": letter.source.model_dump(),
        "lane": 0,
        "offset": 0,
        "key": letter.key,
        "value": letter.value,
        "headers": letter.headers,
    }


def _topic(letter: Carried, item: Item) -> TopicName | None:
    """The public topic that it came from; for what a lane had sent on to another lane the command's own."""
    name = letter.source.name
    if name in COMMAND_TOPICS:
        return name
    return item.decoded.message.data.TOPIC if isinstance(item.decoded, Readable) else None


class _Known(NamedTuple):
    """What this deployment knows."""

    entries: dict[str, dict[str, Any]]
    """Command id → digest and outcome."""
    states: dict[str, str]
    """Id of a letter, here or where it comes from → its state here."""
    last: dict[str | None, datetime]
    """Subject → when something about it was decided last."""


async def _known(access: Access, some: list[tuple[Carried, Item]]) -> _Known:
    ids = [item.decoded.message.id for _, item in some if isinstance(item.decoded, Readable)]
    entries = access.db[JOURNAL].find({"_id": {"$in": ids}}, {"digest": 1, "outcome": 1})
    by_id = {entry["_id"]: entry async for entry in entries}
    wanted = [*ids, *(letter.id for letter, _ in some), *(origin_of(letter) for letter, _ in some)]
    letters = access.db[DEAD_LETTERS]
    states = {found["_id"]: found["state"] async for found in letters.find({"_id": {"$in": wanted}}, {"state": 1})}
    # Letters that an import made here, among those that failed alike: so an index leads to them.
    alike = {
        "state": {"$in": [OPEN, PARKED, RESOLVED, DISCARDED]},
        "fingerprint": {"$in": [print_ for _, item in some if (print_ := _fingerprint(item))]},
        "headers": {"$in": [[IMPORTED_HEADER, origin_of(letter).encode()] for letter, _ in some]},
    }
    async for found in letters.find(alike, {"state": 1, "headers": 1}):
        origin = header(found["headers"], IMPORTED_HEADER) or b""
        states[origin.decode("utf-8", "replace")] = found["state"]
    subjects = [letter.subject for letter, _ in some if letter.subject is not None]
    newest = [{"$match": {"subject": {"$in": subjects}}}, {"$group": {"_id": "$subject", "at": {"$max": "$at"}}}]
    decided = await awaited(access.db[JOURNAL].aggregate(newest))
    return _Known(by_id, states, {row["_id"]: row["at"] async for row in decided})


def _fingerprint(item: Item) -> str | None:
    decoded = item.decoded
    if isinstance(decoded, Readable):
        return None
    return fingerprint_of(Fault(decoded.reason.value, decoded.error), decoded.command_type)


def _fate(letter: Carried, item: Item, topic: TopicName | None, known: _Known) -> Fate:  # noqa: PLR0911 - one for each
    if letter.redacted:
        return Fate.REDACTED
    if letter.state not in (OPEN, PARKED):
        return Fate.SETTLED
    if letter.type in INTERNAL or letter.type in ORDERS or topic is None:
        return Fate.OWN
    decoded = item.decoded
    if not isinstance(decoded, Readable):
        return _of_letter(known.states.get(letter.id) or known.states.get(origin_of(letter))) or Fate.UNREADABLE
    if decoded.message.data.dry_run:
        return Fate.DRY_RUN
    entry = known.entries.get(decoded.message.id)
    if entry is None:
        return _of_letter(known.states.get(letter.id)) or Fate.NEW
    if entry.get("digest") != decoded.digest:
        return Fate.TAKEN
    as_letter = _of_letter(known.states.get(decoded.message.id))
    return as_letter if as_letter and entry["outcome"] == Outcome.DEAD_LETTER else Fate.DECIDED


def _of_letter(state: str | None) -> Fate | None:
    if state is None:
        return None
    return Fate.LETTER if state in (OPEN, PARKED) else Fate.DECIDED

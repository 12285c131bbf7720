"""One dead letter with all that an operator needs to decide what to do with it."""

import contextlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from contracts.registry import INTERNAL, ORDERS
from contracts.topics import TopicName
from worker.dead_letters import OPEN, PARKED
from worker.decode import Item, Readable
from worker.letters.orders import REPLAYS_MAX
from worker.letters.sight import item_of, keys_before
from worker.mongo.collections import DEAD_LETTERS, JOURNAL
from worker.mongo.letters import Letters
from worker.operate.access import Access
from worker.operate.letters.find import Letter, find_letter
from worker.secrets import Secrets

FIRST_WAITING = 5
WAITING_FIELDS = ("command_id", "type", "subject", "at", "offset")


@dataclass(frozen=True, slots=True)
class Reading:
    """What this release makes of the bytes. `reason` and `error`: why it still cannot read them."""

    reason: str | None = None
    error: str = ""

    @property
    def is_command(self) -> bool:
        """Whether a replay would come as far as to decide it."""
        return self.reason is None


@dataclass(frozen=True, slots=True)
class Body:
    """A letter's value as far as people can read it: JSON, text, or neither."""

    size: int
    kind: str
    value: Any


@dataclass(frozen=True, slots=True)
class Decided:
    """Another record with the same command's id has been decided: a replay would be a repeat of it."""

    entry: str
    outcome: str
    code: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Looked:
    """One letter, and its surroundings. `letter` is the document as it is stored."""

    letter: Letter
    body: Body
    reading: Reading | None
    """None where it cannot be tried: after a purge, or without the secret for the worker's own commands."""
    decided: Decided | None
    stands_before: str | None
    """The letter that has to be settled first."""
    waiting: int
    """How many letters are parked behind it."""
    first_waiting: list[Letter] = field(default_factory=list)

    @property
    def guarded(self) -> bool:
        """Whether it was replayed so often that another replay has to be forced."""
        return bool(self.letter.get("replays", 0) >= REPLAYS_MAX)


async def look(access: Access, letter_id: str) -> Looked:
    """Everything about a letter. Raises WrongRequest where there is none of this id, or several."""
    letter = await find_letter(access, letter_id)
    secrets = Secrets.of(access.settings)
    item = item_of(letter, secrets, access.settings.topic(TopicName.LANES))
    before = await Letters(access.db).before(None, keys_before(letter, item), letter["offset"], letter["_id"])
    behind = _behind(letter)
    waiting, first = 0, []
    if behind is not None:
        found = access.db[DEAD_LETTERS].find(behind, dict.fromkeys(WAITING_FIELDS, 1))
        first = await found.sort("offset", 1).limit(FIRST_WAITING).to_list(None)
        waiting = await access.db[DEAD_LETTERS].count_documents(behind)
    return Looked(
        letter=letter,
        body=body_of(letter.get("value")),
        reading=_reading(access, letter, item),
        decided=await _decided(access, letter, item),
        stands_before=before if letter["state"] in (OPEN, PARKED) else None,
        waiting=waiting,
        first_waiting=first,
    )


def body_of(value: bytes | None) -> Body:
    """A record's value for people."""
    if not value:
        return Body(0, "empty", None)
    with contextlib.suppress(ValueError, TypeError, RecursionError):
        body = orjson.loads(value)
        orjson.dumps([[body]])  # it nests less deep than loads
        return Body(len(value), "JSON", body)
    try:
        return Body(len(value), "text", value.decode())
    except UnicodeDecodeError:
        return Body(len(value), "binary", value)


def _reading(access: Access, letter: Letter, item: Item) -> Reading | None:
    own = letter["type"] in INTERNAL or letter["type"] in ORDERS
    if letter.get("redacted") or (own and not access.has_secret):
        return None
    if isinstance(item.decoded, Readable):
        return Reading()
    return Reading(item.decoded.reason.value, item.decoded.error)


async def _decided(access: Access, letter: Letter, item: Item) -> Decided | None:
    """What the journal has under the command's id, where that came of another record."""
    command_id = item.decoded.message.id if isinstance(item.decoded, Readable) else letter["command_id"]
    if command_id is None or command_id == letter["_id"]:
        return None
    fields = {"outcome": 1, "code": 1, "at": 1, "replay_of": 1}
    entry = await access.db[JOURNAL].find_one({"_id": command_id}, fields)
    if entry is None or entry.get("replay_of") == letter["_id"]:
        return None
    return Decided(entry["_id"], entry["outcome"], entry.get("code"), entry["at"])


def _behind(letter: Letter) -> dict[str, Any] | None:
    """What waits behind it: of its partnership, or, where it holds its partner, of all the partner's."""
    blocks = letter.get("blocks")
    if blocks is None:
        return None
    whole = f"partner:{letter['partner']}"
    whose = {"partner": letter["partner"], "blocks": {"$gt": ""}} if blocks == whole else {"blocks": blocks}
    return {**whose, "state": PARKED, "offset": {"$gt": letter["offset"]}}

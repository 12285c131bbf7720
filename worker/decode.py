"""Step 1 of a lane: bytes → command, or the reason why not. Never raises because of what a record holds."""

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple, TypeVar

import orjson
from aiokafka import ConsumerRecord
from pydantic import ValidationError

from contracts.base import ID_CHARACTERS_MAX
from contracts.commands.internal import SpreadAgreement
from contracts.commands.operating import Order
from contracts.message import Command, CommandFrame, CommandMessage
from contracts.registry import COMMANDS, INTERNAL, ORDERS
from contracts.topics import COMMAND_BYTES_MAX
from worker.records import (
    BATCH_TOO_LARGE,
    HEADERS_MAX,
    RECORD_BROKEN,
    SIGNATURE_HEADER,
    TOO_LARGE_HEADER,
    UNPACKED_BYTES_MAX,
    Source,
    header,
)
from worker.secrets import Secrets

C = TypeVar("C", bound=Command)
PROBLEMS_MAX = 100
SIZE_PATTERN = re.compile(rb"\d{1,12}")
ERROR_CHARACTERS_MAX = 500
"""Of an error's text in a dead letter: enough to act on, too little to carry a body along."""


class Unreadable(StrEnum):
    """Why a record cannot be read as a command."""

    EMPTY = "EMPTY"
    TOO_LARGE = "TOO_LARGE"
    NOT_JSON = "NOT_JSON"
    NOT_A_CLOUD_EVENT = "NOT_A_CLOUD_EVENT"
    UNKNOWN_TYPE = "UNKNOWN_TYPE"
    INVALID_DATA = "INVALID_DATA"


class Readable(NamedTuple):
    """A command, and the digest by which a repeat is told from another command with the same id (P2)."""

    message: CommandMessage
    digest: bytes
    internal: bool


@dataclass(frozen=True, slots=True)
class Undecodable:
    """What could not be read, with as much of its frame as could."""

    reason: Unreadable
    error: str
    command_id: str | None = None
    command_type: str | None = None
    subject: str | None = None
    partner_id: str | None = None
    dry_run: bool = False
    internal: bool = False
    """A worker or an operator sealed it: of another release, where it cannot be read."""

    def is_own(self, beginning: str) -> bool:
        """Whether it is one of the worker's own commands whose ids begin so (worker/records.py)."""
        return self.internal and self.command_id is not None and self.command_id.startswith(beginning)


class Item(NamedTuple):
    """One record of a lane, decoded as far as it can be."""

    record: ConsumerRecord
    source: Source
    decoded: Readable | Undecodable
    position_id: str
    """The id of its journal entry where it has no command id of its own."""

    @classmethod
    def of(cls, record: ConsumerRecord, decoded: Readable | Undecodable) -> "Item":
        """The item of a record that is decoded."""
        source = Source.of(record)
        return cls(record, source, decoded, source.position_id(record.value))


def is_order(item: Item) -> bool:
    """Whether it is about a dead letter or the journal, and not about a partnership."""
    return _is_our_own(item, Order)


def speaks_to_many(item: Item) -> bool:
    """Whether more commands may follow from it than a batch holds."""
    return _is_our_own(item, SpreadAgreement)


def _is_our_own(item: Item, kind: type[Command]) -> bool:
    decoded = item.decoded
    return isinstance(decoded, Readable) and decoded.internal and isinstance(decoded.message.data, kind)


def decode(record: ConsumerRecord, secrets: Secrets) -> Item:
    """Decode one record of the lane log."""
    return Item.of(record, _decode(record, secrets))


def _decode(record: ConsumerRecord, secrets: Secrets) -> Readable | Undecodable:  # noqa: PLR0911 - one for each reason
    value = record.value
    if not value:
        return _unmoved(record) or Undecodable(Unreadable.EMPTY, "the record has no value")
    if len(value) > COMMAND_BYTES_MAX:
        return Undecodable(Unreadable.TOO_LARGE, f"{len(value)} bytes; a command may have {COMMAND_BYTES_MAX}")
    try:
        body = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        return Undecodable(Unreadable.NOT_JSON, str(error)[:ERROR_CHARACTERS_MAX])
    if not isinstance(body, dict):
        return Undecodable(Unreadable.NOT_A_CLOUD_EVENT, f"a JSON object is needed, this is {type(body).__name__}")
    try:
        frame = CommandFrame.model_validate(body)
    except ValidationError as error:
        return _undecodable(Unreadable.NOT_A_CLOUD_EVENT, problems_of(error), body)

    command = COMMANDS.get(frame.type)
    # Only a sealed one is ours; anybody can publish a record that says it is.
    internal = command is None and secrets.is_sealed(value, header(record.headers, SIGNATURE_HEADER))
    if internal:
        command = INTERNAL.get(frame.type) or ORDERS.get(frame.type)
    if command is None:
        why = f"no command has the type {frame.type!r}"
        return _undecodable(Unreadable.UNKNOWN_TYPE, why, body, internal=internal)

    try:
        data = orjson.dumps(body.get("data"), option=orjson.OPT_SORT_KEYS)
        message = CommandMessage(
            id=frame.id,
            subject=frame.subject,
            partner_id=frame.partitionkey,
            data=strictly(command, data),
            correlation_id=frame.correlationid,
        )
        return Readable(message, digest_of(frame, orjson.Fragment(data)), internal)
    except ValidationError as error:
        return _undecodable(Unreadable.INVALID_DATA, problems_of(error), body, internal=internal)
    except (TypeError, RecursionError) as error:  # orjson.dumps nests less deep than orjson.loads
        return _undecodable(Unreadable.INVALID_DATA, str(error)[:ERROR_CHARACTERS_MAX], body)


def strictly(kind: type[C], data: bytes) -> C:
    """A command's fields, of the types that its schema says: "12.00" or true is no amount of money, and 1 is no time.

    Raises:
        ValidationError: what is wrong with them.
    """
    return kind.model_validate_json(data, strict=True)


def _unmoved(record: ConsumerRecord) -> Undecodable | None:
    """What was left where it was (worker/intake.py, record_batch.py)."""
    size = header(record.headers, TOO_LARGE_HEADER)
    reason = Unreadable.TOO_LARGE
    if size == RECORD_BROKEN:
        reason, told = Unreadable.NOT_A_CLOUD_EVENT, "its lengths are not what it says"
    elif size == BATCH_TOO_LARGE:
        told = f"its batch has more than {UNPACKED_BYTES_MAX} bytes when it is unpacked"
    elif size is not None and SIZE_PATTERN.fullmatch(size):
        told = f"{int(size)} bytes with key and headers, or more than {HEADERS_MAX} of these"
    else:
        return None
    return Undecodable(reason, f"{told}; it is on its own topic only")


def digest_of(frame: CommandFrame, data: object) -> bytes:
    """16 bytes that are the same for a repeat, whatever its time, tracing, white space and order of keys.

    Made from the data as sent, not as read: a release that reads a new field must not take an old command's repeat
    for another command.
    """
    canonical = orjson.dumps([frame.type, frame.subject, frame.partitionkey, data], option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(canonical, digest_size=16).digest()


def _undecodable(reason: Unreadable, error: str, body: dict[str, Any], *, internal: bool = False) -> Undecodable:
    def text(name: str) -> str | None:
        value = body.get(name)
        return value if isinstance(value, str) and 0 < len(value) <= ID_CHARACTERS_MAX else None

    data = body.get("data")
    dry_run = isinstance(data, dict) and data.get("dry_run") is True
    names = text("id"), text("type"), text("subject"), text("partitionkey")
    return Undecodable(reason, error, *names, dry_run, internal)


def problems_of(error: ValidationError) -> str:
    """Field and rule of each problem, without the value: it may be personal data. Not of 100,000: that takes long."""
    if error.error_count() > PROBLEMS_MAX:
        return f"{error.error_count()} problems"
    problems = error.errors(include_input=False, include_url=False, include_context=False)
    text = "; ".join(f"{'.'.join(str(part) for part in p['loc']) or 'data'}: {p['msg']}" for p in problems[:10])
    return text[:ERROR_CHARACTERS_MAX]

"""Dead letters: what could not be handled, kept byte for byte, as a record for the topic and as a document."""

import hashlib
import traceback
from datetime import datetime
from typing import Any, NamedTuple

from contracts.topics import TopicName
from worker.decode import Item, Readable
from worker.records import HEADERS_MAX, SOURCE_HEADER, Outgoing

HANDLER_FAILED = "HANDLER_FAILED"
NOT_STORABLE = "NOT_STORABLE"
DOCUMENT_UNREADABLE = "DOCUMENT_UNREADABLE"
PARKED_BEHIND = "PARKED_BEHIND"

OPEN, PARKED, RESOLVED, DISCARDED = "open", "parked", "resolved", "discarded"
"""The states of a letter."""

HEADER_BYTES_MAX = 1024
"""Headers of the record that are copied to the topic; larger ones are in the document only."""

ORIGINAL_HEADERS_MAX = 50


class Fault(NamedTuple):
    """Why a record became a dead letter: a code, and what to tell about it."""

    reason: str
    error: str
    is_partners: bool = False
    """All of the partner's partnerships would fail in the same way: they wait."""


def where(error: BaseException) -> str:
    """Class and place of a fault. Not its text: that can hold what was in the message."""
    frames = traceback.extract_tb(error.__traceback__)[-3:]
    places = " < ".join(
        f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno} {frame.name}" for frame in reversed(frames)
    )
    return f"{type(error).__name__} at {places}" if places else type(error).__name__


def fingerprint_of(fault: Fault, command_type: str | None) -> str:
    """The same for all letters that failed alike."""
    return hashlib.sha256(f"{fault.reason}\0{command_type}\0{fault.error}".encode()).hexdigest()[:12]


def dead_letter(
    letter_id: str, item: Item, fault: Fault, lane: int, partition: int, now: datetime, blocks: str | None
) -> tuple[Outgoing, dict[str, Any]]:
    """The record for the dead-letter topic, and the document that operators work with.

    `blocks` is what waits for it (worker/letters/keys.py); the field is absent where nobody does.
    """
    record, source = item.record, item.source
    reason, error = fault.reason, fault.error
    message = item.decoded.message if isinstance(item.decoded, Readable) else None
    undecodable = None if isinstance(item.decoded, Readable) else item.decoded
    command_type = message.data.wire_type() if message else undecodable.command_type if undecodable else None
    fingerprint = fingerprint_of(fault, command_type)
    original = list(record.headers)
    if original and original[-1][0] == SOURCE_HEADER:
        original.pop()  # what intake added; one of this name before it is the producer's own
    headers: list[tuple[str, bytes | None]] = [
        (name, value) for name, value in original[:ORIGINAL_HEADERS_MAX] if len(value or b"") <= HEADER_BYTES_MAX
    ]
    headers += [
        ("dead-letter-id", letter_id.encode()),
        ("dead-letter-reason", reason.encode()),
        ("dead-letter-error", error.encode("utf-8", "replace")),
        ("dead-letter-fingerprint", fingerprint.encode()),
        ("dead-letter-source", f"{source.topic}:{source.partition}:{source.offset}".encode()),
    ]
    outgoing = Outgoing(TopicName.DEAD_LETTERS, partition, record.key, record.value, tuple(headers))
    document = {
        "_id": letter_id,
        "state": PARKED if reason == PARKED_BEHIND else OPEN,
        "at": now,
        "reason": reason,
        "error": error,
        "fingerprint": fingerprint,
        "lane": lane,
        "offset": record.offset,
        "source": {"topic": source.topic, "partition": source.partition, "offset": source.offset},
        "command_id": message.id if message else undecodable and undecodable.command_id,
        "type": command_type,
        "subject": message.subject if message else undecodable and undecodable.subject,
        "partner": message.partner_id if message else undecodable and undecodable.partner_id,
        "key": record.key,
        "value": record.value,
        "headers": [[name, value] for name, value in original[:HEADERS_MAX]],
    }
    if blocks is not None:
        document["blocks"] = blocks
    return outgoing, document

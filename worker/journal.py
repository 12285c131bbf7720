"""The journal: one entry for each command, inbox, outbox, audit trail and history at once.

An entry's `_id` is the `command_id`. What has none of its own, or must not take one (unreadable records, dry runs,
reused and reserved ids), has an id made of its source position; such ids begin with `~`.
"""

import hashlib
from collections.abc import Collection, Iterable
from datetime import datetime
from enum import StrEnum
from typing import Any

from contracts.message import Event
from contracts.topics import TopicName
from worker.decode import Item, Readable
from worker.encode import as_published
from worker.records import EDITED_FROM_HEADER, REPUBLISHED_HEADER, Outgoing, header
from worker.secrets import Secrets

LETTER_ID_BYTES_MAX = 512


class Outcome(StrEnum):
    """How a record ended (P1). A repeat has no entry: it is the same as its first."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    ANSWERED = "answered"
    DEAD_LETTER = "dead_letter"


def entry(
    entry_id: str,
    item: Item,
    lane: int,
    now: datetime,
    outcome: Outcome,
    records: list[dict[str, Any]],
    code: str | None = None,
    changes: list[dict[str, Any]] | None = None,
    *,
    purges: bool = False,
    more: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """An entry as it is stored.

    `purges`: its traces, and its partnership's, must go (worker/redaction.py). `more`: an order's result, or the place
    of a replayed letter.
    """
    source = item.source
    fields: dict[str, Any] = {
        "_id": entry_id,
        "lane": lane,
        "offset": item.record.offset,
        "at": now,
        "source": f"{source.topic}:{source.partition}:{source.offset}",
        "outcome": outcome,
        "changes": changes or [],
        "records": records,
    }
    if code is not None:
        fields["code"] = code
    if purges:
        fields["redaction"] = "due"
    if isinstance(item.decoded, Readable):
        message = item.decoded.message
        actor = message.data.actor
        fields |= {
            "digest": item.decoded.digest,
            "command_id": message.id,
            "type": message.data.wire_type(),
            "subject": message.subject,
            "partner": message.partner_id,
            "actor": {"kind": actor.kind, "party_id": actor.party_id, "user_id": actor.user_id},
        }
    else:
        fields |= {"command_id": item.decoded.command_id, "type": item.decoded.command_type}
    if source.topic == item.record.topic and (edited := header(item.record.headers, EDITED_FROM_HEADER)):
        # By a lane: what came in from outside has another source. But anybody might write into the lane log.
        fields["edited_from"] = edited[:LETTER_ID_BYTES_MAX].decode("utf-8", "replace")
    return fields | more if more else fields


def step(offset: int, order_id: str, number: int, letter_id: str, edited_from: str | None) -> dict[str, Any]:
    """The fields of an entry that came of an order: its place in the log is the order's, and it is one of several."""
    link = {"replay_of": letter_id} if edited_from is None else {"edited_from": edited_from}
    return {"offset": offset, "step": number, "order": order_id, **link}


def record_to_bson(record: Outgoing, event: Event | None = None) -> dict[str, Any]:
    """A record as an entry keeps it, with the event's private part, which documents need and topics must not carry."""
    fields: dict[str, Any] = {
        "topic": record.topic,  # a string to BSON, as every StrEnum
        "partition": record.partition,
        "key": record.key,
        "value": record.value,
    }
    if record.headers:
        fields["headers"] = [[name, value] for name, value in record.headers]
    if record.token:
        fields["token"], fields["token_secret"] = list(record.token[:3]), record.token[3]
    # Of the instance: getattr() with a default costs a model without the field an exception.
    private = event.__dict__.get("private") if event is not None else None
    if private is not None:
        fields["private"] = private.model_dump()
    return fields


def record_name(entry_id: str, number: int) -> str:
    """The name of one record in all of the journal: its entry, and its number there from 0."""
    return f"{entry_id}:{number}"


def entry_of(name: str) -> str:
    """The entry in such a name."""
    return name.rpartition(":")[0]


def republished(
    order_id: str, entries: Iterable[dict[str, Any]], names: Collection[str]
) -> list[tuple[str, dict[str, Any]]]:
    """(name, record as stored) of what an order publishes again, with its mark, in the order of these entries.

    The order's own entry has the names alone (`republished`): a copy would be one more place for a purge to redact.
    Without those that were redacted: their bytes are gone.
    """
    mark = [REPUBLISHED_HEADER, order_id.encode()]
    return [
        (name, {**record, "headers": [*record.get("headers", ()), mark]})
        for entry in entries
        for number, record in enumerate(entry["records"])
        if (name := record_name(entry["_id"], number)) in names and "digest" not in record
    ]


def published_digest(record: dict[str, Any], secrets: Secrets) -> tuple[bytes, bool]:
    """16 bytes for the value of a stored record as it was published; of a redacted one its own, which it keeps.

    And whether its token is in them: not where nobody knows the secret any more with which that was made.
    """
    if "digest" in record:
        return bytes(record["digest"]), "token" not in record
    (outgoing,) = records_of({"records": [record]})
    value, has_token = as_published(outgoing, secrets)
    return digest_of_value(value), has_token


def digest_of_value(value: bytes | None) -> bytes:
    """What is kept of a published value that was redacted."""
    return hashlib.blake2b(value or b"", digest_size=16).digest()


def records_of(stored: dict[str, Any]) -> list[Outgoing]:
    """The records of an entry, in the order in which they were decided."""
    return [
        Outgoing(
            topic=TopicName(record["topic"]),
            partition=record["partition"],
            key=record["key"],
            value=record["value"],
            headers=tuple((name, value) for name, value in record.get("headers", ())),
            token=(*record["token"], record.get("token_secret", "")) if "token" in record else None,
        )
        for record in stored["records"]
    ]

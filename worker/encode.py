"""The bytes of everything that a decision sends out.

Made before the store: what cannot be encoded, or no topic would take, becomes a dead letter then; after the store it
would fail for ever.
"""

from typing import Any

import orjson

from contracts.message import CONTENT_TYPE, CommandMessage, Typed
from contracts.topics import RECORD_BYTES_MAX
from handlers.tokens import shown
from worker.records import Outgoing
from worker.secrets import Secrets

SOURCE = "partnership-worker"
BATCH_OVERHEAD_BYTES = 1024
"""What headers and a record batch add to key and value; Kafka's limit is on the batch."""

CONTENT_TYPE_HEADER = ("content-type", CONTENT_TYPE.encode())


class RecordTooLarge(Exception):
    """An event or command that no topic would take."""


def cloud_event(data: Typed, event_id: str, subject: str, partner_id: str, cause: CommandMessage, now: str) -> bytes:
    """One CloudEvent 1.0 in structured mode.

    Raises:
        RecordTooLarge: above Kafka's usual limit, which is also that of our topics.
    """
    event: dict[str, Any] = {
        "specversion": "1.0",
        "id": event_id,
        "source": SOURCE,
        "type": data.wire_type(),
        "subject": subject,
        "time": now,
        "partitionkey": partner_id,
        "causationid": cause.id,
        "correlationid": cause.correlation_id or cause.id,
        "datacontenttype": "application/json",
        "data": orjson.Fragment(data.__pydantic_serializer__.to_json(data, exclude_none=True)),
    }
    value = orjson.dumps(event)
    if len(value) + len(subject) > RECORD_BYTES_MAX - BATCH_OVERHEAD_BYTES:
        msg = f"{data.wire_type()} has {len(value)} bytes"
        raise RecordTooLarge(msg)
    return value


def with_token(record: Outgoing, secrets: Secrets) -> bytes | None:
    """The value as it goes out: with its token, which neither journal nor documents hold."""
    if record.token is None or record.value is None:
        return record.value
    body = orjson.loads(record.value)
    body["data"]["params"]["token"] = shown(record.token[0], secrets.token(*record.token))
    return orjson.dumps(body)


def as_published(record: Outgoing, secrets: Secrets) -> tuple[bytes | None, bool]:
    """The value as it went out, and whether all of it is known: not its token, where the secret is not that made it."""
    if record.token is None or secrets.accepts(record.token[3]):
        return with_token(record, secrets), True
    return without_token(record.value), False


def without_token(value: bytes | None) -> bytes | None:
    """A notice with its token left out, for those who do not know the secret."""
    try:
        body = orjson.loads(value or b"")
        body["data"]["params"].pop("token", None)
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        return value
    return orjson.dumps(body)

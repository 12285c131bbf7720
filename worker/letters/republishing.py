"""What comes of an order to publish journal entries again: their records as they were, with a header that says so."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from contracts.commands.operating import Answer, Republish
from contracts.topics import TopicName
from worker.journal import records_of
from worker.mongo.store import LaneDocument
from worker.records import REPUBLISHED_HEADER, Outgoing

REPUBLISHED_BYTES_MAX = 2_097_152


class Republished(NamedTuple):
    """What the order is answered with. `about`: whose records these copies are."""

    answer: Answer | None
    result: dict[str, Any]
    records: list[Outgoing]
    about: set[str]


def republished(lane: LaneDocument, order_id: str, wanted: Republish, entries: Sequence[dict[str, Any]]) -> Republished:
    """The records of these entries; or why not. What a purge has redacted is not what was published, and stays away."""
    kept = [{**entry, "records": [one for one in entry["records"] if "digest" not in one]} for entry in entries]
    redacted = sum(len(entry["records"]) for entry in entries) - sum(len(entry["records"]) for entry in kept)
    mark = (REPUBLISHED_HEADER, order_id.encode())
    records = [
        record._replace(headers=(*record.headers, mark))
        for entry in kept
        for record in records_of(entry)
        if record.topic is not TopicName.LANES
    ]
    answer = None
    if len(entries) < len(set(wanted.entry_ids)):
        answer = Answer.NOT_FOUND
    elif any(entry["lane"] != lane.lane for entry in entries):
        answer = Answer.OTHER_LANE
    elif any(entry["offset"] >= lane.published for entry in entries):
        answer = Answer.NOT_PUBLISHED_YET
    elif sum(len(record.value or b"") for record in records) > REPUBLISHED_BYTES_MAX and len(entries) > 1:
        answer = Answer.TOO_MUCH
    elif redacted and not records:
        answer = Answer.REDACTED
    if answer is not None:
        records = []
    result = {"entries": len(entries), "records": len(records)} | ({"redacted": redacted} if redacted else {})
    return Republished(
        answer, result, records, {entry["subject"] for entry in kept if records and entry.get("subject")}
    )

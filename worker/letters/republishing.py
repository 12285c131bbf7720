"""Publishing again what the topics lost: the lane alone may do it, and never twice for two who saw the same gap."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from contracts.commands.operating import Answer, Republish
from contracts.topics import TopicName
from worker.journal import record_name, records_of, republished

if TYPE_CHECKING:
    from worker.letters.orders import Desk
    from worker.letters.sight import Sight

REPUBLISHED_BYTES_MAX = 2_097_152


def names_of(wanted: Republish, entries: Iterable[dict[str, Any]]) -> set[str]:
    """The records that are asked for, by name. The lane's own commands are none of them: they were decided once."""
    return {
        record_name(entry["_id"], number)
        for entry in entries
        for number, record in enumerate(entry["records"])
        if record["topic"] != TopicName.LANES and number in (wanted.records[entry["_id"]] or (number,))
    }


def republish(desk: "Desk", order_id: str, wanted: Republish, sight: "Sight") -> None:
    """The records once more, as they were, with a header that says so.

    Whether a topic lacks them, only the caller knows. The lane knows what orders it has carried out since the caller
    looked; what they published is left out, and whoever gave them is named.
    """
    asked = names_of(wanted, sight.entries)
    rows = republished(order_id, sight.entries, asked - sight.republished.keys())
    records = records_of({"records": [row for _, row in rows]})
    result: dict[str, Any] = {
        "entries": len(sight.entries),
        "records": len(records),
        "already": len(sight.republished.keys() & asked),
        "redacted": len(asked) - len(records) - len(sight.republished.keys() & asked),
    }
    for order in list(sight.republished.values())[:1]:
        result |= {"by": order["actor"]["user_id"], "at": order["at"]}
    answer = _refusal(desk, wanted, sight, sum(len(record.value or b"") for record in records), result)
    if answer is not None:
        result["records"] = 0
        desk.answer(answer, result, [])
    else:
        desk.answer(None, result, records, republished=[name for name, _ in rows])


def _refusal(desk: "Desk", wanted: Republish, sight: "Sight", size: int, result: dict[str, Any]) -> Answer | None:
    if len(sight.entries) < len(wanted.records):
        return Answer.NOT_FOUND
    if any(entry["lane"] != desk.lane.lane for entry in sight.entries):
        return Answer.OTHER_LANE
    if any(entry["offset"] >= desk.lane.published for entry in sight.entries):
        return Answer.NOT_PUBLISHED_YET
    if size > REPUBLISHED_BYTES_MAX and len(sight.entries) > 1:
        return Answer.TOO_MUCH
    if not result["records"] and result["already"]:
        return Answer.ALREADY_REPUBLISHED
    return Answer.REDACTED if not result["records"] and result["redacted"] else None

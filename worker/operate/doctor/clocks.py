"""Three clocks: this machine's, MongoDB's (what is due), Kafka's (what time a decision has).

Kafka tells its time only with a record that it appends, and nothing is appended here. But the scheduler writes
MongoDB's time into each deadline that it sends, and Kafka notes when that came: the shortest of these spans is how far
the two are apart, and the way of a record. Where no deadline is left in the log, nothing can be said.
"""

from datetime import datetime

import orjson

from contracts.commands.internal import DeadlineReached
from worker.clock import to_milliseconds
from worker.operate.doctor.look import Look, Sealed, sealed
from worker.operate.doctor.report import Finding, Says

APART_MS = 2_000
"""Deadlines become late by so much, or are sent twice; nothing worse."""

FAR_APART_MS = 60_000
"""A code that is good for ten minutes, or facts that may be a day old, are judged wrongly."""


async def clocks(look: Look, says: Says) -> list[Finding]:
    """How far are they apart?"""
    ahead, unsure = look.clock_ms
    found = _judge(says, "MongoDB's clock", "this machine's", ahead, unsure)
    numbers = {"mongodb_ahead_ms": round(ahead), "unsure_ms": round(unsure)}
    told = f"MongoDB's is within {max(abs(ahead), unsure) / 1000:.1f} s of this machine's"
    if look.kafka_down is None:
        kafka = kafka_ahead_ms([record for record in await look.once(sealed) if _is_ours(look, record)])
        if kafka is None:
            told += "; Kafka's cannot be told, no deadline is left in the lane log"
        else:
            found += _judge(says, "Kafka's clock", "MongoDB's", kafka, 0)
            numbers["kafka_ahead_ms"] = round(kafka)
            told += f", Kafka's within {abs(kafka) / 1000:.1f} s of MongoDB's"
    return found or [says.ok(told, **numbers)]


def kafka_ahead_ms(newest: list[Sealed]) -> float | None:
    """Kafka's clock minus MongoDB's by the deadlines among these; too high by the way of a record. None without any."""
    spans = []
    for record in newest:
        try:
            body = orjson.loads(record.value)
            if body["type"] == DeadlineReached.wire_type():
                spans.append(record.appended_ms - to_milliseconds(datetime.fromisoformat(body["time"])))
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
            continue  # somebody else's
    return min(spans, default=None)


def _is_ours(look: Look, record: Sealed) -> bool:
    """As far as that can be told without the secret."""
    return not look.access.has_secret or look.access.secrets.is_sealed(record.value, record.seal)


def _judge(says: Says, whose: str, others: str, ahead: float, unsure: float) -> list[Finding]:
    apart = abs(ahead) - unsure
    if apart < APART_MS:
        return []
    text = f"{whose} is {abs(ahead) / 1000:.1f} s {'ahead of' if ahead > 0 else 'behind'} {others}"
    do = "Let all machines follow one time server (chrony, NTP)."
    if apart < FAR_APART_MS:
        return [says.warning(text, f"{do} Deadlines come late by so much.", ahead_ms=round(ahead))]
    return [
        says.problem(text, f"{do} What is due, expired or fresh is judged wrongly by so much.", ahead_ms=round(ahead))
    ]

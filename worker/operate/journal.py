"""The operation log, as people ask it: what became of which command, when, by whom."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from contracts.topics import TopicName
from worker.mongo.collections import JOURNAL, LANES
from worker.operate.access import Access
from worker.operate.verify.expected import LOG_ORDER

LOOK_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Filter:
    """What to look for; what is None is not asked for. `type` is a command's name or its whole wire type."""

    command_id: str | None = None
    partnership: str | None = None
    partner: str | None = None
    type: str | None = None
    outcome: str | None = None
    code: str | None = None
    actor: str | None = None
    """A user, a party or a kind of party."""
    since: datetime | None = None
    until: datetime | None = None

    def query(self) -> dict[str, Any]:
        """As MongoDB understands it."""
        found: dict[str, Any] = {
            name: value
            for name, value in {
                "command_id": self.command_id,
                "subject": self.partnership,
                "partner": self.partner,
                "outcome": self.outcome,
                "code": self.code,
            }.items()
            if value is not None
        }
        if self.type is not None:
            found["type"] = self.type if "." in self.type else re.compile(rf"\.{re.escape(self.type)}\.v\d+$")
        if self.actor is not None:
            names = ("actor.user_id", "actor.party_id", "actor.kind")
            found["$or"] = [{name: self.actor} for name in names]
        if self.since or self.until:
            bounds = {"$gte": self.since, "$lt": self.until}
            found["at"] = {name: value for name, value in bounds.items() if value}
        return found


@dataclass(frozen=True, slots=True)
class Said:
    """A record that a command caused."""

    topic: str
    type: str | None
    id: str | None
    sequence: int | None
    subject: str | None
    data: Any = None


@dataclass(frozen=True, slots=True)
class Entry:
    """A journal entry, without bytes."""

    id: str
    at: datetime
    outcome: str
    code: str | None
    command_id: str | None
    type: str | None
    subject: str | None
    partner: str | None
    actor: dict[str, str] | None
    lane: int
    offset: int
    source: str
    replay_of: str | None = None
    edited_from: str | None = None
    order: str | None = None
    """The order that it came of: a replay, or what let a waiting letter go."""
    reason: str | None = None
    plan: str | None = None
    result: dict[str, Any] | None = None
    """Of an operator's order: why it was given, what it was said to do, and what came of it."""
    changes: list[dict[str, Any]] = field(default_factory=list)
    said: list[Said] = field(default_factory=list)


async def find_entries(access: Access, wanted: Filter, limit: int) -> list[Entry]:
    """The newest entries that fit, oldest first.

    A command's id and a partnership have an index. All else is looked for backwards from the newest entry on, so that
    what is frequent or recent is found at once; what is rare takes a reading of the whole journal.
    """
    journal = access.db[JOURNAL]
    if wanted.command_id is not None:
        first = await journal.find_one({"_id": wanted.command_id})
        if first is not None and first.get("subject") is None:
            return [entry_of(first)]
        if first is not None:  # and those that came under the same id with another body, or as a dry run
            query = {**wanted.query(), "subject": first["subject"]}
            return [entry_of(entry) async for entry in journal.find(query).sort("at", 1).limit(limit)]
    order = [("at", -1)] if wanted.partnership is not None else [("$natural", -1)]
    found = [entry_of(entry) async for entry in journal.find(wanted.query()).sort(order).limit(limit)]
    return sorted(found, key=lambda entry: (entry.at, entry.lane, entry.offset))


async def lane_ends(access: Access) -> dict[int, int]:
    """Where each lane stands: the offset up to which the journal is written."""
    return {lane["_id"]: lane["stored"] async for lane in access.db[LANES].find({}, {"stored": 1})}


async def follow_entries(access: Access, wanted: Filter, since: dict[int, int]) -> AsyncIterator[Entry]:
    """What is written to the journal from these offsets on, for ever."""
    reached = dict(since)
    while True:
        for lane, end in (await lane_ends(access)).items():
            first = reached.get(lane, 0)
            if end > first:
                query = {**wanted.query(), "lane": lane, "offset": {"$gte": first, "$lt": end}}
                async for entry in access.db[JOURNAL].find(query).sort(LOG_ORDER):
                    yield entry_of(entry)
                reached[lane] = end
        await asyncio.sleep(LOOK_SECONDS)


def entry_of(found: dict[str, Any]) -> Entry:
    """An entry as it is stored, for people."""
    return Entry(
        id=found["_id"],
        at=found["at"],
        outcome=found["outcome"],
        code=found.get("code"),
        command_id=found.get("command_id"),
        type=found.get("type"),
        subject=found.get("subject"),
        partner=found.get("partner"),
        actor=found.get("actor"),
        lane=found["lane"],
        offset=found["offset"],
        source=found["source"],
        replay_of=found.get("replay_of"),
        edited_from=found.get("edited_from"),
        order=found.get("order"),
        reason=found.get("reason"),
        plan=found.get("plan"),
        result=found.get("result"),
        changes=found["changes"],
        said=[_said(record) for record in found["records"]],
    )


def _said(record: dict[str, Any]) -> Said:
    try:
        body = orjson.loads(record["value"])
    except (orjson.JSONDecodeError, TypeError):
        body = None
    if record["topic"] == TopicName.DEAD_LETTERS or not isinstance(body, dict):
        return Said(record["topic"], None, None, None, None)
    data = body.get("data") or {}
    return Said(record["topic"], body.get("type"), body.get("id"), data.get("sequence"), body.get("subject"), data)

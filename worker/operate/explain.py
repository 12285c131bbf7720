"""Why a partnership waits: for whom by the rules, and what stands in the way of its commands."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from contracts.blocks import REMEDIES
from contracts.topics import TopicName
from handlers.deadlines import deadlines
from handlers.documents import Customer, Partnership
from handlers.states import Purged, Stalled, Switching, Terminated
from handlers.views import PartnershipView
from worker.letters.keys import keys_of
from worker.mongo.collections import DEAD_LETTERS, JOURNAL, LANES
from worker.operate.access import Access
from worker.operate.texts import command
from worker.operate.views import Desk
from worker.partitioning import lane_of

OVERDUE = timedelta(seconds=30)
"""The scheduler looks each second; what is this late is late for a reason."""

LAG_MANY = 50
"""Fewer are decided while one looks; and some are marks of Kafka's transactions, which nobody decides."""

ASKING_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Obstacle:
    """One thing that stands in the way, and what to do about it."""

    what: str
    text: str
    do: str


@dataclass(frozen=True, slots=True)
class Because:
    """Why it waits: `card.waiting_on` by the rules, and the obstacles.

    `undecided`: about so many records of its lane; None where Kafka did not say.
    """

    card: PartnershipView
    now: datetime
    lane: int
    undecided: int | None
    unpublished: int
    obstacles: list[Obstacle] = field(default_factory=list)
    last: dict[str, Any] | None = None
    """The last command about it: id, type, outcome, code, at."""


async def explain(access: Access, desk: Desk, partnership_id: str) -> Because:
    """Look at everything that can hold a partnership up. Raises WrongRequest where it is not there."""
    partnership, partner, customer = await desk.find(partnership_id)
    now = (await access.client.admin.command("hello"))["localTime"].replace(tzinfo=UTC)
    topology = await access.db["topology"].find_one({"_id": "topology"})
    lanes = (topology or {"partitions": {}})["partitions"].get("partnership-lanes", access.settings.lanes)
    lane = lane_of(partnership.partner_id, lanes)
    place = await access.db[LANES].find_one({"_id": lane}) or {"stored": 0, "published": 0}
    undecided = await _undecided(access, lane, place["stored"])
    obstacles = [
        *await _letters(access, partnership),
        *_switch(partnership, customer, desk),
        *_blocks(partnership, desk),
        *_holds(partnership),
        *_overdue(partnership, now),
        *_lag(lane, undecided),
    ]
    last = await access.db[JOURNAL].find_one(
        {"subject": partnership_id}, {"records": 0, "changes": 0, "digest": 0}, sort=[("at", -1)]
    )
    return Because(
        desk.card(partnership, partner, customer),
        now,
        lane,
        undecided,
        place["stored"] - place["published"],
        obstacles,
        last and {name: last.get(name) for name in ("command_id", "type", "outcome", "code", "at")},
    )


async def _undecided(access: Access, lane: int, stored: int) -> int | None:
    """How many records of its lane are not decided yet."""
    if "kafka_bootstrap" in access.settings.missing:
        return None
    partition = TopicPartition(access.settings.topic(TopicName.LANES), lane)
    try:
        async with asyncio.timeout(ASKING_SECONDS), access.reader() as reader:
            end: int = (await reader.end_offsets([partition]))[partition]
    except (KafkaError, TimeoutError, OSError):
        return None
    return max(0, end - max(0, stored))


async def _letters(access: Access, partnership: Partnership) -> list[Obstacle]:
    keys = keys_of(partnership.id, partnership.partner_id)
    found = access.db[DEAD_LETTERS].find({"blocks": {"$in": list(keys)}}, {"value": 0, "headers": 0})
    letters = await found.sort("offset", 1).limit(100).to_list(None)
    if not letters:
        return []
    first, behind = letters[0], len(letters) - 1
    whose = "of it" if first.get("subject") == partnership.id else f"of its partner {partnership.partner_id}"
    known_as = first["command_id"] or first["_id"]
    text = f"The command {known_as} {whose} failed ({first['reason']})"
    waiting = "1 waits" if behind == 1 else f"{behind} wait"
    text += f", and {waiting} behind it." if behind else "; what comes later waits behind it."
    return [Obstacle("dead_letter", text, command("dead-letters show", known_as))]


def _switch(partnership: Partnership, customer: Customer | None, desk: Desk) -> list[Obstacle]:
    switch = customer.switch if customer else None
    if switch is None or partnership.id not in (switch.from_partnership_id, switch.to_partnership_id):
        return []
    if isinstance(partnership.state, Switching):
        text = "Accepted; its customer's old partnership has to end first."
        other = switch.from_partnership_id
    else:
        text, other = "Its customer is about to switch to another partner.", switch.to_partnership_id
    seen = desk.viewer.kind == "platform"
    return [Obstacle("switch", text, command("explain", other) if seen else "Nothing: it takes seconds.")]


def _blocks(partnership: Partnership, desk: Desk) -> list[Obstacle]:
    state = partnership.state
    drafts = partnership.drafts.items()
    own = {side: draft.items for side, draft in drafts if desk.viewer.kind in ("platform", side)}
    items = {"the termination": state.items} if isinstance(state, Stalled) else {}
    items |= {f"the {side}'s draft": blocked for side, blocked in own.items()}
    return [
        Obstacle("block", f"{item} stands in the way of {what}.", f"{REMEDIES[item].remedy} ({REMEDIES[item].who})")
        for what, blocked in items.items()
        for item in blocked
    ]


def _holds(partnership: Partnership) -> list[Obstacle]:
    found = []
    if partnership.legal_hold and not isinstance(partnership.state, Purged):
        found.append(Obstacle("legal_hold", "A legal hold keeps its data.", "Have the platform release the hold."))
    if partnership.bill is not None and partnership.bill.state == "disputed":
        found.append(Obstacle("dispute", "Its final bill is disputed.", "Support resolves the dispute."))
    if isinstance(partnership.state, Terminated) and partnership.state.stage == "closing":
        steps = ", ".join(partnership.state.open_steps)
        found.append(
            Obstacle("closing", f"Its closing is not done: {steps}.", "The system of that step reports it, or waives.")
        )
    return found


def _overdue(partnership: Partnership, now: datetime) -> list[Obstacle]:
    first = min(deadlines(partnership), key=lambda line: line.due_at, default=None)
    if first is None or first.due_at >= now - OVERDUE:
        return []
    text = f"The deadline {first.kind} came at {first.due_at:%Y-%m-%d %H:%M:%S} and has had no effect yet."
    return [Obstacle("overdue", text, "Is a worker running? partnership-worker doctor")]


def _lag(lane: int, undecided: int | None) -> list[Obstacle]:
    if undecided is None or undecided < LAG_MANY:
        return []
    text = f"Its lane {lane} has some {undecided} records to decide, and takes them in their order."
    return [Obstacle("lag", text, "partnership-worker doctor says if the lane stands still.")]

"""The end: the documents as they are stored, and whether every record of ours came to exactly one end."""

import asyncio
from collections import Counter
from typing import Any, NamedTuple

import orjson

from contracts.topics import TopicName
from worker.demo.stage import Stage
from worker.demo.words import day, name, payee, plain

LOOKS_MAX = 20
QUIET_SECONDS = 0.4
"""Nothing more comes: the worker has ended, so a second copy would be there by now."""


class Verdict(NamedTuple):
    """What was counted, and everything that should not be."""

    line: str
    problems: list[str]


async def documents(stage: Stage) -> None:
    """Partners, customers and partnerships, as small tables."""
    partners = [
        (name(p["_id"]), p["status"], str(p["quota"]["bound"]), str(p["quota"]["reserved"]), str(p["quota"]["limit"]))
        async for p in stage.db.partners.find().sort("_id")
    ]
    stage.screen.table(("partner", "status", "bound", "reserved", "limit"), partners)

    customers = []
    async for c in stage.db.customers.find().sort("_id"):
        live = c.get("live")
        partner = live["partner_id"] if live else None
        customers.append(
            (name(c["_id"]), live["partnership_id"] if live else "none", payee(c["billing_mode"], partner))
        )
    stage.screen.table(("customer", "live partnership", "billed by"), customers)

    shown, others = [], Counter[str]()
    async for p in stage.db.partnerships.find().sort("_id"):
        state = p["state"]
        if p.get("customer_id") is None:
            others[state["status"]] += 1
        else:
            shown.append((p["_id"], p["model"], state["status"], _explain(state)))
    shown += [(f"{number} others", "referral", status, "around the kill -9") for status, number in others.items()]
    stage.screen.table(("partnership", "model", "status", ""), shown)


def _explain(state: dict[str, Any]) -> str:
    if case := state.get("case"):
        return f"{plain(state['stage'])} until {day(case['ends_at'])}"
    return plain(state.get("category") or state.get("stage") or "")


async def verdict(stage: Stage) -> Verdict:
    """Look every record of ours up, and every record of the journal on the topics."""
    lost: list[str] = []
    for _ in range(LOOKS_MAX):
        await asyncio.sleep(QUIET_SECONDS)
        lost = await _lost(stage)
        if not lost:
            break
    problems = [*lost, *await _doubled(stage), *gaps(stage)]
    topics = Counter(seen.topic for seen in stage.follower.seen)
    refused, buried = topics.pop(TopicName.REJECTIONS, 0), topics.pop(TopicName.DEAD_LETTERS, 0)
    ids = [sent.id for sent in stage.sent if sent.id is not None]
    repeats = len(ids) - len(set(ids))
    line = (
        f"commands {len(stage.sent)} · events {topics.total()} · refusals {refused} · repeats {repeats}"
        f" · dead letters {buried} · lost {len(lost)}"
    )
    return Verdict(line, problems)


async def _lost(stage: Stage) -> list[str]:
    """Records of ours that came to no end, and records of the journal that are on no topic."""
    decided = {entry["_id"] async for entry in stage.db.journal.find({}, {"_id": 1})}
    letters = {_place(letter["source"]) async for letter in stage.db.dead_letters.find({}, {"source": 1})}
    lost = [
        f"{sent.id or sent.source} is neither in the journal nor among the dead letters"
        for sent in stage.sent
        if sent.id not in decided and sent.source not in letters
    ]
    seen = {(seen.topic.value, seen.id) for seen in stage.follower.seen}
    for topic, record_id in await _journal_records(stage):
        if topic == TopicName.LANES.value:
            if record_id not in decided:
                lost.append(f"the worker's own command {record_id} was not decided")
        elif (topic, record_id) not in seen:
            lost.append(f"{record_id} is in the journal and not on {topic}")
    return lost


async def _doubled(stage: Stage) -> list[str]:
    """Records that were seen twice, or that the journal does not know."""
    seen = Counter((seen.topic.value, seen.id) for seen in stage.follower.seen)
    known = set(await _journal_records(stage))
    twice = [f"{record_id} came {count} times on {topic}" for (topic, record_id), count in seen.items() if count > 1]
    strange = [f"{record_id} is on {topic} and not in the journal" for topic, record_id in seen.keys() - known]
    return twice + strange


def gaps(stage: Stage) -> list[str]:
    """Where `sequence`, which each event carries, does not go on by one in its subject and topic."""
    problems, last = [], Counter[tuple[TopicName, str]]()
    for seen in stage.follower.seen:
        if seen.event is None or seen.topic is TopicName.REJECTIONS:
            continue
        place = (seen.topic, seen.subject)
        if seen.event.sequence != last[place] + 1:
            problems.append(f"{seen.topic} of {seen.subject}: {seen.event.sequence} came after {last[place]}")
        last[place] = seen.event.sequence
    return problems


async def _journal_records(stage: Stage) -> list[tuple[str, str]]:
    """Topic and id of everything that the journal says was published."""
    records = []
    async for entry in stage.db.journal.find({}, {"records": 1}):
        for record in entry["records"]:
            is_letter = record["topic"] == TopicName.DEAD_LETTERS.value
            letter = dict(record.get("headers", ())).get("dead-letter-id", b"") if is_letter else b""
            records.append((record["topic"], letter.decode() if is_letter else orjson.loads(record["value"])["id"]))
    return records


def _place(source: dict[str, Any]) -> str:
    return f"{source['topic']}:{source['partition']}:{source['offset']}"

"""What waits that should not: dead letters, deadlines, redaction; and what waits for the platform."""

from datetime import datetime, timedelta
from typing import Any

from pymongo.errors import ExecutionTimeout

from worker.mongo.collections import (
    A_DATE,
    DEAD_LETTERS,
    DEADLINES_LEASE,
    JOURNAL,
    LEASES,
    PARTNERSHIPS,
    REDACTION_LEASE,
)
from worker.operate.doctor.look import Look
from worker.operate.doctor.report import Finding, Says, ago, count
from worker.operate.explain import OVERDUE
from worker.operate.texts import command

COUNTED_MAX = 10_000
"""More are told as `10,000 or more`: a number that nobody waits for."""

QUERY_MS_MAX = 5_000
LEASE_GRACE = timedelta(seconds=5)
REDACTION_LATE = timedelta(minutes=2)
"""The redactor looks every two seconds; what is not published yet it leaves for a while."""


async def dead_letters(look: Look, says: Says) -> list[Finding]:
    """Which are open, and who waits for them?"""
    letters = look.access.db[DEAD_LETTERS]
    number = await _count(letters, {"state": "open"})
    if not number:
        return [says.ok("no open dead letter")]
    parked = await _count(letters, {"state": "parked"})
    try:
        oldest = await letters.find_one({"state": "open"}, {"at": 1}, sort=[("at", 1)], max_time_ms=QUERY_MS_MAX)
        since: datetime | None = oldest["at"]
        blocked = await _blocked(letters)
    except ExecutionTimeout:  # so many that this takes too long: that they are there is what counts
        since, blocked = None, COUNTED_MAX
    text = (
        f"{_many(number)} open{f', the oldest for {_since(look, since)}' if since else ''}; "
        f"{count(blocked, 'partnership or partner is', 'partnerships or partners are') if since else 'many are'} "
        f"blocked by them, {count(parked, 'command')} wait behind"
    )
    numbers = {"open": number, "blocked": blocked, "parked": parked, "oldest": since}
    do = "partnership-worker dead-letters list, then replay, edit or discard each."
    return [says.problem(text, do, **numbers) if blocked else says.warning(text, do, **numbers)]


async def _blocked(letters: Any) -> int:
    """How many partnerships and partners wait for open letters."""
    group = [{"$match": {"state": "open", "blocks": {"$gt": ""}}}, {"$group": {"_id": "$blocks"}}, {"$count": "n"}]
    found = [row["n"] async for row in await letters.aggregate(group, maxTimeMS=QUERY_MS_MAX)]
    return sum(found)


async def deadlines(look: Look, says: Says) -> list[Finding]:
    """Is anything overdue?"""
    partnerships = look.access.db[PARTNERSHIPS]
    query = {"next_due_at": {**A_DATE, "$lt": look.now - OVERDUE}}
    number = await _count(partnerships, query)
    if not number:
        return [says.ok("no deadline is overdue")]
    oldest = await partnerships.find_one(query, {"next_due_at": 1}, sort=[("next_due_at", 1)])
    late = _since(look, oldest["next_due_at"])
    return [
        says.problem(
            f"{_many(number)} {'deadline is' if number == 1 else 'deadlines are'} overdue, {oldest['_id']}'s by {late}",
            f"Does a worker run? What holds it: {command('explain', oldest['_id'])}",
            overdue=number,
            oldest=oldest["next_due_at"],
            partnership=oldest["_id"],
        )
    ]


async def scheduler(look: Look, says: Says) -> list[Finding]:
    """Does a worker hold the leases of the scheduler and of the redactor?"""
    held = {lease["_id"]: lease async for lease in look.access.db[LEASES].find()}
    free = {
        name: what
        for name, what in ((DEADLINES_LEASE, "deadlines are not sent"), (REDACTION_LEASE, "purges are not finished"))
        if name not in held or held[name]["until"] < look.now - LEASE_GRACE
    }
    if free:
        last = max((held[name]["until"] for name in free if name in held and held[name]["owner"]), default=None)
        since = f" for {_since(look, last)}" if last else ""
        text = f"nobody holds the lease `{'`, `'.join(free)}`{since}: {', '.join(free.values())}"
        return [says.problem(text, "Does a worker run? It takes the lease within seconds.", free=sorted(free))]
    return [says.ok(f"held: {', '.join(sorted(held))}", **{name: lease["owner"] for name, lease in held.items()})]


async def redaction(look: Look, says: Says) -> list[Finding]:
    """Are the traces of purges gone?"""
    journal = look.access.db[JOURNAL]
    number = await _count(journal, {"redaction": "due"})
    if not number:
        return [says.ok("no trace of a purge is left to redact")]
    oldest = await journal.find({"redaction": "due"}, {"at": 1}).sort("at", 1).limit(1).to_list(None)
    text = f"{_many(number)} purges have traces left in the journal, the oldest for {_since(look, oldest[0]['at'])}"
    if look.now - oldest[0]["at"] < REDACTION_LATE:
        return [says.ok(f"{text}; it is under way", due=number)]
    do = (
        "Does a worker run, and does its log say `redaction waits`, or of one that its traces `cannot be redacted`? It "
        "leaves what is not published yet."
    )
    return [says.problem(text, do, due=number, oldest=oldest[0]["at"])]


async def platform(look: Look, says: Says) -> list[Finding]:
    """What waits for the platform: cases that cannot go on by themselves."""
    partnerships = look.access.db[PARTNERSHIPS]
    stalled = await _count(partnerships, {"state.status": "ending", "state.stage": "stalled"})
    # Without a deadline: it has passed, and the platform was told.
    late = {"state.status": "terminated", "state.stage": "closing", "state.complete_by": None}
    closings = await _count(partnerships, late)
    if not stalled and not closings:
        return [says.ok("no termination is stalled, no closing is late")]
    text = f"{_many(stalled)} terminations are stalled, {_many(closings)} closings are late"
    do = "partnership-worker list --status ending, then explain: it names what stands in the way, and whose turn it is."
    return [says.warning(text, do, stalled=stalled, closings=closings)]


async def _count(collection: Any, query: dict[str, Any]) -> int:
    found: int = await collection.count_documents(query, limit=COUNTED_MAX, maxTimeMS=QUERY_MS_MAX)
    return found


def _many(number: int) -> str:
    return f"{number:,}" if number < COUNTED_MAX else f"{COUNTED_MAX:,} or more"


def _since(look: Look, moment: datetime) -> str:
    return ago((look.now - moment).total_seconds())

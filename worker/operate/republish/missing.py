"""What the topics lack of what is asked for: a `verify` of its partitions, which tells each record."""

from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

from contracts.topics import TopicName
from worker.mongo.collections import JOURNAL, LANES
from worker.operate.access import Access
from worker.operate.errors import WrongRequest
from worker.operate.republish.plan import Plan, Selection
from worker.operate.verify.expected import Expected, Place, expected_of, projection_of, published_later
from worker.operate.verify.report import Progress, Report
from worker.operate.verify.topics import Scope, verify_topics
from worker.operate.verify.walk import Missing

SELECTED_MAX = 100_000
"""Entries that can be named, or that one partnership has: their names are held in memory."""

First = dict[tuple[TopicName, int], Place | None]
"""(topic, lane) → from where on its records were judged; None: none were."""


def silent(_stage: str, _done: int, _total: int) -> None:
    """Tell nobody how far it is."""
    return


async def plan_missing(
    access: Access, selection: Selection, progress: Progress = silent, *, expired: bool = False
) -> Plan:
    """What of the selection its topics lack. `expired`: also what their retention took.

    Raises:
        WrongRequest: an entry is not in the journal.
        CannotOperate: a topic cannot be judged.
    """
    chosen = await _chosen(access, selection)
    plan = Plan(selection, await _seen(access))
    names = None if chosen is None else set(chosen)
    lanes = None if chosen is None else set(chosen.values())
    first: First = {}
    cut: set[tuple[TopicName, int]] = set()

    def add(missing: Missing) -> None:
        expected = missing.expected
        if (names is None or expected.entry in names) and selection.covers(expected.decided_at):
            if missing.expired:
                plan.expired += 1
            else:
                plan.add(missing.lane, missing.topic, expected)

    scope = Scope(
        add,
        lambda _, number, count: lanes is None or any(lane % count == number for lane in lanes),
        expired,
        lambda topic, lane, place: first.update({(topic, lane): place}),
        lambda topic, number: cut.add((topic, number)),
    )
    report = Report(lambda _: None)
    await verify_topics(access, report, progress, selection.topics, scope)
    plan.records_seen, plan.cut = report.records, len(cut)
    if chosen is not None and not expired:
        plan.expired += await _expired(access, selection, list(chosen), first)
    return plan


async def plan_all(access: Access, selection: Selection) -> Plan:
    """Every record of the selection, whether its topic has it or not. It must name entries or a partnership."""
    if not selection.names_some:
        raise WrongRequest("Name entries or a partnership: everything would be on the topics twice.")
    chosen = await _chosen(access, selection)
    plan = Plan(selection, await _seen(access))
    async for topic, lane, expected in _records_of(access, selection, list(chosen or ())):
        plan.add(lane, topic, expected)
    return plan


async def _seen(access: Access) -> dict[int, int]:
    return {lane["_id"]: max(0, lane["published"]) async for lane in access.db[LANES].find({}, {"published": 1})}


async def _chosen(access: Access, selection: Selection) -> dict[str, int] | None:
    """The entries that are named, and their lanes; None where none is."""
    if not selection.names_some:
        return None
    query: dict[str, Any] = {}
    if selection.entries:
        query["_id"] = {"$in": list(selection.entries)}
    if selection.partnership is not None:
        query["subject"] = selection.partnership
    found: dict[str, int] = {}
    async for row in access.db[JOURNAL].find(query, {"lane": 1}).limit(SELECTED_MAX + 1):
        found[row["_id"]] = row["lane"]
    if len(found) > SELECTED_MAX:
        raise WrongRequest(f"More than {SELECTED_MAX:,} entries: leave the names out, and choose by time and topic.")
    unknown = [entry for entry in selection.entries if entry not in found]
    if unknown:
        of = f" of {selection.partnership}" if selection.partnership else ""
        raise WrongRequest(f"The journal has no entry {unknown[0]}{of}; `journal` shows those that are there.")
    if not found:
        raise WrongRequest(f"The journal has no entry of {selection.partnership}; is its id right?")
    return found


async def _records_of(
    access: Access, selection: Selection, ids: list[str]
) -> AsyncIterator[tuple[TopicName, int, Expected]]:
    """(topic, lane, record) of these entries, as far as they are published."""
    published = await _seen(access)
    secrets = access.secrets if access.has_secret else None
    for topic in selection.topics:
        query = {"_id": {"$in": ids}, "records.topic": topic.value}
        async for entry in access.db[JOURNAL].find(query, projection_of(topic)):
            if entry["offset"] < published.get(entry["lane"], 0) and selection.covers(entry["at"]):
                for expected in await expected_of(access.db, topic, entry, secrets):
                    yield topic, entry["lane"], expected


async def _expired(access: Access, selection: Selection, ids: list[str], first: First) -> int:
    """How many records of these entries stood below what is left of their topics, and were not published since."""
    gone: Counter[bool] = Counter()
    async for topic, lane, expected in _records_of(access, selection, ids):
        begin = first.get((topic, lane))
        if begin is None or expected.place < begin:
            gone.update(await published_later(access.db, [expected]))
    return gone[False]

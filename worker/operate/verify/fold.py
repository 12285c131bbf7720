"""P4, first half: each stored document is what `evolve` makes of the journal's events.

MongoDB sorts the names of all changes (kind, id, revision) on its disk; entries are fetched behind them, a few at a
time, and one document is folded after the other beside the stored ones in the same order. Nothing grows with the
number of entries. Documents that change meanwhile are folded on from where the journal stood before.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from contextlib import aclosing
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

import orjson
from bson import decode
from pydantic import ValidationError

from contracts.message import Event
from contracts.registry import EVENTS
from handlers.documents import SEQUENCE_NAMES, Customer, Partner, Partnership
from handlers.evolve import evolve_customer, evolve_partner, evolve_partnership
from handlers.folds_of_parties import FOLDS_OF_CUSTOMER
from worker.mongo.collections import CUSTOMERS, JOURNAL, LANES, PARTNERS, PARTNERSHIPS
from worker.mongo.store import UTC_AWARE, Document, document_to_bson
from worker.operate.verify.report import Kind, Progress, Report

STAGE = "documents"
ENTRIES_AT_ONCE = 250
"""Entries in memory; one has a few KB."""

NAMES_AT_ONCE = 2000
"""Names of changes in memory. Left to itself a cursor fetches 16 MiB at a time, which are 150 MiB once decoded."""

MOVED_AT_ONCE = 2000
"""Documents that changed meanwhile, kept folded until they are looked at again."""

SHOWN_FIELDS = 5


class _Row(NamedTuple):
    """One change of one document, by name."""

    kind: str
    id: str
    rev: int
    entry: str


class _Fold(NamedTuple):
    model: type[Document]
    evolve: Callable[[Any, str, Event, Any], Document | None]
    concerns: Callable[[type[Event]], bool]


FOLDS = {
    CUSTOMERS: _Fold(Customer, evolve_customer, lambda event: event in FOLDS_OF_CUSTOMER),
    PARTNERS: _Fold(Partner, evolve_partner, lambda event: event.SUBJECT == "partner"),
    PARTNERSHIPS: _Fold(Partnership, evolve_partnership, lambda event: event.SUBJECT == "partnership"),
}
"""In the order in which MongoDB sorts their names."""


@dataclass(slots=True)
class _Folded:
    """A document as far as it is folded. `broken` once something of it was told: it is not judged any further."""

    kind: str
    id: str
    rev: int = 0
    document: Document | None = None
    broken: bool = False

    @property
    def key(self) -> tuple[str, str]:
        return self.kind, self.id

    @property
    def place(self) -> str:
        return f"{self.kind} {self.id}"


async def verify_documents(db: Any, report: Report, progress: Progress) -> None:
    """Fold every document and compare it with the stored one."""
    since = {lane["_id"]: lane["stored"] async for lane in db[LANES].find({}, {"stored": 1})}
    total = await _revisions(db)
    moved: list[_Folded] = []

    def judge(folded: _Folded, stored: dict[str, Any] | None) -> None:
        if folded.broken:
            report.documents += stored is not None
        elif stored is None:
            report.differ(Kind.DOCUMENT_MISSING, folded.place, None, f"revision {folded.rev}", "no document")
        elif stored.get("rev", 0) > folded.rev:
            moved.append(folded)
        else:
            _compare(report, folded, stored)

    folded_ones = _fold(report, progress, total, _steps(db, _changes(db)))
    stored_ones = _stored(db)
    async with aclosing(folded_ones), aclosing(stored_ones):
        folded = await anext(folded_ones, None)
        stored = await anext(stored_ones, None)
        while folded is not None or stored is not None:
            here = stored and (stored[0], stored[1]["_id"])
            if folded is not None and (here is None or folded.key <= here):
                judge(folded, stored[1] if stored and folded.key == here else None)
                stored = await anext(stored_ones, None) if folded.key == here else stored
                folded = await anext(folded_ones, None)
            elif stored is not None:  # made since the journal was sorted, or never by a command
                judge(_Folded(stored[0], stored[1]["_id"]), stored[1])
                stored = await anext(stored_ones, None)
            if len(moved) >= MOVED_AT_ONCE:
                await _fold_on(db, report, progress, moved, since)
                moved.clear()
    if moved:
        await _fold_on(db, report, progress, moved, since)


async def _fold_on(db: Any, report: Report, progress: Progress, moved: list[_Folded], since: dict[int, int]) -> None:
    """Documents that were ahead of the sorted journal: read them now, and fold what the lanes have stored since."""
    known = {folded.key: folded for folded in moved}
    stored: dict[tuple[str, str], dict[str, Any]] = {}
    for kind in FOLDS:
        ids = [key for of, key in known if of == kind]
        async for fields in db[kind].find({"_id": {"$in": ids}}):
            stored[kind, fields["_id"]] = fields
    rows = [
        row
        async for row in _changes_since(db, since)
        if (folded := known.get((row.kind, row.id))) and folded.rev < row.rev <= stored[folded.key]["rev"]
    ]
    async for folded in _fold(report, progress, 0, _steps(db, _each(sorted(rows))), known):
        known[folded.key] = folded
    for folded in known.values():
        rev = stored[folded.key]["rev"]
        if folded.broken:
            report.documents += 1
        elif rev != folded.rev:
            report.differ(Kind.NOT_IN_JOURNAL, folded.place, None, f"revision {folded.rev}", f"revision {rev}")
        else:
            _compare(report, folded, stored[folded.key])


# ------------------------------------------------------------------------------------------------------------- reading


async def _revisions(db: Any) -> int:
    total = 0
    for kind in FOLDS:
        async for found in await db[kind].aggregate([{"$group": {"_id": None, "sum": {"$sum": "$rev"}}}]):
            total += found["sum"]
    return total


async def _changes(db: Any) -> AsyncIterator[_Row]:
    """The name of every change, sorted. MongoDB's order of strings is that of their code points, as Python's."""
    pipeline = [
        {"$match": {"changes.0": {"$exists": True}}},
        {"$project": {"changes": 1}},
        {"$unwind": "$changes"},
        {"$sort": {"changes.kind": 1, "changes.id": 1, "changes.rev": 1}},
    ]
    async for found in await db[JOURNAL].aggregate(pipeline, allowDiskUse=True, batchSize=NAMES_AT_ONCE):
        change = found["changes"]
        yield _Row(change["kind"], change["id"], change["rev"], found["_id"])


async def _changes_since(db: Any, since: dict[int, int]) -> AsyncIterator[_Row]:
    """The names of the changes that lanes have stored from these offsets on, unsorted."""
    for lane in await db[LANES].distinct("_id"):
        query = {"lane": lane, "offset": {"$gte": since.get(lane, 0)}, "changes.0": {"$exists": True}}
        async for entry in db[JOURNAL].find(query, {"changes": 1}).batch_size(NAMES_AT_ONCE):
            for change in entry["changes"]:
                yield _Row(change["kind"], change["id"], change["rev"], entry["_id"])


async def _each(rows: Iterable[_Row]) -> AsyncIterator[_Row]:
    for row in rows:
        yield row


async def _steps(db: Any, rows: AsyncIterator[_Row]) -> AsyncIterator[tuple[_Row, dict[str, Any]]]:
    """Each change with its entry."""
    waiting: list[_Row] = []

    async def entries() -> dict[str, dict[str, Any]]:
        query = {"_id": {"$in": [row.entry for row in waiting]}}
        found = db[JOURNAL].find(query, {"at": 1, "records": 1})
        return {entry["_id"]: entry async for entry in found}

    async for row in rows:
        waiting.append(row)
        if len(waiting) >= ENTRIES_AT_ONCE:
            known = await entries()
            for step in waiting:
                yield step, known[step.entry]
            waiting.clear()
    known = await entries() if waiting else {}
    for step in waiting:
        yield step, known[step.entry]


async def _stored(db: Any) -> AsyncGenerator[tuple[str, dict[str, Any]], None]:
    for kind in FOLDS:
        async for fields in db[kind].find().sort("_id", 1).batch_size(ENTRIES_AT_ONCE):
            yield kind, fields


# ------------------------------------------------------------------------------------------------------------- folding


async def _fold(
    report: Report,
    progress: Progress,
    total: int,
    steps: AsyncIterator[tuple[_Row, dict[str, Any]]],
    begun: dict[tuple[str, str], _Folded] | None = None,
) -> AsyncGenerator[_Folded, None]:
    """One document after the other, each on from where it had `begun`."""
    folded: _Folded | None = None
    async for row, entry in steps:
        if folded is None or folded.key != (row.kind, row.id):
            if folded is not None:
                yield folded
            folded = (begun or {}).get((row.kind, row.id)) or _Folded(row.kind, row.id)
        report.changes += 1
        if report.changes % ENTRIES_AT_ONCE == 0:
            progress(STAGE, report.changes, max(total, report.changes))
        if not folded.broken:
            _take(report, folded, row, entry)
    if folded is not None:
        yield folded
    progress(STAGE, report.changes, report.changes)


def _take(report: Report, folded: _Folded, row: _Row, entry: dict[str, Any]) -> None:
    if row.rev != folded.rev + 1:
        folded.broken = True
        report.differ(Kind.REVISIONS, folded.place, row.entry, f"revision {folded.rev + 1}", f"revision {row.rev}")
        return
    try:
        document: Any = folded.document
        for subject, event in _events(entry, FOLDS[folded.kind]):
            document = FOLDS[folded.kind].evolve(document, subject, event, entry["at"])
        folded.document = document.but(rev=row.rev)
    except (AttributeError, KeyError, ValidationError, ValueError, TypeError) as error:
        folded.broken = True
        report.differ(Kind.CANNOT_FOLD, folded.place, row.entry, f"revision {row.rev}", type(error).__name__)
    folded.rev = row.rev


def _events(entry: dict[str, Any], fold: _Fold) -> Iterable[tuple[str, Event]]:
    """(subject, event) of what concerns a document of this kind, with the part that topics do not carry."""
    for record in entry["records"]:
        if record["topic"] in SEQUENCE_NAMES:
            said = orjson.loads(record["value"])
            kind = EVENTS[said["type"]]
            if fold.concerns(kind):
                data = said["data"] if "private" not in record else {**said["data"], "private": record["private"]}
                yield said["subject"], kind.model_validate(data)


# ----------------------------------------------------------------------------------------------------------- comparing


def _compare(report: Report, folded: _Folded, stored: dict[str, Any]) -> None:
    report.documents += 1
    if stored.get("rev") != folded.rev:
        report.differ(Kind.DOCUMENT_DIFFERS, folded.place, None, f"revision {folded.rev}", f"revision {stored['rev']}")
        return
    if folded.document is None:
        report.differ(Kind.CANNOT_FOLD, folded.place, None, "a document", "nothing")
        return
    expected = decode(document_to_bson(folded.document).raw, codec_options=UTC_AWARE)
    if expected != stored:
        fields = list(islice(_differing(expected, _in_full(folded.kind, stored), ""), SHOWN_FIELDS))
        if fields:
            report.differ(
                Kind.DOCUMENT_DIFFERS,
                folded.place,
                None,
                "; ".join(f"{path}={_told(report, was)}" for path, was, _ in fields),
                "; ".join(f"{path}={_told(report, now)}" for path, _, now in fields),
            )


def _in_full(kind: str, stored: dict[str, Any]) -> dict[str, Any]:
    """With what a later release added, at its default: an older release stored without it."""
    try:
        document = FOLDS[kind].model.model_validate({**stored, "id": stored["_id"]})
    except ValidationError:
        return stored
    full: dict[str, Any] = decode(document_to_bson(document).raw, codec_options=UTC_AWARE)
    return {name: value for name, value in stored.items() if name not in full} | full


_ABSENT = "(absent)"


def _told(report: Report, value: Any) -> str:
    return repr(value) if report.bodies else _ABSENT if value is _ABSENT else "…"


def _differing(expected: Any, found: Any, path: str) -> Iterable[tuple[str, Any, Any]]:
    if isinstance(expected, dict) and isinstance(found, dict):
        for name in expected | found:
            below = f"{path}.{name}" if path else str(name)
            yield from _differing(expected.get(name, _ABSENT), found.get(name, _ABSENT), below)
    elif expected != found:
        yield path, expected, found

"""P4 and the quota: documents folded anew from the journal, lane by lane; places counted anew from the partnerships."""

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from bson import decode, encode
from pymongo.database import Database

from tests.chaos.judge import Findings
from tests.chaos.witness import Witness
from tests.support.fold import FOLDS, events_of
from worker.mongo.store import UTC_AWARE, document_to_bson

LIVE = ("active", "suspended", "ending")
SHARED = "customers"
"""Written by several lanes, so folded by their revisions."""


def check_fold(db: Database[dict[str, Any]], findings: Findings) -> int:
    """Returns how many documents were compared."""
    compared = Counter[str]()
    shared = sqlite3.connect("")  # a temporary file
    shared.execute("CREATE TABLE changes (id TEXT, rev INTEGER, entry BLOB)")
    for lane in db.journal.distinct("lane"):
        documents: dict[tuple[str, str], Any] = {}
        entries = db.journal.find({"lane": lane, "changes": {"$ne": []}}).sort([("offset", 1), ("step", 1)])
        for entry in entries:
            for change in entry["changes"]:
                if change["kind"] == SHARED:
                    kept = {"at": entry["at"], "records": entry["records"]}
                    shared.execute("INSERT INTO changes VALUES (?, ?, ?)", (change["id"], change["rev"], encode(kept)))
                else:
                    place = (change["kind"], change["id"])
                    documents[place] = _evolved(place[0], documents.get(place), entry, change["rev"], findings)
        for (kind, key), folded in documents.items():
            compared[kind] += _compare(db, kind, key, folded, findings)
    for key, rows in _by_id(shared):
        folded = None
        for rev, blob in rows:
            folded = _evolved(SHARED, folded, decode(blob, UTC_AWARE), rev, findings)
        compared[SHARED] += _compare(db, SHARED, key, folded, findings)
    shared.close()
    for kind in FOLDS:
        there = db[kind].count_documents({})
        if there != compared[kind]:
            findings.add("fold", f"{there} {kind}, but the journal tells of {compared[kind]}")
    return compared.total()


def _by_id(shared: sqlite3.Connection) -> Iterator[tuple[str, Iterable[tuple[int, bytes]]]]:
    rows = shared.execute("SELECT id, rev, entry FROM changes ORDER BY id, rev")
    for key, group in groupby(rows, key=lambda row: row[0]):
        yield key, ((rev, blob) for _, rev, blob in group)


def _evolved(kind: str, document: Any, entry: dict[str, Any], rev: int, findings: Findings) -> Any:
    _, evolve = FOLDS[kind]
    before = document.rev if document is not None else 0
    if rev != before + 1:
        findings.add("fold", f"{kind}: revision {rev} after {before}")
    for subject, event in events_of(entry):
        document = evolve(document, subject, event, entry["at"])
    return document.but(rev=rev) if document is not None else None


def _compare(db: Database[dict[str, Any]], kind: str, key: str, folded: Any, findings: Findings) -> int:
    if folded is None:
        findings.add("fold", f"{kind} {key}: no event made it")
        return 1
    stored = db[kind].with_options(codec_options=UTC_AWARE).find_one({"_id": key})
    if stored != decode(document_to_bson(folded).raw, codec_options=UTC_AWARE):
        findings.add("fold", f"{kind} {key} is not the fold of its events")
    return 1


def check_quota(db: Database[dict[str, Any]], witness: Witness, findings: Findings) -> None:
    """Bound: partnerships that live. Reserved: offers that are open and hold a place."""
    bound: Counter[str] = Counter()
    reserved: Counter[str] = Counter()
    wanted = {"partner_id": 1, "state.status": 1, "state.reserved": 1, "state.offer.reserved": 1}
    for found in db.partnerships.find({}, wanted):
        state = found["state"]
        bound[found["partner_id"]] += state["status"] in LIVE
        offer = state.get("offer", state)
        reserved[found["partner_id"]] += state["status"] in ("invited", "switching") and bool(offer.get("reserved"))
    counted = defaultdict(lambda: (0, 0), {p: (bound[p], reserved[p]) for p in {*bound, *reserved}})
    for partner in db.partners.find({}, {"quota": 1}):
        name, quota = partner["_id"], partner["quota"]
        if (quota["bound"], quota["reserved"]) != counted[name]:
            findings.add("quota", f"{name}: {quota}, but counted {counted[name]}")
        said = witness.quota.get(name)
        if said is None or any(said[part] != quota[part] for part in ("limit", "bound", "reserved")):
            findings.add("quota", f"{name}: {quota}, but published last {said}")

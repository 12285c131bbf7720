"""P4: the stored documents are exactly what `evolve` makes of the journal's events. Written anew here, to judge."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

from bson import decode
from pymongo.database import Database

from contracts.message import Event
from contracts.registry import EVENTS
from contracts.topics import TopicName
from handlers.documents import SEQUENCE_NAMES, Customer, Document, Partner, Partnership
from handlers.evolve import evolve_customer, evolve_partner, evolve_partnership
from worker.mongo.store import UTC_AWARE, document_to_bson

Evolve = Callable[[Any, str, Event, Any], Document | None]
FOLDS: dict[str, tuple[type[Document], Evolve]] = {
    "partners": (Partner, evolve_partner),
    "customers": (Customer, evolve_customer),
    "partnerships": (Partnership, evolve_partnership),
}


def assert_documents_are_the_fold(db: Database[dict[str, Any]]) -> int:
    """Fold every document from the journal alone and compare it with the stored one. Returns how many there were."""
    changed: dict[tuple[str, str], list[tuple[int, dict[str, Any]]]] = defaultdict(list)
    for entry in db.journal.find({"changes": {"$ne": []}}):
        for change in entry["changes"]:
            changed[change["kind"], change["id"]].append((change["rev"], entry))

    stored = {(kind, fields["_id"]): fields for kind in FOLDS for fields in db[kind].find()}
    assert stored.keys() == changed.keys(), f"no document or no journal: {stored.keys() ^ changed.keys()}"
    for (kind, document_id), entries in changed.items():
        revs = sorted(rev for rev, _ in entries)
        assert revs == list(range(1, len(revs) + 1)), f"{kind} {document_id}: the journal has the revisions {revs}"
        folded = _fold(kind, sorted(entries, key=lambda pair: pair[0]))
        as_stored = decode(document_to_bson(folded).raw, codec_options=UTC_AWARE)
        assert as_stored == stored[kind, document_id], f"{kind} {document_id} is not the fold of its events"
    return len(stored)


def events_of(entry: dict[str, Any]) -> Iterator[tuple[str, Event]]:
    """(subject, event) of a journal entry: the published bytes as the contract reads them, with the stored part."""
    for record in entry["records"]:
        if TopicName(record["topic"]) in SEQUENCE_NAMES:
            said = json.loads(record["value"])
            data = dict(said["data"])
            if "private" in record:
                data["private"] = record["private"]
            yield said["subject"], EVENTS[said["type"]].model_validate(data)


def _fold(kind: str, entries: list[tuple[int, dict[str, Any]]]) -> Partner | Customer | Partnership:
    _, evolve = FOLDS[kind]
    document: Any = None
    for rev, entry in entries:
        for subject, event in events_of(entry):
            document = evolve(document, subject, event, entry["at"])
        assert document is not None, f"{kind}: no event of {entry['_id']} made it"
        document = document.but(rev=rev)
    assert isinstance(document, Partner | Customer | Partnership)
    return document

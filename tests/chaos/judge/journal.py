"""One reading of the journal: the entries for the accounting, and what the topics must hold (P3)."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from pymongo.database import Database

from contracts.topics import TopicName
from tests.chaos.judge import Findings
from tests.chaos.ledger import Table
from tests.chaos.witness import SEQUENCED, STREAMS, Sums, Witness, bucket_of, content_of

Expected = dict[str, Sums]


def read(db: Database[dict[str, Any]], table: Table) -> Expected:
    """Each entry into the table; returns the sums of what it says was published."""
    expected: Expected = defaultdict(Sums)
    for entry in db.journal.find({}, batch_size=1000):
        topic, partition, offset = str(entry["source"]).rsplit(":", 2)
        place = (entry["lane"], entry["offset"])
        of_letter = (entry.get("step"), entry.get("replay_of"), entry.get("subject"))
        row = (
            entry["_id"],
            topic,
            int(partition),
            int(offset),
            *place,
            entry["outcome"],
            entry.get("code"),
            *of_letter,
        )
        table.add("entries", row)
        for name, event_id, content in _events(entry):
            expected[name].add(event_id, content)
    table.flush()
    return expected


def _events(entry: dict[str, Any]) -> Iterator[tuple[str, str, int]]:
    for record in entry["records"]:
        if record["topic"] in STREAMS:
            event_id, content, _ = content_of(record["key"], record["value"])
            yield TopicName(record["topic"]), event_id, content


def compare(db: Database[dict[str, Any]], expected: Expected, witness: Witness, findings: Findings) -> dict[str, int]:
    """What is lost, doubled, or changed on the topics. Names what is to be found where they differ."""
    figures = {"events": sum(witness.events.values()), "lost": 0, "doubled": 0}
    for name in STREAMS:
        seen, wanted = witness.sums[name], expected[name]
        buckets = seen.differing(wanted)
        if not buckets:
            continue
        for bucket in buckets:
            difference = seen.count[bucket] - wanted.count[bucket]
            figures["doubled" if difference > 0 else "lost"] += abs(difference)
        ids = _ids(db, name, buckets)
        findings.add("published", f"{name}: {len(buckets)} buckets differ, among {ids[:4]}", count=len(buckets))
    if witness.disorder:
        findings.add("sequence", *witness.disorder)
    missing = [name for name in SEQUENCED if not witness.events[name]]
    if missing:
        findings.add("published", f"nothing was seen on {missing}: this run proves nothing about them")
    return figures


def _ids(db: Database[dict[str, Any]], name: str, buckets: set[int]) -> list[str]:
    found = []
    for entry in db.journal.find({"records.topic": name}):
        found += [event_id for topic, event_id, _ in _events(entry) if topic == name and bucket_of(event_id) in buckets]
        if len(found) > 20:
            break
    return found

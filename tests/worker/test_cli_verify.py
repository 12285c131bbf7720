"""`verify` on a real history: silent where all is well, and each kind of damage is told for what it is."""

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from contracts.topics import TopicName
from tests.support import load, messages
from tests.support.command_line import tell
from tests.support.deployment import Deployment
from worker.operate.access import access
from worker.operate.verify.report import Difference, Kind, Report
from worker.operate.verify.run import verify
from worker.operate.verify.topics import PUBLISHED_TOPICS
from worker.servers import Servers

LIVES = 30


@pytest.fixture(scope="module")
def history(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Invitations with their tokens, a refusal, two dead letters with the same body; the worker has ended."""
    deployment = Deployment(servers, lanes=3, directory=tmp_path_factory.mktemp("verify"))
    try:
        load.register(deployment)
        worker = deployment.start_worker()
        deployment.produce(messages.INVITATION, b"not JSON", b"not JSON", messages.invite("lost", "nobody"))
        deployment.wait_decided([*load.produce(deployment, LIVES), "invite-lost"])
        assert worker.terminate() == 0
        yield deployment
    finally:
        deployment.close()


def check(
    deployment: Deployment, *topics: TopicName, documents: bool = False, **settings: str
) -> tuple[Report, list[Difference]]:
    found: list[Difference] = []

    async def run() -> Report:
        async with access(deployment.settings(**settings)) as connected:
            return await verify(connected, tell=found.append, documents=documents, topics=topics, bodies=True)

    return asyncio.run(run()), found


def first_of(deployment: Deployment, topic: TopicName) -> dict[str, Any]:
    """A journal entry from the midst of a lane that wrote to this topic."""
    entry = list(deployment.db.journal.find({"records.topic": topic, "type": {"$regex": "Invite"}}).sort("offset", 1))[
        5
    ]
    return dict(entry)


def test_a_sound_deployment_has_no_differences(history: Deployment) -> None:
    report, found = check(history, *PUBLISHED_TOPICS, documents=True)

    assert found == []
    assert report.documents == LIVES + len(load.PARTNERS)
    assert report.changes == 4 * LIVES + len(load.PARTNERS)
    assert report.records == sum(len(history.read(topic)) for topic in PUBLISHED_TOPICS)
    assert {topic for topic in PUBLISHED_TOPICS if not history.read(topic)} == {TopicName.BILLING_EVENTS}


def test_the_command_says_so_and_ends_with_0(history: Deployment) -> None:
    told = tell(history, "verify", "--json")

    assert told.code == 0
    assert [line.keys() for line in told.json] == [{"summary"}]
    assert "all is well" in tell(history, "verify").out


def test_without_the_secret_all_but_the_tokens_is_compared(history: Deployment) -> None:
    environment = history.environment()
    history.overrides["secret"] = environment["PARTNERSHIP_SECRET"][::-1]
    wrong = tell(history, "verify", "--no-documents", "--topic", "partnership.notice.events", "--json")
    del history.overrides["secret"]

    assert wrong.json[-1]["summary"]["differences"] == {}
    assert wrong.json[-1]["summary"]["tokens_compared"] is False
    right = tell(history, "verify", "--no-documents", "--topic", "partnership.notice.events", "--json")
    assert right.json[-1]["summary"]["tokens_compared"] is True


@pytest.mark.parametrize("kind", ["partners", "partnerships"])
def test_a_document_that_was_changed_by_hand(history: Deployment, kind: str) -> None:
    document = history.db[kind].find_one({"rev": {"$gt": 1}})
    assert document is not None
    history.db[kind].update_one({"_id": document["_id"]}, {"$set": {"sequences.lifecycle": 77, "note": "by hand"}})

    _, found = check(history, documents=True)
    told = tell(history, "verify", "--no-topics")
    bodies = tell(history, "verify", "--no-topics", "--bodies")
    history.db[kind].replace_one({"_id": document["_id"]}, document)

    assert [(d.kind, d.place) for d in found] == [(Kind.DOCUMENT_DIFFERS, f"{kind} {document['_id']}")]
    assert "sequences.lifecycle=77" in found[0].found
    assert "note='by hand'" in found[0].found
    assert told.code == 4
    assert "document_differs" in told.out
    assert "note=…" in told.out
    assert "--bodies shows them" in told.out
    assert "note='by hand'" not in told.out
    assert "note='by hand'" in bodies.out


def test_a_document_that_is_gone_and_one_that_nobody_made(history: Deployment) -> None:
    gone = history.db.partnerships.find_one()
    assert gone is not None
    history.db.partnerships.delete_one({"_id": gone["_id"]})
    history.db.partnerships.insert_one({**gone, "_id": "by-hand"})

    _, found = check(history, documents=True)
    history.db.partnerships.delete_one({"_id": "by-hand"})
    history.db.partnerships.insert_one(gone)

    assert {(d.kind, d.place) for d in found} == {
        (Kind.DOCUMENT_MISSING, f"partnerships {gone['_id']}"),
        (Kind.NOT_IN_JOURNAL, "partnerships by-hand"),
    }


def test_an_entry_that_is_gone(history: Deployment) -> None:
    entry = first_of(history, TopicName.LIFECYCLE_EVENTS)
    history.db.journal.delete_one({"_id": entry["_id"]})

    _, found = check(history, TopicName.LIFECYCLE_EVENTS, documents=True)
    history.db.journal.insert_one(entry)

    kinds = {d.kind for d in found}
    assert kinds == {Kind.REVISIONS, Kind.RECORD_UNKNOWN}
    assert {d.place for d in found if d.kind is Kind.REVISIONS} == {
        f"{change['kind']} {change['id']}" for change in entry["changes"]
    }


def test_an_entry_that_cannot_be_folded(history: Deployment) -> None:
    entry = first_of(history, TopicName.LIFECYCLE_EVENTS)
    history.db.journal.update_one({"_id": entry["_id"]}, {"$set": {"records.0.value": b'{"type": "what?"}'}})

    _, found = check(history, documents=True)
    history.db.journal.replace_one({"_id": entry["_id"]}, entry)

    assert {d.kind for d in found} == {Kind.CANNOT_FOLD}
    assert {d.entry for d in found} == {entry["_id"]}


def test_a_record_that_is_missing(history: Deployment) -> None:
    entry = first_of(history, TopicName.LIFECYCLE_EVENTS)
    # At an offset of its own, just behind the first: the log has gaps where a repeat was.
    added = {**entry, "_id": "never-published", "offset": entry["offset"] + 0.5, "changes": []}
    for record in added["records"]:
        record["value"] = record["value"].replace(entry["_id"].encode(), b"never-published")
    history.db.journal.insert_one(added)

    _, found = check(history, TopicName.LIFECYCLE_EVENTS)
    history.db.journal.delete_one({"_id": "never-published"})

    assert [(d.kind, d.entry) for d in found] == [(Kind.RECORD_MISSING, "never-published")]


def test_a_record_that_stands_in_the_wrong_order(history: Deployment) -> None:
    entries = list(history.db.journal.find({"lane": 0, "records.topic": TopicName.LIFECYCLE_EVENTS}).sort("offset", 1))
    one, other = entries[-3], entries[-2]

    def place(entry: dict[str, Any], offset: float) -> None:
        history.db.journal.update_one({"_id": entry["_id"]}, {"$set": {"offset": offset}})

    place(one, -1)
    place(other, one["offset"])
    place(one, other["offset"])
    _, found = check(history, TopicName.LIFECYCLE_EVENTS)
    place(one, -1)
    place(other, other["offset"])
    place(one, one["offset"])

    assert [(d.kind, d.entry) for d in found] == [(Kind.RECORD_LATE, other["_id"])]


def test_a_record_that_differs(history: Deployment) -> None:
    entry = first_of(history, TopicName.LIFECYCLE_EVENTS)
    history.db.journal.update_one({"_id": entry["_id"]}, {"$set": {"records.0.key": b"another"}})

    _, found = check(history, TopicName.LIFECYCLE_EVENTS)
    history.db.journal.replace_one({"_id": entry["_id"]}, entry)

    assert [(d.kind, d.entry, d.expected) for d in found] == [(Kind.RECORD_DIFFERS, entry["_id"], "another")]


def test_what_is_not_published_yet_is_not_missed(history: Deployment) -> None:
    lane = history.db.lanes.find_one({"_id": 0})
    assert lane is not None
    added = {**first_of(history, TopicName.LIFECYCLE_EVENTS), "_id": "on-its-way", "lane": 0, "offset": lane["stored"]}
    history.db.journal.insert_one(added | {"changes": []})

    _, found = check(history, TopicName.LIFECYCLE_EVENTS)
    history.db.journal.delete_one({"_id": "on-its-way"})

    assert found == []


def test_what_nobody_of_us_wrote_to_a_topic(history: Deployment) -> None:
    stray = json.dumps({"id": "nobody:1", "partitionkey": "partner-1"}).encode()
    history.produce(TopicName.BILLING_EVENTS, stray, b"not JSON", partition=0)

    _, found = check(history, TopicName.BILLING_EVENTS)

    assert [(d.kind, d.place) for d in found] == [
        (Kind.RECORD_UNKNOWN, "partnership.billing.events[0]@0"),
        (Kind.RECORD_UNKNOWN, "partnership.billing.events[0]@1"),
    ]


def test_a_record_again_is_told_also_where_it_says_that_an_order_put_it_there(history: Deployment) -> None:
    record = history.read(TopicName.QUOTA_EVENTS)[3]
    again = {"key": record.key(), "partition": record.partition()}
    history.produce(TopicName.QUOTA_EVENTS, record.value(), headers=record.headers(), **again)
    history.produce(
        TopicName.QUOTA_EVENTS, record.value(), headers=[*record.headers(), ("republished", b"olga")], **again
    )

    report, found = check(history, TopicName.QUOTA_EVENTS)

    assert [d.kind for d in found] == [Kind.RECORD_TWICE, Kind.RECORD_TWICE, Kind.RECORD_DIFFERS]
    assert {d.entry for d in found} == {json.loads(record.value())["causationid"]}
    assert report.repeats_asked_for == 0


@pytest.mark.parametrize("left", [5, 0])
def test_what_retention_took_is_not_missed(history: Deployment, left: int) -> None:
    ends = history.operator.ends(TopicName.REJECTIONS if left == 0 else TopicName.NOTICE_EVENTS)
    topic = TopicName.REJECTIONS if left == 0 else TopicName.NOTICE_EVENTS
    history.operator.delete_records(topic, {partition: max(0, end - left) for partition, end in ends.items()})

    report, found = check(history, topic)

    assert found == []
    assert report.records < sum(ends.values())


def test_all_is_well_while_a_worker_decides(deploy: Callable[..., Deployment]) -> None:
    deployment = deploy(lanes=3)
    load.register(deployment)
    deployment.start_worker().wait_ready()

    with load.loaded(deployment, every_seconds=0.01) as running:
        for _ in range(2):
            running.wait_for_more(40)
            report, found = check(deployment, *PUBLISHED_TOPICS, documents=True)
            assert found == []
            assert report.documents > len(load.PARTNERS)

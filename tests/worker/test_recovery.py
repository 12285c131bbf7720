"""Killed at the worst instants: what was stored goes out once, in log order, when the next worker opens the lane.

The workers that kill themselves are those of tests/support/broken.py.
"""

import asyncio
import json
import re
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

import worker.lane
import worker.visible
from contracts.topics import TopicName
from tests.support import load, messages
from tests.support.broken import leave_open as leave_open_at
from tests.support.deployment import SECRET, Deployment, wait_until
from tests.support.inside import LaneInside, lane_inside
from tests.support.worker_process import WorkerProcess
from worker.cancelling import cancel
from worker.clock import utc_now
from worker.journal import records_of
from worker.kafka import make_reader
from worker.lane import IDLE_SECONDS
from worker.publisher import Publisher
from worker.records import mark_of, place_of
from worker.secrets import Secrets
from worker.unseen import Unseen
from worker.visible import Sought, WriteMarkers, _start

KILLED = -signal.SIGKILL
BATCHES_OF_FEW = {"batch_records_max": "20"}


def left(deploy: Callable[..., Deployment], how: str) -> tuple[Deployment, list[str], dict[str, Any]]:
    """What a worker that was killed so leaves, once its group is empty: what was sent, and the lane's document."""
    deployment = deploy(lanes=1, overrides=BATCHES_OF_FEW)
    load.register(deployment)
    sent = load.produce(deployment, 50)
    assert deployment.start_worker("tests.support.broken", how, "4").wait() == KILLED
    deployment.operator.wait_memberless(deployment.name)
    lane = deployment.db.lanes.find_one()
    assert lane is not None
    return deployment, sent, lane


@pytest.mark.parametrize("how", ["kill-between-store-and-publish", "kill-between-publish-and-note"])
def test_what_was_stored_is_published_once_after_a_kill(deploy: Callable[..., Deployment], how: str) -> None:
    deployment = deploy(lanes=1, overrides=BATCHES_OF_FEW)
    load.register(deployment)
    sent = load.produce(deployment, 100)
    dying = deployment.start_worker("tests.support.broken", how, "4")
    assert dying.wait() == KILLED
    behind = [lane for lane in deployment.db.lanes.find() if lane["published"] < lane["stored"]]
    assert behind, "the kill came too late to leave anything behind"

    worker = deployment.start_worker().wait_ready()
    deployment.wait_decided(sent)

    deployment.judge()
    if how == "kill-between-store-and-publish":
        assert worker.logged("published from the journal")


def test_a_transaction_that_a_killed_worker_left_open_holds_nothing_back(deploy: Callable[..., Deployment]) -> None:
    """MongoDB would keep its documents for 60 s; killing the dead worker's session frees them at once."""
    deployment = deploy(lanes=1, overrides=BATCHES_OF_FEW)
    load.register(deployment)
    sent = load.produce(deployment, 50)
    assert deployment.start_worker("tests.support.broken", "kill-inside-mongodb-transaction", "3").wait() == KILLED
    killed = time.monotonic()

    deployment.start_worker()
    deployment.wait_decided(sent, seconds=40)

    # One session time-out until the group gives up the dead member, and the worker's own start.
    assert time.monotonic() - killed < 40
    deployment.judge()


def test_a_record_that_intake_moved_twice_is_a_repeat(deploy: Callable[..., Deployment]) -> None:
    """Intake dies after its append and before its commit: the lane log then holds the records twice."""
    deployment = deploy()
    load.register(deployment)
    sent = load.produce(deployment, 50)
    dying = deployment.start_worker("tests.support.broken", "kill-between-append-and-commit", "1")
    assert dying.wait() == KILLED

    deployment.start_worker()
    deployment.wait_decided(sent)

    moved = [record.value() for record in deployment.read("partnership.lanes")]
    assert len(moved) > len(set(moved)), "nothing was moved twice"
    deployment.judge()


def test_events_go_out_once_although_the_group_and_its_offsets_died_with_the_worker(
    deploy: Callable[..., Deployment],
) -> None:
    """Killed after Kafka's commit, before MongoDB knows; and then Kafka forgets the committed offset, too.

    Only the events on the topics can still say that they are there.
    """
    deployment = deploy(lanes=1, overrides=BATCHES_OF_FEW)
    load.register(deployment)
    sent = load.produce(deployment, 50)
    assert deployment.start_worker("tests.support.broken", "kill-between-publish-and-note", "4").wait() == KILLED
    deployment.operator.wait_forgotten(deployment.name)

    deployment.start_worker()
    deployment.wait_decided(sent)

    deployment.judge()


def test_events_go_out_once_although_kafka_answers_with_an_older_offset(deploy: Callable[..., Deployment]) -> None:
    """Killed after Kafka's commit, before MongoDB and the group know; then the group's offset is older still.

    A broker that was killed and started again can answer so; here an operator's hand does.
    """
    deployment, sent, lane = left(deploy, "kill-between-publish-and-note")
    known = max(lane["published"], *deployment.operator.offsets(deployment.name, "partnership.lanes").values())
    out = {event["id"] for event in deployment.events("partnership.lifecycle.events")}
    unknown = deployment.db.journal.find({"offset": {"$gte": known}})
    assert out & {json.loads(r.value or b"")["id"] for entry in unknown for r in records_of(entry)}, (
        "nobody knows less than is out"
    )
    deployment.operator.set_offsets(deployment.name, "partnership.lanes", {0: 1})

    deployment.start_worker()
    deployment.wait_decided(sent)

    deployment.judge()


def test_events_go_out_although_the_groups_offset_says_that_they_did(deploy: Callable[..., Deployment]) -> None:
    """Killed between the store and the publication, and then somebody set the offset too far."""
    deployment, sent, lane = left(deploy, "kill-between-store-and-publish")
    assert lane["published"] < lane["stored"]
    deployment.operator.set_offsets(deployment.name, "partnership.lanes", {0: lane["stored"]})

    deployment.start_worker()
    deployment.wait_decided(sent)

    deployment.judge()


def test_events_go_out_once_although_a_broker_answers_with_older_ends(deploy: Callable[..., Deployment]) -> None:
    """Killed after Kafka's commit, before MongoDB knows; and who is asked is a broker that is cut off since before."""
    deployment, sent, lane = left(deploy, "kill-between-publish-and-note")
    topic = "partnership.lifecycle.events"
    assert deployment.operator.ends(topic)[0] > lane["marks"].get(mark_of(TopicName(topic), 0), 0), "nothing is hidden"

    deployment.start_worker("tests.support.broken", "stale-ends", "4")
    deployment.wait_decided(sent)

    deployment.judge()


async def test_an_end_that_does_not_move_is_not_believed(
    deploy: Callable[..., Deployment], monkeypatch: pytest.MonkeyPatch
) -> None:
    """White box: each partition's first answer is true; then the reader comes to a broker that is behind."""
    deployment, sent, _ = await asyncio.to_thread(left, deploy, "kill-between-publish-and-note")
    ask: Any = AIOKafkaConsumer.end_offsets
    first: dict[TopicPartition, int] = {}

    async def stale(consumer: AIOKafkaConsumer, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        said = {partition: first.get(partition, 1) - 1 for partition in partitions}
        true = await ask(consumer, partitions)
        for partition in partitions:
            first.setdefault(partition, true[partition])
        return {partition: said[partition] or true[partition] for partition in partitions}

    ask_all = Sought.missing

    async def asked(sought: Sought, *args: Any) -> dict[Any, int]:
        monkeypatch.setattr(AIOKafkaConsumer, "end_offsets", stale)
        try:
            return await ask_all(sought, *args)
        finally:
            monkeypatch.setattr(AIOKafkaConsumer, "end_offsets", ask)

    async with lane_inside(deployment) as inside:
        lane = inside.lane
        settings = lane._settings
        lane._settings = settings.model_copy(update={"request_timeout_seconds": 3})
        monkeypatch.setattr(Sought, "missing", asked)
        with pytest.raises(TimeoutError, match="may be cut off"):
            await inside.open()
        monkeypatch.setattr(Sought, "missing", ask_all)
        lane._settings = settings
        await lane._shut()
        await inside.open()
        await decide_all(inside, sent)

    await asyncio.to_thread(deployment.judge)


async def test_a_marker_that_a_broker_left_out_is_written_again(
    deploy: Callable[..., Deployment], monkeypatch: pytest.MonkeyPatch
) -> None:
    """White box: the opening goes on, although by the first marker no end has moved."""
    deployment, sent, _ = await asyncio.to_thread(left, deploy, "kill-between-publish-and-note")
    ask = Sought.missing
    written: list[set[tuple[TopicName, int]]] = []

    async def asked(sought: Sought, marks: Any, write_markers: WriteMarkers) -> dict[Any, int]:
        async def second(places: Iterable[tuple[TopicName, int]]) -> None:
            written.append(set(places))
            if len(written) > 1:
                await write_markers(written[-1])

        return await ask(sought, marks, second)

    monkeypatch.setattr(Sought, "missing", asked)
    async with lane_inside(deployment) as inside:
        await inside.open()
        assert len(written) > 1
        assert written[0] == written[1]
        await decide_all(inside, sent)

    await asyncio.to_thread(deployment.judge)


async def test_an_opening_takes_no_offset_back(deploy: Callable[..., Deployment]) -> None:
    """White box: what it has just published is not seen yet, and the group may know of more than MongoDB does."""
    deployment, _, document = await asyncio.to_thread(left, deploy, "kill-between-store-and-publish")
    noted: list[dict[TopicPartition, int]] = []
    async with lane_inside(deployment) as inside:
        lane = inside.lane
        lane._commits.note = noted.append  # type: ignore[method-assign, assignment]
        await inside.open()
        assert document["published"] == lane.seen.offset < lane.acknowledged.offset == document["stored"]
        assert not noted
        unseen = Unseen(deployment.settings())
        await unseen.look([lane])
        await unseen.close()
    assert noted == [{lane.partition: document["stored"]}]


def test_events_that_expired_do_not_go_out_again_where_the_groups_offset_is_above_them(
    deploy: Callable[..., Deployment],
) -> None:
    """Killed after Kafka's commit, before MongoDB knows; until somebody starts a worker, retention takes the events."""
    deployment, sent, lane = left(deploy, "kill-between-publish-and-note")
    before = ids(deployment.published())
    stored = {entry["offset"]: ids_of(entry) for entry in deployment.db.journal.find()}
    done = min((offset for offset, caused in stored.items() if caused - before), default=lane["stored"])
    assert set().union(*(caused for offset, caused in stored.items() if lane["published"] <= offset < done))
    deployment.operator.set_offsets(deployment.name, "partnership.lanes", {0: done})
    for topic in {topic for topic, _ in before}:
        deployment.operator.delete_records(topic, deployment.operator.ends(topic))

    deployment.start_worker()
    deployment.wait_decided(sent)

    after = ids(deployment.published())
    assert not after & before
    assert after | before == set().union(*map(ids_of, deployment.db.journal.find()))


@pytest.fixture
def in_parts(monkeypatch: pytest.MonkeyPatch) -> int:
    """An opening that asks what was published by so many offsets of the lane log at once."""
    monkeypatch.setattr(worker.lane, "RECOVERED_AT_ONCE", 7)
    return 7


def unknown(deployment: Deployment) -> int:
    """Forget what is known of the publications of the only lane. Answers up to where it has stored."""
    first = deployment.db.journal.find_one(sort=[("offset", 1)])
    found = deployment.db.lanes.find_one_and_update({}, {"$set": {"published": first["offset"], "marks": {}}})  # type: ignore[index]
    return int(found["stored"])  # type: ignore[index]


async def decide_all(inside: LaneInside, sent: list[str]) -> None:
    """Let the open lane work until all of this is decided."""
    running = asyncio.create_task(inside.work())
    await asyncio.to_thread(inside.deployment.wait_decided, sent)
    inside.lane.close()
    await asyncio.wait({running}, timeout=30)


async def test_much_that_is_unknown_is_gone_through_part_by_part_and_not_from_the_beginning_again(
    deploy: Callable[..., Deployment], in_parts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """White box: all of it is out, as after it was hidden for long. The first opening fails in its third part."""
    deployment, sent, _ = await asyncio.to_thread(left, deploy, "kill-between-publish-and-note")
    stored = await asyncio.to_thread(unknown, deployment)
    begin = deployment.db.lanes.find_one()["published"]  # type: ignore[index]
    asked: list[int] = []
    ask = Sought.missing

    async def interrupted(sought: Any, *marks: Any, **later: Any) -> dict[Any, int]:
        asked.append(inside.lane.recovered_to)
        if len(asked) == 3:
            msg = "Kafka is away"
            raise KafkaError(msg)
        return await ask(sought, *marks, **later)

    monkeypatch.setattr(Sought, "missing", interrupted)
    async with lane_inside(deployment) as inside:
        with pytest.raises(KafkaError):
            await inside.open()
        assert deployment.db.lanes.find_one()["published"] == begin + 2 * in_parts  # type: ignore[index]
        await inside.lane._shut()
        await inside.open()
        assert inside.lane.acknowledged.offset == stored
        await decide_all(inside, sent)

    assert asked[2] == asked[3], "what was asked was asked again"
    assert len(asked) > 5
    await asyncio.to_thread(deployment.judge)


async def test_a_clock_that_ran_ahead_doubles_nothing(
    deploy: Callable[..., Deployment], in_parts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """White box: a lane's time may be ahead of its topics' (decision 0004); later parts then begin behind all of it."""
    deployment, sent, document = await asyncio.to_thread(left, deploy, "kill-between-publish-and-note")
    await asyncio.to_thread(unknown, deployment)
    marks = {mark_of(topic, 0): 0 for topic in TopicName}
    deployment.db.lanes.update_one({}, {"$set": {"marks": marks}})
    monkeypatch.setattr(worker.visible, "CLOCKS_DIFFER_MS_MAX", -3_600_000)
    assert document["stored"] > 3 * in_parts
    async with lane_inside(deployment) as inside:
        await inside.open()
        await decide_all(inside, sent)

    await asyncio.to_thread(deployment.judge)


async def test_a_later_part_is_looked_for_from_its_time_on(deploy: Callable[..., Deployment]) -> None:
    """Of what is behind the mark of the first one most may have nothing to do with it."""
    deployment, _, _ = await asyncio.to_thread(left, deploy, "kill-between-publish-and-note")
    partition = TopicPartition(deployment.topic("partnership.lifecycle.events"), 0)
    long_ago, soon = utc_now() - timedelta(hours=1), utc_now() + timedelta(minutes=11)
    reader, end_reader = make_reader(deployment.settings()), make_reader(deployment.settings(), "read_uncommitted")
    await asyncio.gather(reader.start(), end_reader.start())
    try:
        end = (await end_reader.end_offsets([partition]))[partition]

        async def start(mark: int | None, at: datetime, *, later: bool) -> tuple[int, bool]:
            return await _start(reader, end_reader, partition, end, mark, at, by_time=later)

        assert await start(5, soon, later=False) == (5, False)
        assert await start(5, long_ago, later=True) == (5, False)
        assert await start(5, soon, later=True) == (end, False)
        assert await start(None, long_ago, later=True) == (0, False)
        assert await start(None, soon, later=False) == (0, False)
    finally:
        await asyncio.gather(reader.stop(), end_reader.stop())


async def test_what_is_missing_goes_out_in_its_order_whatever_part_it_is_in(
    deploy: Callable[..., Deployment], in_parts: int
) -> None:
    """White box: the last batch is on no topic. From its first part on nothing is held for seen.

    The journal is read twice, and a purge may have taken something meanwhile, of what was published.
    """
    deployment, sent, _ = await asyncio.to_thread(left, deploy, "kill-between-store-and-publish")
    stored = await asyncio.to_thread(unknown, deployment)
    out = ids(await asyncio.to_thread(deployment.published))
    missing = min(entry["offset"] for entry in deployment.db.journal.find() if ids_of(entry) - out)
    assert in_parts < missing < stored - 2 * in_parts
    async with lane_inside(deployment) as inside:
        store: Any = inside.lane._store
        read, reads = store.unpublished, 0

        async def purged(lane: int, first: int, end: int) -> AsyncIterator[dict[str, Any]]:
            nonlocal reads
            has_missing = first <= missing < end
            reads += has_missing
            async for entry in read(lane, first, end):
                if has_missing and reads == 2 and entry["offset"] == first < missing:
                    entry["records"] = entry["records"][1:]
                yield entry

        store.unpublished = purged
        await inside.open()
        assert reads == 2
        assert inside.lane.acknowledged.offset == stored
        assert 0 <= missing - inside.lane.seen.offset < in_parts
        await decide_all(inside, sent)

    await asyncio.to_thread(deployment.judge)


def ids(events: list[dict[str, Any]]) -> set[tuple[str, str]]:
    return {(event["topic"], event["id"]) for event in events}


def ids_of(entry: dict[str, Any]) -> set[tuple[str, str]]:
    """Of what this entry of the journal sends to others."""
    records = [record for record in records_of(entry) if record.topic != "partnership.lanes"]
    return {(record.topic, json.loads(record.value or b"")["id"]) for record in records}


def test_dead_letters_of_the_same_bytes_are_told_apart(deploy: Callable[..., Deployment]) -> None:
    """One of them is on the topic, the next one is not: only their headers say which is which."""
    deployment = deploy(lanes=1, overrides={"batch_records_max": "1"})
    deployment.make_topics()
    deployment.produce(messages.INVITATION, *[b"?"] * 6, partition=0)
    assert deployment.start_worker("tests.support.broken", "kill-between-store-and-publish", "3").wait() == KILLED

    deployment.start_worker()
    wait_until(lambda: deployment.db.dead_letters.count_documents({}) == 6, 60, "the letters")
    deployment.wait_published()

    letters = [dict(record.headers())["dead-letter-id"] for record in deployment.read("partnership.dead-letters")]
    assert sorted(letters) == sorted(letter["_id"].encode() for letter in deployment.db.dead_letters.find())


@pytest.fixture
def without_verification(deploy_own: Callable[..., Deployment]) -> Iterator[Deployment]:
    """On a broker that lets producers write where their transaction has not been announced.

    So a partition can be left without the markers that end a transaction, as a broker leaves it that finds no leader
    for it at that moment: "these partitions are likely deleted already and hence can be skipped".
    """
    quick = {"transaction_timeout_seconds": "5", "request_timeout_seconds": "5"}
    deployment = deploy_own(lanes=1, overrides=quick)
    deployment.operator.configure_brokers(transaction_partition_verification_enable="false")
    try:
        load.register(deployment)
        yield deployment
    finally:
        deployment.operator.configure_brokers(transaction_partition_verification_enable="true")


def leave_open(deployment: Deployment, how: str) -> tuple[WorkerProcess, dict[str, Any]]:
    """The worker that did so, and the entry of the command whose events hang."""
    worker = deployment.start_worker("tests.support.broken", how, "1")
    deployment.wait_decided([f"register-{partner}" for partner in load.PARTNERS])
    deployment.produce(messages.INVITATION, messages.invite("left-open", load.PARTNERS[0]))
    return worker, wait_until(lambda: deployment.db.journal.find_one({"subject": "left-open"}), 30, "the decision")


@asynccontextmanager
async def hidden_inside(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[LaneInside]:
    """An open lane, at rest: Kafka has acknowledged what it published, and left the markers of it out."""
    monkeypatch.setattr(Publisher, "publish", Publisher.publish)  # so that it is put back
    leave_open_at("lifecycle", 1, commits=True)
    async with lane_inside(deployment) as inside:
        await inside.open()
        await inside.append(messages.register_partner(load.PARTNERS[0]), messages.invite("left-open", load.PARTNERS[0]))
        working = [asyncio.create_task(inside.feed()), asyncio.create_task(inside.lane._work())]
        await asyncio.to_thread(wait_until, lambda: (inside.lane.next_offset or 0) >= 2, 30, "the publication")
        await cancel(working)
        yield inside


def wait_acknowledged(deployment: Deployment, worker: WorkerProcess) -> None:
    """Until Kafka has said to this first worker that all is published, seen or not."""

    def is_counted() -> bool:
        worker.readiness()  # by which the page's port is known
        counts = re.findall(r"^lane_outcomes_total{.*} ([0-9.]+)$", worker.metrics(), re.MULTILINE)
        return sum(map(float, counts)) == deployment.db.journal.count_documents({})

    wait_until(is_counted, 30, "Kafka's word for it")


def is_seen(deployment: Deployment) -> bool:
    return any(event["subject"] == "left-open" for event in deployment.events("partnership.lifecycle.events"))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("how", ["left-open-when-aborted", "left-open-when-aborted-in-part"])
def test_what_an_aborted_transaction_left_open_comes_to_light_and_only_the_rest_is_sent(
    without_verification: Deployment, how: str
) -> None:
    """Nobody would see what comes behind it on that topic, the lane that asks what is there least of all."""
    deployment = without_verification
    worker, entry = leave_open(deployment, how)
    deployment.wait_published()

    (again,) = worker.logged("published from the journal")
    assert 0 < again["records"] < len(entry["records"])
    deployment.judge()


@pytest.mark.timeout(300)
def test_what_a_committed_transaction_left_open_comes_to_light_when_the_lane_is_opened(
    without_verification: Deployment,
) -> None:
    """It was acknowledged: it need not go out again for want of a marker."""
    deployment = without_verification
    worker, _ = leave_open(deployment, "left-open-when-committed")
    wait_acknowledged(deployment, worker)
    assert worker.terminate() == 0
    assert not is_seen(deployment)

    again = deployment.start_worker().wait_ready()

    assert is_seen(deployment)
    assert not again.logged("published from the journal")
    deployment.judge()


@pytest.mark.timeout(300)
def test_who_left_something_open_is_known_until_it_is_seen(without_verification: Deployment) -> None:
    """A broker may leave the markers out once more, those by which an opening ends what a former owner left."""
    deployment = without_verification
    worker, _ = leave_open(deployment, "left-open-when-committed")
    lane: Any = deployment.db.lanes.find_one
    wait_acknowledged(deployment, worker)
    assert worker.terminate() == 0
    _, former = lane()["producers"]

    again = deployment.start_worker("tests.support.broken", "endings-left-out", "2")
    wait_until(lambda: again.logged("lane starts again"), 60, "the first opening to give up")
    assert former in lane()["producers"]
    assert not is_seen(deployment)

    again.wait_ready()
    assert is_seen(deployment)
    assert former not in lane()["producers"]
    assert not again.logged("published from the journal")
    deployment.judge()


@pytest.mark.timeout(300)
def test_what_was_acknowledged_and_taken_away_by_the_next_abort_goes_out_again(
    without_verification: Deployment,
) -> None:
    """Hidden for want of a marker, and then the worker is killed in the next transaction of that producer there."""
    deployment = without_verification
    worker, _ = leave_open(deployment, "left-open-and-killed-in-the-next")
    wait_acknowledged(deployment, worker)
    time.sleep(2 * IDLE_SECONDS)  # by now an idle lane has noted what it holds for published
    deployment.produce(messages.INVITATION, messages.invite("next", load.PARTNERS[0]))
    assert worker.wait() == KILLED

    again = deployment.start_worker().wait_ready()

    assert is_seen(deployment)
    assert again.logged("published from the journal")
    deployment.judge()


@pytest.mark.timeout(300)
async def test_what_an_abort_took_away_is_not_held_for_seen(
    without_verification: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """White box: the lane lives on, and does not know that somebody has fenced its publisher."""
    deployment = without_verification
    async with hidden_inside(deployment, monkeypatch) as inside:
        lane = inside.lane
        settings = deployment.settings()
        other = Publisher(settings, Secrets(SECRET), lane._shared_publisher.id)
        await other.start()
        producer = other._producer
        await producer.begin_transaction()
        for mark in lane.acknowledged.marks:
            topic, partition = place_of(mark)
            producer._txn_manager.maybe_add_partition_to_txn(TopicPartition(settings.topic(topic), partition))
        await producer.abort_transaction()
        await other.stop()

        before = lane.seen
        unseen = Unseen(settings)
        await unseen.look([lane])
        await unseen.close()
        assert not unseen._standing, "what is gone hides nothing any more"
        assert lane.seen is before
        with pytest.raises(KafkaError):
            lane._shared_publisher.check()
        await lane._shut()
        await inside.open()

        events = await asyncio.to_thread(deployment.events, "partnership.lifecycle.events")
        assert sum(event["subject"] == "left-open" for event in events) == 1


@pytest.mark.timeout(300)
async def test_what_its_own_workers_producer_left_open_a_lane_has_ended_when_it_opens_again(
    without_verification: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """White box: acknowledged, not noted, and hidden, by the producer that the worker's lanes still work with."""
    deployment = without_verification
    async with hidden_inside(deployment, monkeypatch) as inside:
        lane = inside.lane
        shared = lane._shared_publisher

        assert not await asyncio.to_thread(is_seen, deployment)
        await lane._shut()
        await inside.open()

        assert lane._shared_publisher is shared
        events = await asyncio.to_thread(deployment.events, "partnership.lifecycle.events")
        assert sum(event["subject"] == "left-open" for event in events) == 1


@pytest.mark.timeout(300)
async def test_who_ends_what_is_hidden_depends_on_who_published_it(
    without_verification: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """White box: what went out at an opening, by another producer, the shared one cannot end; another opening does."""
    deployment = without_verification
    async with hidden_inside(deployment, monkeypatch) as inside:
        lane = inside.lane
        unseen = Unseen(deployment.settings())
        unseen._patience_seconds = 0
        (hidden,) = [mark for mark in lane.acknowledged.marks if "lifecycle" in mark]

        monkeypatch.setattr(lane, "_recovered", {hidden: 1})  # less than was published there since
        await unseen.look([lane])
        await unseen.look([lane])
        assert "from the journal" in (lane._doubt or "")
        assert not await asyncio.to_thread(is_seen, deployment)

        monkeypatch.setattr(lane, "_recovered", {})
        lane._doubt = None
        await unseen.look([lane])
        assert lane._doubt is None
        await asyncio.to_thread(wait_until, lambda: is_seen(deployment), 30, "what was published")
        await unseen.close()


@pytest.mark.timeout(300)
def test_publications_that_stay_hidden_come_to_light_while_the_lane_works_on(without_verification: Deployment) -> None:
    """Nothing fails, and nothing more comes that would mend it."""
    deployment = without_verification
    worker, _ = leave_open(deployment, "left-open-when-committed")
    wait_acknowledged(deployment, worker)
    assert not is_seen(deployment)

    wait_until(lambda: is_seen(deployment), 60, "what was published")

    assert worker.logged("publications are not seen")
    assert not worker.logged("lane starts again")
    deployment.wait_published()
    deployment.judge()

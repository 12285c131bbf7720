"""What a lane sends, and what holds it back: a topic that refuses, an opening that takes long, another lane."""

from collections.abc import Callable

import pytest
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError
from pydantic import SecretStr

from tests.support import load, messages
from tests.support.deployment import SECRET, Deployment
from tests.support.waiting import wait_until
from worker.kafka import make_producer
from worker.partitioning import lane_of
from worker.publisher import Publisher
from worker.settings import Settings

EVENTS = "partnership.lifecycle.events"


def test_an_event_that_its_topic_refuses_holds_the_lane_until_it_can_go_out(deploy: Callable[..., Deployment]) -> None:
    """With aiokafka a transaction commits although a send in it has failed: what else is in it, without the record.

    The topic's limit becomes tiny while the worker runs; nothing is committed until it is mended.
    """
    deployment = deploy(lanes=1)
    load.register(deployment)
    worker = deployment.start_worker()
    deployment.wait_decided([f"register-{partner}" for partner in load.PARTNERS])
    before = deployment.operator.offsets(deployment.name, "partnership.lanes")
    deployment.operator.configure(EVENTS, max_message_bytes="100")

    sent = load.produce(deployment, 10)
    wait_until(lambda: len(worker.logged("lane starts again")) >= 2, 60, "the lane to try twice")

    assert [line["step"] for line in worker.logged("lane starts again")][:2] == [
        "working",
        "publishing what is not published",
    ]
    assert "lane 0: waiting for MessageSizeTooLargeError while publishing" in str(worker.readiness()["problems"])
    assert deployment.operator.offsets(deployment.name, "partnership.lanes") == before
    assert len(deployment.events(EVENTS)) == len(load.PARTNERS)

    deployment.operator.configure(EVENTS, max_message_bytes="1048576")
    deployment.wait_decided(sent)
    deployment.judge()
    worker.wait_ready()


def test_whatever_is_chosen_for_compression_is_read_by_everybody(deploy: Callable[..., Deployment]) -> None:
    """By consumers, by the lanes, and by a worker that compresses in another way."""
    deployment = deploy(lanes=2)
    load.register(deployment)
    for codec in ("none", "zstd", "gzip"):
        worker = deployment.start_worker(kafka_compression=codec).wait_ready()
        deployment.wait_decided(load.produce(deployment, 60, tag=codec))
        deployment.wait_published()
        assert worker.terminate() == 0
    deployment.judge()


@pytest.mark.parametrize(("codec", "smaller"), [("zstd", True), ("lz4", True), ("gzip", True), ("none", False)])
async def test_batches_are_compressed_as_the_settings_say(codec: str, *, smaller: bool) -> None:
    nowhere = {"kafka_bootstrap": "127.0.0.1:9", "mongo_url": SecretStr("mongodb://127.0.0.1:9/?replicaSet=rs0")}
    settings = Settings(**nowhere, secret=SecretStr(SECRET), kafka_compression=codec)  # type: ignore[arg-type]
    producer = make_producer(settings)
    try:
        batch = producer.create_batch()
        batch.append(key=None, value=b"event " * 1000, timestamp=None)
        assert (len(batch._build()) < 1000) is smaller
    finally:
        await producer.stop()


def test_opening_slower_than_the_session_keeps_the_assignment(deploy: Callable[..., Deployment]) -> None:
    """Aiokafka sends no heartbeat while a rebalance listener runs, so opening must not happen in it."""
    deployment = deploy(lanes=2)
    load.register(deployment)
    sent = load.produce(deployment, 10)

    # The session time-out is 6 s; the first lane to ask waits twice as long, the other one goes on meanwhile.
    worker = deployment.start_worker("tests.support.broken", "slow-producer-start", "12").wait_ready(60)
    assert deployment.operator.members(deployment.name) == 1, "the group has given the worker up"
    deployment.wait_decided(sent)

    opened = worker.logged("lane is open")
    assert sorted(line["lane"] for line in opened) == [0, 1], "a lane was opened more than once"
    assert {lane["epoch"] for lane in deployment.db.lanes.find()} == {1}
    deployment.judge()


def test_a_customer_whom_two_lanes_bind_at_once_is_bound_once(deploy: Callable[..., Deployment]) -> None:
    """Two partners of different lanes, both verified and accepted at the same time, for many customers.

    Both lanes decide on what they load inside of their transactions; one of them meets the other's write and decides
    again.
    """
    deployment = deploy(lanes=2, overrides={"batch_records_max": "5"})  # many transactions, to meet often
    first, second = partners_of_two_lanes()
    customers = [f"customer-{number}" for number in range(60)]
    deployment.make_topics()
    worker = deployment.start_worker().wait_ready()
    deployment.produce(messages.FACTS, messages.register_partner(first), messages.register_partner(second))
    deployment.produce(messages.FACTS, *map(messages.report_customer, customers))
    names = {f"{customer}-of-{partner}": (partner, customer) for customer in customers for partner in (first, second)}
    for name, (partner, customer) in names.items():
        token = deployment.secrets.token("invitation", name, 1)
        deployment.produce(messages.INVITATION, messages.invite(name, partner, email=f"it@{name}.example"))
        deployment.produce(messages.INVITATION, messages.open_invitation(name, partner, token, customer))
    deployment.wait_decided([f"open-{name}" for name in names])

    for name, (partner, customer) in names.items():
        deployment.enqueue(messages.INVITATION, messages.verify_identity(name, partner, customer))
        deployment.enqueue(messages.INVITATION, messages.accept(name, partner, customer))
    deployment.flush()
    deployment.wait_decided([f"accept-{name}" for name in names])

    events = deployment.judge()
    bound = [event["subject"] for event in events if event["type"] == "partnerships.PartnershipBound.v1"]
    winners = [names[name][1] for name in bound]
    assert sorted(winners) == sorted(set(winners)), "a customer was bound twice"
    assert worker.is_ready()


def partners_of_two_lanes() -> tuple[str, str]:
    by_lane: dict[int, str] = {}
    for number in range(50):
        by_lane.setdefault(lane_of(f"partner-{number}", 2), f"partner-{number}")
    return by_lane[0], by_lane[1]


async def test_a_broker_that_knows_of_no_broker_yet_is_an_outage_and_no_defect(
    deploy: Callable[..., Deployment], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that has just come back answers so, and aiokafka asserts that it cannot be."""
    deployment = deploy()
    publisher = Publisher(deployment.settings(), deployment.secrets, "somebody")
    monkeypatch.setattr(AIOKafkaClient, "get_random_node", lambda _: None)
    try:
        with pytest.raises(KafkaError, match="no broker is known yet"):
            await publisher.start()
    finally:
        await publisher.stop()

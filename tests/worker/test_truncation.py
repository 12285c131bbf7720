"""Records that were deleted before anybody read them: the worker stops and says how many; it never goes on behind."""

import signal
from collections.abc import Callable

import pytest

from tests.support import load, messages
from tests.support.deployment import Deployment
from tests.support.waiting import wait_until
from worker.kafka import PARTITION_FETCH_BYTES_MAX

LANES = "partnership.lanes"
OPERATOR_NEEDED = 3
LARGE = 100_000


def stop_reason(deployment: Deployment, worker: object = None) -> str:
    worker = worker or deployment.start_worker()
    assert worker.wait(90) == OPERATOR_NEEDED, worker.log[-4000:]  # type: ignore[attr-defined]
    return str(worker.logged("stopped: an operator is needed")[0]["reason"])  # type: ignore[attr-defined]


@pytest.fixture
def ended(deploy: Callable[..., Deployment]) -> tuple[Deployment, int]:
    """One lane that decided something before its worker ended, and the next offset that it would read."""
    deployment = deploy(lanes=1)
    load.register(deployment)
    sent = load.produce(deployment, 10)
    worker = deployment.start_worker()
    deployment.wait_decided(sent)
    worker.terminate()
    return deployment, deployment.db.lanes.find_one()["stored"]  # type: ignore[index]


def test_a_lane_log_truncated_beyond_what_was_decided_stops_the_worker(ended: tuple[Deployment, int]) -> None:
    deployment, stored = ended
    commands = [value for number in range(10) for value in load.life(number, "lost")]
    deployment.produce(LANES, *commands, partition=0)
    deployment.operator.delete_records(LANES, {0: stored + 5})

    reason = stop_reason(deployment)

    assert f"next record to read has offset {stored}" in reason
    assert "5 records were deleted before they were read" in reason
    assert deployment.db.lanes.find_one()["stored"] == stored  # type: ignore[index]
    deployment.judge()


def test_a_public_topic_truncated_beyond_what_was_moved_stops_the_worker(deploy: Callable[..., Deployment]) -> None:
    deployment = deploy(lanes=1)
    load.register(deployment)
    deployment.produce(messages.INVITATION, *load.life(1), partition=0)
    worker = deployment.start_worker()
    deployment.wait_decided(load.ids(2)[2:])
    worker.terminate()
    deployment.produce(messages.INVITATION, *load.life(2), *load.life(3), partition=0)
    deployment.operator.delete_records(messages.INVITATION, {0: 5})

    reason = stop_reason(deployment)

    assert "intake: the next record to read has offset 2" in reason
    assert "3 records were deleted before they were read" in reason


def test_a_partition_of_which_nothing_was_read_yet_counts_from_where_it_began(
    deploy: Callable[..., Deployment],
) -> None:
    """Its first records came and expired after the last worker ended."""
    deployment = deploy(lanes=1)
    deployment.start_worker().wait_ready().terminate()
    deployment.produce(messages.INVITATION, *load.life(1), *load.life(2), partition=0)
    deployment.operator.delete_records(messages.INVITATION, {0: 3})

    reason = stop_reason(deployment)

    assert "intake: the next record to read has offset 0" in reason
    assert "3 records were deleted before they were read" in reason


def test_a_lane_goes_on_where_the_operator_says(deploy: Callable[..., Deployment]) -> None:
    """The procedure of docs/operating.md for a log that begins too late; what was not published still goes out."""
    deployment = deploy(lanes=1, overrides={"batch_records_max": "20"})
    load.register(deployment)
    sent = load.produce(deployment, 50)
    dying = deployment.start_worker("tests.support.broken", "kill-between-store-and-publish", "3")
    assert dying.wait() == -signal.SIGKILL
    lane = deployment.db.lanes.find_one()
    assert lane is not None
    assert lane["published"] < lane["stored"]
    begins = lane["stored"] + 5
    deployment.produce(LANES, *[b"?"] * 6, partition=0)
    deployment.operator.delete_records(LANES, {0: begins})
    assert f"reaches from {begins}" in stop_reason(deployment)

    deployment.db.lanes.update_one({"_id": 0}, {"$set": {"stored": begins}})

    deployment.start_worker()
    deployment.wait_decided(load.produce(deployment, 60)[len(sent) :])
    deployment.judge()


def test_a_log_that_brokers_lost_the_end_of_is_filled_up(ended: tuple[Deployment, int]) -> None:
    """The procedure of docs/operating.md for a log that ends too early: nobody reads what lies below `stored`."""
    deployment, stored = ended
    deployment.operator.delete_topic(LANES)
    lost = load.produce(deployment, 2, "lost")  # which intake may move to where nobody reads any more
    assert f"offset {stored}" in stop_reason(deployment)

    end = deployment.operator.ends(LANES)[0]
    deployment.produce(LANES, *[b"filler"] * (stored - end), partition=0)
    deployment.operator.wait_memberless(f"{deployment.name}-intake")
    for topic in (messages.FACTS, messages.INVITATION):
        deployment.operator.set_offsets(f"{deployment.name}-intake", topic, {0: 0, 1: 0})

    deployment.start_worker()
    deployment.wait_decided(lost)
    deployment.judge()
    assert not deployment.db.dead_letters.count_documents({})


@pytest.mark.parametrize(("topic", "what"), [(LANES, "lane 0"), (messages.INVITATION, "intake")])
def test_a_log_truncated_while_the_worker_runs_stops_it(
    deploy: Callable[..., Deployment], topic: str, what: str
) -> None:
    """The whole log goes while the worker is behind: aiokafka only reports to a loop that logs it and sleeps.

    A sleeping worker stands for one that is behind; its session is long enough to keep the assignment. The fetch that
    it had under way may bring some of the records, but never all of them.
    """
    deployment = deploy(lanes=1, overrides={"session_timeout_seconds": "20", "stall_seconds": "60"})
    load.register(deployment)
    worker = deployment.start_worker().wait_ready()
    wait_until(lambda: deployment.db.journal.count_documents({}) == len(load.PARTNERS), 60, "the partners")
    with deployment.asleep(worker):
        for _ in range(3 * PARTITION_FETCH_BYTES_MAX // LARGE):
            deployment.produce(topic, b"x" * LARGE, partition=0)
        deployment.operator.delete_records(topic, {0: deployment.operator.ends(topic)[0]})

    reason = stop_reason(deployment, worker)

    assert what in reason
    assert "records were deleted before they were read" in reason

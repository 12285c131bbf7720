"""SIGTERM: finish what is under way and leave, within the bound; whatever is left, the next worker goes on with it."""

import json
import signal
import time
from collections.abc import Callable

import pytest

from tests.support import load
from tests.support.deployment import Deployment
from tests.support.waiting import wait_until
from worker.servers import Servers

SHUTDOWN_SECONDS = 12
A_BUSY_MACHINE_SECONDS = 5


def test_a_worker_that_closes_takes_no_lanes_although_a_rebalance_still_gives_it_some(
    deploy: Callable[..., Deployment],
) -> None:
    """Else they would be open while their MongoDB client closes, and their next owner would find them so."""
    deployment = deploy(lanes=4)
    load.register(deployment)
    leaving = deployment.start_worker("tests.support.broken", "slow-goodbye", "14").wait_ready()
    leaving.process.send_signal(signal.SIGTERM)
    wait_until(lambda: leaving.logged("draining"), 30, "the worker to close")

    coming = deployment.start_worker()
    wait_until(lambda: coming.logged("lane is open"), 60, "a rebalance")
    assert leaving.wait() == 0

    lines = [line for line in leaving.log.splitlines() if line.startswith("{")]
    events = [json.loads(line)["event"] for line in lines]
    assert "lane is open" not in events[events.index("draining") :]
    assert "lane starts again" not in events


def test_sigterm_in_the_middle_of_load_ends_with_0_and_the_next_worker_goes_on(
    deploy: Callable[..., Deployment],
) -> None:
    deployment = deploy(overrides={"shutdown_seconds": str(SHUTDOWN_SECONDS), "batch_records_max": "50"})
    load.register(deployment)
    worker = deployment.start_worker().wait_ready()
    with load.loaded(deployment, every_seconds=0.005) as running:
        running.wait_for_more(100)
        began = time.monotonic()
        assert worker.terminate() == 0
        assert time.monotonic() - began < SHUTDOWN_SECONDS + A_BUSY_MACHINE_SECONDS
        assert worker.logged("drained")
        deployment.start_worker()
    deployment.wait_decided(running.stop())

    deployment.judge()


def test_who_leaves_has_seen_what_it_published(deploy: Callable[..., Deployment]) -> None:
    """So the next opening need not ask the topics. It waits a second for that; here for longer, on a busy machine."""
    deployment = deploy()
    load.register(deployment)
    worker = deployment.start_worker("tests.support.broken", "long-last-look", "8").wait_ready()
    with load.loaded(deployment, every_seconds=0.005) as running:
        running.wait_for_more(100)
        assert worker.terminate() == 0
        lanes = deployment.db.lanes.find().to_list()
        running.stop()
    assert {lane["_id"]: lane["stored"] - lane["published"] for lane in lanes} == {lane["_id"]: 0 for lane in lanes}


@pytest.mark.timeout(180)
@pytest.mark.parametrize("away", ["kill", "suspend"])
def test_sigterm_while_kafka_is_away_ends_within_the_bound(
    deploy_own: Callable[..., Deployment], own_servers: Servers, away: str
) -> None:
    """Aiokafka's stop() waits for a broker for ever; every wait for it is bounded."""
    kafka = own_servers.kafka
    assert kafka is not None
    deployment = deploy_own(overrides={"shutdown_seconds": str(SHUTDOWN_SECONDS)})
    load.register(deployment)
    worker = deployment.start_worker().wait_ready()
    with load.loaded(deployment) as running:
        running.wait_for_more(50)
        getattr(kafka, away)()
        try:
            began = time.monotonic()
            assert worker.terminate() == 0
            assert time.monotonic() - began < SHUTDOWN_SECONDS + A_BUSY_MACHINE_SECONDS
        finally:
            kafka.resume()
            kafka.start()
    deployment.start_worker()
    deployment.wait_decided(running.stop())
    deployment.judge()

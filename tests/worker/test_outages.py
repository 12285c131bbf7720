"""A sick dependency is no bad message (P7): the worker waits, says for what, and refuses or buries nothing.

On servers of their own, which are killed.
"""

import time
from collections.abc import Callable

import pytest

from tests.support import load
from tests.support.deployment import Deployment
from tests.support.waiting import wait_until
from worker.servers import LocalKafka, LocalMongo, Servers

AWAY_SECONDS = 20


@pytest.mark.timeout(240)
@pytest.mark.parametrize(("server", "name"), [("mongo", "MongoDB"), ("kafka", "Kafka")])
def test_an_outage_under_load_costs_nobody_anything(
    deploy_own: Callable[..., Deployment], own_servers: Servers, server: str, name: str
) -> None:
    deployment = deploy_own(overrides={"request_timeout_seconds": "4"})
    going: LocalKafka | LocalMongo = getattr(own_servers, server)
    load.register(deployment)
    worker = deployment.start_worker().wait_ready()
    with load.loaded(deployment, every_seconds=0.05) as running:
        running.wait_for_more(20)
        going.kill()
        try:
            away = time.monotonic()
            wait_until(lambda: name in str(worker.readiness().get("problems")), 60, "the worker to say so")
            assert not worker.readiness()["ready"]
            time.sleep(max(0.0, AWAY_SECONDS - (time.monotonic() - away)))  # an outage has a length
        finally:
            going.start()
        worker.wait_ready(90)
    deployment.wait_decided(running.stop(), 90)

    events = deployment.judge()
    assert not [event for event in events if event["topic"] == "partnership.rejections"]
    assert not deployment.read("partnership.dead-letters")
    assert worker.terminate() == 0


@pytest.mark.parametrize("task", ["group", "fetches", "metadata", "take"])
def test_a_worker_in_which_something_has_ended_ends(deploy: Callable[..., Deployment], task: str) -> None:
    """Nobody else looks: its consumer finds nothing any more, or the same error again, and a worker stays ready."""
    deployment = deploy()
    load.register(deployment)
    worker = deployment.start_worker("tests.support.broken", f"ended-{task}", "0").wait_ready()
    sent = load.produce(deployment, 3)
    assert worker.wait(30) == 1
    assert "lanes: the task of" in worker.log

    deployment.start_worker()
    deployment.wait_decided(sent)
    deployment.judge()


def test_who_cannot_send_deadlines_says_so(deploy: Callable[..., Deployment]) -> None:
    """Nobody else sends them: who fails holds the lease."""
    worker = deploy().start_worker("tests.support.broken", "no-deadlines", "0")
    said = "deadlines: waiting for KafkaConnectionError"
    wait_until(lambda: any(one.startswith(said) for one in worker.readiness().get("problems", ())), 60, "the worker")


def test_a_consumer_that_ends_as_if_cancelled_takes_nobody_with_it(
    deploy_own: Callable[..., Deployment], own_servers: Servers
) -> None:
    """Who looks after readiness stopped such a one and was gone: a worker that worked was never ready (seed 3703)."""
    kafka = own_servers.kafka
    assert kafka is not None
    deployment = deploy_own(overrides={"request_timeout_seconds": "4"})
    load.register(deployment)
    worker = deployment.start_worker("tests.support.broken", "stops-cut", "3600").wait_ready()
    kafka.kill()
    try:
        wait_until(lambda: not worker.is_ready(), 60, "the worker to see it")
    finally:
        kafka.start()
    worker.wait_ready(60)
    deployment.wait_decided(load.produce(deployment, 10))

    assert worker.terminate() == 0
    assert worker.logged("drained")
    groups = [deployment.name, f"{deployment.name}-intake"]
    assert [deployment.operator.members(group) for group in groups] == [0, 0]  # both said good-bye
    deployment.judge()

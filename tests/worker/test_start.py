"""A start without servers: the worker waits, says for what, and can be told to stop while it waits."""

import time
from collections.abc import Callable
from pathlib import Path

from tests.support import load
from tests.support.deployment import Deployment
from tests.support.waiting import wait_until
from worker.servers import Servers

NOBODY = "127.0.0.1:9"
SHUTDOWN_SECONDS = 12
A_BUSY_MACHINE_SECONDS = 5


def test_a_worker_that_finds_no_servers_waits_and_can_be_stopped(tmp_path: Path) -> None:
    deployment = Deployment(
        Servers(NOBODY, f"mongodb://{NOBODY}/?replicaSet=rs0"),
        overrides={"shutdown_seconds": str(SHUTDOWN_SECONDS)},
        directory=tmp_path,
    )
    worker = deployment.start_worker()
    try:
        wait_until(lambda: "Error" in str(worker.readiness().get("problems")), 30, "the reason")
        (problem,) = worker.readiness()["problems"]
        assert problem.startswith("worker: waiting for Kafka (KafkaConnectionError("), problem
        began = time.monotonic()
        assert worker.terminate() == 0
        assert time.monotonic() - began < SHUTDOWN_SECONDS + A_BUSY_MACHINE_SECONDS
    finally:
        worker.kill()
        deployment.mongo.close()


def test_a_worker_whose_first_try_to_join_fails_takes_lanes_with_the_next(deploy: Callable[..., Deployment]) -> None:
    """What it closed after the first try is open for the second."""
    deployment = deploy()
    worker = deployment.start_worker("tests.support.broken", "connection-lost-at-joining", "1")
    wait_until(lambda: worker.logged("waiting"), 60, "the connection to be lost")

    worker.wait_ready(60)
    load.register(deployment)

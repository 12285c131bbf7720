"""Workers that share the lanes: they come, go and are killed under load, and every event is seen once, in its order."""

from collections.abc import Callable

from tests.support import load
from tests.support.deployment import Deployment, WorkerProcess
from tests.support.waiting import wait_until


def test_lanes_change_hands_under_load(deploy: Callable[..., Deployment]) -> None:
    deployment = deploy(lanes=4, overrides={"batch_records_max": "50"})
    load.register(deployment)
    first = deployment.start_worker().wait_ready()
    with load.loaded(deployment) as running:
        running.wait_for_more(50)

        second = deployment.start_worker()
        wait_until(lambda: lanes_of(second) and second.is_ready(), 60, "the second to take its share")
        running.wait_for_more(50)

        assert first.terminate() == 0
        wait_until(lambda: len(lanes_of(second)) == 4, 60, "the second to take all")

        second.kill()
        third = deployment.start_worker()
        wait_until(lambda: lanes_of(third) and third.is_ready(), 60, "the third to take over")
        running.wait_for_more(50)
    deployment.wait_decided(running.stop())

    deployment.judge()


def test_two_workers_that_are_killed_again_and_again_lose_and_double_nothing(deploy: Callable[..., Deployment]) -> None:
    deployment = deploy(lanes=4, overrides={"batch_records_max": "20"})
    load.register(deployment)
    deployment.start_worker().wait_ready()
    with load.loaded(deployment) as running:
        for _ in range(3):
            worker = deployment.start_worker()
            running.wait_for_more(60)
            worker.kill()
    deployment.wait_decided(running.stop())

    deployment.judge()


def lanes_of(worker: WorkerProcess) -> set[int]:
    """The lanes that it has opened until now."""
    return {line["lane"] for line in worker.logged("lane is open")}

"""A zombie: a lane that believes it owns what another worker owns by now. It publishes nothing and stores nothing.

Deterministic: the worker of tests/support/broken.py puts itself to sleep at the exact place; SIGCONT wakes it up long
after the group gave its lanes away.
"""

import asyncio
import signal
from collections.abc import Callable

import psutil
import pytest
from aiokafka import TopicPartition
from aiokafka.errors import ProducerFenced

from tests.support import load, messages
from tests.support.deployment import Deployment, WorkerProcess
from tests.support.inside import lane_inside
from tests.support.waiting import wait_until
from worker.failures import Fenced


def wait_asleep(worker: WorkerProcess) -> None:
    process = psutil.Process(worker.process.pid)
    wait_until(lambda: process.status() == psutil.STATUS_STOPPED, 60, "the worker to fall asleep")


@pytest.mark.parametrize("how", ["sleep-between-store-and-publish", "sleep-inside-mongodb-transaction"])
def test_a_worker_that_slept_through_its_session_changes_nothing(deploy: Callable[..., Deployment], how: str) -> None:
    deployment = deploy(lanes=1, overrides={"batch_records_max": "20"})
    load.register(deployment)
    sent = load.produce(deployment, 100)
    zombie = deployment.start_worker("tests.support.broken", how, "3")
    wait_asleep(zombie)
    deployment.start_worker()
    deployment.wait_decided(sent)

    zombie.process.send_signal(signal.SIGCONT)
    wait_until(
        lambda: zombie.logged("lane starts again") or zombie.logged("lanes were cut off"), 60, "the zombie to notice"
    )
    zombie.wait_ready()
    more = load.produce(deployment, 20, tag="afterwards")
    deployment.wait_decided(more)

    deployment.judge()


def test_a_worker_that_slept_while_the_group_was_renamed_publishes_nothing(deploy: Callable[..., Deployment]) -> None:
    """Its transactional id is another one than that of the lane's new owner, who must fence it all the same."""
    deployment = deploy(lanes=1, overrides={"batch_records_max": "20"})
    load.register(deployment)
    sent = load.produce(deployment, 100)
    zombie = deployment.start_worker("tests.support.broken", "sleep-between-store-and-publish", "3")
    wait_asleep(zombie)
    deployment.start_worker(group=f"{deployment.name}-renamed")
    deployment.wait_decided(sent)

    zombie.process.send_signal(signal.SIGCONT)
    wait_until(lambda: zombie.logged("lane starts again"), 60, "the zombie to notice")
    zombie.kill()

    deployment.overrides["group"] = f"{deployment.name}-renamed"
    deployment.judge()
    (lane,) = deployment.db.lanes.find()
    own, shared = lane["producers"]
    assert own == f"{deployment.name}-renamed-0"
    assert shared.startswith(f"{deployment.name}-renamed-shared-")


async def test_a_lane_that_is_opened_elsewhere_between_store_and_publish_yields(
    deploy: Callable[..., Deployment],
) -> None:
    """White box, without a group: the second opening publishes what the first has stored; the first then cannot."""
    deployment = deploy(lanes=1)
    async with lane_inside(deployment) as first, lane_inside(deployment) as second:
        await first.open()
        await first.append(messages.register_partner("acme"))
        stored = asyncio.Event()
        go_on = asyncio.Event()
        publisher = first.lane._shared_publisher
        publish = publisher.publish

        async def slow(records: object) -> dict[str, int]:
            stored.set()
            await go_on.wait()
            return await publish(records)  # type: ignore[arg-type]

        publisher.publish = slow  # type: ignore[method-assign]
        working = asyncio.create_task(first.work())
        await stored.wait()
        await second.open()
        go_on.set()
        error = await first.error_of(working)

        assert type(error).__name__ in {"ProducerFenced", "InvalidProducerEpoch", "Fenced"}
        await asyncio.to_thread(deployment.judge)
        assert len(await asyncio.to_thread(deployment.events, "partnership.lifecycle.events")) == 1


async def test_a_lane_that_is_opened_elsewhere_during_its_opening_takes_nothing_for_lost(
    deploy: Callable[..., Deployment],
) -> None:
    """White box: what a later owner has stored and committed meanwhile looks as if MongoDB had lost something."""
    deployment = deploy(lanes=1)
    async with lane_inside(deployment) as first, lane_inside(deployment) as second:
        committed = first.consumer.committed
        working = []

        async def late(partition: TopicPartition) -> int | None:
            await second.open()
            await second.append(messages.register_partner("acme"))
            working.append(asyncio.create_task(second.work()))
            offsets = deployment.operator.offsets
            await asyncio.to_thread(wait_until, lambda: offsets(deployment.name, "partnership.lanes").get(0), 30)
            return await committed(partition)  # type: ignore[no-any-return]

        first.consumer.committed = late
        with pytest.raises(Fenced):
            await first.open()

        second.lane.close()
        await asyncio.gather(*working)


async def test_an_idle_lane_whose_publisher_has_failed_opens_again_before_it_stores(
    deploy: Callable[..., Deployment],
) -> None:
    """White box: another lane's publication failed, or was fenced."""
    deployment = deploy(lanes=1)
    async with lane_inside(deployment) as inside:
        await inside.open()
        working = asyncio.create_task(inside.work())
        await asyncio.sleep(0.1)
        inside.lane._shared_publisher.failure = ProducerFenced()
        async with asyncio.timeout(10):
            assert isinstance(await inside.error_of(working), ProducerFenced)


async def test_a_lane_that_is_opened_elsewhere_cannot_store(deploy: Callable[..., Deployment]) -> None:
    """White box: each store filters on the lane's epoch, and the second opening has raised it."""
    deployment = deploy(lanes=1)
    async with lane_inside(deployment) as first, lane_inside(deployment) as second:
        await first.open()
        await second.open()
        await first.append(messages.register_partner("acme"))
        working = asyncio.create_task(first.work())

        error = await first.error_of(working)

        assert type(error).__name__ in {"Fenced", "OperationFailure"}, error
        assert deployment.db.journal.count_documents({}) == 0
        assert deployment.db.partners.count_documents({}) == 0

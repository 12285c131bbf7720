"""Intake opens each partition for itself: one that does not answer holds no other."""

import asyncio
from collections.abc import Callable
from typing import Any

from aiokafka import TopicPartition

from tests.support import messages
from tests.support.deployment import Deployment
from worker.intake import Intake
from worker.kafka import Prober
from worker.metrics import Metrics


class Consumer:
    """A group's consumer that was given partitions and has read nothing yet."""

    def __init__(self) -> None:
        self.open: set[TopicPartition] = set()

    async def committed(self, _: TopicPartition) -> None:
        return None

    def seek(self, partition: TopicPartition, offset: int) -> None:
        assert offset == 0, partition

    def pause(self, partition: TopicPartition) -> None:
        pass

    def resume(self, partition: TopicPartition) -> None:
        self.open.add(partition)


async def test_a_partition_without_a_leader_holds_no_other(deploy: Callable[..., Deployment]) -> None:
    """Another worker that got the same ones would stand before it too. Here it is one that is not there yet."""
    deployment = deploy(lanes=1)
    await asyncio.to_thread(deployment.make_topics)
    topic = deployment.topic(messages.FACTS)
    there = {TopicPartition(topic, number) for number in range(2)}
    nowhere = TopicPartition(topic, 97)
    settings = deployment.settings(request_timeout_seconds="6")
    consumer: Any = Consumer()

    def fail(error: BaseException) -> None:
        raise error

    intake = Intake(settings, Metrics(), Prober(settings), lambda: consumer, fail)
    intake.begin()
    await intake.listener.on_partitions_assigned(there | {nowhere})
    try:
        async with asyncio.timeout(30):
            while consumer.open != there:  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0.05)
        assert {place.partition for place in intake.places() if place.next_offset is None} == {nowhere}
    finally:
        await intake.close()

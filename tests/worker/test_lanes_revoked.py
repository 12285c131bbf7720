"""Lanes that are taken away end their batch and say how far they came, also when the worker ends meanwhile."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition
from pydantic import SecretStr

from tests.support.deployment import SECRET
from worker.kafka import Prober
from worker.lanes import Lanes
from worker.metrics import Metrics
from worker.settings import Settings

LANE = TopicPartition("partnership.lanes", 0)


class Consumer:
    """A member of its group, whose first commit may take long."""

    def __init__(self) -> None:
        self._coordinator = SimpleNamespace(generation=7)
        self.seconds = 0.0
        self.commits: list[dict[TopicPartition, int]] = []

    def assignment(self) -> set[TopicPartition]:
        return {LANE}

    async def commit(self, offsets: dict[TopicPartition, int]) -> None:
        seconds, self.seconds = self.seconds, 0.0
        await asyncio.sleep(seconds)
        self.commits.append(offsets)


class Batch:
    """Stands for a lane with a batch under way, which takes so long to end."""

    def __init__(self, lanes: Lanes, seconds: float) -> None:
        self.done = False
        self._lanes = lanes
        self._seconds = seconds
        self._closing = asyncio.Event()

    def close(self) -> None:
        self._closing.set()

    async def run(self) -> None:
        await self._closing.wait()
        await asyncio.sleep(self._seconds)
        self._lanes._commits.note({LANE: 9})
        self.done = True


@pytest.fixture
async def owning() -> tuple[Lanes, Consumer]:
    def fail(error: BaseException) -> None:
        raise error

    consumer: Any = Consumer()
    nowhere = {"kafka_bootstrap": "127.0.0.1:9", "mongo_url": SecretStr("mongodb://127.0.0.1:9/?replicaSet=rs0")}
    settings = Settings(**nowhere, secret=SecretStr(SECRET), lane_close_seconds=1)  # type: ignore[arg-type]
    unused: Any = None
    return Lanes(settings, unused, unused, Metrics(), Prober(settings), lambda: consumer, fail), consumer


def give(lanes: Lanes, seconds: float) -> Batch:
    batch: Any = Batch(lanes, seconds)
    lanes.lanes[LANE] = batch
    lanes._running[LANE] = lanes._tasks.start(batch.run(), "lane 0")
    return batch  # type: ignore[no-any-return]


async def test_a_worker_that_ends_during_a_rebalance_lets_its_lanes_end_their_batches(
    owning: tuple[Lanes, Consumer],
) -> None:
    lanes, consumer = owning
    batch = give(lanes, seconds=0.3)

    revocation = asyncio.create_task(lanes.listener.on_partitions_revoked({LANE}))
    await asyncio.sleep(0.05)
    await lanes.close()
    await revocation

    assert batch.done
    assert consumer.commits == [{LANE: 9}]


async def test_a_lane_that_is_cut_off_does_not_take_the_last_commit_from_the_others(
    owning: tuple[Lanes, Consumer],
) -> None:
    lanes, consumer = owning
    give(lanes, seconds=30)
    consumer.seconds = 1.2  # a first commit is under way until after the lanes' time
    lanes._commits.note({LANE: 8})
    await asyncio.sleep(0)
    lanes._commits.note({LANE: 9})

    await lanes.listener.on_partitions_revoked({LANE})

    assert consumer.commits == [{LANE: 8}, {LANE: 9}]

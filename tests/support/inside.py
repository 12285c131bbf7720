"""One lane inside of the test, joined from the worker's own parts, on a consumer that the test holds."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from contracts.topics import TopicName
from handlers.policy import Policy
from tests.support.deployment import SECRET, Deployment
from worker.batch import Rules
from worker.cancelling import cancel
from worker.commits import Commits
from worker.cursor import Gap
from worker.failures import FailureLimit
from worker.kafka import Reach, client_options
from worker.lane import Lane
from worker.metrics import Metrics
from worker.mongo.client import connect
from worker.mongo.collections import prepare
from worker.mongo.store import Store
from worker.ownership import Tasks
from worker.publications import Publications
from worker.rounds import Rounds
from worker.secrets import Secrets
from worker.storing import Storing
from worker.topics import prepare_topics
from worker.unseen import Unseen


@dataclass
class LaneInside:
    """A lane with its consumer, which belongs to no group's rebalances but reads and knows the group's offsets."""

    deployment: Deployment
    lane: Lane
    consumer: AIOKafkaConsumer

    async def open(self) -> None:
        await self.lane._open()

    async def append(self, *commands: bytes) -> None:
        """As intake would, to this lane's partition."""
        await asyncio.to_thread(
            self.deployment.produce, str(TopicName.LANES), *commands, partition=self.lane.partition.partition
        )

    async def feed(self) -> None:
        """What the subscriber does: hand records over until it is cancelled."""
        while True:
            if self.lane.cursor is None:  # no position yet, and the consumer would complain
                await asyncio.sleep(0.05)
                continue
            for records in (await self.consumer.getmany(timeout_ms=100)).values():
                if self.lane.cursor is not None:
                    taken = self.lane.cursor.take(records)
                    assert not isinstance(taken, Gap)
                    self.lane.put(taken)

    async def work(self) -> None:
        """Let the open lane work until it is closed."""
        await self._with_others(self.lane._work())

    async def run(self) -> None:
        """Let the lane open and work until it is closed."""
        await self._with_others(self.lane.run())

    async def _with_others(self, working: Coroutine[Any, Any, None]) -> None:
        """While records are handed over to it, and somebody looks what is seen of its publications."""
        looking = Unseen(self.deployment.settings()).run(lambda: [self.lane])
        others = [asyncio.create_task(self.feed()), asyncio.create_task(looking)]
        try:
            await working
        finally:
            await cancel(others)

    async def error_of(self, working: "asyncio.Task[None]") -> BaseException | None:
        """What ended the work."""
        await asyncio.wait({working}, timeout=60)
        assert working.done(), "the lane goes on working"
        return working.exception()


@asynccontextmanager
async def lane_inside(deployment: Deployment, number: int = 0, **rules: Any) -> AsyncIterator[LaneInside]:
    settings = deployment.settings()
    await asyncio.to_thread(deployment.make_topics)
    partitions = await prepare_topics(settings)
    client = connect(settings.mongo_url.get_secret_value(), settings.request_timeout_seconds)
    await prepare(
        client, settings.mongo_database, {name.replace(".", "-"): count for name, count in partitions.items()}
    )
    partition = TopicPartition(settings.topic(TopicName.LANES), number)
    consumer = AIOKafkaConsumer(
        **client_options(settings),
        group_id=settings.group,
        enable_auto_commit=False,
        auto_offset_reset="none",
        isolation_level="read_committed",
    )
    await consumer.start()
    consumer.assign([partition])
    failed: list[BaseException] = []
    commits = Commits("lanes", settings, Tasks(failed.append), lambda: consumer)
    lane_rules = Rules(Policy(), Secrets(SECRET), settings.lanes, partitions, **rules)
    store = Store(client, settings.mongo_database)
    rounds = Rounds(settings, store, Storing(store, lane_rules, FailureLimit(20, 0.5, 60)))
    publications = Publications(settings, lane_rules.secrets, store)
    lane = Lane(
        settings=settings,
        rules=lane_rules,
        store=store,
        rounds=rounds,
        publications=publications,
        metrics=Metrics(),
        commits=commits,
        reach=Reach(settings.stall_seconds / 2),
        consumer=consumer,
        partition=partition,
    )
    try:
        yield LaneInside(deployment, lane, consumer)
    finally:
        lane.close()
        await lane._shut()
        await asyncio.gather(rounds.close(), publications.close())
        await commits.settle()
        await commits.forget()
        await consumer.stop()
        await client.close()
        assert not failed, failed

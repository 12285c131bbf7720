"""Offsets are committed beside the work: together, again where it failed, and never for partitions that are others'."""

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import CommitFailedError, KafkaTimeoutError
from pydantic import SecretStr

from tests.support.deployment import SECRET
from worker.commits import Commits
from worker.ownership import Tasks
from worker.settings import Settings

ONE, TWO = (TopicPartition("partnership.lanes", number) for number in range(2))


class Consumer:
    """Its coordinator answers when it is let go; before that it fails as often as it is told to."""

    def __init__(self) -> None:
        self._coordinator = SimpleNamespace(generation=7)
        self.coordinator = asyncio.Event()
        self.failure: type[Exception] = KafkaTimeoutError
        self.heard = asyncio.Event()
        self.failures = 0
        self.assigned = {ONE, TWO}
        self.committed: list[dict[TopicPartition, int]] = []

    def assignment(self) -> set[TopicPartition]:
        return self.assigned

    async def commit(self, offsets: dict[TopicPartition, int]) -> None:
        await self.coordinator.wait()
        if not offsets:
            raise ValueError
        if self.failures:
            self.failures -= 1
            raise self.failure
        self.committed.append(offsets)
        self.heard.set()


@pytest.fixture
async def commits() -> AsyncIterator[tuple[Commits, Consumer]]:
    defects: list[BaseException] = []
    consumer: Any = Consumer()
    nowhere = {"kafka_bootstrap": "127.0.0.1:9", "mongo_url": SecretStr("mongodb://127.0.0.1:9/?replicaSet=rs0")}
    settings = Settings(**nowhere, secret=SecretStr(SECRET))  # type: ignore[arg-type]
    yield Commits("lanes", settings, Tasks(defects.append), lambda: consumer), consumer
    assert not defects


async def test_what_is_noted_during_a_commit_goes_with_the_next(commits: tuple[Commits, Consumer]) -> None:
    noted, consumer = commits
    noted.note({ONE: 5})
    await asyncio.sleep(0)
    noted.note({ONE: 6})
    noted.note({TWO: 1})
    noted.note({ONE: 9})

    consumer.coordinator.set()
    await noted.settle()

    assert consumer.committed == [{ONE: 5}, {ONE: 9, TWO: 1}]


async def test_a_commit_that_failed_is_said_again_with_what_came_since(commits: tuple[Commits, Consumer]) -> None:
    """An idle lane says nothing more by itself, and would look as if it lagged behind."""
    noted, consumer = commits
    consumer.failures = 1
    noted.note({ONE: 5, TWO: 1})
    await asyncio.sleep(0)
    noted.note({ONE: 6})

    consumer.coordinator.set()
    async with asyncio.timeout(5):
        await consumer.heard.wait()

    assert consumer.committed == [{ONE: 6, TWO: 1}]


async def test_settling_tries_once_and_does_not_insist(commits: tuple[Commits, Consumer]) -> None:
    noted, consumer = commits
    consumer.failures = 100
    noted.note({ONE: 5})
    consumer.coordinator.set()

    async with asyncio.timeout(5):
        await noted.settle()
    await noted.forget()

    assert consumer.failures >= 98
    assert consumer.committed == []


async def test_what_is_not_assigned_is_not_committed(commits: tuple[Commits, Consumer]) -> None:
    noted, consumer = commits
    consumer.coordinator.set()
    consumer.assigned = {TWO}
    noted.note({ONE: 5, TWO: 1})

    await noted.settle()

    assert consumer.committed == [{TWO: 1}]


async def test_nothing_is_said_where_nothing_is_assigned(commits: tuple[Commits, Consumer]) -> None:
    """An empty commit raises a ValueError in aiokafka, which would end the worker as a defect."""
    noted, consumer = commits
    consumer.coordinator.set()
    consumer.assigned = set()
    noted.note({ONE: 5})

    await noted.settle()

    assert consumer.committed == []


async def test_what_the_group_refused_is_not_said_again(commits: tuple[Commits, Consumer]) -> None:
    """It went on without this worker: said again to an empty group, it would set back what others have committed."""
    noted, consumer = commits
    consumer.failures, consumer.failure = 1, CommitFailedError
    consumer.coordinator.set()
    noted.note({ONE: 5})
    await asyncio.sleep(0.3)
    noted.note({TWO: 1})

    await noted.settle()

    assert consumer.committed == [{TWO: 1}]


async def test_who_was_put_out_of_the_group_commits_nothing(commits: tuple[Commits, Consumer]) -> None:
    """Kafka takes a commit without a generation where the group is empty."""
    noted, consumer = commits
    consumer._coordinator.generation = -1
    consumer.coordinator.set()
    noted.note({ONE: 5})

    await noted.settle()

    assert consumer.committed == []


async def test_that_nothing_can_be_committed_for_long_is_said(
    commits: tuple[Commits, Consumer], monkeypatch: pytest.MonkeyPatch
) -> None:
    noted, consumer = commits
    consumer.failures = 1
    now = 100.0
    monkeypatch.setattr("worker.commits.monotonic_seconds", lambda: now)
    noted.note({ONE: 5})
    assert noted.problem() is None

    now = 150.0
    assert noted.problem() == "lanes: no offset could be committed for 50 s"

    consumer.coordinator.set()
    async with asyncio.timeout(5):
        await consumer.heard.wait()
    await asyncio.sleep(0)
    assert noted.problem() is None


async def test_what_is_forgotten_is_never_committed(commits: tuple[Commits, Consumer]) -> None:
    """Else it would set back, under the next generation, what a new owner has committed by then."""
    noted, consumer = commits
    noted.note({ONE: 5})
    await asyncio.sleep(0)
    noted.note({ONE: 6})

    await noted.forget()
    consumer.coordinator.set()
    noted.note({TWO: 1})
    await noted.settle()

    assert consumer.committed == [{TWO: 1}]

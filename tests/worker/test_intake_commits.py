"""Intake commits offsets beside its work, and only while it owns them: aiokafka tries again after a rebalance."""

import asyncio
import contextlib
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import ConsumerRecord, TopicPartition
from pydantic import SecretStr

from tests.support.deployment import SECRET
from worker.cursor import Cursor
from worker.intake import Intake
from worker.kafka import Prober
from worker.metrics import Metrics
from worker.settings import Settings

FACTS = TopicPartition("facts", 0)


class SlowConsumer:
    """Its commits wait until they are let go, as with a coordinator that is away."""

    def __init__(self) -> None:
        self._coordinator = SimpleNamespace(generation=7)
        self.coordinator = asyncio.Event()
        self.commits: list[dict[TopicPartition, int]] = []
        self.resumed: list[TopicPartition] = []

    def assignment(self) -> set[TopicPartition]:
        return {FACTS}

    async def commit(self, offsets: dict[TopicPartition, int]) -> None:
        await self.coordinator.wait()
        self.commits.append(offsets)

    async def committed(self, _: TopicPartition) -> int:
        return 5

    def seek(self, partition: TopicPartition, offset: int) -> None:
        pass

    def pause(self, partition: TopicPartition) -> None:
        pass

    def resume(self, partition: TopicPartition) -> None:
        self.resumed.append(partition)


def records(*offsets: int) -> list[ConsumerRecord]:
    return [ConsumerRecord("facts", 0, offset, 0, 1, None, b"?", None, 0, 0, ()) for offset in offsets]


@pytest.fixture
async def owning(monkeypatch: pytest.MonkeyPatch) -> tuple[Intake, SlowConsumer]:
    """An intake that owns the facts from offset 5; what it appends is not looked at here."""

    async def append(_: Intake, records: Sequence[ConsumerRecord], owned: dict[TopicPartition, Cursor]) -> None:
        pass

    def fail(error: BaseException) -> None:
        raise error

    monkeypatch.setattr(Intake, "_append", append)
    nowhere = {"kafka_bootstrap": "127.0.0.1:9", "mongo_url": SecretStr("mongodb://127.0.0.1:9/?replicaSet=rs0")}
    settings = Settings(**nowhere, secret=SecretStr(SECRET), lane_close_seconds=1)  # type: ignore[arg-type]
    consumer: Any = SlowConsumer()
    intake = Intake(settings, Metrics(), Prober(settings), lambda: consumer, fail)
    intake._cursors[FACTS] = Cursor(5)
    return intake, consumer


async def test_batches_do_not_wait_for_a_commit_and_the_next_one_says_all_that_came_meanwhile(
    owning: tuple[Intake, SlowConsumer],
) -> None:
    intake, consumer = owning
    await intake.move(records(5))
    await asyncio.sleep(0)
    await intake.move(records(6))
    await intake.move(records(7, 8))

    consumer.coordinator.set()
    await intake.listener.on_partitions_revoked({FACTS})

    assert consumer.commits == [{FACTS: 6}, {FACTS: 9}]


async def test_a_commit_that_hangs_is_given_up_with_the_partitions_and_does_not_stand_in_the_way_of_later_ones(
    owning: tuple[Intake, SlowConsumer],
) -> None:
    """Else it would set back, under the next generation, what a new owner has committed by then."""
    intake, consumer = owning
    await intake.move(records(5))
    await asyncio.sleep(0)

    await intake.listener.on_partitions_revoked({FACTS})
    intake._cursors[FACTS] = Cursor(20)
    consumer.coordinator.set()
    await intake.move(records(20))
    await intake.listener.on_partitions_revoked({FACTS})

    assert consumer.commits == [{FACTS: 21}]


async def test_after_an_append_that_failed_nothing_more_is_taken_or_committed(
    owning: tuple[Intake, SlowConsumer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A defect ends the worker, but not at once: a batch behind it must not be committed over what was not appended."""
    intake, consumer = owning
    appended = Intake._append

    async def fail(_: Intake, records: Sequence[ConsumerRecord], owned: dict[TopicPartition, Cursor]) -> None:
        raise AssertionError

    consumer.coordinator.set()
    monkeypatch.setattr(Intake, "_append", fail)
    with pytest.raises(AssertionError):
        await intake.move(records(5, 6))
    monkeypatch.setattr(Intake, "_append", appended)

    await intake.move(records(7))
    await intake.listener.on_partitions_revoked({FACTS})

    assert consumer.commits == []


async def test_a_batch_that_is_given_up_with_its_partitions_is_waited_for_no_more(
    owning: tuple[Intake, SlowConsumer], monkeypatch: pytest.MonkeyPatch
) -> None:
    intake, consumer = owning
    consumer.coordinator.set()
    monkeypatch.undo()  # the real append, and nobody at its address
    intake._settings = intake._settings.model_copy(update={"request_timeout_seconds": 0.2})
    moving = asyncio.create_task(intake.move(records(5)))
    while intake.waiting_for is None:  # noqa: ASYNC110 - nothing tells of it
        await asyncio.sleep(0.01)

    await intake.listener.on_partitions_revoked({FACTS})
    await moving

    assert intake.waiting_for is None


async def test_an_opening_that_survives_its_cancellation_opens_nothing(
    owning: tuple[Intake, SlowConsumer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Closing a client swallows a cancellation. The partition may be back by then, and its new opening under way."""
    intake, consumer = owning
    started, go_on = asyncio.Event(), asyncio.Event()

    async def deaf(_: object) -> None:
        started.set()
        with contextlib.suppress(asyncio.CancelledError):
            await go_on.wait()

    async def nothing(_: object) -> None:
        pass

    class Log:
        """Of a partition with the offsets 0 to 9."""

        async def beginning_offsets(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
            return dict.fromkeys(partitions, 0)

        async def end_offsets(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
            return dict.fromkeys(partitions, 10)

    monkeypatch.setattr("worker.intake.start_client", deaf)
    monkeypatch.setattr("worker.intake.stop_client", nothing)
    monkeypatch.setattr("worker.intake.make_reader", lambda _: Log())
    await intake.listener.on_partitions_revoked({FACTS})
    intake.begin()
    await intake.listener.on_partitions_assigned({FACTS})
    await started.wait()

    await intake.listener.on_partitions_revoked({FACTS})
    for _ in range(10):
        await asyncio.sleep(0)

    assert not consumer.resumed
    assert FACTS not in intake._cursors

"""The watchdog: records that wait and do not move end the worker; control records at a log's end are no records."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import (
    CorruptRecordException,
    KafkaTimeoutError,
    TopicAuthorizationFailedError,
)

from tests.support.deployment import Deployment
from tests.support.transactions import produce_in_transactions
from worker.clock import monotonic_seconds
from worker.kafka import Prober
from worker.topics import refusing_writes
from worker.watchdog import Place, Watchdog

LANES = "partnership.lanes"
STALL_SECONDS = 6


async def well() -> None:
    """MongoDB, as far as these tests need it."""


@asynccontextmanager
async def watching(deployment: Deployment, place: Place) -> AsyncIterator[Watchdog]:
    """A watchdog before a log, and somebody who stands there and does not move."""
    settings = deployment.settings(stall_seconds=str(STALL_SECONDS))
    prober = Prober(settings)
    try:
        yield Watchdog(settings, prober, well, lambda: [place], (), partial(refusing_writes, settings))
    finally:
        await prober.close()


async def look_for(watchdog: Watchdog, seconds: float) -> list[str]:
    said: list[str] = []
    async with asyncio.timeout(seconds + 30):
        end = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < end:
            await watchdog.look()
            said += watchdog.problems
            await asyncio.sleep(0.2)
    return said


async def test_records_that_wait_and_do_not_move_end_the_worker(deploy: Callable[..., Deployment]) -> None:
    deployment = deploy(lanes=1)
    await asyncio.to_thread(deployment.make_topics)
    await asyncio.to_thread(deployment.produce, LANES, b"a record", partition=0)
    place = Place("lane 0", TopicPartition(deployment.topic(LANES), 0), 0, "Godot")

    async with watching(deployment, place) as watchdog:
        with pytest.raises(RuntimeError, match=r"lane 0: no progress for \d+ s.*waiting for Godot"):
            await look_for(watchdog, 3 * STALL_SECONDS)

    assert any("no progress" in problem for problem in watchdog.problems), "it ended without being unready first"


async def test_a_process_that_stood_still_itself_is_given_its_time(deploy: Callable[..., Deployment]) -> None:
    """Frozen with its machine, or stopped by hand."""
    deployment = deploy(lanes=1)
    await asyncio.to_thread(deployment.make_topics)
    await asyncio.to_thread(deployment.produce, LANES, b"a record", partition=0)

    async with watching(deployment, Place("lane 0", TopicPartition(deployment.topic(LANES), 0), 0)) as watchdog:
        await watchdog.look()
        frozen = monotonic_seconds() - 100
        watchdog._looked_at = frozen
        for standing in watchdog._standing.values():
            standing.since_seconds = frozen
        await watchdog.look()
        assert watchdog.problems == []


async def test_control_records_at_the_end_are_no_lag(deploy: Callable[..., Deployment]) -> None:
    """Behind the last readable record a transaction's end is left, for ever one offset that nobody can reach."""
    deployment = deploy(lanes=1)
    await asyncio.to_thread(deployment.make_topics)
    await asyncio.to_thread(produce_in_transactions, deployment, LANES, lives=1)
    ends = await asyncio.to_thread(deployment.operator.ends, LANES)
    place = Place("lane 0", TopicPartition(deployment.topic(LANES), 0), ends[0] - 1)

    async with watching(deployment, place) as watchdog:
        said = await look_for(watchdog, STALL_SECONDS + 1)

    assert said == []


async def test_an_opening_that_gets_on_is_left_alone(deploy: Callable[..., Deployment]) -> None:
    """It may have much to go through. Where it stops it is as any other place."""
    deployment = deploy(lanes=1)
    await asyncio.to_thread(deployment.make_topics)
    partition = TopicPartition(deployment.topic(LANES), 0)
    steps = itertools.count()

    async with watching(deployment, Place("lane 0", partition, None, "its opening")) as watchdog:
        watchdog._places = lambda: [Place("lane 0", partition, None, "its opening", next(steps))]
        assert await look_for(watchdog, 2 * STALL_SECONDS) == []
        watchdog._places = lambda: [Place("lane 0", partition, None, "its opening", 7)]
        with pytest.raises(RuntimeError, match="waiting for its opening"):
            await look_for(watchdog, 3 * STALL_SECONDS)


@asynccontextmanager
async def failing(deployment: Deployment, error: type[Exception]) -> AsyncIterator[Watchdog]:
    """A watchdog before a log with a record, whose end is known, and whose records are not to be had."""
    await asyncio.to_thread(deployment.make_topics)
    await asyncio.to_thread(deployment.produce, LANES, b"a record", partition=0)

    async def first_offset(*_: object) -> None:
        raise error

    async with watching(deployment, Place("lane 0", TopicPartition(deployment.topic(LANES), 0), 0)) as watchdog:
        watchdog._prober.first_offset = first_offset  # type: ignore[method-assign,assignment]
        yield watchdog


async def test_a_log_that_cannot_be_read_is_not_an_empty_one(deploy: Callable[..., Deployment]) -> None:
    """A damaged batch."""
    async with failing(deploy(lanes=1), CorruptRecordException) as watchdog:
        with pytest.raises(RuntimeError, match=r"lane 0: no progress"):
            await look_for(watchdog, 3 * STALL_SECONDS)


@pytest.mark.parametrize("error", [TimeoutError, KafkaTimeoutError])
async def test_a_log_that_does_not_answer_ends_nobody(
    deploy: Callable[..., Deployment], error: type[Exception]
) -> None:
    """A Kafka that froze in the middle of a look, or is slow: it is told, and nobody is expected to have got on."""
    async with failing(deploy(lanes=1), error) as watchdog:
        said = await look_for(watchdog, 2 * STALL_SECONDS)
        assert f"lane 0: its log does not answer ({error.__name__})" in said


@pytest.mark.parametrize(
    "where", ["TopicAuthorizationFailedError while publishing", "Kafka (TopicAuthorizationFailedError)", None]
)
async def test_who_lacks_a_right_waits_for_it(
    deploy: Callable[..., Deployment], where: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A restart gives no right. Whoever lacks one is told so for as long, and goes on as soon as it is there."""
    deployment = deploy(lanes=1)
    await asyncio.to_thread(deployment.make_topics)
    await asyncio.to_thread(deployment.produce, LANES, b"a record", partition=0)
    place = Place("lane 0", TopicPartition(deployment.topic(LANES), 0), 0, where)
    failures = itertools.count()

    async def forbidden(*_: object) -> None:
        raise TopicAuthorizationFailedError(LANES)

    async with watching(deployment, place) as watchdog:
        if where is None:
            monkeypatch.setattr(watchdog._prober, "first_offset", forbidden)
        else:
            watchdog._places = lambda: [replace(place, failures=next(failures))]
        said = await look_for(watchdog, STALL_SECONDS + 1)
        assert any(problem.endswith("; a right is missing (TopicAuthorizationFailedError)") for problem in said)
        for _ in range(8):
            assert await look_for(watchdog, 0.5), "it passes for well in between"
        monkeypatch.undo()
        watchdog._places = lambda: [replace(place, failures=-1)]  # it failed so once, and now it hangs
        with pytest.raises(RuntimeError, match="no progress"):
            await look_for(watchdog, 2 * STALL_SECONDS)


async def test_a_log_without_an_answer_excuses_no_other(deploy: Callable[..., Deployment]) -> None:
    """A partition without a leader: who stands before it cannot get on. Who stands elsewhere is expected to."""
    deployment = deploy(lanes=1)
    await asyncio.to_thread(deployment.make_topics)
    await asyncio.to_thread(deployment.produce, LANES, b"a record", partition=0)
    there, nowhere = TopicPartition(deployment.topic(LANES), 0), TopicPartition(deployment.topic(LANES), 7)

    async with watching(deployment, Place("lane 7", nowhere, 0)) as watchdog:
        watchdog._settings = watchdog._prober._settings = deployment.settings(
            stall_seconds="6", request_timeout_seconds="3"
        )
        watchdog._places = lambda: [Place("lane 7", nowhere, 0), Place("lane 0", there, 1)]
        said = await look_for(watchdog, 2 * STALL_SECONDS)
        assert set(said) == {"lane 7: its log does not answer"}
        watchdog._places = lambda: [Place("lane 7", nowhere, 0), Place("lane 0", there, 0)]
        with pytest.raises(RuntimeError, match=r"lane 0: no progress"):
            await look_for(watchdog, 5 * STALL_SECONDS)


async def test_who_writes_to_what_does_not_answer_is_not_ended_for_it(deploy: Callable[..., Deployment]) -> None:
    """Intake's own log answers; a lane's, to which it writes, has no leader. Another worker could not get on either."""
    deployment = deploy(lanes=1)
    await asyncio.to_thread(deployment.make_topics)
    await asyncio.to_thread(deployment.produce, LANES, b"a record", partition=0)
    there, nowhere = TopicPartition(deployment.topic(LANES), 0), TopicPartition(deployment.topic(LANES), 7)

    async with watching(deployment, Place("intake", there, 0, "Kafka")) as watchdog:
        watchdog._prober._settings = deployment.settings(request_timeout_seconds="3")
        watchdog._destinations = [there, nowhere]
        said = await look_for(watchdog, 2 * STALL_SECONDS)
        assert any(f"{nowhere.topic}[7] does not answer" in problem for problem in said)
        watchdog._destinations = [there]
        with pytest.raises(RuntimeError, match=r"intake: no progress"):
            await look_for(watchdog, 3 * STALL_SECONDS)


async def test_who_writes_to_what_takes_no_writes_is_not_ended_for_it(deploy: Callable[..., Deployment]) -> None:
    """It can be read, and has fewer replicas in sync than it asks for: brokers are down, and no restart brings them."""
    deployment = deploy(lanes=1)
    await asyncio.to_thread(deployment.make_topics)
    await asyncio.to_thread(deployment.produce, LANES, b"a record", partition=0)
    there = TopicPartition(deployment.topic(LANES), 0)

    async with watching(deployment, Place("lane 0", there, 0, "Kafka")) as watchdog:
        await asyncio.to_thread(deployment.operator.configure, "partnership.rejections", min_insync_replicas="2")
        said = await look_for(watchdog, 2 * STALL_SECONDS)
        assert any("takes no writes, with 1 of 2 replicas in sync" in problem for problem in said)
        await asyncio.to_thread(deployment.operator.configure, "partnership.rejections", min_insync_replicas="1")
        with pytest.raises(RuntimeError, match=r"lane 0: no progress"):
            await look_for(watchdog, 3 * STALL_SECONDS)


async def test_where_no_log_answers_kafka_is_away(deploy: Callable[..., Deployment]) -> None:
    deployment = deploy(lanes=1)
    await asyncio.to_thread(deployment.make_topics)
    nowhere = [TopicPartition(deployment.topic(LANES), number) for number in (7, 8)]

    async with watching(deployment, Place("lane 7", nowhere[0], 0)) as watchdog:
        watchdog._prober._settings = deployment.settings(request_timeout_seconds="3")
        watchdog._places = lambda: [Place("lane", partition, 0) for partition in nowhere]
        await watchdog.look()
        assert len(watchdog.problems) == 1
        assert watchdog.problems[0].startswith("Kafka: ")


async def test_who_has_not_looked_for_long_says_so(deploy: Callable[..., Deployment]) -> None:
    """What it saw last would be told for ever, of a worker that nobody watches any more."""
    deployment = deploy(lanes=1)
    await asyncio.to_thread(deployment.make_topics)
    async with watching(deployment, Place("lane 0", TopicPartition(deployment.topic(LANES), 0), 0)) as watchdog:
        await watchdog.look()
        assert watchdog.problems == []
        watchdog._looked_at -= 3600
        assert watchdog.problems == ["watchdog: no look for 3600 s"]

"""A worker that is broken on purpose: `python -m tests.support.broken <how> <number>`.

The break is patched in from outside, so that production code carries no hooks; then the worker runs as it always does.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.consumer.fetcher import Fetcher
from aiokafka.errors import KafkaConnectionError
from faststream.kafka import KafkaBroker

from worker import lane, redaction
from worker.__main__ import main as worker_main
from worker.clock import monotonic_seconds
from worker.deadlines import Scheduler
from worker.intake import Intake
from worker.lanes import Lanes
from worker.mongo.store import Store
from worker.publisher import Publisher
from worker.redaction import Redactor

Method = Callable[..., Awaitable[Any]]


def at_call(owner: type, name: str, number: float, do: Callable[[], None], *, after: bool = False) -> None:
    """Do it before (or after) the method's call of this number."""
    original: Method = getattr(owner, name)
    calls = 0

    async def patched(self: Any, *args: Any) -> Any:
        nonlocal calls
        calls += 1
        now = calls == number  # taken here: other lanes call it while this one waits
        if now and not after:
            do()
        result = await original(self, *args)
        if now and after:
            do()
        return result

    setattr(owner, name, patched)


def delay_first(owner: type, name: str, seconds: float) -> None:
    """Hold the first call back, as a slow broker or database would."""
    original: Method = getattr(owner, name)
    calls = 0

    async def patched(self: Any, *args: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 1:
            await asyncio.sleep(seconds)
        return await original(self, *args)

    setattr(owner, name, patched)


def lose_batches(owner: type, name: str, number: float) -> None:
    """Drop every third batch on its way, so that the next one begins too late; so many in all."""
    original: Method = getattr(owner, name)
    calls = 0

    async def patched(self: Any, records: Any) -> Any:
        nonlocal calls
        calls += 1
        return None if calls % 3 == 0 and calls <= 3 * number else await original(self, records)

    setattr(owner, name, patched)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def fall_asleep() -> None:
    """As a suspended virtual machine does: nothing runs until somebody sends SIGCONT."""
    os.kill(os.getpid(), signal.SIGSTOP)


def lose_kafka() -> None:
    msg = "connection lost"
    raise KafkaConnectionError(msg)


LEFT_OPEN = b"left-open"


def leave_open(topic: str, number: float, *, commits: bool, kills: bool = False) -> None:
    """A transaction whose markers one topic does not get: its coordinator was never told of that topic's partition.

    A broker leaves markers out where it finds no leader. `commits` or not: then the client gives up before the end.
    It is the publication of that number about the partnership LEFT_OPEN. `kills`: in the next one, sent and not
    committed.
    """
    original: Method = Publisher.publish
    calls = 0
    done = False

    async def patched(self: Any, records: Any) -> Any:
        nonlocal calls, done
        calls += any(record.key == LEFT_OPEN for record in records)
        if kills and done:
            self._producer.commit_transaction = die
        if calls != number or done:
            return await original(self, records)
        done = True
        transactions = self._producer._txn_manager
        add = transactions.maybe_add_partition_to_txn
        transactions.maybe_add_partition_to_txn = lambda place: None if topic in place.topic else add(place)
        if not commits:
            self._producer.commit_transaction = lose_kafka
        try:
            return await original(self, records)
        finally:
            transactions.maybe_add_partition_to_txn = add

    Publisher.publish = patched  # type: ignore[method-assign]


def leave_out(owner: type, name: str, number: float) -> None:
    """Do nothing in the first calls, as many as this, and say that all went well."""
    original: Method = getattr(owner, name)
    calls = 0

    async def patched(self: Any, *args: Any) -> Any:
        nonlocal calls
        calls += 1
        return None if calls <= number else await original(self, *args)

    setattr(owner, name, patched)


def cut_every_stop(seconds: float) -> None:
    """Consumers stop as where a fetch has failed and sleeps before the next: their stop() ends as if cancelled."""
    original: Method = Fetcher.close

    async def patched(self: Any) -> None:
        asleep = asyncio.create_task(asyncio.sleep(seconds))
        await asyncio.sleep(0)
        self._pending_tasks.add(asleep)
        await original(self)

    Fetcher.close = patched


def end_inside(task: str) -> None:
    """One of the tasks that aiokafka runs for the consumer of the lane log ends by itself, at its first records."""
    original: Method = Lanes.dispatch

    async def patched(self: Any, records: Any) -> None:
        consumer = self._consumer()
        {
            "group": consumer._coordinator._coordination_task,
            "fetches": consumer._fetcher._fetch_task,
            "metadata": consumer._client._sync_task,
            "take": asyncio.current_task(),
        }[task].cancel()
        await original(self, records)

    Lanes.dispatch = patched  # type: ignore[method-assign]


def tell_stale_ends(seconds: float) -> None:
    """For so long topics of events end where the first opening's marks are, as a broker says that was cut off then."""
    open_lane: Method = Store.open_lane
    end_offsets: Method = AIOKafkaConsumer.end_offsets
    marks: dict[str, int] = {}
    until: float | None = None

    async def opened(self: Any, *args: Any) -> Any:
        nonlocal until
        document = await open_lane(self, *args)
        if until is None:
            marks.update(document.marks)
            until = monotonic_seconds() + seconds
        return document

    async def told(self: Any, partitions: Any) -> dict[TopicPartition, int]:
        ends: dict[TopicPartition, int] = await end_offsets(self, partitions)
        if until is not None and monotonic_seconds() < until:
            for partition in ends:
                if partition.topic.endswith(".events"):
                    place = f"{partition.topic.replace('.', '-')}:{partition.partition}"
                    ends[partition] = next((end for mark, end in marks.items() if place.endswith(mark)), 0)
        return ends

    Store.open_lane = opened  # type: ignore[method-assign, assignment]
    AIOKafkaConsumer.end_offsets = told


def fail_always(owner: type, name: str) -> None:
    async def patched(*_: Any) -> None:
        lose_kafka()

    setattr(owner, name, patched)


def kill_in_redaction(number: float) -> None:
    """Few entries at a time, so that there is a middle."""
    redaction.AT_ONCE = 2
    at_call(Redactor, "_write", number, die)


BREAKS: dict[str, Callable[[float], None]] = {
    "kill-between-store-and-publish": lambda n: at_call(Publisher, "publish", n, die),
    "kill-between-publish-and-note": lambda n: at_call(Publisher, "publish", n, die, after=True),
    "kill-inside-mongodb-transaction": lambda n: at_call(Store, "save", n, die, after=True),
    "kill-between-append-and-commit": lambda n: at_call(Intake, "_append", n, die, after=True),
    "stops-cut": cut_every_stop,
    "no-deadlines": lambda _: fail_always(Scheduler, "_look"),
    "ended-group": lambda _: end_inside("group"),
    "ended-fetches": lambda _: end_inside("fetches"),
    "ended-metadata": lambda _: end_inside("metadata"),
    "ended-take": lambda _: end_inside("take"),
    "connection-lost-at-joining": lambda n: at_call(KafkaBroker, "start", n, lose_kafka, after=True),
    "stale-ends": tell_stale_ends,
    "kill-in-redaction": kill_in_redaction,
    "sleep-between-store-and-publish": lambda n: at_call(Publisher, "publish", n, fall_asleep),
    "sleep-inside-mongodb-transaction": lambda n: at_call(Store, "save", n, fall_asleep, after=True),
    "stale-batches-in-intake": lambda n: lose_batches(Intake, "move", n),
    "stale-batches-in-lane": lambda n: lose_batches(Lanes, "dispatch", n),
    "left-open-when-aborted": lambda n: leave_open("lifecycle", n, commits=False),
    "left-open-when-aborted-in-part": lambda n: leave_open("quota", n, commits=False),
    "left-open-when-committed": lambda n: leave_open("lifecycle", n, commits=True),
    "left-open-and-killed-in-the-next": lambda n: leave_open("lifecycle", n, commits=True, kills=True),
    "endings-left-out": lambda n: leave_out(Publisher, "end_open", n),
    "slow-producer-start": lambda seconds: delay_first(Publisher, "start", seconds),
    "slow-goodbye": lambda seconds: delay_first(Intake, "close", seconds),
    "long-last-look": lambda seconds: setattr(lane, "SEEN_SECONDS_MAX", seconds),
    "slow-lane-document": lambda seconds: delay_first(Store, "open_lane", seconds),
}


if __name__ == "__main__":
    BREAKS[sys.argv[1]](float(sys.argv[2]))
    sys.argv = ["worker", "run"]
    worker_main()

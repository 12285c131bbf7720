"""The lanes of this worker: opened and closed as the group assigns them, fed from one subscription."""

import asyncio
from collections.abc import Callable, Sequence

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from worker.batch import Rules
from worker.cancelling import cancel
from worker.clock import monotonic_seconds
from worker.commits import Commits
from worker.cursor import Cursor
from worker.failures import FailureLimit
from worker.kafka import Prober
from worker.lane import Lane
from worker.metrics import Metrics
from worker.mongo.store import Store
from worker.ownership import GapGuard, Listener, Tasks, by_partition, pause_until_open
from worker.publications import Publications
from worker.rounds import Rounds
from worker.settings import Settings
from worker.storing import Storing
from worker.unseen import Unseen
from worker.watchdog import Place

SETTLE_SECONDS_MIN = 0.5
"""For the last commit of a revocation, also when the lanes took all the time that there was."""

log = structlog.get_logger(__name__)


class Lanes:
    """All lanes that are assigned to this worker. No lane waits for another one."""

    def __init__(
        self,
        settings: Settings,
        rules: Rules,
        store: Store,
        metrics: Metrics,
        prober: Prober,
        consumer: Callable[[], AIOKafkaConsumer],
        fail: Callable[[BaseException], None],
    ) -> None:
        self.lanes: dict[TopicPartition, Lane] = {}
        self.assigned = False
        self._closed = True
        self._revoking = asyncio.Lock()
        self.listener = Listener(self._assign, self._revoke, fail)
        self._settings = settings
        self._rules = rules
        self._store = store
        self._metrics = metrics
        self._consumer = consumer
        limit = FailureLimit(
            settings.failing_partnerships_max, settings.failing_share_max, settings.failing_window_seconds
        )
        self._storing = Storing(store, rules, limit)
        self._rounds: Rounds | None = None
        self._publications: Publications | None = None
        self._tasks = Tasks(fail)
        self._unseen = Unseen(settings)
        self._leaving: set[Lane] = set()
        """Those that close: what they published last is looked at, too."""
        self._running: dict[TopicPartition, asyncio.Task[None]] = {}
        self._commits = Commits("lanes", settings, self._tasks, consumer)
        self._reach = prober.reach
        self._guard = GapGuard("lane", prober, metrics, self._tasks, self._cursor)

    async def dispatch(self, records: Sequence[ConsumerRecord]) -> None:
        """Put records into their lanes. Never waits; what no open lane takes is read again when it opens."""
        consumer = self._consumer()
        for partition, run in by_partition(records):
            lane = self.lanes.get(partition)
            if lane is not None and lane.cursor is not None:
                taken = self._guard.take(consumer, partition, lane.cursor, run)
                if taken:
                    lane.put(taken)

    def places(self) -> list[Place]:
        """Where the lanes stand, for the watchdog."""
        if not self.assigned:
            return [Place("lanes", None, None)]
        return [
            Place(
                f"lane {lane.number}",
                partition,
                lane.next_offset,
                waiting_for=lane.waiting_for,
                opening=lane.recovered_to,
                failures=lane.failures,
            )
            for partition, lane in self.lanes.items()
        ]

    def problems(self) -> list[str]:
        """Why these lanes are not ready; empty when they are."""
        if not self.assigned:
            return ["lanes: none assigned yet"]
        waiting = [
            f"lane {lane.number}: waiting for {lane.waiting_for}" for lane in self.lanes.values() if not lane.is_open
        ]
        problem = self._commits.problem()
        return waiting + ([problem] if problem else [])

    def begin(self) -> None:
        """Take what the group assigns, until `close`. Said at each joining: a first try may have failed."""
        self._closed = False
        self._tasks.start(self._unseen.run(lambda: [*self.lanes.values(), *self._leaving]), "unseen")

    async def close(self) -> None:
        """Close every lane, within the bound of a revocation. Before the consumer stops: it calls no listener then."""
        self._closed = True
        await self._revoke(set(self.lanes))
        await self._tasks.cancel()

    def _assign(self, partitions: set[TopicPartition]) -> None:
        for partition in list(self.lanes):
            # Left over where a revocation did not name it: never two lanes of one number.
            self.lanes.pop(partition).close()
            self._running.pop(partition).cancel()
        consumer = self._consumer()
        pause_until_open(consumer, partitions)
        if self._closed:
            return  # until the consumer has left the group, a rebalance may still give it some
        self.assigned = True
        # New ones for each assignment: who opens one of the lanes that this worker had before fences the former ones.
        self._retire()
        rounds = self._rounds = Rounds(self._settings, self._store, self._storing)
        publications = self._publications = Publications(self._settings, self._rules.secrets, self._store)
        for partition in partitions:
            lane = Lane(
                settings=self._settings,
                rules=self._rules,
                store=self._store,
                rounds=rounds,
                publications=publications,
                metrics=self._metrics,
                commits=self._commits,
                reach=self._reach,
                consumer=consumer,
                partition=partition,
            )
            self.lanes[partition] = lane
            self._running[partition] = self._tasks.start(lane.run(), f"lane {lane.number}")

    def _cursor(self, partition: TopicPartition) -> Cursor | None:
        lane = self.lanes.get(partition)
        return lane.cursor if lane else None

    async def _revoke(self, partitions: set[TopicPartition]) -> None:
        self.assigned = False
        async with self._revoking:  # `close` waits for a rebalance under way: it must not cut its lanes off
            until = monotonic_seconds() + self._settings.lane_close_seconds
            running = {self._running.pop(p) for p in partitions if p in self._running}
            for partition in partitions:
                if lane := self.lanes.pop(partition, None):
                    lane.close()
                    self._leaving.add(lane)
            if running:
                _, late = await asyncio.wait(running, timeout=self._settings.lane_close_seconds)
                if late:
                    # Whatever their outcome: the next opening settles it.
                    log.warning("lanes were cut off", count=len(late))
                    await cancel(late, within=1)
            self._leaving.clear()
            closing = self._retire() if not self.lanes else None
            try:
                async with asyncio.timeout(max(SETTLE_SECONDS_MIN, until - monotonic_seconds())):
                    await self._commits.settle()
                    if closing is not None:
                        await asyncio.wait({closing})
            except TimeoutError:
                log.warning("a commit or a connection was cut off")
            await self._commits.forget()

    def _retire(self) -> asyncio.Task[None] | None:
        """Close what the lanes of this assignment shared. None where that is done."""
        rounds, self._rounds = self._rounds, None
        publications, self._publications = self._publications, None
        if rounds is None or publications is None:
            return None
        return self._tasks.start(_close(rounds, publications), "what lanes shared")


async def _close(rounds: Rounds, publications: Publications) -> None:
    await asyncio.gather(rounds.close(), publications.close())

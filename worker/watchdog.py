"""Sees to it that records get on: asks MongoDB and Kafka whether they answer, and ends a worker that stands still.

A consumer whose position was deleted, or that fell out of its group, only logs that and sleeps; a port that answers
says nothing about it. What counts is whether records wait, and whether they move.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError, KafkaTimeoutError
from pymongo.errors import PyMongoError

from worker.clock import monotonic_seconds
from worker.kafka import UNAVAILABLE, Prober
from worker.settings import Settings

LOOK_SECONDS = 1.0
STUCK_SECONDS = 5.0
"""After so long without progress it is asked whether records wait at all: control records at the end are no lag."""

PAUSE_SECONDS = 10.0
"""From the end of one look to the next, which is a second later: after more the whole process had stood still."""

DENIED = "AuthorizationFailed"
"""In the names of what Kafka says about a right that this worker's user does not have."""

LOOKS_MISSED_MAX = 3
"""Request time-outs that a look may take: it asks MongoDB and Kafka, and then looks at logs."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands: the next offset of a partition, or None while it is not open.

    `opening`: how far it has come in that; nobody knows how much there is to do. `failures`: how often what it does has
    failed, so that one of long ago excuses no hang.
    """

    what: str
    partition: TopicPartition | None
    next_offset: int | None
    waiting_for: str | None = field(default=None, compare=False)
    opening: int = 0
    failures: int = field(default=0, compare=False)


@dataclass(slots=True)
class _Standing:
    place: Place
    since_seconds: float = field(default_factory=monotonic_seconds)


class Watchdog:
    """Looks once a second, for as long as the worker runs."""

    def __init__(
        self,
        settings: Settings,
        prober: Prober,
        ask_mongo: Callable[[], Awaitable[None]],
        places: Callable[[], Iterable[Place]],
        destinations: Sequence[TopicPartition] = (),
        refusing: Callable[[], Awaitable[str | None]] | None = None,
    ) -> None:
        """`destinations`: what the places write to. One that does not answer excuses whoever stands still.

        So does what `refusing` says: one that answers, and takes no writes.
        """
        self._problems: list[str] = []
        self._looked_at = monotonic_seconds()
        self._settings = settings
        self._prober = prober
        self._ask_mongo = ask_mongo
        self._places = places
        self._destinations = list(destinations)
        self._refusing = refusing
        self._standing: dict[tuple[str, TopicPartition | None], _Standing] = {}
        self._nothing_between: dict[TopicPartition, tuple[int, int]] = {}

    async def look(self) -> None:
        """Look once.

        Raises:
            StopWorker: records were deleted before they were read; or as `ask_mongo` says.
            RuntimeError: the worker stands still, and nobody else is to blame.
        """
        if monotonic_seconds() - self._looked_at > PAUSE_SECONDS:
            self._standing.clear()  # stopped, or starved: nobody could get on
        # The positions first: what the logs' ends are compared with is then never newer than these.
        places = list(self._places())
        mongo, ends = await asyncio.gather(self._mongo(), self._kafka(places))
        problems = [mongo] if mongo else []
        if isinstance(ends, str):
            problems.append(ends)
        elif mongo is None:
            problems += await self._judge(places, ends)
        if mongo is not None or isinstance(ends, str):
            self._standing.clear()  # while something is away nobody is expected to get on
        self._problems = problems
        self._looked_at = monotonic_seconds()

    @property
    def problems(self) -> list[str]:
        """Why somebody may not get on: what the last look found, or that there was none for long."""
        seconds = monotonic_seconds() - self._looked_at
        blind = seconds > LOOKS_MISSED_MAX * self._settings.request_timeout_seconds
        return [f"watchdog: no look for {seconds:.0f} s"] if blind else self._problems

    async def _mongo(self) -> str | None:
        try:
            async with asyncio.timeout(self._settings.request_timeout_seconds):
                await self._ask_mongo()
        except (PyMongoError, TimeoutError, OSError) as error:
            return f"MongoDB: {type(error).__name__}"
        return None

    async def _kafka(self, places: list[Place]) -> dict[TopicPartition, int] | str:
        try:
            return await self._prober.ends([place.partition for place in places if place.partition is not None])
        except UNAVAILABLE as error:
            return f"Kafka: {type(error).__name__}"

    async def _judge(self, places: list[Place], ends: dict[TopicPartition, int]) -> list[str]:
        problems: list[str] = []
        now = monotonic_seconds()
        before, self._standing = self._standing, {}
        for place in places:
            key = (place.what, place.partition)
            if place.partition is not None and place.partition not in ends:
                problems.append(f"{place.what}: its log does not answer")  # nor can it get on, opened or not
                continue
            standing = before.get(key) or _Standing(place, now)
            waits_for = place.waiting_for if place.failures != standing.place.failures else None
            try:
                if standing.place != place or await self._has_nothing_to_do(place, ends, standing):
                    standing = _Standing(place, now)
            except UNAVAILABLE as error:
                if not isinstance(error, KafkaError) or isinstance(error, KafkaTimeoutError) or error.retriable:
                    # Kafka went away meanwhile, or is slow: nobody is expected to get on, nor to have got on until now.
                    self._standing.clear()
                    return [*problems, f"{place.what}: its log does not answer ({type(error).__name__})"]
                problems.append(f"{place.what}: its log cannot be read ({type(error).__name__})")
                waits_for = type(error).__name__
            self._standing[key] = standing
            seconds = now - standing.since_seconds
            if seconds > self._settings.stall_seconds and (excuse := await self._excuse(waits_for)):
                # Not from now on: it would pass for well until it is asked again whether records wait.
                self._standing[key] = _Standing(place, now - STUCK_SECONDS)
                problems.append(f"{place.what}: no progress for {seconds:.0f} s; {excuse}")
            elif seconds > self._settings.stall_seconds:
                msg = f"{place.what}: no progress for {seconds:.0f} s, although Kafka and MongoDB answer"
                raise RuntimeError(f"{msg}; waiting for {place.waiting_for}" if place.waiting_for else msg)
            elif seconds > STUCK_SECONDS:
                problems.append(f"{place.what}: no progress for {seconds:.0f} s")
        return problems

    async def _excuse(self, waits_for: str | None) -> str | None:
        """A right that is missing, or a destination without a leader, or without enough replicas.

        Who needs it waits, and no restart helps.
        """
        if waits_for is not None and DENIED in waits_for:
            name = next(word.strip("()") for word in waits_for.split() if DENIED in word)
            return f"a right is missing ({name})"
        try:
            answering = await self._prober.ends(self._destinations)
            silent = [partition for partition in self._destinations if partition not in answering]
            if silent:
                return f"{silent[0].topic}[{silent[0].partition}] does not answer"
            if self._refusing is None:
                return None
            async with asyncio.timeout(self._settings.request_timeout_seconds):
                return await self._refusing()
        except UNAVAILABLE as error:
            if DENIED in type(error).__name__:
                return None  # It may not look; that excuses nobody.
            return f"Kafka ({type(error).__name__}) does not answer"

    async def _has_nothing_to_do(self, place: Place, ends: dict[TopicPartition, int], standing: _Standing) -> bool:
        if place.partition is None or place.next_offset is None:
            return False
        reach = (place.next_offset, ends[place.partition])
        if reach[0] == reach[1] or self._nothing_between.get(place.partition) == reach:
            return True
        if monotonic_seconds() - standing.since_seconds < min(STUCK_SECONDS, self._settings.stall_seconds / 2):
            return False
        found = await self._prober.first_offset(place.partition, place.next_offset, place.what)
        if found is None:
            self._nothing_between[place.partition] = reach
        return found is None

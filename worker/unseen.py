"""Sees up to where readers see what lanes have published; and when some of it stays hidden, has those lanes open again.

A broker that finds no leader for a partition leaves out the markers that end a transaction there (publisher.py). The
producer's next transaction in that partition writes them, but it may come late or never, and until then no consumer
sees what comes behind: neither the events of other lanes nor a command for another lane. An opening writes them as
well. Where that next transaction is aborted, what was acknowledged before goes with it. So a lane holds for published
only what was seen here, and its next opening asks the topics for the rest.
"""

import asyncio
import contextlib
from collections.abc import Callable, Collection, Iterable

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from worker.clock import monotonic_seconds
from worker.kafka import Prober, make_reader, start_client, stop_client
from worker.lane import Lane, Published
from worker.records import place_of
from worker.settings import Settings

LOOK_SECONDS = 0.5
"""From one look to the next. After a crash the next opening asks the topics for what two of them have not seen."""

ASK_SECONDS_MAX = 5.0
"""For the ends of all partitions; then each is asked for by itself, so that one without a leader holds no others."""

UNAVAILABLE = (KafkaError, TimeoutError, OSError)


class Unseen:
    """Looks at the ends of all partitions in which lanes of this worker have published something new."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._prober = Prober(settings)
        self._patience_seconds = settings.open_transaction_seconds
        self._looked_for: dict[Lane, Published] = {}
        """What is looked for until it is seen. Not what is newest: others' transactions, which began before these had
        ended, may hide that at each look."""
        self._standing: dict[tuple[int, str], tuple[int, float]] = {}
        """Where not all of that is seen: up to where readers see, and since when."""

    async def run(self, lanes: Callable[[], Iterable[Lane]]) -> None:
        """Until cancelled."""
        try:
            while True:
                await self.look([lane for lane in lanes() if lane.is_open])
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            await self._prober.close()

    async def look(self, lanes: Collection[Lane]) -> None:
        """Look once. That Kafka is away is for others to say."""
        now = monotonic_seconds()
        newest = {lane: lane.acknowledged for lane in lanes}
        before = self._looked_for
        self._looked_for = {
            lane: before[lane] if lane in before and before[lane].epoch == published.epoch else published
            for lane, published in newest.items()
        }
        new = {lane: dict(what.marks.items() - lane.seen.marks.items()) for lane, what in self._looked_for.items()}
        ends = await self._ends({mark for marks in new.values() for mark in marks})
        stood, self._standing = self._standing, {}
        shown = []
        for lane, marks in new.items():
            hidden = {mark for mark, end in marks.items() if ends.get(mark, -1) < end}
            if not hidden:
                shown.append((lane, self._looked_for[lane]))
                self._looked_for[lane] = newest[lane]
            for mark in hidden & ends.keys():
                then, since = stood.get((lane.number, mark), (ends[mark], now))
                self._standing[lane.number, mark] = (ends[mark], since if then == ends[mark] else now)
                if then == ends[mark] and now - since > self._patience_seconds:
                    await self._doubt(lane, mark, marks[mark], ends[mark])
        # Together: they wait for the same publisher.
        for result in await asyncio.gather(*(lane.confirm(what) for lane, what in shown), return_exceptions=True):
            if isinstance(result, BaseException) and not isinstance(result, UNAVAILABLE):
                raise result

    def _place(self, mark: str) -> TopicPartition:
        topic, partition = place_of(mark)
        return TopicPartition(self._settings.topic(topic), partition)

    async def _ends(self, marks: Collection[str]) -> dict[str, int]:
        """Up to where readers see in the partitions of these marks, as far as Kafka says it."""
        if not marks:
            return {}
        places = {self._place(mark): mark for mark in sorted(marks)}
        with contextlib.suppress(*UNAVAILABLE):
            async with asyncio.timeout(ASK_SECONDS_MAX):
                return {places[place]: end for place, end in (await self._prober.ends(list(places))).items()}
        found: dict[str, int] = {}
        for place, mark in places.items():
            with contextlib.suppress(*UNAVAILABLE):
                async with asyncio.timeout(ASK_SECONDS_MAX / len(places)):
                    found[mark] = (await self._prober.ends([place]))[place]
        return found

    async def _doubt(self, lane: Lane, mark: str, published: int, seen: int) -> None:
        place = self._place(mark)
        end = await self._end_of(place)
        if end is None:
            return
        what = f"up to {published} of {place.topic}[{place.partition}] was published"
        if end > seen:
            lane.doubt(f"{what}, but a transaction that stays open at {seen} hides it", place_of(mark))
        else:
            lane.doubt(f"{what}, but nothing stands there beyond {end}; was the topic made anew?")

    async def _end_of(self, place: TopicPartition) -> int | None:
        """What is written there, seen or not; None where Kafka does not say."""
        reader = make_reader(self._settings, "read_uncommitted")
        try:
            await start_client(reader)
            return int((await reader.end_offsets([place]))[place])
        except UNAVAILABLE:
            return None
        finally:
            await stop_client(reader)

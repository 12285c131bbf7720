"""Sees up to where readers see what lanes have published, and has ended what hides it.

A broker that finds no leader for a partition leaves out the markers that end a transaction there (publisher.py). The
producer's next transaction in that partition writes them, but it may come late or never, and until then no consumer
sees what comes behind: neither the events of other lanes nor a command for another lane. Where that next transaction is
aborted, what was acknowledged before goes with it. So a lane holds for published only what was seen here, and its next
opening asks the topics for the rest.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition

from worker.clock import monotonic_seconds
from worker.kafka import UNAVAILABLE, make_reader, offsets_of, start_client, stop_client
from worker.lane import Lane, Published
from worker.records import place_of
from worker.settings import Settings
from worker.visible import true_marks

LOOK_SECONDS = 0.5
"""From one look to the next. After a crash the next opening asks the topics for what two of them have not seen."""

ASK_SECONDS_MAX = 5.0
"""For the ends of all partitions; then for that of each (`offsets_of`)."""

Ends = Mapping[str, int]
"""Mark → an offset in its partition."""

Standing = tuple[int | None, float]

log = structlog.get_logger(__name__)


class Unseen:
    """Looks at the ends of all partitions in which lanes of this worker have published something new."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._reader: AIOKafkaConsumer | None = None
        self._patience_seconds = settings.open_transaction_seconds
        self._looked_for: dict[Lane, Published] = {}
        """What is looked for until it is seen. Not what is newest: others' transactions, which began before these had
        ended, may hide that at each look."""
        self._standing: dict[tuple[Lane, str], Standing] = {}
        """What is below that: up to where readers see it, as far as Kafka says it, and since when."""

    async def run(self, lanes: Callable[[], Iterable[Lane]]) -> None:
        """Until cancelled."""
        try:
            while True:
                await self.look([lane for lane in lanes() if lane.is_open])
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            await self.close()

    async def look(self, lanes: Collection[Lane]) -> None:
        """Look once. That Kafka is away is for others to say."""
        before, self._looked_for = self._looked_for, {}
        for lane in lanes:
            former = before.get(lane)
            still = former and former.epoch == lane.acknowledged.epoch and former.offset > lane.seen.offset
            self._looked_for[lane] = former if former and still else lane.acknowledged
        new = {lane: dict(what.marks.items() - lane.seen.marks.items()) for lane, what in self._looked_for.items()}
        seen = await self._ends({mark for marks in new.values() for mark in marks})
        stood, self._standing = self._standing, {}
        # Together: they wait for the same publisher.
        looks = (self._judge(lane, what, new[lane], seen, stood) for lane, what in self._looked_for.items())
        for result in await asyncio.gather(*looks, return_exceptions=True):
            if isinstance(result, BaseException) and not isinstance(result, UNAVAILABLE):
                raise result

    async def close(self) -> None:
        """Close the connections."""
        reader, self._reader = self._reader, None
        if reader is not None:
            await stop_client(reader)

    async def _judge(
        self, lane: Lane, what: Published, new: Ends, seen: Ends, stood: Mapping[tuple[Lane, str], Standing]
    ) -> None:
        now = monotonic_seconds()
        hidden = {mark for mark, end in new.items() if seen.get(mark, -1) < end}
        if not hidden:
            await lane.confirm(what)
            return
        if not seen:
            return
        late = {}
        for mark in hidden:
            then, since = stood.get((lane, mark), (None, now))
            if then != seen.get(mark):
                since = now
            elif now - since > self._patience_seconds:
                late[mark] = new[mark]
                since = now
            self._standing[lane, mark] = (seen.get(mark), since)
        if late:
            await self._mend(lane, what.epoch, late, seen)

    async def _mend(self, lane: Lane, epoch: int, late: Ends, seen: Ends) -> None:
        log.warning(
            "publications are not seen",
            lane=lane.number,
            places={mark: f"published up to {end}, seen up to {seen.get(mark)}" for mark, end in late.items()},
        )
        answered = {mark: end for mark, end in late.items() if mark in seen}
        if not answered:
            return
        true = await self._true(answered)
        if not lane.is_open or lane.acknowledged.epoch != epoch:
            return
        if true != answered:
            lane.doubt("a topic was made anew: what was published does not stand there any more")
        elif any(seen[mark] < lane.recovered.get(mark, 0) for mark in answered):
            lane.doubt("what was published from the journal is hidden: the producer of openings left it open")
        else:  # without a new opening: where it is another's transaction, that would wait for it, and decide nothing
            await lane.end_open([place_of(mark) for mark in answered])

    async def _ends(self, marks: Collection[str]) -> dict[str, int]:
        """Up to where readers see in the partitions of these marks, as far as Kafka says it."""
        places = {
            TopicPartition(self._settings.topic(topic), number): mark
            for mark in sorted(marks)
            for topic, number in [place_of(mark)]
        }
        if not places:
            return {}
        try:
            async with asyncio.timeout(ASK_SECONDS_MAX):
                reader = await self._started()
            found = await offsets_of(reader.end_offsets, list(places), ASK_SECONDS_MAX)
        except UNAVAILABLE:
            await self.close()
            return {}
        return {places[place]: end for place, end in found.items()}

    async def _started(self) -> AIOKafkaConsumer:
        if self._reader is None:
            reader = make_reader(self._settings)
            try:
                await start_client(reader)
            except BaseException:
                await stop_client(reader)
                raise
            self._reader = reader
        return self._reader

    async def _true(self, marks: Ends) -> dict[str, int]:
        """Those of them that do not reach beyond what is written, seen or not."""
        reader = make_reader(self._settings, "read_uncommitted")
        try:
            async with asyncio.timeout(ASK_SECONDS_MAX):
                await start_client(reader)
                return await true_marks(self._settings, reader, marks)
        finally:
            await stop_client(reader)

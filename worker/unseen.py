"""Sees when what lanes have published does not come to be seen, and has those lanes open again.

A broker that finds no leader for a partition leaves out the markers that end a transaction there (publisher.py). The
lane's next transaction in that partition writes them, but it may come late or never, and until then no consumer sees
what comes behind: neither the events of other lanes nor a command for another lane. An opening writes them as well.
"""

from collections.abc import Iterable

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from worker.clock import monotonic_seconds
from worker.kafka import Prober, make_reader, start_client, stop_client
from worker.lane import Lane
from worker.records import place_of
from worker.settings import Settings

LOOK_SECONDS = 5.0


class Unseen:
    """Looks at the ends of all partitions in which lanes of this worker have published."""

    def __init__(self, settings: Settings, prober: Prober) -> None:
        self._settings = settings
        self._prober = prober
        self._patience_seconds = settings.open_transaction_seconds
        self._next_look = 0.0
        self._standing: dict[tuple[int, TopicPartition], tuple[int, float]] = {}
        """What is below what a lane has published: up to where readers see it, and since when."""

    async def look(self, lanes: Iterable[Lane]) -> None:
        """Look, if the last time is long enough ago. That Kafka is away is for others to say."""
        now = monotonic_seconds()
        if now < self._next_look:
            return
        self._next_look = now + LOOK_SECONDS
        published = {(lane, mark): end for lane in lanes for mark, end in lane.marks.items() if lane.is_open}
        partitions = {mark: self._partition(mark) for _, mark in published}
        if not published:
            self._standing.clear()
            return
        try:
            seen = await self._prober.ends(sorted(partitions.values()))
        except (KafkaError, TimeoutError, OSError):
            self._standing.clear()
            return
        before, self._standing = self._standing, {}
        for (lane, mark), end in published.items():
            partition = partitions[mark]
            visible = seen[partition]
            if visible < end:
                key = (lane.number, partition)
                then, since = before.get(key, (visible, now))
                self._standing[key] = (visible, since if then == visible else now)
                if then == visible and now - since > self._patience_seconds and await self._is_open(partition, visible):
                    lane.doubt(
                        f"up to {end} of {partition.topic}[{partition.partition}] was published, but a transaction "
                        f"that stays open at {visible} hides it",
                        place_of(mark),
                    )

    def _partition(self, mark: str) -> TopicPartition:
        topic, partition = place_of(mark)
        return TopicPartition(self._settings.topic(topic), partition)

    async def _is_open(self, partition: TopicPartition, visible: int) -> bool:
        """Whether anything stands there at all: of a topic that was made anew the marks are not true any more."""
        reader = make_reader(self._settings, "read_uncommitted")
        try:
            await start_client(reader)
            return bool((await reader.end_offsets([partition]))[partition] > visible)
        except (KafkaError, TimeoutError, OSError):
            return False
        finally:
            await stop_client(reader)

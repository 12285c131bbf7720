"""Committed offsets, looked at all the time: they never go back, and never past what MongoDB has stored."""

import threading
import time

from confluent_kafka import Consumer, KafkaException, TopicPartition
from pymongo.errors import PyMongoError

from contracts.topics import COMMAND_TOPICS, TopicName
from tests.chaos.world import World

Place = tuple[str, str, int]
"""Group, topic, partition."""

LOOK_SECONDS = 0.3
KILLED_SECONDS = 5.0
"""A broker that was killed loads its offsets anew, and was seen to answer with older ones meanwhile (decision 0001)."""


class OffsetWatch:
    """A thread that looks until it is closed."""

    def __init__(self, world: World) -> None:
        self.findings: list[str] = []
        self.looks = 0
        self._world = world
        self._last: dict[Place, int] = {}
        self._touched_at = 0.0
        self._lock = threading.Lock()
        self._consumers: dict[str, Consumer] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="offsets")
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        for consumer in self._consumers.values():
            consumer.close()

    def committed(self) -> dict[Place, int]:
        """Both groups' offsets. By consumers that never join: they only ask."""
        group = self._world.fleet.settings.get("group", self._world.deployment.name)
        found = {}
        with self._lock:
            for name, topics in ((group, [TopicName.LANES]), (f"{group}-intake", COMMAND_TOPICS)):
                places = [
                    TopicPartition(self._world.deployment.topic(topic), partition)
                    for topic in topics
                    for partition in range(self._partitions(topic))
                ]
                for place in self._consumer(name).committed(places, timeout=3):
                    if place.error is None and place.offset >= 0:
                        found[name, place.topic, place.partition] = place.offset
        return found

    def _consumer(self, group: str) -> Consumer:
        if group not in self._consumers:
            bootstrap = self._world.cluster.servers.kafka_bootstrap
            self._consumers[group] = Consumer({"bootstrap.servers": bootstrap, "group.id": group, "log_level": 0})
        return self._consumers[group]

    def _partitions(self, topic: TopicName) -> int:
        settings = self._world.deployment.settings()
        return settings.lanes if topic is TopicName.LANES else settings.topic_partitions

    def _run(self) -> None:
        lanes_topic = self._world.deployment.topic(TopicName.LANES)
        while not self._stop.wait(LOOK_SECONDS):
            started = time.monotonic()
            try:
                committed = self.committed()
                lanes = {lane["_id"]: lane["stored"] for lane in self._world.deployment.db.lanes.find()}
            except (KafkaException, PyMongoError, TimeoutError):
                continue
            self.looks += 1
            if self._world.offsets_touched_at > self._touched_at:
                self._touched_at = self._world.offsets_touched_at
                self._last.clear()
            disturbed = self._world.kafka_killed_at > started - KILLED_SECONDS
            for place, offset in committed.items():
                last = self._last.get(place, 0)
                if offset < last and not disturbed:
                    self.findings.append(f"{place}: {offset} after {last}")
                self._last[place] = offset
                if place[1] == lanes_topic and offset > lanes.get(place[2], 0):
                    self.findings.append(f"{place}: committed {offset}, stored {lanes.get(place[2])}")

"""From the append of a command to its event, visible to a foreign `read_committed` consumer."""

import statistics
import time
from typing import Self

from confluent_kafka import Consumer, Producer, TopicPartition

from tests.support import messages
from tests.support.deployment import QUIET, Deployment

SECONDS = 6.0
WARM_SECONDS = 2.0
PARTNERS = 50


def measure(deployment: Deployment, speeds: dict[str, float]) -> dict[str, float]:
    """Milliseconds, `<name>_ms_p50` and `_p99` for each of these names and commands a second."""
    names = [f"p{number}" for number in range(PARTNERS)]
    deployment.produce(messages.FACTS, *(messages.register_partner(name, quota_limit=10_000_000) for name in names))
    deployment.wait_decided(f"register-{name}" for name in names)
    with Listener(deployment) as listener:
        figures: dict[str, float] = {}
        for name, per_second in speeds.items():
            listener.at(f"warm-{name}", per_second, WARM_SECONDS)
            found = sorted(listener.at(name, per_second, SECONDS))
            figures[f"{name}_ms_p50"] = statistics.median(found) * 1000
            figures[f"{name}_ms_p99"] = found[int(len(found) * 0.99)] * 1000
        return figures


class Listener:
    """Sends commands at their times, and waits for events in between: neither waits for the other."""

    def __init__(self, deployment: Deployment) -> None:
        servers = {"bootstrap.servers": deployment.servers.kafka_bootstrap, **QUIET}
        self._topic = deployment.topic(messages.INVITATION)
        self._producer = Producer({**servers, "acks": "all", "linger.ms": 0})
        self._consumer = Consumer(
            {
                **servers,
                "group.id": f"{deployment.name}-latency",
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
            }
        )
        name = deployment.topic("partnership.lifecycle.events")
        numbers = self._consumer.list_topics(name, timeout=10).topics[name].partitions
        partitions = [TopicPartition(name, number) for number in numbers]
        for partition in partitions:
            partition.offset = self._consumer.get_watermark_offsets(partition)[1]
        self._consumer.assign(partitions)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()

    def at(self, label: str, per_second: float, seconds: float) -> list[float]:
        """The seconds that each of these commands took. Their times are fixed beforehand: a late one is late."""
        commands = [messages.invite(f"{label}-{n}", f"p{n % PARTNERS}") for n in range(int(per_second * seconds))]
        begun = time.monotonic() + 0.1
        due = [begun + number / per_second for number in range(len(commands))]
        found: list[float] = []
        sent = 0
        while len(found) < len(commands):
            while sent < len(commands) and time.monotonic() >= due[sent]:
                self._producer.produce(self._topic, commands[sent], key=f"{label}-{sent}")
                sent += 1
            self._producer.poll(0)
            pause = due[sent] - time.monotonic() if sent < len(commands) else 1.0
            record = self._consumer.poll(max(0.0, pause))
            now = time.monotonic()
            if record is not None and record.error() is None:
                subject, _, number = (record.key() or b"").decode().rpartition("-")
                if subject == label:
                    found.append(now - due[int(number)])
        return found

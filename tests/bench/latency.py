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

LINGER_MS = 5
"""What librdkafka's producer waits for more to send, unless it is told otherwise. Below `MANY` it is told."""

MANY = 500
"""Commands a second from which on a request for each is more than a producer would send."""

TICK_SECONDS = 0.002
"""At many a second, the listener looks so often: on these cores it must not take the worker's time."""


BURST = 4_000
"""Commands that are all due at once, to see how many of this kind go through in a second."""


def measure(deployment: Deployment, speeds: dict[str, float], half_load: str | None = None) -> dict[str, float]:
    """Milliseconds, `<name>_ms_p50` and `_p99` for each of these names and commands a second.

    `half_load` is the name for half of what goes through at most; of these commands, which are dearer than most.
    """
    names = [f"p{number}" for number in range(PARTNERS)]
    deployment.produce(messages.FACTS, *(messages.register_partner(name, quota_limit=10_000_000) for name in names))
    deployment.wait_decided(f"register-{name}" for name in names)
    figures: dict[str, float] = {}
    if half_load:
        with Listener(deployment, LINGER_MS) as listener:
            speeds = {**speeds, half_load: BURST / max(listener.at("burst", BURST * 10, 0.1)) / 2}
        figures[f"{half_load}_commands_per_second"] = speeds[half_load]
    for name, per_second in speeds.items():
        with Listener(deployment, LINGER_MS if per_second >= MANY else 0) as listener:
            listener.at(f"warm-{name}", per_second, WARM_SECONDS)
            found = sorted(listener.at(name, per_second, SECONDS))
        figures[f"{name}_ms_p50"] = statistics.median(found) * 1000
        figures[f"{name}_ms_p99"] = found[int(len(found) * 0.99)] * 1000
    return figures


class Listener:
    """Sends commands at their times, and waits for events in between: neither waits for the other."""

    def __init__(self, deployment: Deployment, linger_ms: int) -> None:
        servers = {"bootstrap.servers": deployment.servers.kafka_bootstrap, **QUIET}
        self._topic = deployment.topic(messages.INVITATION)
        self._tick = TICK_SECONDS if linger_ms else 0.0
        self._producer = Producer({**servers, "acks": "all", "linger.ms": linger_ms})
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
            pause = max(self._tick, due[sent] - time.monotonic()) if sent < len(commands) else 1.0
            record = self._consumer.poll(max(0.0, pause))
            while record is not None:
                subject, _, number = (record.key() or b"").decode().rpartition("-")
                if record.error() is None and subject == label:
                    found.append(time.monotonic() - due[int(number)])
                record = self._consumer.poll(0) if self._tick else None
        return found

"""From the append of a command to its event, visible to a foreign `read_committed` consumer."""

import statistics
import time

from confluent_kafka import Consumer, TopicPartition

from tests.support import messages
from tests.support.deployment import Deployment

SPEEDS = {"idle_latency": (20, 6.0), "latency": (200, 8.0)}
"""Name → commands a second, seconds."""


def measure(deployment: Deployment) -> dict[str, float]:
    deployment.produce(messages.FACTS, *(messages.register_partner(f"p{n}", quota_limit=10_000_000) for n in range(50)))
    deployment.wait_decided(f"register-p{n}" for n in range(50))
    consumer = Consumer(
        {
            "bootstrap.servers": deployment.servers.kafka_bootstrap,
            "log_level": 0,
            "group.id": f"{deployment.name}-latency",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "fetch.wait.max.ms": 5,
        }
    )
    name = deployment.topic("partnership.notice.events")
    partitions = list(consumer.list_topics(name, timeout=10).topics[name].partitions)
    ends = [TopicPartition(name, p, consumer.get_watermark_offsets(TopicPartition(name, p))[1]) for p in partitions]
    consumer.assign(ends)
    figures: dict[str, float] = {}
    for label, (per_second, seconds) in SPEEDS.items():
        found = sorted(_at(deployment, consumer, label, per_second, seconds))
        figures[f"{label}_ms_p50"] = statistics.median(found) * 1000
        figures[f"{label}_ms_p99"] = found[int(len(found) * 0.99)] * 1000
    consumer.close()
    return figures


def _at(deployment: Deployment, consumer: Consumer, label: str, per_second: int, seconds: float) -> list[float]:
    count = int(per_second * seconds)
    sent: dict[str, float] = {}
    found: list[float] = []
    begun = time.monotonic()
    while len(found) < count:
        number = len(sent)
        if number < count and time.monotonic() >= begun + number / per_second:
            subject = f"{label}-{number}"
            deployment.enqueue(messages.INVITATION, messages.invite(subject, f"p{number % 50}"), key=subject.encode())
            deployment.poll()
            sent[subject] = time.monotonic()
        record = consumer.poll(0.001)
        if record is not None and record.error() is None:
            subject = (record.key() or b"").decode()
            if subject in sent:
                found.append(time.monotonic() - sent[subject])
    return found

"""Print what comes of commands. `read_committed` is a must: only then is each event seen once."""

import json
import os
import sys
import time

from confluent_kafka import Consumer

SECONDS = float(sys.argv[1]) if len(sys.argv) > 1 else 5.0
TOPICS = ["lifecycle.events", "quota.events", "billing.events", "notice.events", "rejections"]

# The variables that the worker has. Without those of PARTNERSHIP_KAFKA_... it is a Kafka without users and TLS.
env = os.environ.get
KAFKA = {
    "bootstrap.servers": os.environ["KAFKA_BOOTSTRAP"],
    "security.protocol": env("PARTNERSHIP_KAFKA_SECURITY_PROTOCOL", "PLAINTEXT"),
    "ssl.ca.location": env("PARTNERSHIP_KAFKA_CA_FILE"),
}
if "PARTNERSHIP_KAFKA_USERNAME" in os.environ:
    KAFKA |= {
        "sasl.mechanism": env("PARTNERSHIP_KAFKA_SASL_MECHANISM", "SCRAM-SHA-512"),
        "sasl.username": env("PARTNERSHIP_KAFKA_USERNAME"),
        "sasl.password": env("PARTNERSHIP_KAFKA_PASSWORD"),
    }

consumer = Consumer(
    {
        **KAFKA,
        "group.id": f"example-{os.getpid()}",
        "isolation.level": "read_committed",
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
    }
)
# Sequences have no gap within a topic, a subject and a partition key, so a consumer can tell a loss or a repeat by
# itself. A real one keeps these two together with what it makes of the events, in one transaction.
last: dict[tuple[str, str, str], int] = {}
missed: dict[tuple[str, str, str], set[int]] = {}


def is_new(place: tuple[str, str, str], sequence: int) -> bool:
    """Whether to take it. What comes first of a place is its beginning: the topic may not have what was before."""
    if sequence == 0:  # on partnership.rejections nothing is counted
        return True
    if sequence <= last.get(place, 0):  # published again: taken where it was missed, else a repeat
        is_missed = sequence in missed.get(place, ())
        missed.get(place, set()).discard(sequence)
        return is_missed
    if gap := range(last.get(place, sequence - 1) + 1, sequence):
        print(f"gap: {place} has {sequence} after {last[place]}")
        missed.setdefault(place, set()).update(gap)
    last[place] = sequence
    return True


consumer.subscribe([f"partnership.{topic}" for topic in TOPICS])
end = time.monotonic() + SECONDS
while time.monotonic() < end:
    record = consumer.poll(0.2)
    if record is None:
        continue
    if record.error():  # a right that is missing, for example
        print(record.error(), file=sys.stderr)
        continue
    event = json.loads(record.value())
    data = event["data"]
    if is_new((record.topic(), event["subject"], event["partitionkey"]), data["sequence"]):
        print(f"{event['type']:45} {event['subject']:20} #{data['sequence']} {data.get('code', '')}")
consumer.close()

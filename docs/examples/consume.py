"""Print what comes of commands. `read_committed` is a must: only then is each event seen once."""

import json
import os
import sys
import time

from confluent_kafka import Consumer

SECONDS = float(sys.argv[1]) if len(sys.argv) > 1 else 5.0
TOPICS = ["lifecycle.events", "quota.events", "billing.events", "notice.events", "rejections"]

consumer = Consumer(
    {
        "bootstrap.servers": os.environ["KAFKA_BOOTSTRAP"],
        "group.id": f"example-{os.getpid()}",
        "isolation.level": "read_committed",
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
    }
)
consumer.subscribe([f"partnership.{topic}" for topic in TOPICS])
last: dict[tuple[str, str], int] = {}
end = time.monotonic() + SECONDS
while time.monotonic() < end:
    record = consumer.poll(0.2)
    if record is None or record.error():
        continue
    event = json.loads(record.value())
    data = event["data"]
    # It has no gap within a topic, a subject and a partition key, so a consumer can tell a loss or a repeat by itself.
    place, sequence = (record.topic(), event["subject"], event["partitionkey"]), data["sequence"]
    if sequence and sequence != last.get(place, 0) + 1:
        print(f"gap: {place} has {sequence} after {last.get(place, 0)}")
    last[place] = sequence
    print(f"{event['type']:45} {event['subject']:20} #{sequence} {data.get('code', '')}")
consumer.close()

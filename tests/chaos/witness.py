"""A foreign consumer that sees all: read_committed, without a group, from the first record on, while the run goes on.

It keeps, in bounded memory, what the judge will compare: for each topic sums over the records by the hash of their ids,
and the last sequence of each subject; and what the lane log carries, in SQLite.
"""

import re
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson
from confluent_kafka import Consumer, KafkaError, TopicPartition

from contracts.topics import TOPICS, TopicName
from tests.chaos.ledger import Table, bytes_of, number

SOURCE_HEADER = "~source"
SOURCE = re.compile(r"([A-Za-z0-9._-]+):(\d+):(\d+):(\d+)")
MASK = (1 << 64) - 1
BUCKETS = 4096
STREAMS = [name for name, row in TOPICS.items() if row.producer == "worker (lanes)" and name != TopicName.DEAD_LETTERS]
SEQUENCED = [name for name in STREAMS if name != TopicName.REJECTIONS]


class Sums:
    """Count and sum of records by the hash of their ids. Equal sums: the same records, each as often."""

    def __init__(self) -> None:
        self.count = [0] * BUCKETS
        self.sum = [0] * BUCKETS

    def add(self, event_id: str, content: int) -> None:
        bucket = bucket_of(event_id)
        self.count[bucket] += 1
        self.sum[bucket] = (self.sum[bucket] + content) & MASK

    def differing(self, other: "Sums") -> set[int]:
        """The buckets that hold what is lost, doubled or changed."""
        return {
            bucket
            for bucket in range(BUCKETS)
            if (self.count[bucket], self.sum[bucket]) != (other.count[bucket], other.sum[bucket])
        }


def bucket_of(event_id: str) -> int:
    return number(event_id.encode()) % BUCKETS


def content_of(key: bytes | None, value: bytes) -> tuple[str, int, dict[str, Any]]:
    """(id, hash, body) of an event; without the token, which the journal does not keep."""
    body = orjson.loads(value)
    params = body["data"].get("params")
    if isinstance(params, dict) and params.pop("token", None) is not None:
        value = orjson.dumps(body, option=orjson.OPT_SORT_KEYS)
    else:
        value = orjson.dumps(body, option=orjson.OPT_SORT_KEYS)
    return body["id"], number(key, value), body


@dataclass
class Timing:
    """When something was seen last, and the longest that nothing was although something was to come."""

    last: float = field(default_factory=time.monotonic)
    longest_stall: float = 0.0


class Witness:
    """Runs in a thread of its own until it is closed."""

    def __init__(self, bootstrap: str, prefix: str, table: Table) -> None:
        self.sums: dict[str, Sums] = defaultdict(Sums)
        self.events: Counter[str] = Counter()
        self.disorder: list[str] = []
        self.quota: dict[str, dict[str, Any]] = {}
        self.positions: dict[tuple[str, int], int] = {}
        self.timing = Timing()
        self.expecting: Callable[[], bool] = lambda: False
        self._expiries: Counter[str] = Counter()
        self.expires_at: dict[str, str] = {}
        self.expired_at: dict[str, str] = {}
        self._sequences: dict[int, int] = {}
        self._prefix = prefix
        self._table = table
        self._stop = threading.Event()
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": f"{prefix}witness",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "auto.offset.reset": "error",
                "fetch.wait.max.ms": 50,
                "queued.max.messages.kbytes": 16_384,
                "log_level": 0,
            }
        )
        topics = self._consumer.list_topics(timeout=20).topics
        names = [prefix + name for name in (*STREAMS, TopicName.DEAD_LETTERS, TopicName.LANES)]
        self._consumer.assign([TopicPartition(name, part, 0) for name in names for part in topics[name].partitions])
        self._thread = threading.Thread(target=self._run, name="witness")
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        self._consumer.close()
        self._table.flush()

    def caught_up(self, ends: dict[tuple[str, int], int]) -> bool:
        """Whether it has been handed everything below these last offsets. Control records are not handed over."""
        return all(self.positions.get(place, -1) >= last for place, last in ends.items())

    @property
    def doubled_expiries(self) -> list[str]:
        return [subject for subject, count in self._expiries.items() if count > 1]

    def _run(self) -> None:
        while not self._stop.is_set():
            messages = self._consumer.consume(2000, timeout=0.2)
            now = time.monotonic()
            seen = False
            for message in messages:
                error: Any = message.error()
                if error is None:
                    seen |= self._take(message)
                elif error.code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):
                    self.disorder.append(f"the witness lost its place: {error}")
            if seen or not self.expecting():
                self.timing.last = now
            else:
                self.timing.longest_stall = max(self.timing.longest_stall, now - self.timing.last)

    def _take(self, message: Any) -> bool:
        topic, partition, offset = message.topic(), message.partition(), message.offset()
        if offset <= self.positions.get((topic, partition), -1):
            self.disorder.append(f"{topic}[{partition}]: offset {offset} after {self.positions[topic, partition]}")
        self.positions[topic, partition] = offset
        name = topic[len(self._prefix) :]
        if name == TopicName.LANES:
            self._moved(message)
            return False
        if name == TopicName.DEAD_LETTERS:
            self._letter(message)
            return True
        event_id, content, body = content_of(message.key(), message.value())
        self.events[name] += 1
        self.sums[name].add(event_id, content)
        if name != TopicName.REJECTIONS:
            self._in_order(name, body)
        return True

    def _in_order(self, name: str, body: dict[str, Any]) -> None:
        subject, data = body["subject"], body["data"]
        place = number(name.encode(), subject.encode())
        sequence, last = data["sequence"], self._sequences.get(place, 0)
        if sequence != last + 1:
            self.disorder.append(f"{name} {subject}: {sequence} ({body['id']}) after {last}")
        self._sequences[place] = sequence
        kind = body["type"].split(".")[1]
        if kind == "QuotaUpdated":
            self.quota[subject] = data
        elif kind == "InvitationSent" and body["partitionkey"].startswith("fleeting-"):
            self.expires_at[subject] = data["expires_at"]
        elif kind == "InvitationExpired":
            self._expiries[subject] += 1
            self.expired_at[subject] = body["time"]

    def _moved(self, message: Any) -> None:
        headers = list(message.headers() or ())
        if not headers or headers[-1][0] != SOURCE_HEADER:
            return  # the worker's own
        found = SOURCE.fullmatch((headers[-1][1] or b"").decode())
        assert found is not None, headers[-1]
        content = bytes_of(message.key(), message.value(), headers[:-1])
        topic, partition, offset, _ = found.groups()
        row = (topic, int(partition), int(offset), message.partition(), message.offset(), content)
        self._table.add("moved", row)

    def _letter(self, message: Any) -> None:
        (letter_id,) = [value for name, value in message.headers() if name == "dead-letter-id"][-1:]
        self._table.add("letters", (letter_id.decode(), number(message.key(), message.value())))

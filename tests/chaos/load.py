"""The producer: an idempotent one of librdkafka, in a thread, at a pace. What is acknowledged goes into the ledger."""

import math
import threading
import time
import zlib
from collections.abc import Iterator
from typing import Any

from confluent_kafka import Producer

from tests.chaos.commands import Item
from tests.chaos.ledger import Table, bytes_of

WAVE_SECONDS = 17.0
PARTITIONS = 2


class Load:
    """Sends items until there are enough or it is told to stop."""

    def __init__(self, bootstrap: str, prefix: str, table: Table) -> None:
        self.sent = 0
        self.acknowledged = 0
        self.failures: list[str] = []
        self._prefix = prefix
        self._table = table
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._producer: Any = Producer(
            {
                "bootstrap.servers": bootstrap,
                "enable.idempotence": True,
                "linger.ms": 5,
                "message.timeout.ms": 600_000,
                "queue.buffering.max.messages": 20_000,
                "message.max.bytes": 1_048_576,
                "log_level": 0,
            }
        )

    def start(self, items: Iterator[Item], count: int, per_second: float) -> None:
        """In the background, in waves around this speed; 0: as fast as it goes."""
        self._thread = threading.Thread(target=self._run, args=(items, count, per_second), name="load")
        self._thread.start()

    @property
    def running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def stop(self) -> None:
        """End it, and wait until all that was sent is acknowledged and in the ledger."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def send(self, items: Iterator[Item]) -> None:
        """All of them, here and now."""
        for item in items:
            self._enqueue(item)
        self._finish()

    def _run(self, items: Iterator[Item], count: int, per_second: float) -> None:
        began = time.monotonic()
        due = 0.0
        last = began
        while self.sent < count and not self._stop.is_set():
            if per_second:
                now = time.monotonic()
                wave = 1 + 0.9 * math.sin((now - began) / WAVE_SECONDS * 2 * math.pi)
                due += (now - last) * per_second * wave
                last = now
                if self.sent >= due:
                    self._producer.poll(0.01)
                    continue
            self._enqueue(next(items))
        self._finish()

    def _enqueue(self, item: Item) -> None:
        partition = item.partition
        if item.group:
            partition = zlib.crc32(item.group.encode()) % PARTITIONS
        topic = self._prefix + item.topic

        def delivered(error: Any, message: Any) -> None:
            if error is not None:
                self.failures.append(f"{item.kind} {item.cid}: {error}")
                return
            self.acknowledged += 1
            content = bytes_of(item.key, item.value, item.headers)
            row = (topic, message.partition(), message.offset(), item.kind, item.cid, item.body, item.expect, content)
            self._table.add("sent", row)

        while True:
            try:
                self._producer.produce(topic, item.value, item.key, partition, delivered, headers=item.headers or None)
            except BufferError:
                self._producer.poll(0.1)
            else:
                break
        self.sent += 1
        self._producer.poll(0)

    def _finish(self) -> None:
        if self._producer.flush(300):
            self.failures.append("not all was acknowledged within 300 s")
        self._table.flush()

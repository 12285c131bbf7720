"""How fast something is, and what CPU time and memory it takes."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.deployment import WorkerProcess
from worker.servers import Servers

POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Speed:
    """Commands a second, and the CPU time that each cost a competitor and, where they run here, the servers."""

    per_second: float
    own_us: float
    mongodb_us: float = 0.0
    kafka_us: float = 0.0

    @property
    def whole_us(self) -> float:
        return self.own_us + self.mongodb_us + self.kafka_us


def speed(
    servers: Servers,
    workers: Sequence[WorkerProcess],
    collection: Any,
    entries: int,
    there: int = 0,
    *,
    ready: bool = False,
) -> Speed:
    """Between the first tenth of the entries and the last: starting up is not what is measured, of nobody.

    `ready`: it has started up already, so that all entries count. `there`: so many were in the collection before.
    """

    def wait_for_entries(wanted: int) -> int:
        while (found := int(collection.estimated_document_count()) - there) < wanted:
            assert all(worker.process.poll() is None for worker in workers), "ended too early"
            time.sleep(POLL_SECONDS)
        return found

    first = wait_for_entries(0 if ready else entries // 10)
    begun, before = time.monotonic(), cpu(servers, workers)
    done = wait_for_entries(entries) - first
    seconds, after = time.monotonic() - begun, cpu(servers, workers)
    spent = [(b - a) / done * 1e6 for a, b in zip(before, after, strict=True)]
    return Speed(done / seconds, *spent)


def cpu(servers: Servers, workers: Sequence[WorkerProcess]) -> list[float]:
    """Seconds of CPU time so far: of the workers, and of MongoDB and Kafka where they run here."""
    pids = [server.pid for server in (servers.mongo, servers.kafka) if server is not None]
    return [sum(_cpu_seconds(w.process.pid) for w in workers), *(_cpu_seconds(pid) for pid in pids if pid)]


def wait_for(true: Callable[[], bool]) -> None:
    while not true():
        time.sleep(POLL_SECONDS)


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100

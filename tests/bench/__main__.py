"""`make bench`: the worker, the usual handler and the floor, side by side in one run, on the same commands.

make bench                              # 10,000 partnerships
make bench ARGS="--partnerships 50000"
"""

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.bench import latency, workload
from tests.support import messages
from tests.support.deployment import ROOT, Deployment, WorkerProcess
from worker.servers import Servers, start_servers

REPORT = ROOT / "build" / "bench.json"
POLL_SECONDS = 0.05
USUAL_WORKERS = 8
USUAL_SHARE = 8
"""The usual handler gets an eighth of the commands: it is asked for its speed, not for patience."""

EXPLANATIONS = {
    "worker_commands_per_second": "this project, one worker, from a backlog",
    "two_workers_commands_per_second": "the same with two workers",
    "motor_commands_per_second": "one worker on Motor",
    "usual_commands_per_second": "one FastStream handler for each message, at least once",
    "floor_commands_per_second": "the same writes, decided by nobody",
    "ratio_to_usual": "aim: 20 or more",
    "share_of_floor": "aim: 0.5 or more",
    "motor_ratio": "Motor to PyMongo Async",
    "speedup_two_workers": "two cores that the servers share",
    "cpu_us_per_command": "CPU time of the worker's process, one thread: at most a million by it a second",
    "mongodb_cpu_us_per_command": "of MongoDB meanwhile",
    "kafka_cpu_us_per_command": "of Kafka meanwhile",
    "cpu_ratio_to_usual": "the ratio in CPU time of all three, which other load on the machine blurs less",
    "cpu_share_of_floor": "the share in the same terms",
    "rss_mb": "its peak resident memory",
    "ready_seconds": "from start to ready",
    "latency_ms_p50": "from append to visible event, at 200 commands a second",
    "latency_ms_p99": "",
    "idle_latency_ms_p50": "the same at 20 commands a second",
    "idle_latency_ms_p99": "",
    "machine_load": "processes for each core; what else runs takes most from a single thread such as the worker",
}


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


class Bench:
    """One run: documents that every competitor begins with, and a deployment of its own for each."""

    def __init__(self, servers: Servers, partnerships: int, console: Console) -> None:
        self.servers = servers
        self.partnerships = partnerships
        self.console = console
        self.made: list[Deployment] = []
        self.base = self.deployment()

    def deployment(self, **overrides: str) -> Deployment:
        options = {"topic_partitions": "12", "session_timeout_seconds": "10", "lane_close_seconds": "4", **overrides}
        self.made.append(Deployment(self.servers, lanes=12, overrides=options))
        return self.made[-1]

    def close(self) -> None:
        for deployment in self.made:
            deployment.close()

    def prepare(self) -> None:
        """Partners and customers, made by the worker itself."""
        self.console.print("facts")
        worker = self.base.start_worker().wait_ready()
        self.base.produce(messages.FACTS, *workload.facts(), *workload.standing(self.partnerships))
        wait_for(lambda: self.base.db.journal.estimated_document_count() >= workload.PARTNERS + self.partnerships)
        worker.terminate()

    def seeded(self, partnerships: int, hot: float = 0.0, /, **overrides: str) -> tuple[Deployment, int]:
        """A deployment with these documents and a backlog of commands; answers with their number."""
        deployment = self.deployment(**overrides)
        self.documents_for(deployment)
        deployment.make_topics()
        commands = list(workload.lives(partnerships, deployment.secrets, hot=hot))
        for name, value in commands:
            deployment.enqueue(messages.INVITATION, value, key=name.encode())
        deployment.flush()
        return deployment, len(commands)

    def documents_for(self, deployment: Deployment) -> None:
        """What every competitor begins with."""
        for name in ("partners", "customers"):
            self.base.db[name].aggregate([{"$out": {"db": deployment.name, "coll": name}}])

    def worker(self, count: int = 1, **overrides: str) -> tuple[Deployment, Speed, dict[str, float]]:
        """Drain a backlog."""
        self.console.print(f"worker: {count} process(es) {overrides or ''}")
        deployment, commands = self.seeded(self.partnerships, **overrides)
        entries = commands - len(range(0, self.partnerships, 20))  # repeats leave none
        begun = time.monotonic()
        workers = [deployment.start_worker().wait_ready() for _ in range(count)]
        ready = time.monotonic() - begun
        speed = self.speed(workers, deployment.db.journal, entries)
        deployment.wait_published()
        figures = {
            "rss_mb": max(worker.peak_mb() for worker in workers),
            "ready_seconds": ready,
        }
        for worker in workers:
            worker.terminate()
        return deployment, speed, figures

    def usual(self) -> Speed:
        """The usual handler, on fewer commands."""
        self.console.print(f"usual handler: {USUAL_WORKERS} at once")
        deployment, commands = self.seeded(self.partnerships // USUAL_SHARE)
        entries = commands - len(range(0, self.partnerships // USUAL_SHARE, 20))
        process = deployment.start_worker("tests.bench.usual", str(USUAL_WORKERS))
        speed = self.speed([process], deployment.db.inbox, entries)
        process.terminate()
        return speed

    def floor(self, decided: Deployment) -> Speed:
        """The writes of that worker, once more."""
        self.console.print("floor")
        deployment = self.deployment()
        self.documents_for(deployment)
        deployment.make_topics()
        writer = deployment.start_worker("tests.bench.floor", decided.name)
        speed = self.speed([writer], deployment.db.journal, decided.db.journal.estimated_document_count())
        assert writer.process.wait(60) == 0, writer.log
        return speed

    def latency(self) -> dict[str, float]:
        """Seconds from append to visible event, at two speeds."""
        self.console.print("latency")
        deployment = self.deployment()
        worker = deployment.start_worker().wait_ready()
        figures = latency.measure(deployment)
        worker.terminate()
        return figures

    def speed(self, workers: list[WorkerProcess], collection: Any, entries: int) -> Speed:
        """Between the first tenth of the entries and the last: starting up is not what is measured, of nobody."""

        def wait_for_entries(wanted: int) -> int:
            while (found := int(collection.estimated_document_count())) < wanted:
                assert all(worker.process.poll() is None for worker in workers), "ended too early"
                time.sleep(POLL_SECONDS)
            return found

        first = wait_for_entries(entries // 10)
        begun, before = time.monotonic(), self.cpu(workers)
        done = wait_for_entries(entries) - first
        seconds, after = time.monotonic() - begun, self.cpu(workers)
        spent = [(b - a) / done * 1e6 for a, b in zip(before, after, strict=True)]
        return Speed(done / seconds, *spent)

    def cpu(self, workers: list[WorkerProcess]) -> list[float]:
        """Seconds of CPU time so far: of the workers, and of MongoDB and Kafka where they run here."""
        servers = [server.pid for server in (self.servers.mongo, self.servers.kafka) if server is not None]
        return [sum(cpu_seconds(w.process.pid) for w in workers), *(cpu_seconds(pid) for pid in servers if pid)]


def wait_for(true: Callable[[], bool]) -> None:
    while not true():
        time.sleep(POLL_SECONDS)


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def run(bench: Bench, rounds: int) -> dict[str, float]:
    bench.prepare()
    seen: dict[str, list[float]] = {}
    for _ in range(rounds):
        decided, ours, figures = bench.worker()
        floor, usual = bench.floor(decided), bench.usual()
        found = {
            **figures,
            "worker_commands_per_second": ours.per_second,
            "floor_commands_per_second": floor.per_second,
            "usual_commands_per_second": usual.per_second,
            "cpu_us_per_command": ours.own_us,
            "mongodb_cpu_us_per_command": ours.mongodb_us,
            "kafka_cpu_us_per_command": ours.kafka_us,
            "cpu_ratio_to_usual": usual.whole_us / ours.whole_us,
            "cpu_share_of_floor": floor.whole_us / ours.whole_us,
            "motor_commands_per_second": bench.worker(mongo_driver="motor")[1].per_second,
            "two_workers_commands_per_second": bench.worker(2)[1].per_second,
            **bench.latency(),
            "machine_load": os.getloadavg()[0] / (os.cpu_count() or 1),
        }
        for name, value in found.items():
            seen.setdefault(name, []).append(value)
    median = {name: statistics.median(values) for name, values in seen.items()}
    worker = median["worker_commands_per_second"]
    return {
        **median,
        "ratio_to_usual": worker / median["usual_commands_per_second"],
        "share_of_floor": worker / median["floor_commands_per_second"],
        "motor_ratio": median["motor_commands_per_second"] / worker,
        "speedup_two_workers": median["two_workers_commands_per_second"] / worker,
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--partnerships", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=1)
    arguments = parser.parse_args()
    console = Console()
    with start_servers(progress=console.print) as servers:
        bench = Bench(servers, arguments.partnerships, console)
        try:
            figures = run(bench, arguments.rounds)
        finally:
            bench.close()
    table = Table("figure", "value", "", title="partnership-worker")
    for name, explanation in EXPLANATIONS.items():
        value = figures[name]
        table.add_row(name, f"{value:,.0f}" if value >= 100 else f"{value:.2f}", explanation)
    console.print(table)
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps({name: round(figures[name], 3) for name in EXPLANATIONS}, indent=2) + "\n")


if __name__ == "__main__":
    main()

"""`make bench`: the worker, the usual handler and the floor, side by side in one run, on the same commands.

make bench                              # 10,000 partnerships
make bench ARGS="--partnerships 50000"
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.bench import latency, workload
from tests.support import messages
from tests.support.deployment import ROOT, Deployment, WorkerProcess
from worker.servers import Servers, start_servers

REPORT = ROOT / "build" / "bench.json"
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
    "cpu_us_per_command": "of the worker's process",
    "rss_mb": "its peak resident memory",
    "ready_seconds": "from start to ready",
    "latency_ms_p50": "from append to visible event, at 200 commands a second",
    "latency_ms_p99": "",
    "idle_latency_ms_p50": "the same at 20 commands a second",
    "idle_latency_ms_p99": "",
}


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

    def seeded(self, partnerships: int, **overrides: str) -> tuple[Deployment, int]:
        """A deployment with these documents and a backlog of commands; answers with their number."""
        deployment = self.deployment(**overrides)
        for name in ("partners", "customers"):
            self.base.db[name].aggregate([{"$out": {"db": deployment.name, "coll": name}}])
        deployment.make_topics()
        commands = list(workload.lives(partnerships, deployment.secrets))
        for name, value in commands:
            deployment.enqueue(messages.INVITATION, value, key=name.encode())
        deployment.flush()
        return deployment, len(commands)

    def worker(self, count: int = 1, **overrides: str) -> tuple[Deployment, dict[str, float]]:
        """Drain a backlog, from the first journal entry to the last publication."""
        self.console.print(f"worker: {count} process(es) {overrides or ''}")
        deployment, commands = self.seeded(self.partnerships, **overrides)
        entries = commands - len(range(0, self.partnerships, 20))  # repeats leave none
        begun = time.monotonic()
        workers = [deployment.start_worker().wait_ready() for _ in range(count)]
        ready = time.monotonic() - begun
        rate = speed(deployment.db.journal.estimated_document_count, entries)
        deployment.wait_published()
        figures = {
            "commands_per_second": rate,
            "cpu_us_per_command": sum(cpu_seconds(worker) for worker in workers) / commands * 1e6,
            "rss_mb": max(rss_mb(worker) for worker in workers),
            "ready_seconds": ready,
        }
        for worker in workers:
            worker.terminate()
        return deployment, figures

    def usual(self) -> float:
        """The usual handler, on fewer commands."""
        self.console.print(f"usual handler: {USUAL_WORKERS} at once")
        deployment, commands = self.seeded(self.partnerships // USUAL_SHARE)
        entries = commands - len(range(0, self.partnerships // USUAL_SHARE, 20))
        process = deployment.start_worker("tests.bench.usual", str(USUAL_WORKERS))
        rate = speed(deployment.db.inbox.estimated_document_count, entries)
        process.terminate()
        return rate

    def floor(self, decided: Deployment) -> float:
        """The writes of that worker, once more."""
        self.console.print("floor")
        deployment = self.deployment()
        since = json.dumps({str(lane["_id"]): 0 for lane in decided.db.lanes.find()})
        answer = subprocess.run(
            [sys.executable, "-m", "tests.bench.floor", decided.name, since],
            env=deployment.environment(),
            cwd=ROOT,
            stdout=subprocess.PIPE,
            check=True,
        )
        found = json.loads(answer.stdout.splitlines()[-1])
        return float(found["commands"] / found["seconds"])

    def latency(self) -> dict[str, float]:
        """Seconds from append to visible event, at two speeds."""
        self.console.print("latency")
        deployment = self.deployment()
        worker = deployment.start_worker().wait_ready()
        figures = latency.measure(deployment)
        worker.terminate()
        return figures


def wait_for(true: Callable[[], bool]) -> None:
    while not true():
        time.sleep(0.05)


def speed(count: Callable[[], int], entries: int) -> float:
    """Entries a second between the first tenth and the last: starting up is not what is measured."""
    wait_for(lambda: count() >= entries // 10)
    first, begun = count(), time.monotonic()
    wait_for(lambda: count() >= entries)
    return (entries - first) / (time.monotonic() - begun)


def cpu_seconds(worker: WorkerProcess) -> float:
    fields = Path(f"/proc/{worker.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def rss_mb(worker: WorkerProcess) -> float:
    status = Path(f"/proc/{worker.process.pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def run(bench: Bench, rounds: int) -> dict[str, float]:
    bench.prepare()
    seen: dict[str, list[float]] = {}
    for _ in range(rounds):
        decided, figures = bench.worker()
        found = {
            **{k: v for k, v in figures.items() if k != "commands_per_second"},
            "worker_commands_per_second": figures["commands_per_second"],
            "floor_commands_per_second": bench.floor(decided),
            "usual_commands_per_second": bench.usual(),
            "motor_commands_per_second": bench.worker(mongo_driver="motor")[1]["commands_per_second"],
            "two_workers_commands_per_second": bench.worker(2)[1]["commands_per_second"],
            **bench.latency(),
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

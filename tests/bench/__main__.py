"""`make bench`: a backlog of commands, from the first record read to the last event visible to a foreign consumer."""

import json
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.bench import workload
from tests.support import messages
from tests.support.deployment import Deployment, WorkerProcess
from worker.servers import start_servers

PARTNERSHIPS = 10_000
REPORT = Path("build/bench.json")


def main(partnerships: int) -> None:
    console = Console()
    with start_servers(progress=console.print) as servers:
        deployment = Deployment(servers, lanes=12, overrides={"topic_partitions": "12", "session_timeout_seconds": "10"})
        try:
            figures = measure(deployment, partnerships, console)
        finally:
            deployment.close()
    table = Table("figure", "value", title="partnership-worker: draining a backlog")
    for name, value in figures.items():
        table.add_row(name, f"{value:,}")
    console.print(table)
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps(figures, indent=2) + "\n")


def measure(deployment: Deployment, partnerships: int, console: Console) -> dict[str, float]:
    started = time.monotonic()
    worker = deployment.start_worker().wait_ready()
    ready_seconds = time.monotonic() - started
    console.print("facts")
    deployment.produce(messages.FACTS, *workload.facts(), *workload.standing(partnerships))
    wait_idle(deployment, workload.PARTNERS + partnerships)
    worker.terminate()

    console.print("backlog")
    before = deployment.db.journal.estimated_document_count()
    commands = list(workload.lives(partnerships, deployment.secrets))
    for name, value in commands:
        deployment.enqueue(messages.INVITATION, value, key=name.encode())
    deployment.flush()
    repeats = len(range(0, partnerships, 20))
    events_before = len(deployment.read("partnership.lifecycle.events"))

    console.print("draining")
    worker = deployment.start_worker().wait_ready()
    first = time.monotonic()
    start_cpu = cpu_seconds(worker)
    wait_idle(deployment, before + len(commands) - repeats)
    seconds = time.monotonic() - first
    figures = {
        "commands": len(commands),
        "commands_per_second": round(len(commands) / seconds),
        "cpu_us_per_command": round((cpu_seconds(worker) - start_cpu) / len(commands) * 1e6),
        "rss_mb": round(rss_mb(worker)),
        "ready_seconds": round(ready_seconds, 2),
        "lifecycle_events": len(deployment.read("partnership.lifecycle.events")) - events_before,
    }
    deployment.judge()
    return figures


def wait_idle(deployment: Deployment, entries: int) -> None:
    """Until the journal has so many entries and all are published."""
    while deployment.db.journal.estimated_document_count() < entries:
        time.sleep(0.05)
    deployment.wait_published()


def cpu_seconds(worker: WorkerProcess) -> float:
    fields = Path(f"/proc/{worker.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def rss_mb(worker: WorkerProcess) -> float:
    status = Path(f"/proc/{worker.process.pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else PARTNERSHIPS)

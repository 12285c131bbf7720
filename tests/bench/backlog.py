"""`make backlog COMMANDS=…`: commands that are there before the workers start. Is the end as fast as the beginning?

Drained by one, two and three workers; by one where most of it belongs to one partner; and by one in a store that holds
a hundred thousand other partnerships already. ARGS="one two" drains by these only.
"""

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.bench.__main__ import quiet
from tests.bench.bench import Bench, on_own_servers
from tests.bench.filling import fill
from tests.bench.meter import POLL_SECONDS, cpu
from tests.support.deployment import ROOT

REPORT = ROOT / "build" / "backlog.json"
COMMANDS_EACH = 4.4
"""Of a partnership (workload.py)."""

TENTHS = 10
DRAINS = ("one", "two", "three", "hot", "stored")


@dataclass(frozen=True)
class Drained:
    """What came of one backlog. `tenths`: commands a second in each tenth of it."""

    what: str
    commands: int
    per_second: float
    tenths: list[float]
    peak_mb: float
    cpu_us: list[float]
    """For a command: of the workers, of MongoDB, of Kafka."""


def drain(bench: Bench, what: str, workers: int, *, hot: bool = False, stored: int = 0) -> Drained:
    """Produce, then start the workers, and watch the journal grow."""
    bench.console.print(what)
    with bench.backlog(bench.partnerships, hot=hot) as (deployment, commands, entries):
        fill(deployment, bench.base, stored)
        journal = deployment.db.journal
        before = journal.estimated_document_count()
        running = [deployment.start_worker() for _ in range(workers)]
        marks: list[tuple[float, int, list[float]]] = []
        """When each tenth was reached, at how many entries, and with how much CPU time so far."""
        while len(marks) <= TENTHS:
            done = journal.estimated_document_count() - before
            if done and done >= entries * len(marks) // TENTHS:
                marks.append((time.monotonic(), done, cpu(bench.servers, running)))
            assert all(worker.process.poll() is None for worker in running), "ended too early"
            time.sleep(POLL_SECONDS)
        deployment.wait_published()
        peak_mb = max(worker.peak_mb() for worker in running)
        for worker in running:
            assert worker.terminate() == 0, worker.log[-4000:]
    (begun, first, idle), (ended, last, busy) = marks[1], marks[-1]
    return Drained(
        what,
        commands,
        (last - first) / (ended - begun),
        [(after[1] - before[1]) / (after[0] - before[0]) for before, after in pairwise(marks)],
        peak_mb,
        [(b - a) / (last - first) * 1e6 for a, b in zip(idle, busy, strict=True)],
    )


def run(bench: Bench, drains: list[str], stored: int) -> list[Drained]:
    """Those that were asked for, in this order."""
    bench.prepare()
    known: dict[str, Callable[[], Drained]] = {
        "one": lambda: drain(bench, "one worker", 1),
        "two": lambda: drain(bench, "two workers", 2),
        "three": lambda: drain(bench, "three workers", 3),
        "hot": lambda: drain(bench, "one worker, most of it is one partner's", 1, hot=True),
        "stored": lambda: drain(bench, f"one worker, {stored:,} other partnerships", 1, stored=stored),
    }
    return [known[name]() for name in drains]


def main() -> None:
    parser = argparse.ArgumentParser(prog="make backlog")
    parser.add_argument("drains", nargs="*", default=list(DRAINS), metavar="drain", help=f"of {', '.join(DRAINS)}")
    parser.add_argument("--commands", type=int, default=50_000)
    parser.add_argument("--stored", type=int, default=100_000, help="partnerships of others, for the last one")
    arguments = parser.parse_args()
    if unknown := set(arguments.drains) - set(DRAINS):
        parser.error(f"no such drain: {', '.join(sorted(unknown))}; there are {', '.join(DRAINS)}")
    console = Console(soft_wrap=True)
    quiet()
    with on_own_servers(int(arguments.commands / COMMANDS_EACH), console) as bench:
        found = run(bench, arguments.drains, arguments.stored)
    show(console, found, REPORT)


def show(console: Console, found: list[Drained], report: Path) -> None:
    """On the screen, and as JSON."""
    table = Table("", "a second", "in each tenth", "peak MB", "CPU µs a command: worker, MongoDB, Kafka")
    for one in found:
        numbers = (one.tenths, one.cpu_us)
        tenths, cpu = (" ".join(f"{value:.0f}" for value in values) for values in numbers)
        table.add_row(one.what, f"{one.per_second:,.0f}", tenths, f"{one.peak_mb:.0f}", cpu)
    console.print(table)
    report.parent.mkdir(exist_ok=True)
    report.write_text(json.dumps([vars(one) for one in found], indent=2) + "\n")


if __name__ == "__main__":
    main()

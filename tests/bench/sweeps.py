"""`make sweeps`: one figure against another, for docs/performance.md. Each writes its points into build/.

make sweeps ARGS="batch"                    # throughput against the largest batch
make sweeps ARGS="load"                     # latency against the share of the top speed
make sweeps ARGS="lanes"                    # throughput and latency against the number of lanes
make sweeps ARGS="stored --stored 1000000"  # cost of a command against the partnerships that are there
"""

import argparse
import json
from collections.abc import Callable
from functools import partial
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.bench.__main__ import BUSY, IDLE, quiet, warm
from tests.bench.bench import Bench, on_own_servers
from tests.bench.filling import fill
from tests.bench.meter import Speed
from tests.support.deployment import ROOT

BATCHES = (1, 5, 20, 100, 250, 500, 1000)
SMALL_BATCH = 20
SMALL_SHARE = 4
"""Below that size a quarter of the commands is enough: it is slow."""

LANES = (1, 2, 4, 8, 12, 24)
SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
STORED = (0, 1_000, 10_000, 100_000)

Point = dict[str, float]


def batch(bench: Bench, _: argparse.Namespace) -> list[Point]:
    """Throughput against batch size."""
    whole, points = bench.partnerships, []
    for size in BATCHES:
        bench.partnerships = whole if size >= SMALL_BATCH else whole // SMALL_SHARE
        with bench.worker(batch_records_max=str(size)) as (_deployment, found, figures):
            points.append({"batch_records_max": size, **_costs(found), "rss_mb": figures["rss_mb"]})
    bench.partnerships = whole
    return points


def load(bench: Bench, _: argparse.Namespace) -> list[Point]:
    """Latency against load."""
    with bench.worker() as (_deployment, top, _figures):
        pass
    speeds = {f"{share}": share * top.per_second for share in SHARES}
    figures = bench.latency(speeds)
    return [
        {
            "share_of_top_speed": share,
            "commands_per_second": speeds[f"{share}"],
            "latency_ms_p50": figures[f"{share}_ms_p50"],
            "latency_ms_p99": figures[f"{share}_ms_p99"],
        }
        for share in SHARES
    ]


def lanes(bench: Bench, _: argparse.Namespace) -> list[Point]:
    """What so many lanes cost one worker: throughput, and latency at a few commands a second."""
    points = []
    for count in LANES:
        bench.lanes = count
        with bench.worker() as (_deployment, found, figures):
            pass
        delays = bench.latency({"idle_latency": IDLE, "latency": BUSY})
        points.append({"lanes": count, **_costs(found), "rss_mb": figures["rss_mb"], **delays})
    return points


def stored(bench: Bench, arguments: argparse.Namespace) -> list[Point]:
    """What a command costs where so many other partnerships are stored already."""
    points = []
    for count in sorted({*STORED, *arguments.stored}):
        others = partial(fill, model=bench.base, partnerships=count)
        with bench.worker(before=others) as (deployment, found, figures):
            size = deployment.db.command("dbStats")
            mb = {"data_mb": size["dataSize"] / 1e6, "index_mb": size["indexSize"] / 1e6}
            points.append({"stored_partnerships": count, **_costs(found), "rss_mb": figures["rss_mb"], **mb})
    return points


def _costs(found: Speed) -> Point:
    return {
        "commands_per_second": found.per_second,
        "cpu_us_per_command": found.own_us,
        "mongodb_cpu_us_per_command": found.mongodb_us,
        "kafka_cpu_us_per_command": found.kafka_us,
    }


SWEEPS: dict[str, Callable[[Bench, argparse.Namespace], list[Point]]] = {
    "batch": batch,
    "load": load,
    "lanes": lanes,
    "stored": stored,
}


def show(console: Console, name: str, points: list[Point]) -> None:
    table = Table(*points[0], title=name)
    for point in points:
        table.add_row(*(f"{value:,.0f}" if value >= 100 else f"{value:.2f}" for value in point.values()))
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(prog="make sweeps")
    parser.add_argument("sweeps", nargs="+", choices=SWEEPS)
    parser.add_argument("--partnerships", type=int, default=4_000)
    parser.add_argument("--stored", type=int, action="append", default=[], help="one more number of partnerships")
    arguments = parser.parse_args()
    console = Console()
    quiet()
    with on_own_servers(arguments.partnerships, console) as bench:
        bench.prepare()
        warm(bench)
        for name in arguments.sweeps:
            points = SWEEPS[name](bench, arguments)
            show(console, name, points)
            report: list[dict[str, Any]] = [{key: round(value, 3) for key, value in p.items()} for p in points]
            (ROOT / "build" / f"bench-{name}.json").write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()

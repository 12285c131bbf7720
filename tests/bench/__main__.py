"""`make bench`: the worker, the usual handler and the floor, side by side in one run, on the same commands.

make bench                                        # three rounds of 4,000 partnerships
make bench ARGS="--partnerships 20000 --rounds 5"
"""

import argparse
import json
import logging
import os
import statistics

import structlog
from rich.console import Console
from rich.table import Table

from tests.bench.bench import Bench, on_own_servers
from tests.support.deployment import ROOT

REPORT = ROOT / "build" / "bench.json"
WARM_PARTNERSHIPS = 400
IDLE, BUSY = 20, 200
"""Commands a second at which latency is measured, besides half load."""

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
    "latency_ms_p50": "from append to visible event, at 200 commands a second; aim: 40 or less",
    "latency_ms_p99": "aim: 120 or less",
    "half_load_latency_commands_per_second": "half of the top speed with the commands of these latencies",
    "half_load_latency_ms_p50": "the same at half of that top speed",
    "half_load_latency_ms_p99": "",
    "idle_latency_ms_p50": "the same at 20 commands a second; aim: 15 or less",
    "idle_latency_ms_p99": "",
    "machine_load": "processes for each core; what else runs takes most from a single thread such as the worker",
}


def quiet() -> None:
    """The worker's own code, used here to make topics, says what it does; that is not asked for."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))


def warm(bench: Bench) -> None:
    """Kafka's JVM is slow in its first minute, which must be nobody's."""
    whole, bench.partnerships = bench.partnerships, WARM_PARTNERSHIPS
    with bench.worker():
        pass
    bench.latency({"idle_latency": BUSY})
    bench.partnerships = whole


def one_round(bench: Bench) -> dict[str, float]:
    with bench.worker() as (decided, ours, figures):
        floor = bench.floor(decided)
    usual = bench.usual()
    with bench.worker(mongo_driver="motor") as (_, motor, _):
        pass
    with bench.worker(2) as (_, two, _):
        pass
    return {
        **figures,
        "worker_commands_per_second": ours.per_second,
        "floor_commands_per_second": floor.per_second,
        "usual_commands_per_second": usual.per_second,
        "motor_commands_per_second": motor.per_second,
        "two_workers_commands_per_second": two.per_second,
        "cpu_us_per_command": ours.own_us,
        "mongodb_cpu_us_per_command": ours.mongodb_us,
        "kafka_cpu_us_per_command": ours.kafka_us,
        "cpu_ratio_to_usual": usual.whole_us / ours.whole_us,
        "cpu_share_of_floor": floor.whole_us / ours.whole_us,
        **bench.latency({"idle_latency": IDLE, "latency": BUSY}, "half_load_latency"),
        "machine_load": os.getloadavg()[0] / (os.cpu_count() or 1),
    }


def run(bench: Bench, rounds: int) -> dict[str, float]:
    """The median of each figure; ratios are made of medians."""
    bench.prepare()
    warm(bench)
    seen = [one_round(bench) for _ in range(rounds)]
    median = {name: statistics.median(found[name] for found in seen) for name in seen[0]}
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
    parser.add_argument("--partnerships", type=int, default=4_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    console = Console()
    quiet()
    with on_own_servers(arguments.partnerships, console) as bench:
        figures = run(bench, arguments.rounds)
    table = Table("figure", "value", "", title="partnership-worker")
    for name, explanation in EXPLANATIONS.items():
        value = figures[name]
        table.add_row(name, f"{value:,.0f}" if value >= 100 else f"{value:.2f}", explanation)
    console.print(table)
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps({name: round(figures[name], 3) for name in EXPLANATIONS}, indent=2) + "\n")


if __name__ == "__main__":
    main()

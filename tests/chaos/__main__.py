"""`make chaos SEED=… MINUTES=… COMMANDS=…`: a run, its figures, and exit code 1 if the judge found anything."""

import argparse
import faulthandler
import json
import secrets
import shutil
import signal
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table as Screen

from tests.chaos.breaks import SEEN_BY
from tests.chaos.commands import POISON_SHARE
from tests.chaos.controls import all_controls
from tests.chaos.faults import DISKS, FAULTS, Fault
from tests.chaos.faults_of_three import APART, THREE
from tests.chaos.judge import CHECKS
from tests.chaos.run import Plan, Report, run

BUILD = Path(__file__).resolve().parents[2] / "build"
REPORT = BUILD / "chaos.json"
LOGS = BUILD / "chaos"


def show(console: Console, report: Report) -> None:
    """Figures, faults and findings."""
    faults = Screen("fault", "times", title=f"{report.faults.total()} faults")
    for name, times in report.faults.most_common():
        faults.add_row(name, str(times))
    figures = Screen("figure", "")
    for name, value in report.figures.items():
        figures.add_row(name, str(value))
    checks = Screen("check", "found", "")
    for name, text in CHECKS.items():
        checks.add_row(name, str(report.findings.counts[name]), text)
    for screen in (faults, figures, checks):
        console.print(screen)
    for line in report.findings.lines():
        console.print(line, markup=False, soft_wrap=True)


def _table(arguments: argparse.Namespace) -> tuple[Fault, ...]:
    if arguments.topology == "three":
        return APART if arguments.partitions else THREE
    return DISKS if arguments.disks else FAULTS


def main() -> int:
    faulthandler.register(signal.SIGUSR1)
    parser = argparse.ArgumentParser(prog="make chaos")
    parser.add_argument("what", nargs="?", default="run", choices=["run", "controls"])
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--commands", type=int, default=20_000)
    parser.add_argument("--pause", type=float, default=1.0, help="seconds between two faults, on the average")
    parser.add_argument("--topology", default="one", choices=["one", "three"], help="servers of each kind")
    parser.add_argument("--partitions", action="store_true", help="of the network between the three (root, iptables)")
    parser.add_argument("--disks", action="store_true", help="small ones, which run full (root)")
    parser.add_argument("--no-faults", action="store_true")
    parser.add_argument("--poison", type=float, default=POISON_SHARE, help="share of records that nobody should send")
    parser.add_argument("--hot-partner", type=float, default=0.0, help="share of the commands that one partner has")
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--broken", default="", choices=["", *SEEN_BY])
    parser.add_argument(
        "--before", type=Path, help="a checkout of the release before this one, after `make setup` there"
    )
    arguments = parser.parse_args()
    if arguments.partitions and arguments.topology != "three":
        parser.error("--partitions need --topology three")
    if arguments.disks and arguments.topology == "three":
        parser.error("--disks need --topology one")
    console = Console(soft_wrap=True, log_path=False)
    if arguments.what == "controls":
        unseen = all_controls(console.log)
        console.print(f"not seen: {unseen}" if unseen else "every check saw its broken worker")
        return 1 if unseen else 0
    seed = arguments.seed if arguments.seed is not None else secrets.randbelow(10**6)
    console.print(f"seed {seed}")
    plan = Plan(
        seed=seed,
        seconds=arguments.minutes * 60,
        commands=arguments.commands,
        workers=arguments.workers,
        poison_share=arguments.poison,
        hot_partner=arguments.hot_partner,
        pause_seconds=arguments.pause,
        faults=not arguments.no_faults,
        broken=arguments.broken,
        three=arguments.topology == "three",
        before=arguments.before and arguments.before.resolve(),
        disks=arguments.disks,
        partitions=arguments.partitions,
        table=_table(arguments),
    )
    shutil.rmtree(LOGS, ignore_errors=True)
    LOGS.mkdir(parents=True)
    report = run(plan, console.log, LOGS)
    show(console, report)
    figures = {"seed": seed, "faults": report.faults, "figures": report.figures, "found": report.findings.counts}
    REPORT.write_text(json.dumps(figures, indent=2) + "\n")
    end = "nothing found" if report.findings.clean else f"FOUND, see above; what the workers said is in {LOGS}"
    console.print(f"seed {seed}: {end}")
    return 0 if report.findings.clean else 1


if __name__ == "__main__":
    sys.exit(main())

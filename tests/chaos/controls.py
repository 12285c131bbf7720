"""`make chaos-controls`: for each check a worker that is broken on purpose, on which it has to find something."""

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from tests.chaos.breaks import SEEN_BY
from tests.chaos.cluster import Cluster, cluster
from tests.chaos.faults import FAULTS
from tests.chaos.faults_of_people import older_beside, two_operators
from tests.chaos.run import Plan, run_on

OF_LETTERS = {"let-go-backwards"}
"""These need letters that are replayed."""

Say = Callable[[str], None]


def control(servers: Cluster, broken: str, say: Say) -> list[str]:
    """What the check found; nothing means that it cannot find anything."""
    plan = Plan(7, 4, 600, workers=1, lanes=2, poison_share=0.1, faults=False, broken=broken, recovery_seconds=20)
    if broken in OF_LETTERS:
        people = tuple(fault for fault in FAULTS if fault.strike in (two_operators, older_beside))
        plan = replace(plan, seconds=40, commands=4000, workers=2, faults=True, table=people)
    with tempfile.TemporaryDirectory(prefix="partnership-chaos-logs-") as logs:
        findings = run_on(servers, plan, lambda _: None, Path(logs)).findings
    check = SEEN_BY[broken]
    others = [name for name, count in findings.counts.items() if count and name != check]
    say(f"{broken}: {check} {'saw it' if findings.counts[check] else 'DID NOT SEE IT'}; also: {others}")
    return findings.found[check]


def all_controls(say: Say) -> list[str]:
    """The breaks that nobody saw."""
    with cluster(say) as servers:
        return [broken for broken in SEEN_BY if not control(servers, broken, say)]

"""`make chaos-controls`: for each check a worker that is broken on purpose, on which it has to find something."""

import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.chaos.breaks import SEEN_BY
from tests.chaos.cluster import Cluster, cluster
from tests.chaos.run import Plan, run_on

Say = Callable[[str], None]


def control(servers: Cluster, broken: str, say: Say) -> list[str]:
    """What the check found; nothing means that it cannot find anything."""
    plan = Plan(seed=7, seconds=4, commands=600, workers=1, lanes=2, faults=False, broken=broken, recovery_seconds=20)
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

"""A short chaos run, as a part of `make test`: some faults of the kinds that hurt most.

`make chaos` is the long one.
"""

from pathlib import Path

import pytest

from tests.chaos import faults
from tests.chaos.cluster import cluster
from tests.chaos.run import Plan, run_on

CHOSEN = {
    "kill -9 of a worker": 3,
    "worker asleep beyond its session": 1,
    "SIGTERM of a worker": 1,
    "kill -9 at a step of a batch": 5,
    "worker asleep at a step of a batch": 2,
    "kill -9 at a step of an opening": 2,
    "kill -9 of the broker": 1,
    "kill -9 of the database": 1,
    "connections cut": 2,
    "connections stalled": 1,
    "MongoDB: TransientTransactionError": 1,
    "MongoDB: UnknownTransactionCommitResult": 1,
    "event topic with a tiny max.message.bytes": 1,
}


@pytest.mark.timeout(420)
def test_nothing_is_lost_doubled_or_reordered_whatever_is_killed(tmp_path: Path) -> None:
    table = tuple(
        faults.Fault(fault.name, CHOSEN[fault.name], fault.strike, alone=fault.alone)
        for fault in faults.FAULTS
        if fault.name in CHOSEN
    )
    plan = Plan(seed=1, seconds=25, commands=2400, pause_seconds=0.5, table=table)
    with cluster(lambda _: None) as servers:
        report = run_on(servers, plan, lambda _: None, tmp_path)
    assert report.findings.clean, report.findings.lines()
    assert report.faults.total() >= 5, report.faults

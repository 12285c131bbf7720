"""Bad input, as a part of `make test`: each record ends in exactly one way, none stops a lane, and memory holds.

The long one: `make chaos COMMANDS=100000 ARGS="--poison 0.9 --no-faults"`.
"""

from pathlib import Path

import pytest

from tests.chaos.cluster import cluster
from tests.chaos.run import Plan, run_on

RECORDS = 2000
MEMORY_MB_MAX = 200


@pytest.mark.timeout(300)
def test_bad_records_end_in_exactly_one_way_and_hurt_nobody_else(tmp_path: Path) -> None:
    plan = Plan(seed=1, seconds=5, commands=RECORDS, workers=1, lanes=2, poison_share=0.9, faults=False)
    with cluster(lambda _: None) as servers:
        report = run_on(servers, plan, lambda _: None, tmp_path)
    assert report.findings.clean, report.findings.lines()
    outcomes = report.figures["outcomes"]
    assert outcomes["dead_letter"] > RECORDS * 0.3, outcomes
    assert outcomes["accepted"] > RECORDS * 0.08, outcomes
    (peak,) = report.figures["peak memory of the workers in MB"]
    assert peak < MEMORY_MB_MAX

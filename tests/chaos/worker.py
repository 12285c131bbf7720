"""The worker as `make chaos` runs it: `python -m tests.chaos.worker [<how it is broken>]`.

It is the production worker, with three patches from outside: it obeys orders to stop at a step (steps.py); for the
partners of this load that are named so an invitation's days are seconds, since nobody waits a month for a deadline; and
an opening goes through what a crash left in parts that are small enough for there to be several.
"""

import sys
from datetime import datetime, timedelta

import handlers.offering
import worker.lane
from handlers.guards import in_days
from tests.chaos import steps
from tests.chaos.breaks import BREAKS
from worker.__main__ import main as worker_main

FLEETING_DAYS = 300
"""An agreement of more days than this means: as many seconds as there are days beyond."""

RECOVERED_AT_ONCE = 50
"""Offsets of the lane log."""


def hurried(now: datetime, days: int) -> datetime:
    """The patch."""
    return now + timedelta(seconds=days - FLEETING_DAYS) if days > FLEETING_DAYS else in_days(now, days)


if __name__ == "__main__":
    setattr(handlers.offering, "in_days", hurried)  # noqa: B010 - a patch
    setattr(worker.lane, "RECOVERED_AT_ONCE", RECOVERED_AT_ONCE)  # noqa: B010 - a patch
    for how in sys.argv[1:]:
        BREAKS[how]()
    steps.install()
    sys.argv = ["worker", "run"]
    worker_main()

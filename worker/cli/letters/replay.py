"""`dead-letters replay`: decides letters anew, after a plan of what that would do."""

from typing import Annotated

import typer

from worker.cli.asking import HOW, DryRun, Yes
from worker.cli.letters.acting import All, How, MaxFailures, Rate, Why, act
from worker.cli.letters.filters import State, filtered
from worker.cli.operation import As, AsJson
from worker.operate.letters.find import Filter
from worker.operate.letters.job import Action, Job
from worker.operate.letters.run import FAILURES_MAX, RATE


@filtered(State.OPEN, State.PARKED)
def replay(
    wanted: Filter,
    *,
    everything: All = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    force: Annotated[
        bool, typer.Option("--force", help="Also those that were replayed often and in vain.", **HOW)
    ] = False,
    why: Why = "",
    rate: Rate = RATE,
    max_failures: MaxFailures = FAILURES_MAX,
    operator: As,
    json: AsJson = False,
) -> None:
    """Decide letters anew, after a plan. 4: one was refused, fails again or waits.

    The plan is made by deciding them dry, by this release, on the documents of now. Then they are replayed in their
    order. It can be interrupted and given again: what is done is not done twice.
    """
    how = How(operator, dry_run, yes, json, rate, max_failures)
    act(wanted, Job(Action.REPLAY, why, force), how, everything=everything)

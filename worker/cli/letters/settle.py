"""`dead-letters discard`, `reopen` and `release`: settled, or let go, without a replay."""

from typing import Annotated

import typer

from worker.cli.asking import HOW, DryRun, Yes
from worker.cli.exits import Exit
from worker.cli.letters.acting import All, How, act
from worker.cli.letters.filters import State, filtered
from worker.cli.operation import As, AsJson, fail, reason
from worker.operate.letters.find import Filter
from worker.operate.letters.job import Action, Job

Why = Annotated[
    str,
    typer.Option(
        "--why", metavar="TEXT", callback=reason, help="Needed; kept with what you do.", show_default=False, **HOW
    ),
]


@filtered(State.OPEN, State.PARKED)
def discard(
    wanted: Filter,
    *,
    everything: All = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    why: Why = "",
    operator: As,
    json: AsJson = False,
) -> None:
    """Letters that are not to be decided; what waits behind them goes through. `reopen` takes it back."""
    _settle(wanted, Action.DISCARD, why, How(operator, dry_run, yes, json), everything=everything)


@filtered(State.DISCARDED)
def reopen(
    wanted: Filter,
    *,
    everything: All = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    why: Why = "",
    operator: As,
    json: AsJson = False,
) -> None:
    """Discarded letters are open again, and block what comes from now on."""
    _settle(wanted, Action.REOPEN, why, How(operator, dry_run, yes, json), everything=everything)


@filtered(State.OPEN)
def release(
    wanted: Filter,
    *,
    everything: All = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    why: Why = "",
    operator: As,
    json: AsJson = False,
) -> None:
    """Letters stay open, but what waits behind them goes through, in any order: a partner's, or everybody's (--all)."""
    _settle(wanted, Action.RELEASE, why, How(operator, dry_run, yes, json), everything=everything)


def _settle(wanted: Filter, action: Action, why: str, how: How, *, everything: bool) -> None:
    if not why and not how.dry_run:
        raise fail(f"Why? Give --why TEXT: it is kept with what a {action} does.", Exit.USAGE)
    act(wanted, Job(action, why), how, everything=everything)

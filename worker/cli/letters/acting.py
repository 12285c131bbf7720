"""The way of every command that changes letters: choose, plan, ask, run, tell."""

import asyncio
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import count
from typing import Annotated

import typer

from worker.cli.asking import HOW, agreed, see_that_somebody_answers
from worker.cli.errors import explain
from worker.cli.exits import Exit
from worker.cli.letters.plan_screen import letters, show_plan, show_report
from worker.cli.operation import NUMBER_MAX, fail, operate, reason
from worker.cli.screen import err, out, print_json, progress_bar
from worker.operate.access import Access
from worker.operate.letters.find import Filter
from worker.operate.letters.job import Chosen, Job, choose, command_ids
from worker.operate.letters.outcomes import WELL, Outcome
from worker.operate.letters.plan import Planned, foresee
from worker.operate.letters.run import FAILURES_MAX, RATE, Done, Ended, Report, carry_out
from worker.operate.letters.summary import Summary, told

All = Annotated[bool, typer.Option("--all", help="All of them: needed where neither id nor filter is given.")]
Why = Annotated[str, typer.Option("--why", metavar="TEXT", callback=reason, help="Kept with what you do.", **HOW)]
Rate = Annotated[float, typer.Option(min=0.1, max=NUMBER_MAX, help="Letters a second, at most.", **HOW)]
MaxFailures = Annotated[int, typer.Option(min=1, help="Stop when so many fail again.", **HOW)]

PROBLEMS_KEPT = 5
"""Of each outcome, to be named after the run."""


@dataclass(frozen=True, slots=True)
class How:
    """How a job is to be done: what all of these commands have in common."""

    operator: str
    dry_run: bool
    yes: bool
    json: bool
    rate: float = RATE
    failures_max: int = FAILURES_MAX


def act(wanted: Filter, job: Job, how: How, *, everything: bool) -> None:
    """Do the job with the letters that fit, after a plan and a yes. Ends the process with its exit code."""
    if wanted == Filter(states=wanted.states) and not everything:
        raise fail(f"Which letters? Name ids or filters, or --all to {job.action} every one.", Exit.USAGE)
    see_that_somebody_answers(yes=how.yes, dry_run=how.dry_run)
    chosen, plans = plan(wanted, job, how)
    if how.dry_run or not chosen:
        return
    if agreed(f"{job.action.capitalize()} {letters(len(chosen))}?", yes=how.yes):
        run(job, how, chosen, plans)


def plan(wanted: Filter, job: Job, how: How) -> tuple[list[Chosen], dict[str, str]]:
    """Choose, decide dry, show. The letters, and what was said of each, as their orders carry it."""
    summary, plans = Summary(), dict[str, str]()

    def note(planned: Planned) -> None:
        summary.add(planned)
        if how.dry_run and how.json:
            print_json({**_line_of(planned.letter), **_plan_of(planned)})
        plans[planned.letter.id] = sys.intern(told(planned))

    async def work(access: Access) -> list[Chosen]:
        chosen = await choose(access, wanted, job.action)
        with bar("plan", len(chosen)) as advance:
            async for planned in foresee(access, job, chosen):
                note(planned)
                advance()
        return chosen

    chosen = operate(work)
    if how.dry_run and how.json:
        print_json(
            {
                "summary": {
                    "letters": len(chosen),
                    "outcomes": _named(summary.outcomes),
                    "let_go": _named(summary.let_go),
                }
            }
        )
    else:
        show_plan(err if how.json else out, job.action, summary, how.failures_max)
    if not how.dry_run and summary.outcomes[Outcome.STOPS_WORKER]:
        raise fail(
            f"This {job.action} would stop the worker, and again at each start: mend the handlers first, or leave "
            "those letters out.",
            Exit.OPERATOR,
        )
    return chosen, plans


def run(job: Job, how: How, chosen: list[Chosen], plans: dict[str, str]) -> None:
    """Give the orders, show how it goes and what came of it. Ends the process with its exit code."""
    problems: dict[Outcome, list[Done]] = {}

    async def work(access: Access) -> tuple[Report, dict[str, str]]:
        stop = asyncio.Event()
        with bar(job.action.value, len(chosen)) as advance, interruptible(stop):

            def tell(done: Done) -> None:
                advance()
                if how.json:
                    print_json({**_line_of(done.letter), **_result_of(done), "plan": plans.get(done.letter.id)})
                elif done.outcome not in WELL:
                    known = problems.setdefault(done.outcome, [])
                    if len(known) < PROBLEMS_KEPT:
                        known.append(done)

            report = await carry_out(
                access,
                how.operator,
                job,
                chosen,
                plans=plans,
                rate=how.rate,
                failures_max=how.failures_max,
                tell=tell,
                stop=stop,
            )
        told_of = [one for some in problems.values() for one in some] if report.error is None else []
        return report, await command_ids(access, {name for one in told_of for name in (one.letter.id, one.code)})

    report, names = operate(work)
    if how.json:
        error = report.error and explain(report.error)[0]
        print_json({"summary": {**asdict(report), "outcomes": _named(report.outcomes), "error": error}})
    else:
        show_report(job.action, report, problems, names)
    if report.error is not None:
        raise fail(*explain(report.error))
    raise typer.Exit(_exit_of(report))


def _exit_of(report: Report) -> Exit:
    if report.ended is Ended.INTERRUPTED:
        return Exit.INTERRUPTED
    return Exit.OK if report.ended is Ended.DONE and report.outcomes.keys() <= WELL else Exit.FOUND


@contextmanager
def interruptible(stop: asyncio.Event) -> Iterator[None]:
    """The first Ctrl-C ends the run after what is ordered; the second one does not wait for that."""
    loop = asyncio.get_running_loop()

    def interrupted() -> None:
        loop.remove_signal_handler(signal.SIGINT)
        stop.set()
        err.print("Stopping: what is ordered is carried out. Ctrl-C again does not wait for it.")

    loop.add_signal_handler(signal.SIGINT, interrupted)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGINT)


@contextmanager
def bar(what: str, total: int) -> Iterator[Callable[[], None]]:
    """A progress bar that hears of one more each time."""
    numbers = count(1)
    with progress_bar(what, total) as tell:
        yield lambda: tell(what, next(numbers), total)


def _named(counts: Counter[Outcome]) -> dict[str, int]:
    return {str(outcome): count for outcome, count in counts.items()}


def _line_of(letter: Chosen) -> dict[str, object]:
    return {"letter": letter.id, "partner": letter.partner, "lane": letter.lane, "offset": letter.offset}


def _plan_of(planned: Planned) -> dict[str, object]:
    names = ("command_id", "type", "outcome", "code", "events", "error", "behind", "let_go", "replays")
    later = planned.later and planned.later._asdict()
    return {**{name: getattr(planned, name) for name in names}, "let_go": _named(planned.let_go), "later": later}


def _result_of(done: Done) -> dict[str, object]:
    return {"outcome": done.outcome, "code": done.code, "order": done.order, "let_go": dict(done.let_go)}

"""`republish`: puts on the topics again what they have lost."""

from typing import Annotated, Any

import typer

from worker.cli.asking import DryRun, Yes, agreed, see_that_somebody_answers
from worker.cli.exits import Exit
from worker.cli.operation import As, AsJson, operate
from worker.cli.operation import reason as check_reason
from worker.cli.screen import out, print_json, progress_bar, rows, safe, table, when
from worker.cli.times import HELP, read_time
from worker.cli.words import read_topics, short_topic
from worker.operate.access import Access
from worker.operate.errors import WrongRequest
from worker.operate.republish.missing import plan_all, plan_missing
from worker.operate.republish.plan import Plan, Selection
from worker.operate.republish.run import Done, carry_out
from worker.operate.verify.topics import PUBLISHED_TOPICS

app = typer.Typer(add_completion=False)

Ids = Annotated[list[str] | None, typer.Argument(metavar="ENTRY_ID", help="Only of these journal entries.")]
Topics = Annotated[
    list[str] | None, typer.Option("--topic", help="Only on this topic (quota, notice, ...); can repeat.")
]


@app.command()
def republish(
    entry_id: Ids = None,
    *,
    partnership: Annotated[
        str | None, typer.Option(help="Only of this partnership (or partner, customer: the subject).")
    ] = None,
    since: Annotated[str | None, typer.Option(help=f"Only what was decided from {HELP}.")] = None,
    until: Annotated[str | None, typer.Option(help="Up to such a time.")] = None,
    topic: Topics = None,
    missing: Annotated[
        bool,
        typer.Option(
            "--missing/--even-if-present",
            help="What the topics lack, or all of the named entries even if it is there: then consumers get it again.",
        ),
    ] = True,
    also_expired: Annotated[
        bool, typer.Option("--also-expired", help="Also what is gone because its topic keeps it no longer.")
    ] = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    reason: Annotated[str, typer.Option(callback=check_reason, help="Why; kept in the journal.")] = "",
    by: As,
    json: AsJson = False,
) -> None:
    """Publish again, from the journal, what topics have lost: `verify` says so as record_missing.

    It reads the topics, shows a plan, asks, publishes, and looks whether anything is missing still.

    The records come as they were, behind what is there, with a header `republished`.

    Run twice, or by two people at once, it publishes once. 0: nothing is missing, 4: something is.
    """
    topics = read_topics(topic, PUBLISHED_TOPICS)
    selection = Selection(tuple(entry_id or ()), partnership, read_time(since), read_time(until), topics)

    async def work(access: Access) -> int:
        if not (dry_run or reason):
            raise WrongRequest("Say why, with --reason TEXT: it is kept in the journal. Or look first, with --dry-run.")
        with progress_bar("republish") as progress:
            if missing:
                plan = await plan_missing(access, selection, progress, expired=also_expired)
            else:
                plan = await plan_all(access, selection)
        _tell_plan(plan, json=json, dry_run=dry_run, missing=missing)
        if dry_run or not plan.total:
            return plan.total + plan.redacted
        see_that_somebody_answers(yes=yes)
        if not agreed(f"Publish {plan.total:,} records again?", yes=yes):
            return 0
        with progress_bar("republish") as progress:
            done = await carry_out(access, plan, by, reason, progress)
        _tell_done(done, json=json)
        if not missing:
            return sum(done.codes.values())
        with progress_bar("republish") as progress:
            left = await plan_missing(access, selection, progress, expired=also_expired)
        _tell_left(left, json=json)
        return left.total + left.redacted

    raise typer.Exit(Exit.FOUND if operate(work) else Exit.OK)


def _numbers(plan: Plan) -> dict[str, Any]:
    oldest, newest = plan.times or (None, None)
    return {
        "entries": plan.entries,
        "records": plan.records,
        "oldest": oldest,
        "newest": newest,
        "redacted": plan.redacted,
        "expired": plan.expired,
    }


def _tell_plan(plan: Plan, *, json: bool, dry_run: bool, missing: bool) -> None:
    if json:
        if dry_run:
            print_json(*({"missing": row._asdict()} for row in plan.rows()))
        print_json({"plan": _numbers(plan)})
        return
    if plan.times is not None:
        lines = ([f"{number:,}", short_topic(topic)] for topic, number in plan.records.items())
        out.print(rows(table(">records", "topic"), lines))
        oldest, newest = plan.times
        entries = "1 entry" if plan.entries == 1 else f"{plan.entries:,} entries"
        out.print(f"of {entries}, published {when(oldest)} to {when(newest)} UTC.")
        seen = "" if missing else ", whether they have them or not"
        out.print(f"Consumers get them behind what is there{seen}, with a header `republished`.", style="faint")
    else:
        out.print("[good]nothing is missing[/]")
    if plan.redacted:
        out.print(f"{plan.redacted:,} more are missing and cannot come again: a purge took their bytes", style="warn")
    if plan.expired:
        out.print(f"{plan.expired:,} more are gone because topics keep them no longer (--also-expired)", style="faint")
    elif plan.cut:
        out.print(
            f"{plan.cut} partitions begin behind their first record; what lay before is not missed (--also-expired)",
            style="faint",
        )


def _tell_done(done: Done, *, json: bool) -> None:
    if json:
        codes = {"codes": dict(done.codes)}
        print_json({"done": {name: getattr(done, name) for name in done.__slots__ if name != "codes"} | codes})
        return
    out.print(f"[good]{done.records:,} records published again[/] by {done.orders:,} orders")
    if done.already:
        by = f"by {safe(str(done.by))} at {when(done.at)}"
        out.print(f"{done.already:,} were published again already, {by}, and not once more", style="warn")
    for code, number in done.codes.items():
        if code != "ALREADY_REPUBLISHED":
            out.print(f"{number:,} orders had no effect: {code}", style="warn")


def _tell_left(left: Plan, *, json: bool) -> None:
    if json:
        print_json({"left": _numbers(left)})
    elif left.total:
        out.print(f"[bad]{left.total:,} records are missing still[/]: see the log of the worker, then run this again")
    elif left.redacted:
        out.print(f"{left.redacted:,} redacted records stay missing; nothing else is", style="warn")
    else:
        out.print(f"[good]nothing is missing now[/], of {left.records_seen:,} records on the topics")

"""`dead-letters import`: exported letters are brought into this deployment."""

import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Annotated

import typer

from worker.cli.asking import DryRun, Yes, agreed, see_that_somebody_answers, stdin
from worker.cli.exits import Exit
from worker.cli.letters.words import counted, say_next
from worker.cli.operation import As, AsJson, fail, operate
from worker.cli.screen import out, print_json, rows, safe, table
from worker.journal import Outcome
from worker.operate.access import Access
from worker.operate.letters.arrivals import Arrival, Fate, judge
from worker.operate.letters.bring import Brought, bring
from worker.operate.letters.lines import read_lines

MEANINGS = {
    Fate.NEW: "unknown here: sent to its topic, and decided",
    Fate.UNREADABLE: "this release cannot read it: a dead letter here too",
    Fate.BEHIND: "waits behind one that is not sent, and would overtake it",
    Fate.DECIDED: "decided or settled here already",
    Fate.LETTER: "a dead letter here already: replay or edit that one",
    Fate.TAKEN: "another command has its id here: it would be refused",
    Fate.SETTLED: "was resolved or discarded where it comes from",
    Fate.REDACTED: "a purge took its body",
    Fate.OWN: "the worker's own command: the other deployment gives it to itself again",
    Fate.DRY_RUN: "a dry run: it would change nothing",
}
SPOOLED_BYTES = 8_388_608


def import_(
    file: Annotated[Path, typer.Argument(help="What `export` wrote; - for stdin.")],
    *,
    unreadable: Annotated[
        bool, typer.Option("--unreadable", help="Also send what this release cannot read: to edit it here.")
    ] = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    operator: As,
    json: AsJson = False,
) -> None:
    """Send the records of exported letters to their topics once more, those that are not known here.

    For letters of another deployment, or from before a restore. Shows what it would do with each, asks, sends, and
    waits for what comes of it. Run twice it sends nothing twice. 4: something was refused or is a dead letter again.
    """
    see_that_somebody_answers(yes=yes, dry_run=dry_run)
    sends = {Fate.NEW, Fate.UNREADABLE} if unreadable else {Fate.NEW}
    with _readable(file) as source:
        plan = _plan(source, sends, each=json and dry_run)
        wanted = sum(plan.fates[fate] for fate in sends)
        if dry_run or not json:
            _show_plan(plan, sends, json=json)
        if dry_run:
            return
        if wanted and not agreed(f"Send {counted(wanted, 'letter')}?", yes=yes):
            return
        came_of_it = _send(source, operator, unreadable=unreadable, each=json) if wanted else Counter()
    _show_results(came_of_it, json=json)
    if came_of_it.keys() - {(Outcome.ACCEPTED, None), (None, None)}:
        raise typer.Exit(Exit.FOUND)


@dataclass(slots=True)
class Plan:
    """How many letters have which fate, and how many of those that would be sent come late."""

    fates: Counter[Fate] = field(default_factory=Counter)
    late: int = 0


def _plan(source: IO[bytes], sends: set[Fate], *, each: bool) -> Plan:
    plan = Plan()

    async def work(access: Access) -> None:
        async for arrival in judge(access, read_lines(source), unreadable=Fate.UNREADABLE in sends):
            plan.fates[arrival.fate] += 1
            plan.late += arrival.late and arrival.fate in sends
            if each:
                print_json(_line_of(arrival))

    operate(work)
    return plan


def _send(source: IO[bytes], operator: str, *, unreadable: bool, each: bool) -> Counter[tuple[str | None, str | None]]:
    source.seek(0)
    came_of_it: Counter[tuple[str | None, str | None]] = Counter()

    async def work(access: Access) -> None:
        async for brought in bring(access, read_lines(source), operator, unreadable=unreadable):
            came_of_it[brought.outcome, brought.code] += 1
            if each:
                print_json(_result_of(brought))

    operate(work)
    return came_of_it


@contextmanager
def _readable(file: Path) -> Iterator[IO[bytes]]:
    """The file, to be read twice: for the plan, and to send."""
    if str(file) != "-":
        try:
            source = file.open("rb")
        except OSError as error:
            raise fail(f"{file}: {error.strerror}", Exit.USAGE) from None
        with source:
            yield source
        return
    with tempfile.SpooledTemporaryFile(SPOOLED_BYTES) as kept:
        for line in stdin():
            kept.write(line)
        kept.seek(0)
        yield kept


def _line_of(arrival: Arrival) -> dict[str, object]:
    letter = arrival.letter
    return {
        "letter": letter.id,
        "type": letter.type,
        "reason": letter.reason,
        "fate": arrival.fate,
        "late": arrival.late,
    }


def _result_of(brought: Brought) -> dict[str, object]:
    result = {"outcome": brought.outcome, "code": brought.code, "repeated": brought.repeated}
    return {**_line_of(brought.arrival), **(result if brought.outcome else {})}


def _show_plan(plan: Plan, sends: set[Fate], *, json: bool) -> None:
    if json:
        fates = {fate.value: number for fate, number in plan.fates.items()}
        print_json({"summary": {"letters": plan.fates.total(), "fates": fates, "late": plan.late}})
        return
    lines = (
        (f"{plan.fates[fate]:,}", "sent" if fate in sends else "not sent", text)
        for fate, text in MEANINGS.items()
        if plan.fates[fate]
    )
    out.print(rows(table(">letters", "", "because"), lines))
    if plan.fates[Fate.UNREADABLE] and Fate.UNREADABLE not in sends:
        out.print("--unreadable sends those too, to be edited here; what waits behind them waits here.", style="faint")
    if plan.late:
        late = f"{counted(plan.late, 'letter')} to send are older than what was decided here of the same partnership."
        out.print(late, style="warn")


def _show_results(came_of_it: Counter[tuple[str | None, str | None]], *, json: bool) -> None:
    found = {pair: number for pair, number in came_of_it.items() if pair[0] is not None}
    if json:
        outcomes = [{"outcome": outcome, "code": code, "letters": number} for (outcome, code), number in found.items()]
        print_json({"summary": {"sent": sum(found.values()), "outcomes": outcomes}})
        return
    if not found:
        out.print("Nothing to send.")
        return
    out.print(f"\n{counted(sum(found.values()), 'letter')} sent:")
    for (outcome, code), number in sorted(found.items(), key=lambda pair: -pair[1]):
        style = {Outcome.ACCEPTED: "good", Outcome.DEAD_LETTER: "bad"}.get(Outcome(outcome or ""), "warn")
        out.print(f"  {number:,} [{style}]{(outcome or '').replace('_', ' ')}[/] {safe(code or '')}")
    if any(outcome == Outcome.REFUSED for outcome, _ in found):
        say_next("What was refused:", "journal --outcome refused --since 1h", group="")
    if any(outcome == Outcome.DEAD_LETTER for outcome, _ in found):
        say_next("What is a dead letter here now:", "list --since 1h")

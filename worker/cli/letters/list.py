"""`dead-letters list`: what failed, grouped by how it failed; or letter by letter."""

from dataclasses import dataclass
from typing import Annotated

import typer

from worker.cli.exits import Exit
from worker.cli.letters.filters import State, filtered
from worker.cli.letters.words import STATE_STYLES, ago, counted, kind_of, say_next
from worker.cli.operation import NUMBER_MAX, AsJson, operate
from worker.cli.screen import out, print_json, safe, span
from worker.clock import utc_now
from worker.operate.access import Access
from worker.operate.letters.find import Filter, Letter, count, letters
from worker.operate.letters.groups import Group, Overview, overview

BODILESS = {"key": 0, "value": 0, "headers": 0, "history": 0}


@dataclass(frozen=True, slots=True)
class Flat:
    """Single letters, and how many there are."""

    letters: list[Letter]
    total: int


@filtered(State.OPEN, State.PARKED)
def show_list(
    wanted: Filter,
    *,
    flat: Annotated[bool, typer.Option("--flat", help="Letter by letter; so it is with ids or --fingerprint.")] = False,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, max=NUMBER_MAX, help="So many groups or letters are shown.")
    ] = 10,
    json: AsJson = False,
) -> None:
    """What failed, grouped by how it failed, what hurts most first: open letters, and parked ones that wait for them.

    4: nothing fits. With --json each group or letter is a line, and the last line is the summary.
    """
    by_letter = flat or bool(wanted.ids or wanted.fingerprint)

    async def work(access: Access) -> Overview | Flat:
        if not by_letter:
            return await overview(access, wanted, limit)
        found = [letter async for letter in letters(access, wanted, fields=BODILESS, limit=limit)]
        return Flat(found, await count(access, wanted))

    found = operate(work)
    match found, json:
        case Flat(), True:
            print_json(
                *({"id": letter.pop("_id"), **letter} for letter in found.letters),
                {"summary": {"letters": found.total}},
            )
        case Overview(), True:
            print_json(*found.groups, {"summary": {"letters": found.letters, "more_groups": found.more}})
        case Flat(), _:
            _show_letters(found)
        case Overview(), _:
            _show_groups(found)
    if not (found.letters if isinstance(found, Flat) else found.groups):
        raise typer.Exit(Exit.FOUND)


def _show_groups(found: Overview) -> None:
    if not found.groups:
        out.print("No dead letter fits.", style="good")
        return
    for group in found.groups:
        _show_group(group)
    total = ", ".join(f"{number:,} {state}" for state, number in sorted(found.letters.items()))
    more = f"; {found.more:,} more groups: --limit shows more" if found.more else ""
    out.print(f"In all {total}{more}.")
    first = found.groups[0]
    say_next("One letter, and what can be done:", "show", first.sample)
    say_next("The letters of a group:", f"list --fingerprint {first.fingerprint}")
    if first.state == State.OPEN:
        say_next("Decide a group again, after a plan:", f"replay --fingerprint {first.fingerprint}")


def _show_group(group: Group) -> None:
    style = STATE_STYLES[group.state]
    hurt = f" of {counted(group.partnerships, 'partnership')}" if group.partnerships else ""
    out.print(
        f"[{style}]{safe(group.reason)}[/] {kind_of(group.type)}· "
        f"[bold]{counted(group.letters, 'letter')}[/]{hurt} · {group.state}",
        no_wrap=True,
        overflow="ellipsis",
    )
    out.print(f"  {safe(group.error)}", no_wrap=True, overflow="ellipsis")
    now = utc_now()
    newest = span((now - group.newest).total_seconds())
    oldest = span((now - group.oldest).total_seconds())
    since = f"{newest} ago" if oldest == newest else f"{oldest} to {newest} ago"
    out.print(f"  [faint]{since} · fingerprint[/] {group.fingerprint}")
    out.print(f"  [faint]e.g.[/] [name]{safe(group.sample)}[/]\n", soft_wrap=True)


def _show_letters(found: Flat) -> None:
    if not found.letters:
        out.print("No dead letter fits.", style="good")
        return
    for letter in found.letters:
        style = STATE_STYLES[letter["state"]]
        whose = letter["subject"] or letter["partner"]
        out.print(
            f"[{style}]{safe(letter['reason'])}[/] {kind_of(letter['type'])}"
            f"[name]{safe(f'{whose} ' if whose else '')}[/]· {letter['state']} · {ago(letter['at'])}",
            no_wrap=True,
            overflow="ellipsis",
        )
        out.print(f"  [name]{safe(letter['_id'])}[/]", soft_wrap=True)
    shown = len(found.letters)
    if found.total > shown:
        out.print(f"… and {found.total - shown:,} more: --limit shows more, export writes all.", style="faint")
    say_next("One letter, and what can be done:", "show", found.letters[0]["_id"])

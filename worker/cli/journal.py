"""`journal`: greps the operation log."""

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated

import typer

from worker.cli.exits import Exit
from worker.cli.operation import NUMBER_MAX, AsJson, operate
from worker.cli.screen import out, print_json, rows, safe, show_json, table, when
from worker.cli.times import HELP, read_time
from worker.cli.words import complete_command, short_type, styled_outcome, styled_topic, who
from worker.journal import Outcome
from worker.operate.access import Access
from worker.operate.journal import Entry, Filter, find_entries, follow_entries, lane_ends

app = typer.Typer(add_completion=False)


@app.command()
def journal(
    command_id: Annotated[str | None, typer.Argument(help="A command's id: what became of it, in full.")] = None,
    *,
    partnership: Annotated[
        str | None, typer.Option(help="Of this partnership (or partner, customer: the subject).")
    ] = None,
    partner: Annotated[str | None, typer.Option(help="Of this partner.")] = None,
    kind: Annotated[
        str | None,
        typer.Option("--type", help="Of this command, e.g. InviteCustomer.", autocompletion=complete_command),
    ] = None,
    outcome: Annotated[Outcome | None, typer.Option(help="How it ended.")] = None,
    code: Annotated[str | None, typer.Option(help="Refused with this code, or dead for this reason.")] = None,
    actor: Annotated[str | None, typer.Option(help="By this user, party or kind of party.")] = None,
    since: Annotated[str | None, typer.Option(help=f"From {HELP}.")] = None,
    until: Annotated[str | None, typer.Option(help="Up to such a time.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=NUMBER_MAX, help="The newest so many.")] = 20,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="And go on with what comes.")] = False,
    bodies: Annotated[bool, typer.Option("--bodies", help="With the events' data, which may be personal.")] = False,
    json: AsJson = False,
) -> None:
    """What became of which command, when, by whom; oldest first. 4: nothing fits.

    An id and a partnership are found at once; other filters read the journal backwards from now on.
    """
    wanted = Filter(
        command_id,
        partnership,
        partner,
        kind,
        outcome and outcome.value,
        code,
        actor,
        read_time(since),
        read_time(until),
    )

    def show(entry: Entry) -> None:
        if json:
            print_json(entry if bodies else _without_bodies(entry))
        elif command_id is not None:
            _show_in_full(entry, bodies=bodies)
        else:
            _show_line(entry)

    async def work(access: Access) -> int:
        return await _look(access, wanted, limit, show, follow=follow)

    if not operate(work):
        if not json:
            out.print("Nothing in the journal fits.", style="faint")
        raise typer.Exit(Exit.FOUND)


async def _look(access: Access, wanted: Filter, limit: int, show: Callable[[Entry], None], *, follow: bool) -> int:
    since = await lane_ends(access)
    found = await find_entries(access, wanted, limit)
    for entry in found:
        show(entry)
    if follow:
        shown = {entry.id for entry in found}
        async for entry in follow_entries(access, wanted, since):
            if entry.id not in shown:
                show(entry)
    return len(found)


def _without_bodies(entry: Entry) -> Entry:
    return replace(entry, said=[replace(said, data=None) for said in entry.said])


def _show_line(entry: Entry) -> None:
    what = entry.code or ", ".join(short_type(said.type) for said in entry.said if said.type)
    out.print(
        f"[faint]{entry.at:%m-%d %H:%M:%S}[/] {styled_outcome(entry.outcome)} {safe(short_type(entry.type))} "
        f"[name]{safe(entry.subject or entry.source)}[/] → {safe(what)} [faint]{who(entry.actor)}[/]",
        no_wrap=True,
        overflow="ellipsis",
    )


def _show_in_full(entry: Entry, *, bodies: bool) -> None:
    facts = table("", "")
    facts.show_header = False
    lines = {
        "command": entry.command_id,
        "entry": entry.id if entry.id != entry.command_id else None,
        "type": entry.type,
        "outcome": entry.outcome,
        "code": entry.code,
        "at": when(entry.at),
        "partnership": entry.subject,
        "partner": entry.partner,
        "by": f"{entry.actor['kind']} {entry.actor['user_id']} of {entry.actor['party_id']}" if entry.actor else None,
        "came from": entry.source,
        "lane": f"{entry.lane}, offset {entry.offset}",
        "replay of": entry.replay_of,
        "edited from": entry.edited_from,
        "by order": entry.order,
        "why": entry.reason,
        "plan": entry.plan,
        "result": ", ".join(f"{name} {value}" for name, value in (entry.result or {}).items()),
        "changed": ", ".join(f"{change['kind']} {change['id']} to rev {change['rev']}" for change in entry.changes),
    }
    out.print(rows(facts, ((name, safe(value)) for name, value in lines.items() if value)))
    for said in entry.said:
        number = f"#{said.sequence}" if said.sequence else ""
        name = short_type(said.type) if said.type else "the record"
        out.print(f"  {styled_topic(said.topic)} {safe(name)} {number}", no_wrap=True, overflow="ellipsis")
        if bodies and said.data is not None:
            show_json(said.data)
    out.print()

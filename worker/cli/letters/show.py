"""`dead-letters show`: one letter, with all that is needed to decide what to do with it."""

from dataclasses import asdict
from typing import Annotated, Any

import orjson
import typer

from worker.cli.letters.words import STATE_STYLES, ago, counted, kind_of, say_next
from worker.cli.operation import AsJson, operate
from worker.cli.screen import out, print_json, rows, safe, table, when
from worker.cli.words import short_type
from worker.dead_letters import OPEN, PARKED
from worker.letters.orders import REPLAYS_MAX
from worker.operate.access import Access
from worker.operate.letters.lines import line_of
from worker.operate.letters.look import Body, Looked, look

BODY_CHARACTERS_MAX = 8000
"""Of a body on the screen. `export` has all of it."""

BYTES_MAX = 256
BYTES_A_LINE = 16


def show(
    letter_id: Annotated[str, typer.Argument(metavar="ID", help="Of a letter, or of its command.")],
    *,
    bodies: Annotated[
        bool, typer.Option("--bodies", help="With body, key and headers, which may be personal data.")
    ] = False,
    json: AsJson = False,
) -> None:
    """One letter: what failed and why, what this release makes of it, who waits for it, what was done, what can be.

    Body, key and the headers' values are what a producer sent, and may be personal data. As with `journal` they are
    shown to who asks for them; ids, reason and error are enough to decide what to do most often.
    """

    async def work(access: Access) -> Looked:
        return await look(access, letter_id)

    seen = operate(work)
    if json:
        print_json(_as_json(seen, bodies=bodies))
        return
    _show_head(seen)
    _show_facts(seen)
    _show_headers(seen, bodies=bodies)
    _show_body(seen.body, redacted=bool(seen.letter.get("redacted")), bodies=bodies)
    _show_history(seen)
    _show_next(seen)


def _as_json(seen: Looked, *, bodies: bool) -> dict[str, Any]:
    """The letter as `export` writes it, without what may be personal unless it is asked for, and what was found."""
    letter = line_of(seen.letter)
    if not bodies:
        letter = {name: value for name, value in letter.items() if name not in {"key", "value", "body"}}
        letter["headers"] = [name for name, _ in letter["headers"]]
    found = {name: value for name, value in asdict(seen).items() if name not in {"letter", "body"}}
    return {**letter, "bytes": seen.body.size, "looks_like": seen.body.kind, **found}


def _show_head(seen: Looked) -> None:
    letter = seen.letter
    style = STATE_STYLES[letter["state"]]
    out.print(f"[name]{safe(letter['_id'])}[/]", soft_wrap=True)
    out.print(f"[{style}]{letter['state']}[/] {kind_of(letter['type'])}· a dead letter, {ago(letter['at'])}")
    out.print(f"[bold]{safe(letter['reason'])}[/] {safe(letter['error'])}\n")


def _show_facts(seen: Looked) -> None:
    letter, source = seen.letter, seen.letter["source"]
    facts = table("", "")
    facts.show_header = False
    settled = letter.get("settled_at")
    lines = {
        "at": when(letter["at"]) + (f", settled {when(settled)}" if settled else ""),
        "command": letter["command_id"] if letter["command_id"] != letter["_id"] else None,
        "type": letter["type"],
        "partnership": letter["subject"],
        "partner": letter["partner"],
        "came from": f"{source['topic']}:{source['partition']}:{source['offset']}",
        "lane": f"{letter['lane']}, offset {letter['offset']}",
        "fingerprint": letter["fingerprint"],
        "corrects": letter.get("edited_from"),
        "corrected by": letter.get("edited_to"),
        "replayed": f"{letter['replays']} of {REPLAYS_MAX} times" if letter.get("replays") else None,
        "decided": seen.decided and f"the command's id by another record: {_outcome(seen)}",
        "waits for": seen.stands_before,
        "now": _now(seen),
        "holds": _holds(seen),
    }
    out.print(rows(facts, ((name, safe(value)) for name, value in lines.items() if value)))
    for waiting in seen.first_waiting:
        what = f"{short_type(waiting['type'])} {waiting['_id']}"
        out.print(f"             [faint]{waiting['at']:%H:%M:%S}[/] {safe(what)}", no_wrap=True, overflow="ellipsis")
    if seen.waiting > len(seen.first_waiting):
        out.print(f"             … and {seen.waiting - len(seen.first_waiting):,} more", style="faint")


def _outcome(seen: Looked) -> str:
    decided = seen.decided
    return f"{decided.outcome} {decided.code or ''}".strip() if decided else ""


def _holds(seen: Looked) -> str | None:
    blocks = seen.letter.get("blocks")
    if seen.letter["state"] == PARKED and not seen.waiting:
        return None
    if blocks is None:
        return "nobody" if seen.letter["state"] == OPEN else None
    kind, _, name = blocks.partition(":")
    whose, _, _ = name.partition("\t")  # a partnership's with its partner
    whom = f"partner {whose} with all its partnerships" if kind == "partner" else f"partnership {whose}"
    waits = f"{counted(seen.waiting, 'letter')} parked behind it" if seen.waiting else "nothing waits yet"
    return f"{whom}: {waits}"


def _now(seen: Looked) -> str | None:
    if seen.letter["state"] not in (OPEN, PARKED):
        return None
    reading = seen.reading
    if reading is None:
        redacted = seen.letter.get("redacted")
        return "a purge took its body" if redacted else "only readable with PARTNERSHIP_SECRET"
    if reading.is_command:
        return "this release can read it; `replay --dry-run` tells what would come of it"
    if (reading.reason, reading.error) == (seen.letter["reason"], seen.letter["error"]):
        return "this release cannot read it either"
    return f"this release cannot read it: {reading.reason}, {reading.error}"


def _show_headers(seen: Looked, *, bodies: bool) -> None:
    headers = seen.letter.get("headers") or ()
    if not headers:
        return
    out.print("\n[bold]Headers[/]")
    for name, value in headers:
        shown = f" {safe((value or b'').decode('utf-8', 'backslashreplace'))}" if bodies else ""
        out.print(f"  [faint]{safe(name)}[/]{shown}", no_wrap=True, overflow="ellipsis")


def _show_body(body: Body, *, redacted: bool, bodies: bool) -> None:
    if redacted:
        return
    out.print(f"\n[bold]Body[/] {body.size:,} bytes, {body.kind}")
    if body.size and not bodies:
        out.print("  may be personal data: --bodies shows it", style="faint")
    if not bodies:
        return
    match body.kind:
        case "JSON":
            text = orjson.dumps(body.value, option=orjson.OPT_INDENT_2).decode()
        case "text":
            text = body.value
        case "binary":
            text = _hex(body.value)
        case _:
            return
    out.print(safe(text[:BODY_CHARACTERS_MAX], lines=True), soft_wrap=True)
    if len(text) > BODY_CHARACTERS_MAX or (body.kind == "binary" and body.size > BYTES_MAX):
        out.print("… cut short: `dead-letters export` has all of it", style="faint")


def _hex(value: bytes) -> str:
    lines = (value[start : start + BYTES_A_LINE] for start in range(0, min(len(value), BYTES_MAX), BYTES_A_LINE))
    return "\n".join(
        f"{number * BYTES_A_LINE:06x}  {line.hex(' '):<47}  {''.join(chr(b) if 32 <= b < 127 else '.' for b in line)}"  # noqa: PLR2004 - what ASCII can print
        for number, line in enumerate(lines)
    )


def _show_history(seen: Looked) -> None:
    history = seen.letter.get("history")
    if not history:
        return
    out.print("\n[bold]Done with it[/]")
    for done in history:
        why = f" “{safe(done['reason'])}”" if done.get("reason") else ""
        out.print(f"  [faint]{when(done['at'])}[/] {done['action']} by {safe(done['by'])}{why}")
        if done.get("plan"):
            out.print(f"    [faint]plan:[/]   {safe(done['plan'])}")
        out.print(f"    [faint]result:[/] {safe(done['result'])}")


def _show_next(seen: Looked) -> None:
    out.print()
    letter = seen.letter
    key, before = letter["_id"], seen.stands_before
    match letter["state"]:
        case "parked" if before:
            say_next("It goes through by itself once this is settled:", "show", before)
        case "open" if before:
            say_next("First settle what stands before it:", "show", before)
        case "open":
            _show_next_of_open(seen)
        case "discarded":
            say_next("Take it up again:", "reopen", key)
        case "resolved":
            what = letter.get("edited_to") or letter["command_id"] or key
            say_next("What became of it:", "journal", what, group="")
        case _:
            say_next("Decide it:", "replay", key)


def _show_next_of_open(seen: Looked) -> None:
    key = seen.letter["_id"]
    readable = seen.reading is None or seen.reading.is_command
    if not seen.letter.get("redacted"):
        force = " --force" if seen.guarded else ""
        if readable:
            say_next("Decide it again, after a plan:", f"replay{force}", key)
        say_next("Decide a corrected body in its place:", "edit", key)
        if not readable:
            say_next("Decide it again once a release can read it:", f"replay{force}", key)
    if seen.waiting:
        say_next("Let go what waits behind it, and leave it open:", "release", key)
    say_next("It is not to be decided; what waits behind it goes through:", "discard", key)

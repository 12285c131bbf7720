"""`send`: publishes a command, and says what came of it."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from contracts.registry import COMMANDS
from contracts.topics import COMMAND_TOPICS
from worker.cli.asking import stdin
from worker.cli.errors import explain
from worker.cli.exits import Exit
from worker.cli.operation import As, AsJson, fail, operate
from worker.cli.screen import err, out, print_json, rows, safe, span, table
from worker.cli.words import complete_command, short_type, styled_topic
from worker.clock import new_id
from worker.operate.access import Access
from worker.operate.commands import apply_settings, check_command, example_of, fields_of, find_command
from worker.operate.errors import CannotOperate, WrongRequest
from worker.operate.send import Answer, Sent, publish, wait_for_answer

ACTOR_PARTS_MAX = 4

app = typer.Typer(add_completion=False)


@app.command()
def send(
    command: Annotated[
        str | None, typer.Argument(help="A command's name, e.g. InviteCustomer.", autocompletion=complete_command)
    ] = None,
    *,
    file: Annotated[
        Path | None, typer.Option("--file", "-f", help="JSON: a CloudEvent, or its data; - for stdin.")
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A field of the data; can repeat.")
    ] = None,
    subject: Annotated[str | None, typer.Option(help="The partnership (for facts: partner or customer).")] = None,
    partner: Annotated[str | None, typer.Option(help="The partner: it decides the order.")] = None,
    actor: Annotated[
        str | None,
        typer.Option(metavar="KIND:PARTY[:USER[:ROLE]]", help="Who orders it, e.g. partner:acme:paula:admin."),
    ] = None,
    command_id: Annotated[str | None, typer.Option("--id", help="Its id; without one a new one is made.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Decide and answer, change nothing.")] = False,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for what becomes of it.")] = True,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds to wait.")] = 30,
    listing: Annotated[bool, typer.Option("--list", help="Show which commands there are, and end.")] = False,
    describe: Annotated[
        bool, typer.Option("--describe", help="Show the command's fields and an example, and end.")
    ] = False,
    example: Annotated[bool, typer.Option("--example", help="Print an example to edit and send, and end.")] = False,
    operator: As,
    json: AsJson = False,
) -> None:
    """Publish a command, wait for what becomes of it, and print that with its events.

    0: accepted (or a dry run says it would be), 4: refused or a dead letter, 5: no answer in time. It is checked
    against the contract before it goes out. Sent again with the same --id it is decided once.
    """
    if listing:
        _list(json=json)
        return
    try:
        if describe or example:
            _explain(command, json=json, only_example=example)
            return
        body = _body(command, file, settings or [])
        _complete(body, subject, partner, actor, command_id, operator, dry_run=dry_run)
        check_command(body)
    except CannotOperate as error:
        raise fail(*explain(error)) from None

    sent: Sent | None = None

    async def work(access: Access) -> tuple[Sent, Answer | None]:
        nonlocal sent
        sent = await publish(access, body)
        if not wait:
            return sent, None
        err.print(f"sent {safe(sent.command_id)} to {sent.source}", style="faint", soft_wrap=True)
        return sent, await wait_for_answer(access, sent, timeout)

    sent, answer = operate(work, lambda: sent.whereabouts if sent else "")
    if answer is None:
        if json:
            print_json({"command_id": sent.command_id, "source": sent.source})
        else:
            out.print(f"sent {safe(sent.command_id)} to {sent.source}")
        return
    if json:
        print_json({"command_id": sent.command_id, "source": sent.source, **asdict(answer)})
    else:
        _show(answer)
    if not answer.is_yes:
        raise typer.Exit(Exit.FOUND)


# --------------------------------------------------------------------------------------------------------- the command


def _body(command: str | None, file: Path | None, settings: list[str]) -> dict[str, Any]:
    """The CloudEvent as far as it was given."""
    given: Any = {}
    if file is not None:
        try:
            given = orjson.loads(stdin().read() if str(file) == "-" else file.read_bytes())
        except OSError as error:
            raise WrongRequest(f"{file}: {error.strerror}") from None
        except orjson.JSONDecodeError as error:
            raise WrongRequest(f"{file}: not JSON: {error}") from None
        if not isinstance(given, dict):
            raise WrongRequest(f"{file}: a JSON object is needed")
    body = given if "specversion" in given else {"specversion": "1.0", "data": given}
    if command is not None:
        body["type"] = find_command(command).wire_type()
    if not isinstance(body.setdefault("data", {}), dict):
        raise WrongRequest("data: a JSON object is needed")
    if not isinstance(body.get("type"), str):
        raise WrongRequest("Which command? `send --list` shows them; or give a CloudEvent with a type in --file.")
    if settings:
        apply_settings(find_command(body["type"]), body["data"], settings)
    return body


def _complete(
    body: dict[str, Any],
    subject: str | None,
    partner: str | None,
    actor: str | None,
    command_id: str | None,
    operator: str,
    *,
    dry_run: bool,
) -> None:
    body.setdefault("source", "partnership-worker send")
    body.setdefault("id", f"send-{new_id()}")
    given = {"subject": subject, "partitionkey": partner, "id": command_id}
    body.update({name: value for name, value in given.items() if value is not None})
    if "subject" not in body or "partitionkey" not in body:
        raise WrongRequest("Of which partnership and partner? Give --subject and --partner.")
    data = body["data"]
    if actor is not None:
        kind, *rest = actor.split(":")
        if not 1 <= len(rest) < ACTOR_PARTS_MAX:
            raise WrongRequest(f"--actor {actor}: it looks like partner:acme:paula:admin")
        named = dict(zip(("party_id", "user_id", "role"), rest, strict=False))
        data["actor"] = {"kind": kind, "user_id": operator, "role": "admin", **named}
    if dry_run:
        data["dry_run"] = True


# ------------------------------------------------------------------------------------------------------------ the help


def _list(*, json: bool) -> None:
    for topic in COMMAND_TOPICS:
        of_topic = [kind for kind in COMMANDS.values() if kind.TOPIC is topic]
        told = [(kind.__name__, " ".join((kind.__doc__ or "").split("\n\n")[0].split())) for kind in of_topic]
        if json:
            print_json(*({"topic": topic.value, "command": name, "what": text} for name, text in told))
        else:
            out.print(f"[bold]{topic}[/]")
            for name, text in told:
                out.print(f"  [name]{name:<26}[/] {safe(text)}", no_wrap=True, overflow="ellipsis")


def _explain(command: str | None, *, json: bool, only_example: bool) -> None:
    if command is None:
        raise WrongRequest("Which command? `send --list` shows them.")
    kind = find_command(command)
    shown = orjson.dumps(example_of(kind), option=orjson.OPT_INDENT_2).decode()
    if only_example:
        typer.echo(shown)
    elif json:
        print_json({"type": kind.wire_type(), "topic": kind.TOPIC, "fields": [asdict(f) for f in fields_of(kind)]})
    else:
        out.print(f"[name]{kind.__name__}[/] on {kind.TOPIC}: {safe((kind.__doc__ or '').strip(), lines=True)}\n")
        lines = (
            (f"[bold]{f.name}[/]" if f.required else f.name, safe(f"{f.type}, {f.rule}" if f.rule else f.type))
            for f in fields_of(kind)
        )
        out.print(rows(table("field", "what"), lines))
        out.print("[faint]bold: required. An example to edit, and to send with --file:[/]\n")
        out.print_json(shown)


# ---------------------------------------------------------------------------------------------------------- the answer


def _show(answer: Answer) -> None:
    entry, said = answer.entry, answer.said
    outcome = f"would {said['would']}" if "would" in said else entry.outcome
    style = "good" if answer.is_yes else "warn" if entry.outcome != "dead_letter" else "bad"
    out.print(f"[{style}]{outcome.replace('_', ' ')}[/] {safe(entry.id)}")
    where = f"lane {entry.lane}, offset {entry.offset}, after {span(answer.seconds)}"
    out.print(f"  [faint]{'decided before, as follows: ' if answer.repeated else ''}{where}[/]")
    if said.get("code") or entry.code:
        out.print(f"  [warn]{safe(said.get('code') or entry.code)}[/] {safe(said.get('message', ''))}")
    if said.get("details"):
        out.print(f"  [faint]{safe(orjson.dumps(said['details']).decode())}[/]")
    if "would" in said:
        out.print("  " + safe(", ".join(short_type(name) for name in said.get("events", ()))))
        return
    for event in entry.said if entry.outcome == "accepted" else ():
        out.print(
            f"  {styled_topic(event.topic)} {safe(short_type(event.type))} "
            f"[faint]#{event.sequence or ''} {safe(event.id)}[/]"
        )

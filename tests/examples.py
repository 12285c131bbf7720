"""Writes an example of each message that has none yet, from the stories of a tour: `python -m tests.examples`."""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from contracts.base import to_milliseconds
from contracts.events.notice import NoticeSent
from contracts.message import CommandMessage, Event, Typed
from contracts.registry import COMMANDS, EVENTS, INTERNAL
from handlers.outcome import Outcome
from tests.tour import TOUR
from worker.encode import cloud_event, with_token
from worker.records import Outgoing
from worker.secrets import Secrets

FOLDER = Path("contracts/examples")
SECRETS = Secrets("of the examples, and of nothing else")
PRODUCERS = {"partner": "partner-console", "customer": "customer-console", "platform": "platform-console"}


def messages() -> Iterator[tuple[Typed, dict[str, Any]]]:
    """Each message of the tour, with the CloudEvent that carries it."""
    for story in TOUR.values():
        for message, result, now in story().world.log:
            yield message.data, _command(message, now)
            yield from _events(message, result, now)


def _events(message: CommandMessage, result: Outcome, now: datetime) -> Iterator[tuple[Typed, dict[str, Any]]]:
    told: list[tuple[Event, str, str]] = [
        (stamped.event, stamped.subject, stamped.partner_id) for stamped in result.events
    ]
    if result.rejection is not None:
        told.append((result.rejection, message.subject, message.partner_id))
    for number, (event, subject, partner_id) in enumerate(told, 1):
        value = cloud_event(event, f"{message.id}:{number}", subject, partner_id, message, to_milliseconds(now))
        token = event.token if isinstance(event, NoticeSent) else None
        wanted = (token.purpose, token.subject, token.number, SECRETS.id) if token else None
        record = Outgoing(event.TOPIC, 0, subject.encode(), value, token=wanted)
        yield event, json.loads(with_token(record, SECRETS) or b"")


def _command(message: CommandMessage, now: datetime) -> dict[str, Any]:
    kind = message.data.actor.kind.value
    internal = message.data.wire_type() in INTERNAL
    source = "partnership-worker" if internal else PRODUCERS.get(kind, "registry")
    return {
        "specversion": "1.0",
        "id": message.id,
        "source": source,
        "type": message.data.wire_type(),
        "subject": message.subject,
        "time": to_milliseconds(now),
        "partitionkey": message.partner_id,
        "datacontenttype": "application/json",
        "data": message.data.model_dump(mode="json", exclude_none=True, exclude_unset=True),
    }


def missing() -> set[str]:
    """The messages that have no example."""
    kinds = {**COMMANDS, **INTERNAL, **EVENTS}
    return {name for name, kind in kinds.items() if not (FOLDER / kind.__name__ / f"v{kind.VERSION}").exists()}


def main() -> None:
    wanted = missing()
    for data, frame in messages():
        if data.wire_type() in wanted:
            wanted.remove(data.wire_type())
            folder = FOLDER / type(data).__name__ / f"v{data.VERSION}"
            folder.mkdir(parents=True)
            (folder / "usual.json").write_text(json.dumps(frame, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    if wanted:
        raise SystemExit(f"the tour shows no {', '.join(sorted(wanted))}")


if __name__ == "__main__":
    main()

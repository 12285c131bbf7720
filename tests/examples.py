"""Writes an example of each message that has none yet, from the stories of a tour: `python -m tests.examples`."""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from contracts.base import to_milliseconds
from contracts.message import CommandMessage, Typed
from contracts.registry import COMMANDS, EVENTS, INTERNAL
from handlers.outcome import Outcome
from tests.tour import TOUR

FOLDER = Path("contracts/examples")
PRODUCERS = {"partner": "partner-console", "customer": "customer-console", "platform": "platform-console"}


def messages() -> Iterator[tuple[Typed, dict[str, Any]]]:
    """Each message of the tour, with the CloudEvent that carries it."""
    for story in TOUR.values():
        for message, result, now in story().world.log:
            yield message.data, _command(message, now)
            yield from _events(message, result, now)


def _events(message: CommandMessage, result: Outcome, now: datetime) -> Iterator[tuple[Typed, dict[str, Any]]]:
    for number, stamped in enumerate(result.events, 1):
        frame = _frame(stamped.event, f"{message.id}:{number}", stamped.subject, stamped.partner_id, now)
        yield stamped.event, frame | {"source": "partnership-worker", "causationid": message.id}
    if result.rejection is not None:
        frame = _frame(result.rejection, f"{message.id}:1", message.subject, message.partner_id, now)
        yield result.rejection, frame | {"source": "partnership-worker", "causationid": message.id}


def _command(message: CommandMessage, now: datetime) -> dict[str, Any]:
    kind = message.data.actor.kind.value
    internal = message.data.wire_type() in INTERNAL
    source = "partnership-worker" if internal else PRODUCERS.get(kind, "registry")
    frame = _frame(message.data, message.id, message.subject, message.partner_id, now)
    frame["data"] = message.data.model_dump(mode="json", exclude_none=True, exclude_unset=True)
    return frame | {"source": source}


def _frame(data: Typed, command_id: str, subject: str, partner_id: str, now: datetime) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": command_id,
        "source": "",
        "type": data.wire_type(),
        "subject": subject,
        "time": to_milliseconds(now),
        "partitionkey": partner_id,
        "datacontenttype": "application/json",
        "data": data.model_dump(mode="json", exclude_none=True),
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

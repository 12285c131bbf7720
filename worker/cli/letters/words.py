"""Dead letters in the words and colours of the screen."""

from datetime import datetime

from rich.markup import escape

from worker.cli.screen import out, span
from worker.cli.words import short_type
from worker.clock import utc_now
from worker.dead_letters import DISCARDED, OPEN, PARKED, RESOLVED

STATE_STYLES = {OPEN: "bad", PARKED: "warn", RESOLVED: "good", DISCARDED: "faint"}


def ago(moment: datetime) -> str:
    """`3 h ago`."""
    return f"{span(max(0.0, (utc_now() - moment).total_seconds()))} ago"


def kind_of(wire_type: str | None) -> str:
    """`InviteCustomer `, for the screen; nothing where no type could be read."""
    return f"{escape(short_type(wire_type))} " if wire_type else ""


def counted(number: int, what: str) -> str:
    """`1 letter`, `1,200 letters`."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def say_next(why: str, command: str, *, group: str = "dead-letters ") -> None:
    """What an operator can do now, to be copied as it is, however long its ids are."""
    out.print(f"{why}", style="faint")
    out.print(f"  partnership-worker {group}{escape(command)}", soft_wrap=True)

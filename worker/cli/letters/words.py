"""Dead letters in the words and colours of the screen."""

from datetime import datetime

from worker.cli.screen import out, safe, span
from worker.cli.words import short_type
from worker.clock import utc_now
from worker.dead_letters import DISCARDED, OPEN, PARKED, RESOLVED
from worker.operate.texts import command

STATE_STYLES = {OPEN: "bad", PARKED: "warn", RESOLVED: "good", DISCARDED: "faint"}


def ago(moment: datetime) -> str:
    """`3 h ago`."""
    return f"{span(max(0.0, (utc_now() - moment).total_seconds()))} ago"


def kind_of(wire_type: str | None) -> str:
    """`InviteCustomer `, for the screen; nothing where no type could be read."""
    return f"{safe(short_type(wire_type))} " if wire_type else ""


def counted(number: int, what: str) -> str:
    """`1 letter`, `1,200 letters`."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def say_next(why: str, words: str, *names: str, group: str = "dead-letters ") -> None:
    """What an operator can do now, to be copied as it is, whatever its ids are and however long."""
    out.print(f"{why}", style="faint")
    out.print(f"  {safe(command(f'{group}{words}', *names))}", soft_wrap=True)

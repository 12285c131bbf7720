"""Times as people type them."""

import re
from datetime import UTC, datetime, timedelta

import typer

from worker.clock import utc_now

SPAN = re.compile(r"(\d+)\s*(s|m|h|d|w)")
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
HELP = "a time in UTC (2026-01-31T12:00) or how long ago (90s, 15m, 2h, 3d)"


def read_time(text: str | None) -> datetime | None:
    """A moment: RFC 3339, UTC where it has no offset, or a span before now. Raises typer.BadParameter."""
    if text is None:
        return None
    try:
        if span := SPAN.fullmatch(text.strip()):
            return utc_now() - timedelta(seconds=int(span.group(1)) * SECONDS[span.group(2)])
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):  # the latter before year 1, or after 9999
        raise typer.BadParameter(f"{text!r} is not {HELP}") from None

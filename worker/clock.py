"""The only place of the project that reads a clock or throws dice. Decisions never do: their time is a record's."""

import random
import time
import uuid
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def utc_now() -> datetime:
    """The wall clock, for logs and for what people read."""
    return datetime.now(tz=UTC)


def monotonic_seconds() -> float:
    """Seconds on a clock that never goes back, for waiting and measuring."""
    return time.monotonic()


def new_id() -> str:
    """An id that nothing else has, for a process."""
    return str(uuid.uuid4())


def from_milliseconds(milliseconds: int) -> datetime:
    """A Kafka time stamp (ms since 1970 in UTC) as a time, exact to the millisecond."""
    return _EPOCH + timedelta(milliseconds=milliseconds)


def to_milliseconds(moment: datetime) -> int:
    """A time as a Kafka time stamp (ms since 1970 in UTC)."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def backoff_seconds(attempt: int, first_seconds: float = 0.1, seconds_max: float = 5.0) -> float:
    """How long to wait before attempt `attempt` + 1 (from 1): doubling, bounded, with full jitter in its upper half.

    Without the jitter all lanes that lost one broker come back in the same instant, again and again.
    """
    ceiling = min(seconds_max, first_seconds * 2.0 ** min(attempt - 1, 16))
    return ceiling * (0.5 + random.random() / 2)  # noqa: S311 - jitter, not a secret

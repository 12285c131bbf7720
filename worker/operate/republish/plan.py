"""What is asked for, and what would be published again. Kept in a file, as it may be long."""

import sqlite3
import weakref
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from contracts.commands.operating import REPUBLISHED_ENTRIES_MAX
from contracts.topics import TopicName
from worker.clock import from_milliseconds, to_milliseconds
from worker.operate.verify.expected import Expected
from worker.operate.verify.topics import PUBLISHED_TOPICS

ORDER_BYTES_MAX = 1_048_576


@dataclass(frozen=True, slots=True)
class Selection:
    """What is looked at: these entries, or one partnership's (or partner's, customer's: the subject), or all."""

    entries: tuple[str, ...] = ()
    partnership: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    """By the time of the decision."""
    topics: tuple[TopicName, ...] = PUBLISHED_TOPICS

    @property
    def names_some(self) -> bool:
        """Whether it names entries, or a partnership."""
        return bool(self.entries) or self.partnership is not None

    def covers(self, moment: datetime) -> bool:
        """Whether that time is meant."""
        return (self.since is None or moment >= self.since) and (self.until is None or moment < self.until)


class Row(NamedTuple):
    """A record to publish again."""

    lane: int
    offset: int
    step: int
    number: int
    entry: str
    topic: str
    bytes: int
    at_ms: int


@dataclass(slots=True, weakref_slot=True)
class Plan:
    """What would be published again."""

    selection: Selection
    seen: dict[int, int]
    """Lane → the offset up to which its orders were published before anybody looked."""
    redacted: int = 0
    """Records that are missing and cannot come again: a purge took their bytes."""
    expired: int = 0
    """Records that are missing because their topic keeps them no longer; not in the plan unless asked for."""
    cut: int = 0
    """Partitions that have lost their beginning: what lay there counts as expired, and was not counted."""
    records_seen: int = 0
    _file: sqlite3.Connection = field(default_factory=lambda: sqlite3.connect(""))

    def __post_init__(self) -> None:
        weakref.finalize(self, self._file.close)
        self._file.execute(
            "CREATE TABLE rows (lane, place, step, number, entry, topic, bytes, at_ms, "
            "PRIMARY KEY (lane, place, step, number, entry)) WITHOUT ROWID"
        )

    def add(self, lane: int, topic: TopicName, expected: Expected) -> None:
        """One more record. One whose bytes are gone is only counted."""
        if expected.digest is not None:
            self.redacted += 1
            return
        row = Row(
            lane,
            *expected.origin,
            expected.entry,
            topic.value,
            len(expected.value or b""),
            to_milliseconds(expected.at),
        )
        self._file.execute("INSERT OR IGNORE INTO rows VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)

    @property
    def records(self) -> dict[str, int]:
        """How many, by topic."""
        return dict(self._file.execute("SELECT topic, count(*) FROM rows GROUP BY topic ORDER BY topic"))

    @property
    def total(self) -> int:
        """How many records."""
        return int(self._file.execute("SELECT count(*) FROM rows").fetchone()[0])

    @property
    def entries(self) -> int:
        """How many journal entries they are of."""
        return int(self._file.execute("SELECT count(DISTINCT entry) FROM rows").fetchone()[0])

    @property
    def times(self) -> tuple[datetime, datetime] | None:
        """The oldest and the newest, by when they were published."""
        low, high = self._file.execute("SELECT min(at_ms), max(at_ms) FROM rows").fetchone()
        return None if low is None else (from_milliseconds(low), from_milliseconds(high))

    def rows(self) -> Iterator[Row]:
        """Lane by lane, in the order in which they were decided."""
        for row in self._file.execute("SELECT * FROM rows ORDER BY lane, place, step, number"):
            yield Row(*row)

    def orders(self) -> Iterator[tuple[int, dict[str, tuple[int, ...]]]]:
        """(lane, entry → its records), each as much as one order may name."""
        lane, size = -1, 0
        part: dict[str, tuple[int, ...]] = {}
        for row in self.rows():
            full = len(part) >= REPUBLISHED_ENTRIES_MAX or size + row.bytes > ORDER_BYTES_MAX
            if part and (row.lane != lane or (full and row.entry not in part)):
                yield lane, part
                part, size = {}, 0
            lane, size = row.lane, size + row.bytes
            part[row.entry] = (*part.get(row.entry, ()), row.number)
        if part:
            yield lane, part

"""One partition of a topic beside the journal of its lanes, record by record."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from aiokafka import ConsumerRecord, TopicPartition

from contracts.topics import TopicName
from worker.clock import from_milliseconds
from worker.encode import without_token
from worker.journal import digest_of_value
from worker.operate.verify.expected import (
    ENTRIES_AT_ONCE,
    FIRST,
    Expected,
    LaneRecords,
    first_after,
    look_up,
    published_later,
)
from worker.operate.verify.report import Kind, Report
from worker.records import REPUBLISHED_HEADER, header
from worker.secrets import Secrets
from worker.visible import CLOCKS_DIFFER_MS_MAX

PENDING_MAX = 10_000
"""Records of a lane that were passed over and may still come. Beyond that they are told as missing at once."""


class Missing(NamedTuple):
    """A record that a topic lacks."""

    topic: TopicName
    partition: int
    lane: int
    expected: Expected
    expired: bool = False
    """Whether its topic keeps it no longer."""


@dataclass(slots=True)
class Walk:
    """One partition of one topic beside the journal of its lanes."""

    db: Any
    report: Report
    topic: TopicName
    partition: TopicPartition
    secrets: Secrets | None
    kept_since: datetime | None
    """What was published before may be gone by retention; None: for ever."""
    missing: Callable[[Missing], None]
    lanes: dict[int, LaneRecords] = field(default_factory=dict)
    last: LaneRecords | None = None
    """The lane of the record before: a transaction's records are of one lane."""
    since_ms: int | None = None
    """Append time of the first record that is left, where earlier ones are gone."""
    passed_over: list[Missing] = field(default_factory=list)
    """Missing here, and perhaps published again later on; asked for many at a time."""

    async def begin(self, published: dict[int, int], *, from_first: bool) -> None:
        """From each lane's first entry on; or, where the log's beginning is gone, from what is left on as it comes."""
        for lane, at in published.items():
            first = FIRST if from_first else None
            self.lanes[lane] = LaneRecords(self.db, self.topic, lane, at, self.secrets, first)
            if from_first:
                await self.lanes[lane].seek(0)

    async def take(self, record: ConsumerRecord) -> None:
        """The next record of the partition."""
        self.report.records += 1
        if self.since_ms is None:
            await self._find_starts(record.timestamp)
        if self.last is not None and self._is(record, self.last.head):
            lane: LaneRecords | None = self.last
        else:
            lane = next((lane for lane in self.lanes.values() if self._is(record, lane.head)), None)
        if lane is not None and lane.head is not None:
            self.last = lane
            if lane.first is None:
                lane.first = lane.head.place
            self.report.repeats_asked_for += lane.head.again
            await lane.advance()
        else:
            await self._explain(record)

    async def _find_starts(self, since_ms: int) -> None:
        self.since_ms = since_ms
        since = from_milliseconds(since_ms) + timedelta(milliseconds=CLOCKS_DIFFER_MS_MAX)
        for lane in self.lanes.values():
            if lane.first is None:  # what was decided after the first record that is left was also published after it
                await lane.seek(await first_after(self.db, lane.lane, max(0, lane.published), since))

    async def _explain(self, record: ConsumerRecord) -> None:
        """It is not the next of any lane: what is it?"""
        place = f"{self.topic}[{record.partition}]@{record.offset}"
        found = await look_up(self.db, self.topic, record.value, record.headers, self.secrets)
        lane = self.lanes.get(found[0]) if found else None
        if found is None:
            self.report.differ(Kind.RECORD_UNKNOWN, place, None, "an entry of the journal", record.value or b"")
            return
        expected = found[1]
        if lane is None:
            there = f"the partition of lane {found[0]}"
            self.report.differ(Kind.RECORD_UNKNOWN, place, expected.entry, there, f"partition {record.partition}")
            return
        if lane.first is None:  # the first of its lane that is left
            lane.first = expected.place
            if lane.head is None or expected.place < lane.head.place:
                await lane.seek(expected.place[0])
                while lane.head is not None and lane.head.place < expected.place:  # gone with the ones before
                    await lane.advance()
        await self._place(record, place, lane, expected)

    async def _place(self, record: ConsumerRecord, place: str, lane: LaneRecords, expected: Expected) -> None:
        while lane.head is not None and lane.head.place < expected.place:
            if lane.is_due():
                await self._pass_over(lane, lane.head)
            await lane.advance()
        if lane.head is not None and lane.head.place == expected.place:
            await lane.advance()
        elif expected.place in lane.pending:
            del lane.pending[expected.place]
            self.report.differ(Kind.RECORD_LATE, place, expected.entry, "in its lane's order", "behind later ones")
        elif expected.place[0] >= lane.published:
            return  # decided since, and nothing to judge by yet
        else:
            self.report.differ(Kind.RECORD_TWICE, place, expected.entry, "once", "again")
        self.report.repeats_asked_for += expected.again
        if not self._is(record, expected):
            self._differs(record, place, expected)

    async def _pass_over(self, lane: LaneRecords, expected: Expected) -> None:
        lane.pending[expected.place] = expected
        if len(lane.pending) > PENDING_MAX:
            first = next(iter(lane.pending))
            await self._miss(lane, lane.pending.pop(first))

    async def end(self) -> None:
        """At the end of the partition: what should have come and did not?"""
        if self.since_ms is not None or all(lane.first is not None for lane in self.lanes.values()):
            for lane in self.lanes.values():
                if lane.first is None:
                    lane.first = lane.head.place if lane.head is not None else None
                for expected in lane.pending.values():
                    await self._miss(lane, expected)
                while lane.is_due() and lane.head is not None:
                    await self._miss(lane, lane.head)
                    await lane.advance()
        # Else everything is gone by retention.
        await self._tell_missing()

    async def _miss(self, lane: LaneRecords, expected: Expected) -> None:
        self.passed_over.append(Missing(self.topic, self.partition.partition, lane.lane, expected))
        if len(self.passed_over) >= ENTRIES_AT_ONCE:
            await self._tell_missing()

    async def _tell_missing(self) -> None:
        """Those that no order published again: an order's records are looked for at its own place."""
        again = await published_later(self.db, [missing.expected for missing in self.passed_over])
        for missing, is_later in zip(self.passed_over, again, strict=True):
            if not is_later:
                expired = self.kept_since is not None and missing.expected.at < self.kept_since
                self.missing(missing._replace(expired=expired))
        self.passed_over.clear()

    async def close(self) -> None:
        """Give the cursors back."""
        for lane in self.lanes.values():
            await lane.close()

    # Comparing ----------------------------------------------------------------------------------------------------

    def _is(self, record: ConsumerRecord, expected: Expected | None) -> bool:
        if expected is None or not self._same_value(record.value, expected):
            return False
        if expected.digest is not None and self.topic is TopicName.DEAD_LETTERS:
            # The producer's own headers, and its key, are redacted.
            is_again = header(record.headers, REPUBLISHED_HEADER) is not None
            return is_again == expected.again and set(expected.headers) <= set(record.headers)
        # Tuples of (name, bytes) on both sides.
        return bool(record.key == expected.key and record.headers == expected.headers)

    def _same_value(self, value: bytes | None, expected: Expected) -> bool:
        if expected.hides_token:
            self.report.tokens_compared = False
        compared = without_token(value) if expected.hides_token else value
        if expected.digest is not None:
            return digest_of_value(compared) == expected.digest
        return compared == expected.value

    def _differs(self, record: ConsumerRecord, place: str, expected: Expected) -> None:
        if record.key != expected.key:
            what, was, now = "key", expected.key, record.key
        elif not self._same_value(record.value, expected):
            what, was, now = "value", expected.value, record.value
        else:
            what, was, now = "headers", str(expected.headers).encode(), str(record.headers).encode()
        self.report.differ(Kind.RECORD_DIFFERS, place, expected.entry, was or b"", now or b"", what)

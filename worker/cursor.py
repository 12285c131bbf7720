"""The guard against stale batches: a cursor keeps the next offset of a partition, whatever a consumer hands over.

aiokafka rebalances in the background. A batch fetched before a rebalance can arrive after the partition was given
back and taken again; it then begins beyond the committed offset, and taking it would lose what lies between.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from aiokafka import ConsumerRecord


@dataclass(frozen=True, slots=True)
class Gap:
    """Records are missing before this batch: seek back to `expected` and ask again."""

    expected: int
    found: int


class Cursor:
    """The next offset of one partition, for as long as this worker owns it."""

    def __init__(self, next_offset: int) -> None:
        self.next_offset = next_offset
        self._confirmed_gap: Gap | None = None

    def take(self, records: Sequence[ConsumerRecord]) -> Sequence[ConsumerRecord] | Gap:
        """The records that are new, or a gap. Within one batch offsets may jump: the log itself has jumps there."""
        first = next((index for index, record in enumerate(records) if record.offset >= self.next_offset), None)
        if first is None:
            return ()
        new = records[first:] if first else records
        if new[0].offset > self.next_offset:
            gap = Gap(self.next_offset, new[0].offset)
            if gap != self._confirmed_gap:
                return gap
        self._confirmed_gap = None
        self.next_offset = new[-1].offset + 1
        return new

    def confirm(self, gap: Gap) -> None:
        """Believe this gap when it is met again: a fresh reader found nothing there but control records."""
        self._confirmed_gap = gap

"""Whether a log still holds what is to be read next: what was deleted is gone, an early end may be stale."""

import pytest
from aiokafka import TopicPartition

from worker.failures import StopWorker
from worker.kafka import LogEndsEarly, Reach

LOG = TopicPartition("partnership.lanes", 3)


def test_what_lies_within_is_well() -> None:
    reach = Reach(patience_seconds=0)
    for offset in (5, 7, 9):
        reach.check(LOG, offset, 5, 9, "lane 3")


def test_what_was_deleted_stops_at_once() -> None:
    with pytest.raises(StopWorker, match="2 records were deleted before they were read"):
        Reach(patience_seconds=60).check(LOG, 3, 5, 9, "lane 3")


def test_an_early_end_is_believed_when_it_was_said_for_long_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broker that the others left says it, and believes it."""
    clock = iter((100.0, 129.0, 131.0, 160.0, 161.5))
    monkeypatch.setattr("worker.kafka.monotonic_seconds", lambda: next(clock))
    reach = Reach(patience_seconds=30)
    for _ in range(2):
        with pytest.raises(LogEndsEarly, match="the log ends 3 records earlier"):
            reach.check(LOG, 12, 5, 9, "lane 3")
    reach.check(LOG, 12, 5, 15, "lane 3")  # another broker answered
    for _ in range(2):
        with pytest.raises(LogEndsEarly):
            reach.check(LOG, 12, 5, 9, "lane 3")
    with pytest.raises(StopWorker, match="the log ends 3 records earlier"):
        reach.check(LOG, 12, 5, 9, "lane 3")

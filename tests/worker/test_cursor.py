"""The cursor: below it is dropped, beyond it is asked for again, and only what was looked up afresh is believed."""

from dataclasses import dataclass

import pytest

from worker.cursor import Cursor, Gap


@dataclass(frozen=True)
class Record:
    offset: int


def records(*offsets: int) -> list[Record]:
    return [Record(offset) for offset in offsets]


def take(cursor: Cursor, *offsets: int) -> object:
    taken = cursor.take(records(*offsets))
    return taken if isinstance(taken, Gap) else [record.offset for record in taken]


def test_records_that_follow_are_taken() -> None:
    cursor = Cursor(5)
    assert take(cursor, 5, 6, 7) == [5, 6, 7]
    assert cursor.next_offset == 8


@pytest.mark.parametrize(("batch", "new"), [((3, 4), []), ((3, 4, 5, 6), [5, 6])])
def test_what_was_taken_before_is_dropped(batch: tuple[int, ...], new: list[int]) -> None:
    assert take(Cursor(5), *batch) == new


def test_a_batch_that_begins_beyond_is_refused_and_moves_nothing() -> None:
    cursor = Cursor(5)
    assert take(cursor, 9, 10) == Gap(5, 9)
    assert cursor.next_offset == 5


def test_the_same_gap_twice_proves_nothing() -> None:
    """Two stale batches can begin at the same place."""
    cursor = Cursor(5)
    assert take(cursor, 9) == Gap(5, 9)
    assert take(cursor, 9) == Gap(5, 9)


def test_a_confirmed_gap_is_passed_once() -> None:
    cursor = Cursor(5)
    cursor.confirm(Gap(5, 9))
    assert take(cursor, 9, 10) == [9, 10]
    assert take(cursor, 13) == Gap(11, 13)


def test_a_confirmed_gap_says_nothing_about_another_one() -> None:
    cursor = Cursor(5)
    cursor.confirm(Gap(5, 9))
    assert take(cursor, 12) == Gap(5, 12)


def test_jumps_inside_of_a_batch_are_the_logs_own() -> None:
    assert take(Cursor(5), 5, 8, 9) == [5, 8, 9]

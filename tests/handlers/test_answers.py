"""What other systems were asked for and have not answered does not wait in silence (R88, R97, R99, R103)."""

from datetime import timedelta

import pytest

from contracts.commands.closing import (
    AnswerReactivation,
    ConfirmFinalBill,
    RecordClosingStep,
    RecordDataExport,
    RecordFinalBill,
    RequestDataExport,
    RequestReactivation,
)
from contracts.events.closing import AnswerOverdue
from contracts.message import Event
from tests.screens import PLATFORM, seen
from tests.situations import PERIOD
from tests.story import (
    BOUND,
    NOON,
    TERMINATED,
    Send,
    Step,
    Story,
    by_customer,
    by_partner,
    by_platform,
    by_system,
    given,
    later,
    platform_ends,
    policy,
    reached,
)

IN_A_WEEK = NOON + timedelta(days=7)
EXPORT = by_customer(RequestDataExport)
BACK = (
    *TERMINATED,
    by_customer(RequestReactivation, consent_version="1"),
    by_partner(AnswerReactivation, answer="agree", consent_version="1"),
)
BILL = by_system(RecordFinalBill, amount=500, currency="EUR", period=PERIOD)
RESTORED = by_system(RecordClosingStep, step="restore", outcome="done")


def overdue(events: list[Event]) -> list[tuple[str, ...]]:
    return [event.what for event in events if isinstance(event, AnswerOverdue)]


def until(story: Story) -> dict[str, object]:
    """What is waited for, and until when."""
    return {line.what: line.until for line in seen(story, PLATFORM).waiting_on}


@pytest.mark.requirement("R97")
@pytest.mark.parametrize("before", [BOUND, TERMINATED])
def test_the_platform_is_told_of_an_export_that_nobody_makes(before: tuple[Send, ...]) -> None:
    assert until(given(*before, EXPORT))["export"] == IN_A_WEEK

    story = given(*before, EXPORT, later(days=7)).when(reached("answer"))

    assert overdue(story.events) == [("export",)]
    story.told(platform="answer_overdue")
    assert until(story)["export"] is None, "it goes on to be waited for"
    assert overdue(story.when(later(days=70), reached("answer")).events) == [], "once"
    assert story.when(by_platform(RecordDataExport, outcome="failed")).rejection is None


@pytest.mark.requirement("R99", "R103")
def test_it_is_told_of_data_that_does_not_come_back_and_of_a_former_bill_that_nobody_makes() -> None:
    """The bill blocks each end, and a switch: the customer would wait for ever."""
    story = given(*BACK, later(days=7)).when(reached("answer"))
    assert overdue(story.events) == [("final_bill", "restore")]

    assert overdue(given(*BACK, RESTORED, later(days=7)).when(reached("answer")).events) == [("final_bill",)]
    assert overdue(given(*BACK, BILL, later(days=7)).when(reached("answer")).events) == [("restore",)]
    failed = by_system(RecordClosingStep, step="restore", outcome="failed")
    known = given(*BACK, BILL, failed, later(days=7)).when(reached("answer"))
    assert overdue(known.events) == [], "it was told already"


@pytest.mark.requirement("R88", "R97")
def test_an_answer_in_time_is_waited_for_no_longer() -> None:
    done = by_system(RecordDataExport, outcome="done", location="https://export.example/1")
    story = given(*BOUND, EXPORT, done, later(days=7)).when(reached("answer"))
    assert overdue(story.events) == []
    assert "export" not in until(story)


@pytest.mark.requirement("R88")
def test_how_long_is_the_policys() -> None:
    assert until(given(policy(completion_days=3), *BOUND, EXPORT))["export"] == NOON + timedelta(days=3)


@pytest.mark.requirement("R88", "R103")
def test_a_new_end_has_a_closing_of_its_own_and_keeps_the_export() -> None:
    story = given(*BACK, EXPORT, platform_ends(), later(days=7)).when(reached("answer"))
    assert overdue(story.events) == [("export",)]


@pytest.mark.requirement("R88", "R99", "R103")
@pytest.mark.parametrize("step", ["restore", "final_bill"])
def test_what_is_tried_again_has_time_again(step: str) -> None:
    failed = by_system(RecordClosingStep, step=step, outcome="failed")
    retry = by_platform(RecordClosingStep, step=step, outcome="retry")
    other = BILL if step == "restore" else RESTORED
    story = given(*BACK, other, failed, later(days=30), retry)
    assert until(story)[step] == NOON + timedelta(days=37)
    assert overdue(story.when(later(days=7), reached("answer")).events) == [(step,)]


@pytest.mark.requirement("R97", "R99")
def test_the_platform_is_offered_to_give_up_what_nobody_answers() -> None:
    def offered(*steps: Step) -> set[str]:
        return set(seen(given(*steps), PLATFORM).case_actions)

    for before in (BOUND, TERMINATED):
        assert "RecordDataExport" in offered(*before, EXPORT)
        assert "RecordDataExport" not in offered(*before)
    assert "RecordClosingStep" in offered(*BACK, BILL, by_customer(ConfirmFinalBill))

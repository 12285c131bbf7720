"""A partnership that has ended comes back."""

from datetime import timedelta
from typing import Any

import pytest

from contracts.commands.binding import SuspendPartnership
from contracts.commands.closing import (
    AnswerReactivation,
    ConfirmFinalBill,
    RecordClosingStep,
    RecordFinalBill,
    RequestReactivation,
)
from contracts.commands.termination import CheckTermination
from contracts.events.billing import BillingSwitched, FinalBillConfirmed, RefundRequested
from contracts.events.binding import ActivationOverdue
from contracts.events.closing import (
    ClosingStepRecorded,
    DataRestoreRequested,
    PartnershipReactivated,
    ReactivationAgreed,
    ReactivationDeclined,
    ReactivationLapsed,
    ReactivationRequested,
)
from contracts.events.facts import QuotaUpdated
from contracts.events.termination import TerminationDraftChecked, TerminationDrafted
from contracts.rejections import RejectionCode
from tests.situations import PERIOD
from tests.story import (
    BILLED,
    BOUND,
    CLOSED,
    NOON,
    PURGED,
    SWITCHING,
    TERMINATED,
    Send,
    accept,
    by_customer,
    by_partner,
    by_platform,
    by_system,
    customer_asks,
    customer_requests,
    delivered,
    facts,
    given,
    invite,
    later,
    like,
    opened,
    partner_decides,
    partner_is,
    partner_requests,
    platform_ends,
    policy,
    reached,
    registered,
    verified,
)

ASKED = by_customer(RequestReactivation, consent_version="1")
AGREES = by_partner(AnswerReactivation, answer="agree", consent_version="1")
BACK = (PartnershipReactivated, QuotaUpdated, BillingSwitched, DataRestoreRequested)


@pytest.mark.requirement("R99", "R106", "R110")
def test_what_one_side_wants_back_and_the_other_agrees_to_lives_again() -> None:
    story = given(*TERMINATED).when(ASKED)
    story.then(like(ReactivationRequested, awaiting=("partner",), answer_by=NOON + timedelta(days=30)))
    story.told(partner="reactivation_requested", customer="reactivation_requested")
    story.when(AGREES).then(
        like(ReactivationAgreed, awaiting=()),
        like(PartnershipReactivated, status="active", cancelled=("billing", "data")),
        like(QuotaUpdated, bound=1, cause="partnership_reactivated"),
        like(BillingSwitched, from_mode="direct", to_mode="partner"),
        DataRestoreRequested,
    ).told(partner="partnership_reactivated", customer="partnership_reactivated")
    assert story.customer().live is not None
    assert story.partnership().hidden_by == ()
    story.when(by_system(RecordClosingStep, step="restore", outcome="done")).then(ClosingStepRecorded)


@pytest.mark.requirement("R99", "R106")
def test_it_can_be_asked_for_and_answered_until_the_retention_ends() -> None:
    given(*TERMINATED, later(days=30)).when(ASKED).refused(RejectionCode.REACTIVATION_WINDOW_CLOSED)
    given(*TERMINATED, ASKED, later(days=30)).when(AGREES).refused(RejectionCode.REACTIVATION_WINDOW_CLOSED)
    given(*PURGED).when(ASKED).refused(RejectionCode.REACTIVATION_WINDOW_CLOSED)
    given(*TERMINATED, ASKED, later(days=30)).when(reached("reactivation_answer")).then(ReactivationLapsed)
    given(*BOUND).when(ASKED).refused(RejectionCode.NOT_ALLOWED_IN_STATUS)


@pytest.mark.requirement("R106")
def test_only_who_was_asked_answers() -> None:
    given(*TERMINATED).when(AGREES).refused(RejectionCode.REACTIVATION_NOT_OPEN)
    story = given(*TERMINATED, ASKED)
    by_itself = by_customer(AnswerReactivation, answer="agree", consent_version="1")
    story.when(by_itself).refused(RejectionCode.NOT_YOUR_TURN, awaiting=["partner"])
    story.when(ASKED).refused(RejectionCode.REQUEST_ALREADY_OPEN, by="customer")
    story.when(AGREES.but(consent_version="0")).refused(RejectionCode.CONSENT_VERSION_STALE)
    story.when(AGREES.but(answer="decline")).then(ReactivationDeclined)
    story.when(AGREES).refused(RejectionCode.REACTIVATION_NOT_OPEN)


@pytest.mark.requirement("R111")
def test_terms_and_fee_are_known_and_settled_first() -> None:
    given(*TERMINATED).when(ASKED.but(consent_version=None)).refused(RejectionCode.CONSENT_VERSION_STALE, current="1")
    fee = given(*BOUND, policy(reactivation_fee=True), customer_asks(), partner_decides())
    fee.when(ASKED).refused(RejectionCode.REACTIVATION_FEE_DUE)
    fee.when(ASKED.but(fee_reference="pay-1")).then(like(ReactivationRequested, fee_reference="pay-1"))


@pytest.mark.requirement("R106")
def test_where_the_policy_says_so_one_side_is_enough() -> None:
    given(*BOUND, policy(reactivation_needs_both=False), customer_asks(), partner_decides()).when(ASKED).then(
        like(ReactivationRequested, awaiting=()), *BACK
    )


@pytest.mark.requirement("R39", "R40", "R106")
@pytest.mark.parametrize("violation", ["account_violation", "policy_violation"])
def test_after_a_violation_the_platform_is_asked_too(violation: str) -> None:
    story = given(*BOUND, platform_ends().but(category=violation), ASKED).when(AGREES)
    story.then(like(ReactivationAgreed, who="partner", awaiting=("platform",)))
    story.when(by_platform(AnswerReactivation, answer="agree")).then(ReactivationAgreed, *BACK)


@pytest.mark.requirement("R3", "R4", "R6", "R7", "R59", "R106")
@pytest.mark.parametrize(
    ("change", "code"),
    [
        (partner_is(status="restricted"), RejectionCode.PARTNER_NOT_ACTIVE),
        (partner_is(negative_records=1), RejectionCode.PARTNER_NEGATIVE_RECORD),
        (partner_is(quota_limit=0), RejectionCode.QUOTA_EXCEEDED),
        (facts(qualified=False), RejectionCode.CUSTOMER_NOT_QUALIFIED),
        (facts(compliant=False), RejectionCode.CUSTOMER_NOT_COMPLIANT),
    ],
)
def test_everything_that_a_bond_needs_is_needed_again(change: Send, code: RejectionCode) -> None:
    given(*TERMINATED, change).when(ASKED).refused(code)
    given(*TERMINATED, ASKED, change).when(AGREES).refused(code)


ELSEWHERE: tuple[Any, ...] = (registered("p2"), invite("p2"), opened("p2"), verified("p2"), accept("p2"))


@pytest.mark.requirement("R5", "R106")
def test_a_customer_that_is_bound_elsewhere_by_now_does_not_come_back() -> None:
    given(*TERMINATED, *ELSEWHERE).when(ASKED).refused(RejectionCode.CUSTOMER_BOUND_ELSEWHERE, bound=True)
    given(*TERMINATED, ASKED, *ELSEWHERE).when(AGREES).refused(RejectionCode.CUSTOMER_BOUND_ELSEWHERE)


@pytest.mark.requirement("R27", "R106")
def test_nor_does_one_that_is_about_to_be_handed_over() -> None:
    """The platform ends the old partnership while the switch is on its way: the customer is free, and yet it is not."""
    story = given(*SWITCHING, platform_ends())
    story.when(ASKED).refused(RejectionCode.CUSTOMER_BOUND_ELSEWHERE, bound=False)
    story.when(delivered())
    assert story.partnership("p2").state.status == "active"


@pytest.mark.requirement("R104", "R105")
def test_the_bill_goes_on_after_the_reactivation() -> None:
    story = given(*BILLED, ASKED, AGREES).when(by_customer(ConfirmFinalBill))
    story.then(FinalBillConfirmed, RefundRequested)
    assert story.partnership().state.status == "active"


@pytest.mark.requirement("R99")
def test_a_closed_case_can_come_back_too_and_end_again() -> None:
    story = given(*CLOSED, ASKED, AGREES)
    april = NOON + timedelta(days=100)
    story.when(later(days=100), facts(as_of=april), customer_asks(), partner_decides())
    assert story.partnership().state.status == "terminated"


@pytest.mark.requirement("R44", "R105", "R106")
def test_the_final_bill_of_a_former_end_is_settled_before_the_next() -> None:
    """It goes on beside the new life; a second end would put another bill in its place."""
    asked = policy(requests_max=5)
    story = given(asked, *BILLED, ASKED, AGREES)
    story.when(customer_requests()).then(like(TerminationDrafted, draft_stage="blocked"))
    assert story.partnership().drafts["customer"].items == ("SETTLEMENTS_OUTSTANDING",)
    story.when(by_customer(ConfirmFinalBill), by_customer(CheckTermination))
    assert any(isinstance(event, TerminationDraftChecked) for event in story.events)
    assert story.partnership().drafts["customer"].items == ()


@pytest.mark.requirement("R39", "R40", "R44")
def test_the_platform_does_not_wait_for_it_and_the_new_bill_takes_it_in() -> None:
    story = given(*BILLED, ASKED, AGREES, platform_ends())
    bill = story.partnership().bill
    assert bill is not None
    assert bill.state == "requested"


@pytest.mark.requirement("R39", "R106")
def test_what_the_platform_had_suspended_comes_back_only_with_its_word() -> None:
    """Else an end and a reactivation would lift the suspension."""
    suspended = by_platform(SuspendPartnership, reason="the account is under investigation")
    story = given(*BOUND, suspended, customer_asks(), partner_decides()).when(ASKED)
    story.then(like(ReactivationRequested, awaiting=("partner", "platform"))).told(
        partner="reactivation_requested", customer="reactivation_requested", platform="reactivation_requested"
    )
    story.when(AGREES).then(like(ReactivationAgreed, awaiting=("platform",)))
    assert story.when(by_platform(AnswerReactivation, answer="agree")).partnership().state.status == "active"


@pytest.mark.requirement("R44", "R103", "R106")
def test_a_bill_that_the_platform_did_without_stands_in_no_later_ends_way() -> None:
    waived = by_platform(RecordClosingStep, step="final_bill", outcome="waived", reason="no bill is due")
    story = given(*TERMINATED, waived)
    story.when(by_system(RecordFinalBill, amount=1, currency="EUR", period=PERIOD)).refused(
        RejectionCode.NOT_ALLOWED_IN_STATUS, bill="waived"
    )
    story.when(by_customer(ConfirmFinalBill)).refused(RejectionCode.NOT_ALLOWED_IN_STATUS)
    story.when(ASKED, AGREES, partner_requests())
    assert story.partnership().drafts["partner"].items == ()
    issued = given(*TERMINATED, by_system(RecordFinalBill, amount=5, currency="EUR", period=PERIOD), waived)
    assert issued.when(later(days=14), reached("bill_confirmation")).events == []


@pytest.mark.requirement("R31", "R110")
def test_after_a_reactivation_too_the_platform_is_told_of_an_activation_that_nobody_has_heard_of_in_a_day() -> None:
    story = given(*TERMINATED, later(days=5), ASKED, AGREES, later(hours=23))
    assert story.when(reached()).events == []
    story.when(later(hours=1), reached()).then(ActivationOverdue).told(platform="activation_overdue")

"""Two things happen at once: whichever the lane log has first decides, and nothing is lost or doubled.

Those of the end and afterwards are in test_races_of_the_end.py; tests/tidy/test_races.py lists all of them.
"""

from datetime import timedelta

import pytest

from contracts.events.billing import BillingSwitched, FinalBillRequested
from contracts.events.binding import PartnershipBound
from contracts.events.closing import DataRetentionStarted
from contracts.events.facts import QuotaUpdated
from contracts.events.invitation import InvitationAccepted, InvitationCancelled
from contracts.events.termination import (
    PartnershipTerminated,
    TerminationApproved,
    TerminationConfirmed,
    VerificationCodeAccepted,
)
from contracts.rejections import RejectionCode
from tests.story import (
    BOUND,
    INVITED,
    NOON,
    PENDING,
    REGISTERED,
    VERIFIED,
    accept,
    cancel,
    customer_asks,
    customer_decides,
    facts,
    given,
    invite,
    later,
    like,
    opened,
    partner_asks,
    partner_decides,
    partner_is,
    policy,
    registered,
    verified,
)

P2_VERIFIED_TOO = (*VERIFIED, registered("p2"), invite("p2"), opened("p2"), verified("p2"))


@pytest.mark.requirement("R25")
def test_accept_and_expiry() -> None:
    given(*VERIFIED, later(days=29)).when(accept()).then(
        InvitationAccepted, PartnershipBound, QuotaUpdated, BillingSwitched
    )
    given(*VERIFIED, later(days=30)).when(accept()).refused(RejectionCode.INVITATION_EXPIRED)


@pytest.mark.requirement("R25")
def test_accept_and_cancel() -> None:
    given(*VERIFIED, cancel()).when(accept()).refused(RejectionCode.NOT_ALLOWED_IN_STATUS, status="cancelled")
    given(*VERIFIED, accept()).when(cancel()).refused(RejectionCode.NOT_ALLOWED_IN_STATUS, status="active")


@pytest.mark.requirement("R3", "R25")
def test_accept_and_partner_restricted() -> None:
    given(*VERIFIED, partner_is(status="restricted")).when(accept()).refused(RejectionCode.PARTNER_NOT_ACTIVE)
    story = given(*VERIFIED, accept()).when(partner_is(status="restricted"))
    assert story.partnership().state.status == "active"


@pytest.mark.requirement("R5")
def test_two_partners_invitations_accepted_at_once_bind_one() -> None:
    given(*P2_VERIFIED_TOO, accept("p1")).when(accept("p2")).refused(RejectionCode.SWITCH_CONFIRMATION_REQUIRED)
    given(*P2_VERIFIED_TOO, accept("p2")).when(accept("p1")).refused(RejectionCode.SWITCH_CONFIRMATION_REQUIRED)


@pytest.mark.requirement("R80", "R81")
def test_both_sides_submit_and_the_second_is_the_approval_of_the_first() -> None:
    story = given(*PENDING).when(partner_asks())
    story.then(
        TerminationConfirmed,
        like(TerminationApproved, basis="both_sides_asked"),
        like(PartnershipTerminated, by="customer"),
        QuotaUpdated,
        BillingSwitched,
        FinalBillRequested,
        DataRetentionStarted,
    )


@pytest.mark.requirement("R57", "R62")
def test_a_customers_submission_that_approves_does_not_count_and_chooses_the_billing() -> None:
    story = given(*BOUND, partner_asks()).when(customer_asks(billing_mode="none"))
    story.then(
        VerificationCodeAccepted,
        TerminationApproved,
        like(PartnershipTerminated, billing_mode="none"),
        QuotaUpdated,
        BillingSwitched,
        FinalBillRequested,
        DataRetentionStarted,
    )
    assert story.customer().submissions == ()


@pytest.mark.requirement("R62")
def test_the_limit_that_was_used_up_meanwhile_is_counted_at_submission() -> None:
    rejected = partner_decides(approve=False, reason="please stay with us")
    given(*PENDING, rejected).when(customer_asks()).refused(RejectionCode.REQUEST_LIMIT_REACHED)


@pytest.mark.requirement("R113")
def test_a_customer_bound_to_its_next_partner_leaves_the_former_one_alone() -> None:
    story = given(*P2_VERIFIED_TOO, accept("p1"), customer_asks("p1"), partner_decides("p1"), accept("p2"))
    story.when(partner_asks("p1")).refused(RejectionCode.PARTNERSHIP_READ_ONLY)
    live = story.customer().live
    assert live is not None
    assert live.partner_id == "p2"


@pytest.mark.requirement("R44")
def test_an_older_fact_after_a_newer_one_does_not_unblock() -> None:
    blocked = facts(as_of=NOON, account_in_arrears=True)
    old = facts(as_of=NOON - timedelta(minutes=1))
    given(*BOUND, blocked, old).when(customer_asks()).refused(RejectionCode.TERMINATION_BLOCKED)


@pytest.mark.requirement("R3", "R81")
def test_a_partner_restricted_with_its_request_pending_does_not_stop_the_request() -> None:
    given(*BOUND, partner_asks(), partner_is(status="restricted")).when(customer_decides()).then(
        TerminationApproved,
        PartnershipTerminated,
        QuotaUpdated,
        BillingSwitched,
        FinalBillRequested,
        DataRetentionStarted,
    )


@pytest.mark.requirement("R59")
def test_a_quota_lowered_below_what_is_reserved_still_lets_the_invited_in() -> None:
    given(*VERIFIED, partner_is(quota_limit=0)).when(accept()).then(
        InvitationAccepted, PartnershipBound, like(QuotaUpdated, limit=0, bound=1, reserved=0), BillingSwitched
    )


@pytest.mark.requirement("R45")
def test_a_policy_that_changes_while_a_case_is_open_leaves_its_dates_alone() -> None:
    story = given(registered(notice_days=None), *BOUND[1:], customer_asks(), policy(notice_days=90)).when(
        partner_decides()
    )
    story.then(like(TerminationApproved, ends_at=NOON + timedelta(days=30)))
    given(*REGISTERED, invite(), policy(invitation_days=1), later(days=2)).when(opened()).told()


@pytest.mark.requirement("R16")
def test_the_same_invitation_twice_is_refused_the_second_time() -> None:
    given(*INVITED).when(invite()).refused(RejectionCode.NOT_ALLOWED_IN_STATUS, status="invited")


@pytest.mark.requirement("R20")
def test_a_command_that_comes_too_early_is_refused_as_retryable() -> None:
    story = given(*REGISTERED).when(opened()).refused(RejectionCode.NOT_FOUND)
    assert story.rejection is not None
    assert story.rejection.retryable
    given(*INVITED).when(cancel()).then(InvitationCancelled, QuotaUpdated)

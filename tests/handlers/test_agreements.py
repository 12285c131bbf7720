"""Nothing begins by an agreement that is over, and what was to end with it lives on when it is renewed (R41)."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from contracts.commands.closing import AnswerReactivation, ConfirmFinalBill, RecordFinalBill, RequestReactivation
from contracts.commands.facts import UpdateAgreement
from contracts.commands.invitation import ResendInvitation
from contracts.commands.termination import CheckTermination, WaiveBlock
from contracts.events.binding import PartnershipAgreementUpdated
from contracts.events.notice import NoticeSent
from contracts.events.termination import TerminationWithdrawn
from contracts.message import SYSTEM
from contracts.rejections import RejectionCode
from tests.situations import PERIOD, WHY
from tests.story import (
    BOUND,
    INVITED,
    NOON,
    PROMPTED,
    SUSPENDED,
    VERIFIED,
    Send,
    Step,
    Story,
    accept,
    by_customer,
    by_partner,
    by_platform,
    by_system,
    customer_asks,
    delivered,
    facts,
    given,
    invite,
    later,
    like,
    partner_decides,
    reached,
    switch,
)
from tests.tour import UNTIL_MARCH

MARCH = NOON + timedelta(days=60)
NEXT_YEAR = MARCH + timedelta(days=365)
OVER = NOON - timedelta(days=1)
ENDED = {"ended_at": "2026-01-14T12:00:00.000Z"}


def until(ends_at: datetime | None, partner: str = "p1", as_of: datetime = NOON) -> Send:
    return Send(UpdateAgreement(actor=SYSTEM, as_of=as_of, ends_at=ends_at), partner, partner)


def fresh(days: int = 60, **changes: Any) -> Send:
    return facts(as_of=NOON + timedelta(days=days), **changes)


def stalled() -> Story:
    """The agreement is over, and the customer's arrears stand in the way of the end."""
    return given(
        *BOUND,
        UNTIL_MARCH,
        delivered(),
        later(days=60),
        fresh(account_in_arrears=True),
        reached("agreement_end"),
    )


@pytest.mark.requirement("R27", "R41")
@pytest.mark.parametrize(
    ("before", "command"),
    [
        ((), invite(customer="c2")),
        (INVITED, by_partner(ResendInvitation)),
        (VERIFIED, accept()),
    ],
    ids=["invite", "resend", "accept"],
)
def test_nothing_begins_by_an_agreement_that_is_over(before: tuple[Step, ...], command: Send) -> None:
    steps = before or BOUND
    given(*steps, until(OVER)).when(command).refused(RejectionCode.AGREEMENT_ENDED, **ENDED)
    given(*steps, until(NOON)).when(command).refused(RejectionCode.AGREEMENT_ENDED)
    assert given(*steps, until(NOON + timedelta(seconds=1))).when(command).rejection is None
    assert given(*steps, until(OVER), until(None)).when(command).rejection is None


@pytest.mark.requirement("R27", "R41")
def test_no_customer_is_handed_over_to_a_partner_without_an_agreement() -> None:
    """It would end at once: the customer would be left without either, and its request would be used up."""
    story = given(*PROMPTED, until(OVER, "p2"), facts(partner="p2"))
    story.when(switch("p2")).refused(RejectionCode.AGREEMENT_ENDED, **ENDED)
    assert story.partnership("p1").state.status == "active"


@pytest.mark.requirement("R41", "R99", "R106")
def test_what_ended_with_its_agreement_comes_back_only_by_a_new_one() -> None:
    story = given(
        *BOUND,
        UNTIL_MARCH,
        delivered(),
        later(days=60),
        fresh(),
        reached("agreement_end"),
        by_system(RecordFinalBill, amount=5, currency="EUR", period=PERIOD),
        by_customer(ConfirmFinalBill),
    )
    ask = by_customer(RequestReactivation, consent_version="1")
    story.when(ask).refused(RejectionCode.AGREEMENT_ENDED)
    story.when(until(NEXT_YEAR, as_of=MARCH), ask, by_partner(AnswerReactivation, answer="agree", consent_version="1"))
    assert story.partnership().agreement_ends_at == NEXT_YEAR
    story.when(reached())
    assert story.partnership().state.status == "active"


@pytest.mark.requirement("R41")
def test_a_renewal_takes_the_end_back_that_had_to_wait() -> None:
    for ends_at in (NEXT_YEAR, None):
        story = stalled().when(until(ends_at, as_of=MARCH), delivered())
        story.then(
            like(TerminationWithdrawn, status="active"),
            like(PartnershipAgreementUpdated, status="active", agreement_ends_at=ends_at),
        ).told(partner="termination_withdrawn", customer="agreement_updated")
        told = {(e.party, e.template): e.params for e in story.events if isinstance(e, NoticeSent)}
        assert told["customer", "termination_withdrawn"]["category"] == "agreement_expired"
        ends = "" if ends_at is None else "2027-03-16T12:00:00.000Z"
        assert told["customer", "agreement_updated"]["agreement_ends_at"] == ends
        assert not story.customer().waits_on_facts
        assert story.when(later(days=1), fresh(61), delivered(), reached()).partnership().state.status == "active"


@pytest.mark.requirement("R41")
@pytest.mark.parametrize(
    "command",
    [by_customer(CheckTermination), by_platform(WaiveBlock, item="ACCOUNT_IN_ARREARS", reason=WHY), reached("recheck")],
    ids=["check", "waive", "recheck"],
)
def test_nor_does_it_end_before_it_has_heard_of_the_renewal(command: Step) -> None:
    """It is told to 500 partnerships at a time: meanwhile somebody looks whether this one can end now."""
    story = stalled().when(until(NEXT_YEAR, as_of=MARCH), later(days=1), fresh(61), command)
    kinds = [type(event) for event in story.events]
    assert TerminationWithdrawn in kinds
    assert story.partnership().state.status == "active"
    assert story.when(delivered()).events == []


@pytest.mark.requirement("R41")
def test_an_end_that_has_moved_meanwhile_is_not_the_end() -> None:
    minute = timedelta(minutes=1)
    story = given(*BOUND, UNTIL_MARCH, delivered(), later(days=60, minutes=-1), until(NEXT_YEAR, as_of=MARCH - minute))
    story.when(later(minutes=1), reached("agreement_end")).then(
        like(PartnershipAgreementUpdated, agreement_ends_at=NEXT_YEAR)
    )
    story.when(delivered()).then()
    story.when(reached("agreement_end"))
    assert story.partnership().state.status == "active"


@pytest.mark.requirement("R41")
def test_a_renewal_leaves_the_request_of_a_side_as_it_is() -> None:
    story = given(*BOUND, customer_asks(), partner_decides(approve=False, reason=WHY), UNTIL_MARCH, delivered())
    story.when(until(NEXT_YEAR), delivered()).then(PartnershipAgreementUpdated)
    pending = given(*BOUND, customer_asks(), UNTIL_MARCH, delivered())
    pending.when(until(NEXT_YEAR), delivered()).then(like(PartnershipAgreementUpdated, status="ending"))


@pytest.mark.requirement("R39", "R41")
def test_a_partnership_that_is_suspended_hears_of_the_agreement_too() -> None:
    given(*SUSPENDED, until(MARCH)).when(delivered()).then(
        like(PartnershipAgreementUpdated, agreement_ends_at=MARCH, status="suspended")
    )

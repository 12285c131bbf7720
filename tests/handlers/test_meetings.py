"""Where one side's business meets the other's, the agreement's or the platform's: nothing is lost, nor told amiss."""

from datetime import timedelta
from typing import Any

import pytest

from contracts.commands.binding import RecordNotificationOutcome
from contracts.commands.facts import UpdateAgreement
from contracts.commands.termination import CheckTermination, DecideTermination, WaiveBlock, WithdrawTermination
from contracts.events.binding import PartnershipAgreementUpdated
from contracts.events.checking import TerminationChecked
from contracts.events.invitation import IdentityVerified, PartnershipStatusChecked, SwitchPrompted
from contracts.events.notice import NoticeSent, NotificationOutcomeRecorded
from contracts.events.termination import (
    PartnershipTerminated,
    TerminationApproved,
    TerminationRejected,
    TerminationWithdrawn,
)
from contracts.message import SYSTEM
from contracts.rejections import RejectionCode
from handlers.states import InNotice, Stalled, Terminated
from tests.situations import WHY
from tests.story import (
    BOUND,
    NOON,
    PENDING,
    PROMPTED,
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
    customer_requests,
    delivered,
    facts,
    given,
    invite,
    later,
    like,
    opened,
    partner_asks,
    partner_decides,
    partner_is,
    partner_requests,
    policy,
    reached,
    registered,
    switch,
    verified,
)

NO = by_platform(DecideTermination, approve=False, reason=WHY)


def until(days: int, as_of: int = 0) -> Send:
    """The agreement with the partner, so many days from noon on."""
    ends_at = NOON + timedelta(days=days)
    return Send(UpdateAgreement(actor=SYSTEM, as_of=NOON + timedelta(days=as_of), ends_at=ends_at), "p1", "p1")


def in_arrears(days: int) -> Send:
    return facts(as_of=NOON + timedelta(days=days), account_in_arrears=True)


def told(story: Story) -> set[tuple[str, str]]:
    return {(event.party, event.template) for event in story.events if isinstance(event, NoticeSent)}


@pytest.mark.requirement("R73", "R74", "R76")
def test_what_was_waived_of_unknown_facts_stays_though_the_other_side_gives_up_a_draft() -> None:
    waived = by_platform(WaiveBlock, item="FACTS_UNKNOWN", reason=WHY)
    story = given(*PENDING, partner_requests()).when(waived)
    assert told(story) == {("partner", "block_waived"), ("customer", "block_waived")}

    story.when(by_partner(WithdrawTermination), later(days=10), reached("decision"))

    assert [type(event) for event in story.events][:2] == [TerminationApproved, PartnershipTerminated]


@pytest.mark.requirement("R41")
def test_nor_does_the_platform_end_what_was_renewed_meanwhile() -> None:
    """The renewal is told to 500 partnerships at a time, and this one has not heard of it."""
    way = (until(60), delivered(), later(days=60), in_arrears(60), reached("agreement_end"), later(days=31))
    story = given(*BOUND, *way, reached("stalled_too_long"), until(425, as_of=60))

    story.when(by_platform(DecideTermination, approve=True))

    assert [type(event) for event in story.events][:2] == [TerminationWithdrawn, PartnershipAgreementUpdated]
    assert story.partnership().state.status == "active"


@pytest.mark.requirement("R79", "R80")
@pytest.mark.parametrize("decided", [(), (partner_decides(),)], ids=["asked", "approved"])
def test_whose_end_the_platform_has_turned_down_is_said(decided: tuple[Step, ...]) -> None:
    """The customer's own request goes on."""
    asked = (registered(notice_days=90), *BOUND[1:], until(2), delivered(), customer_asks(), *decided)
    story = given(
        *asked, later(days=2), in_arrears(2), reached("agreement_end"), later(days=30), reached("stalled_too_long")
    ).when(NO)

    assert {("partner", "termination_rejected"), ("customer", "termination_rejected")} <= told(story)
    said = [event.params for event in story.events if isinstance(event, NoticeSent) and "reason" in event.params]
    assert {(params["by"], params["category"]) for params in said if "by" in params} >= {
        ("platform", "agreement_expired")
    }


BLOCKED = (facts(account_in_arrears=True, reserved_instances_active=True), customer_requests())
LESS = facts(account_in_arrears=True)


@pytest.mark.requirement("R29", "R76", "R92")
def test_what_stands_in_the_way_no_more_is_not_sent_again() -> None:
    story = given(*BOUND).when(*BLOCKED)
    notice = next(event for event in story.events if isinstance(event, NoticeSent))
    failed = by_system(RecordNotificationOutcome, notice_id=notice.notice_id, outcome="failed")

    story.when(LESS, by_customer(CheckTermination), failed)
    recorded = [event.followed_by for event in story.events if isinstance(event, NotificationOutcomeRecorded)]
    assert recorded == ["nothing"]

    same = given(*BOUND).when(*BLOCKED)
    notice = next(event for event in same.events if isinstance(event, NoticeSent))
    same.when(by_system(RecordNotificationOutcome, notice_id=notice.notice_id, outcome="failed"))
    assert [type(event) for event in same.events] == [NotificationOutcomeRecorded, NoticeSent]


@pytest.mark.requirement("R80")
def test_a_closed_partner_decides_nothing_once_it_is_the_platforms_turn() -> None:
    escalates = policy(silence={"partner": "escalates", "customer": "escalates"})
    closed = given(*BOUND, escalates, customer_asks(), partner_is(status="closed"))
    closed.when(partner_decides()).refused(RejectionCode.PARTNER_NOT_ACTIVE)
    closed.when(later(days=10), reached("decision"), partner_decides()).refused(RejectionCode.PARTNER_NOT_ACTIVE)
    opened_again = given(*BOUND, escalates, customer_asks(), later(days=10), reached("decision"))
    opened_again.when(partner_decides())
    assert opened_again.rejection is None


@pytest.mark.requirement("R62")
def test_where_a_customers_requests_do_not_count_nor_does_its_switch() -> None:
    third = (registered("p3"), invite("p3"), opened("p3"), verified("p3"), facts(partner="p2"))
    free = policy(requests_of=())
    story = given(free, *PROMPTED, switch(), delivered(), *third).when(switch("p3"), delivered())
    assert story.partnership("p3").state.status == "active"
    assert story.customer().submissions == ()


@pytest.mark.requirement("R24")
@pytest.mark.parametrize("changes", [{"switch_counts": False}, {"requests_of": ()}], ids=str)
def test_what_a_switch_costs_is_said_as_the_policy_has_it(changes: dict[str, Any]) -> None:
    way = (registered("p2"), invite("p2"), opened("p2"))
    usual = ("current_partnership_ends", "billing_moves")
    given(*BOUND, policy(**changes), *way).when(verified("p2")).then(
        IdentityVerified, PartnershipStatusChecked, like(SwitchPrompted, consequences=usual)
    )
    counted = (*usual, "counts_as_termination_request")
    given(*BOUND, *way).when(verified("p2")).then(
        IdentityVerified, PartnershipStatusChecked, like(SwitchPrompted, consequences=counted)
    )


@pytest.mark.requirement("R4")
def test_how_many_negative_records_there_are_is_the_partners_business() -> None:
    story = given(*VERIFIED, partner_is(negative_records=3)).when(accept())
    story.refused(RejectionCode.PARTNER_NEGATIVE_RECORD)
    assert story.rejection is not None
    assert story.rejection.details == {}


# -------------------------------------------------------------------------------------------------------- both want it

REFERRAL = (registered(notice_days=30), facts(), invite(model="referral"), opened(), verified(), accept())
FRESH = policy(facts_hours_max=8784)


def both_ask() -> Story:
    """The partner on the first day, the customer ten days later; neither needs the other's consent."""
    return given(*REFERRAL, FRESH, partner_asks(), later(days=10), customer_asks())


@pytest.mark.requirement("R113", "R130")
@pytest.mark.parametrize("again", [customer_requests(), partner_requests()], ids=["customer", "partner"])
def test_where_both_have_asked_neither_asks_again(again: Send) -> None:
    both_ask().when(again).refused(RejectionCode.REQUEST_ALREADY_OPEN, by="partner", stage="in_notice")


@pytest.mark.requirement("R41", "R113")
def test_where_both_have_asked_both_go_on_when_the_agreement_that_overtook_them_is_renewed() -> None:
    over = (until(20, as_of=10), delivered(), later(days=10), facts(as_of=NOON + timedelta(days=20), **OWING))
    story = both_ask().when(*over, reached("agreement_end"), until(400, as_of=20), delivered())
    state = story.partnership().state
    assert isinstance(state, InNotice)
    assert (state.case.by, state.case.ends_at) == ("partner", NOON + timedelta(days=30))
    assert state.case.second is not None
    assert (state.case.second.by, state.case.second.ends_at) == ("customer", NOON + timedelta(days=40))


@pytest.mark.requirement("R113", "R130")
def test_who_needs_no_consent_is_not_held_by_the_other_sides_withdrawal() -> None:
    story = both_ask().when(later(days=19), by_partner(WithdrawTermination))
    fortieth = NOON + timedelta(days=40)

    story.then(
        like(TerminationWithdrawn, by="partner", status="ending", stage="in_notice"),
        like(TerminationApproved, basis="goes_on", ends_at=fortieth),
    )
    assert ("customer", "termination_approved") in told(story)
    story.when(later(days=11), reached("notice_end"))
    assert like_end(story) == ("customer", "terminated")


@pytest.mark.requirement("R113", "R130")
def test_and_may_take_its_own_back_while_the_others_goes_on() -> None:
    early = by_customer(WithdrawTermination)
    story = given(*REFERRAL, FRESH, partner_asks(end_at=NOON + timedelta(days=90)), later(days=10), customer_asks())
    state = story.partnership().state
    assert isinstance(state, InNotice)
    assert state.case.ends_at == NOON + timedelta(days=40)

    story.when(early).then(
        like(TerminationWithdrawn, by="customer", status="ending", stage="in_notice"),
        like(TerminationApproved, ends_at=NOON + timedelta(days=90)),
    )
    story.when(early).refused(RejectionCode.NO_OPEN_REQUEST)
    story.when(by_partner(WithdrawTermination)).then(like(TerminationWithdrawn, by="partner", status="active"))
    assert story.partnership().state.status == "active"


@pytest.mark.requirement("R113")
def test_one_that_is_stalled_goes_on_as_the_other_sides_at_once() -> None:
    arrears = facts(as_of=NOON + timedelta(days=40), settlements_outstanding=True)
    story = both_ask().when(later(days=30), arrears, reached("notice_end"))
    assert story.partnership().state.status == "ending"

    story.when(by_partner(WithdrawTermination), reached("notice_end"))
    state = story.partnership().state
    assert isinstance(state, Stalled)
    assert state.case.by == "customer"
    cleared = facts(as_of=NOON + timedelta(days=40, minutes=1))
    story.when(later(minutes=1), cleared, delivered())
    assert like_end(story) == ("customer", "terminated")


@pytest.mark.requirement("R41", "R113")
def test_and_what_the_agreements_end_has_overtaken_keeps_both() -> None:
    way = (until(20, as_of=10), delivered(), later(days=10), facts(as_of=NOON + timedelta(days=20), **OWING))
    story = both_ask().when(*way, reached("agreement_end"))
    state = story.partnership().state
    assert isinstance(state, Stalled)
    assert state.own is not None

    story.when(by_partner(WithdrawTermination), until(400, as_of=20), delivered())
    state = story.partnership().state
    assert isinstance(state, InNotice)
    assert (state.case.by, state.case.ends_at, state.case.second) == ("customer", NOON + timedelta(days=40), None)


@pytest.mark.requirement("R113")
@pytest.mark.parametrize("gone", [by_partner(WithdrawTermination), by_customer(WithdrawTermination)])
def test_what_is_stalled_and_escalated_stays_so_without_the_other_sides(gone: Send) -> None:
    """Else either side could keep the other's from the platform's decision, again and again."""
    long = (later(days=20), facts(as_of=NOON + timedelta(days=30), **OWING), reached("notice_end"), later(days=30))
    story = both_ask().when(*long, reached("stalled_too_long"), gone)

    state = story.partnership().state
    assert isinstance(state, Stalled)
    assert state.escalated
    assert ("customer", "termination_approved") not in told(story)
    story.when(by_platform(DecideTermination, approve=True))
    assert story.partnership().state.status == "terminated"


@pytest.mark.requirement("R113")
def test_the_platforms_no_leaves_the_request_whose_time_has_not_come() -> None:
    late = customer_asks(end_at=NOON + timedelta(days=120))
    asked = (*REFERRAL, FRESH, partner_asks(), later(days=10), late, later(days=20))
    story = given(*asked, facts(as_of=NOON + timedelta(days=30), **OWING), reached("notice_end"), later(days=30))
    story.when(reached("stalled_too_long"), NO)

    state = story.partnership().state
    assert isinstance(state, InNotice)
    assert (state.case.by, state.case.ends_at) == ("customer", NOON + timedelta(days=120))
    assert {("customer", "termination_rejected"), ("customer", "termination_approved")} <= told(story)


@pytest.mark.requirement("R63", "R113")
def test_each_sides_request_ends_it_by_its_own_checks_alone() -> None:
    orders = facts(as_of=NOON + timedelta(days=30), orders_awaiting_partner_payment=True)
    late = NOON + timedelta(days=90)
    of_partner = given(*REFERRAL, FRESH, customer_asks(end_at=late), partner_asks(), later(days=30), orders)
    of_partner.when(reached("notice_end"))
    assert like_end(of_partner) == ("partner", "terminated")

    of_customer = given(*REFERRAL, FRESH, partner_asks(end_at=late), customer_asks(), later(days=30), orders)
    of_customer.when(reached("notice_end"))
    assert isinstance(of_customer.partnership().state, Stalled)
    of_customer.when(later(days=60), reached("recheck"))
    assert like_end(of_customer) == ("partner", "terminated")


@pytest.mark.requirement("R57")
def test_a_choice_of_billing_goes_with_the_request_that_it_was_made_for() -> None:
    both = (*REFERRAL, FRESH, partner_asks(), customer_asks(billing_mode="none"))
    kept = given(*both, later(days=30)).when(reached("notice_end"))
    assert next(e for e in kept.events if isinstance(e, PartnershipTerminated)).billing_mode == "none"

    gone = given(*both, by_customer(WithdrawTermination), later(days=30)).when(reached("notice_end"))
    assert next(e for e in gone.events if isinstance(e, PartnershipTerminated)).billing_mode == "direct"


@pytest.mark.requirement("R57", "R113")
def test_and_stays_with_it_when_the_other_sides_is_gone() -> None:
    both = (*REFERRAL, FRESH, partner_asks(), later(days=10), customer_asks(billing_mode="none"))
    story = given(*both).when(by_partner(WithdrawTermination))
    story.then(TerminationWithdrawn, like(TerminationApproved, basis="goes_on", billing_mode="none"))
    story.when(later(days=30), reached("notice_end"))
    assert next(e for e in story.events if isinstance(e, PartnershipTerminated)).billing_mode == "none"


@pytest.mark.requirement("R62", "R74", "R76")
def test_who_asked_second_is_checked_by_its_own_request() -> None:
    once = (customer_asks(), by_customer(WithdrawTermination))
    story = given(*REFERRAL, FRESH, *once, partner_asks(), customer_asks()).when(by_customer(CheckTermination))
    checked = next(event for event in story.events if isinstance(event, TerminationChecked))
    assert (checked.passed, checked.next_allowed_at) == (True, None)


@pytest.mark.requirement("R113", "R130")
def test_who_needs_no_consent_may_ask_for_its_own_end_also_after_it_has_agreed_to_the_others() -> None:
    free = policy(consent_of_other_side={"referral": ["customer"]})
    far = customer_asks(end_at=NOON + timedelta(days=300))
    again = (partner_asks(), by_partner(WithdrawTermination))
    for agreed in ((partner_decides(),), again, (*again, *again)):
        story = given(*REFERRAL, FRESH, free, far, *agreed).when(partner_asks())
        state = story.partnership().state
        assert isinstance(state, InNotice)
        assert (state.case.by, state.case.ends_at) == ("partner", NOON + timedelta(days=30))
    held = given(*REFERRAL, FRESH, free, partner_asks(end_at=NOON + timedelta(days=300)))
    assert held.when(customer_asks()).rejection is None


EFFECTIVE = policy(facts_hours_max=8784, requests_counted="effective")


@pytest.mark.requirement("R62")
def test_the_platforms_no_to_both_gives_back_what_does_not_count() -> None:
    both = (customer_asks(end_at=NOON + timedelta(days=40)), partner_asks(), later(days=30))
    stall = (facts(as_of=NOON + timedelta(days=30), **OWING), reached("notice_end"), later(days=30))
    story = given(*REFERRAL, EFFECTIVE, *both, *stall, reached("stalled_too_long")).when(NO)
    story.then(like(TerminationRejected, by="customer", uncounted=True), like(TerminationRejected, status="active"))
    assert story.customer().submissions == ()
    said = {(e.party, e.params["by"]) for e in story.events if isinstance(e, NoticeSent)}
    assert said == {(party, by) for party in ("partner", "customer") for by in ("partner", "customer")}


@pytest.mark.requirement("R63", "R113")
def test_a_second_request_is_looked_at_when_its_own_time_comes() -> None:
    orders = facts(as_of=NOON + timedelta(days=30), orders_awaiting_partner_payment=True)
    sixtieth = timedelta(days=60, hours=6)
    way = (customer_asks(), later(days=30), orders, reached("notice_end"), later(days=30), reached())
    story = given(*REFERRAL, FRESH, partner_asks(end_at=NOON + sixtieth), *way)
    assert story.partnership().next_due_at == NOON + sixtieth
    early = given(*REFERRAL, FRESH, partner_asks(end_at=NOON + sixtieth), *way).when(by_partner(CheckTermination))
    checked = next(event for event in early.events if isinstance(event, TerminationChecked))
    assert (checked.passed, checked.earliest_end_at) == (True, NOON + sixtieth)
    # Also by who asked for it, and by a no that comes before the scheduler.
    for word in (reached("recheck"), by_partner(CheckTermination), NO):
        again = given(*REFERRAL, FRESH, partner_asks(end_at=NOON + sixtieth), *way).when(later(hours=7), word)
        assert like_end(again) == ("partner", "terminated")
        assert all(event.passed for event in again.events if isinstance(event, TerminationChecked))


@pytest.mark.requirement("R113")
@pytest.mark.parametrize(
    ("day", "next_look"),
    [(30, 31), (39.5, 40), (40, 41), (60, 61)],
    ids=["long before", "the day before", "just then", "after it"],
)
def test_and_else_a_day_later(day: float, next_look: int) -> None:
    """The customer's own request is for the fortieth day."""
    owing = facts(as_of=NOON + timedelta(days=30), **OWING)
    story = both_ask().when(later(days=20), owing, reached("notice_end"), later(days=day - 30))
    state = story.when(by_customer(CheckTermination)).partnership().state
    assert isinstance(state, Stalled)
    assert state.recheck_at == NOON + timedelta(days=next_look)


@pytest.mark.requirement("R41", "R113")
def test_a_renewal_leaves_a_draft_as_it_is_and_says_who_asked_and_until_when_the_agreement_goes() -> None:
    asked = (until(20), delivered(), customer_asks(end_at=NOON + timedelta(days=90)), later(days=19))
    over = (partner_requests(), later(days=1), facts(as_of=NOON + timedelta(days=20), **OWING))
    story = given(*REFERRAL, FRESH, *asked, *over, reached("agreement_end"))
    story.when(until(900, as_of=20), delivered())
    assert story.partnership().drafts.keys() == {"partner"}
    assert {("customer", "agreement_updated"), ("customer", "termination_approved")} <= told(story)
    approved = [event.basis for event in story.events if isinstance(event, TerminationApproved)]
    assert approved == ["goes_on"]


@pytest.mark.requirement("R41", "R79")
def test_what_would_have_ended_before_the_renewal_came_is_not_approved_for_a_day_that_is_over() -> None:
    over = (until(20), delivered(), later(days=20), facts(as_of=NOON + timedelta(days=20), **OWING))
    story = given(*REFERRAL, FRESH, partner_asks(), *over, reached("agreement_end"), later(days=20))
    story.when(until(400, as_of=40), delivered()).then(
        like(TerminationWithdrawn, by="platform", status="ending", stage="in_notice"), PartnershipAgreementUpdated
    )
    story.when(reached("notice_end"))
    assert isinstance(story.partnership().state, Stalled)


@pytest.mark.requirement("R47")
def test_a_waiver_does_not_outlive_what_it_was_given_for() -> None:
    plans = policy(facts_hours_max=8784, plans_of=("partner",))
    waived = by_platform(WaiveBlock, item="MIGRATION_PLAN_MISSING", reason=WHY)
    story = given(*REFERRAL, plans, partner_requests(), waived, customer_asks())
    assert story.partnership().waived == ()

    orders: dict[str, Any] = {"as_of": NOON + timedelta(days=20), "orders_awaiting_partner_payment": True}
    waived = by_platform(WaiveBlock, item="ORDERS_AWAITING_PARTNER_PAYMENT", reason=WHY)
    over = (later(days=20), facts(**orders), reached("agreement_end"), facts(**orders, **OWING), waived)
    story = given(*BOUND, FRESH, until(20), delivered(), partner_asks(), *over).when(until(900, as_of=20), delivered())
    assert story.partnership().state.status == "ending"
    assert story.partnership().waived == ()


OWING: dict[str, Any] = {"settlements_outstanding": True}


def like_end(story: Story) -> tuple[str, str]:
    state = story.partnership().state
    assert isinstance(state, Terminated)
    return state.by, state.status

"""Money: who bills, and how a final bill comes to its end on every path (R57, R59, R101 to R105)."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from contracts.business import BillPeriod
from contracts.commands.closing import (
    AnswerReactivation,
    ConfirmFinalBill,
    DisputeFinalBill,
    RecordClosingStep,
    RecordFinalBill,
    RequestReactivation,
    ResolveDispute,
)
from contracts.commands.facts import CustomerFacts, ReportCustomerStanding
from contracts.commands.termination import CheckTermination
from contracts.events.billing import (
    BillingSwitched,
    FinalBillConfirmed,
    FinalBillRecorded,
    FinalBillRequested,
    FinalBillWaived,
)
from contracts.events.binding import SwitchAborted
from contracts.events.checking import TerminationChecked
from contracts.events.closing import ClosingStepRecorded
from contracts.events.facts import QuotaUpdated
from contracts.events.notice import NoticeSent
from contracts.events.termination import TerminationSubmitted
from contracts.message import SYSTEM
from contracts.rejections import RejectionCode
from contracts.standing import BillingCycle
from handlers.actions import case_actions
from handlers.policy import Policy
from handlers.views import Viewer, view
from tests.situations import PERIOD, WHY
from tests.story import (
    BOUND,
    CLOSED,
    NOON,
    SUPPORT,
    TERMINATED,
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
    on,
    opened,
    partner_decides,
    platform_ends,
    policy,
    reached,
    registered,
    switch,
    verified,
)

ASKED = by_customer(RequestReactivation, consent_version="1")
AGREES = by_partner(AnswerReactivation, answer="agree", consent_version="1")
CONFIRM = by_customer(ConfirmFinalBill)
DISPUTE = by_customer(DisputeFinalBill, reason=WHY)
TO_P2 = (registered("p2"), facts(partner="p2"), invite("p2"), opened("p2"), verified("p2"))


def bill(amount: int, currency: str = "EUR", **data: Any) -> Send:
    return by_system(RecordFinalBill, amount=amount, currency=currency, period=PERIOD, **data)


def step(name: str, outcome: str) -> Send:
    by = by_system if outcome in ("done", "failed") else by_platform
    return by(RecordClosingStep, step=name, outcome=outcome, reason=WHY)


def resolve(**data: Any) -> Send:
    return on(ResolveDispute, SUPPORT, reason=WHY, **data)


def switched(story: Story) -> BillingSwitched:
    (found,) = [event for event in story.events if isinstance(event, BillingSwitched)]
    return found


# ---------------------------------------------------------------------------------------------------------- the bill


@pytest.mark.requirement("R104")
def test_a_customer_confirms_what_it_has_seen() -> None:
    story = given(*TERMINATED, bill(500)).when(bill(90_000, "USD"))
    seen = by_customer(ConfirmFinalBill, amount=500, currency="EUR")
    story.when(seen).refused(RejectionCode.VERSION_CONFLICT, amount=90_000, currency="USD")
    story.when(seen.but(amount=90_000)).refused(RejectionCode.VERSION_CONFLICT)
    story.when(seen.but(amount=90_000, currency="USD")).then(FinalBillConfirmed)


@pytest.mark.requirement("R88", "R103", "R106")
def test_a_bill_that_could_not_be_made_can_be_asked_for_or_done_without_after_a_reactivation_too() -> None:
    story = given(*TERMINATED, step("final_bill", "failed"), ASKED, AGREES)
    assert "RecordClosingStep" in case_actions(story.partnership(), story.partner(), "platform", Policy())
    story.when(step("final_bill", "retry")).then(like(ClosingStepRecorded, outcome="retry"))
    story.when(step("final_bill", "retry")).refused(RejectionCode.NOT_ALLOWED_IN_STATUS)
    story.when(step("final_bill", "waived")).then(ClosingStepRecorded, FinalBillWaived)
    given(*TERMINATED, ASKED, AGREES, step("final_bill", "failed")).when(bill(5)).then(FinalBillRecorded)
    story.when(step("restore", "done"))
    assert "RecordClosingStep" not in case_actions(story.partnership(), story.partner(), "platform", Policy())


@pytest.mark.requirement("R102", "R103", "R104")
def test_billing_hears_that_nobody_needs_the_bill_and_a_credit_is_not_done_without() -> None:
    story = given(*TERMINATED, bill(500)).when(step("final_bill", "waived"))
    story.then(ClosingStepRecorded, like(FinalBillWaived, amount=500, currency="EUR"))
    story.told(customer="final_bill_waived")
    last = given(*TERMINATED, step("billing", "done"), step("data", "done"), bill(5)).when(step("final_bill", "waived"))
    said = {e.template for e in last.events if isinstance(e, NoticeSent) and e.party == "customer"}
    assert said == {"final_bill_waived", "closing_completed"}
    given(*TERMINATED, bill(-1200)).when(step("final_bill", "waived")).refused(
        RejectionCode.NOT_ALLOWED_IN_STATUS, amount=-1200
    )


@pytest.mark.requirement("R103", "R105")
def test_each_end_has_its_bill_and_says_what_it_takes_in() -> None:
    story = given(*TERMINATED, bill(5), DISPUTE, ASKED, AGREES).when(platform_ends())
    requested = next(event for event in story.events if isinstance(event, FinalBillRequested))
    assert (requested.number, requested.takes_in) == (2, "disputed")
    story.when(bill(5, number=1)).refused(RejectionCode.VERSION_CONFLICT, number=2)
    story.when(bill(700, number=2)).then(like(FinalBillRecorded, amount=700))
    again = given(*CLOSED, ASKED, AGREES).when(platform_ends())
    requested = next(event for event in again.events if isinstance(event, FinalBillRequested))
    assert (requested.number, requested.takes_in) == (2, None)


@pytest.mark.requirement("R105")
def test_what_support_has_found_is_not_overwritten_and_a_dispute_is_seen_to_wait_for_it() -> None:
    story = given(*TERMINATED, bill(500), DISPUTE)
    card = view(story.partnership(), story.partner(), story.customer(), Viewer("customer", "c1"), Policy(), NOON)
    assert card is not None
    assert [(line.what, line.who) for line in card.waiting_on[:1]] == [("dispute", "support")]
    story.when(resolve(amount=400), bill(900, "USD")).refused(RejectionCode.NOT_ALLOWED_IN_STATUS, bill="resolved")
    story.when(CONFIRM).then(FinalBillConfirmed)


def test_a_bill_is_about_a_time_that_goes_forward() -> None:
    with pytest.raises(ValidationError, match="before starts_at"):
        BillPeriod(starts_at=NOON, ends_at=NOON - timedelta(days=1))


@pytest.mark.requirement("R101", "R102")
def test_a_billing_cycle_that_is_over_is_no_current_one() -> None:
    cycle = BillingCycle(starts_at=NOON, ends_at=NOON + timedelta(days=31))
    report = ReportCustomerStanding(actor=SYSTEM, as_of=NOON, facts=CustomerFacts(), billing_cycle=cycle)
    later_on = (*BOUND, Send(report, "c1", "c1"), later(days=31), facts(as_of=NOON + timedelta(days=31)))
    given(*later_on).when(by_customer(CheckTermination)).then(like(TerminationChecked, billing_cycle=None))
    ended = given(*later_on).when(platform_ends())
    assert [event.cycle for event in ended.events if isinstance(event, FinalBillRequested)] == [None]


# ------------------------------------------------------------------------------------------------------------ who bills


@pytest.mark.requirement("R57")
def test_who_billed_before_is_who_was_told_last() -> None:
    """The events of one customer are about several partnerships: this is the only chain between them."""
    own_choice = (*BOUND, customer_asks(billing_mode="partner"), partner_decides())
    for story in (given(*own_choice, ASKED).when(AGREES), given(*own_choice, *TO_P2).when(accept("p2"))):
        assert (switched(story).from_mode, switched(story).from_partner_id) == ("partner", "p1")
    direct = given(*TERMINATED, *TO_P2).when(accept("p2"))
    assert (switched(direct).from_mode, switched(direct).from_partner_id) == ("direct", None)
    moved = given(*BOUND, *TO_P2, switch("p2")).when(delivered())
    assert (switched(moved).from_partner_id, switched(moved).to_partner_id) == ("p1", "p2")


@pytest.mark.requirement("R30", "R57")
@pytest.mark.parametrize("steps", [BOUND, (*TERMINATED, ASKED, AGREES)], ids=["bound", "back again"])
def test_whose_customer_it_is_bills_it(steps: tuple[Step, ...]) -> None:
    customer = given(*steps).customer()
    assert (customer.billing_mode, customer.billing_partner_id) == ("partner", "p1")


@pytest.mark.requirement("R57", "R98")
def test_who_bills_outlives_a_purge() -> None:
    none = (*BOUND, customer_asks(billing_mode="none"), partner_decides(), bill(5), CONFIRM)
    purged = given(*none, step("billing", "done"), step("data", "done"), later(days=30), reached("retention_end"))
    assert purged.customer().legal_name == ""
    assert purged.customer().billing_mode == "none"


@pytest.mark.requirement("R43", "R57")
def test_who_leaves_to_be_billed_directly_is() -> None:
    for mode in ("partner", "none"):
        asked = given(*BOUND).when(customer_asks(category="direct_billing", billing_mode=mode))
        submitted = next(event for event in asked.events if isinstance(event, TerminationSubmitted))
        assert submitted.billing_mode == "direct"
        ended = asked.when(partner_decides())
        assert (switched(ended).to_mode, switched(ended).to_partner_id) == ("direct", None)


@pytest.mark.requirement("R98", "R118")
def test_a_purged_partnership_takes_nothing_in() -> None:
    ended = (bill(5), CONFIRM, step("billing", "done"), step("data", "done"), later(days=30), reached())
    story = given(*CLOSED, ASKED, AGREES, platform_ends(), *ended)
    story.when(step("restore", "failed")).refused(RejectionCode.PARTNERSHIP_READ_ONLY)
    given(*CLOSED, ASKED, AGREES, platform_ends()).when(step("restore", "done")).refused(
        RejectionCode.PARTNERSHIP_READ_ONLY
    )


# -------------------------------------------------------------------------------------------------------------- places


@pytest.mark.requirement("R59")
def test_a_renewal_takes_no_second_place() -> None:
    full = (registered(quota=1), *BOUND[1:], policy(own_customers_may_be_invited=True))
    story = given(*full).when(invite(subject="again", customer_id="c1"))
    assert (story.rejection, story.partner().quota.reserved) == (None, 0)
    for one in (opened(token="invitation:again:1"), verified(), accept(switch_confirmed=True)):  # noqa: S106
        story.when(Send(one.command, "again", "p1"))
        assert story.rejection is None
    assert (story.partner().quota.bound, story.partner().quota.reserved) == (1, 1), "nobody takes it in between"
    story.when(delivered())
    assert (story.partner().quota.bound, story.partner().quota.reserved) == (1, 0)


@pytest.mark.requirement("R59")
def test_a_switch_that_came_to_nothing_gives_its_place_back_and_an_offer_keeps_its_own() -> None:
    way = (*BOUND, registered("p2", quota=1), policy(reserve_on_invite=False), *TO_P2[1:], switch("p2"))
    story = given(*way, facts(account_in_arrears=True)).when(delivered())
    aborted = [event for event in story.events if isinstance(event, SwitchAborted | QuotaUpdated)]
    assert [type(event) for event in aborted] == [SwitchAborted, QuotaUpdated]
    assert story.partner("p2").quota.reserved == 0
    assert story.when(facts("c2", partner="p2"), invite("p2", "c2")).rejection is None

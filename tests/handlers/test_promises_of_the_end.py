"""What a side is promised that asks for an end: what it gave is kept, what the policy says counts, and who may ask."""

from datetime import timedelta
from typing import Any

import pytest

from contracts.business import BillPeriod
from contracts.commands.binding import SuspendPartnership
from contracts.commands.closing import (
    DisputeFinalBill,
    RecordClosingStep,
    RecordFinalBill,
    ResolveDispute,
)
from contracts.commands.termination import (
    Checklist,
    ConfirmTermination,
    RequestTermination,
    SendVerificationCode,
    SubmitVerificationCode,
)
from contracts.events.billing import (
    BillingSwitched,
    DisputeResolved,
    FinalBillConfirmed,
    FinalBillRecorded,
    FinalBillRequested,
)
from contracts.events.closing import ClosingStalled, ClosingStepRecorded, DataRetentionStarted
from contracts.events.facts import QuotaUpdated
from contracts.events.termination import (
    PartnershipTerminated,
    TerminationApproved,
    TerminationConfirmed,
    TerminationDecisionRequested,
    TerminationDrafted,
    TerminationSubmitted,
    VerificationCodeAccepted,
)
from contracts.message import Route
from contracts.rejections import RejectionCode
from handlers.states import Ending, Terminated
from tests.situations import WHY
from tests.story import (
    BOUND,
    CLOSED,
    CODE_NEEDED,
    DRAFTED,
    NOON,
    PENDING,
    READ,
    SUPPORT,
    Enter,
    Send,
    Step,
    Story,
    accept,
    by_customer,
    by_platform,
    by_support,
    by_system,
    customer_asks,
    customer_confirms,
    customer_decides,
    customer_requests,
    facts,
    given,
    invite,
    later,
    like,
    on,
    opened,
    partner_asks,
    partner_confirms,
    partner_decides,
    partner_is,
    partner_requests,
    platform_ends,
    policy,
    reached,
    registered,
    verified,
)

DAY = timedelta(days=1)
PERIOD = BillPeriod(starts_at=NOON, ends_at=NOON)
REFERRAL: tuple[Step, ...] = (registered(), facts(), invite(model="referral"), opened(), verified(), accept())
LONG_REFERRAL: tuple[Step, ...] = (registered(notice_days=30), *REFERRAL[1:])
WITH_ITS_END = (QuotaUpdated, BillingSwitched, FinalBillRequested, DataRetentionStarted)


def bill(amount: int = 500) -> Send:
    return by_system(RecordFinalBill, amount=amount, currency="EUR", period=PERIOD)


def ending(story: Story) -> Ending:
    state = story.partnership().state
    assert isinstance(state, Ending)
    return state


def terminated(story: Story) -> Terminated:
    state = story.partnership().state
    assert isinstance(state, Terminated)
    return state


# ------------------------------------------------------------------------------------------------------- what was given


@pytest.mark.requirement("R82", "R93")
@pytest.mark.parametrize("route", ["assisted_phone", "assisted_mail", "assisted_chat"])
def test_by_which_way_it_was_asked_through_customer_service_is_told(route: str) -> None:
    way: dict[str, Any] = {"route": Route(route)}
    asks = by_support(RequestTermination, category="customer_request", reason=WHY, **way)
    given(*BOUND).when(asks).then(like(TerminationDrafted, route=route))
    confirms = by_support(ConfirmTermination, warning_version="1", checklist=READ, caller_consents=True, **way)
    code = Enter(by_support(SubmitVerificationCode, code="latest", **way))
    given(*BOUND, asks, confirms, by_support(SendVerificationCode, **way)).when(code).then(
        VerificationCodeAccepted,
        like(TerminationSubmitted, by="customer", route=route),
        TerminationDecisionRequested,
    )


@pytest.mark.requirement("R82")
def test_by_itself_a_side_asks_in_the_back_office() -> None:
    given(*BOUND).when(customer_asks()).then(
        VerificationCodeAccepted, like(TerminationSubmitted, route="self_service"), TerminationDecisionRequested
    )
    given(*BOUND).when(partner_asks()).then(
        TerminationConfirmed, like(TerminationSubmitted, route="self_service"), TerminationDecisionRequested
    )


REASONS = {
    "customer": ["customer_request", "agreement_early_termination", "direct_billing"],
    "partner": ["partner_business_adjustment", "agreement_early_termination"],
    "platform": ["account_violation", "policy_violation"],
}
NOBODYS = ["agreement_expired", "partner_switch", "renewal"]
ASKS = {"customer": customer_requests(), "partner": partner_requests(), "platform": platform_ends()}


@pytest.mark.requirement("R37", "R38", "R39", "R40", "R42", "R43", "R86", "R121")
@pytest.mark.parametrize("who", REASONS)
def test_a_reason_is_asked_for_and_it_is_one_of_its_own(who: str) -> None:
    for nothing in (None, "", "   "):
        given(*BOUND).when(ASKS[who].but(reason=nothing)).refused(RejectionCode.REASON_REQUIRED, characters_min=10)
    own = REASONS[who]
    for category in own:
        assert given(*BOUND).when(ASKS[who].but(category=category)).rejection is None
    others = {category for categories in REASONS.values() for category in categories} - set(own)
    for category in (*others, *NOBODYS):
        given(*BOUND).when(ASKS[who].but(category=category)).refused(RejectionCode.NOT_AUTHORIZED, categories=own)


@pytest.mark.requirement("R86", "R121")
def test_which_reasons_a_side_may_give_is_a_policy() -> None:
    only: dict[str, Any] = {"customer": ("customer_request",), "partner": (), "platform": ()}
    given(*BOUND, policy(categories=only)).when(customer_requests(category="direct_billing")).refused(
        RejectionCode.NOT_AUTHORIZED, categories=["customer_request"]
    )


@pytest.mark.requirement("R51", "R53", "R86", "R121")
@pytest.mark.parametrize(
    ("asks", "side", "category", "reason"),
    [
        (
            customer_asks(category="agreement_early_termination", reason="the service was too slow"),
            "customer",
            "agreement_early_termination",
            "the service was too slow",
        ),
        (
            partner_asks(reason="we serve no small customers"),
            "partner",
            "partner_business_adjustment",
            "we serve no small customers",
        ),
    ],
    ids=["customer", "partner"],
)
def test_the_reason_is_kept_from_the_request_to_the_end(asks: Any, side: str, category: str, reason: str) -> None:
    draft = given(*BOUND, asks.request).partnership().drafts
    assert [(draft[by].category, draft[by].details.reason) for by in draft] == [(category, reason)]
    asked = given(*BOUND, asks)
    assert (ending(asked).case.category, ending(asked).case.details.reason) == (category, reason)
    yes = partner_decides() if side == "customer" else customer_decides()
    ended = given(*BOUND, asks).when(yes)
    ended.then(TerminationApproved, like(PartnershipTerminated, by=side, category=category), *WITH_ITS_END)
    assert (terminated(ended).by, terminated(ended).category) == (side, category)
    assert terminated(ended).reason == reason
    assert reason not in ended.events[1].model_dump_json(), "it stays with the parties"


@pytest.mark.requirement("R39", "R40", "R121")
def test_the_platforms_reason_is_kept_too() -> None:
    assert terminated(given(*BOUND, platform_ends())).reason == "resold to a sanctioned country"
    assert terminated(given(*PENDING, platform_ends())).reason == "resold to a sanctioned country"


@pytest.mark.requirement("R98", "R121")
def test_a_reason_is_kept_until_the_purge_and_no_longer() -> None:
    kept = given(*CLOSED, later(days=29))
    assert terminated(kept).reason == "we take our business elsewhere"
    kept.when(later(days=1), reached("retention_end"))
    assert "elsewhere" not in kept.partnership().model_dump_json()


@pytest.mark.requirement("R107")
def test_where_it_moves_to_is_kept_with_the_request() -> None:
    moves = customer_requests(successor="Another System")
    asked = given(registered(notice_days=30), *BOUND[1:], moves, customer_confirms(), *CODE)
    assert ending(asked).case.details.successor == "Another System"
    assert ending(asked.when(partner_decides())).case.details.successor == "Another System"
    both = given(*LONG_REFERRAL, partner_asks(), moves).when(customer_confirms())
    second = ending(both).case.second
    assert second is not None
    assert (second.by, second.details.successor) == ("customer", "Another System")
    for entry in asked.world.journal:
        assert not [e for e in entry.events if "Another System" in e.event.model_dump_json()], "nobody else is told"


CODE = (by_customer(SendVerificationCode), Enter(by_customer(SubmitVerificationCode, code="latest")))


@pytest.mark.requirement("R75", "R96", "R104", "R112")
def test_what_it_has_seen_to_is_kept_as_it_was_said() -> None:
    assert given(*DRAFTED).partnership().drafts["customer"].checklist is None
    assert given(*CODE_NEEDED).partnership().drafts["customer"].checklist == Checklist(
        warnings_read=True, data_backed_up=True, bill_checked=True, support_known=True
    )
    for name in ("data_backed_up", "bill_checked", "support_known"):
        only_that = Checklist.model_validate({"warnings_read": True, name: True})
        story = given(*DRAFTED).when(customer_confirms(checklist=only_that))
        story.then(like(TerminationConfirmed, by="customer", checklist=only_that))
        assert story.partnership().drafts["customer"].checklist == only_that


# ---------------------------------------------------------------------------------------------------------- who may ask


@pytest.mark.requirement("R113", "R130")
@pytest.mark.parametrize(
    "standing",
    [partner_is(status="restricted"), partner_is(negative_records=3), partner_is(quota_limit=0)],
    ids=["restricted", "negative records", "no quota"],
)
def test_who_may_not_bind_may_end(standing: Send) -> None:
    given(*BOUND, standing).when(partner_requests()).then(like(TerminationDrafted, by="partner"))
    given(*BOUND, standing).when(partner_asks()).then(
        TerminationConfirmed, like(TerminationSubmitted, by="partner"), TerminationDecisionRequested
    )
    given(*BOUND, standing, partner_asks()).when(customer_decides()).then(
        TerminationApproved, like(PartnershipTerminated, by="partner"), *WITH_ITS_END
    )
    given(*BOUND, standing).when(customer_asks()).then(
        VerificationCodeAccepted, TerminationSubmitted, like(TerminationDecisionRequested, decider="partner")
    )
    given(*BOUND, standing, customer_asks()).when(partner_decides()).then(
        TerminationApproved, like(PartnershipTerminated, by="customer"), *WITH_ITS_END
    )


@pytest.mark.requirement("R39", "R113", "R130")
def test_either_side_may_end_what_is_suspended_and_an_unfit_customer_may_leave() -> None:
    suspended = by_platform(SuspendPartnership, reason=WHY)
    unfit = facts(qualified=False, compliant=False)
    for before in ((*BOUND, suspended), (*BOUND, unfit)):
        given(*before).when(partner_asks()).then(
            TerminationConfirmed, TerminationSubmitted, TerminationDecisionRequested
        )
        given(*before).when(customer_asks()).then(
            VerificationCodeAccepted, TerminationSubmitted, TerminationDecisionRequested
        )


@pytest.mark.requirement("R113", "R124", "R130")
@pytest.mark.parametrize(("asks", "by"), [(customer_asks(), "customer"), (partner_asks(), "partner")])
def test_of_an_end_without_consent_both_hear_by_one_notice(asks: Step, by: str) -> None:
    """With a notice period of the approval, without one of the end."""
    story = given(*LONG_REFERRAL).when(asks).told(partner="termination_approved", customer="termination_approved")
    assert ending(story).case.by == by
    given(*REFERRAL).when(asks).told(partner="partnership_terminated", customer="partnership_terminated")


# ------------------------------------------------------------------------------------------------- what counts after it


@pytest.mark.requirement("R88")
@pytest.mark.parametrize("days", [3, 20])
def test_how_long_a_closing_may_take_is_a_policy(days: int) -> None:
    steps = (*BOUND, policy(completion_days=days), customer_asks())
    given(*steps).when(partner_decides()).then(
        TerminationApproved, like(PartnershipTerminated, complete_by=NOON + days * DAY), *WITH_ITS_END
    )
    story = given(*steps, partner_decides(), later(days=days, minutes=-1))
    assert story.when(reached("closing")).events == []
    story.when(later(minutes=1), reached("closing")).then(ClosingStalled).told(platform="closing_stalled")


@pytest.mark.requirement("R88")
def test_what_is_tried_again_has_as_long_again() -> None:
    late = (*BOUND, policy(completion_days=3), customer_asks(), partner_decides(), later(days=3), reached("closing"))
    failed = by_system(RecordClosingStep, step="data", outcome="failed")
    story = given(*late, failed).when(by_platform(RecordClosingStep, step="data", outcome="retry"))
    story.then(like(ClosingStepRecorded, outcome="retry"))
    assert terminated(story).complete_by == NOON + 6 * DAY


@pytest.mark.requirement("R104")
@pytest.mark.parametrize("days", [2, 21])
def test_how_long_a_customer_may_check_its_bill_is_a_policy(days: int) -> None:
    ended = (*BOUND, policy(bill_confirmation_days=days), customer_asks(), partner_decides())
    given(*ended, later(days=1)).when(bill()).then(like(FinalBillRecorded, confirm_by=NOON + (1 + days) * DAY))
    story = given(*ended, bill(), later(days=days, minutes=-1))
    assert story.when(reached("bill_confirmation")).events == []
    story.when(later(minutes=1), reached("bill_confirmation")).then(like(FinalBillConfirmed, automatic=True))


@pytest.mark.requirement("R104", "R105")
def test_what_support_has_found_may_be_checked_as_long() -> None:
    ended = (*BOUND, policy(bill_confirmation_days=21), customer_asks(), partner_decides())
    doubted = (bill(), by_customer(DisputeFinalBill, reason=WHY), later(days=5))
    given(*ended, *doubted).when(on(ResolveDispute, SUPPORT, amount=400, reason=WHY)).then(
        like(DisputeResolved, amount=400, currency="EUR", confirm_by=NOON + 26 * DAY)
    )


@pytest.mark.requirement("R102", "R103")
@pytest.mark.parametrize(("refund", "prorate"), [("pro_rata", True), ("none", False)])
def test_whether_the_rest_of_a_cycle_is_given_back_is_a_policy(refund: str, prorate: bool) -> None:  # noqa: FBT001 - a row
    story = given(*BOUND, policy(refund=refund), customer_asks()).when(partner_decides())
    (requested,) = [event for event in story.events if isinstance(event, FinalBillRequested)]
    assert requested.prorate is prorate


@pytest.mark.requirement("R130")
def test_both_sides_go_the_same_way_to_the_end() -> None:
    """A partner gives its plans besides, and needs no code."""
    for asks, confirms, decides, by in (
        (customer_requests(), customer_confirms(), partner_decides(), "customer"),
        (partner_requests(), partner_confirms(), customer_decides(), "partner"),
    ):
        story = given(*BOUND).when(asks).then(like(TerminationDrafted, by=by, draft_stage="unconfirmed"))
        story.when(confirms)
        assert isinstance(story.events[0], TerminationConfirmed)
        story.when(*(CODE if by == "customer" else ()), decides)
        story.then(TerminationApproved, like(PartnershipTerminated, by=by), *WITH_ITS_END)

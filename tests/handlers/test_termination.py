"""The end of a partnership."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given as examples
from hypothesis import strategies as st

from contracts.events.billing import BillingSwitched, FinalBillRequested
from contracts.events.closing import DataRetentionStarted
from contracts.events.facts import QuotaUpdated
from contracts.events.invitation import InvitationSent
from contracts.events.termination import (
    PartnershipTerminated,
    TerminationApproved,
    TerminationConfirmed,
    TerminationDecisionRequested,
    TerminationRejected,
    TerminationStalled,
    TerminationSubmitted,
    VerificationCodeAccepted,
)
from contracts.message import Role
from contracts.rejections import RejectionCode
from handlers.blocks import months_later
from tests.story import (
    BOUND,
    IN_NOTICE,
    NOON,
    PENDING,
    PLATFORM,
    STALLED,
    TERMINATED,
    Step,
    accept,
    customer_asks,
    customer_decides,
    customer_requests,
    customer_user,
    facts,
    given,
    invite,
    later,
    like,
    opened,
    partner_asks,
    partner_decides,
    partner_is,
    partner_user,
    platform_ends,
    policy,
    registered,
    verified,
)

REFERRAL: tuple[Step, ...] = (registered(), facts(), invite(model="referral"), opened(), verified(), accept())


@pytest.mark.requirement("R37", "R53", "R61", "R78", "R80")
def test_a_reseller_customers_request_waits_for_its_partner() -> None:
    given(*BOUND).when(customer_asks()).then(
        VerificationCodeAccepted,
        like(TerminationSubmitted, by="customer", counted=True, stage="pending_decision"),
        like(TerminationDecisionRequested, decider="partner", decide_by=NOON + timedelta(days=10)),
    ).told(customer="termination_submitted", partner="termination_decision_requested")


@pytest.mark.requirement("R38", "R51", "R81")
def test_a_partners_request_waits_for_its_customer_and_does_not_count() -> None:
    given(*BOUND).when(partner_asks()).then(
        TerminationConfirmed,
        like(TerminationSubmitted, by="partner", counted=False),
        like(TerminationDecisionRequested, decider="customer"),
    )


@pytest.mark.requirement("R61", "R113")
def test_in_the_referral_model_nobody_has_to_agree() -> None:
    given(*REFERRAL).when(customer_asks()).then(
        TerminationConfirmed,
        TerminationSubmitted,
        like(TerminationApproved, basis="no_consent_needed"),
        like(PartnershipTerminated, by="customer"),
        QuotaUpdated,
        BillingSwitched,
        FinalBillRequested,
        DataRetentionStarted,
    ).told(partner="partnership_terminated", customer="partnership_terminated")


@pytest.mark.requirement("R56", "R57", "R59", "R60", "R79")
def test_an_approved_end_without_notice_takes_effect_at_once() -> None:
    story = given(*BOUND, customer_asks(billing_mode="none")).when(partner_decides())

    story.then(
        like(TerminationApproved, basis="decision"),
        like(PartnershipTerminated, status="terminated", by="customer", billing_mode="none"),
        like(QuotaUpdated, bound=0),
        like(BillingSwitched, from_partner_id="p1", from_mode="partner", to_mode="none", to_partner_id=None),
        FinalBillRequested,
        DataRetentionStarted,
    ).told(partner="partnership_terminated", customer="partnership_terminated")
    assert story.customer().live is None


@pytest.mark.requirement("R45", "R48")
@pytest.mark.parametrize(("agreed", "days"), [(None, 30), (7, 7)])
def test_an_approved_end_comes_when_the_notice_period_is_over(agreed: int | None, days: int) -> None:
    story = given(registered(notice_days=agreed), *BOUND[1:], customer_asks(), later(days=2)).when(partner_decides())

    story.then(like(TerminationApproved, stage="in_notice", ends_at=NOON + timedelta(days=days)))
    assert story.partner().quota.bound == 1


@pytest.mark.requirement("R57")
def test_the_customer_chooses_its_billing_whichever_side_asked() -> None:
    given(*BOUND, partner_asks(billing_mode="none")).when(customer_decides(billing_mode="partner")).then(
        TerminationApproved,
        like(PartnershipTerminated, billing_mode="partner"),
        QuotaUpdated,
        BillingSwitched,
        FinalBillRequested,
        DataRetentionStarted,
    )
    given(*BOUND, partner_asks(billing_mode="none")).when(customer_decides()).then(
        TerminationApproved,
        like(PartnershipTerminated, billing_mode="direct"),
        QuotaUpdated,
        BillingSwitched,
        FinalBillRequested,
        DataRetentionStarted,
    )


@pytest.mark.requirement("R80", "R81")
def test_after_a_no_everything_is_as_it_was() -> None:
    story = given(*PENDING).when(partner_decides(approve=False, reason="there is a contract until June"))
    story.then(like(TerminationRejected, status="active")).told(
        partner="termination_rejected", customer="termination_rejected"
    )
    assert story.partnership().state == given(*BOUND).partnership().state


@pytest.mark.requirement("R80")
def test_a_no_needs_a_reason() -> None:
    given(*PENDING).when(partner_decides(approve=False)).refused(RejectionCode.REASON_REQUIRED)


@pytest.mark.requirement("R46", "R121")
@pytest.mark.parametrize("reason", [None, "", "too short", "          x"])
def test_a_request_needs_a_reason_that_says_something(reason: str | None) -> None:
    given(*BOUND).when(customer_asks(reason=reason)).refused(RejectionCode.REASON_REQUIRED, characters_min=10)
    assert given(*BOUND).when(customer_requests(reason="  ten signs ")).rejection is not None
    assert given(*BOUND).when(customer_requests(reason="  ten signs.")).rejection is None


@pytest.mark.requirement("R83")
@pytest.mark.parametrize("role", [Role.OPERATOR, Role.VIEWER])
def test_only_administrators_end_a_partnership(role: Role) -> None:
    given(*BOUND).when(customer_asks(actor=customer_user(role=role))).refused(RejectionCode.NOT_AUTHORIZED)
    given(*BOUND).when(partner_asks(actor=partner_user(role=role))).refused(RejectionCode.NOT_AUTHORIZED)
    given(*PENDING).when(partner_decides(actor=partner_user(role=role))).refused(RejectionCode.NOT_AUTHORIZED)


@pytest.mark.requirement("R37", "R38", "R39")
@pytest.mark.parametrize(
    "command",
    [
        customer_asks(category="account_violation"),
        partner_asks(category="customer_request"),
        customer_asks(category="partner_switch"),
        platform_ends().but(category="direct_billing"),
    ],
)
def test_each_side_gives_the_reasons_that_are_its_own(command: Step) -> None:
    given(*BOUND).when(command).refused(RejectionCode.NOT_AUTHORIZED)


@pytest.mark.requirement("R39", "R40")
@pytest.mark.parametrize("before", [BOUND, PENDING, IN_NOTICE, (*BOUND, facts(account_status="frozen"))])
@pytest.mark.parametrize("violation", ["account_violation", "policy_violation"])
def test_the_platform_ends_a_violators_partnership_at_once(before: tuple[Step, ...], violation: str) -> None:
    given(*before).when(platform_ends().but(category=violation)).then(
        like(PartnershipTerminated, by="platform", category=violation),
        QuotaUpdated,
        BillingSwitched,
        FinalBillRequested,
        DataRetentionStarted,
    )


@pytest.mark.requirement("R62")
def test_a_customer_asks_once_in_three_calendar_months() -> None:
    rejected = partner_decides(approve=False, reason="please stay with us")
    story = given(*BOUND, customer_asks(), rejected)
    story.when(customer_asks()).refused(RejectionCode.REQUEST_LIMIT_REACHED, next_allowed_at="2026-04-15T12:00:00.000Z")
    story.when(later(days=89, hours=23), facts(as_of=NOON + timedelta(days=89)), customer_asks()).refused(
        RejectionCode.REQUEST_LIMIT_REACHED
    )
    story.when(later(hours=1), customer_asks()).then(
        VerificationCodeAccepted, TerminationSubmitted, TerminationDecisionRequested
    )


@pytest.mark.requirement("R62")
def test_the_customers_limit_does_not_keep_its_partner_from_asking() -> None:
    rejected = partner_decides(approve=False, reason="please stay with us")
    given(*PENDING, rejected).when(partner_asks()).then(
        TerminationConfirmed, TerminationSubmitted, TerminationDecisionRequested
    )


@pytest.mark.requirement("R62")
def test_the_limit_counts_over_all_partners() -> None:
    again = (registered("p2"), invite("p2"), opened("p2"), verified("p2"), accept("p2"), facts(partner="p2"))
    given(*TERMINATED, *again).when(customer_asks("p2")).refused(RejectionCode.REQUEST_LIMIT_REACHED)


@pytest.mark.requirement("R62")
def test_the_policy_says_how_many_requests_are_allowed() -> None:
    rejected = partner_decides(approve=False, reason="please stay with us")
    twice = (policy(requests_max=2), customer_asks(), rejected)
    given(*BOUND, *twice).when(customer_asks()).then(
        VerificationCodeAccepted, TerminationSubmitted, TerminationDecisionRequested
    )
    given(*BOUND, *twice, customer_asks(), rejected).when(customer_asks()).refused(RejectionCode.REQUEST_LIMIT_REACHED)


@pytest.mark.requirement("R62")
@pytest.mark.parametrize(
    ("start", "months", "end"),
    [
        ((2026, 1, 31), 3, (2026, 4, 30)),
        ((2025, 11, 30), 3, (2026, 2, 28)),
        ((2023, 11, 30), 3, (2024, 2, 29)),
        ((2026, 10, 1), 3, (2027, 1, 1)),
        ((2026, 9, 30), 15, (2027, 12, 30)),
    ],
)
def test_three_months_are_calendar_months(start: tuple[int, int, int], months: int, end: tuple[int, int, int]) -> None:
    assert months_later(datetime(*start, 23, 59, tzinfo=UTC), months) == datetime(*end, 23, 59, tzinfo=UTC)


@pytest.mark.requirement("R62")
@examples(st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2200, 1, 1)), st.integers(1, 24))  # noqa: DTZ001 - hypothesis adds the zone
def test_later_months_never_skip_one(moment: datetime, months: int) -> None:
    moment = moment.replace(tzinfo=UTC)
    result = months_later(moment, months)
    assert (result.year - moment.year) * 12 + result.month - moment.month == months
    assert result.day <= moment.day


BLOCKS_OF_A_RESELLER_CUSTOMER = [
    ("R63", "orders_awaiting_partner_payment", True, "ORDERS_AWAITING_PARTNER_PAYMENT"),
    ("R64", "independent_members_attached", True, "INDEPENDENT_MEMBERS_ATTACHED"),
    ("R65", "account_in_arrears", True, "ACCOUNT_IN_ARREARS"),
    ("R66", "reserved_instances_active", True, "RESERVED_INSTANCES_ACTIVE"),
    ("R67", "partner_support_plan_active", True, "PARTNER_SUPPORT_PLAN_ACTIVE"),
    ("R68", "currency_set", False, "CURRENCY_NOT_SET"),
    ("R69", "special_commerce_contract", True, "SPECIAL_COMMERCE_CONTRACT"),
    ("R44", "settlements_outstanding", True, "SETTLEMENTS_OUTSTANDING"),
    ("R70", "account_status", "frozen", "ACCOUNT_FROZEN"),
]


@pytest.mark.parametrize(
    ("fact", "value", "item"),
    [pytest.param(*row[1:], marks=pytest.mark.requirement(row[0]), id=row[0]) for row in BLOCKS_OF_A_RESELLER_CUSTOMER],
)
def test_each_fact_blocks_a_reseller_customer(fact: str, value: Any, item: str) -> None:
    assert given(*BOUND, facts(**{fact: value})).when(customer_asks()).items == [item]


@pytest.mark.requirement("R74", "R76")
def test_all_blocks_are_named_at_once_with_remedy_and_who_can_do_it() -> None:
    everything: dict[str, Any] = {fact: value for _, fact, value, _ in BLOCKS_OF_A_RESELLER_CUSTOMER}
    story = given(*BOUND, facts(**everything)).when(customer_asks()).refused(RejectionCode.TERMINATION_BLOCKED)

    assert set(story.items) == {item for *_, item in BLOCKS_OF_A_RESELLER_CUSTOMER}
    assert story.rejection is not None
    items: Any = story.rejection.details["items"]
    assert all(item["remedy"] and item["who"] for item in items)


@pytest.mark.requirement("R70")
def test_a_referral_customer_is_blocked_by_orders_and_settlements_only() -> None:
    everything: dict[str, Any] = {fact: value for _, fact, value, _ in BLOCKS_OF_A_RESELLER_CUSTOMER}
    story = given(*REFERRAL, facts(**everything)).when(customer_asks())
    assert set(story.items) == {"ORDERS_AWAITING_PARTNER_PAYMENT", "SETTLEMENTS_OUTSTANDING"}


@pytest.mark.requirement("R47", "R49")
@pytest.mark.parametrize("before", [BOUND, REFERRAL])
def test_a_partner_gives_a_migration_plan_and_an_alternative_service(before: tuple[Step, ...]) -> None:
    story = given(*before).when(partner_asks(migration_plan=None, alternative_service=" "))
    assert story.items == ["MIGRATION_PLAN_MISSING", "ALTERNATIVE_SERVICE_MISSING"]


@pytest.mark.requirement("R63", "R67")
def test_dealings_with_another_partner_do_not_block() -> None:
    given(*BOUND, facts(partner="p9", orders_awaiting_partner_payment=True)).when(customer_asks()).then(
        VerificationCodeAccepted, TerminationSubmitted, TerminationDecisionRequested
    )


@pytest.mark.requirement("R74")
def test_facts_that_are_a_day_old_are_not_known() -> None:
    story = given(*BOUND, later(hours=24)).when(customer_asks())
    story.then(VerificationCodeAccepted, TerminationSubmitted, TerminationDecisionRequested)
    assert given(*BOUND, later(hours=24, seconds=1)).when(customer_asks()).items == ["FACTS_UNKNOWN"]


@pytest.mark.requirement("R55", "R74")
def test_a_block_that_appears_before_the_approval_stalls_the_end() -> None:
    given(*PENDING, facts(account_in_arrears=True)).when(partner_decides()).then(
        TerminationApproved, like(TerminationStalled, stage="stalled", items=("ACCOUNT_IN_ARREARS",))
    ).told(partner="termination_stalled", customer="termination_stalled")


@pytest.mark.requirement("R80")
def test_nobody_decides_on_their_own_request() -> None:
    given(*PENDING).when(customer_decides()).refused(RejectionCode.NOT_YOUR_TURN, decider="partner")
    given(*BOUND, partner_asks()).when(partner_decides()).refused(RejectionCode.NOT_YOUR_TURN, decider="customer")


@pytest.mark.requirement("R80")
def test_the_decisions_of_a_closed_partner_fall_to_the_platform() -> None:
    by_platform = partner_decides().but(actor=PLATFORM)
    closed = (*PENDING, partner_is(status="closed"))
    given(*PENDING).when(by_platform).refused(RejectionCode.NOT_YOUR_TURN)
    given(*closed).when(partner_decides()).refused(RejectionCode.PARTNER_NOT_ACTIVE)
    given(*closed).when(by_platform).then(
        TerminationApproved,
        PartnershipTerminated,
        QuotaUpdated,
        BillingSwitched,
        FinalBillRequested,
        DataRetentionStarted,
    )


@pytest.mark.requirement("R3", "R80")
def test_a_restricted_partner_still_decides() -> None:
    given(*PENDING, partner_is(status="restricted")).when(partner_decides()).then(
        TerminationApproved,
        PartnershipTerminated,
        QuotaUpdated,
        BillingSwitched,
        FinalBillRequested,
        DataRetentionStarted,
    )


@pytest.mark.requirement("R62")
def test_one_side_has_one_request_open() -> None:
    given(*PENDING).when(customer_asks()).refused(RejectionCode.REQUEST_ALREADY_OPEN, by="customer")
    given(*IN_NOTICE).when(customer_asks()).refused(RejectionCode.REQUEST_ALREADY_OPEN, stage="in_notice")
    given(*IN_NOTICE).when(partner_asks()).refused(RejectionCode.REQUEST_ALREADY_OPEN, stage="in_notice")
    given(*STALLED).when(partner_asks()).refused(RejectionCode.REQUEST_ALREADY_OPEN, stage="stalled")


@pytest.mark.requirement("R118")
@pytest.mark.parametrize("command", [customer_asks(), partner_decides(), platform_ends(), accept(), invite()])
def test_a_terminated_partnership_is_read_only(command: Step) -> None:
    given(*TERMINATED).when(command).refused(RejectionCode.PARTNERSHIP_READ_ONLY)


@pytest.mark.requirement("R110")
def test_after_the_end_a_new_invitation_binds_again() -> None:
    given(*TERMINATED).when(invite(subject="second", customer_id="c1")).then(InvitationSent, QuotaUpdated)


@pytest.mark.requirement("R42")
def test_a_partner_may_end_the_agreement_early_too() -> None:
    given(*BOUND).when(partner_asks(category="agreement_early_termination")).then(
        TerminationConfirmed,
        like(TerminationSubmitted, by="partner", category="agreement_early_termination"),
        TerminationDecisionRequested,
    )


@pytest.mark.requirement("R44")
@pytest.mark.parametrize("bound", [BOUND, REFERRAL], ids=["reseller", "referral"])
@pytest.mark.parametrize("asks", [customer_asks(), partner_asks()], ids=["customer", "partner"])
def test_settlements_are_complete_before_either_side_ends_it_in_either_model(
    bound: tuple[Step, ...], asks: Step
) -> None:
    assert given(*bound, facts(settlements_outstanding=True)).when(asks).items == ["SETTLEMENTS_OUTSTANDING"]


@pytest.mark.requirement("R53")
def test_the_customers_reason_stays_with_the_partnership_that_it_ended() -> None:
    story = given(*BOUND, customer_asks(reason="the service is too slow for us")).when(partner_decides())
    assert story.partnership().state.reason == "the service is too slow for us"  # type: ignore[union-attr]


@pytest.mark.requirement("R57")
@pytest.mark.parametrize(("chosen", "mode"), [("none", "none"), (None, "direct")])
def test_a_partner_that_approves_does_not_choose_the_customers_billing(chosen: str | None, mode: str) -> None:
    given(*BOUND, customer_asks(billing_mode=chosen)).when(partner_decides(billing_mode="partner")).then(
        TerminationApproved,
        like(PartnershipTerminated, billing_mode=mode),
        QuotaUpdated,
        like(BillingSwitched, to_mode=mode),
        FinalBillRequested,
        DataRetentionStarted,
    )


@pytest.mark.requirement("R61", "R113")
def test_in_the_referral_model_the_partner_needs_no_consent_either() -> None:
    given(*REFERRAL).when(partner_asks()).then(
        TerminationConfirmed,
        TerminationSubmitted,
        like(TerminationApproved, basis="no_consent_needed"),
        like(PartnershipTerminated, by="partner"),
        QuotaUpdated,
        BillingSwitched,
        FinalBillRequested,
        DataRetentionStarted,
    )

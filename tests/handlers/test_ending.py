"""From the decision to the end, and what time makes of it."""

from datetime import timedelta

import pytest

from contracts.agreement import Overrides
from contracts.commands.termination import CheckTermination, WaiveBlock, WithdrawTermination
from contracts.events.billing import BillingSwitched, FinalBillRequested
from contracts.events.checking import TerminationChecked
from contracts.events.closing import DataRetentionStarted
from contracts.events.facts import QuotaUpdated
from contracts.events.termination import (
    AgreementExpired,
    BlockWaived,
    PartnershipTerminated,
    TerminationApproved,
    TerminationDraftChecked,
    TerminationDrafted,
    TerminationEscalated,
    TerminationRechecked,
    TerminationRejected,
    TerminationStalled,
    TerminationWithdrawn,
)
from contracts.rejections import RejectionCode
from tests.situations import WHY
from tests.story import (
    BLOCKED,
    BOUND,
    IN_NOTICE,
    NOON,
    PENDING,
    PLATFORM,
    STALLED,
    SWITCHING,
    TERMINATED,
    by_customer,
    by_partner,
    by_platform,
    customer_asks,
    customer_decides,
    customer_requests,
    delivered,
    facts,
    given,
    later,
    like,
    partner_asks,
    partner_decides,
    partner_is,
    partner_requests,
    policy,
    reached,
    registered,
)
from tests.tour import UNTIL_MARCH

ENDED = (PartnershipTerminated, QuotaUpdated, BillingSwitched, FinalBillRequested, DataRetentionStarted)
ARREARS = facts(account_in_arrears=True)
IN_30_DAYS = NOON + timedelta(days=30)
BY_PLATFORM = partner_decides().but(actor=PLATFORM)


@pytest.mark.requirement("R55", "R56", "R57", "R58", "R59", "R60", "R103", "R124")
def test_everything_that_follows_from_an_end_is_in_one_decision() -> None:
    story = given(*PENDING).when(partner_decides())
    story.then(
        TerminationApproved,
        like(
            PartnershipTerminated,
            stage="closing",
            steps=("billing", "data", "final_bill"),
            complete_by=NOON + timedelta(days=7),
        ),
        like(QuotaUpdated, bound=0),
        like(BillingSwitched, to_mode="direct"),
        like(FinalBillRequested, prorate=True),
        like(DataRetentionStarted, until=IN_30_DAYS),
    ).told(partner="partnership_terminated", customer="partnership_terminated")


@pytest.mark.requirement("R119", "R123")
def test_the_card_goes_from_the_initiators_screen() -> None:
    assert given(*TERMINATED).partnership().hidden_by == ("customer",)
    kept = given(*BOUND, policy(initiators_card_hidden=False), customer_asks(), partner_decides())
    assert kept.partnership().hidden_by == ()


@pytest.mark.requirement("R102", "R103")
def test_whether_the_rest_of_the_cycle_is_given_back_is_the_policys() -> None:
    story = given(*BOUND, policy(refund="none"), customer_asks()).when(partner_decides())
    assert [event.prorate for event in story.events if isinstance(event, FinalBillRequested)] == [False]


# ------------------------------------------------------------------------------------------------------------- decision


@pytest.mark.requirement("R80")
def test_a_partner_that_is_silent_for_ten_days_has_approved() -> None:
    story = given(*PENDING, later(days=10), facts(as_of=NOON + timedelta(days=10))).when(reached("decision"))
    story.then(like(TerminationApproved, basis="no_answer"), *ENDED)


@pytest.mark.requirement("R81")
def test_a_customer_that_is_silent_does_not_lose_its_service_but_the_platform_decides() -> None:
    story = given(*BOUND, partner_asks()).when(BY_PLATFORM).refused(RejectionCode.NOT_YOUR_TURN, decider="customer")
    story.when(later(days=10), reached("decision")).then(like(TerminationEscalated, cause="no_decision"))
    story.told(partner="termination_escalated", customer="termination_escalated", platform="termination_escalated")
    assert story.when(later(days=10), reached("decision")).events == []
    fresh = facts(as_of=NOON + timedelta(days=20))
    story.when(partner_decides()).refused(RejectionCode.NOT_YOUR_TURN, decider="platform")
    story.when(fresh, BY_PLATFORM).then(like(TerminationApproved, basis="decision"), *ENDED)


@pytest.mark.requirement("R81")
def test_after_the_escalation_the_customer_may_still_decide() -> None:
    story = given(*BOUND, partner_asks(), later(days=10), reached("decision"))
    story.when(customer_decides(approve=False, reason=WHY)).then(TerminationRejected)


@pytest.mark.requirement("R80", "R81")
def test_what_silence_means_is_the_policys() -> None:
    other = policy(silence={"partner": "escalates", "customer": "approves"})
    given(*BOUND, other, customer_asks(), later(days=10)).when(reached("decision")).then(TerminationEscalated)


# --------------------------------------------------------------------------------------------------------------- notice


@pytest.mark.requirement("R45", "R48", "R55")
def test_the_end_comes_with_the_notice_period_and_not_before() -> None:
    story = given(*IN_NOTICE, later(days=29), facts(as_of=IN_30_DAYS))
    assert story.when(reached("notice_end")).events == []
    story.when(later(days=1), reached("notice_end")).then(*ENDED)


@pytest.mark.requirement("R113")
def test_a_request_is_withdrawn_by_its_side_until_it_takes_effect() -> None:
    given(*PENDING).when(by_customer(WithdrawTermination)).then(like(TerminationWithdrawn, status="active")).told(
        partner="termination_withdrawn", customer="termination_withdrawn"
    )
    given(*IN_NOTICE).when(by_partner(WithdrawTermination)).refused(RejectionCode.NO_OPEN_REQUEST)
    given(*IN_NOTICE, later(days=29)).when(by_customer(WithdrawTermination)).then(TerminationWithdrawn)
    given(*TERMINATED).when(by_customer(WithdrawTermination)).refused(RejectionCode.PARTNERSHIP_READ_ONLY)


# -------------------------------------------------------------------------------------------------------------- stalled


@pytest.mark.requirement("R44", "R74")
def test_a_block_at_the_end_of_the_notice_stalls_it() -> None:
    story = given(*IN_NOTICE, later(days=30), facts(as_of=IN_30_DAYS, account_in_arrears=True)).when(
        reached("notice_end")
    )
    story.then(like(TerminationStalled, items=("ACCOUNT_IN_ARREARS",), recheck_at=IN_30_DAYS + timedelta(days=1)))
    assert story.customer().waits_on_facts


@pytest.mark.requirement("R44", "R74")
def test_a_stalled_end_is_looked_at_again_daily_when_asked_and_when_facts_come() -> None:
    still = like(TerminationRechecked, items=("ACCOUNT_IN_ARREARS",))
    story = given(*STALLED)
    story.when(later(days=1), reached("recheck")).then(still)
    story.when(by_partner(CheckTermination)).then(TerminationChecked, still)
    story.when(facts(as_of=NOON + timedelta(days=1), account_in_arrears=True), delivered()).then(still)
    story.when(facts(as_of=NOON + timedelta(days=1)), delivered()).then(*ENDED)
    assert not story.customer().waits_on_facts


@pytest.mark.requirement("R44")
def test_facts_about_a_customer_that_waits_for_none_cause_no_recheck() -> None:
    assert given(*PENDING).when(facts()).world.internal == []


@pytest.mark.requirement("R76")
def test_the_platform_waives_a_block_for_a_reason() -> None:
    story = given(*STALLED)
    waive = by_platform(WaiveBlock, item="ACCOUNT_IN_ARREARS", reason=WHY)
    story.when(waive.but(reason=None)).refused(RejectionCode.REASON_REQUIRED)
    story.when(waive).then(like(BlockWaived, item="ACCOUNT_IN_ARREARS"), *ENDED)


@pytest.mark.requirement("R76")
def test_what_is_waived_is_one_item_in_this_case_only() -> None:
    waive = by_platform(WaiveBlock, item="ACCOUNT_IN_ARREARS", reason=WHY)
    both = facts(account_in_arrears=True, currency_set=False)
    story = given(*PENDING, both, partner_decides()).when(waive)
    story.then(BlockWaived, like(TerminationRechecked, items=("CURRENCY_NOT_SET",)))
    story.when(waive).refused(RejectionCode.REQUEST_ALREADY_OPEN)
    story.when(by_customer(WithdrawTermination))
    assert story.partnership().waived == ()
    given(*PENDING, waive, ARREARS).when(partner_decides()).then(TerminationApproved, *ENDED)


@pytest.mark.requirement("R76")
def test_what_is_waived_for_a_draft_goes_with_it_and_only_its_side_hears_of_it() -> None:
    waive = by_platform(WaiveBlock, item="ACCOUNT_IN_ARREARS", reason=WHY)
    story = given(*BLOCKED).when(waive).told(customer="block_waived")
    story.when(by_customer(CheckTermination)).then(TerminationChecked, like(TerminationDraftChecked, items=()))
    story.when(by_customer(WithdrawTermination), customer_requests()).then(
        like(TerminationDrafted, items=("ACCOUNT_IN_ARREARS",))
    )
    both = given(*BLOCKED, partner_requests(), waive).when(by_customer(WithdrawTermination))
    assert both.partnership().waived == (), "the partner's request is not checked for that"
    pending = given(*PENDING, partner_requests(), waive).when(by_partner(WithdrawTermination))
    assert pending.partnership().waived == ("ACCOUNT_IN_ARREARS",)
    given(*PENDING).when(waive).told(partner="block_waived", customer="block_waived")


@pytest.mark.requirement("R66", "R76")
def test_the_fact_of_what_is_waived_need_not_be_known() -> None:
    unknown = (BOUND[0], facts(reserved_instances_active=None), *BOUND[2:], customer_requests())
    waived = by_platform(WaiveBlock, item="RESERVED_INSTANCES_ACTIVE", reason=WHY)
    given(*unknown, waived).when(by_customer(CheckTermination)).then(
        like(TerminationChecked, items=(), passed=True), like(TerminationDraftChecked, draft_stage="unconfirmed")
    )


@pytest.mark.requirement("R80")
def test_after_thirty_days_the_platform_decides_about_a_stalled_end() -> None:
    story = given(*STALLED).when(BY_PLATFORM).refused(RejectionCode.NO_OPEN_REQUEST)
    story.when(later(days=30), reached("stalled_too_long")).then(like(TerminationEscalated, cause="stalled_too_long"))
    given(*STALLED, later(days=30), reached("stalled_too_long")).when(BY_PLATFORM).then(*ENDED)
    rejects = BY_PLATFORM.but(approve=False, reason=WHY)
    story.when(partner_decides()).refused(RejectionCode.NOT_YOUR_TURN, decider="platform")
    story.when(rejects).then(like(TerminationRejected, status="active"))
    assert not story.customer().waits_on_facts


# ------------------------------------------------------------------------------------------------------------ agreement


@pytest.mark.requirement("R41")
def test_a_partnership_ends_with_its_agreement() -> None:
    fresh = facts(as_of=NOON + timedelta(days=60))
    story = given(*BOUND, UNTIL_MARCH, delivered(), later(days=60), fresh).when(reached("agreement_end"))
    story.then(AgreementExpired, like(PartnershipTerminated, by="platform", category="agreement_expired"), *ENDED[1:])


@pytest.mark.requirement("R41")
def test_the_blocks_run_when_an_agreement_ends_and_nobody_writes_plans() -> None:
    blocked = facts(as_of=NOON + timedelta(days=60), account_in_arrears=True)
    story = given(*BOUND, UNTIL_MARCH, delivered(), later(days=60), blocked).when(reached("agreement_end"))
    story.then(AgreementExpired, like(TerminationStalled, by="platform", items=("ACCOUNT_IN_ARREARS",)))
    story.when(by_customer(WithdrawTermination)).refused(RejectionCode.NO_OPEN_REQUEST)
    story.when(by_platform(WithdrawTermination)).then(TerminationWithdrawn)


@pytest.mark.requirement("R41")
def test_an_agreement_that_ends_closes_an_open_case() -> None:
    fresh = facts(as_of=NOON + timedelta(days=60))
    bound = (registered(notice_days=90), *BOUND[1:], UNTIL_MARCH.but(overrides=Overrides(notice_days=90)), delivered())
    story = given(*bound, customer_asks(), partner_decides(), later(days=60), fresh).when(reached("agreement_end"))
    story.then(AgreementExpired, *ENDED)


@pytest.mark.requirement("R3", "R80")
def test_a_closed_partner_is_silent_like_any_other() -> None:
    story = given(*PENDING, partner_is(status="closed"), later(days=10), facts(as_of=NOON + timedelta(days=10)))
    story.when(reached("decision")).then(TerminationApproved, *ENDED)


@pytest.mark.requirement("R27")
def test_a_switch_that_takes_an_hour_is_told_to_the_platform_once() -> None:
    story = given(*SWITCHING, later(minutes=60)).when(reached("switch")).told(platform="switch_overdue")
    assert story.when(later(days=1), reached("switch")).events == []
    story.when(facts(as_of=NOON + timedelta(days=1)), delivered())
    assert story.partnership("p2").state.status == "active"

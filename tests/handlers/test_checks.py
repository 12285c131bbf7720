"""What a check says is what comes of the request; and how far away its end may be."""

from datetime import datetime, timedelta

import pytest

from contracts.commands.facts import CustomerFacts, ReportCustomerStanding
from contracts.commands.termination import CheckTermination, WaiveBlock, WithdrawTermination
from contracts.events.billing import BillingSwitched, FinalBillRequested
from contracts.events.checking import TerminationChecked
from contracts.events.closing import DataRetentionStarted
from contracts.events.facts import QuotaUpdated
from contracts.events.termination import PartnershipTerminated
from contracts.message import SYSTEM
from contracts.rejections import RejectionCode
from handlers.states import InNotice
from tests.situations import WHY
from tests.story import (
    BOUND,
    DRAFTED,
    NOON,
    PENDING,
    STALLED,
    Send,
    Step,
    accept,
    by_customer,
    by_partner,
    by_platform,
    by_support,
    customer_asks,
    customer_confirms,
    customer_decides,
    customer_requests,
    facts,
    given,
    invite,
    later,
    like,
    opened,
    partner_asks,
    partner_confirms,
    partner_decides,
    partner_requests,
    policy,
    registered,
    verified,
)

NO = partner_decides(approve=False, reason=WHY)


@pytest.mark.requirement("R74", "R92")
def test_a_check_goes_by_the_rules_that_the_draft_goes_by() -> None:
    """Else the version that it names would be refused."""
    story = given(*DRAFTED, policy(version="2", warning_version="2", notice_days=9))
    story.when(by_customer(CheckTermination)).then(like(TerminationChecked, warning_version="1", earliest_end_at=NOON))
    assert story.when(customer_confirms(warning_version="1")).rejection is None


@pytest.mark.requirement("R74", "R77", "R93")
def test_a_check_by_customer_service_says_that_a_code_is_needed() -> None:
    referral = (registered(), facts(), invite(model="referral"), opened(), verified(), accept())
    given(*referral).when(by_customer(CheckTermination)).then(like(TerminationChecked, needs_code=False))
    given(*referral).when(by_support(CheckTermination)).then(like(TerminationChecked, needs_code=True))
    drafted = given(*referral, customer_requests())
    drafted.when(by_support(CheckTermination)).then(like(TerminationChecked, needs_code=True))


@pytest.mark.requirement("R47", "R49", "R74")
@pytest.mark.parametrize("decided", [False, True])
def test_a_check_of_ones_own_open_request_knows_what_was_given_with_it(decided: bool) -> None:  # noqa: FBT001
    bound = (registered(notice_days=30), *BOUND[1:])
    steps = (partner_asks(), *((customer_decides(),) if decided else ()))
    given(*bound, *steps).when(by_partner(CheckTermination)).then(like(TerminationChecked, items=(), passed=True))


@pytest.mark.requirement("R62", "R74")
def test_a_check_for_an_answer_to_the_others_request_knows_that_it_does_not_count() -> None:
    story = given(*PENDING, NO, partner_asks()).when(by_customer(CheckTermination))
    story.then(like(TerminationChecked, passed=True, next_allowed_at=None))
    assert story.when(customer_asks()).rejection is None


@pytest.mark.requirement("R44", "R74")
def test_a_check_of_what_is_stalled_says_what_it_finds_now() -> None:
    given(*STALLED, facts()).when(by_customer(CheckTermination)).then(
        like(TerminationChecked, items=(), passed=True),
        *(PartnershipTerminated, QuotaUpdated, BillingSwitched, FinalBillRequested, DataRetentionStarted),
    )
    old = given(*STALLED, later(hours=25)).when(by_customer(CheckTermination)).events[0]
    assert isinstance(old, TerminationChecked)
    assert [found.item for found in old.items] == ["ACCOUNT_IN_ARREARS", "FACTS_UNKNOWN"]


@pytest.mark.requirement("R44", "R66", "R74")
@pytest.mark.parametrize(
    "bound",
    [
        (BOUND[0], facts(reserved_instances_active=None), *BOUND[2:]),
        (
            *BOUND,
            later(hours=25),
            Send(
                ReportCustomerStanding(
                    actor=SYSTEM, as_of=NOON + timedelta(hours=25), facts=CustomerFacts(account_status="active")
                ),
                "c1",
                "c1",
            ),
        ),
    ],
    ids=["one was never reported", "all but the last are too old"],
)
def test_one_fact_that_is_not_known_is_enough_to_stand_in_the_way(bound: tuple[Step, ...]) -> None:
    assert given(*bound).when(customer_asks()).items == ["FACTS_UNKNOWN"]


@pytest.mark.requirement("R48", "R74", "R113")
def test_a_check_names_the_earlier_end_that_ones_own_request_would_bring() -> None:
    referral = (registered(notice_days=30), facts(), invite(model="referral"), opened(), verified(), accept())
    asked = given(*referral, partner_asks(end_at=NOON + timedelta(days=100)))
    asked.when(by_customer(CheckTermination)).then(like(TerminationChecked, earliest_end_at=NOON + timedelta(days=30)))


# ------------------------------------------------------------------------------------------------------ how far away


@pytest.mark.requirement("R113")
def test_nobody_is_held_for_years_by_the_other_sides_request() -> None:
    year = timedelta(days=366)
    given(*BOUND).when(partner_requests(end_at=NOON + year + timedelta(seconds=1))).refused(
        RejectionCode.END_TOO_LATE, latest="2027-01-16T12:00:00.000Z"
    )
    assert given(*BOUND).when(partner_requests(end_at=NOON + year)).rejection is None
    short = policy(end_days_max=10)
    given(*BOUND, short).when(partner_requests(end_at=NOON + timedelta(days=11))).refused(RejectionCode.END_TOO_LATE)
    bound = (registered(notice_days=30), *BOUND[1:])
    at_once = partner_requests(end_at=NOON + timedelta(days=30))
    assert given(*bound, short).when(at_once).rejection is None, "a date must be left"


@pytest.mark.requirement("R48", "R80", "R113")
def test_where_both_want_the_end_it_comes_at_the_earlier_date() -> None:
    """Each alone would have had its own. The notice that each has to give is kept."""
    free = policy(consent_of_other_side={"reseller": ("partner",), "referral": ()})
    bound, day = (registered(notice_days=30), *BOUND[1:], free), timedelta(days=1)
    theirs = partner_asks(end_at=NOON + 200 * day)

    def ends_at(*answer: Step) -> datetime:
        state = given(*bound, theirs, later(days=2), facts(as_of=NOON + 2 * day), *answer).partnership().state
        assert isinstance(state, InNotice)
        return state.case.ends_at

    assert ends_at(customer_asks()) == NOON + 32 * day
    assert ends_at(customer_asks(end_at=NOON + 50 * day)) == NOON + 50 * day
    assert ends_at(customer_asks(end_at=NOON + 300 * day)) == NOON + 200 * day
    assert ends_at(customer_decides()) == NOON + 200 * day
    both = policy()  # alone it would have needed the other's consent to its date
    assert ends_at(both, customer_asks()) == NOON + 200 * day


@pytest.mark.requirement("R76")
def test_what_was_waived_for_ones_own_draft_stays_when_the_others_request_is_gone() -> None:
    waived = by_platform(WaiveBlock, item="SETTLEMENTS_OUTSTANDING", reason=WHY)
    story = given(*PENDING, facts(settlements_outstanding=True), partner_requests(), waived)
    story.when(by_partner(CheckTermination), by_customer(WithdrawTermination))
    assert story.when(partner_confirms()).rejection is None
    given(*BOUND, waived, customer_asks(), by_customer(WithdrawTermination)).when(by_customer(CheckTermination))
    other = by_platform(WaiveBlock, item="ACCOUNT_IN_ARREARS", reason=WHY)
    gone = given(*PENDING, partner_requests(), other, by_customer(WithdrawTermination))
    assert gone.partnership().waived == (), "the partner's request is not checked for that"
    alone = given(*PENDING, waived, by_customer(WithdrawTermination))
    assert alone.partnership().waived == ()

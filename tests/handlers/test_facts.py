"""What other systems report."""

from datetime import timedelta

import pytest

from contracts.commands.facts import CustomerFacts, ReportCustomerStanding, UpdateAgreement
from contracts.commands.internal import SpreadAgreement
from contracts.events.binding import PartnershipAgreementUpdated
from contracts.events.facts import (
    AgreementUpdated,
    CustomerStandingRecorded,
    PartnerRegistered,
    PartnerStandingRecorded,
    QuotaUpdated,
)
from contracts.events.termination import (
    TerminationDecisionRequested,
    TerminationSubmitted,
    VerificationCodeAccepted,
)
from contracts.message import SYSTEM
from contracts.rejections import RejectionCode
from contracts.standing import Dealings
from handlers.folds_of_parties import DEALINGS_MAX
from tests.story import (
    BOUND,
    INVITED,
    NOON,
    PLATFORM,
    Send,
    Story,
    accept,
    customer_asks,
    customer_user,
    delivered,
    facts,
    given,
    invite,
    later,
    like,
    opened,
    partner_is,
    partner_user,
    platform_ends,
    registered,
    verified,
)

BEFORE = NOON - timedelta(hours=1)


@pytest.mark.requirement("R59")
def test_a_partner_is_registered_once_with_its_quota() -> None:
    given().when(registered(quota=3)).then(
        like(PartnerRegistered, status="active"), like(QuotaUpdated, limit=3, bound=0, reserved=0)
    )
    given(registered()).when(registered()).refused(RejectionCode.NOT_ALLOWED_IN_STATUS, status="active")


@pytest.mark.requirement("R3", "R4")
def test_a_report_changes_what_it_names_and_nothing_else() -> None:
    story = given(registered()).when(partner_is(negative_records=1))
    story.then(like(PartnerStandingRecorded, status="active", negative_records=1, recorded=("negative_records",)))


@pytest.mark.requirement("R3")
def test_an_older_fact_about_a_partner_never_replaces_a_newer_one() -> None:
    story = given(registered(), partner_is(status="closed"))
    story.when(partner_is(as_of=BEFORE, status="active", negative_records=4)).then(
        like(PartnerStandingRecorded, status="closed", recorded=("negative_records",), superseded=("status",))
    )


@pytest.mark.requirement("R59")
def test_a_quota_may_be_lowered_below_what_is_bound() -> None:
    story = given(*BOUND).when(partner_is(quota_limit=0))
    story.then(PartnerStandingRecorded, like(QuotaUpdated, limit=0, bound=1, cause="limit_changed"))
    story.when(invite(customer="c2")).refused(RejectionCode.QUOTA_EXCEEDED, limit=0, bound=1)


@pytest.mark.requirement("R59")
def test_the_same_limit_again_is_no_news_for_the_quota() -> None:
    given(registered(quota=3)).when(partner_is(quota_limit=3)).then(PartnerStandingRecorded)


@pytest.mark.requirement("R44", "R65")
def test_an_older_fact_about_a_customer_never_replaces_a_newer_one() -> None:
    story = given(*BOUND).when(facts(as_of=BEFORE, account_in_arrears=True, settlements_outstanding=True))
    story.then(like(CustomerStandingRecorded, recorded=()))
    story.when(customer_asks()).then(VerificationCodeAccepted, TerminationSubmitted, TerminationDecisionRequested)


@pytest.mark.requirement("R44")
def test_of_dealings_those_with_its_own_partner_and_those_reported_last_are_kept() -> None:
    def reported(number: int) -> Send:
        dealings = (Dealings(partner_id=f"other-{number}", settlements_outstanding=True),)
        command = ReportCustomerStanding(actor=SYSTEM, as_of=NOON + timedelta(seconds=number), dealings=dealings)
        return Send(command, "c1", "c1")

    story = given(*BOUND, later(days=1), *(reported(number) for number in range(DEALINGS_MAX + 5)))

    partners = {fact.partner_id for fact in story.customer().facts if fact.partner_id}
    assert partners == {"p1", *(f"other-{number}" for number in range(6, DEALINGS_MAX + 5))}
    assert story.customer().fact("qualified") is not None


@pytest.mark.requirement("R65")
def test_a_partial_report_leaves_the_other_facts_alone() -> None:
    arrears = ReportCustomerStanding(actor=SYSTEM, as_of=NOON, facts=CustomerFacts(account_in_arrears=True))
    story = given(*BOUND).when(Send(arrears, "c1", "c1"))
    story.then(like(CustomerStandingRecorded, recorded=("account_in_arrears",)))
    assert len(story.customer().facts) == 11


@pytest.mark.requirement("R65")
def test_what_is_reported_about_a_customer_is_not_published() -> None:
    story = given().when(facts(account_in_arrears=True))
    assert set(story.events[0].model_dump()) == {
        "sequence",
        "actor",
        "customer_id",
        "as_of",
        "recorded",
        "superseded",
    }


@pytest.mark.requirement("R2", "R6")
@pytest.mark.parametrize("actor", [partner_user(), customer_user()])
def test_neither_side_reports_facts(actor: object) -> None:
    for command in (registered("p2"), partner_is(status="active"), facts()):
        given(*INVITED).when(command.but(actor=actor)).refused(RejectionCode.NOT_AUTHORIZED)
    assert given(*INVITED).when(facts().but(actor=PLATFORM)).rejection is None


@pytest.mark.requirement("R3", "R41")
def test_a_report_about_one_partner_in_the_lane_of_another_is_refused() -> None:
    known = given(registered(), registered("p2"))
    for send in (partner_is(status="closed"), Send(UpdateAgreement(actor=SYSTEM, as_of=NOON), "p1", "p1")):
        known.when(Send(send.command, "p2", "p1")).refused(RejectionCode.NOT_FOUND)
        given().when(send).refused(RejectionCode.NOT_FOUND)


@pytest.mark.requirement("R3")
def test_nor_is_a_partner_registered_in_the_lane_of_another() -> None:
    story = given(registered()).when(Send(registered("p2").command, "p2", "p1"))
    story.refused(RejectionCode.NOT_FOUND, partner_id="p2")
    assert set(story.world.partners) == {"p1"}


@pytest.mark.requirement("R41")
def test_only_another_end_of_the_agreement_is_news_for_the_partnerships_that_live() -> None:
    march, april = NOON + timedelta(days=60), NOON + timedelta(days=90)
    until_march = UpdateAgreement(actor=SYSTEM, as_of=NOON, ends_at=march)
    story = given(*BOUND, Send(until_march, "p1", "p1"))
    assert len(story.world.internal) == 1
    story.when(delivered(), Send(until_march, "p1", "p1")).then(AgreementUpdated)
    older = UpdateAgreement(actor=SYSTEM, as_of=BEFORE, ends_at=april)
    story.when(Send(older, "p1", "p1")).then(like(AgreementUpdated, superseded=True))
    assert story.world.internal == []
    until_april = UpdateAgreement(actor=SYSTEM, as_of=NOON, ends_at=april)
    story.when(Send(until_april, "p1", "p1"), platform_ends(), delivered()).then()
    again = given(*BOUND, Send(until_march, "p1", "p1"))
    again.world.internal *= 2
    again.when(delivered()).then(like(PartnershipAgreementUpdated, agreement_ends_at=march))


@pytest.mark.requirement("R41")
def test_an_agreements_end_is_told_to_so_many_partnerships_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A partner may have any number; to all at once, 35,000 of them made a journal entry that MongoDB does not take."""
    for module in ("handlers.facts", "tests.story"):
        monkeypatch.setattr(f"{module}.LIVE_AT_ONCE", 2)
    customers = ("c1", "c2", "c3", "c4")
    bound = [
        step
        for one in customers
        for step in (
            facts(one),
            invite(customer=one),
            opened(customer=one),
            verified(customer=one),
            accept(customer=one),
        )
    ]
    march, april = NOON + timedelta(days=60), NOON + timedelta(days=90)
    until_march, until_april = (
        Send(UpdateAgreement(actor=SYSTEM, as_of=NOON, ends_at=end), "p1", "p1") for end in (march, april)
    )
    story = given(registered(), *bound, until_march)
    steps = [internal_of_next_spread(story) for _ in range(3)]
    assert steps == [
        [("ApplyAgreement", "p1-c1"), ("ApplyAgreement", "p1-c2"), ("SpreadAgreement", "p1")],
        [("ApplyAgreement", "p1-c3"), ("ApplyAgreement", "p1-c4"), ("SpreadAgreement", "p1")],
        [],
    ]
    story.when(delivered())
    assert [story.partnership(customer=one).agreement_ends_at for one in customers] == [march] * 4

    story.when(until_april)
    internal_of_next_spread(story)
    assert story.world.internal[-1].command == SpreadAgreement(
        actor=SYSTEM, agreement_ends_at=april, after_partnership_id="p1-c2"
    )
    story.when(until_march)
    assert internal_of_next_spread(story) == []  # the one of April: the agreement is another one again
    story.when(delivered())
    assert [story.partnership(customer=one).agreement_ends_at for one in customers] == [march] * 4


def internal_of_next_spread(story: Story) -> list[tuple[str, str]]:
    """What the first command of its kind that waits says to whom."""
    waits = story.world.internal
    command = next(one for one in waits if isinstance(one.command, SpreadAgreement))
    waits.remove(command)
    outcome = story.world.send(Send(command.command, command.subject, command.partner_id))
    return [(type(one.command).__name__, one.subject) for one in outcome.internal]


@pytest.mark.requirement("R3")
def test_facts_about_an_unknown_partner_are_refused_as_too_early() -> None:
    story = given().when(partner_is(status="closed")).refused(RejectionCode.NOT_FOUND)
    assert story.rejection is not None
    assert story.rejection.retryable


@pytest.mark.requirement("R44", "R63")
def test_a_report_as_of_the_future_counts_as_of_now_so_that_a_later_one_replaces_it() -> None:
    story = given(registered(), facts(as_of=NOON + timedelta(days=9999), account_in_arrears=True))
    assert {fact.as_of for fact in story.customer().facts} == {NOON}
    story.when(later(hours=1), facts(as_of=NOON + timedelta(hours=1)))
    arrears = story.customer().fact("account_in_arrears")
    assert arrears is not None
    assert arrears.value is False


@pytest.mark.requirement("R3", "R41")
def test_so_does_a_partners_standing_and_its_agreement() -> None:
    ahead = NOON + timedelta(days=9999)
    story = given(registered(), partner_is(status="restricted", as_of=ahead))
    story.when(later(hours=1), partner_is(status="active", as_of=NOON + timedelta(hours=1)))
    assert story.partner().status == "active"
    agreement = UpdateAgreement(actor=SYSTEM, as_of=ahead, ends_at=ahead)
    story.when(Send(agreement, "p1", "p1")).then(like(AgreementUpdated, as_of=NOON + timedelta(hours=1)))

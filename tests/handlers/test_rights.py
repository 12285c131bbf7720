"""What nobody can do to another: try codes, hold it, bind it to what it has not agreed to, or look at its business."""

from datetime import timedelta

import pytest

from contracts.commands.closing import AnswerReactivation, RequestReactivation
from contracts.commands.termination import SubmitVerificationCode
from contracts.events.closing import PartnershipReactivated, ReactivationDeclined
from contracts.events.termination import TerminationApproved, TerminationConfirmed
from contracts.rejections import RejectionCode
from handlers.policy import Policy
from handlers.views import Viewer, view
from tests.story import (
    BOUND,
    CODE_SENT,
    INVITED,
    NOON,
    OPENED,
    REGISTERED,
    TERMINATED,
    Send,
    accept,
    by_customer,
    by_partner,
    customer_confirms,
    customer_requests,
    customer_user,
    facts,
    given,
    invite,
    later,
    like,
    opened,
    partner_asks,
    partner_user,
    platform_ends,
    policy,
    registered,
    verified,
)

DAY = timedelta(days=1)
ASKED = by_customer(RequestReactivation, consent_version="1")
AGREES = by_partner(AnswerReactivation, answer="agree", consent_version="1")
TO_P2 = (registered("p2"), facts(partner="p2"), invite("p2"), opened("p2"), verified("p2"))
REFERRAL = (registered(notice_days=30), facts(), invite(model="referral"), opened(), verified(), accept())


@pytest.mark.requirement("R77")
def test_a_code_cannot_be_tried_without_being_counted() -> None:
    for code in ("000000", "123456"):
        given(*CODE_SENT).when(by_customer(SubmitVerificationCode, code=code, dry_run=True)).refused(
            RejectionCode.NOT_AUTHORIZED, dry_run=False
        )


@pytest.mark.requirement("R113")
def test_who_is_asked_to_leave_later_may_leave_earlier() -> None:
    """Also where its consent is not needed: else one side could hold the other from one far-away end to the next."""
    story = given(*REFERRAL, partner_asks(end_at=NOON + 366 * DAY), later(days=10), facts(as_of=NOON + 10 * DAY))
    story.when(customer_requests(), customer_confirms())
    story.then(TerminationConfirmed, like(TerminationApproved, basis="both_sides_asked", ends_at=NOON + 40 * DAY))
    assert story.customer().submissions == (), "it answers, and does not count"
    sooner = given(*REFERRAL, partner_asks()).when(customer_requests(), customer_confirms())
    assert sooner.partnership().state.case.ends_at == NOON + 30 * DAY  # type: ignore[union-attr]


@pytest.mark.requirement("R26")
def test_nobody_is_bound_to_terms_that_it_has_not_seen() -> None:
    offers = policy(who_may_offer=("partner", "customer"))
    own = invite("p2", actor=customer_user(), customer_id="c1", consent_version="1", standards_version=None)
    story = given(*TERMINATED, registered("p2"), facts(partner="p2"), offers, own)
    newer = policy(who_may_offer=("partner", "customer"), consent_version="2")
    yes = accept("p2", actor=partner_user("p2"))
    story.when(newer, yes.but(consent_version="2")).refused(RejectionCode.CONSENT_VERSION_STALE, of_offer="1")
    given(*TERMINATED, registered("p2"), facts(partner="p2"), offers, own, yes)


@pytest.mark.requirement("R111")
def test_nor_comes_it_back_to_such_terms() -> None:
    story = given(*TERMINATED, ASKED, policy(consent_version="2"))
    story.when(AGREES.but(consent_version="2")).refused(RejectionCode.CONSENT_VERSION_STALE, current="2")
    story.when(by_customer(AnswerReactivation, answer="decline")).then(ReactivationDeclined)
    again = by_customer(RequestReactivation, consent_version="2")
    assert isinstance(
        next(event for event in story.when(again, AGREES.but(consent_version="2")).events[1:]), PartnershipReactivated
    )


@pytest.mark.requirement("R106")
def test_who_asked_for_a_reactivation_may_take_that_back_and_is_not_bound_by_it_later() -> None:
    given(*TERMINATED, ASKED).when(by_customer(AnswerReactivation, answer="decline")).then(ReactivationDeclined)
    given(*TERMINATED, ASKED).when(by_customer(AnswerReactivation, answer="agree")).refused(RejectionCode.NOT_YOUR_TURN)
    elsewhere = (*TO_P2, later(hours=1), accept("p2"), platform_ends("p2"))
    given(*TERMINATED, ASKED, *elsewhere).when(AGREES).refused(RejectionCode.REACTIVATION_NOT_OPEN)
    anew = (by_customer(AnswerReactivation, answer="decline"), later(hours=1), ASKED)
    assert given(*TERMINATED, ASKED, *elsewhere, *anew).when(AGREES).rejection is None


def test_a_partnership_has_not_the_id_of_its_partner() -> None:
    """Its events would be numbered among the partner's."""
    given(*REGISTERED).when(invite(subject="p1")).refused(RejectionCode.INVITATION_INCOMPLETE, malformed=["subject"])


# --------------------------------------------------------------------------------------------------- who sees what


@pytest.mark.requirement("R36", "R71", "R114")
def test_a_card_has_the_offered_name_until_the_company_is_known_to_be_this_one() -> None:
    guessed = invite("p2", subject="x", customer_id="c1", legal_name="Whoever")
    story = given(*BOUND, registered("p2"), guessed)
    partnership = story.world.partnerships["x"]
    card = view(partnership, story.partner("p2"), story.customer(), Viewer("partner", "p2"), Policy(), NOON)
    assert card is not None
    assert card.company_name == "Whoever"


@pytest.mark.requirement("R21", "R126")
def test_whoever_came_in_before_the_company_was_verified_sees_nothing_any_more() -> None:
    story = given(*OPENED, opened().but(actor=customer_user("c7")))
    assert Viewer("customer", "c7").may_see(story.partnership())
    story.when(verified())
    assert not Viewer("customer", "c7").may_see(story.partnership())
    assert Viewer("customer", "c1").may_see(story.partnership())


def test_a_partnership_of_another_partner_has_no_version_here() -> None:
    story = given(*INVITED, registered("p2"))
    story.when(Send(invite("p2").command.but(expected_version=999), "p1-c1", "p2")).refused(
        RejectionCode.VERSION_CONFLICT, current_version=0
    )


@pytest.mark.requirement("R59")
def test_a_customer_is_not_told_how_many_customers_a_partner_has() -> None:
    full = (registered(quota=1), *BOUND[1:], platform_ends(), facts("c2"))
    c2 = customer_user("c2")
    others = (opened(customer="c2"), verified(customer="c2"), accept(customer="c2").but(actor=c2))
    story = given(*full, invite(customer="c2"), *others).when(ASKED).refused(RejectionCode.QUOTA_EXCEEDED)
    assert story.rejection is not None
    assert story.rejection.details == {}
    taken = policy(reserve_on_invite=False)
    second = (opened(customer="c2"), verified(customer="c2"), accept(customer="c2"))
    first = (registered(quota=1), facts(), facts("c2"), taken, invite(), opened(), verified())
    way = (*first, invite(customer="c2"), *second)
    refused = given(*way).when(accept()).refused(RejectionCode.QUOTA_EXCEEDED)
    assert refused.rejection is not None
    assert refused.rejection.details == {}

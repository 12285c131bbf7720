"""An offer after it was made: sent again, reminded of, changed, and the other way round."""

from datetime import timedelta
from typing import Any

import pytest

from contracts.commands.binding import AnswerModification, ProposeModification
from contracts.commands.invitation import ResendInvitation
from contracts.details import Changes
from contracts.events.billing import BillingSwitched
from contracts.events.binding import PartnershipBound, SwitchStarted
from contracts.events.closing import PersonalDataPurged
from contracts.events.facts import QuotaUpdated
from contracts.events.invitation import (
    InvitationAccepted,
    InvitationExpired,
    InvitationOpened,
    InvitationReminded,
    InvitationResent,
    InvitationSent,
)
from contracts.events.notice import NoticeSent, TokenRequest
from contracts.events.termination import PartnershipTerminated
from contracts.events.upkeep import ModificationApplied, ModificationProposed
from contracts.message import Role
from contracts.rejections import RejectionCode
from tests.story import (
    BOUND,
    INVITED,
    NOON,
    OPENED,
    PROMPTED,
    REGISTERED,
    SUSPENDED,
    VERIFIED,
    Send,
    Step,
    accept,
    by_customer,
    by_partner,
    cancel,
    customer_user,
    deadline,
    decline,
    delivered,
    facts,
    given,
    invite,
    later,
    like,
    opened,
    partner_is,
    partner_user,
    policy,
    reached,
    registered,
    switch,
    verified,
)

TERMS = Changes(terms="five per cent more")


def resend(**data: Any) -> Send:
    return by_partner(ResendInvitation, **data)


@pytest.mark.requirement("R17", "R18", "R19")
def test_an_invitation_sent_again_has_another_link_and_the_old_one_is_void() -> None:
    story = given(*OPENED).when(resend(channel="sms"))
    story.then(like(InvitationResent, number=2, stage="sent")).told(customer="invitation")
    notice = next(event for event in story.events if isinstance(event, NoticeSent))
    assert notice.token == TokenRequest(purpose="invitation", subject="p1-c1", number=2)
    assert notice.channel == "sms"
    story.when(opened()).refused(RejectionCode.TOKEN_INVALID)
    story.when(opened(token="invitation:p1-c1:2")).then(InvitationOpened)  # noqa: S106


@pytest.mark.requirement("R17")
def test_who_came_in_by_a_void_link_is_outside_again_but_a_verified_customer_is_not() -> None:
    given(*OPENED, resend()).when(decline()).refused(RejectionCode.NOT_AUTHORIZED)
    given(*VERIFIED).when(resend()).then(like(InvitationResent, stage="verified"))


@pytest.mark.requirement("R17")
def test_an_invitation_is_sent_again_three_times() -> None:
    given(*INVITED, resend(), resend(), resend()).when(resend()).refused(RejectionCode.RESEND_LIMIT, resends_max=3)


@pytest.mark.requirement("R3", "R4")
def test_a_partner_that_may_not_invite_does_not_send_an_invitation_again_either() -> None:
    given(*INVITED, partner_is(status="restricted")).when(resend()).refused(RejectionCode.PARTNER_NOT_ACTIVE)
    given(*INVITED, partner_is(negative_records=1)).when(resend()).refused(RejectionCode.PARTNER_NEGATIVE_RECORD)


@pytest.mark.requirement("R19")
def test_an_invitation_goes_out_again_by_official_channels_only_and_in_time() -> None:
    given(*INVITED).when(resend(channel="pigeon")).refused(RejectionCode.CHANNEL_NOT_OFFICIAL)
    given(*INVITED, later(days=30)).when(resend()).refused(RejectionCode.INVITATION_EXPIRED)


@pytest.mark.requirement("R20")
def test_reminders_come_seven_days_and_one_day_before_the_end_and_then_the_end() -> None:
    story = given(*INVITED, later(days=22, hours=23)).when(reached())
    assert story.events == []
    story.when(later(hours=1), reached()).then(like(InvitationReminded, number=1)).told(customer="invitation_reminder")
    story.when(later(days=6), reached()).then(like(InvitationReminded, number=2))
    story.when(later(days=1), reached()).then(like(InvitationExpired, cause="time"), like(QuotaUpdated, reserved=0))
    story.told(partner="invitation_expired", customer="invitation_expired")
    story.when(opened()).refused(RejectionCode.NOT_ALLOWED_IN_STATUS, status="expired")


@pytest.mark.requirement("R20")
def test_a_short_invitation_has_no_reminder_that_would_come_before_it() -> None:
    story = given(*REGISTERED, policy(invitation_days=3)).when(invite())
    assert story.partnership().next_due_at == NOON + timedelta(days=2)
    week = given(*REGISTERED, policy(invitation_days=7)).when(invite())
    assert week.partnership().next_due_at == NOON + timedelta(days=6)


@pytest.mark.requirement("R3", "R59")
def test_where_the_policy_does_not_reserve_the_quota_is_checked_at_acceptance() -> None:
    unreserved = (registered(quota=1), facts(), policy(reserve_on_invite=False))
    story = given(*unreserved).when(invite())
    story.then(like(InvitationSent))
    assert story.partner().quota.reserved == 0
    way = (*unreserved, invite(), opened(), verified())
    given(*way).when(accept()).then(
        InvitationAccepted, PartnershipBound, like(QuotaUpdated, bound=1, reserved=0), BillingSwitched
    )
    given(*way, partner_is(quota_limit=0)).when(accept()).refused(RejectionCode.QUOTA_EXCEEDED)
    given(*way, cancel())


@pytest.mark.requirement("R27", "R59")
def test_a_switch_without_a_reserved_place_reserves_one() -> None:
    way = (*BOUND, registered("p2"), policy(reserve_on_invite=False), invite("p2"), opened("p2"), verified("p2"))
    story = given(*way).when(accept("p2", switch_confirmed=True))
    story.then(InvitationAccepted, SwitchStarted, like(QuotaUpdated, reserved=1, cause="switch_started"))
    story.when(delivered())
    assert (story.partner("p2").quota.bound, story.partner("p2").quota.reserved) == (1, 0)
    blocked = given(*way, accept("p2", switch_confirmed=True), facts(account_in_arrears=True)).when(delivered())
    assert blocked.partner("p2").quota.reserved == 0, "the place was the switch's, and not the offer's"
    blocked.when(decline("p2"))
    assert blocked.partner("p2").quota.reserved == 0
    full = (*blocked_and_open("p2"), partner_is("p2", quota_limit=0), facts())
    given(*full).when(switch("p2")).refused(RejectionCode.QUOTA_EXCEEDED)


def blocked_and_open(partner: str) -> tuple[Step, ...]:
    """A switch that came to nothing, to an offer that has no place."""
    way = (*BOUND, registered("p2"), policy(reserve_on_invite=False), invite("p2"), opened("p2"), verified("p2"))
    return (*way, switch(partner), facts(account_in_arrears=True), delivered())


# ------------------------------------------------------------------------------------------- the other way round (C12)

OFFERS = policy(who_may_offer=("partner", "customer"))
KNOWN = (*BOUND, registered("p2"), facts(partner="p2"), OFFERS)


def customer_offers(**changes: Any) -> Send:
    data: dict[str, Any] = {
        "actor": customer_user(),
        "customer_id": "c1",
        "consent_version": "1",
        "switch_confirmed": True,
        "standards_version": None,
    }
    return invite("p2", **data | changes)


@pytest.mark.requirement("R2")
def test_by_default_only_the_partner_offers() -> None:
    given(*BOUND, registered("p2")).when(customer_offers()).refused(RejectionCode.NOT_AUTHORIZED)


@pytest.mark.requirement("R2", "R125", "R128")
def test_where_the_policy_says_so_a_customer_offers_itself_and_the_partner_accepts() -> None:
    story = given(*KNOWN).when(customer_offers())
    story.then(like(InvitationSent, by="customer", stage="switch_prompted")).told(partner="invitation")
    assert story.partner("p2").quota.reserved == 0
    story.when(accept("p2", actor=partner_user("p2")), delivered())
    assert story.partnership("p2").state.status == "active"


@pytest.mark.requirement("R26", "R128")
def test_nobody_answers_their_own_offer() -> None:
    story = given(*KNOWN, customer_offers())
    story.when(accept("p2")).refused(RejectionCode.NOT_YOUR_TURN, turn="partner")
    story.when(decline("p2")).refused(RejectionCode.NOT_YOUR_TURN)
    story.when(cancel("p2")).refused(RejectionCode.NOT_YOUR_TURN, turn="customer")
    story.when(by_partner(ResendInvitation, "p2")).refused(RejectionCode.NOT_YOUR_TURN)
    given(*VERIFIED).when(accept(actor=partner_user())).refused(RejectionCode.NOT_YOUR_TURN, turn="customer")
    given(*OPENED).when(decline(actor=partner_user())).refused(RejectionCode.NOT_YOUR_TURN)
    given(*OPENED).when(cancel(actor=customer_user())).refused(RejectionCode.NOT_YOUR_TURN)


@pytest.mark.requirement("R6", "R26")
def test_a_customer_that_offers_itself_consents_and_confirms_its_switch_by_that() -> None:
    given(*KNOWN).when(customer_offers(consent_version=None)).refused(RejectionCode.CONSENT_VERSION_STALE)
    given(*KNOWN).when(customer_offers(switch_confirmed=False)).refused(RejectionCode.SWITCH_CONFIRMATION_REQUIRED)
    given(registered("p2"), OFFERS).when(customer_offers()).refused(RejectionCode.NOT_FOUND)
    given(*KNOWN, facts(qualified=False)).when(customer_offers()).refused(RejectionCode.CUSTOMER_NOT_QUALIFIED)
    once_more = customer_offers().but(actor=customer_user())
    to_its_own = Send(once_more.command, "p1-c1-again", "p1")
    given(*KNOWN).when(to_its_own).refused(RejectionCode.ALREADY_BOUND_TO_YOU)
    given(*KNOWN).when(customer_offers(customer_id="c2")).refused(RejectionCode.NOT_AUTHORIZED)


@pytest.mark.requirement("R6", "R7")
@pytest.mark.parametrize(
    ("known", "code"),
    [
        ((), RejectionCode.CUSTOMER_NOT_QUALIFIED),
        ((facts(compliant=None),), RejectionCode.CUSTOMER_NOT_COMPLIANT),
    ],
    ids=["nothing", "not whether it is compliant"],
)
def test_a_customer_that_offers_itself_has_to_be_known_as_fit(known: tuple[Step, ...], code: RejectionCode) -> None:
    """Where a partner offers, there is time until the acceptance."""
    verified_once = (registered(), *known, invite(), opened(), verified(), decline())
    given(*verified_once, registered("p2"), OFFERS).when(customer_offers()).refused(code, known=False)


# ------------------------------------------------------------------------------------------------ an own customer (C1)


@pytest.mark.requirement("R1", "R5", "R39")
@pytest.mark.parametrize(("before", "after"), [(BOUND, "active"), (SUSPENDED, "suspended")])
def test_an_own_customer_may_be_invited_to_other_terms_where_the_policy_says_so(
    before: tuple[Step, ...], after: str
) -> None:
    renewed = policy(own_customers_may_be_invited=True)
    way = (*before, renewed, invite("p1", "c1", subject="again", customer_id="c1"))
    story = given(*way)
    entered = [opened(token="invitation:again:1"), verified(), accept(switch_confirmed=True)]  # noqa: S106
    for step in entered:
        story.when(Send(step.command, "again", "p1"))
    story.when(delivered())
    assert story.world.partnerships["again"].state.status == after
    assert story.partnership().state.status == "terminated"
    assert story.customer().submissions == ()
    assert story.partner().quota.bound == 1


@pytest.mark.requirement("R1", "R27")
def test_what_other_terms_have_taken_the_place_of_has_ended_by_renewal() -> None:
    way = (policy(own_customers_may_be_invited=True), invite("p1", "c1", subject="again", customer_id="c1"))
    entered = [opened(token="invitation:again:1"), verified(), accept(switch_confirmed=True)]  # noqa: S106
    story = given(*BOUND, *way, *(Send(step.command, "again", "p1") for step in entered)).when(delivered())
    assert [e.category for e in story.events if isinstance(e, PartnershipTerminated)] == ["renewal"]
    other = given(*PROMPTED, switch()).when(delivered())
    assert [e.category for e in other.events if isinstance(e, PartnershipTerminated)] == ["partner_switch"]


# ------------------------------------------------------------------------------------------------------------- changed


@pytest.mark.requirement("R125", "R126", "R129")
def test_the_offers_maker_changes_it_at_once_and_the_other_side_proposes() -> None:
    story = given(*VERIFIED).when(by_partner(ProposeModification, changes=TERMS))
    story.then(like(ModificationApplied, by="partner", fields=("terms",))).told(
        partner="modification_applied", customer="modification_applied"
    )
    assert story.partnership().modified
    story.when(by_customer(ProposeModification, changes=Changes(terms="ten"))).then(ModificationProposed)
    story.when(by_partner(AnswerModification, answer="acknowledge"))
    assert story.partnership().offer.terms == "ten"


@pytest.mark.requirement("R125", "R129")
def test_what_the_offers_maker_changes_is_what_is_offered() -> None:
    assert (
        given(*INVITED, by_partner(ProposeModification, changes=TERMS)).partnership().offer.terms
        == "five per cent more"
    )
    own = given(*KNOWN, customer_offers(), by_customer(ProposeModification, "p2", changes=TERMS))
    assert own.partnership("p2").offer.terms == "five per cent more"


@pytest.mark.requirement("R25", "R129")
def test_what_was_proposed_and_not_answered_is_off_the_table_with_the_acceptance() -> None:
    story = given(*VERIFIED, by_customer(ProposeModification, changes=TERMS), accept(expected_version=5))
    assert story.partnership().modification is None
    assert story.partnership().offer.terms == ""


@pytest.mark.requirement("R11", "R129")
def test_an_open_offer_keeps_its_address() -> None:
    change = by_partner(ProposeModification, changes=Changes(email="new@c1.example"))
    given(*INVITED).when(change).refused(RejectionCode.NOT_ALLOWED_IN_STATUS, field="email")
    given(*INVITED, later(days=30)).when(by_partner(ProposeModification, changes=TERMS)).refused(
        RejectionCode.INVITATION_EXPIRED
    )


@pytest.mark.requirement("R11", "R129")
def test_an_open_offer_keeps_its_address_also_where_it_is_answered_by_another_change() -> None:
    proposed = (*VERIFIED, by_customer(ProposeModification, changes=TERMS))
    counter = by_partner(AnswerModification, answer="counter", changes=Changes(email="new@c1.example"))
    given(*proposed).when(counter).refused(RejectionCode.NOT_ALLOWED_IN_STATUS, status="invited", field="email")
    given(*proposed, later(days=30)).when(counter.but(changes=TERMS)).refused(RejectionCode.INVITATION_EXPIRED)


@pytest.mark.requirement("R20")
def test_a_deadline_comes_never_early_and_once_in_effect() -> None:
    at = NOON + timedelta(days=30)
    given(*INVITED, later(days=29)).when(deadline("invitation_expiry", at)).then()
    given(*INVITED, later(days=31)).when(deadline("invitation_expiry", at + timedelta(days=1))).then()
    given(*INVITED, later(days=30), deadline("invitation_expiry", at)).when(deadline("invitation_expiry", at)).then()
    given(*INVITED, cancel(), later(days=30)).when(deadline("invitation_expiry", at)).then()


@pytest.mark.requirement("R98")
@pytest.mark.parametrize(
    "came_to_nothing",
    [(cancel(),), (opened(), decline()), (later(days=30), reached("invitation_expiry"))],
    ids=["cancelled", "declined", "expired"],
)
def test_an_offer_that_came_to_nothing_is_purged_after_ninety_days(came_to_nothing: tuple[Step, ...]) -> None:
    story = given(*INVITED, *came_to_nothing, later(days=90)).when(reached())
    assert story.partnership().state.status == "purged"
    assert story.partnership().offer.legal_name == ""


@pytest.mark.requirement("R19")
def test_an_invitation_that_is_sent_again_keeps_its_channel_where_no_other_is_named() -> None:
    assert given(*REGISTERED, invite(channel="sms"), resend()).partnership().offer.channel == "sms"


def test_the_reason_for_which_an_offer_came_to_nothing_is_kept() -> None:
    assert given(*INVITED, cancel()).partnership().state.reason == "sent in error"  # type: ignore[union-attr]
    assert given(*OPENED, decline()).partnership().state.reason == "not now"  # type: ignore[union-attr]


@pytest.mark.requirement("R20")
def test_nobody_has_come_in_before_the_link_was_used_but_who_makes_the_offer() -> None:
    assert given(registered("p2"), facts(), invite("p2", customer_id="c1")).partnership("p2").state.opened_by is None  # type: ignore[union-attr]
    assert given(*KNOWN, customer_offers()).partnership("p2").state.opened_by == "c1"  # type: ignore[union-attr]


@pytest.mark.requirement("R98")
def test_an_offer_is_one_of_a_customers_partnerships_once_it_is_known_to_be_its_own() -> None:
    addressed = given(registered("p2"), facts(), invite("p2", customer_id="c1"), cancel("p2"))
    assert (addressed.partnership("p2").linked, addressed.customer().partnerships) == (False, 0)
    addressed.when(later(days=90), reached()).then(like(PersonalDataPurged, was_linked=False, customer_gone=False))
    made = given(*KNOWN, customer_offers(), cancel("p2", actor=customer_user()))
    assert (made.partnership("p2").linked, made.customer().partnerships) == (True, 2)
    made.when(later(days=90), reached("offer_purge")).then(
        like(PersonalDataPurged, was_linked=True, customer_gone=False)
    )
    assert made.customer().partnerships == 1


@pytest.mark.requirement("R24", "R26", "R83")
def test_only_the_customer_confirms_its_switch() -> None:
    """It was free when it offered itself, and is somebody's customer by now: the new partner cannot say yes for it."""
    verified_once = (registered("p3"), invite("p3"), opened("p3"), verified("p3"), decline("p3"))
    free = (registered(), registered("p2"), facts(), facts(partner="p2"), *verified_once, OFFERS)
    bound = (customer_offers(switch_confirmed=False), invite(), opened(), verified(), accept())
    story = given(*free, *bound)
    yes = accept("p2", actor=partner_user("p2"))
    story.when(yes).refused(RejectionCode.CUSTOMER_ALREADY_BOUND)
    assert story.rejection is not None
    assert story.rejection.details == {}, "whose customer it is, is not the new partner's business"
    story.when(yes.but(switch_confirmed=True)).refused(RejectionCode.CUSTOMER_ALREADY_BOUND)
    assert story.partnership("p1").state.status == "active"


@pytest.mark.requirement("R24", "R26")
def test_a_confirmation_is_for_leaving_one_partner_and_no_other() -> None:
    third = (registered("p3"), facts(partner="p3"))
    moved = (invite("p3"), opened("p3"), verified("p3"), switch("p3"), delivered())
    story = given(*KNOWN, policy(who_may_offer=("partner", "customer"), requests_max=3), *third)
    story.when(customer_offers(), *moved, accept("p2", actor=partner_user("p2")))
    story.refused(RejectionCode.CUSTOMER_ALREADY_BOUND)


@pytest.mark.requirement("R2", "R83")
def test_only_a_customers_admin_offers_it() -> None:
    """As only an admin accepts: it gives the same consent."""
    operator = customer_user(role=Role.OPERATOR)
    given(*KNOWN).when(customer_offers(actor=operator)).refused(RejectionCode.NOT_AUTHORIZED, roles=["admin"])
    assert given(*BOUND).when(invite(customer="c2", actor=partner_user(role=Role.OPERATOR))).rejection is None

"""From the offer to its answer."""

from datetime import timedelta
from typing import Any

import pytest

from contracts.events.billing import BillingSwitched
from contracts.events.binding import PartnershipBound
from contracts.events.facts import QuotaUpdated
from contracts.events.invitation import (
    IdentityVerificationFailed,
    IdentityVerified,
    InvitationAccepted,
    InvitationCancelled,
    InvitationDeclined,
    InvitationExpired,
    InvitationOpened,
    InvitationSent,
    PartnershipStatusChecked,
    SwitchPrompted,
)
from contracts.events.notice import NoticeSent, TokenRequest
from contracts.message import Role
from contracts.rejections import RejectionCode
from handlers.states import Invited
from tests.story import (
    BOUND,
    INVITED,
    NOON,
    OPENED,
    PROMPTED,
    REGISTERED,
    VERIFIED,
    Step,
    accept,
    cancel,
    customer_user,
    decline,
    facts,
    given,
    invite,
    later,
    like,
    opened,
    partner_is,
    partner_user,
    policy,
    registered,
    verified,
)


@pytest.mark.requirement("R1", "R2", "R16", "R17", "R19", "R59")
def test_an_invitation_is_sent_through_its_channel_and_reserves_a_place() -> None:
    story = given(*REGISTERED).when(invite(channel="sms", language="zh-Hans"))

    story.then(
        like(InvitationSent, purpose="new_customer_acquisition", stage="sent"),
        like(QuotaUpdated, limit=10, bound=0, reserved=1),
    ).told(customer="invitation")
    notice = story.events[-1]
    assert isinstance(notice, NoticeSent)
    assert (notice.channel, notice.address, notice.language) == ("sms", "+44 20 7946 0000", "zh-Hans")


@pytest.mark.requirement("R17")
def test_the_link_of_an_invitation_is_asked_for_and_never_kept() -> None:
    story = given(*REGISTERED).when(invite())

    notice = story.events[-1]
    assert isinstance(notice, NoticeSent)
    assert notice.token == TokenRequest(purpose="invitation", subject="p1-c1", number=1)
    assert "token" not in notice.model_dump()


@pytest.mark.requirement("R9", "R10", "R11", "R12", "R13", "R14", "R15")
@pytest.mark.parametrize(
    "field", ["legal_name", "contact_person", "email", "phone", "requirements", "estimated_volume"]
)
@pytest.mark.parametrize("gap", [None, "", "  "])
def test_an_incomplete_invitation_is_refused_with_what_is_missing(field: str, gap: str | None) -> None:
    changes: dict[str, Any] = {field: gap}
    given(*REGISTERED).when(invite(**changes)).refused(RejectionCode.INVITATION_INCOMPLETE, missing=[field])


@pytest.mark.requirement("R11")
@pytest.mark.parametrize("email", ["ada", "ada@", "@c1.example", "ada lovelace@c1.example"])
def test_what_is_no_e_mail_address_is_refused(email: str) -> None:
    given(*REGISTERED).when(invite(email=email)).refused(RejectionCode.INVITATION_INCOMPLETE, malformed=["email"])


@pytest.mark.requirement("R19")
def test_only_official_channels_are_used() -> None:
    given(*REGISTERED).when(invite(channel="carrier pigeon")).refused(RejectionCode.CHANNEL_NOT_OFFICIAL)


@pytest.mark.requirement("R8")
def test_the_inviting_partner_has_confirmed_the_current_standards() -> None:
    given(*REGISTERED).when(invite(standards_version="0")).refused(RejectionCode.STANDARDS_VERSION_STALE, current="1")


@pytest.mark.requirement("R3")
@pytest.mark.parametrize("status", ["restricted", "closed"])
def test_a_partner_that_is_not_active_may_not_invite(status: str) -> None:
    given(*REGISTERED, partner_is(status=status)).when(invite()).refused(
        RejectionCode.PARTNER_NOT_ACTIVE, status=status
    )


@pytest.mark.requirement("R4")
def test_a_partner_with_negative_records_may_not_invite() -> None:
    given(*REGISTERED, partner_is(negative_records=2)).when(invite()).refused(RejectionCode.PARTNER_NEGATIVE_RECORD)


@pytest.mark.requirement("R59")
def test_a_partner_invites_no_more_customers_than_its_quota_has_room_for() -> None:
    given(registered(quota=1), invite()).when(invite(customer="c2")).refused(
        RejectionCode.QUOTA_EXCEEDED, limit=1, bound=0, reserved=1
    )


@pytest.mark.requirement("R16")
@pytest.mark.parametrize("known", [{"customer_id": "c1"}, {"email": "ADA@c1.example "}])
def test_a_company_has_one_open_invitation_of_a_partner(known: dict[str, Any]) -> None:
    given(*REGISTERED, invite(customer_id="c1")).when(invite(subject="second", **known)).refused(
        RejectionCode.DUPLICATE_OPEN_INVITATION, partnership_id="p1-c1"
    )


@pytest.mark.requirement("R16")
def test_after_an_invitation_was_declined_another_may_be_sent() -> None:
    given(*OPENED, decline()).when(invite(subject="second")).then(InvitationSent, QuotaUpdated)


@pytest.mark.requirement("R5")
def test_a_partner_does_not_invite_its_own_customer() -> None:
    given(*BOUND).when(invite(subject="second", customer_id="c1")).refused(RejectionCode.ALREADY_BOUND_TO_YOU)


@pytest.mark.requirement("R5")
def test_where_the_policy_says_so_another_partners_customer_is_not_invited() -> None:
    given(*BOUND, registered("p2"), policy(bound_customers_may_be_invited=False)).when(
        invite("p2", customer_id="c1")
    ).refused(RejectionCode.CUSTOMER_ALREADY_BOUND)


@pytest.mark.requirement("R6", "R7")
@pytest.mark.parametrize(
    ("fact", "code"),
    [("qualified", RejectionCode.CUSTOMER_NOT_QUALIFIED), ("compliant", RejectionCode.CUSTOMER_NOT_COMPLIANT)],
)
def test_a_customer_known_to_be_unfit_is_neither_invited_nor_bound(fact: str, code: RejectionCode) -> None:
    changes: dict[str, Any] = {fact: False}
    unfit = facts(**changes)
    given(registered(), unfit).when(invite(customer_id="c1")).refused(code, known=True)
    given(*VERIFIED, unfit).when(accept()).refused(code, known=True)


@pytest.mark.requirement("R6", "R7")
def test_a_customer_that_nothing_is_known_of_is_invited_but_not_bound() -> None:
    given(registered(), invite(customer_id="c1"), opened(), verified()).when(accept()).refused(
        RejectionCode.CUSTOMER_NOT_QUALIFIED, known=False
    )


@pytest.mark.requirement("R6", "R7")
def test_so_is_one_of_whom_it_is_not_known_whether_it_is_fit() -> None:
    known = (registered(), facts(qualified=None, compliant=None))
    given(*known).when(invite(customer_id="c1")).then(InvitationSent, QuotaUpdated)
    given(*known, invite(customer_id="c1"), opened(), verified()).when(accept()).refused(
        RejectionCode.CUSTOMER_NOT_QUALIFIED, known=False
    )


@pytest.mark.requirement("R20")
def test_the_link_may_be_used_again_while_the_offer_is_open() -> None:
    given(*INVITED).when(opened()).then(like(InvitationOpened, stage="opened"))
    given(*VERIFIED).when(opened()).then(like(InvitationOpened, stage="verified"))


@pytest.mark.requirement("R20")
@pytest.mark.parametrize("token", ["", "invitation:p1-c1:2", "ключ"])
def test_a_wrong_link_opens_nothing(token: str) -> None:
    given(*INVITED).when(opened(token=token or " ")).refused(RejectionCode.TOKEN_INVALID, latest_link=1)


@pytest.mark.requirement("R20")
def test_an_invitation_to_a_known_customer_is_opened_by_it_alone() -> None:
    given(*REGISTERED, invite(customer_id="c1")).when(opened().but(actor=customer_user("c2"))).refused(
        RejectionCode.NOT_AUTHORIZED
    )


@pytest.mark.requirement("R20")
@pytest.mark.parametrize("command", [opened(), verified(), accept()])
def test_after_thirty_days_an_invitation_can_no_longer_be_used(command: Any) -> None:
    steps = {"OpenInvitation": INVITED, "RecordIdentityVerification": OPENED, "AcceptInvitation": VERIFIED}
    before = steps[type(command.command).__name__]
    given(*before, later(days=30)).when(command).refused(RejectionCode.INVITATION_EXPIRED)
    assert given(*before, later(days=29, hours=23)).when(command).rejection is None


@pytest.mark.requirement("R21", "R22", "R23")
def test_a_verified_customer_without_a_partner_goes_on_to_confirm() -> None:
    given(*OPENED).when(verified()).then(
        like(IdentityVerified, customer_id="c1", stage="verified"),
        like(PartnershipStatusChecked, bound_elsewhere=False),
    )


@pytest.mark.requirement("R22", "R24")
def test_a_verified_customer_of_another_partner_is_asked_about_the_switch() -> None:
    given(*BOUND, registered("p2"), invite("p2"), opened("p2")).when(verified("p2")).then(
        IdentityVerified,
        like(PartnershipStatusChecked, bound_elsewhere=True),
        like(SwitchPrompted, from_partner_id="p1", from_partnership_id="p1-c1", stage="switch_prompted"),
    )


@pytest.mark.requirement("R24")
def test_who_was_asked_about_a_switch_is_seen_to_have_been() -> None:
    prompted = given(*PROMPTED).partnership("p2").state
    assert isinstance(prompted, Invited)
    assert (prompted.stage, prompted.switch_from_partner_id) == ("switch_prompted", "p1")


@pytest.mark.requirement("R21")
def test_identity_is_verified_after_the_invitation_was_opened() -> None:
    given(*INVITED).when(verified()).refused(RejectionCode.NOT_ALLOWED_IN_STATUS, status="invited", stage="sent")


@pytest.mark.requirement("R9", "R21")
def test_another_company_than_the_invited_one_is_a_mismatch() -> None:
    given(*OPENED).when(verified(legal_name="Somebody Else Ltd")).refused(
        RejectionCode.IDENTITY_MISMATCH, fields=["legal_name"]
    )
    given(*OPENED).when(verified(legal_name="  C1   LTD ")).then(IdentityVerified, PartnershipStatusChecked)


@pytest.mark.requirement("R21")
def test_another_customer_than_the_invited_one_is_a_mismatch() -> None:
    given(*REGISTERED, invite(customer_id="c1"), opened()).when(verified(customer_id="c2")).refused(
        RejectionCode.IDENTITY_MISMATCH, fields=["customer_id"]
    )


@pytest.mark.requirement("R21")
def test_a_customer_with_two_offers_of_one_partner_is_verified_on_one() -> None:
    second = invite(customer="c9", legal_name="c1 Ltd")
    given(*VERIFIED, second, opened(customer="c9")).when(
        verified(customer="c9", customer_id="c1", legal_name="c1 Ltd")
    ).refused(RejectionCode.DUPLICATE_OPEN_INVITATION, partnership_id="p1-c1")


@pytest.mark.requirement("R21")
def test_the_fifth_failed_verification_expires_the_invitation_and_frees_its_place() -> None:
    failed = verified(passed=False)
    story = given(*OPENED, failed, failed, failed)
    story.when(failed).then(like(IdentityVerificationFailed, failed_attempts=4, attempts_left=1))
    story.when(failed).then(
        like(IdentityVerificationFailed, attempts_left=0),
        like(InvitationExpired, status="expired"),
        like(QuotaUpdated, reserved=0),
    ).told(partner="invitation_expired", customer="invitation_expired")
    story.when(verified()).refused(RejectionCode.VERIFICATION_EXHAUSTED)


@pytest.mark.requirement("R25", "R26", "R28", "R29", "R30", "R59")
def test_accepting_binds_the_customer_and_both_are_told() -> None:
    story = given(*VERIFIED).when(accept())

    story.then(
        like(InvitationAccepted, consent_version="1"),
        like(PartnershipBound, status="active", stage="activation_pending", customer_id="c1"),
        like(QuotaUpdated, bound=1, reserved=0),
        like(BillingSwitched, from_mode="direct", to_mode="partner", to_partner_id="p1"),
    ).told(partner="partnership_bound", customer="partnership_bound")
    assert story.customer().live is not None
    assert story.partnership().open_keys == ()


@pytest.mark.requirement("R31")
def test_activation_is_waited_for_a_day_long_from_then_on() -> None:
    story = given(*VERIFIED, later(hours=1)).when(accept())
    (bound,) = [event for event in story.events if isinstance(event, PartnershipBound)]
    assert bound.activation_due_at == NOON + timedelta(hours=25)


@pytest.mark.requirement("R21", "R25")
def test_nobody_accepts_before_the_identity_is_verified() -> None:
    given(*OPENED).when(accept()).refused(RejectionCode.IDENTITY_NOT_VERIFIED, stage="opened")


@pytest.mark.requirement("R26")
@pytest.mark.parametrize("consent", [None, "0"])
def test_accepting_needs_consent_to_the_current_terms(consent: str | None) -> None:
    given(*VERIFIED).when(accept(consent_version=consent)).refused(RejectionCode.CONSENT_VERSION_STALE, current="1")


@pytest.mark.requirement("R83")
def test_an_operator_does_not_accept_for_a_customer() -> None:
    given(*VERIFIED).when(accept(actor=customer_user(role=Role.OPERATOR))).refused(RejectionCode.NOT_AUTHORIZED)


@pytest.mark.requirement("R24", "R26")
def test_a_switch_has_to_be_confirmed() -> None:
    given(*PROMPTED).when(accept("p2")).refused(RejectionCode.SWITCH_CONFIRMATION_REQUIRED, from_partner_id="p1")


@pytest.mark.requirement("R59")
def test_declining_and_cancelling_give_the_place_back() -> None:
    given(*OPENED).when(decline()).then(InvitationDeclined, like(QuotaUpdated, reserved=0)).told(
        partner="invitation_declined", customer="invitation_declined"
    )
    given(*INVITED).when(cancel()).then(InvitationCancelled, like(QuotaUpdated, reserved=0)).told(
        partner="invitation_cancelled", customer="invitation_cancelled"
    )


@pytest.mark.requirement("R121")
@pytest.mark.parametrize("command", [decline(reason=None), cancel(reason=" ")])
def test_declining_and_cancelling_need_a_reason(command: Any) -> None:
    given(*OPENED).when(command).refused(RejectionCode.REASON_REQUIRED)


@pytest.mark.requirement("R20")
def test_who_has_not_come_in_through_the_link_cannot_decline() -> None:
    given(*INVITED).when(decline()).refused(RejectionCode.NOT_AUTHORIZED)
    given(*OPENED).when(decline(actor=customer_user("c2"))).refused(RejectionCode.NOT_AUTHORIZED)


@pytest.mark.requirement("R2")
def test_a_partner_acts_in_its_own_lane_only() -> None:
    given(*REGISTERED).when(invite(actor=partner_user("p2"))).refused(RejectionCode.NOT_AUTHORIZED)
    given(*INVITED, registered("p2")).when(cancel("p2")).refused(RejectionCode.NOT_FOUND)


@pytest.mark.requirement("R2")
def test_an_id_that_is_another_partners_partnership_is_not_found() -> None:
    given(*INVITED, registered("p2")).when(invite("p2", subject="p1-c1")).refused(RejectionCode.NOT_FOUND)


WHAT_IT_SAYS = [
    ("R9", "legal_name", "Example Works Ltd"),
    ("R10", "contact_person", "Grace Example"),
    ("R11", "email", "grace@works.example"),
    ("R12", "phone", "+44 20 7946 0999"),
    ("R13", "requirements", "a cluster in two regions"),
    ("R14", "estimated_volume", "7 million EUR in three years"),
]


@pytest.mark.parametrize(
    ("field", "text"),
    [pytest.param(*row[1:], marks=pytest.mark.requirement(row[0]), id=row[0]) for row in WHAT_IT_SAYS],
)
def test_what_an_invitation_says_about_the_company_stays_with_the_partnership(field: str, text: str) -> None:
    said: dict[str, Any] = {name: value for _, name, value in WHAT_IT_SAYS}
    story = given(*REGISTERED, invite(**said), opened(), verified(legal_name="Example Works Ltd"), accept())
    assert getattr(story.partnership().offer, field) == text


@pytest.mark.requirement("R8")
def test_the_standards_that_the_partner_has_confirmed_are_recorded_with_the_invitation() -> None:
    given(*REGISTERED, policy(standards_version="7")).when(invite(standards_version="7")).then(
        like(InvitationSent, standards_version="7"), QuotaUpdated
    )


@pytest.mark.requirement("R5")
def test_a_partner_does_not_bind_its_own_customer_again_by_an_invitation_that_did_not_name_it() -> None:
    unnamed = (invite(customer="x", legal_name="c1 Ltd"), opened(customer="x"))
    known = verified(customer="x", customer_id="c1", legal_name="c1 Ltd")
    given(*BOUND, *unnamed, known).when(accept(customer="x", actor=customer_user("c1"), switch_confirmed=True)).refused(
        RejectionCode.ALREADY_BOUND_TO_YOU, partnership_id="p1-c1"
    )


@pytest.mark.requirement("R21", "R25")
@pytest.mark.parametrize(("steps", "stage"), [((), "sent"), ((opened(),), "opened")])
def test_a_customer_that_is_known_already_does_not_accept_unverified_either(
    steps: tuple[Step, ...], stage: str
) -> None:
    """Here the customer is there to be bound, and only the stage of its invitation says no."""
    given(*REGISTERED, invite(customer_id="c1"), *steps).when(accept()).refused(
        RejectionCode.IDENTITY_NOT_VERIFIED, stage=stage
    )

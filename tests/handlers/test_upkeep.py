"""A partnership that lives."""

from datetime import timedelta

import pytest

from contracts.commands.binding import (
    AnswerModification,
    AssignContacts,
    ConfigurePermissions,
    HidePartnership,
    ProposeModification,
    RecordActivation,
    RecordBusinessData,
    RecordNotificationOutcome,
    ResumePartnership,
    ShowPartnership,
    SuspendPartnership,
    UpdateCustomerInfo,
)
from contracts.commands.termination import WithdrawTermination
from contracts.details import Changes, Contacts
from contracts.events.binding import (
    ActivationOverdue,
    ActivationRecorded,
    PartnershipAgreementUpdated,
    PartnershipResumed,
    PartnershipSuspended,
)
from contracts.events.facts import AgreementUpdated
from contracts.events.notice import NoticeSent, NotificationOutcomeRecorded
from contracts.events.upkeep import (
    BusinessDataRecorded,
    ContactsAssigned,
    CustomerInfoUpdated,
    ModificationAcknowledged,
    ModificationApplied,
    ModificationCountered,
    ModificationDeclined,
    ModificationLapsed,
    ModificationProposed,
    PartnershipHidden,
    PermissionsConfigured,
)
from contracts.message import Actor, Role
from contracts.rejections import RejectionCode
from tests.situations import WHY
from tests.story import (
    BOUND,
    INVITED,
    NOON,
    OPENED,
    PENDING,
    SUSPENDED,
    TERMINATED,
    Send,
    by_customer,
    by_partner,
    by_platform,
    by_system,
    cancel,
    customer_asks,
    customer_user,
    delivered,
    given,
    invite,
    later,
    like,
    partner_is,
    partner_user,
    reached,
)
from tests.tour import UNTIL_MARCH, agreement

TERMS, PHONE = Changes(terms="five per cent more"), Changes(phone="+44 1")
BOTH = {"partner": "modification_applied", "customer": "modification_applied"}


@pytest.mark.requirement("R31")
def test_activation_is_asked_for_and_heard_of() -> None:
    story = given(*BOUND).when(by_system(RecordActivation, outcome="failed"))
    story.then(like(ActivationRecorded, stage="activation_failed")).told(
        partner="activation_failed", customer="activation_failed", platform="activation_failed"
    )
    story.when(by_system(RecordActivation, outcome="done")).then(like(ActivationRecorded, stage="activation_done"))
    story.when(by_system(RecordActivation, outcome="done")).refused(RejectionCode.NOT_ALLOWED_IN_STATUS)


@pytest.mark.requirement("R31")
def test_the_platform_is_told_once_when_nobody_has_said_in_a_day_whether_the_account_was_activated() -> None:
    story = given(*BOUND, later(hours=24)).when(reached()).then(ActivationOverdue).told(platform="activation_overdue")
    assert story.when(later(days=3), reached()).events == []
    story.when(by_system(RecordActivation, outcome="done")).then(ActivationRecorded)


@pytest.mark.requirement("R31")
def test_activation_is_heard_of_while_the_end_is_under_way() -> None:
    story = given(*PENDING).when(by_system(RecordActivation, outcome="done"))
    story.then(like(ActivationRecorded, status="ending", stage="pending_decision"))


@pytest.mark.requirement("R33")
def test_permissions_are_configured_and_both_are_told() -> None:
    story = given(*BOUND).when(by_partner(ConfigurePermissions, permissions=("read_usage",)))
    story.then(like(PermissionsConfigured, permissions=("read_usage",)))
    story.told(partner="permissions_configured", customer="permissions_configured")
    assert story.partnership().permissions == ("read_usage",)


@pytest.mark.requirement("R35", "R117")
def test_contacts_are_assigned_and_not_published() -> None:
    contacts = Contacts(assigned_contact="Grace", management_team=("Alan",), support_level="gold")
    story = given(*BOUND).when(by_partner(AssignContacts, contacts=contacts)).then(ContactsAssigned)
    assert story.partnership().contacts == contacts
    assert "Grace" not in story.events[0].model_dump_json()


@pytest.mark.requirement("R32", "R129")
def test_the_partner_keeps_the_information_at_once_and_the_customer_when_the_partner_acknowledges() -> None:
    given(*BOUND).when(by_partner(UpdateCustomerInfo, changes=PHONE)).then(
        like(CustomerInfoUpdated, fields=("phone",))
    ).told(partner="customer_info_updated", customer="customer_info_updated")
    story = given(*BOUND).when(by_customer(UpdateCustomerInfo, changes=PHONE)).then(like(ModificationProposed))
    assert story.partnership().offer.phone != "+44 1"
    story.when(by_partner(AnswerModification, answer="acknowledge")).then(ModificationAcknowledged, ModificationApplied)
    assert story.partnership().offer.phone == "+44 1"


@pytest.mark.requirement("R32")
def test_terms_are_no_upkeep() -> None:
    given(*BOUND).when(by_partner(UpdateCustomerInfo, changes=TERMS)).refused(
        RejectionCode.NOT_AUTHORIZED, fields=["terms"]
    )
    given(*BOUND).when(by_partner(UpdateCustomerInfo, changes=Changes())).refused(RejectionCode.INVITATION_INCOMPLETE)
    given(*INVITED).when(by_partner(UpdateCustomerInfo, changes=PHONE)).refused(RejectionCode.NOT_ALLOWED_IN_STATUS)


@pytest.mark.requirement("R129")
def test_a_change_is_the_other_sides_turn_and_may_be_countered_until_one_agrees() -> None:
    story = given(*BOUND).when(by_partner(ProposeModification, changes=TERMS)).then(like(ModificationProposed))
    story.when(by_partner(AnswerModification, answer="acknowledge")).refused(RejectionCode.NOT_YOUR_TURN)
    story.when(by_partner(ProposeModification, changes=PHONE)).refused(RejectionCode.NOT_YOUR_TURN, turn="customer")
    counter = Changes(terms="four per cent")
    story.when(by_customer(AnswerModification, answer="counter", changes=counter)).then(
        like(ModificationCountered, by="customer")
    )
    story.when(by_customer(AnswerModification, answer="acknowledge")).refused(RejectionCode.NOT_YOUR_TURN)
    story.when(by_partner(AnswerModification, answer="acknowledge")).told(**BOTH)
    assert story.partnership().offer.terms == "four per cent"


@pytest.mark.requirement("R129")
def test_a_change_can_be_declined_for_a_reason_and_an_empty_one_is_none() -> None:
    proposed = (*BOUND, by_customer(ProposeModification, changes=TERMS))
    given(*proposed).when(by_partner(AnswerModification, answer="decline")).refused(RejectionCode.REASON_REQUIRED)
    given(*proposed).when(by_partner(AnswerModification, answer="decline", reason=WHY)).then(ModificationDeclined)
    given(*proposed).when(by_partner(AnswerModification, answer="counter")).refused(RejectionCode.INVITATION_INCOMPLETE)
    given(*BOUND).when(by_customer(ProposeModification, changes=Changes())).refused(
        RejectionCode.INVITATION_INCOMPLETE, missing=["changes"]
    )
    given(*BOUND).when(by_partner(AnswerModification, answer="acknowledge")).refused(RejectionCode.NO_OPEN_REQUEST)


@pytest.mark.requirement("R129")
def test_both_sides_are_told_that_a_change_was_declined() -> None:
    no = by_partner(AnswerModification, answer="decline", reason=WHY)
    given(*BOUND, by_customer(ProposeModification, changes=TERMS)).when(no).told(
        partner="modification_declined", customer="modification_declined"
    )


@pytest.mark.requirement("R32", "R129")
def test_what_is_upkeep_the_partner_changes_at_once_and_terms_not_even_beside_it() -> None:
    upkeep = Changes(contact_person="Bob", email="bob@c1.example", phone="+44 2")
    given(*BOUND).when(by_partner(ProposeModification, changes=upkeep)).then(ModificationApplied)
    mixed = upkeep.model_copy(update={"terms": "ten"})
    given(*BOUND).when(by_partner(ProposeModification, changes=mixed)).then(ModificationProposed)


@pytest.mark.requirement("R129")
def test_what_a_closed_partner_would_have_to_answer_falls_to_the_platform() -> None:
    proposed = (*BOUND, by_customer(ProposeModification, changes=TERMS))
    by_the_platform = by_platform(AnswerModification, answer="acknowledge")
    given(*proposed).when(by_the_platform).refused(RejectionCode.NOT_YOUR_TURN, turn="partner")
    closed = (*proposed, partner_is(status="closed"))
    given(*closed).when(by_partner(AnswerModification, answer="acknowledge")).refused(RejectionCode.PARTNER_NOT_ACTIVE)
    given(*closed).when(by_the_platform).then(ModificationAcknowledged, ModificationApplied)


@pytest.mark.requirement("R129")
def test_a_change_that_nobody_answers_lapses_after_thirty_days() -> None:
    story = given(*BOUND, by_customer(ProposeModification, changes=TERMS), later(days=30)).when(
        reached("modification_answer")
    )
    story.then(ModificationLapsed)
    assert story.partnership().offer.terms == ""


@pytest.mark.requirement("R34")
def test_business_data_is_kept_by_month_and_a_later_report_replaces_an_earlier_one() -> None:
    def month(name: str, amount: int) -> Send:
        return by_system(RecordBusinessData, period=name, amount=amount, currency="EUR", orders=1)

    story = given(*BOUND)
    for name, amount in [("2026-02", 2), ("2026-01", 1), ("2026-02", 3)]:
        story.when(month(name, amount)).then(BusinessDataRecorded)
    assert [(known.period, known.amount) for known in story.partnership().business] == [("2026-01", 1), ("2026-02", 3)]
    assert "amount" not in story.events[0].model_dump()


@pytest.mark.requirement("R34")
def test_business_data_is_in_the_order_of_its_months_whatever_came_first() -> None:
    def of(period: str) -> Send:
        return by_system(RecordBusinessData, period=period, amount=1, currency="EUR", orders=1)

    story = given(*BOUND, of("2026-02"), of("2025-12"), of("2026-01"))
    assert [known.period for known in story.partnership().business] == ["2025-12", "2026-01", "2026-02"]


@pytest.mark.requirement("R34", "R118")
def test_business_data_of_what_has_ended_does_not_change_any_more() -> None:
    report = by_system(RecordBusinessData, period="2026-01", amount=1, currency="EUR", orders=1)
    given(*TERMINATED).when(report).refused(RejectionCode.PARTNERSHIP_READ_ONLY)
    assert given(*PENDING).when(report).rejection is None


@pytest.mark.requirement("R39")
def test_the_platform_suspends_for_a_reason_and_resumes() -> None:
    story = given(*BOUND)
    story.when(by_platform(SuspendPartnership)).refused(RejectionCode.REASON_REQUIRED)
    story.when(by_platform(SuspendPartnership, reason=WHY)).then(like(PartnershipSuspended, status="suspended"))
    story.told(partner="partnership_suspended", customer="partnership_suspended")
    assert story.partnership().state.reason == WHY  # type: ignore[union-attr]
    assert story.partner().quota.bound == 1
    story.when(by_platform(SuspendPartnership, reason=WHY)).refused(RejectionCode.NOT_ALLOWED_IN_STATUS)
    story.when(by_platform(ResumePartnership)).then(like(PartnershipResumed, status="active"))
    story.when(by_platform(ResumePartnership)).refused(RejectionCode.NOT_ALLOWED_IN_STATUS)


@pytest.mark.requirement("R39", "R113")
def test_a_suspended_partnership_can_be_ended_and_is_suspended_again_if_that_comes_to_nothing() -> None:
    story = given(*SUSPENDED, customer_asks())
    story.when(by_platform(ResumePartnership)).then(like(PartnershipResumed, status="ending"))
    story.when(by_platform(SuspendPartnership, reason=WHY)).then(like(PartnershipSuspended, status="ending"))
    story.when(by_customer(WithdrawTermination))
    assert story.partnership().state.status == "suspended"


@pytest.mark.requirement("R119")
def test_each_side_takes_the_card_off_its_own_screen_only_and_puts_it_back() -> None:
    story = given(*TERMINATED).when(by_partner(HidePartnership)).then(like(PartnershipHidden, side="partner"))
    story.when(by_partner(HidePartnership)).refused(RejectionCode.NOT_ALLOWED_IN_STATUS, hidden=True)
    story.when(by_partner(ShowPartnership))
    assert story.partnership().hidden_by == ("customer",)
    viewer = customer_user(role=Role.VIEWER)
    story.when(by_customer(ShowPartnership, actor=viewer))
    assert story.partnership().hidden_by == ()
    story.when(by_customer(ShowPartnership)).refused(RejectionCode.NOT_ALLOWED_IN_STATUS, hidden=False)
    given(*INVITED, cancel()).when(by_customer(HidePartnership)).refused(RejectionCode.NOT_AUTHORIZED)
    given(*OPENED).when(by_customer(HidePartnership)).then(PartnershipHidden)


# -------------------------------------------------------------------------------------------------------- notifications


def failed(notice_id: str) -> Send:
    return by_system(RecordNotificationOutcome, notice_id=notice_id, outcome="failed")


@pytest.mark.requirement("R29", "R60")
def test_a_notice_that_did_not_arrive_goes_by_the_second_channel_and_then_the_platform_is_told() -> None:
    story = given(*BOUND).when(failed("command-6:customer"))
    story.then(like(NotificationOutcomeRecorded, followed_by="second_channel"))
    again = story.events[-1]
    assert isinstance(again, NoticeSent)
    assert (again.template, again.channel) == ("partnership_bound", "console_message")
    story.when(failed(again.notice_id)).told(platform="notice_undeliverable")
    last = story.events[-1]
    assert isinstance(last, NoticeSent)
    story.when(failed(last.notice_id)).then(like(NotificationOutcomeRecorded, followed_by="nothing"))


@pytest.mark.requirement("R19", "R29")
def test_an_invitation_that_did_not_arrive_goes_by_mail_with_its_link() -> None:
    story = given(*INVITED[:-1], invite(channel="sms")).when(failed("command-3:customer"))
    again = story.events[-1]
    assert isinstance(again, NoticeSent)
    assert again.channel == "platform_email"
    assert again.token is not None


@pytest.mark.requirement("R29", "R60")
def test_what_has_arrived_is_done_with() -> None:
    done = by_system(RecordNotificationOutcome, notice_id="command-6:partner", outcome="delivered")
    story = given(*BOUND).when(done).then(like(NotificationOutcomeRecorded, followed_by="nothing"))
    story.when(done).refused(RejectionCode.NOT_FOUND)


# ------------------------------------------------------------------------------------------------------- the agreement


@pytest.mark.requirement("R41")
def test_an_agreements_end_reaches_the_partnerships_that_live() -> None:
    story = given(*BOUND).when(UNTIL_MARCH).then(like(AgreementUpdated, superseded=False))
    story.when(delivered()).then(like(PartnershipAgreementUpdated, agreement_ends_at=NOON + timedelta(days=60)))
    assert story.when(delivered()).events == []
    story.when(UNTIL_MARCH.but(as_of=NOON - timedelta(days=1), ends_at=None)).then(
        like(AgreementUpdated, superseded=True)
    )
    assert story.partner().agreement.ends_at == NOON + timedelta(days=60)
    story.when(agreement(), delivered()).then(like(PartnershipAgreementUpdated, agreement_ends_at=None))


@pytest.mark.requirement("R41")
def test_a_partnership_that_is_bound_later_knows_the_agreements_end() -> None:
    story = given(BOUND[0], UNTIL_MARCH, *BOUND[1:])
    assert story.partnership().agreement_ends_at == NOON + timedelta(days=60)


# ----------------------------------------------------------------------------------------------------- who keeps what


@pytest.mark.requirement("R32")
def test_what_the_partner_keeps_of_the_customers_information_is_the_latest() -> None:
    latest = Changes(contact_person="Bob", email="bob@c1.example", phone="+44 2")
    offer = given(*BOUND, by_partner(UpdateCustomerInfo, changes=latest)).partnership().offer
    assert (offer.contact_person, offer.email, offer.phone) == ("Bob", "bob@c1.example", "+44 2")
    assert offer.requirements == "compute and storage", "what was not named is as it was"


@pytest.mark.requirement("R33", "R84")
@pytest.mark.parametrize("role", [Role.OPERATOR, Role.VIEWER])
def test_only_administrators_configure_permissions(role: Role) -> None:
    for command in (
        by_partner(ConfigurePermissions, permissions=("read_usage",), actor=partner_user(role=role)),
        by_customer(ConfigurePermissions, permissions=("read_usage",), actor=customer_user(role=role)),
    ):
        given(*BOUND).when(command).refused(RejectionCode.NOT_AUTHORIZED, roles=["admin"])


@pytest.mark.requirement("R33")
def test_the_customer_configures_what_its_partner_may_do_too() -> None:
    story = given(*BOUND, by_partner(ConfigurePermissions, permissions=("read_usage", "open_tickets")))
    story.when(by_customer(ConfigurePermissions, permissions=("read_usage",)))
    story.then(like(PermissionsConfigured, permissions=("read_usage",)))


@pytest.mark.requirement("R34")
@pytest.mark.parametrize("actor", [partner_user(), customer_user()], ids=["partner", "customer"])
def test_neither_side_reports_its_own_business_data(actor: Actor) -> None:
    report = by_system(RecordBusinessData, period="2026-01", amount=1, currency="EUR", orders=1)
    given(*BOUND).when(report.but(actor=actor)).refused(RejectionCode.NOT_AUTHORIZED, parties=["system"])

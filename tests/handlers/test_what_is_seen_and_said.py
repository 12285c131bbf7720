"""What each side gets to know, so that it can decide: offers, requests, reasons, addresses (R24 to R26, R46, R105)."""

from datetime import timedelta
from typing import Any

import pytest

from contracts.commands.binding import (
    AnswerModification,
    ChooseBilling,
    ConfigurePermissions,
    ProposeModification,
    RecordActivation,
    UpdateCustomerInfo,
)
from contracts.commands.closing import (
    AnswerReactivation,
    DisputeFinalBill,
    PlaceLegalHold,
    RecordClosingStep,
    ReleaseLegalHold,
    RequestReactivation,
    ResolveDispute,
)
from contracts.commands.facts import ReportCustomerStanding, ReportPartnerStanding
from contracts.commands.invitation import OpenInvitation, ResendInvitation
from contracts.commands.termination import RequestTermination, WithdrawTermination
from contracts.details import Changes
from contracts.events.binding import PartnershipBound, SwitchStarted
from contracts.events.closing import ReactivationDeclined, ReactivationLapsed
from contracts.events.facts import PartnerStandingRecorded
from contracts.events.invitation import InvitationAccepted, InvitationResent, SwitchPrompted
from contracts.events.notice import NoticeSent
from contracts.events.partnership import Why
from contracts.events.upkeep import PermissionsConfigured
from contracts.message import SYSTEM
from contracts.rejections import RejectionCode
from contracts.standing import BillingCycle
from handlers.policy import Policy
from handlers.states import Terminated
from handlers.views import view
from tests.screens import CUSTOMER, PARTNER, PLATFORM, seen
from tests.story import (
    BILLED,
    BOUND,
    DRAFTED,
    INVITED,
    NOON,
    OPENED,
    PENDING,
    PROMPTED,
    STALLED,
    SUPPORT,
    TERMINATED,
    VERIFIED,
    Send,
    Step,
    Story,
    accept,
    by_customer,
    by_partner,
    by_platform,
    by_system,
    customer_asks,
    customer_confirms,
    customer_decides,
    customer_enters,
    customer_gets_code,
    customer_requests,
    customer_user,
    delivered,
    facts,
    given,
    invite,
    later,
    on,
    opened,
    partner_asks,
    partner_decides,
    partner_is,
    platform_ends,
    policy,
    reached,
    registered,
    switch,
    token,
    verified,
)
from tests.tour import UNTIL_MARCH

WHY = "our needs have changed"
TERMS = Changes(terms="everything doubles")


def told(story: Story, template: str, party: str = "customer") -> dict[str, str]:
    """The parameters of the one notice of this kind that the last step sent."""
    (notice,) = [
        event
        for event in story.events
        if isinstance(event, NoticeSent) and (event.template, event.party) == (template, party)
    ]
    return notice.params


# --------------------------------------------------------------------------------- whom one leaves, and for which offer


@pytest.mark.requirement("R24", "R26")
def test_who_confirms_to_leave_one_partner_does_not_leave_another() -> None:
    """The customer is prompted to leave p1 for p2's offer, goes to p3, and then answers p2."""
    to_p3 = (registered("p3"), invite("p3"), opened("p3"), verified("p3"), accept("p3", switch_confirmed=True))
    elsewhere = (policy(switch_counts=False), *PROMPTED, *to_p3, delivered(), facts(partner="p3"))

    story = given(*elsewhere).when(accept("p2", switch_confirmed=True))
    story.refused(
        RejectionCode.SWITCH_CONFIRMATION_REQUIRED,
        from_partner_id="p3",
        consequences=["current_partnership_ends", "billing_moves"],
    )
    named = accept("p2", switch_confirmed=True, switch_from_partner_id="p3")
    assert SwitchStarted in [type(event) for event in given(*elsewhere).when(named).events]
    unsaid = accept("p2", switch_from_partner_id="p3")
    given(*elsewhere).when(unsaid).refused(RejectionCode.SWITCH_CONFIRMATION_REQUIRED)


@pytest.mark.requirement("R24", "R26")
def test_who_was_bound_after_its_verification_names_whom_it_leaves() -> None:
    """It was never prompted: a yes without a name would be one to nothing."""
    free = (*OPENED, registered("p2"), invite("p2"), opened("p2"), verified("p2"), verified(), accept())

    given(*free).when(accept("p2", switch_confirmed=True)).refused(RejectionCode.SWITCH_CONFIRMATION_REQUIRED)
    named = accept("p2", switch_confirmed=True, switch_from_partner_id="p1")
    assert SwitchStarted in [type(event) for event in given(*free).when(named).events]


@pytest.mark.requirement("R5", "R22", "R24")
def test_a_prompt_comes_where_an_acceptance_can_follow() -> None:
    """Another agreement with one's own partner ends the present one (C1); where the policy allows none, nobody asks."""
    renewal = (*BOUND, invite(subject="again", email="other@c1.example"), OPENED_AGAIN)
    allowed = (policy(own_customers_may_be_invited=True), *renewal)
    (asked,) = prompts(given(*allowed).when(VERIFIED_AGAIN))
    assert (asked.from_partner_id, asked.consequences) == ("p1", ("current_partnership_ends",))
    assert prompts(given(*renewal).when(VERIFIED_AGAIN)) == []
    no_switch = (policy(switch_waives_consent_and_notice=False), *BOUND, registered("p2"), invite("p2"), opened("p2"))
    assert prompts(given(*no_switch).when(verified("p2"))) == []


OPENED_AGAIN = Send(OpenInvitation(actor=customer_user(), token=token("invitation", "again", 1)), "again", "p1")
VERIFIED_AGAIN = Send(verified().command, "again", "p1")


def prompts(story: Story) -> list[SwitchPrompted]:
    return [event for event in story.events if isinstance(event, SwitchPrompted)]


@pytest.mark.requirement("R25", "R26")
def test_an_offer_that_was_changed_is_accepted_in_the_version_that_was_seen() -> None:
    changed = (*VERIFIED, by_partner(ProposeModification, changes=TERMS))
    story = given(*changed)
    version = seen(story, CUSTOMER).version

    story.when(accept()).refused(RejectionCode.VERSION_CONFLICT, current_version=version)
    given(*changed).when(accept(expected_version=version - 1)).refused(RejectionCode.VERSION_CONFLICT)
    accepted = given(*changed).when(accept(expected_version=version)).events
    assert [type(event) for event in accepted][:2] == [InvitationAccepted, PartnershipBound]


# ------------------------------------------------------------------------------------------------ what an offer says


@pytest.mark.requirement("R26", "R129")
def test_what_is_only_proposed_changes_no_offer_yet() -> None:
    """It is off the table with the acceptance."""
    proposed = by_customer(ProposeModification, changes=TERMS)
    assert given(*VERIFIED, proposed).when(accept()).rejection is None
    changed = by_partner(ProposeModification, changes=Changes(terms="six per cent"))
    given(*VERIFIED, changed, proposed).when(accept()).refused(RejectionCode.VERSION_CONFLICT)


@pytest.mark.requirement("R24", "R26", "R27")
def test_who_named_whom_it_leaves_need_not_do_so_again_after_an_abort() -> None:
    free = (*OPENED, registered("p2"), invite("p2"), opened("p2"), verified("p2"), verified(), accept())
    named = accept("p2", switch_confirmed=True, switch_from_partner_id="p1")
    aborted = (policy(switch_counts=False), *free, named, facts(account_in_arrears=True), delivered(), facts())
    assert SwitchStarted in [type(event) for event in given(*aborted).when(switch()).events]


@pytest.mark.requirement("R10", "R12", "R13", "R14", "R25", "R36")
def test_both_sides_see_what_was_offered() -> None:
    story = given(*VERIFIED, by_partner(ProposeModification, changes=TERMS))
    for viewer in (PARTNER, CUSTOMER):
        offer = seen(story, viewer).offer
        assert offer is not None
        assert (offer.contact_person, offer.phone) == ("Ada Example", "+44 20 7946 0000")
        assert (offer.requirements, offer.estimated_volume) == ("compute and storage", "100000 EUR a year")
        assert offer.terms == "everything doubles"
    assert seen(story, PLATFORM).offer is None


@pytest.mark.requirement("R20", "R21")
def test_who_came_in_by_the_link_does_not_see_whom_the_partner_wrote_to() -> None:
    story = given(*OPENED)
    card = view(story.partnership(), story.partner(), None, CUSTOMER, Policy(), NOON)
    assert card is not None
    assert card.offer is not None
    assert card.offer.requirements == "compute and storage"
    assert (card.offer.contact_person, card.offer.email, card.offer.phone) == ("", "", "")


@pytest.mark.requirement("R20", "R21", "R129")
def test_nor_what_the_other_side_would_have_changed_of_it() -> None:
    proposal = by_customer(ProposeModification, changes=Changes(phone="+44 1", terms="ten"))
    story = given(*OPENED, proposal)
    card = view(story.partnership(), story.partner(), None, CUSTOMER, Policy(), NOON)
    assert card is not None
    assert card.modification is not None
    assert card.modification.changes.given == {"terms": "ten"}
    assert seen(given(*VERIFIED, proposal), PARTNER).modification.changes.phone == "+44 1"  # type: ignore[union-attr]


BLANK = {"contact_person": " ", "phone": "", "requirements": "", "estimated_volume": " "}


@pytest.mark.requirement("R10", "R11", "R12", "R13", "R14", "R15")
@pytest.mark.parametrize(("name", "value"), BLANK.items())
def test_what_an_offer_needs_cannot_be_taken_out_of_it(name: str, value: str) -> None:
    changes = Changes(**{name: value})
    for steps in (INVITED, BOUND):
        given(*steps).when(by_partner(ProposeModification, changes=changes)).refused(
            RejectionCode.INVITATION_INCOMPLETE, missing=[name]
        )
    proposed = (*BOUND, by_customer(ProposeModification, changes=TERMS))
    counter = by_partner(AnswerModification, answer="counter", changes=changes)
    given(*proposed).when(counter).refused(RejectionCode.INVITATION_INCOMPLETE, missing=[name])
    given(*BOUND).when(by_customer(UpdateCustomerInfo, changes=changes)).refused(RejectionCode.INVITATION_INCOMPLETE)


@pytest.mark.requirement("R11", "R32")
def test_an_e_mail_address_stays_one_and_terms_may_be_taken_back() -> None:
    wrong = by_partner(UpdateCustomerInfo, changes=Changes(email="not an address"))
    given(*BOUND).when(wrong).refused(RejectionCode.INVITATION_INCOMPLETE, malformed=["email"])
    no_terms = by_partner(ProposeModification, changes=Changes(terms=""))
    assert given(*INVITED).when(no_terms).rejection is None


@pytest.mark.requirement("R17", "R19")
def test_an_invitation_does_not_go_again_by_a_way_that_is_official_no_more() -> None:
    dropped = (*INVITED, policy(official_channels=("sms",)))
    given(*dropped).when(by_partner(ResendInvitation)).refused(RejectionCode.CHANNEL_NOT_OFFICIAL, official=["sms"])
    assert isinstance(given(*dropped).when(by_partner(ResendInvitation, channel="sms")).events[0], InvitationResent)


@pytest.mark.requirement("R19")
def test_who_has_no_account_is_not_invited_in_a_console() -> None:
    in_console = invite(channel="console_message")
    given(registered()).when(in_console).refused(RejectionCode.INVITATION_INCOMPLETE, missing=["customer_id"])
    again = by_partner(ResendInvitation, channel="console_message")
    given(*INVITED).when(again).refused(RejectionCode.INVITATION_INCOMPLETE, missing=["customer_id"])
    assert given(registered(), facts()).when(in_console.but(customer_id="c1")).rejection is None


# ------------------------------------------------------------------------------------------------- why it is to end


@pytest.mark.requirement("R46", "R47", "R49", "R113")
def test_both_sides_see_the_request_and_what_was_written_with_it() -> None:
    story = given(*BOUND, partner_asks())
    for viewer in (PARTNER, CUSTOMER):
        (case,) = seen(story, viewer).cases
        assert (case.by, case.category) == ("partner", story.partnership().state.case.category)  # type: ignore[union-attr]
        assert case.reason
        assert case.migration_plan
        assert case.alternative_service
    assert seen(story, PLATFORM).cases == ()
    assert seen(given(*BOUND), CUSTOMER).cases == ()


@pytest.mark.requirement("R47", "R49", "R80", "R81")
def test_who_decides_is_told_the_plans() -> None:
    story = given(*BOUND).when(partner_asks())
    (case,) = seen(story, CUSTOMER).cases
    params = told(story, "termination_decision_requested")
    assert (params["migration_plan"], params["alternative_service"]) == (case.migration_plan, case.alternative_service)


@pytest.mark.requirement("R46", "R121", "R124")
def test_who_is_left_without_being_asked_is_told_why_and_reads_the_warnings() -> None:
    referral = (registered(notice_days=30), facts(), invite(model="referral"), opened(), verified(), accept())
    story = given(*referral).when(partner_asks())
    params = told(story, "termination_approved")
    assert params["reason"] == seen(story, CUSTOMER).cases[0].reason
    assert params["retention_days"] == "30"
    assert params["reactivation_fee"] == "false"

    end = by_platform(RequestTermination, category="policy_violation", reason="against the rules")
    assert told(given(*BOUND).when(end), "partnership_terminated")["reason"] == "against the rules"


BOTH, NOBODY = {"partner", "customer"}, set[str]()


@pytest.mark.requirement("R46", "R105", "R106", "R121", "R129")
@pytest.mark.parametrize(
    ("before", "command", "told_to"),
    [
        (
            (*TERMINATED, by_customer(RequestReactivation, consent_version="1")),
            by_partner(AnswerReactivation, answer="decline"),
            BOTH,
        ),
        (
            (*BOUND, by_customer(ProposeModification, changes=TERMS)),
            by_partner(AnswerModification, answer="decline"),
            BOTH,
        ),
        (BILLED, by_customer(DisputeFinalBill), {*BOTH, "platform"}),
        (DRAFTED, by_customer(WithdrawTermination), NOBODY),
        (BOUND, by_platform(PlaceLegalHold), NOBODY),
        ((*BOUND, by_platform(PlaceLegalHold, reason="a court")), by_platform(ReleaseLegalHold), NOBODY),
    ],
    ids=["no reactivation", "no change", "dispute", "draft given up", "hold", "hold released"],
)
def test_a_reason_is_kept_with_what_it_was_given_for_and_told_to_whom_it_concerns(
    before: tuple[Step, ...], command: Send, told_to: set[str]
) -> None:
    story = given(*before).when(command.but(reason=WHY))
    assert story.events[0].private == Why(reason=WHY)  # type: ignore[attr-defined]
    notices = [event for event in story.events if isinstance(event, NoticeSent)]
    reasons = {notice.party: notice.params["reason"] for notice in notices if "reason" in notice.params}
    assert reasons == dict.fromkeys(told_to, WHY)


@pytest.mark.requirement("R41", "R29")
def test_an_agreements_end_that_is_known_is_told_at_the_beginning() -> None:
    story = given(registered(), UNTIL_MARCH, *VERIFIED[1:]).when(accept())
    assert told(story, "partnership_bound")["agreement_ends_at"] == "2026-03-16T12:00:00.000Z"


# ----------------------------------------------------------------------------------------------------- bill and closing


@pytest.mark.requirement("R105")
def test_the_customers_doubts_and_what_support_found_are_told() -> None:
    story = given(*BILLED).when(by_customer(DisputeFinalBill, reason="we never had that"))
    for party in ("customer", "partner", "platform"):
        params = told(story, "final_bill_disputed", party)
        assert (params["reason"], params["amount"], params["currency"]) == ("we never had that", "-1200", "EUR")
    story.when(on(ResolveDispute, SUPPORT, amount=400, reason="one item was wrong"))
    assert told(story, "dispute_resolved")["reason"] == "one item was wrong"


@pytest.mark.requirement("R88")
def test_the_platform_is_told_why_a_closing_step_failed() -> None:
    failed = by_system(RecordClosingStep, step="data", outcome="failed", reason="the store is full")
    assert told(given(*TERMINATED).when(failed), "closing_step_failed", "platform")["reason"] == "the store is full"


@pytest.mark.requirement("R88", "R103")
def test_a_bill_that_is_there_has_not_failed() -> None:
    failed = by_system(RecordClosingStep, step="final_bill", outcome="failed")
    given(*BILLED).when(failed).refused(RejectionCode.NOT_ALLOWED_IN_STATUS, bill="recorded")


@pytest.mark.requirement("R101")
def test_a_billing_cycle_is_shown_while_it_is_the_current_one() -> None:
    cycle = BillingCycle(starts_at=NOON + timedelta(days=1), ends_at=NOON + timedelta(days=31))
    report = ReportCustomerStanding(actor=SYSTEM, as_of=NOON, billing_cycle=cycle)
    story = given(*BOUND, Send(report, "c1", "c1"))
    for days, shown in ((0, None), (1, cycle), (30, cycle), (31, None)):
        assert seen(story, CUSTOMER, now=NOON + timedelta(days=days)).billing_cycle == shown


# ------------------------------------------------------------------------------------------------------- back again


ASKED = (*TERMINATED, by_customer(RequestReactivation, consent_version="1", fee_reference="fee-7"))


@pytest.mark.requirement("R111")
def test_a_fee_that_was_paid_for_nothing_is_named() -> None:
    declined = given(*ASKED).when(by_partner(AnswerReactivation, answer="decline")).events[0]
    assert isinstance(declined, ReactivationDeclined)
    assert declined.fee_reference == "fee-7"
    lapsed = given(*ASKED, later(days=30)).when(reached("reactivation_answer")).events[0]
    assert isinstance(lapsed, ReactivationLapsed)
    assert lapsed.fee_reference == "fee-7"


@pytest.mark.requirement("R33", "R99")
def test_permissions_are_said_again_when_a_partnership_comes_back() -> None:
    """Whoever took them back at its end would not know."""
    configured = by_partner(ConfigurePermissions, permissions=("read_usage",))
    steps = (*BOUND, configured, *PENDING[len(BOUND) :], partner_decides(), *ASKED[len(TERMINATED) :])
    agreed = by_partner(AnswerReactivation, answer="agree", consent_version="1")
    given(*steps).when(agreed).told(partner="partnership_reactivated", customer="partnership_reactivated")
    (said,) = [event for event in given(*steps).when(agreed).events if isinstance(event, PermissionsConfigured)]
    assert (said.permissions, said.status) == (("read_usage",), "active")
    none = given(*ASKED).when(agreed).events
    assert not any(isinstance(event, PermissionsConfigured) for event in none)


@pytest.mark.requirement("R31")
def test_an_activation_is_missed_also_while_an_end_is_stalled() -> None:
    story = given(*STALLED, later(days=3)).when(reached("activation"))
    assert told(story, "activation_overdue", "platform") is not None
    done = by_system(RecordActivation, outcome="done")
    assert "activation" not in {line.what for line in seen(given(*STALLED, done), PLATFORM).waiting_on}


# ------------------------------------------------------------------------------------------------- how to write to it


@pytest.mark.requirement("R29", "R60")
def test_a_partners_address_can_be_corrected() -> None:
    """Requests that count as approved after ten days went to whom nobody reads any more."""
    report = partner_is(name="P One", contact_email="new@p1.example", language="zh-Hans")
    recorded = given(*PENDING[: len(BOUND)]).when(report).events[0]
    assert isinstance(recorded, PartnerStandingRecorded)
    assert recorded.recorded == ("name", "contact_email", "language")
    assert "new@p1.example" not in recorded.model_dump_json()

    story = given(*BOUND, report).when(*PENDING[len(BOUND) :])
    asked = "termination_decision_requested"
    (notice,) = [event for event in story.events if isinstance(event, NoticeSent) and event.template == asked]
    assert (notice.address, notice.language) == ("new@p1.example", "zh-Hans")
    assert notice.params["partner_name"] == "P One"


@pytest.mark.requirement("R29", "R60")
@pytest.mark.parametrize(
    ("contact", "told_of"),
    [
        ({"contact_email": ""}, {"malformed": ["contact_email"]}),
        ({"contact_email": "nobody"}, {"malformed": ["contact_email"]}),
        ({"name": " "}, {"missing": ["name"]}),
    ],
)
def test_a_partner_that_no_notice_would_reach_is_refused(contact: dict[str, Any], told_of: dict[str, Any]) -> None:
    given(*BOUND).when(partner_is(**contact)).refused(RejectionCode.INVITATION_INCOMPLETE, **told_of)
    new = registered("p9")
    given().when(new.but(**contact)).refused(RejectionCode.INVITATION_INCOMPLETE, **told_of)


def reports(days: int = 0, **registered_at: str) -> Send:
    return Send(
        ReportCustomerStanding(actor=SYSTEM, as_of=NOON + timedelta(days=days), **registered_at),  # type: ignore[arg-type]
        "c1",
        "c1",
    )


@pytest.mark.requirement("R29", "R60", "R77")
def test_a_customers_registered_address_can_be_corrected() -> None:
    """Codes and warnings went to whom nobody reads any more, and only another offer's verification could change it."""
    moved = (later(days=2), reports(1, registered_email="new@c1.example", registered_phone="+49 89 1"))
    story = given(*BOUND, *moved, facts(as_of=NOON + timedelta(days=2))).when(partner_asks())
    (notice,) = [
        event
        for event in story.events
        if isinstance(event, NoticeSent) and event.template == "termination_decision_requested"
    ]
    assert notice.address == "new@c1.example"
    asked = given(*BOUND, *moved, facts(as_of=NOON + timedelta(days=2)), customer_requests(), customer_confirms())
    code = asked.when(customer_gets_code())
    assert [event.address for event in code.events if isinstance(event, NoticeSent)] == ["+49 89 1"]


@pytest.mark.requirement("R21", "R29")
def test_an_address_that_is_older_than_what_is_known_or_of_nobody_verified_changes_nothing() -> None:
    newer = (
        later(days=3),
        reports(2, registered_email="new@c1.example"),
        reports(1, registered_email="old@c1.example"),
    )
    assert given(*BOUND, *newer).customer().registered_email == "new@c1.example"
    before = reports(-1, registered_email="older@c1.example")
    assert given(*BOUND, before).customer().registered_email == "office@c1.example", "it was verified since"
    for known in ((), (facts(),)):
        assert given(*known, reports(registered_email="new@c1.example")).customer().registered_email == ""
    given(*BOUND).when(reports(registered_email="nobody")).refused(
        RejectionCode.INVITATION_INCOMPLETE, malformed=["registered_email"]
    )


@pytest.mark.requirement("R29")
def test_an_older_report_replaces_no_newer_address_and_says_nothing_of_the_rest() -> None:
    new = partner_is(as_of=NOON, contact_email="new@p1.example")
    old = Send(
        ReportPartnerStanding(actor=SYSTEM, as_of=NOON - timedelta(days=1), contact_email="old@p1.example", name="Old"),
        "p1",
        "p1",
    )
    story = given(*BOUND, new).when(old)
    assert story.partner().contact.contact_email == "new@p1.example"
    assert story.partner().contact.name == "Old"
    assert story.partner().language == "en"
    assert story.partner().status == "active"


# ------------------------------------------------------------------------------------------------- who bills afterwards

REFERRAL = (registered(notice_days=30), facts(), invite(model="referral"), opened(), verified(), accept())
NONE = by_customer(ChooseBilling, billing_mode="none")


def billed_by(story: Story) -> str:
    state = story.partnership().state
    assert isinstance(state, Terminated)
    return state.billing_mode


@pytest.mark.requirement("R57")
def test_the_customer_chooses_who_bills_it_also_where_nobody_asks_it() -> None:
    """By an end that needs no consent, by the platform's, and by the agreement's."""
    day_30 = (later(days=30), facts(as_of=NOON + timedelta(days=30)), reached())
    assert billed_by(given(*REFERRAL, partner_asks(), *day_30)) == "direct"
    for steps in ((NONE, partner_asks()), (partner_asks(), NONE)):
        assert billed_by(given(*REFERRAL, *steps, *day_30)) == "none"
    assert billed_by(given(*BOUND, NONE, platform_ends())) == "none"
    march = (later(days=60), facts(as_of=NOON + timedelta(days=60)), reached())
    assert billed_by(given(*BOUND, UNTIL_MARCH, delivered(), NONE, *march)) == "none"


@pytest.mark.requirement("R57")
def test_the_latest_choice_counts() -> None:
    decides = partner_decides()
    asks = customer_asks(billing_mode="partner")
    assert billed_by(given(*BOUND, NONE, asks, decides)) == "partner"
    assert billed_by(given(*BOUND, asks, NONE, decides)) == "none"
    assert billed_by(given(*BOUND, NONE, customer_asks(), decides)) == "none"
    assert billed_by(given(*BOUND, NONE, partner_asks(), customer_decides(billing_mode="partner"))) == "partner"
    assert billed_by(given(*BOUND, partner_asks(), NONE, customer_decides())) == "none"
    drafted = (
        customer_requests(),
        customer_confirms(billing_mode="partner"),
        NONE,
        customer_gets_code(),
        customer_enters(),
    )
    assert billed_by(given(*BOUND, *drafted, decides)) == "none"


@pytest.mark.requirement("R27", "R57")
def test_a_choice_is_for_the_end_of_its_own_partnership() -> None:
    switched = given(*PROMPTED, by_customer(ChooseBilling, "p1", billing_mode="none"), switch(), delivered())
    assert billed_by(switched) == "partner", "the new partner bills"
    agreed = by_partner(AnswerReactivation, answer="agree", consent_version="1")
    again = given(*PENDING, NONE, partner_decides(), by_customer(RequestReactivation, consent_version="1"), agreed)
    assert again.partnership().billing_choice is None


@pytest.mark.requirement("R57")
def test_both_are_told_of_the_choice_and_the_view_shows_it() -> None:
    story = given(*BOUND).when(NONE)
    for party in ("customer", "partner"):
        assert told(story, "billing_chosen", party)["billing_mode"] == "none"
    assert seen(story, CUSTOMER).billing_choice == "none"
    given(*VERIFIED).when(NONE).refused(RejectionCode.NOT_ALLOWED_IN_STATUS)
    given(*TERMINATED).when(NONE).refused(RejectionCode.PARTNERSHIP_READ_ONLY)


@pytest.mark.requirement("R43", "R57")
def test_who_ends_it_to_be_billed_directly_is() -> None:
    direct = customer_asks(category="direct_billing")
    assert billed_by(given(*BOUND, NONE, direct, partner_decides())) == "direct"
    assert billed_by(given(*BOUND, direct, NONE, partner_decides())) == "direct"
    code_later = (customer_requests(category="direct_billing"), customer_confirms(), NONE)
    assert billed_by(given(*BOUND, *code_later, customer_gets_code(), customer_enters(), partner_decides())) == "direct"


@pytest.mark.requirement("R57")
def test_the_view_shows_the_choice_that_counts() -> None:
    assert seen(given(*BOUND, NONE, customer_asks(billing_mode="partner")), CUSTOMER).billing_choice == "partner"
    assert seen(given(*BOUND, NONE, customer_asks()), CUSTOMER).billing_choice == "none"

"""What a viewer can do now, situation by situation, exactly: what is left out matters as much as what is there."""

import pytest

from contracts.commands.binding import ProposeModification
from contracts.commands.closing import AnswerReactivation, PlaceLegalHold, RequestReactivation
from contracts.details import Changes
from contracts.events.notice import NoticeSent
from contracts.events.termination import TerminationDrafted
from contracts.registry import EVENTS
from handlers.actions import case_actions
from handlers.policy import Policy
from handlers.views import OF_ONE_SIDE, OF_THE_PLATFORM, Recorded, Viewer, history, view
from tests.story import (
    BILLED,
    BOUND,
    CLOSED,
    IN_NOTICE,
    INVITED,
    NOON,
    OPENED,
    PENDING,
    PROMPTED,
    STALLED,
    TERMINATED,
    VERIFIED,
    Step,
    Story,
    accept,
    by_customer,
    by_partner,
    by_platform,
    customer_requests,
    decline,
    facts,
    given,
    invite,
    later,
    opened,
    partner_asks,
    partner_is,
    platform_ends,
    policy,
    reached,
    registered,
    verified,
)

UPKEEP = {
    "partner": ("ConfigurePermissions", "UpdateCustomerInfo", "AssignContacts"),
    "customer": ("ConfigurePermissions", "ChooseBilling", "UpdateCustomerInfo", "RequestDataExport"),
    "platform": (),
}
CHANGED = by_customer(ProposeModification, changes=Changes(terms="ten"))
MAKES = ("CancelInvitation", "ResendInvitation")
WAIT = ("DeclineInvitation",)
READY = ("AcceptInvitation", "DeclineInvitation")
PROPOSE, ANSWER = ("ProposeModification",), ("AnswerModification",)
BACK, ANSWER_BACK = ("RequestReactivation",), ("AnswerReactivation",)
HOLD = ("PlaceLegalHold",)
NOTIFIED = (registered(notice_days=30), facts(), invite(model="referral"), opened(), verified(), accept())
ASK, OF_A_CASE = ("CheckTermination", "RequestTermination"), ("RequestTermination", "WaiveBlock")
BILL = ("ConfirmFinalBill", "DisputeFinalBill")
ASKED_BACK = by_customer(RequestReactivation, consent_version="1")
BACK_AGAIN = by_partner(AnswerReactivation, answer="agree", consent_version="1")


def _can(story: Story, viewer: str, partner: str = "p1") -> tuple[str, ...]:
    return case_actions(story.partnership(partner), story.partner(partner), viewer, Policy())  # type: ignore[arg-type]


@pytest.mark.requirement("R116", "R120", "R129")
@pytest.mark.parametrize(
    ("story", "viewer", "actions"),
    [
        (INVITED, "partner", (*MAKES, *PROPOSE)),
        (INVITED, "customer", (*WAIT, *PROPOSE)),
        (OPENED, "customer", (*WAIT, *PROPOSE)),
        (VERIFIED, "partner", (*MAKES, *PROPOSE)),
        (VERIFIED, "customer", (*READY, *PROPOSE)),
        ((*VERIFIED, CHANGED), "partner", (*MAKES, *ANSWER)),
        ((*VERIFIED, CHANGED), "customer", READY),
        ((*BOUND, CHANGED), "partner", (*UPKEEP["partner"], *ANSWER, "CheckTermination", "RequestTermination")),
        ((*BOUND, CHANGED), "customer", (*UPKEEP["customer"], "CheckTermination", "RequestTermination")),
        (PENDING, "customer", (*UPKEEP["customer"], *PROPOSE, "WithdrawTermination")),
        (
            PENDING,
            "partner",
            (*UPKEEP["partner"], *PROPOSE, "DecideTermination", "CheckTermination", "RequestTermination"),
        ),
        ((*BOUND, partner_asks()), "partner", (*UPKEEP["partner"], *PROPOSE, "WithdrawTermination")),
        (IN_NOTICE, "partner", (*UPKEEP["partner"], *PROPOSE, "CheckTermination")),
        ((*NOTIFIED, partner_asks()), "customer", (*UPKEEP["customer"], *PROPOSE, *ASK)),
        (IN_NOTICE, "customer", (*UPKEEP["customer"], *PROPOSE, "WithdrawTermination")),
        (STALLED, "customer", (*UPKEEP["customer"], *PROPOSE, "CheckTermination", "WithdrawTermination")),
        (STALLED, "partner", (*UPKEEP["partner"], *PROPOSE, "CheckTermination")),
        (TERMINATED, "customer", ("RequestDataExport", *BACK)),
        (BILLED, "customer", ("ConfirmFinalBill", "DisputeFinalBill", "RequestDataExport", *BACK)),
        (BILLED, "partner", BACK),
        (TERMINATED, "platform", ("RecordClosingStep", *HOLD)),
        (CLOSED, "platform", HOLD),
        ((*TERMINATED, ASKED_BACK), "partner", ANSWER_BACK),
        ((*TERMINATED, ASKED_BACK), "customer", ("RequestDataExport", *ANSWER_BACK)),  # to take it back
        ((*TERMINATED, ASKED_BACK), "platform", ("RecordClosingStep", *HOLD)),
        ((*BOUND, platform_ends(), ASKED_BACK), "platform", ("RecordClosingStep", *ANSWER_BACK, *HOLD)),
        ((*BILLED, ASKED_BACK, BACK_AGAIN), "customer", (*UPKEEP["customer"], *PROPOSE, *BILL, *ASK)),
        ((*BILLED, ASKED_BACK, BACK_AGAIN), "partner", (*UPKEEP["partner"], *PROPOSE, *ASK)),
        ((*BOUND, CHANGED, partner_is(status="closed")), "partner", (*UPKEEP["partner"], *ASK)),
        (
            (*BOUND, CHANGED, partner_is(status="closed")),
            "platform",
            ("SuspendPartnership", *ANSWER, *OF_A_CASE, *HOLD),
        ),
        ((*PENDING, partner_is(status="closed")), "partner", (*UPKEEP["partner"], *PROPOSE, *ASK)),
        ((*PENDING, partner_is(status="closed")), "platform", ("DecideTermination", *OF_A_CASE, *HOLD)),
        ((*BOUND, by_platform(PlaceLegalHold, reason="a court has asked for it")), "platform", None),
    ],
)
def test_exactly_this_can_be_done(story: tuple[Step, ...], viewer: str, actions: tuple[str, ...] | None) -> None:
    active = ("SuspendPartnership", "RequestTermination", "WaiveBlock", "ReleaseLegalHold")
    assert _can(given(*story), viewer) == (active if actions is None else actions)


@pytest.mark.requirement("R120")
def test_what_the_customer_offers_the_customer_takes_back_and_the_partner_answers() -> None:
    """C12."""
    known = (registered("p3"), invite("p3"), opened("p3"), verified("p3"), decline("p3"))
    first = (registered(), facts(), *known, policy(who_may_offer=("partner", "customer")))
    offer = invite(actor=by_customer(ProposeModification, changes=Changes()).command.actor, customer_id="c1")
    story = given(*first, offer.but(consent_version="1"))
    assert _can(story, "customer") == ("CancelInvitation", *PROPOSE)
    assert _can(story, "partner") == (*READY, *PROPOSE)


@pytest.mark.requirement("R98", "R114")
def test_a_purged_card_has_no_name_although_the_customer_is_still_known() -> None:
    second = (registered("p2"), facts(partner="p2"), invite("p2"), opened("p2"), verified("p2"))
    story = given(*CLOSED, *second, later(days=30), reached("retention_end"))
    assert story.customer().legal_name
    card = view(story.partnership(), story.partner(), story.customer(), Viewer("platform"), Policy(), NOON)
    assert card is not None
    assert card.company_name == ""
    other = view(story.partnership("p2"), story.partner("p2"), None, Viewer("platform"), Policy(), NOON)
    assert other is not None
    assert other.company_name == "c1 Ltd", "from the offer, as long as nobody is verified"
    renamed = story.customer().but(legal_name="c1 Holding")
    named = view(story.partnership("p2"), story.partner("p2"), renamed, Viewer("platform"), Policy(), NOON)
    assert named is not None
    assert named.company_name == "c1 Holding"


@pytest.mark.requirement("R73", "R117")
def test_each_side_hears_of_its_own_notices_and_drafts_only() -> None:
    drafts = {kind for kind in EVENTS.values() if "draft_stage" in kind.model_fields}
    assert drafts <= OF_ONE_SIDE
    assert {kind.__name__ for kind in OF_ONE_SIDE - drafts} == {
        "TerminationChecked",
        "TerminationDraftDiscarded",
        "VerificationCodeSent",
        "VerificationCodeFailed",
        "VerificationCodeAccepted",
    }
    assert {kind.__name__ for kind in OF_THE_PLATFORM} == {
        "LegalHoldPlaced",
        "LegalHoldReleased",
        "NotificationOutcomeRecorded",
        "QuotaUpdated",
    }
    story = given(*BOUND, customer_requests())
    entries = [
        Recorded(entry.at, entry.events[0].event.actor, (stamped.event,))
        for entry in story.world.journal
        for stamped in entry.events
    ]
    told = [stamped.event for entry in story.world.journal for stamped in entry.events]
    for viewer in (Viewer("customer", "c1"), Viewer("partner", "p1")):
        mine = sum(isinstance(event, NoticeSent) and event.party == viewer.kind for event in told)
        assert [line.what for line in history(entries, viewer)].count("NoticeSent") == mine
    assert any(isinstance(event, TerminationDrafted) for event in told)


def test_prompted_is_ready_too() -> None:
    assert _can(given(*PROMPTED), "customer", "p2") == (*READY, *PROPOSE)


@pytest.mark.requirement("R106", "R116")
def test_a_reactivation_is_answered_by_who_is_asked_or_has_asked() -> None:
    """After a violation the platform decides alone where the policy asks no other side."""
    story = given(*BOUND, policy(reactivation_needs_both=False), platform_ends(), ASKED_BACK)
    assert _can(story, "partner") == ()
    assert _can(story, "customer") == ("RequestDataExport", *ANSWER_BACK)
    assert _can(story, "platform") == ("RecordClosingStep", *ANSWER_BACK, *HOLD)

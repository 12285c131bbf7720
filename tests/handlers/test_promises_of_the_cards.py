"""What a card promises: what can be done now, how an offer stands, what is proposed, and what is left after the end."""

from datetime import timedelta

import pytest

from contracts.business import BillPeriod
from contracts.commands.binding import (
    AnswerModification,
    AssignContacts,
    ProposeModification,
    ShowPartnership,
    SuspendPartnership,
)
from contracts.commands.closing import (
    ConfirmFinalBill,
    DisputeFinalBill,
    RecordClosingStep,
    RecordFinalBill,
    ResolveDispute,
)
from contracts.commands.facts import UpdateAgreement
from contracts.details import Changes, Contacts
from contracts.events.termination import PartnershipTerminated
from contracts.events.upkeep import (
    ModificationAcknowledged,
    ModificationApplied,
    ModificationCountered,
    ModificationDeclined,
    ModificationProposed,
)
from contracts.message import SYSTEM
from contracts.rejections import RejectionCode
from handlers.policy import Policy
from handlers.views import BillView, ContactsView, Dashboard, ModificationView, Viewer, dashboard, view
from tests.screens import CUSTOMER, PARTNER, PLATFORM, seen
from tests.situations import WHY
from tests.story import (
    BOUND,
    IN_NOTICE,
    INVITED,
    NOON,
    OPENED,
    PENDING,
    PROMPTED,
    STALLED,
    SUPPORT,
    SUSPENDED,
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
    cancel,
    customer_asks,
    customer_decides,
    customer_user,
    decline,
    facts,
    given,
    invite,
    later,
    on,
    opened,
    partner_asks,
    partner_decides,
    partner_is,
    partner_user,
    platform_ends,
    policy,
    reached,
    registered,
    switch,
    verified,
)

PERIOD = BillPeriod(starts_at=NOON, ends_at=NOON)
DAY = timedelta(days=1)


def listed(story: Story, viewer: Viewer) -> Dashboard:
    """The viewer's whole list."""
    world = story.world
    cards = [
        card
        for p in world.partnerships.values()
        if (card := view(p, world.partners[p.partner_id], story.customer(), viewer, Policy(), world.now))
    ]
    return dashboard(cards, world.partnerships.values(), viewer)


# ----------------------------------------------------------------------------------------------------- whose turn it is


@pytest.mark.requirement("R81", "R120")
def test_a_customer_that_is_to_decide_finds_that_on_its_card() -> None:
    asked = given(*BOUND, partner_asks())
    assert seen(asked, CUSTOMER).case_actions == (
        *("ConfigurePermissions", "ChooseBilling", "UpdateCustomerInfo", "RequestDataExport"),
        *("ProposeModification", "DecideTermination", "CheckTermination", "RequestTermination"),
    )
    assert "DecideTermination" in seen(asked, CUSTOMER).tile_actions
    assert "DecideTermination" not in seen(asked, PARTNER).case_actions
    assert [line.who for line in seen(asked, CUSTOMER).waiting_on if line.what == "decision"] == ["customer"]
    for decided in (customer_decides(approve=False, reason=WHY), customer_decides()):
        assert "DecideTermination" not in seen(given(*BOUND, partner_asks(), decided), CUSTOMER).case_actions


# --------------------------------------------------------------------------------------------------------------- offers


@pytest.mark.requirement("R125", "R126", "R127")
def test_an_offer_is_open_on_both_screens_until_it_is_answered() -> None:
    addressed = (*INVITED[:-1], invite(customer_id="c1"))
    for steps in (addressed, OPENED, VERIFIED):
        for viewer in (PARTNER, CUSTOMER):
            card = seen(given(*steps), viewer)
            assert (card.label, card.status, card.offer_status) == ("Open", "invited", "open")


@pytest.mark.requirement("R127")
def test_a_customer_sees_how_many_offers_wait_for_it() -> None:
    others = (registered("p2"), registered("p3"), registered("p4"))
    steps = (*BOUND, *others, *(invite(partner, customer_id="c1") for partner in ("p2", "p3", "p4")))
    story = given(*steps)
    assert listed(story, CUSTOMER).open_offers == 3
    assert [card.label for card in listed(story, CUSTOMER).cards] == ["Open", "Open", "Open", "Active"][::-1]
    story.when(decline("p2"))
    assert listed(story, CUSTOMER).open_offers == 2
    story.when(cancel("p3"))
    assert listed(story, CUSTOMER).open_offers == 1
    story.when(by_partner(ProposeModification, "p4", changes=Changes(terms="ten")))
    assert listed(story, CUSTOMER).open_offers == 1, "one that was changed waits too"
    story.when(later(days=30), reached("invitation_expiry"))
    assert listed(story, CUSTOMER).open_offers == 0
    accepted = given(*PROMPTED)
    assert listed(accepted, CUSTOMER).open_offers == 1
    assert listed(accepted.when(switch()), CUSTOMER).open_offers == 0


@pytest.mark.requirement("R127")
def test_what_one_has_offered_oneself_does_not_wait_for_one() -> None:
    """C12."""
    sent = given(*BOUND, registered("p2"), invite("p2", customer_id="c1"))
    assert listed(sent, Viewer("partner", "p2")).open_offers == 0
    free = (registered(), registered("p3"), facts(), invite("p3"), opened("p3"), verified("p3"), decline("p3"))
    own = invite(actor=customer_user(), customer_id="c1", consent_version="1", standards_version=None)
    story = given(*free, policy(who_may_offer=("partner", "customer")), own)
    assert (listed(story, PARTNER).open_offers, listed(story, CUSTOMER).open_offers) == (1, 0)
    assert seen(story, PARTNER).label == "Open"


NOT_ANY_MORE = [
    (partner_is(status="restricted"), RejectionCode.PARTNER_NOT_ACTIVE),
    (partner_is(status="closed"), RejectionCode.PARTNER_NOT_ACTIVE),
    (partner_is(negative_records=1), RejectionCode.PARTNER_NEGATIVE_RECORD),
    (Send(UpdateAgreement(actor=SYSTEM, as_of=NOON, ends_at=NOON), "p1", "p1"), RejectionCode.AGREEMENT_ENDED),
]


@pytest.mark.requirement("R3", "R4", "R128")
@pytest.mark.parametrize(("standing", "code"), NOT_ANY_MORE, ids=["restricted", "closed", "records", "agreement"])
def test_the_offer_of_a_partner_that_may_not_bind_any_more_cannot_be_accepted(
    standing: Send, code: RejectionCode
) -> None:
    story = given(*VERIFIED, standing).when(accept()).refused(code)
    assert story.partnership().state.status == "invited"
    free = (registered(), registered("p3"), facts(), invite("p3"), opened("p3"), verified("p3"), decline("p3"))
    own = invite(actor=customer_user(), customer_id="c1", consent_version="1", standards_version=None)
    offered = (*free, policy(who_may_offer=("partner", "customer")), own)
    given(*offered, standing).when(accept(actor=partner_user())).refused(code)


@pytest.mark.requirement("R3", "R27", "R128")
def test_nor_by_a_customer_that_would_leave_its_partner_for_it() -> None:
    story = given(*PROMPTED, partner_is("p2", status="restricted")).when(switch())
    story.refused(RejectionCode.PARTNER_NOT_ACTIVE, status="restricted")
    assert story.partnership().state.status == "active"


# -------------------------------------------------------------------------------------------------------------- changes

TERMS = Changes(terms="five per cent more", requirements="storage only")
WHILE = [BOUND, SUSPENDED, PENDING, IN_NOTICE, STALLED, (*PENDING, by_platform(SuspendPartnership, reason=WHY))]
AS = ["active", "suspended", "pending", "in notice", "stalled", "suspended and pending"]


@pytest.mark.requirement("R129")
@pytest.mark.parametrize("steps", [*WHILE, VERIFIED], ids=[*AS, "an offer"])
def test_what_is_proposed_is_on_both_cards_until_it_is_answered(steps: tuple[Step, ...]) -> None:
    story = given(*steps)
    now = story.world.now
    story.when(by_customer(ProposeModification, changes=TERMS))
    proposed = ModificationView(by="customer", changes=TERMS, answer_by=now + 30 * DAY)
    assert [seen(story, viewer).modification for viewer in (PARTNER, CUSTOMER)] == [proposed] * 2
    assert "AnswerModification" in seen(story, PARTNER).case_actions
    assert "AnswerModification" not in seen(story, CUSTOMER).case_actions
    story.when(by_partner(AnswerModification, answer="counter", changes=Changes(terms="four")))
    countered = ModificationView(by="partner", changes=Changes(terms="four"), answer_by=now + 30 * DAY)
    assert [seen(story, viewer).modification for viewer in (PARTNER, CUSTOMER)] == [countered] * 2
    story.when(by_customer(AnswerModification, answer="acknowledge"))
    assert [seen(story, viewer).modification for viewer in (PARTNER, CUSTOMER)] == [None] * 2


@pytest.mark.requirement("R129")
@pytest.mark.parametrize("steps", WHILE, ids=AS)
def test_a_change_is_proposed_and_answered_as_long_as_a_partnership_lives(steps: tuple[Step, ...]) -> None:
    by_the_customer = by_customer(ProposeModification, changes=TERMS)
    given(*steps).when(by_the_customer).then(ModificationProposed)
    given(*steps).when(by_partner(ProposeModification, changes=TERMS)).then(ModificationProposed)
    proposed = (*steps, by_the_customer)
    story = given(*proposed).when(by_partner(AnswerModification, answer="acknowledge"))
    story.then(ModificationAcknowledged, ModificationApplied)
    offer = seen(story, CUSTOMER).offer
    assert offer is not None
    assert (offer.terms, offer.requirements) == ("five per cent more", "storage only")
    given(*proposed).when(by_partner(AnswerModification, answer="decline", reason=WHY)).then(ModificationDeclined)
    other = Changes(terms="four")
    given(*proposed).when(by_partner(AnswerModification, answer="counter", changes=other)).then(ModificationCountered)


@pytest.mark.requirement("R118", "R129")
def test_of_what_has_ended_nothing_is_changed_and_what_was_proposed_is_gone() -> None:
    change = by_customer(ProposeModification, changes=TERMS)
    given(*TERMINATED).when(change).refused(RejectionCode.PARTNERSHIP_READ_ONLY)
    ended = given(*BOUND, change, customer_asks(), partner_decides())
    assert seen(ended, PARTNER).modification is None
    ended.when(by_partner(AnswerModification, answer="acknowledge")).refused(RejectionCode.PARTNERSHIP_READ_ONLY)


# -------------------------------------------------------------------------------------------------------- after the end


@pytest.mark.requirement("R123", "R130")
@pytest.mark.parametrize(
    ("steps", "hidden"),
    [
        ((*BOUND, customer_asks(), partner_decides()), {"customer"}),
        ((*BOUND, partner_asks(), customer_decides()), {"partner"}),
        ((*BOUND, platform_ends()), set()),
        ((*BOUND, customer_asks(), platform_ends()), set()),
        ((*BOUND, policy(initiators_card_hidden=False), customer_asks(), partner_decides()), set()),
        ((*BOUND, policy(initiators_card_hidden=False), partner_asks(), customer_decides()), set()),
    ],
    ids=["customer", "partner", "platform", "platform over a request", "customer, not hidden", "partner, not hidden"],
)
def test_the_card_goes_from_the_screen_of_who_ended_it_as_the_policy_says(
    steps: tuple[Step, ...], hidden: set[str]
) -> None:
    story = given(*steps[:-1])
    assert [seen(story, viewer).hidden for viewer in (PARTNER, CUSTOMER)] == [False, False], "not before the end"
    story.when(steps[-1])
    (ended,) = [event for event in story.events if isinstance(event, PartnershipTerminated)]
    assert set(ended.hidden_from) == hidden
    for viewer in (PARTNER, CUSTOMER):
        off = viewer.kind in hidden
        assert seen(story, viewer).hidden is off
        assert (len(listed(story, viewer).cards), listed(story, viewer).hidden) == ((0, 1) if off else (1, 0))


@pytest.mark.requirement("R119", "R123")
def test_it_can_be_put_back_by_that_side() -> None:
    """C5."""
    story = given(*BOUND, partner_asks(), customer_decides()).when(by_partner(ShowPartnership))
    assert [seen(story, viewer).hidden for viewer in (PARTNER, CUSTOMER)] == [False, False]


@pytest.mark.requirement("R116")
def test_what_the_card_of_an_ended_one_offers_is_a_policy() -> None:
    """C9."""
    story = given(*TERMINATED)
    for viewer in (PARTNER, CUSTOMER):
        assert seen(story, viewer).tile_actions == ("view", "delete")
        for others in (("view",), ("view", "delete", "invite_again")):
            assert seen(story, viewer, by=Policy(actions_of_ended=others)).tile_actions == others
    only_view = Policy(actions_of_ended=("view",))
    assert len(seen(given(*BOUND), CUSTOMER, by=only_view).tile_actions) > 1, "of an ended one, and of no other"


@pytest.mark.requirement("R35", "R117", "R118")
def test_whom_one_talked_to_is_shown_when_it_has_ended_and_cannot_be_changed() -> None:
    contacts = Contacts(
        assigned_contact="Grace",
        management_team=("Alan", "Ada"),
        support_contact="help@p1.example",
        support_level="gold",
    )
    assigned = by_partner(AssignContacts, contacts=contacts)
    story = given(*BOUND, assigned, customer_asks(), partner_decides())
    for viewer in (PARTNER, CUSTOMER, PLATFORM):
        card = seen(story, viewer)
        assert card.read_only
        assert card.contacts == ContactsView(
            assigned_contact="Grace",
            management_team=("Alan", "Ada"),
            support_contact="help@p1.example",
            support_level="gold",
        )
    story.when(by_partner(AssignContacts, contacts=Contacts(assigned_contact="Bob"))).refused(
        RejectionCode.PARTNERSHIP_READ_ONLY
    )


@pytest.mark.requirement("R35", "R117")
def test_where_none_were_assigned_those_of_the_agreement_are_shown_after_the_end_too() -> None:
    agreement = UpdateAgreement(
        actor=SYSTEM, as_of=NOON, management_team=("Team P1",), support_contact="desk@p1.example"
    )
    story = given(*TERMINATED, Send(agreement, "p1", "p1"))
    contacts = seen(story, CUSTOMER).contacts
    assert (contacts.management_team, contacts.support_contact) == (("Team P1",), "desk@p1.example")


@pytest.mark.requirement("R103", "R104", "R105")
def test_the_final_bill_is_shown_as_it_stands() -> None:
    def bill(story: Story) -> BillView | None:
        assert seen(story, PARTNER).bill == seen(story, CUSTOMER).bill
        return seen(story, CUSTOMER).bill

    until = NOON + 14 * DAY
    assert bill(given(*PENDING)) is None
    story = given(*TERMINATED)
    assert bill(story) == BillView(state="requested", amount=0, currency="XXX")
    story.when(by_system(RecordFinalBill, amount=500, currency="EUR", period=PERIOD))
    assert bill(story) == BillView(state="recorded", amount=500, currency="EUR", confirm_by=until)
    story.when(by_customer(DisputeFinalBill, reason=WHY))
    assert bill(story) == BillView(state="disputed", amount=500, currency="EUR", confirm_by=until)
    story.when(later(days=1), on(ResolveDispute, SUPPORT, amount=400, reason=WHY))
    assert bill(story) == BillView(state="recorded", amount=400, currency="EUR", confirm_by=until + DAY)
    story.when(by_customer(ConfirmFinalBill))
    assert bill(story) == BillView(state="confirmed", amount=400, currency="EUR", confirm_by=until + DAY)
    waived = by_platform(RecordClosingStep, step="final_bill", outcome="waived", reason=WHY)
    assert bill(given(*TERMINATED, waived)) == BillView(state="waived", amount=0, currency="XXX")

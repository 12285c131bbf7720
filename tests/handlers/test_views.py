"""What a viewer sees."""

from datetime import timedelta
from typing import Any

import pytest

from contracts.commands.binding import (
    AnswerModification,
    AssignContacts,
    ConfigurePermissions,
    HidePartnership,
    ProposeModification,
    RecordBusinessData,
)
from contracts.commands.closing import RequestReactivation
from contracts.commands.termination import WaiveBlock
from contracts.details import Changes, Contacts
from contracts.events.facts import QuotaUpdated
from contracts.events.invitation import InvitationSent
from contracts.events.termination import TerminationDecisionRequested
from contracts.registry import COMMANDS
from contracts.rejections import RejectionCode
from handlers.policy import Policy
from handlers.views import Dashboard, Recorded, Viewer, dashboard, history, view
from tests.screens import CUSTOMER, PARTNER, PLATFORM, seen
from tests.situations import SITUATIONS, WHY, partner_in
from tests.situations import command as any_command
from tests.story import (
    BILLED,
    BLOCKED,
    BOUND,
    DRAFTED,
    INVITED,
    NOON,
    OPENED,
    PENDING,
    PROMPTED,
    PURGED,
    REGISTERED,
    STALLED,
    TERMINATED,
    VERIFIED,
    Enter,
    Step,
    Story,
    accept,
    by_customer,
    by_partner,
    by_platform,
    by_system,
    customer_asks,
    customer_decides,
    customer_user,
    decline,
    delivered,
    facts,
    given,
    invite,
    later,
    like,
    partner_asks,
    partner_is,
    partner_requests,
    partner_user,
    policy,
    reached,
    registered,
)
from tests.tour import UNTIL_MARCH


@pytest.mark.requirement("R114", "R115")
@pytest.mark.parametrize("viewer", [PARTNER, CUSTOMER])
def test_both_sides_see_terminated_whoever_ended_it(viewer: Viewer) -> None:
    assert seen(given(*TERMINATED), viewer).label == "Terminated"
    by_the_partner = given(*BOUND, partner_asks()).when(customer_decides())
    assert seen(by_the_partner, viewer).label == "Terminated"


@pytest.mark.requirement("R116", "R118")
def test_an_ended_card_has_view_and_delete_and_the_rest_lies_inside() -> None:
    card = seen(given(*BILLED), CUSTOMER)
    assert card.tile_actions == ("view", "delete")
    assert card.case_actions == ("ConfirmFinalBill", "DisputeFinalBill", "RequestDataExport", "RequestReactivation")
    assert card.read_only
    asked = given(*TERMINATED, by_customer(RequestReactivation, consent_version="1"))
    assert "AnswerReactivation" in seen(asked, PARTNER).case_actions
    assert "RequestReactivation" not in seen(asked, CUSTOMER).case_actions


@pytest.mark.requirement("R98", "R118")
@pytest.mark.parametrize(
    ("steps", "read_only"),
    [(OPENED, False), (BOUND, False), (PENDING, False), (TERMINATED, True), (PURGED, True)],
    ids=["open", "active", "ending", "terminated", "purged"],
)
def test_what_has_ended_is_to_be_read_only(steps: tuple[Step, ...], read_only: bool) -> None:  # noqa: FBT001
    assert seen(given(*steps), PLATFORM).read_only is read_only


@pytest.mark.requirement("R36", "R50", "R52", "R72", "R85", "R120")
def test_ending_is_reachable_from_the_card_and_from_inside() -> None:
    for viewer in (PARTNER, CUSTOMER):
        card = seen(given(*BOUND), viewer)
        assert "RequestTermination" in card.tile_actions
        assert "RequestTermination" in card.case_actions


NOT_BY_STATUS = {
    RejectionCode.NOT_ALLOWED_IN_STATUS,
    RejectionCode.PARTNERSHIP_READ_ONLY,
    RejectionCode.NO_OPEN_REQUEST,
}


@pytest.mark.requirement("R116")
@pytest.mark.parametrize("situation", [name for name in SITUATIONS if name not in ("no partner", "nothing")])
@pytest.mark.parametrize("kind", ["partner", "customer", "platform"])
def test_no_action_is_offered_that_the_status_would_refuse(situation: str, kind: Any) -> None:
    partner = partner_in(situation)
    party = {"partner": partner, "customer": "c1", "platform": ""}[kind]
    story = given(*SITUATIONS[situation])
    card = view(story.partnership(partner), story.partner(partner), None, Viewer(kind, party), Policy(), NOON)
    for name in card.case_actions if card else ():
        command = any_command(name, partner)
        send = command.send if isinstance(command, Enter) else command
        actor = {"partner": partner_user(partner), "customer": customer_user()}.get(kind)
        story = given(*SITUATIONS[situation]).when(send.but(actor=actor) if actor else send)
        assert story.rejection is None or story.rejection.code not in NOT_BY_STATUS, (name, story.rejection)
        assert any(name == known.__name__ for known in COMMANDS.values())


@pytest.mark.requirement("R125", "R126")
def test_both_sides_see_how_the_offer_stands() -> None:
    def labels(story: Story) -> list[tuple[str, str | None]]:
        return [(card.label, card.offer_status) for card in (seen(story, PARTNER), seen(story, CUSTOMER))]

    assert labels(given(*OPENED)) == [("Open", "open")] * 2
    changed = given(*VERIFIED, by_customer(ProposeModification, changes=Changes(terms="ten")))
    assert labels(changed) == [("Modified", "modified")] * 2
    assert labels(given(*VERIFIED, accept())) == [("Active", "accepted")] * 2
    assert labels(given(*VERIFIED, decline())) == [("Declined", "declined")] * 2


@pytest.mark.requirement("R36", "R71", "R119", "R127")
def test_a_list_counts_the_open_offers_and_leaves_out_what_is_hidden() -> None:
    story = given(*BOUND, registered("p2"), invite("p2", customer_id="c1"), by_customer(HidePartnership))

    def of(viewer: Viewer) -> Dashboard:
        cards = [
            card
            for p in story.world.partnerships.values()
            if (card := view(p, story.world.partners[p.partner_id], story.customer(), viewer, Policy(), NOON))
        ]
        return dashboard(cards, story.world.partnerships.values(), viewer)

    assert [card.id for card in of(CUSTOMER).cards] == ["p2-c1"]
    assert (of(CUSTOMER).open_offers, of(CUSTOMER).hidden) == (1, 1)
    assert [card.id for card in of(PARTNER).cards] == ["p1-c1"]
    assert (of(PARTNER).open_offers, of(PLATFORM).open_offers) == (0, 1)
    assert len(of(PLATFORM).cards) == 2


@pytest.mark.requirement("R71", "R84")
def test_nobody_sees_what_is_none_of_its_business() -> None:
    story = given(*BOUND)
    for stranger in (Viewer("partner", "p9"), Viewer("customer", "c9")):
        assert view(story.partnership(), story.partner(), story.customer(), stranger, Policy(), NOON) is None
    invited = given(*INVITED)
    assert view(invited.partnership(), invited.partner(), None, CUSTOMER, Policy(), NOON) is None


@pytest.mark.requirement("R34", "R35", "R36", "R117")
def test_contacts_team_and_business_data_are_shown() -> None:
    business = by_system(RecordBusinessData, period="2026-01", amount=10, currency="EUR", orders=1)
    story = given(*BOUND, UNTIL_MARCH, business)
    card = seen(story, CUSTOMER)
    assert card.contacts.management_team == ("Grace", "Alan")
    assert [known.amount for known in card.business] == [10]
    story.when(by_partner(AssignContacts, contacts=Contacts(assigned_contact="Ada", support_level="gold")))
    card = seen(story, CUSTOMER)
    assert (card.contacts.assigned_contact, card.contacts.support_contact) == ("Ada", "help@p1.example")


@pytest.mark.requirement("R80", "R81")
def test_a_view_says_whose_turn_it_is_until_when_and_what_happens_then() -> None:
    def first(story: Story, viewer: Viewer = PLATFORM) -> dict[str, tuple[str, Any, str]]:
        return {line.what: (line.who, line.until, line.then) for line in seen(story, viewer).waiting_on}

    in_10_days = NOON + timedelta(days=10)
    assert first(given(*PENDING))["decision"] == ("partner", in_10_days, "it counts as approved")
    assert first(given(*BOUND, partner_asks()))["decision"] == ("customer", in_10_days, "the platform decides")
    closed = given(*PENDING, partner_is(status="closed"))
    assert first(closed)["decision"][0] == "platform"
    assert first(given(*INVITED))["invitation_expiry"][0] == "customer"
    assert set(first(given(*STALLED))) == {"recheck", "stalled_too_long", "activation"}
    assert first(given(*BILLED))["bill_confirmation"][0] == "customer"
    proposed = given(*BOUND, by_customer(ProposeModification, changes=Changes(terms="ten")))
    assert first(proposed)["modification_answer"][0] == "partner"
    asked = given(*TERMINATED, by_customer(RequestReactivation, consent_version="1"))
    assert first(asked)["reactivation_answer"][0] == "partner"
    assert seen(given(*PURGED), PLATFORM).waiting_on == ()


@pytest.mark.requirement("R54", "R74")
def test_a_draft_is_seen_by_its_own_side_only() -> None:
    story = given(*BLOCKED)
    own, other = seen(story, CUSTOMER), seen(story, PARTNER)
    assert (own.draft, own.blocked_by) == ("blocked", ("ACCOUNT_IN_ARREARS",))
    assert (other.draft, other.blocked_by) == (None, ())
    assert "customer_draft" in {line.what for line in own.waiting_on}
    assert "customer_draft" not in {line.what for line in other.waiting_on}


@pytest.mark.requirement("R54", "R130")
def test_a_draft_waits_for_its_own_side() -> None:
    def waiting(story: Story, viewer: Viewer) -> list[tuple[str, str]]:
        return [(line.what, line.who) for line in seen(story, viewer).waiting_on if line.what.endswith("_draft")]

    by_the_partner, by_the_customer = given(*BOUND, partner_requests()), given(*DRAFTED)
    assert [waiting(by_the_partner, viewer) for viewer in (PARTNER, CUSTOMER)] == [[("partner_draft", "partner")], []]
    assert [waiting(by_the_customer, viewer) for viewer in (PARTNER, CUSTOMER)] == [
        [],
        [("customer_draft", "customer")],
    ]


@pytest.mark.requirement("R73", "R117")
def test_the_history_says_what_happened_and_keeps_drafts_and_users_to_their_side() -> None:
    story = given(*DRAFTED, facts())
    entries = [
        Recorded(entry.at, entry.events[0].event.actor, tuple(stamped.event for stamped in entry.events))
        for entry in story.world.journal
    ]
    own, other = history(entries, CUSTOMER), history(entries, PARTNER)
    assert "TerminationDrafted" in [entry.what for entry in own]
    assert "TerminationDrafted" not in [entry.what for entry in other]
    bound = next(entry for entry in other if entry.what == "PartnershipBound")
    assert (bound.status, bound.stage, bound.user_id) == ("active", "activation_pending", None)
    assert {entry.user_id for entry in own if entry.by == "customer"} == {"user-of-customer"}
    assert len(history(entries, PLATFORM)) > len(own)


@pytest.mark.requirement("R125", "R126", "R129")
def test_an_offer_that_stays_what_it_was_is_not_modified() -> None:
    proposed = (*VERIFIED, by_customer(ProposeModification, changes=Changes(terms="ten")))
    decline_it = by_partner(AnswerModification, answer="decline", reason=WHY)
    assert seen(given(*proposed, decline_it), CUSTOMER).label == "Open"
    lapsed = given(*proposed[:-1], policy(modification_days=3), proposed[-1], later(days=3), reached())
    assert seen(lapsed, CUSTOMER).label == "Open"
    countered = by_partner(AnswerModification, answer="counter", changes=Changes(terms="nine"))
    no_again = by_customer(AnswerModification, answer="decline", reason=WHY)
    assert seen(given(*proposed, countered, no_again), CUSTOMER).label == "Open"
    changed = by_partner(ProposeModification, changes=Changes(terms="eight"))
    assert seen(given(*VERIFIED, changed, proposed[-1], decline_it), CUSTOMER).label == "Modified"
    leaving = accept("p2", switch_confirmed=True, expected_version=6)
    open_again = (*PROMPTED, by_customer(ProposeModification, "p2", changes=Changes(terms="ten")), leaving)
    story = given(*open_again, facts(account_in_arrears=True), delivered())
    assert seen(story, CUSTOMER, "p2").label == "Open", "what was not answered was off the table at the acceptance"


@pytest.mark.requirement("R73", "R76")
def test_what_is_waived_for_a_draft_is_in_its_own_sides_history_alone() -> None:
    waive = by_platform(WaiveBlock, item="ACCOUNT_IN_ARREARS", reason=WHY)

    def known(story: Story, viewer: Viewer) -> bool:
        entry = story.world.journal[-1]
        events = tuple(stamped.event for stamped in entry.events)
        found = history([Recorded(entry.at, events[0].actor, events)], viewer)
        return "BlockWaived" in {line.what for line in found}

    draft, case = given(*BLOCKED, waive), given(*PENDING, waive)
    assert [known(draft, viewer) for viewer in (CUSTOMER, PARTNER, PLATFORM)] == [True, False, True]
    assert [known(case, viewer) for viewer in (CUSTOMER, PARTNER, PLATFORM)] == [True, True, True]


@pytest.mark.requirement("R80", "R81")
def test_where_it_is_the_platforms_turn_it_is_told_and_the_view_says_so() -> None:
    """C10; and what a closed partner would have to decide."""
    asked = given(*BOUND, partner_is(status="closed")).when(customer_asks())
    requested = next(event for event in asked.events if isinstance(event, TerminationDecisionRequested))
    assert requested.decider == "platform"
    asked.told(
        partner="termination_submitted", customer="termination_submitted", platform="termination_decision_requested"
    )

    too_late = given(*BOUND, partner_asks(), later(days=10), reached("decision"))
    stalled = given(*STALLED, later(days=30), reached("stalled_too_long"))
    for story, what, until in (
        (too_late, "decision", NOON + timedelta(days=10)),
        (stalled, "stalled_too_long", NOON + timedelta(days=30)),
    ):
        first = seen(story, PARTNER).waiting_on[0]
        assert (first.what, first.who, first.until, first.then) == (what, "platform", until, "the platform decides")


@pytest.mark.requirement("R1")
@pytest.mark.parametrize(
    "purpose",
    [
        "new_customer_acquisition",
        "existing_customer_relationship",
        "business_scale_expansion",
        "strategic_ecosystem",
        "target_market_penetration",
    ],
)
def test_both_sides_see_what_an_invitation_is_for(purpose: str) -> None:
    story = given(*REGISTERED).when(invite(customer_id="c1", purpose=purpose))
    story.then(like(InvitationSent, purpose=purpose), QuotaUpdated)
    assert [seen(story, viewer).purpose for viewer in (PARTNER, CUSTOMER)] == [purpose] * 2


@pytest.mark.requirement("R33", "R36")
def test_both_sides_see_what_the_partner_may_do_in_the_customers_account() -> None:
    story = given(*BOUND, by_partner(ConfigurePermissions, permissions=("read_usage", "open_tickets")))
    assert [seen(story, viewer).permissions for viewer in (PARTNER, CUSTOMER)] == [("read_usage", "open_tickets")] * 2


@pytest.mark.requirement("R35", "R36")
def test_both_sides_see_how_much_support_the_customer_has() -> None:
    gold = Contacts(support_contact="gold@p1.example", support_level="gold")
    story = given(*BOUND, by_partner(AssignContacts, contacts=gold))
    for contacts in (seen(story, PARTNER).contacts, seen(story, CUSTOMER).contacts):
        assert (contacts.support_contact, contacts.support_level) == ("gold@p1.example", "gold")

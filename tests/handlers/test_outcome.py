"""What holds for every command: who may give it, versions, numbering, and what is kept from whom."""

import json

import pytest

from contracts.commands.binding import ConfigurePermissions
from contracts.events.facts import QuotaUpdated
from contracts.events.invitation import InvitationCancelled
from contracts.message import Actor, CommandMessage, Party, Role
from contracts.registry import COMMANDS, INTERNAL
from contracts.rejections import EXPLANATIONS, RejectionCode
from contracts.topics import TopicName
from handlers.admission import RULES, version
from handlers.decision import Context
from handlers.documents import Documents
from handlers.evolve import evolve_partnership
from handlers.outcome import outcome
from handlers.policy import Policy
from tests.situations import SITUATIONS, command, partner_in
from tests.states import NAMES, outcome_of
from tests.story import (
    BOUND,
    INVITED,
    NOON,
    PENDING,
    REGISTERED,
    TERMINATED,
    VERIFIED,
    Enter,
    Send,
    accept,
    by_partner,
    cancel,
    customer_asks,
    customer_decides,
    customer_requests,
    customer_user,
    decline,
    given,
    invite,
    opened,
    partner_asks,
    partner_decides,
    registered,
    tokens,
    verified,
)


@pytest.mark.requirement("R83", "R84")
def test_every_command_says_who_may_give_it() -> None:
    assert set(RULES) == set(COMMANDS.values()) | set(INTERNAL.values())


@pytest.mark.requirement("R83", "R84")
@pytest.mark.parametrize(
    "command",
    [
        invite(),
        opened(),
        verified(),
        accept(),
        decline(),
        cancel(),
        customer_requests(),
        partner_decides(),
        registered(),
    ],
    ids=lambda send: type(send.command).__name__,
)
@pytest.mark.parametrize("kind", list(Party))
def test_a_party_that_a_command_is_not_for_is_refused(command: Send, kind: Party) -> None:
    allowed = RULES[type(command.command)].parties
    stranger = Actor(kind=kind, party_id="somebody-else", user_id="u", role=Role.ADMIN)
    story = given(*PENDING).when(command.but(actor=stranger))
    if kind not in allowed or kind is Party.PARTNER:
        story.refused(RejectionCode.NOT_AUTHORIZED)
    if kind is Party.CUSTOMER:
        story.refused(RejectionCode.NOT_AUTHORIZED)


@pytest.mark.requirement("R84")
@pytest.mark.parametrize("command", [invite(subject="s2", customer="c2"), cancel(), decline()])
def test_a_viewer_changes_nothing(command: Send) -> None:
    actor = command.command.actor.model_copy(update={"role": Role.VIEWER})
    given(*INVITED, opened()).when(command.but(actor=actor)).refused(RejectionCode.NOT_AUTHORIZED)


@pytest.mark.requirement("R129")
def test_who_decides_on_an_older_version_is_refused() -> None:
    given(*INVITED, opened()).when(cancel(expected_version=1)).refused(
        RejectionCode.VERSION_CONFLICT, current_version=2
    )
    given(*INVITED, opened()).when(cancel(expected_version=2)).then(InvitationCancelled, QuotaUpdated)


OF_CUSTOMERS = ("ReportCustomerStanding", "GrantExtraRequest")


@pytest.mark.requirement("R129")
@pytest.mark.parametrize("name", NAMES)
def test_each_command_may_say_which_version_it_has_seen(name: str) -> None:
    situation = next(situation for situation in SITUATIONS if outcome_of(name, situation) == "ok")
    story, step = given(*SITUATIONS[situation]), command(name, partner_in(situation))
    send = story.world.with_code(step.send) if isinstance(step, Enter) else step
    documents = story.world.load(CommandMessage("c", send.subject, send.partner_id, send.command))
    of_partners = type(send.command).TOPIC is TopicName.FACTS
    subject = documents.partner if of_partners else documents.partnership
    current = version(documents.customer if name in OF_CUSTOMERS else subject)
    for other in (current + 1, current + 2):
        story.when(send.but(expected_version=other)).refused(RejectionCode.VERSION_CONFLICT, current_version=current)
    assert story.when(send.but(expected_version=current)).rejection is None


@pytest.mark.requirement("R129")
def test_a_version_of_what_does_not_exist_yet_is_zero() -> None:
    given(*REGISTERED).when(invite(expected_version=1)).refused(RejectionCode.VERSION_CONFLICT, current_version=0)
    assert given(*REGISTERED).when(invite(expected_version=0)).rejection is None


def test_a_document_that_no_event_has_changed_keeps_its_revision() -> None:
    """Else lanes that share a customer would be in each other's way all the time."""
    story = given(*BOUND)
    partner, customer, partnership = story.partner().rev, story.customer().rev, story.partnership().rev
    story.when(by_partner(ConfigurePermissions, permissions=("read_usage",)))
    assert (story.partner().rev, story.customer().rev) == (partner, customer)
    assert story.partnership().rev == partnership + 1


def test_events_name_who_gave_the_command() -> None:
    story = given(*BOUND).when(customer_asks())
    assert {event.actor for event in story.events} == {customer_user()}


def test_a_refusal_changes_nothing_and_says_what_to_do() -> None:
    story = given(*TERMINATED)
    before = dict(story.world.partnerships)
    story.when(accept()).refused(RejectionCode.PARTNERSHIP_READ_ONLY)
    assert story.world.partnerships == before
    assert story.rejection is not None
    sentence, advice, retryable = EXPLANATIONS[RejectionCode.PARTNERSHIP_READ_ONLY]
    assert story.rejection.message == f"{sentence} {advice}"
    assert story.rejection.retryable is retryable
    assert story.rejection.command_type == "partnerships.AcceptInvitation.v1"


def test_the_same_command_on_the_same_documents_has_the_same_outcome() -> None:
    story = given(*VERIFIED)
    message = CommandMessage("same", "p1-c1", "p1", accept().command)
    documents = story.world.load(message)
    context = Context(NOON, Policy(), tokens)
    assert outcome(documents, message, context) == outcome(documents, message, context)


def test_nothing_is_decided_about_documents_that_are_not_there() -> None:
    for send in (invite(), opened(), verified(), accept(), cancel(), customer_requests(), partner_decides()):
        message = CommandMessage("c", send.subject, send.partner_id, send.command)
        result = outcome(Documents(), message, Context(NOON, Policy(), tokens))
        assert result.rejection is not None
        assert result.rejection.code in {RejectionCode.NOT_FOUND, RejectionCode.NOT_AUTHORIZED}


# Of the stories in tests/story.py.
PERSONAL = (
    "Ada Example",
    "ada@c1.example",
    "office@c1.example",
    "+44 20 7946 0000",
    "c1 Ltd",
    "our business",
    "market",
)


def test_lifecycle_events_carry_no_personal_data() -> None:
    story = given(*PENDING)
    story.when(partner_decides())
    others = given(*BOUND, partner_asks()).when(customer_decides(approve=False, reason="we leave no market"))
    for world in (story.world, others.world):
        for entry in world.journal:
            for stamped in entry.events:
                if stamped.event.TOPIC != "partnership.notice.events":
                    text = json.dumps(stamped.event.model_dump(mode="json"))
                    assert not [word for word in PERSONAL if word in text], text


def test_each_lifecycle_event_says_the_state_that_it_leads_to() -> None:
    story = given(*PENDING)
    story.when(partner_decides())
    partnership = None
    for entry in story.world.journal:
        for stamped in entry.events:
            partnership = evolve_partnership(partnership, stamped.subject, stamped.event, entry.at)
            told = stamped.event.model_dump()
            if stamped.event.SUBJECT == "partnership" and "status" in told:
                assert partnership is not None
                state = partnership.state.model_dump()
                assert (told["status"], told.get("stage")) == (state["status"], state.get("stage"))


def test_what_is_as_long_as_it_may_be_fits_everywhere() -> None:
    partner, customer = "p" * 128, "c" * 128
    long = invite(partner, "c1", "s" * 128, customer_id=customer, phone="1" * 256, channel="sms", legal_name="n" * 256)
    story = given(registered(partner)).when(Send(long.command, long.subject, partner, id="i" * 128))
    assert story.rejection is None


def test_the_worker_alone_ends_a_partnership_for_a_switch() -> None:
    for kind in INTERNAL.values():
        assert RULES[kind].parties == {Party.SYSTEM}

"""What holds for every event of the tour: it says the state it leads to, and tells nobody what is not its business."""

import json

import pytest

from contracts.events.closing import PersonalDataPurged
from contracts.events.notice import NoticeSent
from contracts.message import CommandMessage
from contracts.registry import COMMANDS
from contracts.rejections import EXPLANATIONS
from contracts.topics import TopicName
from handlers.decision import Context
from handlers.evolve import evolve_partnership
from handlers.outcome import outcome
from tests.situations import SITUATIONS, command, partner_in
from tests.story import Enter, given, tokens
from tests.tour import TOUR

PERSONAL = (
    "Ltd",
    "Ada",
    "Grace",
    "Alan",
    "example.",
    ".example",
    "+44",
    "our business elsewhere",
    "compute",
    "telephone",
    "per cent",
)


@pytest.mark.parametrize("name", TOUR)
def test_each_lifecycle_event_says_the_state_that_it_leads_to(name: str) -> None:
    partnerships: dict[str, object] = {}
    for entry in TOUR[name]().world.journal:
        for stamped in entry.events:
            before = partnerships.get(stamped.subject)
            after = evolve_partnership(before, stamped.subject, stamped.event, entry.at)  # type: ignore[arg-type]
            partnerships[stamped.subject] = after
            told = stamped.event.model_dump()
            if stamped.event.TOPIC is TopicName.LIFECYCLE_EVENTS and "status" in told and after is not None:
                state = after.state.model_dump()
                assert (told["status"], told.get("stage")) == (state["status"], state.get("stage")), stamped.event


@pytest.mark.parametrize("name", TOUR)
def test_only_notices_carry_personal_data(name: str) -> None:
    for entry in TOUR[name]().world.journal:
        for stamped in entry.events:
            if not isinstance(stamped.event, NoticeSent):
                text = json.dumps(stamped.event.model_dump(mode="json"))
                assert not [word for word in PERSONAL if word in text], text


@pytest.mark.parametrize("situation", SITUATIONS)
def test_a_dry_run_and_the_command_itself_come_to_the_same(situation: str) -> None:
    """The core does not look at `dry_run`: the engine answers instead of storing."""
    world = given(*SITUATIONS[situation]).world
    context = Context(world.now, world.policy, tokens)
    for kind in COMMANDS.values():
        if kind.__name__ == "SubmitVerificationCode":
            continue  # which code is right cannot be tried
        step = command(kind.__name__, partner_in(situation))
        send = world.with_code(step.send) if isinstance(step, Enter) else step
        message = CommandMessage("c", send.subject, send.partner_id, send.command)
        tried = CommandMessage("c", send.subject, send.partner_id, send.but(dry_run=True).command)
        documents = world.load(message)
        assert outcome(documents, tried, context) == outcome(documents, message, context)


def test_every_refusal_on_the_tour_is_explained() -> None:
    for story in TOUR.values():
        for _, result, _ in story().world.log:
            if result.rejection is not None:
                assert EXPLANATIONS[result.rejection.code].sentence in result.rejection.message


def test_after_a_purge_nothing_personal_is_left_in_the_documents() -> None:
    world = TOUR["closing"]().world
    purged = [e.event for entry in world.journal for e in entry.events if isinstance(e.event, PersonalDataPurged)]
    assert purged
    text = "".join(document.model_dump_json() for document in (*world.partnerships.values(), *world.customers.values()))
    assert not [word for word in PERSONAL if word in text]

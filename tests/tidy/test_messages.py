"""No message without a purpose: every command has events of its own, every event has who emits it and what folds it."""

import ast
import inspect
from pathlib import Path

import pytest

from contracts.message import Command, Event, Typed
from contracts.registry import COMMANDS, EVENTS, INTERNAL
from handlers import decide, evolve

OUTSIDE_OF_THE_CORE = {"CommandAnswered"}
"""The engine answers dry runs."""

OWN_EVENTS = {
    "RegisterPartner": {"PartnerRegistered"},
    "ReportPartnerStanding": {"PartnerStandingRecorded"},
    "ReportCustomerStanding": {"CustomerStandingRecorded"},
    "InviteCustomer": {"InvitationSent"},
    "OpenInvitation": {"InvitationOpened"},
    "RecordIdentityVerification": {"IdentityVerified", "IdentityVerificationFailed"},
    "AcceptInvitation": {"InvitationAccepted"},
    "DeclineInvitation": {"InvitationDeclined"},
    "CancelInvitation": {"InvitationCancelled"},
    "RequestTermination": {"TerminationSubmitted"},
    "DecideTermination": {"TerminationRejected"},
    "EndForSwitch": {"SwitchBlocked"},
    "CompleteSwitch": {"SwitchCompleted"},
    "AbortSwitch": {"SwitchAborted"},
}


def named_in(*paths: Path) -> set[str]:
    """Every name that is used in these files, imports aside."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in paths]
    return {node.id for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Name)}


DECIDERS = [path for path in Path("handlers").glob("*.py") if path.name not in {"evolve.py", "documents.py"}]


def test_every_command_has_an_event_of_its_own() -> None:
    assert set(OWN_EVENTS) == {kind.__name__ for kind in (*COMMANDS.values(), *INTERNAL.values())}
    own = [event for events in OWN_EVENTS.values() for event in events]
    assert len(own) == len(set(own))
    assert set(own) <= {kind.__name__ for kind in EVENTS.values()}


@pytest.mark.parametrize("kind", EVENTS.values(), ids=lambda kind: kind.__name__)
def test_every_event_is_emitted_by_a_handler(kind: type[Event]) -> None:
    called = {
        node.func.id
        for path in DECIDERS
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    passed_on = {"InvitationDeclined", "InvitationCancelled"}  # made in one place, for both
    assert kind.__name__ in called | passed_on | OUTSIDE_OF_THE_CORE


@pytest.mark.parametrize("kind", [*COMMANDS.values(), *INTERNAL.values()], ids=lambda kind: kind.__name__)
def test_every_command_is_decided(kind: type[Command]) -> None:
    assert kind.__name__ in named_in(Path(inspect.getfile(decide)))


@pytest.mark.parametrize("kind", EVENTS.values(), ids=lambda kind: kind.__name__)
def test_every_event_is_folded(kind: type[Event]) -> None:
    refusals = {"CommandRejected", "CommandAnswered"}
    assert kind.__name__ in named_in(Path(inspect.getfile(evolve))) | refusals


def subclasses(kind: type[Typed]) -> set[type[Typed]]:
    return {each for sub in kind.__subclasses__() for each in ({sub} | subclasses(sub))}


def test_every_message_is_registered() -> None:
    messages = {kind for kind in subclasses(Command) | subclasses(Event) if kind.__module__.startswith("contracts.")}
    bases = {kind for kind in messages if kind.__subclasses__()}
    assert messages - bases == {*COMMANDS.values(), *INTERNAL.values(), *EVENTS.values()}

"""No message without a purpose: every command has events of its own, every event has who emits it and what folds it."""

import inspect
from functools import cache
from pathlib import Path

import pytest

from contracts.events.facts import PartnerRegistered
from contracts.events.invitation import InvitationSent
from contracts.message import Command, Event, Typed
from contracts.registry import COMMANDS, EVENTS, FOLDED, INTERNAL, ORDERS
from contracts.rejections import RejectionCode
from handlers.decide import ABOUT_PARTIES, ON_PARTNERSHIP
from handlers.evolve import FOLDS_OF_PARTNERSHIP
from handlers.folds_of_parties import FOLDS_OF_CUSTOMER, FOLDS_OF_PARTNER
from handlers.notices import NOTICES
from tests.tour import TOUR

OUTSIDE_OF_THE_CORE = {"CommandAnswered"}
"""The engine answers dry runs."""

OWN_EVENTS = {
    "RegisterPartner": {"PartnerRegistered"},
    "ReportPartnerStanding": {"PartnerStandingRecorded"},
    "UpdateAgreement": {"AgreementUpdated"},
    "ReportCustomerStanding": {"CustomerStandingRecorded"},
    "InviteCustomer": {"InvitationSent"},
    "ResendInvitation": {"InvitationResent"},
    "OpenInvitation": {"InvitationOpened"},
    "RecordIdentityVerification": {"IdentityVerified", "IdentityVerificationFailed"},
    "AcceptInvitation": {"InvitationAccepted"},
    "DeclineInvitation": {"InvitationDeclined"},
    "CancelInvitation": {"InvitationCancelled"},
    "RecordActivation": {"ActivationRecorded"},
    "ConfigurePermissions": {"PermissionsConfigured"},
    "ChooseBilling": {"BillingChosen"},
    "UpdateCustomerInfo": {"CustomerInfoUpdated"},
    "AssignContacts": {"ContactsAssigned"},
    "ProposeModification": {"ModificationProposed"},
    "AnswerModification": {"ModificationAcknowledged", "ModificationCountered", "ModificationDeclined"},
    "RecordBusinessData": {"BusinessDataRecorded"},
    "RecordNotificationOutcome": {"NotificationOutcomeRecorded"},
    "SuspendPartnership": {"PartnershipSuspended"},
    "ResumePartnership": {"PartnershipResumed"},
    "HidePartnership": {"PartnershipHidden"},
    "ShowPartnership": {"PartnershipShown"},
    "CheckTermination": {"TerminationChecked"},
    "RequestTermination": {"TerminationDrafted"},
    "ConfirmTermination": {"TerminationConfirmed"},
    "SendVerificationCode": {"VerificationCodeSent"},
    "SubmitVerificationCode": {"VerificationCodeAccepted", "VerificationCodeFailed"},
    "DecideTermination": {"TerminationRejected"},
    "WithdrawTermination": {"TerminationWithdrawn"},
    "WaiveBlock": {"BlockWaived"},
    "GrantExtraRequest": {"ExtraRequestGranted"},
    "RecordClosingStep": {"ClosingStepRecorded"},
    "RecordFinalBill": {"FinalBillRecorded"},
    "ConfirmFinalBill": {"FinalBillConfirmed"},
    "DisputeFinalBill": {"FinalBillDisputed"},
    "ResolveDispute": {"DisputeResolved"},
    "RequestDataExport": {"DataExportRequested"},
    "RecordDataExport": {"DataExportRecorded"},
    "PlaceLegalHold": {"LegalHoldPlaced"},
    "ReleaseLegalHold": {"LegalHoldReleased"},
    "RequestReactivation": {"ReactivationRequested"},
    "AnswerReactivation": {"ReactivationAgreed", "ReactivationDeclined"},
    "EndForSwitch": {"SwitchBlocked"},
    "CompleteSwitch": {"SwitchCompleted"},
    "AbortSwitch": {"SwitchAborted"},
    "RecheckTermination": {"TerminationRechecked"},
    "SpreadAgreement": set(),
    "ApplyAgreement": {"PartnershipAgreementUpdated"},
    "DeadlineReached": {
        "InvitationReminded",
        "ActivationOverdue",
        "SwitchOverdue",
        "ClosingStalled",
        "AnswerOverdue",
        "AgreementExpired",
    },
}


@cache
def emitted() -> dict[str, set[str]]:
    """Command → the events that came of it somewhere on the tour."""
    found: dict[str, set[str]] = {}
    for story in TOUR.values():
        for message, result, _ in story().world.log:
            names = {type(stamped.event).__name__ for stamped in result.events}
            names |= {"CommandRejected"} if result.rejection else set()
            found.setdefault(type(message.data).__name__, set()).update(names)
    return found


def test_every_command_has_an_event_of_its_own() -> None:
    assert set(OWN_EVENTS) == {kind.__name__ for kind in (*COMMANDS.values(), *INTERNAL.values())}
    own = [event for events in OWN_EVENTS.values() for event in events]
    assert len(own) == len(set(own))


@pytest.mark.parametrize("name", OWN_EVENTS)
def test_a_command_emits_its_own_events(name: str) -> None:
    assert OWN_EVENTS[name] <= emitted()[name]


@pytest.mark.parametrize("kind", EVENTS.values(), ids=lambda kind: kind.__name__)
def test_every_event_is_emitted_by_a_handler(kind: type[Event]) -> None:
    assert kind.__name__ in set().union(*emitted().values()) | OUTSIDE_OF_THE_CORE


@pytest.mark.parametrize("kind", [*COMMANDS.values(), *INTERNAL.values()], ids=lambda kind: kind.__name__)
def test_every_command_is_decided_by_a_function_that_takes_it(kind: type[Command]) -> None:
    if kind.__name__ == "InviteCustomer":
        return  # the only one that needs the context and no partnership
    decider = (ABOUT_PARTIES | ON_PARTNERSHIP)[kind]
    assert list(inspect.signature(decider).parameters.values())[-1].annotation is kind


@pytest.mark.parametrize("kind", FOLDED, ids=lambda kind: kind.__name__)
def test_every_event_is_folded(kind: type[Event]) -> None:
    made_by_them = {InvitationSent, PartnerRegistered}
    assert kind in {*FOLDS_OF_PARTNER, *FOLDS_OF_CUSTOMER, *FOLDS_OF_PARTNERSHIP, *made_by_them}


def test_every_row_of_the_notices_is_an_events() -> None:
    assert set(NOTICES) <= set(EVENTS.values())


def test_every_refusal_is_somebodys() -> None:
    """A code that no handler can answer with would be a promise that nobody keeps."""
    text = "".join(path.read_text(encoding="utf-8") for path in Path("handlers").glob("*.py"))
    text += Path("worker/batch.py").read_text(encoding="utf-8")
    assert [code.name for code in RejectionCode if f"RejectionCode.{code.name}" not in text] == []


def subclasses(kind: type[Typed]) -> set[type[Typed]]:
    return {each for sub in kind.__subclasses__() for each in ({sub} | subclasses(sub))}


def test_every_message_is_registered() -> None:
    messages = {kind for kind in subclasses(Command) | subclasses(Event) if kind.__module__.startswith("contracts.")}
    bases = {kind for kind in messages if kind.__subclasses__()}
    assert messages - bases == {*COMMANDS.values(), *INTERNAL.values(), *ORDERS.values(), *EVENTS.values()}

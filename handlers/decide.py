"""One command, one function: the table of contents of the rule book."""

from typing import assert_never, cast

from contracts.commands.facts import RegisterPartner, ReportCustomerStanding, ReportPartnerStanding
from contracts.commands.internal import AbortSwitch, CompleteSwitch, EndForSwitch
from contracts.commands.invitation import (
    AcceptInvitation,
    CancelInvitation,
    DeclineInvitation,
    InviteCustomer,
    OpenInvitation,
    RecordIdentityVerification,
)
from contracts.commands.termination import DecideTermination, RequestTermination
from contracts.message import CommandMessage
from contracts.registry import AnyCommand
from handlers import admission, facts, invitation, switching, termination
from handlers.decision import Context, Decision, Rejected
from handlers.documents import Documents
from handlers.scene import Scene, scene_of

OnPartnership = (
    OpenInvitation
    | RecordIdentityVerification
    | AcceptInvitation
    | DeclineInvitation
    | CancelInvitation
    | RequestTermination
    | DecideTermination
    | EndForSwitch
    | CompleteSwitch
    | AbortSwitch
)


def decide(documents: Documents, message: CommandMessage, context: Context) -> Decision:
    """What follows from a command: facts, or a refusal."""
    command = cast("AnyCommand", message.data)
    match command:
        case RegisterPartner() | ReportPartnerStanding() | ReportCustomerStanding() | InviteCustomer():
            if refusal := admission.refusal(documents, message, context.policy):
                return refusal
            return _decide_first(documents, message, command, context)
        case _:
            scene = scene_of(documents, message, context)
            if isinstance(scene, Rejected):
                return scene
            return admission.refusal(documents, message, context.policy) or _decide_on_partnership(scene, command)


def _decide_first(
    documents: Documents,
    message: CommandMessage,
    command: RegisterPartner | ReportPartnerStanding | ReportCustomerStanding | InviteCustomer,
    context: Context,
) -> Decision:
    """Commands that need no partnership yet."""
    match command:
        case RegisterPartner():
            return facts.register_partner(documents, message, command)
        case ReportPartnerStanding():
            return facts.report_partner_standing(documents, message, command)
        case ReportCustomerStanding():
            return facts.report_customer_standing(documents, message, command)
        case InviteCustomer():
            return invitation.invite(documents, message, command, context)
        case _:
            assert_never(command)


def _decide_on_partnership(  # noqa: C901, PLR0911 - a table
    scene: Scene, command: OnPartnership
) -> Decision:
    """Commands about a partnership that exists in this lane."""
    match command:
        case OpenInvitation():
            return invitation.open_invitation(scene, command)
        case RecordIdentityVerification():
            return invitation.record_identity_verification(scene, command)
        case AcceptInvitation():
            return invitation.accept(scene, command)
        case DeclineInvitation():
            return invitation.decline(scene, command)
        case CancelInvitation():
            return invitation.cancel(scene, command)
        case RequestTermination():
            return termination.request(scene, command)
        case DecideTermination():
            return termination.decide(scene, command)
        case EndForSwitch():
            return switching.end_for_switch(scene, command)
        case CompleteSwitch():
            return switching.complete_switch(scene, command)
        case AbortSwitch():
            return switching.abort_switch(scene, command)
        case _:
            assert_never(command)

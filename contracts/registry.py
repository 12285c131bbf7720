"""All messages by their wire type. What is not here does not exist."""

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
from contracts.events.binding import (
    BillingSwitched,
    PartnershipBound,
    SwitchAborted,
    SwitchBlocked,
    SwitchCompleted,
    SwitchStarted,
)
from contracts.events.facts import CustomerStandingRecorded, PartnerRegistered, PartnerStandingRecorded, QuotaUpdated
from contracts.events.invitation import (
    IdentityVerificationFailed,
    IdentityVerified,
    InvitationAccepted,
    InvitationCancelled,
    InvitationDeclined,
    InvitationExpired,
    InvitationOpened,
    InvitationSent,
    PartnershipStatusChecked,
    SwitchPrompted,
)
from contracts.events.notice import NoticeSent
from contracts.events.termination import (
    PartnershipTerminated,
    TerminationApproved,
    TerminationDecisionRequested,
    TerminationRejected,
    TerminationSubmitted,
)
from contracts.message import Command, Event
from contracts.rejections import CommandAnswered, CommandRejected

PublicCommand = (
    RegisterPartner
    | ReportPartnerStanding
    | ReportCustomerStanding
    | InviteCustomer
    | OpenInvitation
    | RecordIdentityVerification
    | AcceptInvitation
    | DeclineInvitation
    | CancelInvitation
    | RequestTermination
    | DecideTermination
)
InternalCommand = EndForSwitch | CompleteSwitch | AbortSwitch
AnyCommand = PublicCommand | InternalCommand

PartnerEvent = PartnerRegistered | PartnerStandingRecorded | QuotaUpdated
CustomerEvent = CustomerStandingRecorded
PartnershipEvents = (
    InvitationSent
    | InvitationOpened
    | IdentityVerified
    | IdentityVerificationFailed
    | PartnershipStatusChecked
    | SwitchPrompted
    | InvitationAccepted
    | InvitationDeclined
    | InvitationCancelled
    | InvitationExpired
    | PartnershipBound
    | BillingSwitched
    | SwitchStarted
    | SwitchBlocked
    | SwitchAborted
    | SwitchCompleted
    | TerminationSubmitted
    | TerminationDecisionRequested
    | TerminationApproved
    | TerminationRejected
    | PartnershipTerminated
    | NoticeSent
)
AnyEvent = PartnerEvent | CustomerEvent | PartnershipEvents
"""What documents are folded from."""

COMMANDS: dict[str, type[Command]] = {kind.wire_type(): kind for kind in PublicCommand.__args__}
INTERNAL: dict[str, type[Command]] = {kind.wire_type(): kind for kind in InternalCommand.__args__}
EVENTS: dict[str, type[Event]] = {
    kind.wire_type(): kind for kind in (*AnyEvent.__args__, CommandRejected, CommandAnswered)
}

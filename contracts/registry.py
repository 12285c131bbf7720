"""All messages by their wire type. What is not here does not exist."""

from contracts.commands.binding import (
    AnswerModification,
    AssignContacts,
    ChooseBilling,
    ConfigurePermissions,
    HidePartnership,
    ProposeModification,
    RecordActivation,
    RecordBusinessData,
    RecordNotificationOutcome,
    ResumePartnership,
    ShowPartnership,
    SuspendPartnership,
    UpdateCustomerInfo,
)
from contracts.commands.closing import (
    AnswerReactivation,
    ConfirmFinalBill,
    DisputeFinalBill,
    PlaceLegalHold,
    RecordClosingStep,
    RecordDataExport,
    RecordFinalBill,
    ReleaseLegalHold,
    RequestDataExport,
    RequestReactivation,
    ResolveDispute,
)
from contracts.commands.facts import RegisterPartner, ReportCustomerStanding, ReportPartnerStanding, UpdateAgreement
from contracts.commands.internal import (
    AbortSwitch,
    ApplyAgreement,
    CompleteSwitch,
    DeadlineReached,
    EndForSwitch,
    RecheckTermination,
    SpreadAgreement,
)
from contracts.commands.invitation import (
    AcceptInvitation,
    CancelInvitation,
    DeclineInvitation,
    InviteCustomer,
    OpenInvitation,
    RecordIdentityVerification,
    ResendInvitation,
)
from contracts.commands.operating import (
    ContinueParked,
    DiscardDeadLetter,
    EditDeadLetter,
    ReleaseDeadLetter,
    ReopenDeadLetter,
    ReplayDeadLetter,
    Republish,
)
from contracts.commands.termination import (
    CheckTermination,
    ConfirmTermination,
    DecideTermination,
    GrantExtraRequest,
    RequestTermination,
    SendVerificationCode,
    SubmitVerificationCode,
    WaiveBlock,
    WithdrawTermination,
)
from contracts.events import billing, binding, checking, closing, facts, invitation, notice, termination, upkeep
from contracts.message import Command, Event
from contracts.rejections import CommandAnswered, CommandRejected

FACTS = (RegisterPartner, ReportPartnerStanding, UpdateAgreement, ReportCustomerStanding)
INVITATION = (
    InviteCustomer,
    ResendInvitation,
    OpenInvitation,
    RecordIdentityVerification,
    AcceptInvitation,
    DeclineInvitation,
    CancelInvitation,
)
BINDING = (
    RecordActivation,
    ConfigurePermissions,
    ChooseBilling,
    UpdateCustomerInfo,
    AssignContacts,
    ProposeModification,
    AnswerModification,
    RecordBusinessData,
    RecordNotificationOutcome,
    SuspendPartnership,
    ResumePartnership,
    HidePartnership,
    ShowPartnership,
)
TERMINATION = (
    CheckTermination,
    RequestTermination,
    ConfirmTermination,
    SendVerificationCode,
    SubmitVerificationCode,
    DecideTermination,
    WithdrawTermination,
    WaiveBlock,
    GrantExtraRequest,
)
CLOSING = (
    RecordClosingStep,
    RecordFinalBill,
    ConfirmFinalBill,
    DisputeFinalBill,
    ResolveDispute,
    RequestDataExport,
    RecordDataExport,
    PlaceLegalHold,
    ReleaseLegalHold,
    RequestReactivation,
    AnswerReactivation,
)
THE_WORKERS_OWN = (
    EndForSwitch,
    CompleteSwitch,
    AbortSwitch,
    RecheckTermination,
    SpreadAgreement,
    ApplyAgreement,
    DeadlineReached,
)

OPERATORS = (
    ReplayDeadLetter,
    EditDeadLetter,
    DiscardDeadLetter,
    ReopenDeadLetter,
    ReleaseDeadLetter,
    ContinueParked,
    Republish,
)

PARTNER_EVENTS = (facts.PartnerRegistered, facts.PartnerStandingRecorded, facts.AgreementUpdated, facts.QuotaUpdated)
CUSTOMER_EVENTS = (facts.CustomerStandingRecorded, facts.ExtraRequestGranted)
PARTNERSHIP_EVENTS = (
    invitation.InvitationSent,
    invitation.InvitationResent,
    invitation.InvitationReminded,
    invitation.InvitationOpened,
    invitation.IdentityVerified,
    invitation.IdentityVerificationFailed,
    invitation.PartnershipStatusChecked,
    invitation.SwitchPrompted,
    invitation.InvitationAccepted,
    invitation.InvitationDeclined,
    invitation.InvitationCancelled,
    invitation.InvitationExpired,
    binding.PartnershipBound,
    binding.ActivationRecorded,
    binding.ActivationOverdue,
    binding.PartnershipSuspended,
    binding.PartnershipResumed,
    binding.PartnershipAgreementUpdated,
    binding.SwitchStarted,
    binding.SwitchOverdue,
    binding.SwitchBlocked,
    binding.SwitchAborted,
    binding.SwitchCompleted,
    upkeep.PermissionsConfigured,
    upkeep.BillingChosen,
    upkeep.CustomerInfoUpdated,
    upkeep.ContactsAssigned,
    upkeep.BusinessDataRecorded,
    upkeep.PartnershipHidden,
    upkeep.PartnershipShown,
    upkeep.ModificationProposed,
    upkeep.ModificationCountered,
    upkeep.ModificationAcknowledged,
    upkeep.ModificationApplied,
    upkeep.ModificationDeclined,
    upkeep.ModificationLapsed,
    termination.TerminationDrafted,
    termination.TerminationDraftChecked,
    termination.TerminationConfirmed,
    termination.VerificationCodeSent,
    termination.VerificationCodeFailed,
    termination.VerificationCodeAccepted,
    termination.TerminationDraftDiscarded,
    termination.TerminationSubmitted,
    termination.TerminationDecisionRequested,
    termination.TerminationEscalated,
    termination.TerminationApproved,
    termination.TerminationRejected,
    termination.TerminationWithdrawn,
    termination.TerminationStalled,
    termination.TerminationRechecked,
    termination.AgreementExpired,
    termination.BlockWaived,
    termination.PartnershipTerminated,
    closing.DataRetentionStarted,
    closing.ClosingStepRecorded,
    closing.ClosingStalled,
    closing.ClosingCompleted,
    closing.DataExportRequested,
    closing.DataExportRecorded,
    closing.AnswerOverdue,
    closing.LegalHoldPlaced,
    closing.LegalHoldReleased,
    closing.ReactivationRequested,
    closing.ReactivationAgreed,
    closing.ReactivationDeclined,
    closing.ReactivationLapsed,
    closing.PartnershipReactivated,
    closing.DataRestoreRequested,
    closing.PersonalDataPurged,
    billing.BillingSwitched,
    billing.FinalBillRequested,
    billing.FinalBillRecorded,
    billing.FinalBillConfirmed,
    billing.FinalBillWaived,
    billing.FinalBillDisputed,
    billing.DisputeResolved,
    billing.RefundRequested,
    checking.TerminationChecked,
    notice.NoticeSent,
    notice.NotificationOutcomeRecorded,
)
FOLDED = (*PARTNER_EVENTS, *CUSTOMER_EVENTS, *PARTNERSHIP_EVENTS)
"""What documents are folded from."""

COMMANDS: dict[str, type[Command]] = {
    kind.wire_type(): kind for kind in (*FACTS, *INVITATION, *BINDING, *TERMINATION, *CLOSING)
}
INTERNAL: dict[str, type[Command]] = {kind.wire_type(): kind for kind in THE_WORKERS_OWN}
ORDERS: dict[str, type[Command]] = {kind.wire_type(): kind for kind in OPERATORS}
"""About the engine's own records, not about partnerships: no handler knows them."""
EVENTS: dict[str, type[Event]] = {kind.wire_type(): kind for kind in (*FOLDED, CommandRejected, CommandAnswered)}

"""Who is told what: one table (R29, R60, R78, R79, R100, R124). What concerns both sides is told to both."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple, cast

from contracts.base import to_milliseconds
from contracts.events.billing import (
    DisputeResolved,
    FinalBillConfirmed,
    FinalBillDisputed,
    FinalBillRecorded,
    FinalBillWaived,
    RefundRequested,
)
from contracts.events.binding import (
    ActivationOverdue,
    ActivationRecorded,
    PartnershipAgreementUpdated,
    PartnershipBound,
    PartnershipResumed,
    PartnershipSuspended,
    SwitchAborted,
    SwitchOverdue,
    SwitchStarted,
)
from contracts.events.closing import (
    AnswerOverdue,
    ClosingCompleted,
    ClosingStalled,
    ClosingStepRecorded,
    DataExportRecorded,
    PartnershipReactivated,
    ReactivationDeclined,
    ReactivationLapsed,
    ReactivationRequested,
)
from contracts.events.invitation import (
    InvitationCancelled,
    InvitationDeclined,
    InvitationExpired,
    InvitationReminded,
    InvitationResent,
    InvitationSent,
)
from contracts.events.notice import NoticeSent
from contracts.events.termination import (
    BlockWaived,
    PartnershipTerminated,
    TerminationApproved,
    TerminationConfirmed,
    TerminationDecisionRequested,
    TerminationDraftChecked,
    TerminationDraftDiscarded,
    TerminationDrafted,
    TerminationEscalated,
    TerminationRechecked,
    TerminationRejected,
    TerminationStalled,
    TerminationSubmitted,
    TerminationWithdrawn,
    VerificationCodeFailed,
    VerificationCodeSent,
)
from contracts.events.upkeep import (
    BillingChosen,
    ContactsAssigned,
    CustomerInfoUpdated,
    ModificationApplied,
    ModificationCountered,
    ModificationDeclined,
    ModificationLapsed,
    ModificationProposed,
    PermissionsConfigured,
)
from contracts.message import CommandMessage, Event
from contracts.templates import TEMPLATES, TemplateName
from contracts.terms import Initiator, other_side
from handlers.documents import Customer, Documents, Partner, Partnership, decider
from handlers.letters import CHANNEL, channel_of, to_customer, to_partner, to_platform
from handlers.states import Ending, Invited

Parties = Callable[[Event, Partnership, Partner], tuple[Initiator, ...]]


class Notice(NamedTuple):
    """A row of the table: the template, the parties that an event is told to, and whether it is told besides another.

    What the template is given stands in contracts/templates.py; it has the names of the event's fields.
    """

    template: TemplateName | Callable[[Event], TemplateName | None]
    parties: Parties
    besides: bool = False

    def name(self, event: Event) -> TemplateName | None:
        """The template; None where an event of this kind need not be told."""
        return self.template if isinstance(self.template, str) else self.template(event)


def _both(_: Event, __: Partnership, ___: Partner) -> tuple[Initiator, ...]:
    return ("partner", "customer")


def _customer(_: Event, __: Partnership, ___: Partner) -> tuple[Initiator, ...]:
    return ("customer",)


def _platform(_: Event, __: Partnership, ___: Partner) -> tuple[Initiator, ...]:
    return ("platform",)


def _everybody(_: Event, __: Partnership, ___: Partner) -> tuple[Initiator, ...]:
    return ("partner", "customer", "platform")


def _receiver(_: Event, partnership: Partnership, __: Partner) -> tuple[Initiator, ...]:
    state = partnership.state
    return (other_side(state.by),) if isinstance(state, Invited) else ()


def _reminded(event: Event, partnership: Partnership, partner: Partner) -> tuple[Initiator, ...]:
    """Nobody is reminded of what would be refused."""
    return _receiver(event, partnership, partner) if cast("InvitationReminded", event).told else ()


def _decider(event: Event, _: Partnership, __: Partner) -> tuple[Initiator, ...]:
    return (cast("TerminationDecisionRequested", event).decider,)


def _drafter(event: Event, _: Partnership, __: Partner) -> tuple[Initiator, ...]:
    """A draft is nobody else's business."""
    return (cast("TerminationDrafted", event).by,)


def _concerned(event: Event, _: Partnership, __: Partner) -> tuple[Initiator, ...]:
    return cast("BlockWaived", event).concerned


def _asked_back(event: Event, _: Partnership, __: Partner) -> tuple[Initiator, ...]:
    """Both, and the platform where it has to agree."""
    asked = "platform" in cast("ReactivationRequested", event).awaiting
    return ("partner", "customer", "platform") if asked else ("partner", "customer")


def _asked_to_answer(event: Event, _: Partnership, partner: Partner) -> tuple[Initiator, ...]:
    """Both, and the platform where it is its turn."""
    by = cast("ModificationProposed | ModificationCountered", event).by
    return ("partner", "customer", "platform") if decider(by, partner) == "platform" else ("partner", "customer")


def _of_activation(event: Event, _: Partnership, __: Partner) -> tuple[Initiator, ...]:
    """Where it failed nobody waits for it any more, so the platform hears of it now (R31)."""
    failed = cast("ActivationRecorded", event).outcome == "failed"
    return ("partner", "customer", "platform") if failed else ("partner", "customer")


def _activation(event: Event) -> TemplateName:
    return "activation_done" if cast("ActivationRecorded", event).outcome == "done" else "activation_failed"


def _draft(event: Event) -> TemplateName:
    stage = cast("TerminationDrafted | TerminationDraftChecked", event).draft_stage
    return "termination_blocked" if stage == "blocked" else "termination_warnings"


def _configured(event: Event) -> TemplateName | None:
    return None if cast("PermissionsConfigured", event).again else "permissions_configured"


def _exported(event: Event) -> TemplateName:
    return "data_exported" if cast("DataExportRecorded", event).outcome == "done" else "data_export_failed"


def _rechecked(event: Event) -> TemplateName | None:
    """Only where something else stands in the way than before."""
    return "termination_stalled" if cast("TerminationRechecked", event).changed else None


def _step(event: Event) -> TemplateName | None:
    """The platform has it tried again, or does without."""
    return "closing_step_failed" if cast("ClosingStepRecorded", event).outcome == "failed" else None


NOTICES: dict[type[Event], Notice] = {
    InvitationSent: Notice("invitation", _receiver),
    InvitationResent: Notice("invitation", _receiver),
    InvitationReminded: Notice("invitation_reminder", _reminded),
    InvitationDeclined: Notice("invitation_declined", _both),
    InvitationCancelled: Notice("invitation_cancelled", _both),
    InvitationExpired: Notice("invitation_expired", _both),
    PartnershipBound: Notice("partnership_bound", _both),
    ActivationRecorded: Notice(_activation, _of_activation),
    ActivationOverdue: Notice("activation_overdue", _platform),
    PartnershipSuspended: Notice("partnership_suspended", _both, besides=True),
    PartnershipResumed: Notice("partnership_resumed", _both),
    PartnershipAgreementUpdated: Notice("agreement_updated", _customer, besides=True),
    SwitchStarted: Notice("switch_started", _both),
    SwitchOverdue: Notice("switch_overdue", _platform),
    SwitchAborted: Notice("switch_aborted", _both),
    PermissionsConfigured: Notice(_configured, _both),
    BillingChosen: Notice("billing_chosen", _both),
    CustomerInfoUpdated: Notice("customer_info_updated", _both),
    ContactsAssigned: Notice("contacts_assigned", _both),
    ModificationProposed: Notice("modification_proposed", _asked_to_answer),
    ModificationCountered: Notice("modification_countered", _asked_to_answer),
    ModificationApplied: Notice("modification_applied", _both),
    ModificationDeclined: Notice("modification_declined", _both),
    ModificationLapsed: Notice("modification_lapsed", _both),
    TerminationDrafted: Notice(_draft, _drafter),
    TerminationDraftChecked: Notice(_draft, _drafter),
    TerminationConfirmed: Notice("termination_code_needed", _drafter),  # where none is, what follows is told instead
    VerificationCodeSent: Notice("verification_code", _drafter),
    VerificationCodeFailed: Notice("verification_code_failed", _drafter),
    TerminationDraftDiscarded: Notice("termination_draft_discarded", _drafter),
    TerminationSubmitted: Notice("termination_submitted", _both),
    TerminationDecisionRequested: Notice("termination_decision_requested", _decider),
    TerminationEscalated: Notice("termination_escalated", _everybody),
    TerminationApproved: Notice("termination_approved", _both),
    TerminationRejected: Notice("termination_rejected", _both, besides=True),
    TerminationWithdrawn: Notice("termination_withdrawn", _both, besides=True),
    TerminationStalled: Notice("termination_stalled", _both),
    TerminationRechecked: Notice(_rechecked, _both),
    BlockWaived: Notice("block_waived", _concerned),
    PartnershipTerminated: Notice("partnership_terminated", _both),
    ClosingStepRecorded: Notice(_step, _platform),
    ClosingStalled: Notice("closing_stalled", _platform),
    AnswerOverdue: Notice("answer_overdue", _platform),
    ClosingCompleted: Notice("closing_completed", _both),
    FinalBillRecorded: Notice("final_bill_recorded", _customer),
    FinalBillConfirmed: Notice("final_bill_confirmed", _both, besides=True),
    FinalBillWaived: Notice("final_bill_waived", _customer, besides=True),
    FinalBillDisputed: Notice("final_bill_disputed", _everybody),
    DisputeResolved: Notice("dispute_resolved", _both),
    RefundRequested: Notice("refund_requested", _customer, besides=True),
    DataExportRecorded: Notice(_exported, _customer),
    ReactivationRequested: Notice("reactivation_requested", _asked_back),
    ReactivationDeclined: Notice("reactivation_declined", _both),
    ReactivationLapsed: Notice("reactivation_lapsed", _both),
    PartnershipReactivated: Notice("partnership_reactivated", _both),
}


# --------------------------------------------------------------------------------------------------------- the telling


def notices(
    documents: Documents, events: tuple[Event, ...], message: CommandMessage, now: datetime
) -> tuple[NoticeSent, ...]:
    """What the parties are told of one decision. Each hears of its last event only: the one that matters now."""
    partner, partnership = documents.partner, documents.partnership
    if partner is None or partnership is None:
        return ()
    said: dict[str, tuple[Initiator, TemplateName, Event]] = {}
    for event in events:
        if (notice := NOTICES.get(type(event))) and (template := notice.name(event)):
            for party in notice.parties(event, partnership, partner):
                key = f"{message.id}:{party}:{template}" if notice.besides else f"{message.id}:{party}"
                if notice.besides and key in said:  # of two sides' requests that of each one
                    key = f"{key}:{event.__dict__.get('by')}"
                said[key] = (party, template, event)
    return tuple(
        _notice(partner, partnership, documents.customer, party, template, event, notice_id, now)
        for notice_id, (party, template, event) in said.items()
    )


def _notice(
    partner: Partner,
    partnership: Partnership,
    customer: Customer | None,
    party: Initiator,
    template: TemplateName,
    event: Event,
    notice_id: str,
    now: datetime,
) -> NoticeSent:
    params = _params(partnership, customer, template, event, now)
    if template == "switch_aborted" and party == "partner":
        params["items"] = ""  # what the customer has to clear with its other partner is not this one's business
    if party == "partner":
        return to_partner(partner, partnership, template, params, notice_id, CHANNEL)
    if party == "platform":
        return to_platform(partner, partnership, template, params, notice_id)
    channel = channel_of(partnership, customer, template)
    return to_customer(partner, partnership, customer, template, params, notice_id, channel)


def _params(
    partnership: Partnership, customer: Customer | None, template: TemplateName, event: Event, now: datetime
) -> dict[str, str]:
    """From the event, its private part, the rules that the draft goes by, and what else is known, in this order."""
    names = GIVEN[template]
    if not names:
        return {}
    fields = event.__dict__
    private, draft = fields.get("private"), partnership.drafts.get(fields.get("by", ""))
    given = {**(draft.rules.__dict__ if draft else {}), **(private.__dict__ if private else {}), **fields}
    if not given.keys() >= names:
        given = {**_known(partnership, customer, now), **given}
    return {name: _text(given.get(name)) for name in names}


GIVEN = {
    template: dict.fromkeys(name for name in names if name != "token").keys() for template, names in TEMPLATES.items()
}
"""What each template is given, but for the token, which is put in when it goes out."""


def _known(partnership: Partnership, customer: Customer | None, now: datetime) -> dict[str, Any]:
    """What a text may need that its event does not say."""
    state, bill = partnership.state, partnership.bill
    known: dict[str, Any] = {"amount": bill.amount, "currency": bill.currency} if bill else {}
    if isinstance(state, Invited):
        known["expires_at"] = state.expires_at
    if isinstance(state, Ending):
        case = state.case
        known |= {**case.rules.__dict__, **case.details.__dict__}
        known |= {"by": case.by, "category": case.category, "ends_at": case.ends_at}
    cycle = customer.cycle_at(now) if customer else None
    return known | {"cycle_starts_at": cycle.starts_at, "cycle_ends_at": cycle.ends_at} if cycle else known


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return to_milliseconds(value)
    if isinstance(value, bool):
        return str(value).lower()
    return ", ".join(value) if isinstance(value, tuple) else str(value)

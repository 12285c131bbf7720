"""What the events of a partnership's end, and of the time after it, make of it."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from contracts.details import Contacts
from contracts.events.billing import (
    BillingSwitched,
    DisputeResolved,
    FinalBillConfirmed,
    FinalBillDisputed,
    FinalBillRecorded,
    FinalBillRequested,
    RefundRequested,
)
from contracts.events.checking import TerminationChecked
from contracts.events.closing import (
    ClosingCompleted,
    ClosingStalled,
    ClosingStepRecorded,
    DataExportRecorded,
    DataExportRequested,
    DataRestoreRequested,
    DataRetentionStarted,
    LegalHoldPlaced,
    LegalHoldReleased,
    PartnershipReactivated,
    PersonalDataPurged,
    ReactivationAgreed,
    ReactivationDeclined,
    ReactivationLapsed,
    ReactivationRequested,
)
from contracts.events.invitation import OfferDetails
from contracts.events.partnership import Why
from contracts.events.termination import (
    AgreementExpired,
    BlockWaived,
    PartnershipTerminated,
    Plans,
    TerminationApproved,
    TerminationConfirmed,
    TerminationDecisionRequested,
    TerminationDetails,
    TerminationDraftChecked,
    TerminationDraftDiscarded,
    TerminationDrafted,
    TerminationEscalated,
    TerminationRechecked,
    TerminationRejected,
    TerminationStalled,
    TerminationSubmitted,
    TerminationWithdrawn,
    VerificationCodeAccepted,
    VerificationCodeFailed,
    VerificationCodeSent,
)
from contracts.message import Event
from contracts.steps import StepName, StepState
from contracts.terms import Side
from handlers.documents import DataExport, FinalBill, Partnership
from handlers.folds_of_bond import living
from handlers.folds_of_offer import Fields, no_change, state_of
from handlers.states import (
    Active,
    Code,
    Draft,
    Ending,
    InNotice,
    PendingDecision,
    Purged,
    Reactivation,
    Stalled,
    Terminated,
    TerminationCase,
)

# ------------------------------------------------------------------------------------------------------------ the draft


def _drafted(partnership: Partnership, event: TerminationDrafted, _: datetime) -> Fields:
    draft = Draft(
        stage=event.draft_stage,
        category=event.category,
        details=event.private or TerminationDetails(),
        items=event.items,
        end_at=event.end_at,
        lapses_at=event.lapses_at,
        rules=event.rules,
        assisted=event.route != "self_service",
    )
    return {"drafts": partnership.drafts | {event.by: draft}}


def _draft(partnership: Partnership, side: Side, **changes: Any) -> Fields:
    return {"drafts": partnership.drafts | {side: partnership.drafts[side].but(**changes)}}


def _without(partnership: Partnership, side: Side) -> dict[Side, Draft]:
    return {of: draft for of, draft in partnership.drafts.items() if of != side}


def _draft_checked(partnership: Partnership, event: TerminationDraftChecked, _: datetime) -> Fields:
    added = {name: value for name, value in (event.private or Plans()).__dict__.items() if value}
    details = partnership.drafts[event.by].details.but(**added)
    return _draft(partnership, event.by, stage=event.draft_stage, items=event.items, details=details)


def _confirmed(partnership: Partnership, event: TerminationConfirmed, _: datetime) -> Fields:
    return _draft(
        partnership,
        event.by,
        stage=event.draft_stage,
        checklist=event.checklist,
        billing_mode=event.billing_mode,
    )


def _code_sent(partnership: Partnership, event: VerificationCodeSent, _: datetime) -> Fields:
    draft = partnership.drafts[event.by]
    code = Code(number=event.number, expires_at=event.expires_at)
    return _draft(partnership, event.by, codes=draft.codes + 1, code=code) | {"codes": event.number}


def _code_failed(partnership: Partnership, event: VerificationCodeFailed, _: datetime) -> Fields:
    code = partnership.drafts[event.by].code
    if code is None:
        return {}
    attempts = 0 if event.locked_until else code.attempts + 1
    return _draft(partnership, event.by, code=code.but(attempts=attempts, locked_until=event.locked_until))


def _discarded(partnership: Partnership, event: TerminationDraftDiscarded, _: datetime) -> Fields:
    return {"drafts": _without(partnership, event.by)}


# ------------------------------------------------------------------------------------------------------------- the case


def _submitted(partnership: Partnership, event: TerminationSubmitted, at: datetime) -> Fields:
    draft = partnership.drafts[event.by]
    case = TerminationCase(
        by=event.by,
        category=event.category,
        submitted_at=at,
        counted=event.counted,
        ends_at=event.ends_at,
        billing_mode=event.billing_mode,
        details=draft.details,
        rules=draft.rules,
    )
    state = PendingDecision(case=case, decide_by=event.decide_by, before=living(partnership.state))
    return {"state": state, "drafts": _without(partnership, event.by)}


def _escalated(partnership: Partnership, _: TerminationEscalated, __: datetime) -> Fields:
    return {"state": state_of(partnership, PendingDecision, Stalled).but(escalated=True)}


def _approved(partnership: Partnership, event: TerminationApproved, _: datetime) -> Fields:
    """The end is certain: no draft is needed any longer."""
    state = state_of(partnership, PendingDecision)
    case = state.case.but(billing_mode=event.billing_mode)
    return {"state": InNotice(case=case, before=state.before), "drafts": {}}


def _back(partnership: Partnership, _: TerminationRejected | TerminationWithdrawn, __: datetime) -> Fields:
    return {"state": living(partnership.state), "waived": ()}


def _stalled(partnership: Partnership, event: TerminationStalled, at: datetime) -> Fields:
    """By an agreement that is over there may be a case that nobody had asked for."""
    state = partnership.state
    if isinstance(state, Ending):
        case = state.case.but(by=event.by, category=event.category, ends_at=at, rules=event.rules)
    else:
        case = TerminationCase(
            by=event.by,
            category=event.category,
            submitted_at=at,
            counted=False,
            ends_at=at,
            details=TerminationDetails(),
            rules=event.rules,
        )
    stalled = Stalled(
        case=case,
        before=living(state),
        items=event.items,
        recheck_at=event.recheck_at,
        escalate_at=event.escalate_at,
    )
    return {"state": stalled, "drafts": {}}


def _rechecked(partnership: Partnership, event: TerminationRechecked, _: datetime) -> Fields:
    return {"state": state_of(partnership, Stalled).but(items=event.items, recheck_at=event.recheck_at)}


def _agreement_expired(_: Partnership, __: AgreementExpired, ___: datetime) -> Fields:
    return {"agreement_ends_at": None}


def _waived(partnership: Partnership, event: BlockWaived, _: datetime) -> Fields:
    return {"waived": (*partnership.waived, event.item)}


def _terminated(partnership: Partnership, event: PartnershipTerminated, at: datetime) -> Fields:
    steps: dict[StepName, StepState] = dict.fromkeys(event.steps, "requested")
    state = Terminated(
        by=event.by,
        category=event.category,
        reason=(event.private or Why()).reason,
        billing_mode=event.billing_mode,
        bound_at=living(partnership.state).bound_at,
        ended_at=at,
        rules=event.rules,
        steps=steps,
        complete_by=event.complete_by,
        retained_until=event.retained_until,
    )
    hidden = (*partnership.hidden_by, *(side for side in event.hidden_from if side not in partnership.hidden_by))
    return {
        "state": state,
        "hidden_by": hidden,
        "drafts": {},
        "waived": (),
        "modification": None,
        "agreement_ends_at": None,
    }


# -------------------------------------------------------------------------------------------------------------- closing


def _step(partnership: Partnership, event: ClosingStepRecorded, _: datetime) -> Fields:
    outcome: StepState = "requested" if event.outcome == "retry" else event.outcome
    if event.step == "restore":
        return {"restore": outcome}
    return _step_is(partnership, event.step, outcome)


def _step_is(partnership: Partnership, step: StepName, outcome: StepState) -> Fields:
    """After a reactivation there are no steps any longer."""
    state = partnership.state
    if not isinstance(state, Terminated) or step not in state.steps:
        return {}
    return {"state": state.but(steps=state.steps | {step: outcome})}


def _closing_stalled(partnership: Partnership, _: ClosingStalled, __: datetime) -> Fields:
    return {"state": state_of(partnership, Terminated).but(complete_by=None)}


def _closed(partnership: Partnership, _: ClosingCompleted, __: datetime) -> Fields:
    return {"state": state_of(partnership, Terminated).but(stage="done", complete_by=None)}


def _bill_requested(partnership: Partnership, _: FinalBillRequested, __: datetime) -> Fields:
    rules = state_of(partnership, Terminated).rules
    return {"bill": FinalBill(confirmation_days=rules.bill_confirmation_days)}


def _bill(partnership: Partnership, **changes: Any) -> FinalBill:
    return (partnership.bill or FinalBill(confirmation_days=0)).but(**changes)


def _bill_recorded(partnership: Partnership, event: FinalBillRecorded, _: datetime) -> Fields:
    bill = _bill(
        partnership,
        state="recorded",
        amount=event.amount,
        currency=event.currency,
        period=event.period,
        confirm_by=event.confirm_by,
    )
    return {"bill": bill}


def _bill_confirmed(partnership: Partnership, _: FinalBillConfirmed, __: datetime) -> Fields:
    return {"bill": _bill(partnership, state="confirmed")} | _step_is(partnership, "final_bill", "done")


def _bill_disputed(partnership: Partnership, _: FinalBillDisputed, __: datetime) -> Fields:
    return {"bill": _bill(partnership, state="disputed")}


def _dispute_resolved(partnership: Partnership, event: DisputeResolved, _: datetime) -> Fields:
    return {"bill": _bill(partnership, state="recorded", amount=event.amount, confirm_by=event.confirm_by)}


def _export_requested(_: Partnership, event: DataExportRequested, __: datetime) -> Fields:
    return {"export": DataExport(number=event.number, what=event.what)}


def _export_recorded(partnership: Partnership, event: DataExportRecorded, _: datetime) -> Fields:
    return {"export": partnership.export and partnership.export.but(state=event.outcome)}


def _held(_: Partnership, event: LegalHoldPlaced | LegalHoldReleased, __: datetime) -> Fields:
    return {"legal_hold": isinstance(event, LegalHoldPlaced)}


# --------------------------------------------------------------------------------------------------------- reactivation


def _asked_back(partnership: Partnership, event: ReactivationRequested, _: datetime) -> Fields:
    reactivation = Reactivation(
        by=event.by, awaiting=event.awaiting, answer_by=event.answer_by, fee_reference=event.fee_reference
    )
    return {"state": state_of(partnership, Terminated).but(reactivation=reactivation)}


def _agreed(partnership: Partnership, event: ReactivationAgreed, _: datetime) -> Fields:
    state = state_of(partnership, Terminated)
    return {"state": state.but(reactivation=state.reactivation and state.reactivation.but(awaiting=event.awaiting))}


def _not_back(partnership: Partnership, _: ReactivationDeclined | ReactivationLapsed, __: datetime) -> Fields:
    return {"state": state_of(partnership, Terminated).but(reactivation=None)}


def _reactivated(_: Partnership, event: PartnershipReactivated, at: datetime) -> Fields:
    return {
        "state": Active(bound_at=at, activation_due_at=event.activation_due_at),
        "agreement_ends_at": event.agreement_ends_at,
        "hidden_by": (),
    }


def _restoring(_: Partnership, __: DataRestoreRequested, ___: datetime) -> Fields:
    return {"restore": "requested"}


def _purged(_: Partnership, __: PersonalDataPurged, at: datetime) -> Fields:
    """The tombstone: ids, what it was about, and nothing that anybody wrote."""
    return {
        "state": Purged(purged_at=at),
        "offer": OfferDetails(),
        "contacts": Contacts(),
        "business": (),
        "permissions": (),
        "open_keys": (),
        "modification": None,
        "bill": None,
        "export": None,
        "notices": (),
        "linked": False,
    }


FOLDS_OF_END: dict[type[Event], Callable[[Partnership, Any, datetime], Fields]] = {
    TerminationChecked: no_change,
    TerminationDrafted: _drafted,
    TerminationDraftChecked: _draft_checked,
    TerminationConfirmed: _confirmed,
    VerificationCodeSent: _code_sent,
    VerificationCodeFailed: _code_failed,
    VerificationCodeAccepted: no_change,
    TerminationDraftDiscarded: _discarded,
    TerminationSubmitted: _submitted,
    TerminationDecisionRequested: no_change,
    TerminationEscalated: _escalated,
    TerminationApproved: _approved,
    TerminationRejected: _back,
    TerminationWithdrawn: _back,
    TerminationStalled: _stalled,
    TerminationRechecked: _rechecked,
    AgreementExpired: _agreement_expired,
    BlockWaived: _waived,
    PartnershipTerminated: _terminated,
    BillingSwitched: no_change,
    DataRetentionStarted: no_change,
    FinalBillRequested: _bill_requested,
    FinalBillRecorded: _bill_recorded,
    FinalBillConfirmed: _bill_confirmed,
    FinalBillDisputed: _bill_disputed,
    DisputeResolved: _dispute_resolved,
    RefundRequested: no_change,
    ClosingStepRecorded: _step,
    ClosingStalled: _closing_stalled,
    ClosingCompleted: _closed,
    DataExportRequested: _export_requested,
    DataExportRecorded: _export_recorded,
    LegalHoldPlaced: _held,
    LegalHoldReleased: _held,
    ReactivationRequested: _asked_back,
    ReactivationAgreed: _agreed,
    ReactivationDeclined: _not_back,
    ReactivationLapsed: _not_back,
    PartnershipReactivated: _reactivated,
    DataRestoreRequested: _restoring,
    PersonalDataPurged: _purged,
}

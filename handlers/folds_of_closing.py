"""What the events after a partnership's end make of it: closing, bill, data, reactivation, purge."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from contracts.details import Contacts
from contracts.events.billing import (
    BillingSwitched,
    DisputeResolved,
    FinalBillConfirmed,
    FinalBillDisputed,
    FinalBillRecorded,
    FinalBillRequested,
    FinalBillWaived,
    RefundRequested,
)
from contracts.events.closing import (
    AnswerOverdue,
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
from contracts.message import Event
from contracts.steps import AskedOf, StepName, StepState
from handlers.documents import DataExport, FinalBill, Partnership
from handlers.folds_of_offer import Fields, no_change, state_of
from handlers.states import (
    Active,
    Purged,
    Reactivation,
    Terminated,
)


def _step(partnership: Partnership, event: ClosingStepRecorded, at: datetime) -> Fields:
    outcome: StepState = "requested" if event.outcome == "retry" else event.outcome
    if event.step == "restore":
        return {"restore": outcome, "answers_due": _with(partnership, "restore", event.answer_by)}
    again = at if event.outcome == "retry" else None
    changes = _step_is(partnership, event.step, outcome, again)
    if event.step == "final_bill":
        bill = _bill(partnership, failed=outcome == "failed")
        changes |= {"bill": bill, "answers_due": _with(partnership, "final_bill", event.answer_by)}
    return changes


def _without(partnership: Partnership, *what: AskedOf) -> dict[AskedOf, datetime]:
    """What is left to be answered."""
    return {name: due_at for name, due_at in partnership.answers_due.items() if name not in what}


def _with(partnership: Partnership, what: AskedOf, answer_by: datetime | None) -> dict[AskedOf, datetime]:
    return _without(partnership, what) | ({what: answer_by} if answer_by else {})


def _overdue(partnership: Partnership, event: AnswerOverdue, _: datetime) -> Fields:
    return {"answers_due": _without(partnership, *event.what)}


def _step_is(partnership: Partnership, step: StepName, outcome: StepState, again: datetime | None = None) -> Fields:
    """After a reactivation there are no steps any longer. What is tried again has time again."""
    state = partnership.state
    if not isinstance(state, Terminated) or step not in state.steps:
        return {}
    state = state.but(steps=state.steps | {step: outcome})
    if again is not None and state.complete_by is None:
        state = state.but(complete_by=again + timedelta(days=state.rules.completion_days))
    return {"state": state}


def _closing_stalled(partnership: Partnership, _: ClosingStalled, __: datetime) -> Fields:
    return {"state": state_of(partnership, Terminated).but(complete_by=None)}


def _closed(partnership: Partnership, _: ClosingCompleted, __: datetime) -> Fields:
    return {"state": state_of(partnership, Terminated).but(stage="done", complete_by=None)}


def _bill_requested(partnership: Partnership, event: FinalBillRequested, _: datetime) -> Fields:
    """It takes in the former one, where that is open and did not block (R39, R40, C1, C3, or what was waived)."""
    rules = state_of(partnership, Terminated).rules
    return {"bill": FinalBill(confirmation_days=rules.bill_confirmation_days, number=event.number)}


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
        failed=False,
    )
    return {"bill": bill, "answers_due": _without(partnership, "final_bill")}


def _bill_waived(partnership: Partnership, _: FinalBillWaived, __: datetime) -> Fields:
    return {"bill": _bill(partnership, state="waived"), "answers_due": _without(partnership, "final_bill")}


def _bill_confirmed(partnership: Partnership, _: FinalBillConfirmed, __: datetime) -> Fields:
    return {"bill": _bill(partnership, state="confirmed")} | _step_is(partnership, "final_bill", "done")


def _bill_disputed(partnership: Partnership, _: FinalBillDisputed, __: datetime) -> Fields:
    return {"bill": _bill(partnership, state="disputed")}


def _dispute_resolved(partnership: Partnership, event: DisputeResolved, _: datetime) -> Fields:
    changes = {"amount": event.amount, "confirm_by": event.confirm_by, "resolved": True}
    return {"bill": _bill(partnership, state="recorded", **changes)}


def _export_requested(partnership: Partnership, event: DataExportRequested, _: datetime) -> Fields:
    due = _with(partnership, "export", event.answer_by)
    return {"export": DataExport(number=event.number, what=event.what), "answers_due": due}


def _export_recorded(partnership: Partnership, event: DataExportRecorded, _: datetime) -> Fields:
    export = partnership.export and partnership.export.but(state=event.outcome)
    return {"export": export, "answers_due": _without(partnership, "export")}


def _held(_: Partnership, event: LegalHoldPlaced | LegalHoldReleased, __: datetime) -> Fields:
    return {"legal_hold": isinstance(event, LegalHoldPlaced)}


# --------------------------------------------------------------------------------------------------------- reactivation


def _asked_back(partnership: Partnership, event: ReactivationRequested, at: datetime) -> Fields:
    reactivation = Reactivation(
        by=event.by,
        awaiting=event.awaiting,
        answer_by=event.answer_by,
        fee_reference=event.fee_reference,
        asked_at=at,
        consent_version=event.consent_version,
    )
    return {"state": state_of(partnership, Terminated).but(reactivation=reactivation)}


def _agreed(partnership: Partnership, event: ReactivationAgreed, _: datetime) -> Fields:
    state = state_of(partnership, Terminated)
    return {"state": state.but(reactivation=state.reactivation and state.reactivation.but(awaiting=event.awaiting))}


def _not_back(partnership: Partnership, _: ReactivationDeclined | ReactivationLapsed, __: datetime) -> Fields:
    return {"state": state_of(partnership, Terminated).but(reactivation=None)}


def _reactivated(partnership: Partnership, event: PartnershipReactivated, at: datetime) -> Fields:
    return {
        "answers_due": _with(partnership, "final_bill", event.bill_by),
        "state": Active(bound_at=at, activation_due_at=event.activation_due_at),
        "agreement_ends_at": event.agreement_ends_at,
        "hidden_by": (),
    }


def _restoring(partnership: Partnership, event: DataRestoreRequested, _: datetime) -> Fields:
    return {"restore": "requested", "answers_due": _with(partnership, "restore", event.answer_by)}


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
        "restore": None,
        "export": None,
        "answers_due": {},
        "notices": (),
        "misses": {},
        "linked": False,
    }


FOLDS_OF_CLOSING: dict[type[Event], Callable[[Partnership, Any, datetime], Fields]] = {
    BillingSwitched: no_change,
    DataRetentionStarted: no_change,
    FinalBillRequested: _bill_requested,
    FinalBillRecorded: _bill_recorded,
    FinalBillConfirmed: _bill_confirmed,
    FinalBillWaived: _bill_waived,
    FinalBillDisputed: _bill_disputed,
    DisputeResolved: _dispute_resolved,
    RefundRequested: no_change,
    ClosingStepRecorded: _step,
    ClosingStalled: _closing_stalled,
    ClosingCompleted: _closed,
    DataExportRequested: _export_requested,
    DataExportRecorded: _export_recorded,
    AnswerOverdue: _overdue,
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

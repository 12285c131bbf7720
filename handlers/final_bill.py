"""The final bill (R101 to R105): recorded, checked, confirmed or disputed. It outlives a reactivation."""

from typing import TypedDict

from contracts.commands.closing import ConfirmFinalBill, DisputeFinalBill, RecordFinalBill, ResolveDispute
from contracts.events.billing import (
    DisputeResolved,
    FinalBillConfirmed,
    FinalBillDisputed,
    FinalBillRecorded,
    RefundRequested,
)
from contracts.events.partnership import Why
from contracts.message import Event
from contracts.rejections import RejectionCode
from handlers.closing import completed
from handlers.decision import Accepted, Decision, Rejected
from handlers.documents import FinalBill
from handlers.guards import in_days, no_reason, not_allowed
from handlers.scene import Scene


class BillIds(TypedDict):
    """What every event of billing names."""

    partner_id: str
    customer_id: str


def _ids(scene: Scene) -> BillIds:
    return {"partner_id": scene.partner.id, "customer_id": scene.partnership.customer_id or ""}


def record_bill(scene: Scene, command: RecordFinalBill) -> Decision:
    """R103: once it was asked for. Until the customer has answered, billing may correct it."""
    bill = scene.partnership.bill
    if bill is None:
        return not_allowed(scene.partnership)
    if refusal := _settled(bill):
        return refusal
    if command.number is not None and command.number != bill.number:
        return Rejected(RejectionCode.VERSION_CONFLICT, {"number": bill.number})
    if bill.resolved:  # the amount is what support has found
        return Rejected(RejectionCode.NOT_ALLOWED_IN_STATUS, {"bill": "resolved"})
    recorded = FinalBillRecorded(
        **_ids(scene),
        amount=command.amount,
        currency=command.currency,
        period=command.period,
        confirm_by=in_days(scene.now, bill.confirmation_days),
    )
    return Accepted((recorded,))


def confirm_bill(scene: Scene, command: ConfirmFinalBill) -> Decision:
    """R104."""
    bill = _to_be_checked(scene)
    if isinstance(bill, Rejected):
        return bill
    if command.amount not in (None, bill.amount) or command.currency not in (None, bill.currency):
        return Rejected(RejectionCode.VERSION_CONFLICT, {"amount": bill.amount, "currency": bill.currency})
    return Accepted(confirmed(scene, bill, automatic=False))


def confirmed(scene: Scene, bill: FinalBill, *, automatic: bool) -> tuple[Event, ...]:
    """R102, R104: by the customer or by time; what it has to its credit is paid out."""
    confirmation = FinalBillConfirmed(**_ids(scene), automatic=automatic)
    refund: tuple[Event, ...] = ()
    if bill.amount < 0:
        refund = (
            RefundRequested(**_ids(scene), amount=-bill.amount, currency=bill.currency, reference=scene.message.id),
        )
    return (confirmation, *refund, *completed(scene, "final_bill"))


def dispute_bill(scene: Scene, command: DisputeFinalBill) -> Decision:
    """R105: the customer doubts it, so time no longer confirms it."""
    bill = _to_be_checked(scene)
    if isinstance(bill, Rejected):
        return bill
    if refusal := no_reason(command.reason):
        return refusal
    return Accepted((FinalBillDisputed(**_ids(scene), private=Why(reason=command.reason or "")),))


def resolve_dispute(scene: Scene, command: ResolveDispute) -> Decision:
    """R105: it stands or has another amount, and is the customer's to confirm again."""
    bill = scene.partnership.bill
    if bill is None:
        return not_allowed(scene.partnership)
    if bill.state != "disputed":
        return Rejected(RejectionCode.NO_OPEN_REQUEST, {"bill": bill.state})
    if refusal := no_reason(command.reason):
        return refusal
    resolved = DisputeResolved(
        **_ids(scene),
        amount=bill.amount if command.amount is None else command.amount,
        currency=bill.currency,
        confirm_by=in_days(scene.now, bill.confirmation_days),
        private=Why(reason=command.reason or ""),
    )
    return Accepted((resolved,))


def _to_be_checked(scene: Scene) -> FinalBill | Rejected:
    bill = scene.partnership.bill
    if bill is None:
        return not_allowed(scene.partnership)
    if bill.state == "requested":
        return Rejected(RejectionCode.BILL_NOT_ISSUED, {"bill": bill.state})
    return _settled(bill) or bill


def _settled(bill: FinalBill) -> Rejected | None:
    if bill.state == "confirmed":
        return Rejected(RejectionCode.BILL_ALREADY_CONFIRMED, {"amount": bill.amount, "currency": bill.currency})
    if bill.state == "disputed":
        return Rejected(RejectionCode.DISPUTE_OPEN, {"bill": bill.state})
    if bill.state == "waived":
        return Rejected(RejectionCode.NOT_ALLOWED_IN_STATUS, {"bill": bill.state})
    return None

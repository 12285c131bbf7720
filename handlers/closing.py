"""The closing of a partnership that has ended: what other systems do, and until when (R55 to R58, R88)."""

from datetime import datetime

from contracts.commands.closing import RecordClosingStep
from contracts.events.billing import FinalBillWaived
from contracts.events.closing import ClosingCompleted, ClosingStepRecorded
from contracts.events.partnership import Why
from contracts.message import Event, Party
from contracts.rejections import RejectionCode
from contracts.steps import StepName, StepState
from handlers.deadlines import is_disputed
from handlers.decision import Accepted, Decision, Rejected
from handlers.documents import Partnership
from handlers.guards import in_days, no_reason, not_allowed
from handlers.scene import Scene
from handlers.states import Terminated

FROM: dict[str, tuple[StepState, ...]] = {
    "done": ("requested", "failed"),
    "failed": ("requested",),
    "retry": ("failed",),
    "waived": ("requested", "failed"),
}
"""What a step must be for this to be said of it."""


def record_step(scene: Scene, command: RecordClosingStep) -> Decision:
    """R55, R88: the system that does it says how it went; the platform has it tried again, or does without."""
    outcome = command.outcome
    who = Party.SYSTEM if outcome in ("done", "failed") else Party.PLATFORM
    if command.actor.kind is not who:
        return Rejected(RejectionCode.NOT_AUTHORIZED, {"parties": [who.value]})
    if (known := _state_of(scene.partnership, command.step)) not in FROM[outcome]:
        refused = not_allowed(scene.partnership) if known is None else None
        return refused or Rejected(RejectionCode.NOT_ALLOWED_IN_STATUS, {"step": command.step, "is": known})
    if refusal := _not_yet(scene, command):
        return refusal
    recorded = ClosingStepRecorded(
        **scene.standing,
        step=command.step,
        outcome=outcome,
        answer_by=_answer_by(scene, command),
        private=Why(reason=command.reason or ""),
    )
    waived = _bill_waived(scene.partnership) if (command.step, outcome) == ("final_bill", "waived") else ()
    return Accepted((recorded, *waived, *(completed(scene, command.step) if outcome in ("done", "waived") else ())))


def _answer_by(scene: Scene, command: RecordClosingStep) -> datetime | None:
    """The steps of an end have its `complete_by`."""
    if command.outcome != "retry" or isinstance(scene.partnership.state, Terminated):
        return None
    return in_days(scene.now, scene.policy.completion_days)


def _bill_waived(partnership: Partnership) -> tuple[Event, ...]:
    bill = partnership.bill
    if bill is None:
        return ()
    waived = FinalBillWaived(
        partner_id=partnership.partner_id,
        customer_id=partnership.customer_id or "",
        amount=bill.amount,
        currency=bill.currency,
    )
    return (waived,)


def _state_of(partnership: Partnership, step: StepName) -> StepState | None:
    """None where nobody has asked for the step."""
    state, bill = partnership.state, partnership.bill
    if step == "restore":
        return partnership.restore
    if step == "final_bill" and bill is not None and bill.open_state is not None:  # it outlives a reactivation
        return "failed" if bill.failed else "requested"
    return state.steps.get(step) if isinstance(state, Terminated) else None


def _not_yet(scene: Scene, command: RecordClosingStep) -> Rejected | None:  # noqa: PLR0911 - a line for each case
    """Under a legal hold nothing is destroyed; the bill is done when it is confirmed, and not waived in a dispute."""
    match command.step, command.outcome:
        case "data", "done" if scene.partnership.legal_hold:
            return Rejected(RejectionCode.LEGAL_HOLD, {"step": command.step})
        case "final_bill", "done":
            return Rejected(RejectionCode.NOT_AUTHORIZED, {"use": "RecordFinalBill"})
        case "final_bill", "failed" if (bill := scene.partnership.bill) and bill.state in ("recorded", "disputed"):
            return Rejected(RejectionCode.NOT_ALLOWED_IN_STATUS, {"step": command.step, "bill": bill.state})
        case "final_bill", "waived" if is_disputed(scene.partnership.bill):
            return Rejected(RejectionCode.DISPUTE_OPEN, {"step": command.step})
        case "final_bill", "waived" if (bill := scene.partnership.bill) is not None and bill.amount < 0:
            # What is the customer's cannot be done without (R102).
            return Rejected(RejectionCode.NOT_ALLOWED_IN_STATUS, {"amount": bill.amount, "currency": bill.currency})
        case _, "waived":
            return no_reason(command.reason)
        case _:
            return None


def completed(scene: Scene, step: StepName) -> tuple[Event, ...]:
    """Whether this was the last step."""
    state = scene.partnership.state
    if not isinstance(state, Terminated) or state.stage == "done" or set(state.open_steps) - {step}:
        return ()
    return (ClosingCompleted(**scene.ids),)

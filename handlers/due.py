"""What comes of each deadline. One that no longer stands in the table of handlers/deadlines.py changes nothing."""

from collections.abc import Callable
from datetime import timedelta

from contracts.commands.internal import DeadlineReached
from contracts.deadlines import DeadlineKind
from contracts.events.binding import ActivationOverdue, SwitchOverdue
from contracts.events.closing import AnswerOverdue, ClosingStalled, ReactivationLapsed
from contracts.events.invitation import InvitationExpired, InvitationReminded
from contracts.events.termination import TerminationDraftDiscarded, TerminationEscalated
from contracts.events.upkeep import ModificationLapsed
from contracts.terms import Side
from handlers.consent import not_decided
from handlers.deadlines import deadlines
from handlers.decision import Accepted, Decision
from handlers.ending import agreement_ended, end_or_stall, recheck_now
from handlers.final_bill import confirmed
from handlers.guards import partner_may_bind
from handlers.invitation import place_given_back
from handlers.keeping import purged
from handlers.scene import Scene
from handlers.states import InNotice, Invited, PendingDecision, Stalled, Switching, Terminated

NOTHING = Accepted()


def reach(scene: Scene, command: DeadlineReached) -> Decision:
    """P5: never early, and once in effect."""
    stands = any((kind, due_at) == (command.kind, command.due_at) for kind, due_at, _ in deadlines(scene.partnership))
    return DUE[command.kind](scene) if stands and scene.now >= command.due_at else NOTHING


def _reminder(scene: Scene) -> Decision:
    state = scene.partnership.state
    if not isinstance(state, Invited):
        return NOTHING
    expires_at = state.expires_at
    if scene.now >= expires_at:  # so late that there is nothing left to be reminded of
        return _expiry(scene)
    # After a downtime several may be due: one is enough.
    number = sum(expires_at - timedelta(days=days) <= scene.now for days in state.rules.reminder_days)
    refused = partner_may_bind(scene.partner, scene.now) is not None
    reminded = InvitationReminded(
        **scene.ids, stage=state.stage, number=number, expires_at=expires_at, told=not refused
    )
    return Accepted((reminded,))


def _expiry(scene: Scene) -> Decision:
    state = scene.partnership.state
    if not isinstance(state, Invited):
        return NOTHING
    return Accepted((InvitationExpired(**scene.ids, cause="time"), *place_given_back(scene, state)))


def _activation(scene: Scene) -> Decision:
    """R31."""
    return Accepted((ActivationOverdue(**scene.standing),))


def _switch(scene: Scene) -> Decision:
    state = scene.partnership.state
    if not isinstance(state, Switching):
        return NOTHING
    return Accepted((SwitchOverdue(**scene.ids, switch_id=state.switch_id),))


def _modification(scene: Scene) -> Decision:
    modification = scene.partnership.modification
    return Accepted((ModificationLapsed(**scene.standing, id=modification.id),)) if modification else NOTHING


def _draft_of(side: Side) -> Callable[[Scene], Decision]:
    def lapse(scene: Scene) -> Decision:
        return Accepted((TerminationDraftDiscarded(**scene.standing, by=side, cause="lapsed"),))

    return lapse


def _decision(scene: Scene) -> Decision:
    """R80, C10."""
    state = scene.partnership.state
    return not_decided(scene, state) if isinstance(state, PendingDecision) else NOTHING


def _notice_end(scene: Scene) -> Decision:
    """R45, R48."""
    state, customer = scene.partnership.state, scene.customer
    if not isinstance(state, InNotice) or customer is None:
        return NOTHING
    return Accepted(end_or_stall(scene, customer, state.case))


def _stalled(scene: Scene) -> Decision:
    if not isinstance(scene.partnership.state, Stalled):
        return NOTHING
    return Accepted((TerminationEscalated(**scene.ids, stage="stalled", cause="stalled_too_long"),))


def _closing(scene: Scene) -> Decision:
    """R88."""
    state = scene.partnership.state
    if not isinstance(state, Terminated):
        return NOTHING
    return Accepted((ClosingStalled(**scene.ids, steps=state.open_steps),))


def _answer(scene: Scene) -> Decision:
    """R88, R97, R99, R103: nobody waits for another system without somebody knowing."""
    late = tuple(what for what, due_at in scene.partnership.answers_due.items() if due_at <= scene.now)
    return Accepted((AnswerOverdue(**scene.standing, what=late),))


def _bill(scene: Scene) -> Decision:
    """R104."""
    bill = scene.partnership.bill
    return Accepted(confirmed(scene, bill, automatic=True)) if bill else NOTHING


def _reactivation(scene: Scene) -> Decision:
    """R106."""
    state = scene.partnership.state
    if not isinstance(state, Terminated):
        return NOTHING
    asked = state.reactivation
    lapsed = ReactivationLapsed(**scene.ids, stage=state.stage, fee_reference=asked.fee_reference if asked else None)
    return Accepted((lapsed,))


DUE: dict[DeadlineKind, Callable[[Scene], Decision]] = {
    "invitation_reminder": _reminder,
    "invitation_expiry": _expiry,
    "offer_purge": purged,
    "activation": _activation,
    "switch": _switch,
    "modification_answer": _modification,
    "partner_draft": _draft_of("partner"),
    "customer_draft": _draft_of("customer"),
    "decision": _decision,
    "notice_end": _notice_end,
    "recheck": recheck_now,
    "stalled_too_long": _stalled,
    "agreement_end": agreement_ended,
    "closing": _closing,
    "answer": _answer,
    "bill_confirmation": _bill,
    "reactivation_answer": _reactivation,
    "retention_end": purged,
}

"""What either side wants to be otherwise, and the other acknowledges, declines or counters (R32, R129)."""

from contracts.commands.binding import AnswerModification, ProposeModification, UpdateCustomerInfo
from contracts.details import Changes
from contracts.events.partnership import Why
from contracts.events.upkeep import (
    CustomerInfoUpdated,
    ModificationAcknowledged,
    ModificationApplied,
    ModificationCountered,
    ModificationDeclined,
    ModificationProposed,
)
from contracts.message import Actor, Party
from contracts.rejections import RejectionCode
from contracts.terms import Side, other_side
from handlers.decision import Accepted, Decision, Rejected
from handlers.documents import Modification
from handlers.guards import in_days, incomplete, is_email, no_reason, not_allowed, not_the_turn_of, own_side
from handlers.invitation import expired_by
from handlers.offering import REQUIRED
from handlers.scene import Scene
from handlers.states import Active, Ending, Invited, Suspended


def update_customer_info(scene: Scene, command: UpdateCustomerInfo) -> Decision:
    """R32: the partner keeps it at once, and the customer is told; what the customer changes, the partner confirms."""
    side = own_side(command.actor)
    if not isinstance(scene.partnership.state, Active | Suspended | Ending):
        return not_allowed(scene.partnership)
    if side == "customer":
        return _propose(scene, command.changes, side)
    if refusal := _unusable(command.changes):
        return refusal
    fields = tuple(command.changes.given)
    outside = [name for name in fields if name not in scene.policy.upkeep_fields]
    if outside:
        return Rejected(RejectionCode.NOT_AUTHORIZED, {"fields": outside, "use": "ProposeModification"})
    return Accepted((CustomerInfoUpdated(**scene.standing, fields=fields, private=command.changes),))


def propose(scene: Scene, command: ProposeModification) -> Decision:
    """R129: offers and live partnerships, at any time."""
    return _propose(scene, command.changes, own_side(command.actor))


def _propose(scene: Scene, changes: Changes, side: Side) -> Decision:
    state = scene.partnership.state
    if not isinstance(state, Invited | Active | Suspended | Ending):
        return not_allowed(scene.partnership)
    if isinstance(state, Invited) and (refusal := _not_of_an_offer(scene, state, changes)):
        return refusal
    if (open_one := scene.partnership.modification) is not None:
        turn = other_side(open_one.by)
        return Rejected(RejectionCode.NOT_YOUR_TURN, {"turn": turn, "answer_with": "AnswerModification"})
    if refusal := _unusable(changes):
        return refusal
    fields = tuple(changes.given)
    if _counts_at_once(scene, side, fields):
        return Accepted((ModificationApplied(**scene.standing, by=side, fields=fields, private=changes),))
    proposed = ModificationProposed(
        **scene.standing,
        id=scene.message.id,
        by=side,
        fields=fields,
        answer_by=in_days(scene.now, scene.policy.modification_days),
        private=changes,
    )
    return Accepted((proposed,))


def _not_of_an_offer(scene: Scene, state: Invited, changes: Changes) -> Rejected | None:
    """An open offer keeps its address: by that a second one is found."""
    if expired := expired_by(scene, state):
        return expired
    if changes.email is not None:
        return Rejected(RejectionCode.NOT_ALLOWED_IN_STATUS, {"status": state.status, "field": "email"})
    return None


def _counts_at_once(scene: Scene, side: Side, fields: tuple[str, ...]) -> bool:
    """An offer is its maker's until it is accepted; of a live partnership the partner keeps what is upkeep."""
    state = scene.partnership.state
    if isinstance(state, Invited):
        return side == state.by
    return side == "partner" and set(fields) <= set(scene.policy.upkeep_fields)


def _unusable(changes: Changes) -> Rejected | None:
    """Something changes, and what an offer needs stays there (R10 to R15)."""
    given = changes.given
    missing = [name for name, value in given.items() if name in REQUIRED and not value.strip()]
    malformed = [] if changes.email is None or "email" in missing or is_email(changes.email) else ["email"]
    if refusal := incomplete(missing, malformed):
        return refusal
    return None if given else Rejected(RejectionCode.INVITATION_INCOMPLETE, {"missing": ["changes"]})


def answer(scene: Scene, command: AnswerModification) -> Decision:
    """R129: by the side whose turn it is."""
    modification = scene.partnership.modification
    if not isinstance(scene.partnership.state, Invited | Active | Suspended | Ending):
        return not_allowed(scene.partnership)
    if modification is None:
        return Rejected(RejectionCode.NO_OPEN_REQUEST, {"status": scene.partnership.state.status})
    side = other_side(modification.by)
    if refusal := _not_its_turn(scene, command.actor, side):
        return refusal
    match command.answer:
        case "acknowledge":
            return _acknowledge(scene, modification)
        case "decline":
            return _decline(scene, command, modification)
        case "counter":
            return _counter(scene, command, side)


def _not_its_turn(scene: Scene, actor: Actor, side: Side) -> Rejected | None:
    """What a closed partner would have to decide falls to the platform."""
    orphaned = side == "partner" and scene.partner.status == "closed"
    if actor.kind is Party.PLATFORM:
        return None if orphaned else Rejected(RejectionCode.NOT_YOUR_TURN, {"turn": side})
    if own_side(actor) != side:
        return not_the_turn_of(own_side(actor))
    return Rejected(RejectionCode.PARTNER_NOT_ACTIVE, {"status": scene.partner.status}) if orphaned else None


def _acknowledge(scene: Scene, modification: Modification) -> Decision:
    acknowledged = ModificationAcknowledged(**scene.standing, id=modification.id)
    applied = ModificationApplied(
        **scene.standing,
        by=modification.by,
        fields=tuple(modification.changes.given),
        private=modification.changes,
    )
    return Accepted((acknowledged, applied))


def _decline(scene: Scene, command: AnswerModification, modification: Modification) -> Decision:
    if refusal := no_reason(command.reason):
        return refusal
    why = Why(reason=command.reason or "")
    return Accepted((ModificationDeclined(**scene.standing, id=modification.id, private=why),))


def _counter(scene: Scene, command: AnswerModification, side: Side) -> Decision:
    state = scene.partnership.state
    if isinstance(state, Invited) and (refusal := _not_of_an_offer(scene, state, command.changes)):
        return refusal
    if refusal := _unusable(command.changes):
        return refusal
    fields = tuple(command.changes.given)
    countered = ModificationCountered(
        **scene.standing,
        id=scene.message.id,
        by=side,
        fields=fields,
        answer_by=in_days(scene.now, scene.policy.modification_days),
        private=command.changes,
    )
    return Accepted((countered,))

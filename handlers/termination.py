"""The end of a partnership (R37 to R49, R53, R56 to R60, R62 to R70, R80, R81, R83, R113, R121)."""

from typing import Literal, NamedTuple

from contracts.commands.termination import DecideTermination, RequestTermination
from contracts.events.binding import BillingSwitched
from contracts.events.partnership import Why
from contracts.events.termination import (
    PartnershipTerminated,
    TerminationApproved,
    TerminationDecisionRequested,
    TerminationDetails,
    TerminationRejected,
    TerminationSubmitted,
)
from contracts.message import Event, Party
from contracts.rejections import RejectionCode
from contracts.terms import BillingMode, Category, Initiator, Side
from handlers.blocks import blocked, limit_reached
from handlers.decision import Accepted, Decision, Rejected
from handlers.documents import Active, Customer, InNotice, PendingDecision, TerminationCase, other_side
from handlers.scene import Scene, in_days, no_reason, not_allowed, quota_updated

INITIATORS: dict[Party, Initiator] = {
    Party.PARTNER: "partner",
    Party.CUSTOMER: "customer",
    Party.PLATFORM: "platform",
}


# ---------------------------------------------------------------------------------------------------------- the request


def request(scene: Scene, command: RequestTermination) -> Decision:  # noqa: PLR0911 - a line for each rule
    """R37 to R43, R46, R113, R121: either side may ask at any time, for a reason; the platform orders."""
    by = INITIATORS[command.actor.kind]
    state, customer = scene.partnership.state, scene.customer
    if not isinstance(state, Active | PendingDecision | InNotice) or customer is None:
        return not_allowed(scene.partnership)
    if command.category not in scene.policy.categories[by]:
        return Rejected(RejectionCode.NOT_AUTHORIZED, {"categories": list(scene.policy.categories[by])})
    if refusal := no_reason(command.reason, scene.policy.reason_characters_min):
        return refusal
    if by == "platform":
        return _order(scene, command, customer)
    match state:
        case Active():
            return _submit(scene, command, customer, by)
        case PendingDecision() if state.case.by == other_side(by):
            return _approve(scene, customer, state.case, "both_sides_asked", _choice(command))
        case _:
            return Rejected(RejectionCode.REQUEST_ALREADY_OPEN, {"by": state.case.by, "stage": state.stage})


def _submit(scene: Scene, command: RequestTermination, customer: Customer, by: Side) -> Decision:
    """R62 and the blocks first; then the other side decides, or nobody has to (C2)."""
    if by == "customer" and (refusal := limit_reached(customer, scene.policy, scene.now)):
        return refusal
    details = _details(command)
    if items := scene.blocks(customer, by, details):
        return blocked(items)
    model, now = scene.partnership.model, scene.now
    needs_consent = by in scene.policy.consent_of_other_side[model]
    decide_by = in_days(now, scene.policy.decision_days) if needs_consent else now
    submitted = TerminationSubmitted(
        **scene.ids,
        by=by,
        category=command.category,
        counted=by == "customer",
        decide_by=decide_by,
        ends_at=in_days(now, _notice_days(scene)),
        billing_mode=_choice(command),
        private=details,
    )
    if needs_consent:
        asked = TerminationDecisionRequested(**scene.ids, decider=other_side(by), decide_by=decide_by)
        return Accepted((submitted, asked))
    approved = TerminationApproved(
        **scene.ids, basis="no_consent_needed", ends_at=submitted.ends_at, billing_mode=submitted.billing_mode
    )
    if now < submitted.ends_at:
        return Accepted((submitted, approved))
    end = End(by, command.category, details.reason, submitted.billing_mode)
    return Accepted((submitted, approved, *_ended(scene, customer, end)))


def _order(scene: Scene, command: RequestTermination, customer: Customer) -> Decision:
    """R39, R40: the platform needs no consent and gives no notice, nothing blocks it, and it closes what is open."""
    state = scene.partnership.state
    choice = state.case.billing_mode if isinstance(state, PendingDecision | InNotice) else None
    return Accepted(_ended(scene, customer, End("platform", command.category, command.reason or "", choice)))


# --------------------------------------------------------------------------------------------------------- the decision


def decide(scene: Scene, command: DecideTermination) -> Decision:
    """R80, R81: the other side answers; nobody decides on their own request."""
    state, customer = scene.partnership.state, scene.customer
    if isinstance(state, Active | InNotice):
        return Rejected(RejectionCode.NO_OPEN_REQUEST, {"status": state.status, "stage": state.stage})
    if not isinstance(state, PendingDecision) or customer is None:
        return not_allowed(scene.partnership)
    if refusal := _not_the_decider(scene, state.case, command.actor.kind):
        return refusal
    if command.approve:
        return _approve(scene, customer, state.case, "decision", _choice(command))
    if refusal := no_reason(command.reason, scene.policy.reason_characters_min):
        return refusal
    rejected = TerminationRejected(**scene.ids, private=Why(reason=command.reason or ""))
    return Accepted((rejected,))


def _not_the_decider(scene: Scene, case: TerminationCase, actor: Party) -> Rejected | None:
    """The decisions of a closed partner fall to the platform."""
    decider = other_side(case.by)
    orphaned = decider == "partner" and scene.partner.status == "closed"
    if actor is Party.PLATFORM:
        return None if orphaned else Rejected(RejectionCode.NOT_YOUR_TURN, {"decider": decider})
    if actor.value != decider:
        return Rejected(RejectionCode.NOT_YOUR_TURN, {"decider": decider})
    return Rejected(RejectionCode.PARTNER_NOT_ACTIVE, {"status": scene.partner.status}) if orphaned else None


def _approve(
    scene: Scene,
    customer: Customer,
    case: TerminationCase,
    basis: Literal["decision", "both_sides_asked"],
    own_choice: BillingMode | None,
) -> Decision:
    """The end is certain. If no notice period is left, it takes effect at once and the blocks are checked again."""
    choice = own_choice or case.billing_mode
    approved = TerminationApproved(**scene.ids, basis=basis, ends_at=case.ends_at, billing_mode=choice)
    if scene.now < case.ends_at:
        return Accepted((approved,))
    if items := scene.blocks(customer, case.by, case.details):
        return blocked(items)
    return Accepted((approved, *_ended(scene, customer, End(case.by, case.category, case.details.reason, choice))))


# ----------------------------------------------------------------------------------------------------------- the effect


class End(NamedTuple):
    """Who ends a partnership, why, and the customer's choice of billing, if it made one."""

    by: Initiator
    category: Category
    reason: str
    choice: BillingMode | None


def _ended(scene: Scene, customer: Customer, end: End) -> tuple[Event, ...]:
    """R56, R57, R59: the association is removed, its place in the quota is free, and the customer's choice bills."""
    mode = end.choice or "direct"
    return (
        PartnershipTerminated(
            **scene.ids, by=end.by, category=end.category, billing_mode=mode, private=Why(reason=end.reason)
        ),
        quota_updated(scene.partner, "partnership_terminated", bound=-1),
        BillingSwitched(
            partner_id=scene.partner.id,
            customer_id=customer.id,
            from_mode="partner",
            from_partner_id=scene.partner.id,
            to_mode=mode,
        ),
    )


def _notice_days(scene: Scene) -> int:
    """R45, R48: the agreement's notice period, or the policy's."""
    agreed = scene.partner.notice_days
    return scene.policy.notice_days if agreed is None else agreed


def _choice(command: RequestTermination | DecideTermination) -> BillingMode | None:
    """R57: it is the customer who chooses."""
    return command.billing_mode if command.actor.kind is Party.CUSTOMER else None


def _details(command: RequestTermination) -> TerminationDetails:
    return TerminationDetails(
        reason=command.reason or "",
        migration_plan=command.migration_plan or "",
        alternative_service=command.alternative_service or "",
    )

"""A partnership that has ended comes back (R99, R106, R110, R111)."""

from datetime import timedelta

from contracts.base import to_milliseconds
from contracts.commands.closing import AnswerReactivation, RequestReactivation
from contracts.events.billing import BillingSwitched
from contracts.events.closing import (
    DataRestoreRequested,
    PartnershipReactivated,
    ReactivationAgreed,
    ReactivationDeclined,
    ReactivationRequested,
)
from contracts.events.partnership import Why
from contracts.events.upkeep import PermissionsConfigured
from contracts.message import Event, Party
from contracts.rejections import RejectionCode
from contracts.terms import Initiator, other_side
from handlers.decision import Accepted, Decision, Rejected
from handlers.documents import Customer
from handlers.guards import in_days, no_room_for, not_allowed, own_side, partner_may_bind, quota_updated, unfit
from handlers.scene import Scene
from handlers.states import Purged, Reactivation, Terminated

VIOLATIONS = ("account_violation", "policy_violation")
"""R39, R40: after these the platform is asked too, as where it had suspended the partnership."""


def request(scene: Scene, command: RequestReactivation) -> Decision:
    """R99, R106: either side, within the retention; the answer has time until its end."""
    state, customer = scene.partnership.state, scene.customer
    if isinstance(state, Purged):
        return Rejected(RejectionCode.REACTIVATION_WINDOW_CLOSED, {"purged": True})
    if not isinstance(state, Terminated) or customer is None:
        return not_allowed(scene.partnership)
    if state.reactivation is not None:
        return Rejected(RejectionCode.REQUEST_ALREADY_OPEN, {"by": state.reactivation.by})
    if refusal := (
        _over(scene, state)
        or _stale(scene, command.consent_version)
        or _fee_due(state, command)
        or _may_not_come_back(scene, customer)
    ):
        return refusal
    side = own_side(command.actor)
    asked: tuple[Initiator, ...] = (other_side(side),) if state.rules.reactivation_needs_both else ()
    by_platform = state.category in VIOLATIONS or state.was_suspended
    awaiting = (*asked, "platform") if by_platform else asked
    requested = ReactivationRequested(
        **scene.ids,
        stage=state.stage,
        by=side,
        awaiting=awaiting,
        answer_by=state.retained_until,
        fee_reference=command.fee_reference,
        consent_version=command.consent_version,
    )
    return Accepted((requested, *(() if awaiting else _reactivated(scene, state, customer))))


def answer(scene: Scene, command: AnswerReactivation) -> Decision:  # noqa: PLR0911 - a line for each rule
    """Each of those who have to agree; with the last of them it lives again, if everything still allows it."""
    state, customer = scene.partnership.state, scene.customer
    if not isinstance(state, Terminated) or state.reactivation is None or customer is None:
        return Rejected(RejectionCode.REACTIVATION_NOT_OPEN, {"status": scene.partnership.state.status})
    who: Initiator = "platform" if command.actor.kind is Party.PLATFORM else own_side(command.actor)
    taken_back = who == state.reactivation.by and command.answer == "decline"
    if who not in state.reactivation.awaiting and not taken_back:
        return Rejected(RejectionCode.NOT_YOUR_TURN, {"awaiting": list(state.reactivation.awaiting)})
    if refusal := _over(scene, state):
        return refusal
    if command.answer == "decline":
        why = Why(reason=command.reason or "")
        fee = state.reactivation.fee_reference
        return Accepted((ReactivationDeclined(**scene.ids, stage=state.stage, fee_reference=fee, private=why),))
    if refusal := _outdated(scene, state.reactivation, customer, command, who):
        return refusal
    left = tuple(other for other in state.reactivation.awaiting if other != who)
    agreed = ReactivationAgreed(**scene.ids, stage=state.stage, who=who, awaiting=left)
    if left:
        return Accepted((agreed,))
    if refusal := _may_not_come_back(scene, customer):
        return refusal
    return Accepted((agreed, *_reactivated(scene, state, customer)))


# ------------------------------------------------------------------------------------------------------- the conditions


def _over(scene: Scene, state: Terminated) -> Rejected | None:
    """R98, R110: after the retention it takes a new invitation."""
    if scene.now < state.retained_until:
        return None
    return Rejected(RejectionCode.REACTIVATION_WINDOW_CLOSED, {"ended_at": to_milliseconds(state.retained_until)})


def _stale(scene: Scene, consent_version: str | None) -> Rejected | None:
    """R111: by the terms of now."""
    current = scene.policy.consent_version
    if consent_version == current:
        return None
    return Rejected(RejectionCode.CONSENT_VERSION_STALE, {"current": current})


def _outdated(
    scene: Scene, asked: Reactivation, customer: Customer, command: AnswerReactivation, who: Initiator
) -> Rejected | None:
    """By the terms of now, of who asked as well; and not once the customer has been another partner's meanwhile."""
    if who != "platform" and (refusal := _stale(scene, command.consent_version)):
        return refusal
    if asked.consent_version is not None and (refusal := _stale(scene, asked.consent_version)):
        return refusal
    if asked.asked_at is not None and customer.bound_at is not None and customer.bound_at > asked.asked_at:
        return Rejected(RejectionCode.REACTIVATION_NOT_OPEN, {"asked_at": to_milliseconds(asked.asked_at)})
    return None


def _fee_due(state: Terminated, command: RequestReactivation) -> Rejected | None:
    """R111: where the rules of the case ask for one."""
    if not state.rules.reactivation_fee or (command.fee_reference or "").strip():
        return None
    return Rejected(RejectionCode.REACTIVATION_FEE_DUE, {"needed": ["fee_reference"]})


def _may_not_come_back(scene: Scene, customer: Customer) -> Rejected | None:
    """The customer is free and fit, and the partner may bind it and has room."""
    if customer.live is not None or customer.switch is not None:
        return Rejected(RejectionCode.CUSTOMER_BOUND_ELSEWHERE, {"bound": customer.live is not None})
    return (
        partner_may_bind(scene.partner, scene.now, scene.message.data.actor)
        or unfit(customer, must_be_known=True)
        or no_room_for(scene.partner, scene.message.data.actor)
    )


def _reactivated(scene: Scene, state: Terminated, customer: Customer) -> tuple[Event, ...]:
    """Closing steps that are not done are cancelled; bill and dispute go on; the data comes back (R99)."""
    partner, bill = scene.partner, scene.partnership.bill
    answer_by = in_days(scene.now, scene.policy.completion_days)
    reactivated = PartnershipReactivated(
        **scene.ids,
        model=scene.partnership.model,
        activation_due_at=scene.now + timedelta(hours=scene.policy.activation_hours),
        agreement_ends_at=partner.agreement.ends_at,
        cancelled=tuple(step for step in state.open_steps if step != "final_bill"),
        bill_by=answer_by if bill is not None and bill.state == "requested" else None,
    )
    billing = BillingSwitched(
        partner_id=partner.id,
        customer_id=customer.id,
        from_mode=customer.billing_mode,
        from_partner_id=customer.billing_partner_id,
        to_mode="partner",
        to_partner_id=partner.id,
    )
    quota = quota_updated(partner, "partnership_reactivated", bound=+1)
    permissions = scene.partnership.permissions
    again = PermissionsConfigured(
        **scene.ids, status=reactivated.status, stage=reactivated.stage, permissions=permissions, again=True
    )
    restore = DataRestoreRequested(**scene.ids, answer_by=answer_by)
    # R33: whoever took them back at the end applies them again.
    return (reactivated, quota, billing, restore, *((again,) if permissions else ()))

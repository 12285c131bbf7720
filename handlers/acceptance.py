"""The answer to an offer (R5 to R7, R25 to R30), and the beginning of a switch (R27)."""

from datetime import timedelta

from contracts.commands.internal import EndForSwitch
from contracts.commands.invitation import AcceptInvitation, DeclineInvitation
from contracts.events.binding import SwitchStarted
from contracts.events.invitation import InvitationAccepted, InvitationDeclined
from contracts.events.partnership import Why
from contracts.events.termination import TerminationDetails
from contracts.message import SYSTEM, Party
from contracts.rejections import RejectionCode
from handlers.admission import version
from handlers.blocks import blocked, blocks, limit_reached
from handlers.decision import Accepted, Decision, Internal, Rejected
from handlers.documents import Customer, Live
from handlers.guards import (
    no_reason,
    no_room_for,
    not_allowed,
    not_the_turn_of,
    own_side,
    partner_may_bind,
    quota_updated,
    unfit,
)
from handlers.invitation import expired_by, place_given_back
from handlers.scene import Scene
from handlers.states import Invited
from handlers.switching import bound, can_leave, consequences, switch_counts, switch_rules


def accept(scene: Scene, command: AcceptInvitation) -> Decision:  # noqa: PLR0911 - a line for each rule
    """R5 to R7, R25 to R30: the customer is bound, or its switch begins. What the new side can refuse, it does now."""
    state, customer = scene.partnership.state, scene.customer
    if not isinstance(state, Invited):
        return not_allowed(scene.partnership)
    if refusal := _not_ready(scene, command, state):
        return refusal
    if customer is None:
        return Rejected(RejectionCode.IDENTITY_NOT_VERIFIED, {"stage": state.stage})
    if refusal := (
        _switch_under_way(customer)
        or partner_may_bind(scene.partner, scene.now, command.actor)
        or unfit(customer, must_be_known=True)
        or (None if state.reserved or customer.is_with(scene.partner.id) else no_room_for(scene.partner, command.actor))
    ):
        return refusal
    accepted = InvitationAccepted(**scene.ids, stage=state.stage, consent_version=scene.policy.consent_version)
    if customer.live is None:
        return Accepted((accepted, *bound(scene, customer, reserved=state.reserved)))
    if refusal := _may_not_switch(scene, customer, customer.live, confirmed=_confirmed(command, state, customer.live)):
        return _for_eyes_of(command.actor.kind, refusal)
    return _switch(scene, state, customer, customer.live, accepted)


def _not_ready(scene: Scene, command: AcceptInvitation, state: Invited) -> Rejected | None:
    """It is in time, the turn of who accepts, the identity is known, and the terms are the current ones."""
    if expired := expired_by(scene, state):
        return expired
    if (by := own_side(command.actor)) == state.by:
        return not_the_turn_of(by)
    if state.stage not in ("verified", "switch_prompted"):
        return Rejected(RejectionCode.IDENTITY_NOT_VERIFIED, {"stage": state.stage})
    proposed = scene.partnership.modification  # which is off the table with the acceptance
    changed = proposed.modified_before if proposed else scene.partnership.modified
    if changed and command.expected_version is None:  # R26: what is accepted is what was seen
        return Rejected(RejectionCode.VERSION_CONFLICT, {"current_version": version(scene.partnership)})
    current = scene.policy.consent_version
    if command.consent_version != current or state.consent_version not in (None, current):
        return Rejected(RejectionCode.CONSENT_VERSION_STALE, {"current": current, "of_offer": state.consent_version})
    return None


def _switch_under_way(customer: Customer) -> Rejected | None:
    if customer.switch is None:
        return None
    return Rejected(RejectionCode.SWITCH_IN_PROGRESS, {"switch_id": customer.switch.id})


def _for_eyes_of(party: Party, refusal: Rejected) -> Rejected:
    """What the customer has to do with another partner is not this one's business, nor can it confirm for it."""
    if party is Party.CUSTOMER:
        return refusal
    confirm = refusal.code is RejectionCode.SWITCH_CONFIRMATION_REQUIRED
    return Rejected(RejectionCode.CUSTOMER_ALREADY_BOUND if confirm else refusal.code)


def _confirmed(command: AcceptInvitation, state: Invited, live: Live) -> bool:
    """R24, R26: by the customer alone, as it accepts or as it made the offer; and to leave the partner that it has now.

    It may have come to another one since it was prompted: it says whom it knows that it leaves.
    """
    leaves = state.switch_from_partner_id
    if command.actor.kind is Party.CUSTOMER:
        leaves = (command.switch_from_partner_id or leaves) if command.switch_confirmed else None
    return leaves == live.partner_id


def _may_not_switch(scene: Scene, customer: Customer, live: Live, *, confirmed: bool) -> Rejected | None:
    """R24, R26, C1, C3: the policy, the confirmation, the request limit, and what blocks the old side."""
    policy = scene.policy
    own = live.partner_id == scene.partner.id
    if not can_leave(policy, live, scene.partner.id):
        if own:
            return Rejected(RejectionCode.ALREADY_BOUND_TO_YOU, {"partnership_id": live.partnership_id})
        return Rejected(RejectionCode.CUSTOMER_ALREADY_BOUND, {"end_first": live.partnership_id})
    if not confirmed:
        return Rejected(
            RejectionCode.SWITCH_CONFIRMATION_REQUIRED,
            {"from_partner_id": live.partner_id, "consequences": list(consequences(scene, live))},
        )
    if own:
        return None
    limit = limit_reached(customer, "customer", live.partner_id, scene.platform_policy, scene.now)
    if switch_counts(scene) and limit is not None:
        return limit
    rules = switch_rules(policy, live.model, blocks_run=policy.switch_blocks_run)
    items = blocks(
        customer, live, rules.items, TerminationDetails(), facts_hours_max=rules.facts_hours_max, now=scene.now
    )
    return blocked(items) if items else None


def _switch(scene: Scene, state: Invited, customer: Customer, live: Live, accepted: InvitationAccepted) -> Decision:
    """R27: the old partnership has to end first. To another agreement with the same partner it is a formality (C1)."""
    policy, switch_id = scene.policy, scene.message.id
    renewal = live.partner_id == scene.partner.id
    started = SwitchStarted(
        **scene.ids,
        switch_id=switch_id,
        from_partnership_id=live.partnership_id,
        from_partner_id=live.partner_id,
        overdue_at=scene.now + timedelta(minutes=policy.switch_minutes),
    )
    reserved = () if state.reserved else (quota_updated(scene.partner, "switch_started", reserved=+1),)
    end = EndForSwitch(
        actor=SYSTEM,
        switch_id=switch_id,
        customer_id=customer.id,
        to_partnership_id=scene.id,
        to_partner_id=scene.partner.id,
        to_model=scene.partnership.model,
        blocks_run=policy.switch_blocks_run and not renewal,
        counts=switch_counts(scene) and not renewal,
        renewal=renewal,
    )
    return Accepted((accepted, started, *reserved), (Internal(end, live.partnership_id, live.partner_id),))


def decline(scene: Scene, command: DeclineInvitation) -> Decision:
    """Who got the offer says no; a reserved place is given back."""
    state = scene.partnership.state
    if not isinstance(state, Invited):
        return not_allowed(scene.partnership)
    if (by := own_side(command.actor)) == state.by:
        return not_the_turn_of(by)
    if refusal := no_reason(command.reason):
        return refusal
    declined = InvitationDeclined(**scene.ids, private=Why(reason=command.reason or ""))
    return Accepted((declined, *place_given_back(scene, state)))

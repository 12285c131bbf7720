"""Binding (R28 to R30), and one partner after another (R27): several decisions, joined by the worker's own commands.

The switch stands on the customer, and each step counts only while it does; what comes late changes nothing.
"""

from datetime import timedelta

from contracts.agreement import CaseRules
from contracts.commands.internal import AbortSwitch, CompleteSwitch, EndForSwitch
from contracts.events.billing import BillingSwitched
from contracts.events.binding import (
    PartnershipBound,
    PartnershipSuspended,
    SwitchAborted,
    SwitchBlocked,
    SwitchCompleted,
)
from contracts.events.invitation import CONSEQUENCES, Consequence
from contracts.events.partnership import Why
from contracts.events.termination import Successor, TerminationDetails
from contracts.message import SYSTEM, Event
from contracts.terms import Model
from handlers.decision import Accepted, Decision, Internal
from handlers.documents import Customer, Live, Switch
from handlers.ending import End, ended
from handlers.guards import quota_updated
from handlers.policy import Policy
from handlers.scene import Scene
from handlers.states import Active, Ending, State, Suspended, Switching, Terminated


def bound(scene: Scene, customer: Customer, *, reserved: bool) -> tuple[Event, ...]:
    """R28 to R31, R57: the association, its place in the quota, and who bills from now on.

    A reserved place becomes a bound one, also above a limit that was lowered meanwhile.
    """
    partner_id = scene.partner.id
    return (
        PartnershipBound(
            partner_id=partner_id,
            customer_id=customer.id,
            model=scene.partnership.model,
            activation_due_at=scene.now + timedelta(hours=scene.policy.activation_hours),
            agreement_ends_at=scene.partner.agreement.ends_at,
        ),
        quota_updated(scene.partner, "partnership_bound", bound=+1, reserved=-1 if reserved else 0),
        BillingSwitched(
            partner_id=partner_id,
            customer_id=customer.id,
            from_mode=customer.billing_mode,
            from_partner_id=customer.billing_partner_id,
            to_mode="partner",
            to_partner_id=partner_id,
        ),
    )


def can_leave(policy: Policy, live: Live, partner_id: str) -> bool:
    """C1, C3: whether this partner's offer can take the place of the partnership that the customer is in."""
    if live.partner_id == partner_id:
        return policy.own_customers_may_be_invited
    return policy.bound_customers_may_be_invited and policy.switch_waives_consent_and_notice


def consequences(scene: Scene, live: Live) -> tuple[Consequence, ...]:
    """R24: of accepting. Another agreement with the same partner moves no billing, and is nobody's request."""
    if live.partner_id == scene.partner.id:
        return CONSEQUENCES[:1]
    return CONSEQUENCES if switch_counts(scene) else CONSEQUENCES[:-1]


def end_for_switch(scene: Scene, command: EndForSwitch) -> Decision:
    """In the old lane: the end without consent and notice, an open request closed; or what blocks it (C3)."""
    customer, state = scene.customer, scene.partnership.state
    if customer is None or _standing(customer, command.switch_id) is None:
        return Accepted()
    complete = CompleteSwitch(
        actor=SYSTEM, switch_id=command.switch_id, customer_id=customer.id, was_suspended=_was_suspended(state)
    )
    go_on = (Internal(complete, command.to_partnership_id, command.to_partner_id),)
    if not isinstance(state, Active | Suspended | Ending):
        return Accepted(internal=go_on)  # it ended by itself in the meantime
    rules = switch_rules(scene.policy, scene.partnership.model, blocks_run=command.blocks_run)
    if items := scene.blocks(customer, rules, TerminationDetails()):
        abort = AbortSwitch(actor=SYSTEM, switch_id=command.switch_id, customer_id=customer.id, items=items)
        blocked = SwitchBlocked(
            **scene.ids, status=state.status, stage=state.stage, switch_id=command.switch_id, items=items
        )
        return Accepted((blocked,), (Internal(abort, command.to_partnership_id, command.to_partner_id),))
    return Accepted(ended(scene, customer, _hand_over(command, rules)), go_on)


def _was_suspended(state: State) -> bool:
    """What the platform has suspended, it alone resumes; no change of partner or of terms does."""
    if isinstance(state, Terminated):
        return state.was_suspended
    return isinstance(state.before if isinstance(state, Ending) else state, Suspended)


def _hand_over(command: EndForSwitch, rules: CaseRules) -> End:
    """The customer goes from one partner to the other, and is never without (R27)."""
    successor = Successor(
        switch_id=command.switch_id,
        partnership_id=command.to_partnership_id,
        partner_id=command.to_partner_id,
        model=command.to_model,
    )
    return End(
        by="customer",
        category="renewal" if command.renewal else "partner_switch",
        reason="",
        choice="partner",
        rules=rules,
        counted=command.counts,
        successor=successor,
    )


def switch_rules(policy: Policy, model: Model, *, blocks_run: bool) -> CaseRules:
    """C3: the customer's checks, but nobody writes plans for a switch."""
    rules = policy.case_rules(model, "customer")
    return rules.but(items=policy.checks[model]["customer"] if blocks_run else ())


def switch_counts(scene: Scene) -> bool:
    """C3, C4: as a request of the customer's, where those count at all."""
    return scene.policy.switch_counts and "customer" in scene.platform_policy.requests_of


def complete_switch(scene: Scene, command: CompleteSwitch) -> Decision:
    """In the new lane: bind. Everything that could be refused was refused at the acceptance."""
    customer = scene.customer
    switch = _standing(customer, command.switch_id)
    if customer is None or switch is None:
        return Accepted()
    completed = SwitchCompleted(
        partner_id=scene.partner.id,
        customer_id=customer.id,
        switch_id=switch.id,
        from_partnership_id=switch.from_partnership_id,
        from_partner_id=switch.from_partner_id,
    )
    suspended = PartnershipSuspended(
        partner_id=scene.partner.id,
        customer_id=customer.id,
        status="suspended",
        stage=completed.stage,
        private=Why(reason="the platform had suspended the former partnership"),
    )
    return Accepted(
        (*bound(scene, customer, reserved=True), completed, *((suspended,) if command.was_suspended else ()))
    )


def abort_switch(scene: Scene, command: AbortSwitch) -> Decision:
    """In the new lane: the offer is open again. Not once the customer was handed over to it."""
    customer = scene.customer
    if customer is None or _standing(customer, command.switch_id) is None:
        return Accepted()
    if customer.live is not None and customer.live.partnership_id == scene.id:
        return Accepted()
    aborted = SwitchAborted(
        partner_id=scene.partner.id, customer_id=customer.id, switch_id=command.switch_id, items=command.items
    )
    state = scene.partnership.state
    if not isinstance(state, Switching) or state.offer.rules.reserves:
        return Accepted((aborted,))
    # The place was the switch's, and not the offer's.
    return Accepted((aborted, quota_updated(scene.partner, "switch_aborted", reserved=-1)))


def _standing(customer: Customer | None, switch_id: str) -> Switch | None:
    switch = customer.switch if customer else None
    return switch if switch and switch.id == switch_id else None

"""The end itself (R55 to R60, R124): when nothing stands in the way; else it is stalled, and looked at again."""

from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from contracts.agreement import CaseRules
from contracts.blocks import BlockItem
from contracts.commands.internal import RecheckTermination
from contracts.commands.termination import WaiveBlock
from contracts.events.billing import BillingSwitched, FinalBillRequested
from contracts.events.binding import PartnershipAgreementUpdated
from contracts.events.closing import DataRetentionStarted
from contracts.events.partnership import Why
from contracts.events.termination import (
    AgreementExpired,
    BlockWaived,
    PartnershipTerminated,
    Successor,
    TerminationDetails,
    TerminationRechecked,
    TerminationStalled,
    TerminationWithdrawn,
)
from contracts.message import Event
from contracts.rejections import RejectionCode
from contracts.steps import StepName
from contracts.terms import BillingMode, Category, Initiator, Side
from handlers.blocks import is_checked, uses_extra
from handlers.decision import Accepted, Decision, Rejected
from handlers.documents import Customer
from handlers.guards import in_days, is_over, no_reason, not_allowed, quota_updated
from handlers.scene import Scene
from handlers.states import Active, Ending, Stalled, Suspended, TerminationCase, cases_of
from handlers.withdrawal import before, going_on

Basis = Literal["decision", "both_sides_asked", "no_consent_needed", "no_answer"]


class End(NamedTuple):
    """Who ends a partnership, why, the customer's choice of billing if it made one, and by which rules."""

    by: Initiator
    category: Category
    reason: str
    choice: BillingMode | None
    rules: CaseRules
    counted: bool = False
    successor: Successor | None = None


def end_of(case: TerminationCase) -> End:
    """The end that a case asked for."""
    return End(case.by, case.category, case.details.reason, case.billing_mode, case.rules)


def ended(scene: Scene, customer: Customer, end: End) -> tuple[Event, ...]:
    """R56 to R60, R102, R103: in one decision. The mode of record changes here; billing answers with a closing step.

    A switch hands the customer over, so who bills is told by the new side.
    """
    terminated = _terminated(scene, customer, end)
    quota = quota_updated(scene.partner, "partnership_terminated", bound=-1)
    billing = () if end.successor is not None else (_billing_switched(scene, customer, terminated.billing_mode),)
    former = scene.partnership.bill
    bill = FinalBillRequested(
        partner_id=scene.partner.id,
        customer_id=customer.id,
        number=former.number + 1 if former else 1,
        takes_in=former.open_state if former else None,
        cycle=customer.cycle_at(scene.now),
        prorate=end.rules.refund == "pro_rata",
    )
    retention = DataRetentionStarted(**scene.ids, until=terminated.retained_until)
    return (terminated, quota, *billing, bill, retention)


def _terminated(scene: Scene, customer: Customer, end: End) -> PartnershipTerminated:
    """What other systems have to do now, until when, and how long the data is kept (R55, R88, R98)."""
    steps: tuple[StepName, ...] = ("data", "final_bill")
    return PartnershipTerminated(
        **scene.ids,
        by=end.by,
        category=end.category,
        billing_mode=end.choice or scene.partnership.billing_choice or "direct",
        counted=end.counted,
        extra_used=end.counted and uses_extra(customer, "customer", scene.partner.id, scene.platform_policy, scene.now),
        successor=end.successor,
        rules=end.rules,
        steps=steps if end.successor is not None else ("billing", *steps),
        complete_by=in_days(scene.now, end.rules.completion_days),
        retained_until=in_days(scene.now, end.rules.retention_days),
        hidden_from=_hidden_from(scene, end),
        private=Why(reason=end.reason),
    )


def _billing_switched(scene: Scene, customer: Customer, mode: BillingMode) -> BillingSwitched:
    """R57."""
    return BillingSwitched(
        partner_id=scene.partner.id,
        customer_id=customer.id,
        from_mode="partner",
        from_partner_id=scene.partner.id,
        to_mode=mode,
        to_partner_id=scene.partner.id if mode == "partner" else None,
    )


def _hidden_from(scene: Scene, end: End) -> tuple[Side, ...]:
    """R123, C5: the card goes from the initiator's screen; it can be shown again."""
    by_rules = end.rules.initiators_card_hidden
    hidden = scene.policy.initiators_card_hidden if by_rules is None else by_rules
    return (end.by,) if end.by != "platform" and hidden else ()


# ---------------------------------------------------------------------------------------------------------- in the way


def end_or_stall(scene: Scene, customer: Customer, case: TerminationCase) -> tuple[Event, ...]:
    """The blocks are checked again when the end would take effect."""
    if free := free_to_end(scene, customer, case):
        return ended(scene, customer, end_of(free))
    items = scene.blocks(customer, case.rules, case.details)
    stalled = TerminationStalled(
        **scene.ids,
        by=case.by,
        category=case.category,
        items=items,
        recheck_at=_next_look(scene, case),
        escalate_at=in_days(scene.now, case.rules.stalled_days),
        rules=case.rules,
    )
    return (stalled,)


def recheck(scene: Scene, state: Stalled, customer: Customer) -> tuple[Event, ...]:
    """Daily, when facts have come, and when somebody asks."""
    if is_renewed(scene, state):
        return renewed(scene, state)
    if free := free_to_end(scene, customer, state.case):
        return ended(scene, customer, end_of(free))
    return (_rechecked(scene, state, scene.blocks(customer, state.case.rules, state.case.details)),)


def free_to_end(scene: Scene, customer: Customer, case: TerminationCase, *waived: BlockItem) -> TerminationCase | None:
    """The request whose time has come and in whose way nothing stands: this one, or the other side's own (R113)."""
    due = (case, case.second) if case.second is not None and case.second.ends_at <= scene.now else (case,)
    return next((one for one in due if not scene.blocks(customer, one.rules, one.details, *waived)), None)


def _rechecked(scene: Scene, state: Stalled, items: tuple[BlockItem, ...]) -> TerminationRechecked:
    changed = items != state.items
    return TerminationRechecked(**scene.ids, items=items, changed=changed, recheck_at=_next_look(scene, state.case))


def recheck_for_facts(scene: Scene, _: RecheckTermination) -> Decision:
    """Facts have come that it may have waited for."""
    return recheck_now(scene)


def recheck_now(scene: Scene) -> Decision:
    """For the worker's own commands, which change nothing where nothing waits."""
    state, customer = scene.partnership.state, scene.customer
    if not isinstance(state, Stalled) or customer is None:
        return Accepted()
    return Accepted(recheck(scene, state, customer))


def _next_look(scene: Scene, case: TerminationCase) -> datetime:
    """A day later, or when the time of the other side's own request comes."""
    look = scene.now + timedelta(hours=scene.policy.recheck_hours)
    own = case.second.ends_at if case.second is not None else look
    return own if scene.now < own < look else look


def waive(scene: Scene, command: WaiveBlock) -> Decision:  # noqa: PLR0911 - a line for each rule
    """The platform lets one item not stand in the way of this case; a stalled one is looked at again at once."""
    state, customer, item = scene.partnership.state, scene.customer, command.item
    if not isinstance(state, Active | Suspended | Ending) or customer is None:
        return not_allowed(scene.partnership)
    if item in scene.partnership.waived:
        return Rejected(RejectionCode.REQUEST_ALREADY_OPEN, {"item": item})
    if refusal := no_reason(command.reason):
        return refusal
    concerned = _concerned(scene, item)
    waived = BlockWaived(**scene.standing, item=item, concerned=concerned, private=Why(reason=command.reason or ""))
    if not isinstance(state, Stalled):
        return Accepted((waived,))
    if is_renewed(scene, state):
        return Accepted((waived, *renewed(scene, state)))
    if free := free_to_end(scene, customer, state.case, item):
        return Accepted((waived, *ended(scene, customer, end_of(free))))
    items = scene.blocks(customer, state.case.rules, state.case.details, item)
    return Accepted((waived, _rechecked(scene, state, items)))


def _concerned(scene: Scene, item: BlockItem) -> tuple[Side, ...]:
    """Both where it is about the open case; of a draft only its own side knows."""
    state, drafts = scene.partnership.state, scene.partnership.drafts
    if isinstance(state, Ending) and any(is_checked(item, case.rules) for case in cases_of(state)):
        return ("partner", "customer")
    return tuple(side for side, draft in drafts.items() if is_checked(item, draft.rules))


# ------------------------------------------------------------------------------------------------------------- the time


def agreement_ended(scene: Scene) -> Decision:
    """R41: a case of the platform's, without consent and notice; the customer's checks run, nobody writes plans."""
    state, customer = scene.partnership.state, scene.customer
    if not isinstance(state, Active | Suspended | Ending) or customer is None:
        return Accepted()
    if not is_over(scene.partner, scene.now):  # renewed, and this partnership has not heard of it yet
        return Accepted((agreement_updated(scene, scene.partner.agreement.ends_at),))
    model, policy = scene.partnership.model, scene.policy
    open_case = state.case if isinstance(state, Ending) else None
    rules = open_case.rules if open_case else policy.case_rules(model, "customer")
    case = TerminationCase(
        by="platform",
        category="agreement_expired",
        submitted_at=scene.now,
        counted=False,
        ends_at=scene.now,
        billing_mode=open_case.billing_mode if open_case else None,
        details=TerminationDetails(),
        rules=rules.but(items=policy.checks[model]["customer"]),
    )
    return Accepted((AgreementExpired(**scene.standing), *end_or_stall(scene, customer, case)))


def agreement_updated(scene: Scene, ends_at: datetime | None) -> PartnershipAgreementUpdated:
    """What this partnership hears of its partner's agreement."""
    return PartnershipAgreementUpdated(**scene.standing, agreement_ends_at=ends_at)


def is_renewed(scene: Scene, state: Ending) -> bool:
    """Whether it is about to end with an agreement that is not over any more."""
    return state.case.category == "agreement_expired" and not is_over(scene.partner, scene.now)


def renewed(scene: Scene, state: Ending) -> tuple[Event, ...]:
    """R41: the platform takes its case back, and it lives for as long as the new agreement says.

    A side's own request, which the agreement's end had overtaken, goes on.
    """
    back = before(scene, state)
    updated = PartnershipAgreementUpdated(
        **scene.ids, status=back["status"], stage=back["stage"], agreement_ends_at=scene.partner.agreement.ends_at
    )
    return (TerminationWithdrawn(**scene.ids, **back), updated, *going_on(scene, state))

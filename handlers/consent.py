"""The other side's decision (R80, R81, C2, C10)."""

from datetime import datetime
from typing import Literal

from contracts.commands.termination import DecideTermination
from contracts.events.partnership import Why
from contracts.events.termination import TerminationApproved, TerminationEscalated, TerminationRejected
from contracts.message import Event, Party
from contracts.rejections import RejectionCode
from contracts.terms import BillingMode, Initiator, other_side
from handlers.decision import Accepted, Decision, Rejected
from handlers.documents import Customer, decider
from handlers.ending import Basis, end_of, end_or_stall, ended, free_to_end, is_renewed, renewed
from handlers.guards import no_reason, not_allowed
from handlers.policy import Policy
from handlers.scene import Scene
from handlers.states import Active, Ending, InNotice, PendingDecision, Stalled, Suspended, TerminationCase, without
from handlers.withdrawal import before, going_on, still_ends, without_it


def decide(scene: Scene, command: DecideTermination) -> Decision:  # noqa: PLR0911 - a line for each rule
    """R80, R81: the other side answers; nobody decides on their own request."""
    state, customer = scene.partnership.state, scene.customer
    if isinstance(state, Active | Suspended | InNotice) or (isinstance(state, Stalled) and not state.escalated):
        return Rejected(RejectionCode.NO_OPEN_REQUEST, {"status": state.status, "stage": state.stage})
    if not isinstance(state, PendingDecision | Stalled) or customer is None:
        return not_allowed(scene.partnership)
    if refusal := _not_the_decider(scene, state, command.actor.kind):
        return refusal
    if not command.approve:
        return _reject(scene, customer, command, state)
    if isinstance(state, Stalled):
        return Accepted(
            renewed(scene, state) if is_renewed(scene, state) else ended(scene, customer, end_of(state.case))
        )
    if refusal := _unread(command, state.case):
        return refusal
    choice = command.billing_mode if command.actor.kind is Party.CUSTOMER else None
    return Accepted(approved(scene, customer, state, "decision", choice))


def _not_the_decider(scene: Scene, state: PendingDecision | Stalled, actor: Party) -> Rejected | None:
    """What has been escalated, and what a closed partner would have to decide, falls to the platform."""
    turn = decider_of(scene, state)
    if actor is Party.PLATFORM and (state.escalated or turn == "platform"):
        return None
    by = state.case.by
    if isinstance(state, PendingDecision) and by != "platform" and actor.value == other_side(by):
        orphaned = decider(by, scene.partner) == "platform"
        return Rejected(RejectionCode.PARTNER_NOT_ACTIVE, {"status": scene.partner.status}) if orphaned else None
    return Rejected(RejectionCode.NOT_YOUR_TURN, {"decider": turn})


def decider_of(scene: Scene, state: PendingDecision | Stalled) -> Initiator:
    """Whose turn it is."""
    if state.escalated or isinstance(state, Stalled):
        return "platform"
    return decider(state.case.by, scene.partner)


def _unread(command: DecideTermination, case: TerminationCase) -> Rejected | None:
    """The customer, whichever side asked, is the one who reads the warnings (R89 to R92)."""
    if command.actor.kind is not Party.CUSTOMER:
        return None
    version = case.rules.warning_version
    if command.warning_version is None:
        return Rejected(RejectionCode.WARNINGS_NOT_CONFIRMED, {"warning_version": version})
    if command.warning_version != version:
        return Rejected(RejectionCode.WARNING_VERSION_STALE, {"warning_version": version})
    return None


def _reject(scene: Scene, customer: Customer, command: DecideTermination, state: Ending) -> Decision:
    """Of two sides' requests the one whose time has not come goes on, as does one that nothing stands in the way of."""
    if refusal := no_reason(command.reason, scene.policy.reason_characters_min):
        return refusal
    why = Why(reason=command.reason or "")
    first, second, left = state.case, state.case.second, without(state, state.case.by, scene.now)
    rejected = TerminationRejected(**scene.ids, **before(scene, state), private=why)
    if left is None or second is None:
        return Accepted((rejected, *going_on(scene, state)))
    one = TerminationRejected(**scene.ids, **without_it(scene, first, left), private=why)
    if isinstance(left, InNotice):
        return Accepted((one, *still_ends(scene, left.case)))
    if free_to_end(scene, customer, left.case):
        return Accepted((one, *ended(scene, customer, end_of(left.case))))
    other = TerminationRejected(**scene.ids, **without_it(scene, second, left), private=why)
    return Accepted((other, rejected))


def approved(
    scene: Scene,
    customer: Customer,
    state: PendingDecision | InNotice,
    basis: Basis,
    choice: BillingMode | None,
    *,
    second_ends_at: datetime | None = None,
) -> tuple[Event, ...]:
    """The end is certain. If no notice period is left it takes effect, unless something stands in the way."""
    case = state.case.but(billing_mode=choice or state.case.billing_mode)
    approval = TerminationApproved(
        **scene.ids,
        basis=basis,
        ends_at=case.ends_at,
        billing_mode=case.billing_mode,
        second_ends_at=second_ends_at,
    )
    if scene.now < case.ends_at:
        return (approval,)
    return (approval, *end_or_stall(scene, customer, case))


def silence(policy: Policy, case: TerminationCase) -> Literal["approves", "escalates"]:
    """What it means that nobody decides: by the rules of the case (C10)."""
    if case.by == "platform":
        return "escalates"
    return case.rules.silence or policy.silence[other_side(case.by)]


def not_decided(scene: Scene, state: PendingDecision) -> Decision:
    """C10: silence means what the policy says; by default it must not cost a customer its service."""
    if scene.customer is None:
        return Accepted()
    if silence(scene.policy, state.case) == "approves":
        return Accepted(approved(scene, scene.customer, state, "no_answer", None))
    return Accepted((TerminationEscalated(**scene.ids, stage="pending_decision", cause="no_decision"),))

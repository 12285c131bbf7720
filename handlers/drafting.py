"""How one side begins to end a partnership: check, request, give up (R37 to R53, R62 to R76, R107, R113, R121)."""

from datetime import datetime

from contracts.agreement import CaseRules
from contracts.base import to_milliseconds
from contracts.blocks import BlockItem
from contracts.commands.termination import CheckTermination, RequestTermination, WithdrawTermination
from contracts.events.checking import TerminationChecked
from contracts.events.partnership import Why
from contracts.events.termination import (
    Plans,
    TerminationDetails,
    TerminationDraftChecked,
    TerminationDraftDiscarded,
    TerminationDrafted,
)
from contracts.message import Party, Route
from contracts.rejections import RejectionCode
from contracts.terms import Initiator, Side
from handlers.blocks import limit_reached, next_request_at, obstacles, uses_extra
from handlers.decision import Accepted, Decision, Rejected
from handlers.documents import Customer
from handlers.ending import End, ended, recheck
from handlers.guards import in_days, no_reason, not_allowed
from handlers.requesting import answers, open_draft, side_of
from handlers.scene import Scene
from handlers.states import Active, Draft, Ending, Stalled, Suspended, cases_of, without
from handlers.withdrawal import withdraw_case

# ------------------------------------------------------------------------------------------------------------ the check


def check(scene: Scene, command: CheckTermination) -> Decision:
    """R74, R76: everything at once, as often as one likes. Without a draft nothing changes by it."""
    customer, state = scene.customer, scene.partnership.state
    if not isinstance(state, Active | Suspended | Ending) or customer is None:
        return not_allowed(scene.partnership)
    side = side_of(scene, command)
    if isinstance(side, Rejected):
        return side
    mine = next((case for case in cases_of(state) if case.by == side), None) if isinstance(state, Ending) else None
    asked_second = mine is not None and isinstance(state, Ending) and mine is state.case.second
    case = state.case if isinstance(state, Stalled) and not asked_second else mine
    if case is not None:
        items = scene.blocks(customer, case.rules, case.details)
        looked = recheck(scene, state, customer) if isinstance(state, Stalled) else ()
        return Accepted((_answer(scene, side, case.rules, items, None), *looked))
    found = open_draft(scene, side)
    draft = found if isinstance(found, Draft) else None
    details = _added(draft.details if draft else TerminationDetails(), command)
    assisted = command.route is not Route.SELF_SERVICE
    rules = draft.rules if draft else scene.policy.case_rules(scene.partnership.model, side)
    rules = rules.but(needs_code=rules.needs_code or assisted)
    items = scene.blocks(customer, rules, details)
    answer = _answer(scene, side, rules, items, _allowed_at(scene, customer, side))
    if draft is None or draft.stage != "blocked":
        return Accepted((answer,))
    checked = TerminationDraftChecked(
        **scene.standing,
        by=side,
        draft_stage="blocked" if items else "unconfirmed",
        items=items,
        private=Plans(migration_plan=details.migration_plan, alternative_service=details.alternative_service),
    )
    return Accepted((answer, checked))


def _added(details: TerminationDetails, command: CheckTermination) -> TerminationDetails:
    return details.but(
        migration_plan=command.migration_plan or details.migration_plan,
        alternative_service=command.alternative_service or details.alternative_service,
    )


def _allowed_at(scene: Scene, customer: Customer, side: Side) -> datetime | None:
    """R62: what answers the other side's request does not count."""
    if not _counts(scene, side) or uses_extra(customer, side, scene.partner.id, scene.policy, scene.now):
        return None
    return next_request_at(customer, side, scene.partner.id, scene.policy, scene.now)


def _earliest(scene: Scene, side: Side, rules: CaseRules) -> datetime:
    """Of what is open already its own end; one's own request can bring the other side's forward."""
    state, own = scene.partnership.state, in_days(scene.now, rules.notice_days)
    if not isinstance(state, Ending):
        return own
    second = state.case.second if isinstance(state, Stalled) else None
    ends_at = max(scene.now, second.ends_at if second is not None and second.by == side else state.case.ends_at)
    return min(own, ends_at) if _answers(scene, side) and not rules.needs_consent else ends_at


def _answers(scene: Scene, side: Side) -> bool:
    return answers(scene.partnership.state, side, scene.policy, scene.partnership.model)


def _counts(scene: Scene, side: Side) -> bool:
    return side in scene.policy.requests_of and not _answers(scene, side)


def _answer(
    scene: Scene, side: Side, rules: CaseRules, items: tuple[BlockItem, ...], allowed_at: datetime | None
) -> TerminationChecked:
    """By the rules that the request goes by, or would go by."""
    return TerminationChecked(
        **scene.ids,
        by=side,
        passed=not items and allowed_at is None,
        items=obstacles(items),
        next_allowed_at=allowed_at,
        earliest_end_at=_earliest(scene, side, rules),
        needs_consent=rules.needs_consent,
        needs_code=rules.needs_code,
        warning_version=rules.warning_version,
        retention_days=rules.retention_days,
        refund=rules.refund,
        bill_confirmation_days=rules.bill_confirmation_days,
        billing_cycle=scene.customer.cycle_at(scene.now) if scene.customer else None,
    )


# ---------------------------------------------------------------------------------------------------------- the request


def request(scene: Scene, command: RequestTermination) -> Decision:
    """R37 to R43, R46, R113, R121: either side may ask at any time, for a reason; the platform orders."""
    customer = scene.customer
    if not isinstance(scene.partnership.state, Active | Suspended | Ending) or customer is None:
        return not_allowed(scene.partnership)
    if command.actor.kind is Party.PLATFORM:
        return _order(scene, command, customer)
    side = side_of(scene, command)
    if isinstance(side, Rejected):
        return side
    if refusal := (
        _asked_already(scene, side)
        or _unreasonable(scene, command, side)
        or _too_early(scene, command)
        or _too_late(scene, command)
        or _too_often(scene, customer, side)
    ):
        return refusal
    return _draft(scene, command, customer, side)


def _asked_already(scene: Scene, side: Side) -> Rejected | None:
    """One draft and one case. One's own request approves the other side's, or brings its end forward."""
    state = scene.partnership.state
    if isinstance(state, Ending) and not _answers(scene, side):
        return Rejected(RejectionCode.REQUEST_ALREADY_OPEN, {"by": state.case.by, "stage": state.stage})
    draft = open_draft(scene, side)
    if isinstance(draft, Draft):
        return Rejected(RejectionCode.REQUEST_ALREADY_OPEN, {"by": side, "stage": draft.stage})
    return None


def _unreasonable(scene: Scene, command: RequestTermination, by: Initiator) -> Rejected | None:
    """R37 to R43, R46: one of the reasons that are one's own, and what it is about."""
    if command.category not in scene.policy.categories[by]:
        return Rejected(RejectionCode.NOT_AUTHORIZED, {"categories": list(scene.policy.categories[by])})
    return no_reason(command.reason, scene.policy.reason_characters_min)


def _too_early(scene: Scene, command: RequestTermination) -> Rejected | None:
    """R45, R48: not before the notice period is over."""
    earliest = in_days(scene.now, scene.policy.notice_days)
    if command.end_at is None or command.end_at >= earliest:
        return None
    return Rejected(RejectionCode.NOTICE_TOO_SHORT, {"earliest": to_milliseconds(earliest)})


def _too_late(scene: Scene, command: RequestTermination) -> Rejected | None:
    """R113: nobody is to be held for years by the other side's request."""
    latest = in_days(scene.now, max(scene.policy.end_days_max, scene.policy.notice_days))
    if command.end_at is None or command.end_at <= latest:
        return None
    return Rejected(RejectionCode.END_TOO_LATE, {"latest": to_milliseconds(latest)})


def _too_often(scene: Scene, customer: Customer, side: Side) -> Rejected | None:
    """R62: what answers the other side's request does not count."""
    if not _counts(scene, side):
        return None
    return limit_reached(customer, side, scene.partner.id, scene.policy, scene.now)


def _draft(scene: Scene, command: RequestTermination, customer: Customer, side: Side) -> Decision:
    details = TerminationDetails(
        reason=command.reason or "",
        migration_plan=command.migration_plan or "",
        alternative_service=command.alternative_service or "",
        successor=command.successor or "",
    )
    assisted = command.route is not Route.SELF_SERVICE
    rules = scene.policy.case_rules(scene.partnership.model, side, assisted=assisted)
    items = scene.blocks(customer, rules, details)
    drafted = TerminationDrafted(
        **scene.standing,
        by=side,
        route=command.route,
        draft_stage="blocked" if items else "unconfirmed",
        category=command.category,
        items=items,
        end_at=command.end_at,
        lapses_at=in_days(scene.now, scene.policy.draft_days),
        rules=rules,
        private=details,
    )
    return Accepted((drafted,))


def _order(scene: Scene, command: RequestTermination, customer: Customer) -> Decision:
    """R39, R40: the platform needs no consent and gives no notice, nothing blocks it, and it closes what is open."""
    if refusal := _unreasonable(scene, command, "platform"):
        return refusal
    state = scene.partnership.state
    case = state.case if isinstance(state, Ending) else None
    end = End(
        by="platform",
        category=command.category,
        reason=command.reason or "",
        choice=case.billing_mode if case else None,
        rules=case.rules if case else scene.policy.case_rules(scene.partnership.model, "customer"),
    )
    return Accepted(ended(scene, customer, end))


# -------------------------------------------------------------------------------------------------------- the giving up


def withdraw(scene: Scene, command: WithdrawTermination) -> Decision:
    """The requesting side takes its case back until it takes effect, or gives its draft up; the platform its own."""
    if not isinstance(scene.partnership.state, Active | Suspended | Ending):
        return not_allowed(scene.partnership)
    if command.actor.kind is Party.PLATFORM:
        return withdraw_case(scene, "platform", command.reason)
    side = side_of(scene, command)
    if isinstance(side, Rejected):
        return side
    draft = open_draft(scene, side)
    if isinstance(draft, Draft):
        why = Why(reason=command.reason or "")
        discarded = TerminationDraftDiscarded(**scene.standing, by=side, cause="given_up", private=why)
        return Accepted((discarded,))
    return _looked_at(scene, side, withdraw_case(scene, side, command.reason))


def _looked_at(scene: Scene, side: Side, decision: Decision) -> Decision:
    """Where the other side's own request is stalled without this one: perhaps nothing stands in its way (R113)."""
    state, customer = scene.partnership.state, scene.customer
    if isinstance(decision, Rejected) or not isinstance(state, Stalled) or state.own or customer is None:
        return decision
    left = without(state, side, scene.now)
    if not isinstance(left, Stalled):
        return decision
    return Accepted((*decision.events, *recheck(scene, left, customer)), decision.internal)

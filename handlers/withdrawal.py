"""A case that comes to nothing: everything is as it was before (R80, R81)."""

from datetime import timedelta
from typing import Literal, TypedDict

from contracts.events.partnership import Why
from contracts.events.termination import TerminationApproved, TerminationDecisionRequested, TerminationWithdrawn
from contracts.message import Event
from contracts.rejections import RejectionCode
from contracts.terms import BondStage, Category, Initiator
from handlers.decision import Accepted, Decision, Rejected
from handlers.documents import decider
from handlers.scene import Scene
from handlers.states import Ending, InNotice, PendingDecision, Stalled, TerminationCase, cases_of, without


class Before(TypedDict):
    """What it is again, whose request it was, and whether that counts (C4)."""

    status: Literal["active", "suspended", "ending"]
    stage: BondStage | Literal["pending_decision", "in_notice", "stalled"]
    by: Initiator
    category: Category
    uncounted: bool
    extra_returned: bool


def before(scene: Scene, state: Ending) -> Before:
    """For the events that lead back."""
    own = overtaken(state)
    if own is not None:
        return {**_whose(scene, state.case, ended=False), "status": own.status, "stage": own.stage}
    return {**_whose(scene, state.case, ended=True), "status": state.before.status, "stage": state.before.stage}


def overtaken(state: Ending) -> PendingDecision | InNotice | None:
    """A side's own request that the agreement's end has overtaken."""
    return state.own if isinstance(state, Stalled) else None


def _whose(scene: Scene, case: TerminationCase, *, ended: bool) -> Before:
    counted = case.rules.requests_counted or scene.policy.requests_counted
    uncounted = ended and case.by != "platform" and case.counted and counted == "effective"
    return {
        "status": "ending",
        "stage": "stalled",
        "by": case.by,
        "category": case.category,
        "uncounted": uncounted,
        "extra_returned": uncounted and case.extra_used,
    }


def going_on(scene: Scene, state: Ending) -> tuple[Event, ...]:
    """What is said of a side's own request that an agreement's end had overtaken, and that goes on now.

    R80: what nobody could decide meanwhile has the time again that was left.
    """
    own = overtaken(state)
    if isinstance(own, InNotice):
        return still_ends(scene, own.case)
    if own is None or own.escalated or own.case.by == "platform":
        return ()
    stalled_at = state.case.ends_at  # that of the agreement
    left = max(own.decide_by - stalled_at, timedelta())
    asked = TerminationDecisionRequested(
        **scene.ids,
        decider=decider(own.case.by, scene.partner),
        decide_by=scene.now + left,
        warning_version=own.case.rules.warning_version,
    )
    return (asked,)


def still_ends(scene: Scene, case: TerminationCase) -> tuple[Event, ...]:
    """By which request it ends now, and when, where that is to come."""
    if case.ends_at <= scene.now:
        return ()
    return (TerminationApproved(**scene.ids, basis="goes_on", ends_at=case.ends_at, billing_mode=case.billing_mode),)


def without_it(scene: Scene, case: TerminationCase, left: InNotice | Stalled) -> Before:
    """For the event by which one of two requests is gone, and the other side's goes on."""
    return {**_whose(scene, case, ended=True), "stage": left.stage}


def withdraw_case(scene: Scene, by: Initiator, reason: str | None) -> Decision:
    """By whoever asked; also what an agreement's end has overtaken, or the other side's own, which go on without it."""
    state, why = scene.partnership.state, Why(reason=reason or "")
    cases = cases_of(state) if isinstance(state, Ending) else ()
    case = next((case for case in cases if case.by == by), None)
    if case is None or not isinstance(state, Ending):
        return Rejected(RejectionCode.NO_OPEN_REQUEST, {"by": by})
    if case is not state.case and overtaken(state) is not None:
        return Accepted((TerminationWithdrawn(**scene.ids, **_whose(scene, case, ended=True), private=why),))
    left = without(state, by, scene.now)
    if left is not None:
        withdrawn = TerminationWithdrawn(**scene.ids, **without_it(scene, case, left), private=why)
        return Accepted((withdrawn, *(still_ends(scene, left.case) if isinstance(left, InNotice) else ())))
    withdrawn = TerminationWithdrawn(**scene.ids, **before(scene, state), private=why)
    return Accepted((withdrawn, *going_on(scene, state)))

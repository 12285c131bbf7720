"""A case that comes to nothing: everything is as it was before (R80, R81)."""

from typing import Literal, TypedDict

from contracts.events.partnership import Why
from contracts.events.termination import TerminationWithdrawn
from contracts.rejections import RejectionCode
from contracts.terms import BondStage, Initiator
from handlers.decision import Accepted, Decision, Rejected
from handlers.scene import Scene
from handlers.states import Ending


class Before(TypedDict):
    """What it is again, and whether the request counts (C4)."""

    status: Literal["active", "suspended"]
    stage: BondStage
    uncounted: bool
    extra_returned: bool


def before(scene: Scene, state: Ending) -> Before:
    """For the events that lead back."""
    uncounted = state.case.counted and scene.policy.requests_counted == "effective"
    return {
        "status": state.before.status,
        "stage": state.before.stage,
        "uncounted": uncounted,
        "extra_returned": uncounted and state.case.extra_used,
    }


def withdraw_case(scene: Scene, by: Initiator, reason: str | None) -> Decision:
    """By whoever asked."""
    state = scene.partnership.state
    if not isinstance(state, Ending) or state.case.by != by:
        return Rejected(RejectionCode.NO_OPEN_REQUEST, {"by": by})
    withdrawn = TerminationWithdrawn(**scene.ids, **before(scene, state), private=Why(reason=reason or ""))
    return Accepted((withdrawn,))

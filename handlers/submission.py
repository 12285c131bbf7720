"""From the explicit yes to the submitted request (R54, R62, R75, R78, R80, R89 to R95, R122)."""

from datetime import datetime

from contracts.commands.termination import ConfirmTermination
from contracts.events.termination import (
    TerminationApproved,
    TerminationConfirmed,
    TerminationDecisionRequested,
    TerminationSubmitted,
)
from contracts.message import Event, Party, Route
from contracts.rejections import RejectionCode
from contracts.terms import Side
from handlers.blocks import blocked, limit_reached, uses_extra
from handlers.consent import approved
from handlers.decision import Accepted, Decision, Rejected
from handlers.documents import Customer, decider
from handlers.ending import end_or_stall
from handlers.guards import in_days, not_allowed
from handlers.requesting import Open, answers, open_draft, side_of
from handlers.scene import Scene
from handlers.states import Active, Draft, Ending, Suspended, TerminationCase, both_ask, request_of


def confirm(scene: Scene, command: ConfirmTermination) -> Decision:  # noqa: PLR0911 - a line for each rule
    """R75, R89 to R92, R95, R112, R122: the warnings were read, and the answer is yes."""
    if not isinstance(scene.partnership.state, Active | Suspended | Ending):
        return not_allowed(scene.partnership)
    side = side_of(scene, command)
    if isinstance(side, Rejected):
        return side
    draft = open_draft(scene, side)
    if isinstance(draft, Rejected):
        return draft
    if draft.stage == "blocked":
        return blocked(draft.items)
    if refusal := _unread(command, draft):
        return refusal
    needs_code = draft.rules.needs_code or command.route is not Route.SELF_SERVICE
    choice = command.billing_mode if side == "customer" else None
    if draft.category == "direct_billing":  # R43
        choice = "direct"
    confirmed = TerminationConfirmed(
        **scene.standing,
        by=side,
        draft_stage="code_needed" if needs_code else "unconfirmed",
        warning_version=draft.rules.warning_version,
        checklist=command.checklist,
        billing_mode=choice,
    )
    if needs_code:
        return Accepted((confirmed,))
    submitted = submit(scene, side, draft.but(billing_mode=choice))
    return submitted if isinstance(submitted, Rejected) else Accepted((confirmed, *submitted))


def _unread(command: ConfirmTermination, draft: Draft) -> Rejected | None:
    """R92; R95: through customer service, the caller was told and agrees."""
    version = draft.rules.warning_version
    told = command.actor.kind is not Party.SUPPORT or command.caller_consents
    if not command.checklist.warnings_read or not told or command.warning_version is None:
        return Rejected(RejectionCode.WARNINGS_NOT_CONFIRMED, {"warning_version": version})
    if command.warning_version != version:
        return Rejected(RejectionCode.WARNING_VERSION_STALE, {"warning_version": version})
    return None


# ------------------------------------------------------------------------------------------------------- the submission


def submit(scene: Scene, side: Side, draft: Draft) -> tuple[Event, ...] | Rejected:
    """R78: what is asked becomes a case; or it approves the case that the other side has open (R80, R81)."""
    state, customer = scene.partnership.state, scene.customer
    if customer is None:
        return not_allowed(scene.partnership)
    if answers(state, side, scene.policy, scene.partnership.model):
        return _by_both(scene, customer, side, state, draft)
    if isinstance(state, Ending):
        return Rejected(RejectionCode.REQUEST_ALREADY_OPEN, {"by": state.case.by, "stage": state.stage})
    counted = side in scene.policy.requests_of
    if counted and (refusal := limit_reached(customer, side, scene.partner.id, scene.policy, scene.now)):
        return refusal
    if items := scene.blocks(customer, draft.rules, draft.details):
        return blocked(items)
    return _submitted(scene, customer, side, draft, counted=counted)


def _by_both(scene: Scene, customer: Customer, side: Side, state: Open, draft: Draft) -> tuple[Event, ...]:
    """R113: the earlier of the two ends, where this side needs no consent (C2): alone it would have had its own."""
    theirs, now = state.case.but(billing_mode=draft.billing_mode or state.case.billing_mode), scene.now
    if draft.rules.needs_consent:
        return approved(scene, customer, state.but(case=theirs), "both_sides_asked", None)
    ends_at = max(draft.end_at or now, in_days(now, draft.rules.notice_days))
    own = request_of(draft, side, now, ends_at, theirs.billing_mode)
    both = state.but(case=both_ask(theirs, own))
    return approved(scene, customer, both, "both_sides_asked", None, second_ends_at=ends_at)


def _submitted(scene: Scene, customer: Customer, side: Side, draft: Draft, *, counted: bool) -> tuple[Event, ...]:
    """The notice period runs from here (R45, R48). Then the other side decides, or nobody has to (C2)."""
    rules, now = draft.rules, scene.now
    ends_at = max(draft.end_at or now, in_days(now, rules.notice_days))
    submitted = TerminationSubmitted(
        **scene.ids,
        by=side,
        route=scene.message.data.route,
        category=draft.category,
        counted=counted,
        extra_used=counted and uses_extra(customer, side, scene.partner.id, scene.policy, now),
        decide_by=in_days(now, rules.decision_days) if rules.needs_consent else now,
        ends_at=ends_at,
        billing_mode=draft.billing_mode,
    )
    if rules.needs_consent:
        asked = TerminationDecisionRequested(
            **scene.ids,
            decider=decider(side, scene.partner),
            decide_by=submitted.decide_by,
            warning_version=rules.warning_version,
        )
        return (submitted, asked)
    approval = TerminationApproved(
        **scene.ids, basis="no_consent_needed", ends_at=ends_at, billing_mode=draft.billing_mode
    )
    if now < ends_at:
        return (submitted, approval)
    return (submitted, approval, *end_or_stall(scene, customer, _case(submitted, draft, now)))


def _case(submitted: TerminationSubmitted, draft: Draft, now: datetime) -> TerminationCase:
    """What the request becomes, for one that takes effect in the same decision."""
    return TerminationCase(
        by=submitted.by,
        category=submitted.category,
        submitted_at=now,
        counted=submitted.counted,
        extra_used=submitted.extra_used,
        ends_at=submitted.ends_at,
        billing_mode=submitted.billing_mode,
        details=draft.details,
        rules=draft.rules,
    )

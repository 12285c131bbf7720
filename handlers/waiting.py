"""Whose turn it is, until when, and what happens then: one table over the deadlines."""

from contracts.base import Contract, Moment, ShortText
from contracts.deadlines import DeadlineKind
from contracts.terms import Initiator
from handlers.deadlines import deadlines
from handlers.documents import Partner, Partnership, decider, other_side
from handlers.policy import Policy
from handlers.states import Invited, PendingDecision, Stalled, State, Terminated

OTHERS: dict[DeadlineKind, tuple[str, str]] = {
    "offer_purge": ("nobody", "what is personal is purged"),
    "activation": ("system", "the platform is told that the account is not activated"),
    "switch": ("system", "the platform is told that the switch takes too long"),
    "partner_draft": ("partner", "the draft lapses and does not count"),
    "customer_draft": ("customer", "the draft lapses and does not count"),
    "notice_end": ("nobody", "the partnership ends, unless something stands in the way"),
    "recheck": ("nobody", "the account is checked again"),
    "stalled_too_long": ("customer, partner", "the platform decides"),
    "agreement_end": ("nobody", "the partnership ends with its agreement"),
    "closing": ("system", "the platform is told that the closing takes too long"),
    "bill_confirmation": ("customer", "the final bill counts as confirmed"),
    "retention_end": ("nobody", "what is personal is purged, and nothing can be recovered"),
}
"""Who and what, where it is always the same."""
UNTOLD: tuple[DeadlineKind, ...] = ("invitation_reminder",)
DRAFTS: dict[DeadlineKind, Initiator] = {"partner_draft": "partner", "customer_draft": "customer"}


class WaitingOn(Contract):
    """One thing that is waited for."""

    what: DeadlineKind
    who: ShortText
    until: Moment
    """Past where it was too late for the others, and is the platform's turn."""
    then: ShortText


def waiting_on(partnership: Partnership, partner: Partner, viewer: Initiator, policy: Policy) -> tuple[WaitingOn, ...]:
    """The soonest first. The other side's draft is not seen."""
    lines = sorted(deadlines(partnership), key=lambda line: line.due_at)
    return _escalated(partnership.state) + tuple(
        WaitingOn(what=kind, who=who, until=due_at, then=then)
        for kind, due_at, _ in lines
        if kind not in UNTOLD and DRAFTS.get(kind, viewer) == viewer
        for who, then in [_who_and_then(partnership, partner, kind, policy)]
    )


def _escalated(state: State) -> tuple[WaitingOn, ...]:
    """What nobody is given a time for any more: it is the platform's turn since then (C10)."""
    match state:
        case PendingDecision(escalated=True):
            return (WaitingOn(what="decision", who="platform", until=state.decide_by, then="the platform decides"),)
        case Stalled(escalated=True):
            then = "the platform decides"
            return (WaitingOn(what="stalled_too_long", who="platform", until=state.escalate_at, then=then),)
        case _:
            return ()


def _who_and_then(partnership: Partnership, partner: Partner, kind: DeadlineKind, policy: Policy) -> tuple[str, str]:
    state = partnership.state
    match kind:
        case "invitation_expiry" if isinstance(state, Invited):
            return other_side(state.by), "the invitation expires"
        case "modification_answer" if partnership.modification is not None:
            return other_side(partnership.modification.by), "the change lapses and everything stays as it is"
        case "decision" if isinstance(state, PendingDecision):
            return _decision(state, partner, policy)
        case "reactivation_answer" if isinstance(state, Terminated) and state.reactivation is not None:
            return ", ".join(state.reactivation.awaiting), "the reactivation lapses"
        case _:
            return OTHERS[kind]


def _decision(state: PendingDecision, partner: Partner, policy: Policy) -> tuple[str, str]:
    """C10; what a closed partner would have to decide, the platform decides."""
    if state.case.by == "platform":
        return "platform", "the platform decides"
    silence = policy.silence[other_side(state.case.by)]
    return decider(state.case.by, partner), "it counts as approved" if silence == "approves" else "the platform decides"

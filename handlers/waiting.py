"""Whose turn it is, until when, and what happens then: one table over the deadlines."""

from collections.abc import Iterator
from typing import Literal

from contracts.base import Contract, Moment, ShortText
from contracts.deadlines import DeadlineKind
from contracts.terms import Initiator, other_side
from handlers.consent import silence
from handlers.deadlines import deadlines, is_disputed
from handlers.documents import Partner, Partnership, decider
from handlers.policy import Policy
from handlers.states import (
    Active,
    Ending,
    Invited,
    PendingDecision,
    Stalled,
    State,
    Suspended,
    Switching,
    Terminated,
)

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
UNTOLD: tuple[DeadlineKind, ...] = ("invitation_reminder", "answer")
"""What is answered to, each thing by itself, is told beside them."""
DRAFTS: dict[DeadlineKind, Initiator] = {"partner_draft": "partner", "customer_draft": "customer"}


class WaitingOn(Contract):
    """One thing that is waited for."""

    what: DeadlineKind | Literal["dispute", "final_bill", "restore", "export"]
    who: ShortText
    until: Moment | None
    """Past where it was too late for the others, and is the platform's turn."""
    then: ShortText


def waiting_on(partnership: Partnership, partner: Partner, viewer: Initiator, policy: Policy) -> tuple[WaitingOn, ...]:
    """What has no time any more, then the soonest first. The other side's draft is not seen."""
    return (
        *_escalated(partnership.state),
        *_untimed(partnership),
        *(
            WaitingOn(what=kind, who=who, until=due_at, then=then)
            for kind, due_at, _ in deadlines(partnership)
            if kind not in UNTOLD and DRAFTS.get(kind, viewer) == viewer
            for who, then in [_who_and_then(partnership, partner, kind, policy)]
        ),
    )


def _untimed(partnership: Partnership) -> Iterator[WaitingOn]:
    """What has no time, or none any more: the platform was told that it takes too long."""
    state, bill, due = partnership.state, partnership.bill, partnership.answers_due
    bond = state.before if isinstance(state, Ending) else state
    if is_disputed(bill):
        yield WaitingOn(what="dispute", who="support", until=None, then="the customer confirms the bill")
    if isinstance(state, Switching) and state.overdue_at is None:
        yield WaitingOn(what="switch", who="system", until=None, then="the customer is handed over")
    if isinstance(bond, Active | Suspended) and bond.activation_due_at is None and bond.stage != "activation_done":
        yield WaitingOn(what="activation", who="system", until=None, then="the account is activated")
    if isinstance(state, Terminated) and state.complete_by is None and state.open_steps:
        steps = ", ".join(state.open_steps)
        yield WaitingOn(what="closing", who="system, platform", until=None, then=f"the closing goes on: {steps}")
    if not isinstance(state, Terminated) and bill is not None and bill.state == "requested":
        then = "the customer checks the former end's bill"
        yield WaitingOn(what="final_bill", who="system", until=due.get("final_bill"), then=then)
    if partnership.restore in ("requested", "failed"):
        who = "system" if partnership.restore == "requested" else "platform"
        yield WaitingOn(what="restore", who=who, until=due.get("restore"), then="the data is there again")
    if partnership.export is not None and partnership.export.state == "requested":
        yield WaitingOn(what="export", who="system", until=due.get("export"), then="the customer gets its data")


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
            return decider(partnership.modification.by, partner), "the change lapses and everything stays as it is"
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
    approves = silence(policy, state.case) == "approves"
    return decider(state.case.by, partner), "it counts as approved" if approves else "the platform decides"

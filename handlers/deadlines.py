"""What a partnership waits for, and until when: one table. What comes of each deadline is decided in handlers/due.py.

The engine has `next_due_at` indexed and appends DeadlineReached for what is due. A deadline counts while it stands
here; one that no longer does changes nothing, so one may come late, twice or again.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from operator import itemgetter
from typing import NamedTuple

from contracts.deadlines import DeadlineKind
from handlers.documents import FinalBill, Partnership
from handlers.states import (
    Active,
    Bond,
    Cancelled,
    Declined,
    Expired,
    InNotice,
    Invited,
    PendingDecision,
    Stalled,
    State,
    Suspended,
    Switching,
    Terminated,
)


class Deadline(NamedTuple):
    """One thing that is waited for. `sequence`: of the partnership's latest lifecycle event, so that ids differ."""

    kind: DeadlineKind
    due_at: datetime
    sequence: int


def deadlines(partnership: Partnership) -> tuple[Deadline, ...]:
    """All of them, the earliest first: many may be due at once. At one instant a side's own request comes first."""
    sequence = partnership.sequences.get("lifecycle", 0)
    return tuple(Deadline(kind, due_at, sequence) for kind, due_at in sorted(_pending(partnership), key=_DUE_AT))


def next_due_at(partnership: Partnership) -> datetime | None:
    """The earliest."""
    earliest = min(_pending(partnership), key=_DUE_AT, default=None)
    return earliest[1] if earliest else None


_DUE_AT = itemgetter(1)
Pending = Iterator[tuple[DeadlineKind, datetime]]


def _pending(partnership: Partnership) -> Pending:
    yield from _of_state(partnership, partnership.state)
    if partnership.modification is not None:
        yield "modification_answer", partnership.modification.answer_by
    if partnership.drafts:
        for side, draft in partnership.drafts.items():
            yield "partner_draft" if side == "partner" else "customer_draft", draft.lapses_at
    if partnership.answers_due:
        yield "answer", min(partnership.answers_due.values())
    bill = partnership.bill
    if bill is not None and bill.state == "recorded" and bill.confirm_by is not None:
        yield "bill_confirmation", bill.confirm_by


def _of_state(partnership: Partnership, state: State) -> Pending:  # noqa: C901, PLR0912 - a table
    match state:
        case Invited():
            yield from _of_offer(state)
        case Switching():
            if state.overdue_at is not None:
                yield "switch", state.overdue_at
        case Declined() | Cancelled() | Expired():
            if not partnership.legal_hold:
                yield "offer_purge", state.purge_at
        case Active() | Suspended():
            yield from _of_bond(partnership, state)
        case PendingDecision():
            if not state.escalated:
                yield "decision", state.decide_by
            yield from _of_bond(partnership, state.before)
        case InNotice():
            yield "notice_end", state.case.ends_at
            yield from _of_bond(partnership, state.before)
        case Stalled():
            yield "recheck", state.recheck_at
            if not state.escalated:
                yield "stalled_too_long", state.escalate_at
            yield from _of_activation(state.before)
        case Terminated():
            yield from _of_closing(partnership, state)
        case _:
            pass


def _of_offer(state: Invited) -> Pending:
    yield "invitation_expiry", state.expires_at
    if state.reminders < len(state.rules.reminder_days):
        yield "invitation_reminder", state.expires_at - timedelta(days=state.rules.reminder_days[state.reminders])


def _of_activation(bond: Bond) -> Pending:
    if bond.activation_due_at is not None:
        yield "activation", bond.activation_due_at


def _of_bond(partnership: Partnership, bond: Bond) -> Pending:
    yield from _of_activation(bond)
    if partnership.agreement_ends_at is not None:
        yield "agreement_end", partnership.agreement_ends_at


def _of_closing(partnership: Partnership, state: Terminated) -> Pending:
    """The purge waits for legal hold, dispute and unfinished closing; a reactivation lapses before it."""
    if state.complete_by is not None and not waits_for_customer(partnership.bill, state):
        yield "closing", state.complete_by
    if state.reactivation is not None:
        yield "reactivation_answer", state.reactivation.answer_by
    elif state.stage == "done" and not partnership.legal_hold and not is_disputed(partnership.bill):
        yield "retention_end", state.retained_until


def waits_for_customer(bill: FinalBill | None, state: Terminated) -> bool:
    """Only its word on the final bill is missing, and time gives that too (R104): nobody is late (R88)."""
    return bill is not None and bill.state == "recorded" and state.open_steps == ("final_bill",)


def is_disputed(bill: FinalBill | None) -> bool:
    """Whether support has to look at it first."""
    return bill is not None and bill.state == "disputed"

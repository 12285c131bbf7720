"""The states of a partnership, and what each of them holds. A field exists only where it has a meaning."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from contracts.agreement import CaseRules, Items, OfferRules
from contracts.base import Contract, Count, Id, LongText, Moment, ShortText
from contracts.commands.termination import Checklist
from contracts.events.termination import DraftStage, TerminationDetails
from contracts.steps import StepName, StepState
from contracts.terms import BillingMode, BondStage, Category, Initiator, InvitedStage, Side

# ------------------------------------------------------------------------------------------------------------ the offer


class Invited(Contract):
    """The offer is open. `reserved`: it has a place in the partner's quota."""

    status: Literal["invited"] = "invited"
    stage: InvitedStage = "sent"
    by: Side = "partner"
    expires_at: Moment
    rules: OfferRules
    reserved: bool
    opened_by: Id | None = None
    failed_attempts: Count = 0
    links: Count = 1
    """How often it was sent; only the last link is valid."""
    reminders: Count = 0
    consent_version: ShortText | None = None
    """Of the customer, where it made the offer."""
    switch_from_partner_id: Id | None = None
    """The customer made the offer, and confirmed with it to leave this partner, and no other."""


class Switching(Contract):
    """Accepted; the customer's old partnership has to end first. If it cannot, the `offer` is open again."""

    status: Literal["switching"] = "switching"
    switch_id: Id
    offer: Invited
    overdue_at: Moment | None


class ClosedOffer(Contract):
    """What is left of an offer that came to nothing."""

    closed_at: Moment
    purge_at: Moment


class Declined(ClosedOffer):
    """Who got the offer said no."""

    status: Literal["declined"] = "declined"
    reason: LongText


class Cancelled(ClosedOffer):
    """Who made the offer took it back."""

    status: Literal["cancelled"] = "cancelled"
    reason: LongText


class Expired(ClosedOffer):
    """The offer can no longer be accepted."""

    status: Literal["expired"] = "expired"
    cause: Literal["verification_exhausted", "time"]


# ------------------------------------------------------------------------------------------------------ the partnership


class Bond(Contract):
    """What a partnership has while it lives."""

    stage: BondStage = "activation_pending"
    bound_at: Moment
    activation_due_at: Moment | None
    """Until then activation is waited for; None once it has been heard of."""


class Active(Bond):
    """The partnership lives."""

    status: Literal["active"] = "active"


class Suspended(Bond):
    """It lives, but the platform has suspended it (R39)."""

    status: Literal["suspended"] = "suspended"
    reason: LongText


Living = Annotated[Active | Suspended, Field(discriminator="status")]


# -------------------------------------------------------------------------------------------------------------- its end


class Code(Contract):
    """The verification code that was sent last (R77)."""

    number: Count
    expires_at: Moment


class Misses(Contract):
    """Wrong codes of one side in a row (R77). They outlive its draft: else a new one would be a way round the lock."""

    number: Count = 0
    locked_until: Moment | None = None


class Draft(Contract):
    """One side is about to ask for the end. The other side does not see it."""

    stage: DraftStage
    category: Category
    details: TerminationDetails
    items: Items
    end_at: Moment | None
    lapses_at: Moment
    rules: CaseRules
    billing_mode: BillingMode | None = None
    checklist: Checklist | None = None
    codes: Count = 0
    code: Code | None = None


class TerminationCase(Contract):
    """A request to end the partnership, with the dates and the rules that it began with."""

    by: Initiator
    category: Category
    submitted_at: Moment
    counted: bool
    extra_used: bool = False
    ends_at: Moment
    billing_mode: BillingMode | None = None
    details: TerminationDetails
    rules: CaseRules
    second: "TerminationCase | None" = None
    """The other side's own request, for the same date or a later one (R113): it goes on without this one."""


class Ending(Contract):
    """A case is open. `before` is what it is again if the case comes to nothing."""

    status: Literal["ending"] = "ending"
    case: TerminationCase
    before: Living


class PendingDecision(Ending):
    """One side wants to end it and the other has to decide; `escalated`, the platform."""

    stage: Literal["pending_decision"] = "pending_decision"
    decide_by: Moment
    escalated: bool = False


class InNotice(Ending):
    """It ends when the notice period is over."""

    stage: Literal["in_notice"] = "in_notice"


class Stalled(Ending):
    """The notice period is over, but something stands in the way."""

    stage: Literal["stalled"] = "stalled"
    items: Items
    recheck_at: Moment
    escalate_at: Moment
    escalated: bool = False
    own: "PendingDecision | InNotice | None" = Field(default=None, discriminator="stage")
    """A side's own request, which the agreement's end has overtaken: it goes on if the agreement does."""


def cases_of(state: Ending) -> tuple[TerminationCase, ...]:
    """All that are open: one, what that has overtaken, and the other side's of each."""
    own = state.own if isinstance(state, Stalled) else None
    cases = (state.case,) if own is None else (state.case, own.case)
    return (*cases, *(case.second for case in cases if case.second is not None))


def with_choice(state: Ending, mode: BillingMode) -> Ending:
    """With another choice of who bills afterwards (R57), in each request that is open."""
    changes: dict[str, object] = {"case": _chosen(state.case, mode)}
    if isinstance(state, Stalled) and state.own is not None:
        changes["own"] = with_choice(state.own, mode)
    return state.but(**changes)


def _chosen(case: TerminationCase, mode: BillingMode) -> TerminationCase:
    own = case.billing_mode if case.category == "direct_billing" else mode  # R43
    return case.but(billing_mode=own, second=case.second and _chosen(case.second, mode))


def request_of(draft: Draft, by: Side, at: datetime, ends_at: datetime, mode: BillingMode | None) -> TerminationCase:
    """What the draft of a side becomes that answers the other one's request: it does not count."""
    return TerminationCase(
        by=by,
        category=draft.category,
        submitted_at=at,
        counted=False,
        ends_at=ends_at,
        billing_mode=mode,
        details=draft.details,
        rules=draft.rules,
    )


def both_ask(one: TerminationCase, other: TerminationCase) -> TerminationCase:
    """Two sides' requests, the earlier one first: each ends it at its own date, by its own checks (R113)."""
    first, second = (other, one) if other.ends_at < one.ends_at else (one, other)
    return first.but(second=second)


def without(state: Ending, by: Initiator | None, now: datetime) -> "InNotice | Stalled | None":
    """Where both sides ask, what is left without this one's request. What the customer chose goes with its own."""
    case, second = state.case, state.case.second
    if second is None or by not in (case.by, second.by):
        return None
    left = second if by == case.by else case.but(second=None)
    if by == "customer":
        left = left.but(billing_mode=None)
    if isinstance(state, Stalled) and left.ends_at <= now:
        return state.but(case=left)
    return InNotice(case=left, before=state.before)


OpenCase = Annotated[PendingDecision | InNotice | Stalled, Field(discriminator="stage")]


# ----------------------------------------------------------------------------------------------------------- afterwards


class Reactivation(Contract):
    """One side wants it back; these have to agree."""

    by: Side
    awaiting: tuple[Initiator, ...]
    answer_by: Moment
    fee_reference: ShortText | None = None
    asked_at: Moment | None = None
    consent_version: ShortText | None = None
    """Of who asked."""


class Terminated(Contract):
    """It has ended, and is read-only (R118) but for its closing."""

    status: Literal["terminated"] = "terminated"
    stage: Literal["closing", "done"] = "closing"
    by: Initiator
    category: Category
    reason: LongText
    billing_mode: BillingMode
    bound_at: Moment
    ended_at: Moment
    was_suspended: bool = False
    rules: CaseRules
    steps: dict[StepName, StepState]
    complete_by: Moment | None
    """None once the platform was told that it takes too long."""
    retained_until: Moment
    reactivation: Reactivation | None = None

    @property
    def open_steps(self) -> tuple[StepName, ...]:
        """What has not been done, nor done without."""
        return tuple(name for name, state in self.steps.items() if state in ("requested", "failed"))


class Purged(Contract):
    """Nothing personal is left."""

    status: Literal["purged"] = "purged"
    purged_at: Moment


State = Annotated[
    Invited | Switching | Living | OpenCase | Terminated | Declined | Cancelled | Expired | Purged,
    Field(discriminator="status"),
]

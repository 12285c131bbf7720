"""The guards that several chapters share, and the quota that several of them move."""

from datetime import datetime, timedelta
from typing import Literal

from contracts.base import to_milliseconds
from contracts.events.facts import QuotaUpdated
from contracts.message import SYSTEM, Actor, Party
from contracts.rejections import RejectionCode
from contracts.terms import Side, other_side
from handlers.decision import Rejected
from handlers.documents import Customer, Partner, Partnership
from handlers.states import Expired, Purged, Switching, Terminated

SIDES: dict[Party, Side] = {Party.PARTNER: "partner", Party.CUSTOMER: "customer"}


def own_side(actor: Actor) -> Side:
    """Of a user of one of the two sides, which admission has seen to."""
    return SIDES[actor.kind]


def not_allowed(partnership: Partnership) -> Rejected:
    """The status does not allow the command; R118: after the end nothing is allowed."""
    state = partnership.state
    match state:
        case Terminated() | Purged():
            return Rejected(RejectionCode.PARTNERSHIP_READ_ONLY, {"status": state.status})
        case Switching():
            return Rejected(RejectionCode.SWITCH_IN_PROGRESS, {"switch_id": state.switch_id})
        case Expired(cause="verification_exhausted"):
            return Rejected(RejectionCode.VERIFICATION_EXHAUSTED, {"status": state.status})
        case _:
            stage = getattr(state, "stage", None)
            return Rejected(RejectionCode.NOT_ALLOWED_IN_STATUS, {"status": state.status, "stage": stage})


def no_reason(reason: str | None, characters_min: int = 1) -> Rejected | None:
    """A reason must be given (R46, R121)."""
    if len((reason or "").strip()) >= characters_min:
        return None
    return Rejected(RejectionCode.REASON_REQUIRED, {"characters_min": characters_min})


def is_email(text: str) -> bool:
    """Whether it can be one (R11); whether anybody reads it, delivery shows."""
    name, at, domain = text.strip().rpartition("@")
    return bool(name and at and domain) and not any(character.isspace() for character in name + domain)


def incomplete(missing: list[str], malformed: list[str]) -> Rejected | None:
    """What is to be filled in, if anything (R15)."""
    if missing or malformed:
        return Rejected(RejectionCode.INVITATION_INCOMPLETE, {"missing": missing, "malformed": malformed})
    return None


def not_the_turn_of(side: Side) -> Rejected:
    """It is the other side that acts now."""
    return Rejected(RejectionCode.NOT_YOUR_TURN, {"turn": other_side(side)})


def partner_may_bind(partner: Partner, now: datetime, actor: Actor = SYSTEM) -> Rejected | None:
    """Only an active partner without negative records, whose agreement goes on, may offer and bind (R3, R4, R41).

    How many records there are is not a customer's business.
    """
    if partner.status != "active":
        return Rejected(RejectionCode.PARTNER_NOT_ACTIVE, {"status": partner.status})
    if partner.negative_records:
        told: dict[str, object] = {} if actor.kind is Party.CUSTOMER else {"negative_records": partner.negative_records}
        return Rejected(RejectionCode.PARTNER_NEGATIVE_RECORD, told)
    ended_at = partner.agreement.ends_at
    if ended_at is not None and is_over(partner, now):
        return Rejected(RejectionCode.AGREEMENT_ENDED, {"ended_at": to_milliseconds(ended_at)})
    return None


def is_over(partner: Partner, now: datetime) -> bool:
    """Whether the partner's agreement has ended (R41)."""
    ends_at = partner.agreement.ends_at
    return ends_at is not None and ends_at <= now


def unfit(customer: Customer, *, must_be_known: bool) -> Rejected | None:
    """R6, R7."""
    qualified, compliant = customer.fact("qualified"), customer.fact("compliant")
    if qualified.value is not True if qualified else must_be_known:
        return Rejected(RejectionCode.CUSTOMER_NOT_QUALIFIED, {"known": qualified is not None})
    if compliant.value is not True if compliant else must_be_known:
        return Rejected(RejectionCode.CUSTOMER_NOT_COMPLIANT, {"known": compliant is not None})
    return None


def no_room(partner: Partner) -> Rejected | None:
    """The quota is full."""
    quota = partner.quota
    if quota.bound + quota.reserved < quota.limit:
        return None
    return Rejected(
        RejectionCode.QUOTA_EXCEEDED, {"limit": quota.limit, "bound": quota.bound, "reserved": quota.reserved}
    )


def no_room_for(partner: Partner, actor: Actor) -> Rejected | None:
    """`no_room`, in the words that this one may hear: how many customers a partner has is its own business."""
    refusal = no_room(partner)
    return Rejected(refusal.code) if refusal and actor.kind is Party.CUSTOMER else refusal


QuotaCause = Literal[
    "limit_changed",
    "invitation_sent",
    "invitation_closed",
    "switch_started",
    "switch_aborted",
    "partnership_bound",
    "partnership_terminated",
    "partnership_reactivated",
]


def quota_updated(partner: Partner, cause: QuotaCause, *, bound: int = 0, reserved: int = 0) -> QuotaUpdated:
    """The partner's quota after one step (R59)."""
    quota = partner.quota
    return QuotaUpdated(
        partner_id=partner.id,
        limit=quota.limit,
        bound=quota.bound + bound,
        reserved=quota.reserved + reserved,
        cause=cause,
    )


def in_days(now: datetime, days: int) -> datetime:
    """So many times 24 hours later."""
    return now + timedelta(days=days)

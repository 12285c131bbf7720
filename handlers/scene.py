"""What a decision about one partnership sees, and the guards that several chapters share."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, TypedDict

from contracts.blocks import BlockItem
from contracts.events.facts import QuotaUpdated
from contracts.events.termination import TerminationDetails
from contracts.message import CommandMessage
from contracts.rejections import RejectionCode
from contracts.terms import Side
from handlers.blocks import blocks
from handlers.decision import Context, Rejected
from handlers.documents import Customer, Documents, Expired, Live, Partner, Partnership, Switching, Terminated
from handlers.policy import Policy


class Ids(TypedDict):
    """What every lifecycle event of a partnership names."""

    partner_id: str
    customer_id: str | None


@dataclass(frozen=True, slots=True)
class Scene:
    """A partnership with its partner and, once it is known, its customer; and the context of the decision."""

    message: CommandMessage
    partner: Partner
    partnership: Partnership
    customer: Customer | None
    open_offers: tuple[str, ...]
    now: datetime
    policy: Policy
    token: Callable[[str, str, int], str]

    @property
    def id(self) -> str:
        """The partnership's."""
        return self.partnership.id

    @property
    def ids(self) -> Ids:
        """For the events of this partnership."""
        return {"partner_id": self.partner.id, "customer_id": self.partnership.customer_id}

    def blocks(self, customer: Customer, by: Side, details: TerminationDetails) -> tuple[BlockItem, ...]:
        """What stands in the way of ending this partnership."""
        bond = Live(partnership_id=self.id, partner_id=self.partner.id, model=self.partnership.model)
        return blocks(customer, bond, by, details, policy=self.policy, now=self.now)


def scene_of(documents: Documents, message: CommandMessage, context: Context) -> Scene | Rejected:
    """The scene; or NOT_FOUND where the partnership does not exist in this lane."""
    partner, partnership = documents.partner, documents.partnership
    if partner is None:
        return Rejected(RejectionCode.NOT_FOUND, {"partner_id": message.partner_id})
    if partnership is None or partnership.partner_id != message.partner_id:
        return Rejected(RejectionCode.NOT_FOUND, {"partnership_id": message.subject})
    return Scene(
        message,
        partner,
        partnership,
        documents.customer,
        documents.open_offers,
        context.now,
        context.policy,
        context.token,
    )


def not_allowed(partnership: Partnership) -> Rejected:
    """The status does not allow the command; R118: after the end nothing is allowed."""
    state = partnership.state
    match state:
        case Terminated():
            return Rejected(RejectionCode.PARTNERSHIP_READ_ONLY)
        case Switching():
            return Rejected(RejectionCode.SWITCH_IN_PROGRESS, {"switch_id": state.switch_id})
        case Expired(cause="verification_exhausted"):
            return Rejected(RejectionCode.VERIFICATION_EXHAUSTED)
        case _:
            stage = getattr(state, "stage", None)
            return Rejected(RejectionCode.NOT_ALLOWED_IN_STATUS, {"status": state.status, "stage": stage})


def no_reason(reason: str | None, characters_min: int = 1) -> Rejected | None:
    """A reason must be given (R46, R121)."""
    if len((reason or "").strip()) >= characters_min:
        return None
    return Rejected(RejectionCode.REASON_REQUIRED, {"characters_min": characters_min})


def partner_may_bind(partner: Partner) -> Rejected | None:
    """Only an active partner without negative records may invite and be accepted (R3, R4)."""
    if partner.status != "active":
        return Rejected(RejectionCode.PARTNER_NOT_ACTIVE, {"status": partner.status})
    if partner.negative_records:
        return Rejected(RejectionCode.PARTNER_NEGATIVE_RECORD, {"negative_records": partner.negative_records})
    return None


QuotaCause = Literal[
    "limit_changed", "invitation_sent", "invitation_closed", "partnership_bound", "partnership_terminated"
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

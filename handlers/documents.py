"""The documents: what is known of a partner, a customer and a partnership. Each is the fold of its events."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from contracts.base import Contract, Count, EMail, Id, LongText, Moment, ShortText
from contracts.commands.facts import RegisterPartner, ReportCustomerStanding, ReportPartnerStanding
from contracts.commands.internal import AbortSwitch, CompleteSwitch, EndForSwitch
from contracts.commands.invitation import InviteCustomer, RecordIdentityVerification
from contracts.events.facts import PartnerContact, PartnerFactName
from contracts.events.invitation import OfferDetails
from contracts.events.termination import TerminationDetails
from contracts.message import CommandMessage
from contracts.standing import Fact, FactName
from contracts.terms import (
    BillingMode,
    Category,
    Initiator,
    InvitedStage,
    Language,
    Model,
    PartnerStatus,
    Purpose,
    Side,
)

SEQUENCE_NAMES = {
    "partnership.lifecycle.events": "lifecycle",
    "partnership.quota.events": "quota",
    "partnership.billing.events": "billing",
    "partnership.notice.events": "notice",
}
"""A topic's name in `sequences`: MongoDB reads a dot in a field's name as a path."""


class Document(Contract):
    """One stored document. `rev` is 0 until it is stored; `sequences` holds the last event's number on each topic."""

    id: Id
    rev: Count = 0
    sequences: dict[str, Count] = Field(default_factory=dict)


# ---------------------------------------------------------------------------------------------------------- the partner


class Quota(Contract):
    """`bound` customers, and room `reserved` for open invitations. Above `limit` only after that was lowered."""

    limit: Count
    bound: Count
    reserved: Count


class Partner(Document):
    """A partner, its standing and its agreement."""

    contact: PartnerContact
    language: Language
    notice_days: Count | None = None
    status: PartnerStatus = "active"
    negative_records: Count = 0
    quota: Quota = Quota(limit=0, bound=0, reserved=0)
    reported: dict[PartnerFactName, Moment] = Field(default_factory=dict)
    """As of when each fact is known."""


# --------------------------------------------------------------------------------------------------------- the customer


class Live(Contract):
    """The one partnership that the customer is in."""

    partnership_id: Id
    partner_id: Id
    model: Model


class Switch(Contract):
    """A change of partner that is under way. Its steps count only while it stands here."""

    id: Id
    to_partnership_id: Id
    from_partnership_id: Id
    from_partner_id: Id


class Customer(Document):
    """A customer. Lanes share it, so it holds no more than what they have to agree on."""

    legal_name: ShortText = ""
    registered_email: EMail = ""
    facts: tuple[Fact, ...] = ()
    live: Live | None = None
    switch: Switch | None = None
    billing_mode: BillingMode = "direct"
    submissions: tuple[Moment, ...] = ()
    """Termination requests that count for R62, oldest first."""

    def fact(self, name: FactName, partner_id: str | None = None) -> Fact | None:
        """What was reported last."""
        for fact in self.facts:
            if fact.name == name and fact.partner_id == partner_id:
                return fact
        return None


# ------------------------------------------------------------------------------------------------------ the partnership


class Invited(Contract):
    """The offer is open."""

    status: Literal["invited"] = "invited"
    stage: InvitedStage = "sent"
    expires_at: Moment
    opened_by: Id | None = None
    failed_attempts: Count = 0


class Switching(Contract):
    """Accepted; the customer's old partnership has to end first. If it cannot, the `offer` is open again."""

    status: Literal["switching"] = "switching"
    switch_id: Id
    offer: Invited


class Active(Contract):
    """The partnership lives."""

    status: Literal["active"] = "active"
    stage: Literal["activation_pending"] = "activation_pending"
    bound_at: Moment


class TerminationCase(Contract):
    """A request to end the partnership, with the dates that it began with."""

    by: Side
    category: Category
    submitted_at: Moment
    ends_at: Moment
    billing_mode: BillingMode | None = None
    details: TerminationDetails


class PendingDecision(Contract):
    """One side wants to end it and the other has to decide."""

    status: Literal["ending"] = "ending"
    stage: Literal["pending_decision"] = "pending_decision"
    case: TerminationCase
    decide_by: Moment
    before: Active


class InNotice(Contract):
    """It ends when the notice period is over."""

    status: Literal["ending"] = "ending"
    stage: Literal["in_notice"] = "in_notice"
    case: TerminationCase
    before: Active


Ending = Annotated[PendingDecision | InNotice, Field(discriminator="stage")]


class Terminated(Contract):
    """It has ended, and is read-only (R118)."""

    status: Literal["terminated"] = "terminated"
    by: Initiator
    category: Category
    reason: LongText
    billing_mode: BillingMode
    bound_at: Moment
    ended_at: Moment


class Declined(Contract):
    """The customer said no."""

    status: Literal["declined"] = "declined"
    reason: LongText
    closed_at: Moment


class Cancelled(Contract):
    """The partner took the offer back."""

    status: Literal["cancelled"] = "cancelled"
    reason: LongText
    closed_at: Moment


class Expired(Contract):
    """The offer can no longer be accepted."""

    status: Literal["expired"] = "expired"
    cause: Literal["verification_exhausted"]
    closed_at: Moment


State = Annotated[
    Invited | Switching | Active | Ending | Terminated | Declined | Cancelled | Expired, Field(discriminator="status")
]


class Partnership(Document):
    """The whole life between one partner and one customer."""

    partner_id: Id
    customer_id: Id | None = None
    purpose: Purpose
    model: Model
    offer: OfferDetails
    state: State
    open_keys: tuple[str, ...]
    """While the offer is open, whom it is made to; so that a second one is found. Else empty."""


# ---------------------------------------------------------------------------------------------- what a decision may see


@dataclass(frozen=True, slots=True)
class Documents:
    """What one command sees. `open_offers` are the partnerships whose offer matches the command's offer keys."""

    partner: Partner | None = None
    customer: Customer | None = None
    partnership: Partnership | None = None
    open_offers: tuple[str, ...] = ()


def offer_keys(partner_id: str, customer_id: str | None, email: str) -> tuple[str, ...]:
    """Whom an offer is made to: the pair of partner and customer, and that of partner and e-mail.

    Ids hold no control characters, so a tab separates them without ambiguity.
    """
    by_email = f"email\t{partner_id}\t{email.strip().casefold()}"
    return (by_email,) if customer_id is None else (f"customer\t{partner_id}\t{customer_id}", by_email)


@dataclass(frozen=True, slots=True)
class Needs:
    """Ids to load by. Without a `customer_id`, the customer is the partnership's."""

    partner_id: str | None = None
    partnership_id: str | None = None
    customer_id: str | None = None
    offer_keys: tuple[str, ...] = ()


def needs(message: CommandMessage) -> Needs:  # noqa: PLR0911 - a line for each kind of command
    """What to load before this command is decided."""
    partner, subject = message.partner_id, message.subject
    match message.data:
        case RegisterPartner() | ReportPartnerStanding():
            return Needs(partner)
        case ReportCustomerStanding():
            return Needs(customer_id=subject)
        case InviteCustomer(customer_id=customer_id, email=email):
            return Needs(partner, subject, customer_id, offer_keys(partner, customer_id, email or ""))
        case RecordIdentityVerification(customer_id=customer_id):
            return Needs(partner, subject, customer_id, offer_keys(partner, customer_id, "")[:1])
        case EndForSwitch(customer_id=customer_id) | CompleteSwitch(customer_id=customer_id):
            return Needs(partner, subject, customer_id)
        case AbortSwitch(customer_id=customer_id):
            return Needs(partner, subject, customer_id)
        case _:
            return Needs(partner, subject)


def other_side(side: Side) -> Side:
    """The one of the two that it is not."""
    return "customer" if side == "partner" else "partner"

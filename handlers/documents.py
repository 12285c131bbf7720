"""The documents: what is known of a partner, a customer and a partnership. Each is the fold of its events."""

from datetime import datetime
from typing import Literal, NamedTuple

from pydantic import Field

from contracts.agreement import Overrides
from contracts.base import Contract, Count, EMail, Id, Moment, ShortText
from contracts.blocks import BlockItem
from contracts.business import Amount, BillPeriod, BusinessPeriod, Currency
from contracts.commands.facts import RegisterPartner, ReportCustomerStanding, ReportPartnerStanding, UpdateAgreement
from contracts.commands.internal import AbortSwitch, CompleteSwitch, EndForSwitch, SpreadAgreement
from contracts.commands.invitation import InviteCustomer, RecordIdentityVerification
from contracts.commands.termination import GrantExtraRequest
from contracts.details import Changes, Contacts
from contracts.events.facts import PartnerContact, PartnerFactName
from contracts.events.invitation import OfferDetails
from contracts.message import CommandMessage
from contracts.standing import BillingCycle, Fact, FactName
from contracts.steps import AskedOf, StepState
from contracts.templates import TemplateName
from contracts.terms import (
    BillingMode,
    CustomerKind,
    Initiator,
    Language,
    Model,
    PartnerStatus,
    Purpose,
    Side,
    other_side,
)
from handlers.states import Draft, Misses, State

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


class Agreement(Contract):
    """What was agreed with a partner: until when (R41), and otherwise than the policy says."""

    ends_at: Moment | None = None
    overrides: Overrides = Overrides()
    management_team: tuple[ShortText, ...] = ()
    support_contact: ShortText = ""


class Partner(Document):
    """A partner, its standing and its agreement."""

    contact: PartnerContact
    language: Language
    status: PartnerStatus = "active"
    negative_records: Count = 0
    quota: Quota = Quota(limit=0, bound=0, reserved=0)
    agreement: Agreement = Agreement()
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
    registered_phone: ShortText = ""
    registered_as_of: Moment | None = None
    """As of when both are known: verified, or reported since."""
    admin_contact: ShortText = ""
    kind: CustomerKind = "standalone"
    facts: tuple[Fact, ...] = ()
    billing_cycle: BillingCycle | None = None
    billing_cycle_as_of: Moment | None = None
    partnerships: Count = 0
    """Those that it was verified in and that are not purged; with the last one it goes."""
    live: Live | None = None
    bound_at: Moment | None = None
    """When it was last bound to a partner."""
    switch: Switch | None = None
    billing_mode: BillingMode = "direct"
    billing_partner_id: Id | None = None
    """Where a partner bills: who was told last."""
    waits_on_facts: bool = False
    """Its termination is stalled: a new fact may let it go on."""
    submissions: tuple[Moment, ...] = ()
    """Its termination requests that count for R62, oldest first."""
    partners_submissions: dict[Id, tuple[Moment, ...]] = Field(default_factory=dict)
    """And those of each partner, where the policy counts them too (C4): nobody uses up another's."""
    extra_requests: Count = 0

    def is_with(self, partner_id: str) -> bool:
        """Whether this partner's customer it is: to renew takes no second place (C1)."""
        return self.live is not None and self.live.partner_id == partner_id

    def submissions_of(self, by: Initiator | None, partner_id: str) -> tuple[datetime, ...]:
        """Those of the customer, over all its partners; or of this partner."""
        return self.partners_submissions.get(partner_id, ()) if by == "partner" else self.submissions

    def cycle_at(self, now: datetime) -> BillingCycle | None:
        """The billing cycle (R101), unless the one that was reported is over, or has not begun."""
        cycle = self.billing_cycle
        return cycle if cycle and cycle.starts_at <= now < cycle.ends_at else None

    def fact(self, name: FactName, partner_id: str | None = None) -> Fact | None:
        """What was reported last."""
        for fact in self.facts:
            if fact.name == name and fact.partner_id == partner_id:
                return fact
        return None


# ------------------------------------------------------------------------------------------------------ the partnership


class Modification(Contract):
    """A change that one side wants and the other has to answer (R129)."""

    id: Id
    by: Side
    changes: Changes
    answer_by: Moment
    modified_before: bool = False
    """Whether the offer was another one already: it stays so if this comes to nothing."""


class Told(Contract):
    """A notice whose fate is not known yet (R29, R60)."""

    notice_id: ShortText
    party: Initiator
    template: TemplateName
    channel: ShortText
    params: dict[str, str]
    secret: Count | None = None
    """The number of the link or code that it carries."""


class FinalBill(Contract):
    """The bill for the last stretch (R103 to R105). `waived`: the platform does without it."""

    state: Literal["requested", "recorded", "disputed", "confirmed", "waived"] = "requested"
    amount: Amount = 0
    currency: Currency = "XXX"
    period: BillPeriod | None = None
    confirm_by: Moment | None = None
    confirmation_days: Count
    number: Count = 1
    """Of the partnership's ends."""
    failed: bool = False
    """Billing could not make it (yet)."""
    resolved: bool = False
    """What it says is what support has found."""

    @property
    def open_state(self) -> Literal["requested", "recorded", "disputed"] | None:
        """How it stands, while it is open."""
        match self.state:
            case "confirmed" | "waived":
                return None
            case _:
                return self.state

    @property
    def is_settled(self) -> bool:
        """Nobody owes anything by it any more."""
        return self.open_state is None


class DataExport(Contract):
    """The customer's latest wish for its data (R97)."""

    number: Count
    what: ShortText
    state: Literal["requested", "done", "failed"] = "requested"


class Partnership(Document):
    """The whole life between one partner and one customer."""

    partner_id: Id
    customer_id: Id | None = None
    linked: bool = False
    """The customer is known to be this one."""
    purpose: Purpose
    model: Model
    offer: OfferDetails
    modified: bool = False
    """The offer is not, or might not stay, what it was at first (R125)."""
    modification: Modification | None = None
    state: State
    open_keys: tuple[str, ...]
    """While the offer is open, whom it is made to; so that a second one is found. Else empty."""
    agreement_ends_at: Moment | None = None
    permissions: tuple[ShortText, ...] = ()
    billing_choice: BillingMode | None = None
    """The customer's, for whatever end comes (R57); one that it gives with a request or a decision replaces it."""
    contacts: Contacts = Contacts()
    business: tuple[BusinessPeriod, ...] = ()
    hidden_by: tuple[Side, ...] = ()
    drafts: dict[Side, Draft] = Field(default_factory=dict)
    codes: Count = 0
    """How many codes were ever sent: no code is ever valid again."""
    misses: dict[Side, Misses] = Field(default_factory=dict)
    waived: tuple[BlockItem, ...] = ()
    bill: FinalBill | None = None
    export: DataExport | None = None
    restore: StepState | None = None
    answers_due: dict[AskedOf, Moment] = Field(default_factory=dict)
    """Until when other systems should have answered; not once the platform was told that they have not."""
    legal_hold: bool = False
    notices: tuple[Told, ...] = ()
    next_due_at: Moment | None = None
    """The earliest of its deadlines."""


# ---------------------------------------------------------------------------------------------- what a decision may see


LIVE_AT_ONCE = 500
"""Partnerships of one partner that one decision looks at. It may have any number, but what a decision says is one
document of the journal, and those end at 16 MB."""


class Documents(NamedTuple):
    """What one command sees. `open_offers` are the partnerships whose offer matches the command's offer keys.

    `live_partnerships` are the next of the partner's that live, in the order of their ids; only where a command needs
    them.
    """

    partner: Partner | None = None
    customer: Customer | None = None
    partnership: Partnership | None = None
    open_offers: tuple[str, ...] = ()
    live_partnerships: tuple[str, ...] = ()


def offer_keys(partner_id: str, customer_id: str | None, email: str) -> tuple[str, ...]:
    """Whom an offer is made to: the pair of partner and customer, and that of partner and e-mail.

    Ids hold no control characters, so a tab separates them without ambiguity.
    """
    by_email = f"email\t{partner_id}\t{email.strip().casefold()}"
    return (by_email,) if customer_id is None else (f"customer\t{partner_id}\t{customer_id}", by_email)


def decider(by: Initiator, partner: Partner) -> Initiator:
    """Who decides on a request of this side: the other one. A closed partner's turn falls to the platform.

    A platform's own case is nobody's to decide.
    """
    if by == "platform":
        return "platform"
    side = other_side(by)
    return "platform" if side == "partner" and partner.status == "closed" else side


class Needs(NamedTuple):
    """Ids to load by. Without a `customer_id`, the customer is the partnership's.

    `live_after`: also the ids of the partner's partnerships that live (active, suspended, ending): the first
    LIVE_AT_ONCE that come after this one, in order.
    """

    partner_id: str | None = None
    partnership_id: str | None = None
    customer_id: str | None = None
    offer_keys: tuple[str, ...] = ()
    live_after: str | None = None


def needs(message: CommandMessage) -> Needs:  # noqa: PLR0911 - a line for each kind of command
    """What to load before this command is decided."""
    partner, subject = message.partner_id, message.subject
    match message.data:
        case RegisterPartner() | ReportPartnerStanding() | UpdateAgreement():
            return Needs(partner)
        case SpreadAgreement(after_partnership_id=after):
            return Needs(partner, live_after=after or "")
        case ReportCustomerStanding() | GrantExtraRequest():
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

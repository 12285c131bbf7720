"""What a viewer sees of a partnership (R34, R36, R71, R73, R114 to R118, R125 to R127). Documents in, a view out."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from contracts.base import Contract, EMail, Id, LongText, Moment, ShortText
from contracts.business import Amount, BusinessPeriod, Currency
from contracts.details import Changes
from contracts.events.termination import BlockWaived
from contracts.message import Actor, Event
from contracts.registry import EVENTS
from contracts.standing import BillingCycle
from contracts.terms import (
    BillingMode,
    Category,
    Initiator,
    Model,
    OfferStatus,
    Purpose,
    Side,
    Stage,
    Status,
    other_side,
)
from handlers.actions import case_actions, tile_actions
from handlers.documents import Customer, Partner, Partnership
from handlers.policy import Policy
from handlers.states import (
    Active,
    Cancelled,
    Declined,
    Ending,
    Expired,
    Invited,
    Purged,
    Stalled,
    State,
    Suspended,
    Terminated,
    cases_of,
)
from handlers.waiting import WaitingOn, waiting_on

LABELS: dict[Status, str] = {
    "invited": "Open",
    "switching": "Switching",
    "active": "Active",
    "suspended": "Suspended",
    "ending": "Ending",
    "terminated": "Terminated",
    "declined": "Declined",
    "cancelled": "Cancelled",
    "expired": "Expired",
    "purged": "Purged",
}
"""What stands on the card, the same for both sides (R114, R115, R126)."""


class Viewer(NamedTuple):
    """Who looks: the platform, one partner, or one customer."""

    kind: Initiator
    party_id: str = ""

    def may_see(self, partnership: Partnership) -> bool:
        """Each side its own; the platform all."""
        match self.kind:
            case "platform":
                return True
            case "partner":
                return partnership.partner_id == self.party_id
            case "customer":
                return self.party_id in (partnership.customer_id, getattr(partnership.state, "opened_by", None))


class ContactsView(Contract):
    """Assigned contact, partner management team, support (R35, R117)."""

    assigned_contact: ShortText
    management_team: tuple[ShortText, ...]
    support_contact: ShortText
    support_level: ShortText


class OfferView(Contract):
    """What was offered, for the two sides (R10 to R14), as it was modified since (R129)."""

    contact_person: ShortText
    email: EMail
    phone: ShortText
    requirements: LongText
    estimated_volume: ShortText
    terms: LongText


class CaseView(Contract):
    """A request to end it that is open: whose, why, and when it ends (R46, R47, R49); for the two sides."""

    by: Initiator
    category: Category
    reason: LongText
    migration_plan: LongText
    alternative_service: LongText
    ends_at: Moment


class ModificationView(Contract):
    """What is proposed, by whom, and until when the other side answers (R129)."""

    by: Side
    changes: Changes
    answer_by: Moment


class BillView(Contract):
    """How the final bill stands (R103 to R105)."""

    state: ShortText
    amount: Amount
    currency: Currency
    confirm_by: Moment | None = None


class PartnershipView(Contract):
    """A card, and what lies behind it."""

    id: Id
    version: int
    partner_id: Id
    partner_name: ShortText
    customer_id: Id | None
    company_name: ShortText
    model: Model
    purpose: Purpose
    label: ShortText
    status: Status
    stage: Stage | None
    offer_status: OfferStatus | None
    hidden: bool
    read_only: bool
    tile_actions: tuple[str, ...]
    case_actions: tuple[str, ...]
    contacts: ContactsView
    permissions: tuple[ShortText, ...]
    billing_choice: BillingMode | None
    """Of the customer, for the end (R57)."""
    business: tuple[BusinessPeriod, ...]
    offer: OfferView | None
    modification: ModificationView | None
    cases: tuple[CaseView, ...]
    draft: ShortText | None
    """How far one's own draft of a termination is."""
    blocked_by: tuple[str, ...]
    bill: BillView | None
    billing_cycle: BillingCycle | None
    """The customer's current one (R101), while the partnership lives."""
    waiting_on: tuple[WaitingOn, ...]


def view(
    partnership: Partnership,
    partner: Partner,
    customer: Customer | None,
    viewer: Viewer,
    policy: Policy,
    now: datetime,
) -> PartnershipView | None:
    """What this viewer sees; None where it is none of its business."""
    if not viewer.may_see(partnership):
        return None
    state = partnership.state
    draft = partnership.drafts.get(viewer.kind) if viewer.kind != "platform" else None
    name = customer.legal_name if customer and partnership.linked else ""
    return PartnershipView(
        id=partnership.id,
        version=partnership.sequences.get("lifecycle", 0),
        partner_id=partner.id,
        partner_name=partner.contact.name,
        customer_id=partnership.customer_id,
        company_name=name or partnership.offer.legal_name,
        model=partnership.model,
        purpose=partnership.purpose,
        label=label(partnership),
        status=state.status,
        stage=getattr(state, "stage", None),
        offer_status=offer_status(partnership),
        hidden=viewer.kind in partnership.hidden_by,
        read_only=isinstance(state, Terminated | Purged),
        tile_actions=tile_actions(partnership, partner, viewer.kind, policy),
        case_actions=case_actions(partnership, partner, viewer.kind, policy),
        contacts=_contacts(partnership, partner),
        permissions=partnership.permissions,
        billing_choice=(state.case.billing_mode if isinstance(state, Ending) else None) or partnership.billing_choice,
        business=partnership.business,
        offer=_offer(partnership, viewer),
        modification=_modification(partnership, viewer),
        cases=_cases(state, viewer),
        draft=draft.stage if draft else None,
        blocked_by=state.items if isinstance(state, Stalled) else draft.items if draft else (),
        bill=_bill(partnership),
        billing_cycle=customer.cycle_at(now) if customer and isinstance(state, Active | Suspended | Ending) else None,
        waiting_on=waiting_on(partnership, partner, viewer.kind, policy),
    )


def label(partnership: Partnership) -> str:
    """An open offer that was changed says so (R125)."""
    return "Modified" if offer_status(partnership) == "modified" else LABELS[partnership.state.status]


def offer_status(partnership: Partnership) -> OfferStatus | None:
    """R125; None where the offer came to nothing without an answer, or nothing is left of it."""
    match partnership.state:
        case Invited():
            return "modified" if partnership.modified else "open"
        case Declined():
            return "declined"
        case Cancelled() | Expired() | Purged():
            return None
        case _:
            return "accepted"


def _contacts(partnership: Partnership, partner: Partner) -> ContactsView:
    """Those assigned to this customer, else the partner's own."""
    contacts, agreement = partnership.contacts, partner.agreement
    return ContactsView(
        assigned_contact=contacts.assigned_contact,
        management_team=contacts.management_team or agreement.management_team,
        support_contact=contacts.support_contact or agreement.support_contact,
        support_level=contacts.support_level,
    )


def _offer(partnership: Partnership, viewer: Viewer) -> OfferView | None:
    """A stranger sees what it is asked for, and not whom the partner wrote to."""
    if viewer.kind == "platform" or isinstance(partnership.state, Purged):
        return None
    offer = partnership.offer
    if _is_stranger(partnership, viewer):
        offer = offer.but(contact_person="", email="", phone="")
    return OfferView(
        contact_person=offer.contact_person,
        email=offer.email,
        phone=offer.phone,
        requirements=offer.requirements,
        estimated_volume=offer.estimated_volume,
        terms=offer.terms,
    )


def _cases(state: State, viewer: Viewer) -> tuple[CaseView, ...]:
    """The earliest first. Where both sides ask, each request has its own (R113)."""
    if viewer.kind == "platform" or not isinstance(state, Ending):
        return ()
    return tuple(
        CaseView(
            by=case.by,
            category=case.category,
            reason=case.details.reason,
            migration_plan=case.details.migration_plan,
            alternative_service=case.details.alternative_service,
            ends_at=case.ends_at,
        )
        for case in sorted(cases_of(state), key=lambda case: case.ends_at)
    )


def _modification(partnership: Partnership, viewer: Viewer) -> ModificationView | None:
    open_one = partnership.modification
    if open_one is None:
        return None
    changes = open_one.changes
    if _is_stranger(partnership, viewer):
        changes = changes.but(contact_person=None, email=None, phone=None)
    return ModificationView(by=open_one.by, changes=changes, answer_by=open_one.answer_by)


def _is_stranger(partnership: Partnership, viewer: Viewer) -> bool:
    """Who came in by the link, and is not known yet to be the right one."""
    return viewer.kind == "customer" and not partnership.linked


def _bill(partnership: Partnership) -> BillView | None:
    bill = partnership.bill
    if bill is None:
        return None
    return BillView(state=bill.state, amount=bill.amount, currency=bill.currency, confirm_by=bill.confirm_by)


# ------------------------------------------------------------------------------------------------------------- the list


class Dashboard(Contract):
    """A viewer's list (R36, R71), without what it has hidden, and how many offers wait for it (R127)."""

    cards: tuple[PartnershipView, ...]
    open_offers: int
    hidden: int


def dashboard(views: Iterable[PartnershipView], received: Iterable[Partnership], viewer: Viewer) -> Dashboard:
    """The cards on the screen; `received` are the partnerships among which open offers are counted."""
    cards = tuple(views)
    shown = tuple(card for card in cards if not card.hidden)
    waiting = sum(_is_open_for(partnership, viewer) for partnership in received)
    return Dashboard(cards=shown, open_offers=waiting, hidden=len(cards) - len(shown))


def _is_open_for(partnership: Partnership, viewer: Viewer) -> bool:
    """An offer that this viewer got and may still answer."""
    state = partnership.state
    if not isinstance(state, Invited) or not viewer.may_see(partnership):
        return False
    return viewer.kind == "platform" or other_side(state.by) == viewer.kind


# ---------------------------------------------------------------------------------------------------------- the history


class HistoryEntry(Contract):
    """One thing that happened (R73, R117)."""

    at: Moment
    what: ShortText
    by: Initiator | ShortText
    user_id: Id | None
    """Of one's own side only."""
    status: Status | None = None
    stage: Stage | None = None


class Recorded(NamedTuple):
    """An accepted command of the journal: when, by whom, and what came of it."""

    at: datetime
    actor: Actor
    events: tuple[Event, ...]


def history(entries: Iterable[Recorded], viewer: Viewer) -> tuple[HistoryEntry, ...]:
    """What happened, in order. A draft is seen by its own side and by the platform."""
    return tuple(
        HistoryEntry(
            at=entry.at,
            what=type(event).__name__,
            by=entry.actor.kind.value,
            user_id=entry.actor.user_id if _same_side(entry.actor, viewer) else None,
            status=event.__dict__.get("status"),
            stage=event.__dict__.get("stage"),
        )
        for entry in entries
        for event in entry.events
        if _is_for(event, viewer)
    )


def _same_side(actor: Actor, viewer: Viewer) -> bool:
    return viewer.kind == "platform" or actor.party_id == viewer.party_id


OF_ONE_SIDE = frozenset(
    kind
    for kind in EVENTS.values()
    if kind.__name__.startswith(("TerminationDraft", "VerificationCode"))
    or kind.__name__ in ("TerminationConfirmed", "TerminationChecked")
)
"""What happens before a request is submitted."""
OF_THE_PLATFORM = frozenset(
    kind
    for kind in EVENTS.values()
    if kind.__name__ in ("LegalHoldPlaced", "LegalHoldReleased", "NotificationOutcomeRecorded", "QuotaUpdated")
)


def _is_for(event: Event, viewer: Viewer) -> bool:
    if viewer.kind == "platform":
        return True
    if type(event) in OF_ONE_SIDE:
        return bool(event.__dict__["by"] == viewer.kind)
    if "party" in event.__dict__:
        return bool(event.__dict__["party"] == viewer.kind)
    if isinstance(event, BlockWaived):
        return viewer.kind in event.concerned
    return type(event) not in OF_THE_PLATFORM

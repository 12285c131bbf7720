"""What an event makes of a document. Pure, and of one document at a time: the stored ones are these folds (P4).

`at` is the time of the decision, which the journal keeps. Nothing but an event changes a document. What each event
changes stands in the tables of handlers/folds_of_*.py.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from contracts.agreement import Overrides
from contracts.events.facts import (
    PartnerContact,
    PartnerRegistered,
)
from contracts.events.invitation import IdentityVerified, InvitationSent
from contracts.message import Event
from contracts.topics import TopicName
from handlers.deadlines import next_due_at
from handlers.documents import (
    SEQUENCE_NAMES,
    Agreement,
    Customer,
    Document,
    Documents,
    Partner,
    Partnership,
)
from handlers.folds_of_bond import FOLDS_OF_BOND
from handlers.folds_of_closing import FOLDS_OF_CLOSING
from handlers.folds_of_end import FOLDS_OF_END
from handlers.folds_of_offer import FOLDS_OF_OFFER, first_of
from handlers.folds_of_parties import FOLDS_OF_CUSTOMER, FOLDS_OF_PARTNER

D = TypeVar("D", bound=Document)


def evolve(documents: Documents, event: Event, subject: str, at: datetime) -> Documents:
    """The documents after the event."""
    return Documents(
        evolve_partner(documents.partner, subject, event, at),
        evolve_customer(documents.customer, subject, event, at),
        evolve_partnership(documents.partnership, subject, event, at),
        documents.open_offers,
        documents.live_partnerships,
    )


# ---------------------------------------------------------------------------------------------------------- the partner


def evolve_partner(partner: Partner | None, subject: str, event: Event, at: datetime) -> Partner | None:
    """A partner after the event."""
    del at
    if event.SUBJECT != "partner":
        return partner
    if isinstance(event, PartnerRegistered):
        return Partner(
            id=subject,
            sequences=_counted({}, event),
            contact=event.private or PartnerContact(),
            language=event.language,
            agreement=Agreement(overrides=Overrides(notice_days=event.notice_days)),
            status=event.status,
        )
    return None if partner is None else _with(partner, event, **FOLDS_OF_PARTNER[type(event)](partner, event))


# --------------------------------------------------------------------------------------------------------- the customer


def evolve_customer(customer: Customer | None, subject: str, event: Event, at: datetime) -> Customer | None:
    """A customer after the event. Most events of a partnership leave its customer alone."""
    fold = FOLDS_OF_CUSTOMER.get(type(event))
    if fold is None:
        return customer
    if customer is None:
        customer = _new_customer(subject, event)
        if customer is None:
            return None
    changes = fold(customer, event, subject, at)
    if event.SUBJECT == "customer":
        return _with(customer, event, **changes)
    return customer.but(**changes) if changes else customer


def _new_customer(subject: str, event: Event) -> Customer | None:
    """A customer is known by its first report, or by its first verified identity."""
    if event.SUBJECT == "customer":
        return Customer(id=subject)
    if isinstance(event, IdentityVerified) and event.customer_id is not None:
        return Customer(id=event.customer_id)
    return None


# ------------------------------------------------------------------------------------------------------ the partnership

FOLDS_OF_PARTNERSHIP: dict[type[Event], Callable[[Partnership, Any, datetime], dict[str, Any]]] = {
    **FOLDS_OF_OFFER,
    **FOLDS_OF_BOND,
    **FOLDS_OF_END,
    **FOLDS_OF_CLOSING,
}
"""What each event changes; empty where it only tells."""


def evolve_partnership(partnership: Partnership | None, subject: str, event: Event, at: datetime) -> Partnership | None:
    """A partnership after the event."""
    if event.SUBJECT != "partnership":
        return partnership
    if isinstance(event, InvitationSent):
        after = first_of(subject, event, at, _counted({}, event))
        return after.but(next_due_at=next_due_at(after))
    if partnership is None:
        return None
    after = _with(partnership, event, **FOLDS_OF_PARTNERSHIP[type(event)](partnership, event, at))
    if event.TOPIC is TopicName.NOTICE_EVENTS:
        return after
    due_at = next_due_at(after)
    return after if due_at == after.next_due_at else after.but(next_due_at=due_at)


# ------------------------------------------------------------------------------------------------------------- counting


def _with(document: D, event: Event, **changes: Any) -> D:
    """A copy with some fields changed, and the event counted."""
    return document.but(sequences=_counted(document.sequences, event), **changes)


def _counted(sequences: dict[str, int], event: Event) -> dict[str, int]:
    return sequences | {SEQUENCE_NAMES[event.TOPIC]: event.sequence}

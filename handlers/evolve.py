"""What an event makes of a document. Pure, and of one document at a time: the stored ones are these folds (P4).

`at` is the time of the decision, which the journal keeps. Nothing but an event changes a document. Here are partner and
customer; a partnership's folds stand in handlers/folds_of_offer.py, folds_of_bond.py and folds_of_end.py.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from contracts.agreement import Overrides
from contracts.events.binding import PartnershipBound, SwitchAborted, SwitchCompleted, SwitchStarted
from contracts.events.closing import PartnershipReactivated, PersonalDataPurged
from contracts.events.facts import (
    AgreementContacts,
    AgreementUpdated,
    CustomerStandingRecorded,
    ExtraRequestGranted,
    PartnerContact,
    PartnerRegistered,
    PartnerStandingRecorded,
    QuotaUpdated,
    RecordedFacts,
)
from contracts.events.invitation import Identity, IdentityVerified, InvitationSent
from contracts.events.termination import (
    PartnershipTerminated,
    TerminationRejected,
    TerminationStalled,
    TerminationSubmitted,
    TerminationWithdrawn,
)
from contracts.message import Event
from contracts.standing import Fact
from contracts.topics import TopicName
from handlers.deadlines import next_due_at
from handlers.documents import (
    SEQUENCE_NAMES,
    Agreement,
    Customer,
    Document,
    Documents,
    Live,
    Partner,
    Partnership,
    Quota,
    Switch,
)
from handlers.folds_of_bond import FOLDS_OF_BOND
from handlers.folds_of_end import FOLDS_OF_END
from handlers.folds_of_offer import FOLDS_OF_OFFER, first_of

SUBMISSIONS_MAX = 32
"""As many as a policy can ask about (`requests_max`); older ones no longer matter."""

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


def _standing(partner: Partner, event: PartnerStandingRecorded) -> dict[str, Any]:
    return {
        "status": event.status,
        "negative_records": event.negative_records,
        "reported": partner.reported | dict.fromkeys(event.recorded, event.as_of),
    }


def _agreement(partner: Partner, event: AgreementUpdated) -> dict[str, Any]:
    if event.superseded:
        return {}
    contacts = event.private or AgreementContacts()
    agreement = Agreement(
        ends_at=event.ends_at,
        overrides=event.overrides,
        management_team=contacts.management_team,
        support_contact=contacts.support_contact,
    )
    return {"agreement": agreement, "reported": partner.reported | {"agreement": event.as_of}}


def _quota(_: Partner, event: QuotaUpdated) -> dict[str, Any]:
    return {"quota": Quota(limit=event.limit, bound=event.bound, reserved=event.reserved)}


FOLDS_OF_PARTNER: dict[type[Event], Callable[[Partner, Any], dict[str, Any]]] = {
    PartnerStandingRecorded: _standing,
    AgreementUpdated: _agreement,
    QuotaUpdated: _quota,
}


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


def _facts(customer: Customer, event: CustomerStandingRecorded, _: str, __: datetime) -> dict[str, Any]:
    recorded = event.private or RecordedFacts()
    changes: dict[str, Any] = {"facts": _replaced(customer.facts, recorded.facts)}
    if recorded.billing_cycle is not None:
        changes |= {"billing_cycle": recorded.billing_cycle, "billing_cycle_as_of": event.as_of}
    return changes


def _replaced(known: tuple[Fact, ...], new: tuple[Fact, ...]) -> tuple[Fact, ...]:
    facts = {(fact.name, fact.partner_id): fact for fact in known}
    facts.update({(fact.name, fact.partner_id): fact for fact in new})
    return tuple(facts.values())


def _extra(_: Customer, event: ExtraRequestGranted, __: str, ___: datetime) -> dict[str, Any]:
    return {"extra_requests": event.extra_requests}


def _identity(customer: Customer, event: IdentityVerified, _: str, __: datetime) -> dict[str, Any]:
    identity = event.private or Identity()
    return {
        "legal_name": identity.legal_name,
        "registered_email": identity.registered_email,
        "registered_phone": identity.registered_phone,
        "admin_contact": identity.admin_contact,
        "kind": identity.kind,
        "partnerships": customer.partnerships + 1,
    }


def _offered(customer: Customer, event: InvitationSent, _: str, __: datetime) -> dict[str, Any]:
    return {"partnerships": customer.partnerships + 1} if event.by == "customer" else {}


def _bound(_: Customer, event: PartnershipBound, subject: str, __: datetime) -> dict[str, Any]:
    live = Live(partnership_id=subject, partner_id=event.partner_id, model=event.model)
    return {"live": live, "billing_mode": "partner"}


def _reactivated(_: Customer, event: PartnershipReactivated, subject: str, __: datetime) -> dict[str, Any]:
    live = Live(partnership_id=subject, partner_id=event.partner_id, model=event.model)
    return {"live": live, "billing_mode": "partner"}


def _switching(_: Customer, event: SwitchStarted, subject: str, __: datetime) -> dict[str, Any]:
    switch = Switch(
        id=event.switch_id,
        to_partnership_id=subject,
        from_partnership_id=event.from_partnership_id,
        from_partner_id=event.from_partner_id,
    )
    return {"switch": switch}


def _switched(_: Customer, __: SwitchAborted | SwitchCompleted, ___: str, ____: datetime) -> dict[str, Any]:
    return {"switch": None}


def _submitted(customer: Customer, event: TerminationSubmitted, _: str, at: datetime) -> dict[str, Any]:
    return _used(customer, event, at)


def _used(customer: Customer, event: TerminationSubmitted | PartnershipTerminated, at: datetime) -> dict[str, Any]:
    """R62: one more request counts; one that the platform had granted is used up."""
    changes: dict[str, Any] = {}
    if event.counted:
        changes["submissions"] = (*customer.submissions, at)[-SUBMISSIONS_MAX:]
    if event.extra_used:
        changes["extra_requests"] = max(0, customer.extra_requests - 1)
    return changes


def _stalled(_: Customer, __: TerminationStalled, ___: str, ____: datetime) -> dict[str, Any]:
    return {"waits_on_facts": True}


def _back(
    customer: Customer, event: TerminationRejected | TerminationWithdrawn, _: str, __: datetime
) -> dict[str, Any]:
    changes: dict[str, Any] = {"waits_on_facts": False}
    if event.uncounted:
        changes["submissions"] = customer.submissions[:-1]
    return changes


def _left(customer: Customer, event: PartnershipTerminated, _: str, at: datetime) -> dict[str, Any]:
    """The customer is free, or with the successor: a switch hands it over and never leaves it without (R27)."""
    to = event.successor
    live = to and Live(partnership_id=to.partnership_id, partner_id=to.partner_id, model=to.model)
    return _used(customer, event, at) | {"live": live, "billing_mode": event.billing_mode, "waits_on_facts": False}


def _purged(customer: Customer, event: PersonalDataPurged, _: str, __: datetime) -> dict[str, Any]:
    """With its last partnership the customer goes; when it asked for ends is no personal data, and goes on to count."""
    left = customer.partnerships - 1 if event.was_linked else customer.partnerships
    if not event.customer_gone:
        return {"partnerships": left}
    blank = Customer(id=customer.id)
    kept = {"id", "rev", "sequences", "submissions", "extra_requests"}
    return {name: value for name, value in blank.__dict__.items() if name not in kept}


FOLDS_OF_CUSTOMER: dict[type[Event], Callable[[Customer, Any, str, datetime], dict[str, Any]]] = {
    CustomerStandingRecorded: _facts,
    ExtraRequestGranted: _extra,
    IdentityVerified: _identity,
    InvitationSent: _offered,
    PartnershipBound: _bound,
    PartnershipReactivated: _reactivated,
    SwitchStarted: _switching,
    SwitchAborted: _switched,
    SwitchCompleted: _switched,
    TerminationSubmitted: _submitted,
    TerminationStalled: _stalled,
    TerminationRejected: _back,
    TerminationWithdrawn: _back,
    PartnershipTerminated: _left,
    PersonalDataPurged: _purged,
}


# ------------------------------------------------------------------------------------------------------ the partnership

FOLDS_OF_PARTNERSHIP: dict[type[Event], Callable[[Partnership, Any, datetime], dict[str, Any]]] = {
    **FOLDS_OF_OFFER,
    **FOLDS_OF_BOND,
    **FOLDS_OF_END,
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

"""What the events of partners and customers make of them, and what a partnership's events make of its customer."""

from collections.abc import Callable
from datetime import datetime
from operator import attrgetter
from typing import Any

from contracts.events.binding import PartnershipBound, SwitchAborted, SwitchCompleted, SwitchStarted
from contracts.events.closing import PartnershipReactivated, PersonalDataPurged
from contracts.events.facts import (
    AgreementContacts,
    AgreementUpdated,
    CustomerStandingRecorded,
    ExtraRequestGranted,
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
from handlers.documents import (
    Agreement,
    Customer,
    Live,
    Partner,
    Quota,
    Switch,
)

DEALINGS_MAX = 100
"""Partners whose dealings with a customer are kept: a report can name anybody, and a document has its limit."""
SUBMISSIONS_MAX = 32
"""As many as a policy can ask about (`requests_max`); older ones no longer matter."""


# ---------------------------------------------------------------------------------------------------------- the partner


def _standing(partner: Partner, event: PartnerStandingRecorded) -> dict[str, Any]:
    return {
        "status": event.status,
        "negative_records": event.negative_records,
        "contact": event.private or partner.contact,
        "language": event.language or partner.language,
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


def _facts(customer: Customer, event: CustomerStandingRecorded, _: str, __: datetime) -> dict[str, Any]:
    recorded = event.private or RecordedFacts()
    changes: dict[str, Any] = {"facts": _replaced(customer, recorded.facts)}
    if recorded.billing_cycle is not None:
        changes |= {"billing_cycle": recorded.billing_cycle, "billing_cycle_as_of": event.as_of}
    registered = {"registered_email": recorded.registered_email, "registered_phone": recorded.registered_phone}
    if new := {name: value for name, value in registered.items() if value is not None}:
        changes |= new | {"registered_as_of": event.as_of}
    return changes


def _replaced(customer: Customer, new: tuple[Fact, ...]) -> tuple[Fact, ...]:
    """Of dealings those with its own partner, and those that were reported last."""
    facts = {(fact.name, fact.partner_id): fact for fact in (*customer.facts, *new)}
    latest = {fact.partner_id: fact.as_of for fact in sorted(facts.values(), key=attrgetter("as_of"))}
    latest.pop(None, None)
    if len(latest) <= DEALINGS_MAX:
        return tuple(facts.values())
    kept = sorted(latest, key=lambda partner: (customer.is_with(partner or ""), latest[partner]))[-DEALINGS_MAX:]
    return tuple(fact for fact in facts.values() if fact.partner_id is None or fact.partner_id in kept)


def _extra(_: Customer, event: ExtraRequestGranted, __: str, ___: datetime) -> dict[str, Any]:
    return {"extra_requests": event.extra_requests}


def _identity(customer: Customer, event: IdentityVerified, _: str, at: datetime) -> dict[str, Any]:
    identity = event.private or Identity()
    return {
        "legal_name": identity.legal_name,
        "registered_email": identity.registered_email.strip() or customer.registered_email,
        "registered_phone": identity.registered_phone.strip() or customer.registered_phone,
        "registered_as_of": at,
        "admin_contact": identity.admin_contact,
        "kind": identity.kind,
        "partnerships": customer.partnerships + 1,
    }


def _offered(customer: Customer, event: InvitationSent, _: str, __: datetime) -> dict[str, Any]:
    return {"partnerships": customer.partnerships + 1} if event.by == "customer" else {}


def _bound(_: Customer, event: PartnershipBound, subject: str, at: datetime) -> dict[str, Any]:
    live = Live(partnership_id=subject, partner_id=event.partner_id, model=event.model)
    return {"live": live, "bound_at": at, "billing_mode": "partner", "billing_partner_id": event.partner_id}


def _reactivated(_: Customer, event: PartnershipReactivated, subject: str, at: datetime) -> dict[str, Any]:
    live = Live(partnership_id=subject, partner_id=event.partner_id, model=event.model)
    return {"live": live, "bound_at": at, "billing_mode": "partner", "billing_partner_id": event.partner_id}


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
        known = customer.submissions_of(event.by, event.partner_id)
        changes |= _submissions(customer, event, (*known, at)[-SUBMISSIONS_MAX:])
    if event.extra_used:
        changes["extra_requests"] = max(0, customer.extra_requests - 1)
    return changes


def _submissions(
    customer: Customer,
    event: TerminationSubmitted | PartnershipTerminated | TerminationRejected | TerminationWithdrawn,
    submissions: tuple[datetime, ...],
) -> dict[str, Any]:
    if event.by != "partner":
        return {"submissions": submissions}
    return {"partners_submissions": customer.partners_submissions | {event.partner_id: submissions}}


def _stalled(_: Customer, __: TerminationStalled, ___: str, ____: datetime) -> dict[str, Any]:
    return {"waits_on_facts": True}


def _back(
    customer: Customer, event: TerminationRejected | TerminationWithdrawn, _: str, __: datetime
) -> dict[str, Any]:
    changes: dict[str, Any] = {"waits_on_facts": event.stage == "stalled"}
    if event.uncounted:
        changes |= _submissions(customer, event, customer.submissions_of(event.by, event.partner_id)[:-1])
    if event.extra_returned:
        changes["extra_requests"] = customer.extra_requests + 1
    return changes


def _left(customer: Customer, event: PartnershipTerminated, _: str, at: datetime) -> dict[str, Any]:
    """The customer is free, or with the successor: a switch hands it over and never leaves it without (R27)."""
    to = event.successor
    live = to and Live(partnership_id=to.partnership_id, partner_id=to.partner_id, model=to.model)
    return _used(customer, event, at) | {
        "live": live,
        "billing_mode": event.billing_mode,
        "billing_partner_id": event.partner_id if event.billing_mode == "partner" else None,
        "waits_on_facts": False,
    }


def _purged(customer: Customer, event: PersonalDataPurged, _: str, __: datetime) -> dict[str, Any]:
    """With its last partnership the customer goes. What counts for R62, and who bills it, is not personal: it stays."""
    left = customer.partnerships - 1 if event.was_linked else customer.partnerships
    if not event.customer_gone:
        return {"partnerships": left}
    blank = Customer(id=customer.id)
    kept = {
        "id",
        "rev",
        "sequences",
        "submissions",
        "partners_submissions",
        "extra_requests",
        "billing_mode",
        "billing_partner_id",
    }
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

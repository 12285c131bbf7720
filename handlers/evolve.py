"""What an event makes of a document. Pure, and of one document at a time: the stored ones are these folds (P4).

`at` is the time of the decision, which the journal keeps. Nothing but an event changes a document.
"""

from datetime import datetime
from typing import Any, TypeVar, assert_never, cast

from contracts.events.binding import (
    BillingSwitched,
    PartnershipBound,
    SwitchAborted,
    SwitchBlocked,
    SwitchCompleted,
    SwitchStarted,
)
from contracts.events.facts import (
    CustomerStandingRecorded,
    PartnerContact,
    PartnerRegistered,
    PartnerStandingRecorded,
    QuotaUpdated,
    RecordedFacts,
)
from contracts.events.invitation import (
    Identity,
    IdentityVerificationFailed,
    IdentityVerified,
    InvitationAccepted,
    InvitationCancelled,
    InvitationDeclined,
    InvitationExpired,
    InvitationOpened,
    InvitationSent,
    OfferDetails,
    PartnershipStatusChecked,
    SwitchPrompted,
)
from contracts.events.notice import NoticeSent
from contracts.events.partnership import Why
from contracts.events.termination import (
    PartnershipTerminated,
    TerminationApproved,
    TerminationDecisionRequested,
    TerminationDetails,
    TerminationRejected,
    TerminationSubmitted,
)
from contracts.message import Event
from contracts.registry import PartnerEvent, PartnershipEvents
from contracts.standing import Fact
from contracts.topics import TopicName
from handlers.documents import (
    SEQUENCE_NAMES,
    Active,
    Cancelled,
    Customer,
    Declined,
    Document,
    Documents,
    Expired,
    InNotice,
    Invited,
    Live,
    Partner,
    Partnership,
    PendingDecision,
    Quota,
    State,
    Switch,
    Switching,
    Terminated,
    TerminationCase,
    offer_keys,
)

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
    )


# ---------------------------------------------------------------------------------------------------------- the partner


def evolve_partner(partner: Partner | None, subject: str, event: Event, at: datetime) -> Partner | None:
    """A partner after the event."""
    del at
    if event.SUBJECT != "partner":
        return partner
    event = cast("PartnerEvent", event)
    if isinstance(event, PartnerRegistered):
        return Partner(
            id=subject,
            sequences=_counted({}, event),
            contact=event.private or PartnerContact(),
            language=event.language,
            notice_days=event.notice_days,
            status=event.status,
        )
    if partner is None:
        return None
    match event:
        case PartnerStandingRecorded():
            return _with(
                partner,
                event,
                status=event.status,
                negative_records=event.negative_records,
                reported=partner.reported | dict.fromkeys(event.recorded, event.as_of),
            )
        case QuotaUpdated():
            quota = Quota(limit=event.limit, bound=event.bound, reserved=event.reserved)
            return _with(partner, event, quota=quota)
        case _:
            assert_never(event)


# --------------------------------------------------------------------------------------------------------- the customer


def evolve_customer(  # noqa: PLR0911 - a table
    customer: Customer | None, subject: str, event: Event, at: datetime
) -> Customer | None:
    """A customer after the event. Most events of a partnership leave its customer alone."""
    if event.TOPIC is not TopicName.LIFECYCLE_EVENTS:
        return customer
    match event:
        case CustomerStandingRecorded():
            known = customer or Customer(id=subject)
            return _with(known, event, facts=_replaced(known.facts, (event.private or RecordedFacts()).facts))
        case IdentityVerified(customer_id=str() as customer_id):
            identity = event.private or Identity()
            known = customer or Customer(id=customer_id)
            return known.but(legal_name=identity.legal_name, registered_email=identity.registered_email)
        case _ if customer is None:
            return None
        case PartnershipBound():
            live = Live(partnership_id=subject, partner_id=event.partner_id, model=event.model)
            return customer.but(live=live, billing_mode="partner")
        case SwitchStarted():
            switch = Switch(
                id=event.switch_id,
                to_partnership_id=subject,
                from_partnership_id=event.from_partnership_id,
                from_partner_id=event.from_partner_id,
            )
            return customer.but(switch=switch)
        case SwitchAborted() | SwitchCompleted():
            return customer.but(switch=None)
        case TerminationSubmitted(counted=True):
            return customer.but(submissions=(*customer.submissions, at)[-SUBMISSIONS_MAX:])
        case PartnershipTerminated():
            return _left(customer, event, at)
        case _:
            return customer


def _left(customer: Customer, event: PartnershipTerminated, at: datetime) -> Customer:
    """The customer is free, or with the successor: a switch hands it over and never leaves it without (R27)."""
    submissions = (*customer.submissions, at)[-SUBMISSIONS_MAX:] if event.counted else customer.submissions
    to = event.successor
    live = to and Live(partnership_id=to.partnership_id, partner_id=to.partner_id, model=to.model)
    return customer.but(live=live, billing_mode=event.billing_mode, submissions=submissions)


def _replaced(known: tuple[Fact, ...], new: tuple[Fact, ...]) -> tuple[Fact, ...]:
    facts = {(fact.name, fact.partner_id): fact for fact in known}
    facts.update({(fact.name, fact.partner_id): fact for fact in new})
    return tuple(facts.values())


# ------------------------------------------------------------------------------------------------------ the partnership


def evolve_partnership(partnership: Partnership | None, subject: str, event: Event, at: datetime) -> Partnership | None:
    """A partnership after the event."""
    if event.SUBJECT != "partnership":
        return partnership
    event = cast("PartnershipEvents", event)
    if isinstance(event, InvitationSent):
        offer = event.private or OfferDetails()
        return Partnership(
            id=subject,
            sequences=_counted({}, event),
            partner_id=event.partner_id,
            customer_id=event.customer_id,
            purpose=event.purpose,
            model=event.model,
            offer=offer,
            state=Invited(expires_at=event.expires_at),
            open_keys=offer_keys(event.partner_id, event.customer_id, offer.email),
        )
    if partnership is None:
        return None
    if isinstance(event, IdentityVerified):
        keys = offer_keys(partnership.partner_id, event.customer_id, partnership.offer.email)
        return _with(
            partnership, event, customer_id=event.customer_id, open_keys=keys, state=_next(partnership.state, event, at)
        )
    state = _next(partnership.state, event, at)
    if state is partnership.state:
        return _with(partnership, event)
    is_open = isinstance(state, Invited | Switching)
    return _with(partnership, event, state=state, open_keys=partnership.open_keys if is_open else ())


def _next(  # noqa: C901, PLR0911, PLR0912 - a table
    state: State, event: PartnershipEvents, at: datetime
) -> State:
    """The state that an event leads to."""
    match state, event:
        case _, (
            InvitationAccepted()
            | PartnershipStatusChecked()
            | TerminationDecisionRequested()
            | SwitchBlocked()
            | SwitchCompleted()
            | BillingSwitched()
            | NoticeSent()
        ):
            return state
        case Invited(), InvitationOpened():
            return state.but(stage=event.stage, opened_by=event.actor.party_id)
        case Invited(), IdentityVerificationFailed():
            return state.but(failed_attempts=event.failed_attempts)
        case Invited(), IdentityVerified() | SwitchPrompted():
            return state.but(stage=event.stage)
        case Invited(), SwitchStarted():
            return Switching(switch_id=event.switch_id, offer=state)
        case Switching(), SwitchAborted():
            return state.offer.but(stage=event.stage)
        case Invited(), InvitationDeclined():
            return Declined(reason=(event.private or Why()).reason, closed_at=at)
        case Invited(), InvitationCancelled():
            return Cancelled(reason=(event.private or Why()).reason, closed_at=at)
        case Invited(), InvitationExpired():
            return Expired(cause=event.cause, closed_at=at)
        case ((Invited() | Switching()), PartnershipBound()):
            return Active(bound_at=at)
        case Active(), TerminationSubmitted():
            return PendingDecision(case=_case(event, at), decide_by=event.decide_by, before=state)
        case PendingDecision(), TerminationApproved():
            return InNotice(case=state.case.but(billing_mode=event.billing_mode), before=state.before)
        case PendingDecision(), TerminationRejected():
            return state.before
        case ((Active() | PendingDecision() | InNotice()), PartnershipTerminated()):
            bond = state if isinstance(state, Active) else state.before
            return Terminated(
                by=event.by,
                category=event.category,
                reason=(event.private or Why()).reason,
                billing_mode=event.billing_mode,
                bound_at=bond.bound_at,
                ended_at=at,
            )
        case _:
            raise ValueError(f"{type(event).__name__} cannot happen to a partnership that is {state.status}")


def _case(event: TerminationSubmitted, at: datetime) -> TerminationCase:
    return TerminationCase(
        by=event.by,
        category=event.category,
        submitted_at=at,
        ends_at=event.ends_at,
        billing_mode=event.billing_mode,
        details=event.private or TerminationDetails(),
    )


# ------------------------------------------------------------------------------------------------------------- counting


def _with(document: D, event: Event, **changes: Any) -> D:
    """A copy with some fields changed, and the event counted."""
    return document.but(sequences=_counted(document.sequences, event), **changes)


def _counted(sequences: dict[str, int], event: Event) -> dict[str, int]:
    return sequences | {SEQUENCE_NAMES[event.TOPIC]: event.sequence}

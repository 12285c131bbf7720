"""What the events of an offer make of a partnership."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar

from contracts.events.binding import SwitchAborted, SwitchOverdue, SwitchStarted
from contracts.events.invitation import (
    IdentityVerificationFailed,
    IdentityVerified,
    InvitationAccepted,
    InvitationCancelled,
    InvitationDeclined,
    InvitationExpired,
    InvitationOpened,
    InvitationReminded,
    InvitationResent,
    InvitationSent,
    OfferDetails,
    PartnershipStatusChecked,
    SwitchPrompted,
)
from contracts.events.partnership import Why
from contracts.message import Event
from handlers.documents import Partnership, offer_keys
from handlers.states import Cancelled, Declined, Expired, Invited, State, Switching

Fields = dict[str, Any]
S = TypeVar("S", bound=State)


def state_of(partnership: Partnership, *kinds: type[S]) -> S:
    """The state, where it is one in which this can happen."""
    state = partnership.state
    if isinstance(state, kinds):
        return state
    raise ValueError(f"this cannot happen to a partnership that is {state.status}")


def no_change(_: Partnership, __: Event, ___: datetime) -> Fields:
    """The event tells, and changes nothing."""
    return {}


def first_of(subject: str, event: InvitationSent, at: datetime, sequences: dict[str, int]) -> Partnership:
    """The partnership that an offer begins. Reminders that would come before it are left out."""
    offer = event.private or OfferDetails()
    known = event.by == "customer"
    passed = sum(event.expires_at - timedelta(days=days) <= at for days in event.rules.reminder_days)
    return Partnership(
        id=subject,
        sequences=sequences,
        partner_id=event.partner_id,
        customer_id=event.customer_id,
        linked=known,
        purpose=event.purpose,
        model=event.model,
        offer=offer,
        state=Invited(
            stage=event.stage,
            by=event.by,
            expires_at=event.expires_at,
            rules=event.rules,
            reserved=event.rules.reserves,
            reminders=passed,
            opened_by=event.customer_id if known else None,
            consent_version=event.consent_version,
            switch_from_partner_id=event.switch_from_partner_id,
        ),
        open_keys=offer_keys(event.partner_id, event.customer_id, offer.email),
    )


def _resent(partnership: Partnership, event: InvitationResent, _: datetime) -> Fields:
    state = state_of(partnership, Invited)
    opened_by = None if event.stage == "sent" else state.opened_by
    changes: Fields = {"state": state.but(stage=event.stage, links=event.number, opened_by=opened_by)}
    if event.private is not None and event.private.channel:
        changes["offer"] = partnership.offer.but(channel=event.private.channel)
    return changes


def _reminded(partnership: Partnership, event: InvitationReminded, _: datetime) -> Fields:
    return {"state": state_of(partnership, Invited).but(reminders=event.number)}


def _opened(partnership: Partnership, event: InvitationOpened, _: datetime) -> Fields:
    return {"state": state_of(partnership, Invited).but(stage=event.stage, opened_by=event.actor.party_id)}


def _failed(partnership: Partnership, event: IdentityVerificationFailed, _: datetime) -> Fields:
    return {"state": state_of(partnership, Invited).but(failed_attempts=event.failed_attempts)}


def _verified(partnership: Partnership, event: IdentityVerified, _: datetime) -> Fields:
    return {
        "customer_id": event.customer_id,
        "linked": True,
        "open_keys": offer_keys(partnership.partner_id, event.customer_id, partnership.offer.email),
        # Whoever came in by the link before is a stranger now.
        "state": state_of(partnership, Invited).but(stage=event.stage, opened_by=event.customer_id),
    }


def _prompted(partnership: Partnership, event: SwitchPrompted, _: datetime) -> Fields:
    state = state_of(partnership, Invited)
    return {"state": state.but(stage=event.stage, switch_from_partner_id=event.from_partner_id)}


def _accepted(partnership: Partnership, __: InvitationAccepted, ___: datetime) -> Fields:
    """As it stands: what was proposed and not answered is off the table."""
    proposed = partnership.modification
    return {"modification": None, "modified": proposed.modified_before if proposed else partnership.modified}


def _switching(partnership: Partnership, event: SwitchStarted, _: datetime) -> Fields:
    """Meanwhile the place in the quota is reserved, whatever the policy says of offers: nobody takes it in between."""
    offer = state_of(partnership, Invited).but(reserved=True, switch_from_partner_id=event.from_partner_id)
    return {"state": Switching(switch_id=event.switch_id, offer=offer, overdue_at=event.overdue_at)}


def _overdue(partnership: Partnership, _: SwitchOverdue, __: datetime) -> Fields:
    return {"state": state_of(partnership, Switching).but(overdue_at=None)}


def _aborted(partnership: Partnership, event: SwitchAborted, _: datetime) -> Fields:
    offer = state_of(partnership, Switching).offer
    return {"state": offer.but(stage=event.stage, reserved=offer.rules.reserves)}


def _declined(partnership: Partnership, event: InvitationDeclined, at: datetime) -> Fields:
    reason = (event.private or Why()).reason
    return _closed(Declined(reason=reason, closed_at=at, purge_at=_purge_at(partnership, at)))


def _cancelled(partnership: Partnership, event: InvitationCancelled, at: datetime) -> Fields:
    reason = (event.private or Why()).reason
    return _closed(Cancelled(reason=reason, closed_at=at, purge_at=_purge_at(partnership, at)))


def _expired(partnership: Partnership, event: InvitationExpired, at: datetime) -> Fields:
    return _closed(Expired(cause=event.cause, closed_at=at, purge_at=_purge_at(partnership, at)))


def _purge_at(partnership: Partnership, at: datetime) -> datetime:
    return at + timedelta(days=state_of(partnership, Invited).rules.purge_days)


def _closed(state: Declined | Cancelled | Expired) -> Fields:
    return {"state": state, "open_keys": (), "modification": None}


FOLDS_OF_OFFER: dict[type[Event], Callable[[Partnership, Any, datetime], Fields]] = {
    InvitationResent: _resent,
    InvitationReminded: _reminded,
    InvitationOpened: _opened,
    IdentityVerified: _verified,
    IdentityVerificationFailed: _failed,
    PartnershipStatusChecked: no_change,
    SwitchPrompted: _prompted,
    InvitationAccepted: _accepted,
    SwitchStarted: _switching,
    SwitchOverdue: _overdue,
    SwitchAborted: _aborted,
    InvitationDeclined: _declined,
    InvitationCancelled: _cancelled,
    InvitationExpired: _expired,
}

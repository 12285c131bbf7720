"""Who is told what: one table (R29, R60, R78, R79, R124). What concerns both sides is told to both."""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from contracts.base import to_milliseconds
from contracts.events.binding import PartnershipBound, SwitchAborted, SwitchStarted
from contracts.events.invitation import (
    InvitationCancelled,
    InvitationDeclined,
    InvitationExpired,
    InvitationSent,
)
from contracts.events.notice import NoticeSent
from contracts.events.termination import (
    PartnershipTerminated,
    TerminationApproved,
    TerminationDecisionRequested,
    TerminationRejected,
    TerminationSubmitted,
)
from contracts.message import CommandMessage, Event
from contracts.terms import Side
from handlers.documents import Customer, Documents, Partner, Partnership
from handlers.invitation import link

BOTH: tuple[Side, ...] = ("partner", "customer")
CHANNEL = "platform_email"
"""For all but the invitation, whose channel the partner chooses (R19)."""


class Notice(NamedTuple):
    """A row of the table: the parties that an event is told to, the template, and what it takes from the event."""

    template: str
    parties: Callable[[Event], tuple[Side, ...]] = lambda _: BOTH
    params: tuple[str, ...] = ()


def _customer(_: Event) -> tuple[Side, ...]:
    return ("customer",)


def _decider(event: Event) -> tuple[Side, ...]:
    return (event.decider,) if isinstance(event, TerminationDecisionRequested) else ()


NOTICES: dict[type[Event], Notice] = {
    InvitationSent: Notice("invitation", _customer, ("expires_at",)),
    InvitationDeclined: Notice("invitation_declined"),
    InvitationCancelled: Notice("invitation_cancelled"),
    InvitationExpired: Notice("invitation_expired"),
    PartnershipBound: Notice("partnership_bound"),
    SwitchStarted: Notice("switch_started"),
    SwitchAborted: Notice("switch_aborted"),
    TerminationSubmitted: Notice("termination_submitted", params=("by", "category")),
    TerminationDecisionRequested: Notice("termination_decision_requested", _decider, ("decide_by",)),
    TerminationApproved: Notice("termination_approved", params=("ends_at",)),
    TerminationRejected: Notice("termination_rejected"),
    PartnershipTerminated: Notice("partnership_terminated", params=("by", "category")),
}


def notices(documents: Documents, events: tuple[Event, ...], message: CommandMessage) -> tuple[NoticeSent, ...]:
    """What the parties are told of one decision. Each hears of its last event only: the one that matters now."""
    partner, partnership = documents.partner, documents.partnership
    if partner is None or partnership is None:
        return ()
    last: dict[Side, tuple[Notice, Event]] = {}
    for event in events:
        if notice := NOTICES.get(type(event)):
            for party in notice.parties(event):
                last[party] = (notice, event)
    return tuple(
        _to_partner(partner, partnership, notice, event, f"{message.id}:{party}")
        if party == "partner"
        else _to_customer(partner, partnership, documents.customer, notice, event, notice_id=f"{message.id}:{party}")
        for party, (notice, event) in last.items()
    )


def _to_partner(partner: Partner, partnership: Partnership, notice: Notice, event: Event, notice_id: str) -> NoticeSent:
    return NoticeSent(
        notice_id=notice_id,
        party="partner",
        recipient_id=partner.id,
        channel=CHANNEL,
        address=partner.contact.contact_email,
        template=notice.template,
        language=partner.language,
        params=_params(partner, partnership, notice, event),
    )


def _to_customer(
    partner: Partner,
    partnership: Partnership,
    customer: Customer | None,
    notice: Notice,
    event: Event,
    *,
    notice_id: str,
) -> NoticeSent:
    invites = isinstance(event, InvitationSent)
    offer = partnership.offer
    known = customer.registered_email if customer and not invites else ""
    channel = offer.channel if invites else CHANNEL
    return NoticeSent(
        notice_id=notice_id,
        party="customer",
        recipient_id=partnership.customer_id,
        channel=channel,
        address=offer.phone if channel == "sms" else known or offer.email,
        template=notice.template,
        language=offer.language,
        params=_params(partner, partnership, notice, event),
        token=link(partnership.id) if invites else None,
    )


def _params(partner: Partner, partnership: Partnership, notice: Notice, event: Event) -> dict[str, str]:
    taken = {name: _text(getattr(event, name)) for name in notice.params}
    return {"partner_name": partner.contact.name, "company_name": partnership.offer.legal_name, **taken}


def _text(value: object) -> str:
    return to_milliseconds(value) if isinstance(value, datetime) else str(value)

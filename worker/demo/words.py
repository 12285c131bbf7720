"""What an event says, in plain words and in one line."""

from datetime import datetime
from typing import assert_never

from contracts.events.billing import BillingSwitched
from contracts.events.binding import (
    PartnershipBound,
    SwitchAborted,
    SwitchBlocked,
    SwitchCompleted,
    SwitchStarted,
)
from contracts.events.facts import CustomerStandingRecorded, PartnerRegistered, PartnerStandingRecorded, QuotaUpdated
from contracts.events.invitation import (
    IdentityVerificationFailed,
    IdentityVerified,
    InvitationAccepted,
    InvitationCancelled,
    InvitationDeclined,
    InvitationExpired,
    InvitationOpened,
    InvitationSent,
    PartnershipStatusChecked,
    SwitchPrompted,
)
from contracts.events.notice import NoticeSent
from contracts.events.termination import (
    PartnershipTerminated,
    TerminationApproved,
    TerminationDecisionRequested,
    TerminationRejected,
    TerminationSubmitted,
)
from contracts.message import Event
from contracts.rejections import CommandAnswered, CommandRejected
from contracts.terms import BillingMode

TOKEN_CHARACTERS_SHOWN = 6


def says(event: Event) -> str:  # noqa: C901, PLR0911, PLR0912 - a line for each event
    """The event in plain words; its type and its topic stand beside them."""
    match event:
        case PartnerRegistered() as e:
            return f"{name(e.partner_id)} may invite"
        case PartnerStandingRecorded() as e:
            return f"{name(e.partner_id)} is {e.status}"
        case CustomerStandingRecorded() as e:
            return f"{len(e.recorded)} facts about {name(e.customer_id)}"
        case QuotaUpdated() as e:
            return f"{name(e.partner_id)}: {e.bound} of {e.limit} bound, {e.reserved} reserved"
        case InvitationSent() as e:
            return f"{e.model}, open until {day(e.expires_at)}"
        case InvitationOpened():
            return "the link was right"
        case IdentityVerified() as e:
            return f"it is {name(e.customer_id)}"
        case IdentityVerificationFailed() as e:
            return f"{e.attempts_left} attempts left"
        case PartnershipStatusChecked() as e:
            return "it has another partner" if e.bound_elsewhere else "it has no partner yet"
        case SwitchPrompted() as e:
            return f"accepting would end {name(e.from_partner_id)}'s"
        case InvitationAccepted() as e:
            return f"with version {e.consent_version} of the terms"
        case InvitationDeclined() | InvitationCancelled() | InvitationExpired():
            return "the offer is closed"
        case PartnershipBound() as e:
            return f"{name(e.customer_id)} is {name(e.partner_id)}'s customer"
        case BillingSwitched() as e:
            now = payee(e.to_mode, e.to_partner_id)
            return f"{now} bills {name(e.customer_id)} (was: {payee(e.from_mode, e.from_partner_id)})"
        case SwitchStarted() as e:
            return f"{name(e.from_partner_id)} has to let go first"
        case SwitchBlocked() | SwitchAborted() as e:
            return ", ".join(e.items)
        case SwitchCompleted() as e:
            return f"{name(e.customer_id)}: {name(e.from_partner_id)} → {name(e.partner_id)}"
        case TerminationSubmitted() as e:
            return f"by the {e.by}{', and it counts' if e.counted else ''}"
        case TerminationDecisionRequested() as e:
            return f"{e.decider} has until {day(e.decide_by)}"
        case TerminationApproved() as e:
            return f"{plain(e.basis)}, ends {day(e.ends_at)}"
        case TerminationRejected():
            return "everything is as it was"
        case PartnershipTerminated() as e:
            return f"{name(e.partner_id)}/{name(e.customer_id)}, by the {e.by}"
        case NoticeSent() as e:
            return f"to {name(e.recipient_id or e.params['company_name'])}: {plain(e.template)}{_link(e)}"
        case CommandRejected() as e:
            return f"{e.message}{_details(e)}"
        case CommandAnswered() as e:
            return f"it would be {e.would}d"
        case _:
            return ""  # its type says it


def name(party_id: str | None) -> str:
    """A party as people call it; in this story ids are names in small letters."""
    return (party_id or "nobody").capitalize()


def plain(identifier: str) -> str:
    """`partner_switch` → `partner switch`."""
    return identifier.replace("_", " ")


def day(moment: datetime) -> str:
    """`22 Dec`: the year is known."""
    return f"{moment.day} {moment:%b}"


def payee(mode: BillingMode, partner_id: str | None) -> str:
    """Who sends the bills."""
    match mode:
        case "partner":
            return name(partner_id)
        case "direct":
            return "the platform"
        case "none":
            return "nobody"
        case _ as never:
            assert_never(never)


def _link(notice: NoticeSent) -> str:
    token = notice.params.get("token")
    return f", link …{token[-TOKEN_CHARACTERS_SHOWN:]}" if token else ""


def _details(refusal: CommandRejected) -> str:
    """What the refusal names: single values as they are, lists by their items."""
    parts = [f"{key}: {_value(value)}" for key, value in refusal.details.items()]
    return f" ({'; '.join(parts)})" if parts else ""


def _value(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        return str(value)
    return f"{day(moment)} {moment.year}"

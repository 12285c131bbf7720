"""From the offer to its answer."""

from typing import Annotated, Literal, get_args

from pydantic import Field

from contracts.agreement import OfferRules
from contracts.base import Contract, Count, EMail, Id, LongText, Moment, ShortText
from contracts.events.partnership import PartnershipEvent, Why
from contracts.terms import CustomerKind, InvitedStage, Language, Model, Purpose, Side


class OfferDetails(Contract):
    """What the offer says about the company (R9 to R14), and how the invitation goes out."""

    legal_name: ShortText = ""
    contact_person: ShortText = ""
    email: EMail = ""
    phone: ShortText = ""
    requirements: LongText = ""
    estimated_volume: ShortText = ""
    terms: LongText = ""
    channel: ShortText = ""
    language: Language = "en"


class InvitationSent(PartnershipEvent):
    """A partnership was offered (R16 to R19). Who makes the offer as a known customer is `verified` already (C12)."""

    status: Literal["invited"] = "invited"
    stage: Literal["sent", "verified", "switch_prompted"] = "sent"
    by: Side = "partner"
    purpose: Purpose
    model: Model
    standards_version: ShortText
    expires_at: Moment
    rules: OfferRules
    consent_version: ShortText | None = None
    """The terms to which a customer that offers itself has consented (R26)."""
    switch_confirmed: bool = False
    switch_from_partner_id: Id | None = None
    """A customer that offers itself has confirmed to leave this partner for it (R26)."""
    private: OfferDetails | None = Field(default=None, exclude=True)


class NewChannel(Contract):
    """How the invitation goes out from now on; empty: as before."""

    channel: ShortText = ""


class InvitationResent(PartnershipEvent):
    """The invitation goes out again with the link of this number. Whoever came in by an older one is outside again."""

    status: Literal["invited"] = "invited"
    stage: InvitedStage
    number: Count
    private: NewChannel | None = Field(default=None, exclude=True)


class InvitationReminded(PartnershipEvent):
    """The offer has not been answered, and will soon expire. `told`: not where its acceptance would be refused now."""

    status: Literal["invited"] = "invited"
    stage: InvitedStage
    number: Count
    expires_at: Moment
    told: bool = True


class InvitationOpened(PartnershipEvent):
    """Somebody came in through the link (R20)."""

    status: Literal["invited"] = "invited"
    stage: InvitedStage


class Identity(Contract):
    """Who the customer is, as it was verified."""

    legal_name: ShortText = ""
    registered_email: EMail = ""
    registered_phone: ShortText = ""
    admin_contact: ShortText = ""
    kind: CustomerKind = "standalone"


class IdentityVerified(PartnershipEvent):
    """The invited company is this customer (R21)."""

    status: Literal["invited"] = "invited"
    stage: Literal["verified"] = "verified"
    private: Identity | None = Field(default=None, exclude=True)


class IdentityVerificationFailed(PartnershipEvent):
    """The identity could not be shown; after the last attempt the invitation expires."""

    status: Literal["invited"] = "invited"
    stage: Literal["opened"] = "opened"
    failed_attempts: Count
    attempts_left: Count


class PartnershipStatusChecked(PartnershipEvent):
    """Whether the customer has a partner already (R22, R23)."""

    status: Literal["invited"] = "invited"
    stage: Literal["verified"] = "verified"
    bound_elsewhere: bool


Consequence = Literal["current_partnership_ends", "billing_moves", "counts_as_termination_request"]
CONSEQUENCES: tuple[Consequence, ...] = get_args(Consequence)
"""Of accepting; the last one by policy (C3)."""


class SwitchPrompted(PartnershipEvent):
    """The customer has another partner and is told what accepting means (R24)."""

    status: Literal["invited"] = "invited"
    stage: Literal["switch_prompted"] = "switch_prompted"
    from_partnership_id: Id
    from_partner_id: Id
    consequences: Annotated[tuple[Consequence, ...], Field(max_length=8)] = CONSEQUENCES


class InvitationAccepted(PartnershipEvent):
    """The customer has confirmed (R25, R26). What follows from it, binding or switching, is told by the next event."""

    status: Literal["invited"] = "invited"
    stage: InvitedStage
    consent_version: ShortText


class InvitationDeclined(PartnershipEvent):
    """Who got the offer has said no."""

    status: Literal["declined"] = "declined"
    private: Why | None = Field(default=None, exclude=True)


class InvitationCancelled(PartnershipEvent):
    """Who made the offer has taken it back."""

    status: Literal["cancelled"] = "cancelled"
    private: Why | None = Field(default=None, exclude=True)


class InvitationExpired(PartnershipEvent):
    """The offer can no longer be accepted."""

    status: Literal["expired"] = "expired"
    cause: Literal["verification_exhausted", "time"]

"""From the offer to its answer. The subject is the partnership; its id is the inviting producer's choice."""

from typing import ClassVar

from contracts.base import EMail, Id, LongText, ShortText
from contracts.message import Command
from contracts.terms import CustomerKind, Language, Model, Purpose
from contracts.topics import TopicName


class InviteCustomer(Command):
    """One side offers a partnership (C12). R9 to R14 are optional: a gap is refused and not unreadable (R15)."""

    TOPIC: ClassVar[TopicName] = TopicName.INVITATION_COMMANDS

    purpose: Purpose
    model: Model
    legal_name: ShortText | None = None
    contact_person: ShortText | None = None
    email: EMail | None = None
    phone: ShortText | None = None
    requirements: LongText | None = None
    estimated_volume: ShortText | None = None
    terms: LongText | None = None
    channel: ShortText = "platform_email"
    standards_version: ShortText | None = None
    language: Language = "en"
    customer_id: Id | None = None
    consent_version: ShortText | None = None
    """Of the terms: where the customer makes the offer, it consents to them by that (C12)."""
    switch_confirmed: bool = False
    """Where the customer makes the offer and has another partner (R26)."""


class ResendInvitation(Command):
    """The partner has the invitation sent again, with a new link; the old one is void."""

    TOPIC: ClassVar[TopicName] = TopicName.INVITATION_COMMANDS

    channel: ShortText | None = None


class OpenInvitation(Command):
    """Somebody enters through the invitation's link (R20)."""

    TOPIC: ClassVar[TopicName] = TopicName.INVITATION_COMMANDS

    token: ShortText


class RecordIdentityVerification(Command):
    """The identity system says who opened the invitation, or that this could not be shown (R21)."""

    TOPIC: ClassVar[TopicName] = TopicName.INVITATION_COMMANDS

    customer_id: Id
    legal_name: ShortText
    registered_email: EMail
    registered_phone: ShortText = ""
    admin_contact: ShortText = ""
    kind: CustomerKind = "standalone"
    passed: bool


class AcceptInvitation(Command):
    """Who got the offer confirms it; a customer with another partner the switch too (R25 to R27)."""

    TOPIC: ClassVar[TopicName] = TopicName.INVITATION_COMMANDS

    consent_version: ShortText | None = None
    switch_confirmed: bool = False
    switch_from_partner_id: Id | None = None
    """Whom the customer knows that it leaves; without it the partner that it was prompted about (R24, R26)."""


class DeclineInvitation(Command):
    """Who got the offer says no."""

    TOPIC: ClassVar[TopicName] = TopicName.INVITATION_COMMANDS

    reason: LongText | None = None


class CancelInvitation(Command):
    """Who made the offer takes it back."""

    TOPIC: ClassVar[TopicName] = TopicName.INVITATION_COMMANDS

    reason: LongText | None = None

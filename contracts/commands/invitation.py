"""From the offer to its answer. The subject is the partnership; its id is the inviting producer's choice."""

from typing import ClassVar

from contracts.base import EMail, Id, LongText, ShortText
from contracts.message import Command
from contracts.terms import Language, Model, Purpose
from contracts.topics import TopicName


class InviteCustomer(Command):
    """A partner offers a partnership. R9 to R14 are optional here so that a gap is refused and not unreadable (R15)."""

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
    passed: bool


class AcceptInvitation(Command):
    """The customer confirms the partnership, and the switch if it has another partner (R25 to R27)."""

    TOPIC: ClassVar[TopicName] = TopicName.INVITATION_COMMANDS

    consent_version: ShortText | None = None
    switch_confirmed: bool = False


class DeclineInvitation(Command):
    """The customer says no."""

    TOPIC: ClassVar[TopicName] = TopicName.INVITATION_COMMANDS

    reason: LongText | None = None


class CancelInvitation(Command):
    """The partner takes its offer back."""

    TOPIC: ClassVar[TopicName] = TopicName.INVITATION_COMMANDS

    reason: LongText | None = None

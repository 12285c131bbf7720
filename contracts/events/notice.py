"""What a party is to be told. The notification system sends it, and says whether it arrived."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from contracts.base import Contract, Id, LongText, ShortText
from contracts.message import Event
from contracts.templates import TemplateName
from contracts.terms import Initiator, Language
from contracts.topics import TopicName


class TokenRequest(Contract):
    """Which secret a notice must carry. Derived when it is published, so that no document and no journal holds it."""

    purpose: ShortText
    subject: Id
    number: int


class NoticeSent(Event):
    """A notification to one party (R29, R60, R78, R79, R124)."""

    TOPIC: ClassVar[TopicName] = TopicName.NOTICE_EVENTS

    notice_id: ShortText
    party: Initiator
    recipient_id: Id | None = None
    """None for a company that is not known as a customer yet."""
    channel: ShortText
    address: ShortText
    template: TemplateName
    language: Language
    params: Annotated[dict[str, LongText], Field(max_length=16)]
    """As the template's row in contracts/templates.py says."""
    token: TokenRequest | None = Field(default=None, exclude=True)


class NotificationOutcomeRecorded(Event):
    """Whether a notice arrived, and what is done if not: it goes by the second channel, then the platform is told."""

    TOPIC: ClassVar[TopicName] = TopicName.NOTICE_EVENTS

    partner_id: Id
    customer_id: Id | None = None
    notice_id: ShortText
    outcome: Literal["delivered", "failed"]
    followed_by: Literal["nothing", "second_channel", "platform"]

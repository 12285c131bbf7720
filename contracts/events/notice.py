"""What a party is to be told. The notification system sends it."""

from typing import Annotated, ClassVar

from pydantic import Field

from contracts.base import Contract, Id, LongText, ShortText
from contracts.message import Event
from contracts.terms import Language, Side
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
    party: Side
    recipient_id: Id | None = None
    """None for a company that is not known as a customer yet."""
    channel: ShortText
    address: ShortText
    template: ShortText
    language: Language
    params: Annotated[dict[str, LongText], Field(max_length=16)]
    token: TokenRequest | None = Field(default=None, exclude=True)

"""The frame of every message: CloudEvents 1.0, structured mode, as one JSON object in the Kafka record's value."""

from enum import StrEnum
from functools import cache
from typing import Annotated, ClassVar, Literal, NamedTuple

from pydantic import AwareDatetime, Field

from contracts.base import INT64_MAX, Contract, Count, Id, ShortText
from contracts.topics import TopicName

CONTENT_TYPE = "application/cloudevents+json"
TYPE_PREFIX = "partnerships"


class Party(StrEnum):
    """Who can act: the two sides of a partnership, and three that stand outside of it."""

    PARTNER = "partner"
    CUSTOMER = "customer"
    PLATFORM = "platform"
    SUPPORT = "support"
    SYSTEM = "system"


class Role(StrEnum):
    """What a user may do for its party (R83, R84)."""

    ADMIN = "admin"
    OPERATOR = "operator"
    VIEWER = "viewer"


class Route(StrEnum):
    """How a command was given: by the user, or by customer service for the user (R82, R93)."""

    SELF_SERVICE = "self_service"
    ASSISTED_PHONE = "assisted_phone"
    ASSISTED_MAIL = "assisted_mail"
    ASSISTED_CHAT = "assisted_chat"


class Actor(Contract):
    """Who gave a command. Sides are compared by `party_id`: a partner's or a customer's id."""

    kind: Party
    party_id: Id
    user_id: Id
    role: Role = Role.OPERATOR


SYSTEM = Actor(kind=Party.SYSTEM, party_id="partnership-worker", user_id="partnership-worker", role=Role.ADMIN)
"""The worker itself, in the commands that it gives itself."""


class Typed(Contract):
    """Something with a name and a version; the wire type is made of both, here and nowhere else."""

    VERSION: ClassVar[int] = 1

    @classmethod
    @cache
    def wire_type(cls) -> str:
        """`partnerships.<name>.v<version>`: the CloudEvents `type`."""
        return f"{TYPE_PREFIX}.{cls.__name__}.v{cls.VERSION}"


class Command(Typed):
    """The `data` of a command: an order, named in the imperative."""

    TOPIC: ClassVar[TopicName]

    actor: Actor
    route: Route = Route.SELF_SERVICE
    expected_version: Annotated[int, Field(ge=0, le=INT64_MAX)] | None = None
    """The lifecycle `sequence` that the sender saw last; another one is refused with VERSION_CONFLICT."""
    dry_run: bool = False
    """Decide and answer, change nothing."""


class Event(Typed):
    """The `data` of an event: a fact, named in the past tense.

    `sequence` counts from 1 without a gap for each subject and topic, so that any consumer can tell a gap or a repeat.
    """

    TOPIC: ClassVar[TopicName]
    SUBJECT: ClassVar[Literal["partnership", "partner", "customer"]] = "partnership"

    sequence: Count = 0
    actor: Actor = SYSTEM


class CommandFrame(Contract):
    """The attributes of a command's CloudEvent, without its `data`."""

    specversion: Literal["1.0"]
    id: Id
    source: ShortText
    type: ShortText
    subject: Id
    partitionkey: Id
    time: AwareDatetime | None = None
    correlationid: Id | None = None
    causationid: Id | None = None


class CommandMessage(NamedTuple):
    """A command as it was received.

    `subject` is the partnership (for facts: the partner or the customer), `partner_id` the CloudEvent's `partitionkey`
    (for a customer's facts: the customer); `id` is the `command_id` that is decided once (P2).
    """

    id: str
    subject: str
    partner_id: str
    data: Command
    correlation_id: str | None = None

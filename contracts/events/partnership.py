"""What all lifecycle events of a partnership have."""

from typing import ClassVar

from contracts.base import Contract, Id, LongText
from contracts.message import Event
from contracts.terms import Stage, Status
from contracts.topics import TopicName


class PartnershipEvent(Event):
    """A change of one partnership. `status` and `stage` say what it leads to, so that no query is needed."""

    TOPIC: ClassVar[TopicName] = TopicName.LIFECYCLE_EVENTS

    partner_id: Id
    customer_id: Id | None = None
    """None until an invited company is known as a customer."""


class SteadyEvent(PartnershipEvent):
    """A change that leaves the status alone, whichever it is."""

    status: Status
    stage: Stage | None = None


class Why(Contract):
    """The reason that a person gave."""

    reason: LongText = ""

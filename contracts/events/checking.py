"""The answer to an account check: for whoever asked, and for nobody else."""

from typing import Annotated, ClassVar

from pydantic import Field

from contracts.agreement import Days
from contracts.base import Id, Moment, ShortText
from contracts.events.termination import Obstacle
from contracts.message import Event
from contracts.standing import BillingCycle
from contracts.terms import Refund, Side
from contracts.topics import TopicName


class TerminationChecked(Event):
    """Everything at once: what stands in the way, since when one may ask, and what asking takes (R74, R76)."""

    TOPIC: ClassVar[TopicName] = TopicName.NOTICE_EVENTS

    partner_id: Id
    customer_id: Id | None = None
    by: Side
    passed: bool
    items: Annotated[tuple[Obstacle, ...], Field(max_length=16)]
    next_allowed_at: Moment | None = None
    """When the customer's requests are used up: from when on it may ask again (R62)."""
    earliest_end_at: Moment
    needs_consent: bool
    needs_code: bool
    warning_version: ShortText
    retention_days: Days | None = None
    refund: Refund | None = None
    bill_confirmation_days: Days | None = None
    billing_cycle: BillingCycle | None = None
    """With these the texts of the warnings are filled in (R91, R98, R101); the cycle where it was reported."""

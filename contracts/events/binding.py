"""The bond between a partner and a customer, and its handing over from one partner to another."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from contracts.base import Id
from contracts.blocks import BlockItem
from contracts.events.partnership import PartnershipEvent
from contracts.message import Event
from contracts.terms import BillingMode, LiveStage, LiveStatus, Model
from contracts.topics import TopicName

Items = Annotated[tuple[BlockItem, ...], Field(max_length=16)]


class PartnershipBound(PartnershipEvent):
    """The association is established (R28, R30); the account's activation is awaited (R31)."""

    status: Literal["active"] = "active"
    stage: Literal["activation_pending"] = "activation_pending"
    model: Model


class BillingSwitched(Event):
    """Who bills the customer from now on (R57)."""

    TOPIC: ClassVar[TopicName] = TopicName.BILLING_EVENTS

    partner_id: Id
    customer_id: Id
    from_mode: BillingMode
    from_partner_id: Id | None = None
    to_mode: BillingMode
    to_partner_id: Id | None = None


class SwitchStarted(PartnershipEvent):
    """Accepted by a customer of another partner, whose side has to end first (R27)."""

    status: Literal["switching"] = "switching"
    switch_id: Id
    from_partnership_id: Id
    from_partner_id: Id


class SwitchBlocked(PartnershipEvent):
    """The old side cannot end: what stands in the way. Its own state stays what it was."""

    status: LiveStatus
    stage: LiveStage
    switch_id: Id
    items: Items


class SwitchAborted(PartnershipEvent):
    """The switch did not come about; the offer is open again."""

    status: Literal["invited"] = "invited"
    stage: Literal["switch_prompted"] = "switch_prompted"
    switch_id: Id
    items: Items


class SwitchCompleted(PartnershipEvent):
    """The customer has changed from one partner to another."""

    status: Literal["active"] = "active"
    stage: Literal["activation_pending"] = "activation_pending"
    switch_id: Id
    from_partnership_id: Id
    from_partner_id: Id

"""Commands that the worker gives itself, in the lane log only: a switch joins decisions of two lanes."""

from typing import Annotated, ClassVar

from pydantic import Field

from contracts.base import Id
from contracts.blocks import BlockItem
from contracts.message import Command
from contracts.terms import Model
from contracts.topics import TopicName


class EndForSwitch(Command):
    """To the old partner's lane: end the partnership and hand the customer over, or say what is in the way (R27)."""

    TOPIC: ClassVar[TopicName] = TopicName.LANES

    switch_id: Id
    customer_id: Id
    to_partnership_id: Id
    to_partner_id: Id
    to_model: Model


class CompleteSwitch(Command):
    """To the new partner's lane: the old side has ended, bind. It cannot be refused."""

    TOPIC: ClassVar[TopicName] = TopicName.LANES

    switch_id: Id
    customer_id: Id


class AbortSwitch(Command):
    """To the new partner's lane: the old side could not end, the offer is open again."""

    TOPIC: ClassVar[TopicName] = TopicName.LANES

    switch_id: Id
    customer_id: Id
    items: Annotated[tuple[BlockItem, ...], Field(max_length=16)]

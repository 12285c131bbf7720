"""Commands that the worker gives itself, in the lane log only: they join decisions of two lanes, or come in time."""

from typing import Annotated, ClassVar

from pydantic import Field

from contracts.base import Count, Id, Moment
from contracts.blocks import BlockItem
from contracts.deadlines import DeadlineKind
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
    blocks_run: bool = True
    counts: bool = True
    renewal: bool = False
    """C1, C3: as the policy said when it was accepted."""


class CompleteSwitch(Command):
    """To the new partner's lane: the old side has ended, bind. It cannot be refused."""

    TOPIC: ClassVar[TopicName] = TopicName.LANES

    switch_id: Id
    customer_id: Id
    was_suspended: bool = False
    """The platform had suspended the old side, and so it stays (R39)."""


class AbortSwitch(Command):
    """To the new partner's lane: the old side could not end, the offer is open again."""

    TOPIC: ClassVar[TopicName] = TopicName.LANES

    switch_id: Id
    customer_id: Id
    items: Annotated[tuple[BlockItem, ...], Field(max_length=16)]


class RecheckTermination(Command):
    """To the partner's lane: facts have come that a stalled termination may have waited for."""

    TOPIC: ClassVar[TopicName] = TopicName.LANES


class SpreadAgreement(Command):
    """To a partner whose agreement ends at another time: tell the next of its partnerships, those after this one."""

    TOPIC: ClassVar[TopicName] = TopicName.LANES

    agreement_ends_at: Moment | None = None
    after_partnership_id: Id | None = None


class ApplyAgreement(Command):
    """To one partnership of a partner whose agreement ends at another time."""

    TOPIC: ClassVar[TopicName] = TopicName.LANES

    agreement_ends_at: Moment | None = None


class DeadlineReached(Command):
    """A deadline of a partnership has come. `sequence` tells apart what comes due twice at one time."""

    TOPIC: ClassVar[TopicName] = TopicName.LANES

    kind: DeadlineKind
    due_at: Moment
    sequence: Count

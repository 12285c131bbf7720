"""The end of a partnership."""

from typing import ClassVar

from contracts.base import LongText
from contracts.message import Command
from contracts.terms import BillingMode, Category
from contracts.topics import TopicName


class RequestTermination(Command):
    """One side asks for the end, or the platform orders it (R37 to R43, R46 to R49). Customers choose their billing."""

    TOPIC: ClassVar[TopicName] = TopicName.TERMINATION_COMMANDS

    category: Category
    reason: LongText | None = None
    migration_plan: LongText | None = None
    alternative_service: LongText | None = None
    billing_mode: BillingMode | None = None


class DecideTermination(Command):
    """The other side answers (R80, R81). Customers choose their billing."""

    TOPIC: ClassVar[TopicName] = TopicName.TERMINATION_COMMANDS

    approve: bool
    reason: LongText | None = None
    billing_mode: BillingMode | None = None

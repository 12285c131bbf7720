"""A partnership that lives: its upkeep, its modification, its suspension (R31 to R36, R119, R129)."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from contracts.base import Count, LongText, ShortText
from contracts.business import Amount, Currency, Period
from contracts.details import Changes, Contacts
from contracts.message import Command
from contracts.terms import BillingMode
from contracts.topics import TopicName


class BindingCommand(Command):
    """What all of them share."""

    TOPIC: ClassVar[TopicName] = TopicName.BINDING_COMMANDS


class RecordActivation(BindingCommand):
    """The system that activates accounts says whether it did (R31)."""

    outcome: Literal["done", "failed"]


class ConfigurePermissions(BindingCommand):
    """What the partner may do in the customer's account (R33); another system applies it."""

    permissions: Annotated[tuple[ShortText, ...], Field(max_length=64)]


class ChooseBilling(BindingCommand):
    """Who bills the customer when the partnership has ended, whoever ends it (R57); a later choice replaces it."""

    billing_mode: BillingMode


class UpdateCustomerInfo(BindingCommand):
    """The customer's basic information (R32). The partner's upkeep counts at once, the customer's when acknowledged."""

    changes: Changes


class AssignContacts(BindingCommand):
    """Whom the customer finds at the partner (R35, R117)."""

    contacts: Contacts


class ProposeModification(BindingCommand):
    """One side wants an offer or a partnership to be otherwise (R129)."""

    changes: Changes


class AnswerModification(BindingCommand):
    """The side whose turn it is acknowledges, declines, or counters with changes of its own (R129)."""

    answer: Literal["acknowledge", "decline", "counter"]
    changes: Changes = Changes()
    reason: LongText | None = None


class RecordBusinessData(BindingCommand):
    """What was done in one period (R34); a later report about the same period replaces it."""

    period: Period
    amount: Amount
    currency: Currency
    orders: Count


class RecordNotificationOutcome(BindingCommand):
    """The notification system says whether a notice arrived (R29, R60)."""

    notice_id: ShortText
    outcome: Literal["delivered", "failed"]


class SuspendPartnership(BindingCommand):
    """The platform suspends (R39)."""

    reason: LongText | None = None


class ResumePartnership(BindingCommand):
    """The platform ends the suspension."""

    reason: LongText | None = None


class HidePartnership(BindingCommand):
    """A user takes the card off its own side's screen (R119)."""


class ShowPartnership(BindingCommand):
    """And puts it back (C5)."""

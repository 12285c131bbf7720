"""The end of a partnership, from the account check to the decision (R37 to R54, R62 to R95, R113, R121, R122)."""

from typing import ClassVar

from contracts.base import Contract, EMail, Id, LongText, Moment, ShortText
from contracts.blocks import BlockItem
from contracts.message import Command
from contracts.terms import BillingMode, Category, Side
from contracts.topics import TopicName


class OnBehalf(Contract):
    """For whom customer service acts: what the caller has given, and what must match (R94)."""

    side: Side
    account_id: Id
    registered_email: EMail


class TerminationCommand(Command):
    """What all of them share."""

    TOPIC: ClassVar[TopicName] = TopicName.TERMINATION_COMMANDS


class RequestingCommand(TerminationCommand):
    """What the requesting side does, or customer service for it (R82, R93)."""

    on_behalf: OnBehalf | None = None


class CheckTermination(RequestingCommand):
    """Everything that stands in the way, at once and as often as one likes (R74, R76). It moves on what was blocked."""

    migration_plan: LongText | None = None
    alternative_service: LongText | None = None


class RequestTermination(RequestingCommand):
    """One side wants the end, or the platform orders it (R37 to R43, R46 to R49, R107)."""

    category: Category
    reason: LongText | None = None
    migration_plan: LongText | None = None
    alternative_service: LongText | None = None
    end_at: Moment | None = None
    successor: ShortText | None = None


class Checklist(Contract):
    """What the requesting side has seen to (R75, R92, R112)."""

    warnings_read: bool = False
    data_backed_up: bool = False
    bill_checked: bool = False
    support_known: bool = False


class ConfirmTermination(RequestingCommand):
    """The explicit yes, with the warnings that were read (R54, R75, R89, R92, R122). Customers choose their billing.

    By customer service only with the version that was told to the caller, and the caller's consent (R95).
    """

    warning_version: ShortText | None = None
    checklist: Checklist = Checklist()
    billing_mode: BillingMode | None = None
    caller_consents: bool = False


class SendVerificationCode(RequestingCommand):
    """A code by text message, please (R77)."""


class SubmitVerificationCode(RequestingCommand):
    """The code that was received (R77)."""

    code: ShortText


class DecideTermination(TerminationCommand):
    """The other side answers (R80, R81). Customers read the warnings and choose their billing."""

    approve: bool
    reason: LongText | None = None
    warning_version: ShortText | None = None
    billing_mode: BillingMode | None = None


class WithdrawTermination(RequestingCommand):
    """The requesting side takes its request back, or gives its draft up."""

    reason: LongText | None = None


class WaiveBlock(TerminationCommand):
    """The platform lets one item not stand in the way any longer."""

    item: BlockItem
    reason: LongText | None = None


class GrantExtraRequest(TerminationCommand):
    """The platform allows a customer one request more (R62, C4). Key and subject are the customer."""

    reason: LongText | None = None

"""After the end: closing, final bill, data, legal hold, reactivation (R55 to R60, R88, R97 to R106, R110, R111)."""

from typing import ClassVar, Literal

from contracts.base import Count, LongText, ShortText
from contracts.business import Amount, BillPeriod, Currency
from contracts.message import Command
from contracts.steps import StepName
from contracts.topics import TopicName


class ClosingCommand(Command):
    """What all of them share."""

    TOPIC: ClassVar[TopicName] = TopicName.TERMINATION_COMMANDS


class RecordClosingStep(ClosingCommand):
    """Another system has done one step or could not; the platform has it tried again, or does without (R55, R88)."""

    step: StepName
    outcome: Literal["done", "failed", "retry", "waived"]
    reason: LongText | None = None


class RecordFinalBill(ClosingCommand):
    """Billing has made the final bill (R103). A balance in the customer's favour is a negative amount (R102)."""

    amount: Amount
    currency: Currency
    period: BillPeriod
    number: Count | None = None
    """Of the FinalBillRequested that it answers; a partnership that came back can end once more."""


class ConfirmFinalBill(ClosingCommand):
    """The customer finds the bill right (R104); given what it saw, one that was corrected meanwhile is another one."""

    amount: Amount | None = None
    currency: Currency | None = None


class DisputeFinalBill(ClosingCommand):
    """The customer doubts the bill (R105)."""

    reason: LongText | None = None


class ResolveDispute(ClosingCommand):
    """Support has checked the bill: it stands, or has another amount (R105)."""

    amount: Amount | None = None
    reason: LongText | None = None


class RequestDataExport(ClosingCommand):
    """The customer wants its data: customer information, sales records (R97)."""

    what: ShortText = "everything"


class RecordDataExport(ClosingCommand):
    """The system that exports says whether it did (R97). `location` is told to the customer."""

    outcome: Literal["done", "failed"]
    location: ShortText = ""


class PlaceLegalHold(ClosingCommand):
    """Nothing of this partnership may be destroyed from now on."""

    reason: LongText | None = None


class ReleaseLegalHold(ClosingCommand):
    """It may be destroyed again in due time."""

    reason: LongText | None = None


class RequestReactivation(ClosingCommand):
    """One side wants the ended partnership back (R99, R106, R110, R111)."""

    consent_version: ShortText | None = None
    fee_reference: ShortText | None = None


class AnswerReactivation(ClosingCommand):
    """The other side agrees or declines; after a violation the platform is asked too."""

    answer: Literal["agree", "decline"]
    consent_version: ShortText | None = None
    reason: LongText | None = None

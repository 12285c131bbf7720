"""After the end: closing, data, legal hold, reactivation, purge."""

from typing import Annotated, Literal

from pydantic import Field

from contracts.base import Contract, Count, Moment, ShortText
from contracts.events.partnership import PartnershipEvent, SteadyEvent, Why
from contracts.steps import AskedOf, StepName
from contracts.terms import ClosingStage, Initiator, Model, Side


class DataRetentionStarted(PartnershipEvent):
    """The data is kept until then, and can be recovered (R58, R98, R99)."""

    status: Literal["terminated"] = "terminated"
    stage: Literal["closing"] = "closing"
    until: Moment


class ClosingStepRecorded(SteadyEvent):
    """How one step stands. `retry` is the request to try again."""

    step: StepName
    outcome: Literal["done", "failed", "retry", "waived"]
    answer_by: Moment | None = None
    """Of what is tried again beside the closing of an end: of a restore, of a former end's bill."""
    private: Why | None = Field(default=None, exclude=True)


class ClosingStalled(PartnershipEvent):
    """The closing takes longer than it may (R88); the platform is told."""

    status: Literal["terminated"] = "terminated"
    stage: Literal["closing"] = "closing"
    steps: Annotated[tuple[StepName, ...], Field(max_length=4)]


class ClosingCompleted(PartnershipEvent):
    """Every step is done, or done without (R55)."""

    status: Literal["terminated"] = "terminated"
    stage: Literal["done"] = "done"


class DataExportRequested(SteadyEvent):
    """The customer wants its data (R97); another system exports, by `answer_by`."""

    number: Count
    what: ShortText
    answer_by: Moment | None = None


class ExportLocation(Contract):
    """Where the customer finds its data."""

    location: ShortText = ""


class DataExportRecorded(SteadyEvent):
    """The data is there, or could not be exported."""

    number: Count
    outcome: Literal["done", "failed"]
    private: ExportLocation | None = Field(default=None, exclude=True)


class AnswerOverdue(SteadyEvent):
    """Other systems have not answered in time what they were asked for; the platform is told (R88, R97, R99, R103)."""

    what: Annotated[tuple[AskedOf, ...], Field(max_length=4)]


class LegalHoldPlaced(SteadyEvent):
    """Nothing may be destroyed."""

    private: Why | None = Field(default=None, exclude=True)


class LegalHoldReleased(SteadyEvent):
    """It may be destroyed in due time."""

    private: Why | None = Field(default=None, exclude=True)


class ReactivationRequested(PartnershipEvent):
    """One side wants the partnership back; these have to agree, until the retention ends (R99, R106)."""

    status: Literal["terminated"] = "terminated"
    stage: ClosingStage
    by: Side
    awaiting: Annotated[tuple[Initiator, ...], Field(max_length=3)]
    answer_by: Moment
    fee_reference: ShortText | None = None
    consent_version: ShortText | None = None


class ReactivationAgreed(PartnershipEvent):
    """One of those who have to agree does; these are left."""

    status: Literal["terminated"] = "terminated"
    stage: ClosingStage
    who: Initiator
    awaiting: Annotated[tuple[Initiator, ...], Field(max_length=3)]


class ReactivationDeclined(PartnershipEvent):
    """One of those who have to agree does not."""

    status: Literal["terminated"] = "terminated"
    stage: ClosingStage
    fee_reference: ShortText | None = None
    """Of the fee that was paid for it (R111); it is to be given back."""
    private: Why | None = Field(default=None, exclude=True)


class ReactivationLapsed(PartnershipEvent):
    """Nobody answered in time."""

    status: Literal["terminated"] = "terminated"
    stage: ClosingStage
    fee_reference: ShortText | None = None
    """Of the fee that was paid for it (R111); it is to be given back."""


class PartnershipReactivated(PartnershipEvent):
    """The partnership lives again (R110). Closing steps that were not done are cancelled."""

    status: Literal["active"] = "active"
    stage: Literal["activation_pending"] = "activation_pending"
    model: Model
    activation_due_at: Moment
    agreement_ends_at: Moment | None = None
    cancelled: Annotated[tuple[StepName, ...], Field(max_length=4)]
    bill_by: Moment | None = None
    """Until when the former end's final bill should be there, where it was asked for and is not."""


class DataRestoreRequested(PartnershipEvent):
    """The retained data is to be restored (R99, R106); another system does it, by `answer_by`."""

    status: Literal["active"] = "active"
    stage: Literal["activation_pending"] = "activation_pending"
    answer_by: Moment | None = None


class PersonalDataPurged(PartnershipEvent):
    """What was personal is gone, here and in the journal. `customer_gone`: so is the customer, with its last one."""

    status: Literal["purged"] = "purged"
    was_linked: bool
    customer_gone: bool

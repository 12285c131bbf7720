"""The end of a partnership."""

from typing import Literal

from pydantic import Field

from contracts.base import Contract, Id, LongText, Moment
from contracts.events.partnership import PartnershipEvent, Why
from contracts.terms import BillingMode, Category, Initiator, Model, Side


class TerminationDetails(Contract):
    """What the requesting side wrote (R46, R47, R49)."""

    reason: LongText = ""
    migration_plan: LongText = ""
    alternative_service: LongText = ""


class TerminationSubmitted(PartnershipEvent):
    """The end was asked for (R51, R53). `counted`: it uses up one of the customer's requests (R62)."""

    status: Literal["ending"] = "ending"
    stage: Literal["pending_decision"] = "pending_decision"
    by: Side
    category: Category
    counted: bool
    decide_by: Moment
    """Until then the other side may decide; at once where nobody has to."""
    ends_at: Moment
    """When the notice period, which runs from the submission, is over (R45, R48)."""
    billing_mode: BillingMode | None = None
    private: TerminationDetails | None = Field(default=None, exclude=True)


class TerminationDecisionRequested(PartnershipEvent):
    """It is the other side's turn (R80, R81)."""

    status: Literal["ending"] = "ending"
    stage: Literal["pending_decision"] = "pending_decision"
    decider: Side
    decide_by: Moment


class TerminationApproved(PartnershipEvent):
    """The end is certain; it comes when the notice period is over."""

    status: Literal["ending"] = "ending"
    stage: Literal["in_notice"] = "in_notice"
    basis: Literal["decision", "both_sides_asked", "no_consent_needed"]
    ends_at: Moment
    billing_mode: BillingMode | None = None


class TerminationRejected(PartnershipEvent):
    """The other side said no: everything is as it was."""

    status: Literal["active"] = "active"
    stage: Literal["activation_pending"] = "activation_pending"
    private: Why | None = Field(default=None, exclude=True)


class Successor(Contract):
    """The partnership that a switch hands the customer over to."""

    switch_id: Id
    partnership_id: Id
    partner_id: Id
    model: Model


class PartnershipTerminated(PartnershipEvent):
    """The association is removed (R56). `counted` as in TerminationSubmitted."""

    status: Literal["terminated"] = "terminated"
    by: Initiator
    category: Category
    billing_mode: BillingMode
    counted: bool = False
    successor: Successor | None = None
    private: Why | None = Field(default=None, exclude=True)

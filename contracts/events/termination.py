"""The end of a partnership: drafts, the request, its decision, and the end itself."""

from typing import Annotated, Literal

from pydantic import Field

from contracts.agreement import CaseRules, Items
from contracts.base import Contract, Count, Id, LongText, Moment, ShortText
from contracts.blocks import BlockItem
from contracts.commands.termination import Checklist
from contracts.events.partnership import PartnershipEvent, SteadyEvent, Why
from contracts.message import Route
from contracts.steps import StepName
from contracts.terms import BillingMode, BondStage, Category, Initiator, Model, Side

DraftStage = Literal["blocked", "unconfirmed", "code_needed"]


class TerminationDetails(Contract):
    """What the requesting side wrote (R46, R47, R49, R107)."""

    reason: LongText = ""
    migration_plan: LongText = ""
    alternative_service: LongText = ""
    successor: ShortText = ""


# ------------------------------------------------------------------------------------------------------------ the draft


class TerminationDrafted(SteadyEvent):
    """One side begins to ask for the end. Nothing is asked yet: the other side does not see it, and it does not count.

    `rules` are what the case goes by to its end; `items` stand in the way of going on.
    """

    by: Side
    route: Route
    draft_stage: DraftStage
    category: Category
    items: Items
    end_at: Moment | None = None
    lapses_at: Moment
    rules: CaseRules
    private: TerminationDetails | None = Field(default=None, exclude=True)


class Plans(Contract):
    """What was missing in a draft and has been added (R47, R49)."""

    migration_plan: LongText = ""
    alternative_service: LongText = ""


class TerminationDraftChecked(SteadyEvent):
    """The account was checked again: the draft goes on, or these items still stand in its way (R76)."""

    by: Side
    draft_stage: DraftStage
    items: Items
    private: Plans | None = Field(default=None, exclude=True)


class TerminationConfirmed(SteadyEvent):
    """The requesting side has read the warnings and said yes (R75, R92, R122). If needed, a code is next."""

    by: Side
    draft_stage: DraftStage
    warning_version: ShortText
    checklist: Checklist
    billing_mode: BillingMode | None = None


class VerificationCodeSent(SteadyEvent):
    """A code is on its way (R77): by text message, or by e-mail to whom has no registered phone. It is nowhere else."""

    by: Side
    number: Count
    codes_left: Count
    expires_at: Moment


class VerificationCodeFailed(SteadyEvent):
    """A wrong code. After the last attempt none is accepted until `locked_until`."""

    by: Side
    attempts_left: Count
    locked_until: Moment | None = None


class VerificationCodeAccepted(SteadyEvent):
    """The code was right (R77); the request is submitted."""

    by: Side


class TerminationDraftDiscarded(SteadyEvent):
    """The side has given its draft up, or has left it lying too long."""

    by: Side
    cause: Literal["given_up", "lapsed"]
    private: Why | None = Field(default=None, exclude=True)


# ---------------------------------------------------------------------------------------------------------- the request


class TerminationSubmitted(PartnershipEvent):
    """The end is asked for (R51, R53, R78). `counted`: it uses up one of the customer's requests (R62)."""

    status: Literal["ending"] = "ending"
    stage: Literal["pending_decision"] = "pending_decision"
    by: Side
    route: Route
    category: Category
    counted: bool
    extra_used: bool = False
    """It was one that the platform has granted."""
    decide_by: Moment
    """Until then the other side may decide; at once where nobody has to."""
    ends_at: Moment
    """When the notice period, which runs from the submission, is over (R45, R48)."""
    billing_mode: BillingMode | None = None


class TerminationDecisionRequested(PartnershipEvent):
    """It is the other side's turn; or the platform's, where that is a partner that is closed (R80, R81)."""

    status: Literal["ending"] = "ending"
    stage: Literal["pending_decision"] = "pending_decision"
    decider: Initiator
    decide_by: Moment
    warning_version: ShortText


class TerminationEscalated(PartnershipEvent):
    """It is the platform's turn: the customer has been silent, or blocks do not go away (C10)."""

    status: Literal["ending"] = "ending"
    stage: Literal["pending_decision", "stalled"]
    cause: Literal["no_decision", "stalled_too_long"]


class TerminationApproved(PartnershipEvent):
    """The end is certain; it comes when the notice period is over."""

    status: Literal["ending"] = "ending"
    stage: Literal["in_notice"] = "in_notice"
    basis: Literal["decision", "both_sides_asked", "no_consent_needed", "no_answer", "goes_on"]
    """`goes_on`: it was certain before; the other side's request, or an agreement's end, is out of its way."""
    ends_at: Moment
    billing_mode: BillingMode | None = None
    second_ends_at: Moment | None = None
    """When the request of the side that asked second would end it alone, where that needs no consent (R113)."""


class BackToBefore(PartnershipEvent):
    """Everything is as it was before the request.

    Where an agreement's end had overtaken a side's own request, that goes on; or the agreement's end does, where the
    side takes its own back (`by`).
    """

    status: Literal["active", "suspended", "ending"]
    stage: BondStage | Literal["pending_decision", "in_notice", "stalled"]
    by: Initiator | None = None
    """Whose request it was."""
    category: Category | None = None
    uncounted: bool = False
    """By policy only what comes to its end counts for R62."""
    extra_returned: bool = False
    """And so the request that the platform had granted for it is there again."""


class TerminationRejected(BackToBefore):
    """The other side has said no, or the platform for it."""

    private: Why | None = Field(default=None, exclude=True)


class TerminationWithdrawn(BackToBefore):
    """The requesting side has taken its request back."""

    private: Why | None = Field(default=None, exclude=True)


class TerminationStalled(PartnershipEvent):
    """The notice period is over, but these items stand in the way."""

    status: Literal["ending"] = "ending"
    stage: Literal["stalled"] = "stalled"
    by: Initiator
    category: Category
    items: Items
    recheck_at: Moment
    escalate_at: Moment
    rules: CaseRules


class TerminationRechecked(PartnershipEvent):
    """Something still stands in the way. `changed`: something else than before."""

    status: Literal["ending"] = "ending"
    stage: Literal["stalled"] = "stalled"
    items: Items
    changed: bool = False
    recheck_at: Moment


class AgreementExpired(SteadyEvent):
    """The agreement behind the partnership is over, and so is the partnership (R41)."""


class BlockWaived(SteadyEvent):
    """The platform lets this item not stand in the way. Of a draft's only its own side hears."""

    item: BlockItem
    concerned: Annotated[tuple[Side, ...], Field(max_length=2)] = ()
    private: Why | None = Field(default=None, exclude=True)


# -------------------------------------------------------------------------------------------------------------- the end


class Successor(Contract):
    """The partnership that a switch hands the customer over to."""

    switch_id: Id
    partnership_id: Id
    partner_id: Id
    model: Model


class PartnershipTerminated(PartnershipEvent):
    """The association is removed (R56). `counted` and `extra_used` as in TerminationSubmitted."""

    status: Literal["terminated"] = "terminated"
    stage: Literal["closing"] = "closing"
    by: Initiator
    category: Category
    billing_mode: BillingMode
    counted: bool = False
    extra_used: bool = False
    successor: Successor | None = None
    rules: CaseRules
    steps: Annotated[tuple[StepName, ...], Field(max_length=4)]
    """What other systems have to do now, until `complete_by` (R55, R88)."""
    complete_by: Moment
    retained_until: Moment
    hidden_from: Annotated[tuple[Side, ...], Field(max_length=2)] = ()
    """Whose screen the card goes from with the end (R123)."""
    private: Why | None = Field(default=None, exclude=True)


class Obstacle(Contract):
    """A block, with the remedy and who can bring it about (R76)."""

    item: BlockItem
    remedy: ShortText
    who: ShortText

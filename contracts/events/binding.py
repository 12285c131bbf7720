"""The bond between a partner and a customer, and its handing over from one partner to another."""

from typing import Literal

from pydantic import Field

from contracts.agreement import Items
from contracts.base import Id, Moment
from contracts.events.partnership import PartnershipEvent, SteadyEvent, Why
from contracts.terms import LiveStage, LiveStatus, Model


class PartnershipBound(PartnershipEvent):
    """The association is established (R28, R30); the account's activation is asked for (R31)."""

    status: Literal["active"] = "active"
    stage: Literal["activation_pending"] = "activation_pending"
    model: Model
    activation_due_at: Moment
    agreement_ends_at: Moment | None = None


class ActivationRecorded(SteadyEvent):
    """The account was activated, or could not be (R31)."""

    outcome: Literal["done", "failed"]


class ActivationOverdue(SteadyEvent):
    """Nobody has said in time whether the account was activated; the platform is told."""


class PartnershipSuspended(SteadyEvent):
    """The platform has suspended the partnership (R39)."""

    private: Why | None = Field(default=None, exclude=True)


class PartnershipResumed(SteadyEvent):
    """The suspension is over."""

    private: Why | None = Field(default=None, exclude=True)


class PartnershipAgreementUpdated(SteadyEvent):
    """The agreement behind this partnership ends at another time, or no longer (R41)."""

    agreement_ends_at: Moment | None = None


class SwitchStarted(PartnershipEvent):
    """Accepted by a customer of another partner, whose side has to end first (R27)."""

    status: Literal["switching"] = "switching"
    switch_id: Id
    from_partnership_id: Id
    from_partner_id: Id
    overdue_at: Moment


class SwitchOverdue(PartnershipEvent):
    """The switch takes longer than it may; the platform is told."""

    status: Literal["switching"] = "switching"
    switch_id: Id


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

"""A partnership that lives: its upkeep and its modification (R32 to R36, R119, R129)."""

from typing import Annotated

from pydantic import Field

from contracts.base import Id, Moment, ShortText
from contracts.business import BusinessPeriod, Period
from contracts.details import Changes, Contacts
from contracts.events.partnership import SteadyEvent, Why
from contracts.terms import BillingMode, Side

Fields = Annotated[tuple[ShortText, ...], Field(max_length=16)]


class PermissionsConfigured(SteadyEvent):
    """What the partner may do in the customer's account from now on (R33); another system applies it."""

    permissions: Annotated[tuple[ShortText, ...], Field(max_length=64)]
    again: bool = False
    """Said once more, as the partnership comes back: whoever took them away applies them; nothing has changed."""


class BillingChosen(SteadyEvent):
    """The customer has chosen who bills it when the partnership has ended (R57)."""

    billing_mode: BillingMode


class CustomerInfoUpdated(SteadyEvent):
    """The partner has kept the customer's information up to date (R32)."""

    fields: Fields
    private: Changes | None = Field(default=None, exclude=True)


class ContactsAssigned(SteadyEvent):
    """Whom the customer finds at the partner from now on (R35, R117)."""

    private: Contacts | None = Field(default=None, exclude=True)


class BusinessDataRecorded(SteadyEvent):
    """What was done in one period is known (R34). The numbers are nobody else's business."""

    period: Period
    private: BusinessPeriod | None = Field(default=None, exclude=True)


class PartnershipHidden(SteadyEvent):
    """The card is off this side's screen (R119)."""

    side: Side


class PartnershipShown(SteadyEvent):
    """The card is on this side's screen again (C5)."""

    side: Side


class ModificationProposed(SteadyEvent):
    """One side wants a change; it is the other's turn until `answer_by` (R129)."""

    id: Id
    by: Side
    fields: Fields
    answer_by: Moment
    private: Changes | None = Field(default=None, exclude=True)


class ModificationCountered(SteadyEvent):
    """The answer to a change is another change; now it is the first side's turn."""

    id: Id
    by: Side
    fields: Fields
    answer_by: Moment
    private: Changes | None = Field(default=None, exclude=True)


class ModificationAcknowledged(SteadyEvent):
    """The other side agrees; what follows is told by ModificationApplied."""

    id: Id


class ModificationApplied(SteadyEvent):
    """It is otherwise from now on."""

    by: Side
    fields: Fields
    private: Changes | None = Field(default=None, exclude=True)


class ModificationDeclined(SteadyEvent):
    """The other side wants no change."""

    id: Id
    private: Why | None = Field(default=None, exclude=True)


class ModificationLapsed(SteadyEvent):
    """Nobody answered in time; everything stays as it is."""

    id: Id

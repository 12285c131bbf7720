"""What a partner's agreement may decide instead of the policy, and what an offer or a case keeps of both.

What has begun goes on by the rules that it began with: an offer and a termination carry them in their first event.
"""

from typing import Annotated, Literal

from pydantic import Field

from contracts.base import Contract, Count, ShortText
from contracts.blocks import BlockItem
from contracts.terms import Model, Refund, Side

Days = Annotated[int, Field(ge=0, le=366)]
Sides = Annotated[tuple[Side, ...], Field(max_length=2)]
Characters = Annotated[int, Field(ge=1, le=4096)]
REMINDERS_MAX = 8
Items = Annotated[tuple[BlockItem, ...], Field(max_length=16)]


class Overrides(Contract):
    """The values of the policy that an agreement replaces; they have the policy's names, and None replaces nothing."""

    who_may_offer: Sides | None = None
    invitation_days: Days | None = None
    resends_max: Days | None = None
    reserve_on_invite: bool | None = None
    bound_customers_may_be_invited: bool | None = None
    own_customers_may_be_invited: bool | None = None
    modification_days: Days | None = None

    reason_characters_min: Characters | None = None
    consent_of_other_side: Annotated[dict[Model, Sides], Field(max_length=2)] | None = None
    decision_days: Days | None = None
    notice_days: Days | None = None
    plans_of: Sides | None = None
    requests_max: Annotated[int, Field(ge=1, le=32)] | None = None
    requests_window_months: Annotated[int, Field(ge=1, le=24)] | None = None
    code_of: Annotated[dict[Model, Sides], Field(max_length=2)] | None = None

    retention_days: Days | None = None
    completion_days: Days | None = None
    refund: Refund | None = None
    bill_confirmation_days: Days | None = None
    reactivation_needs_both: bool | None = None
    reactivation_fee: bool | None = None


class OfferRules(Contract):
    """What an offer keeps of the policy that it was made under."""

    policy_version: ShortText
    reserves: bool
    resends_max: Days
    reminder_days: Annotated[tuple[Days, ...], Field(max_length=REMINDERS_MAX)]
    purge_days: Days
    identity_attempts: Count | None = None


class CaseRules(Contract):
    """What a termination keeps of the policy that it began under, to the end of its closing."""

    policy_version: ShortText
    warning_version: ShortText
    items: Items
    """The checks that it has to pass (C6, C11)."""
    facts_hours_max: Annotated[int, Field(ge=1, le=8784)]
    needs_consent: bool
    needs_code: bool
    decision_days: Days
    notice_days: Days
    stalled_days: Days
    retention_days: Days
    completion_days: Days
    refund: Refund
    bill_confirmation_days: Days
    reactivation_needs_both: bool
    reactivation_fee: bool
    silence: Literal["approves", "escalates"] | None = None
    """What it means that the other side does not decide in time (C10)."""
    requests_counted: Literal["submitted", "effective"] | None = None
    initiators_card_hidden: bool | None = None

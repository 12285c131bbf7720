"""What the rules leave open, with defaults (conflicts C1 to C12). A value here is never an `if` elsewhere."""

from typing import Annotated

from pydantic import Field

from contracts.base import Contract, ShortText
from contracts.blocks import BlockItem
from contracts.message import Role
from contracts.terms import Category, Initiator, Model, Side

Days = Annotated[int, Field(ge=0, le=366)]

CATEGORIES: dict[Initiator, tuple[Category, ...]] = {
    "customer": ("customer_request", "agreement_early_termination", "direct_billing"),
    "partner": ("partner_business_adjustment", "agreement_early_termination"),
    "platform": ("account_violation", "policy_violation"),
}
CONSENT: dict[Model, tuple[Side, ...]] = {"reseller": ("customer", "partner"), "referral": ()}
CHECKS: dict[Model, dict[Side, tuple[BlockItem, ...]]] = {
    "reseller": {
        "customer": (
            "ORDERS_AWAITING_PARTNER_PAYMENT",
            "INDEPENDENT_MEMBERS_ATTACHED",
            "ACCOUNT_IN_ARREARS",
            "RESERVED_INSTANCES_ACTIVE",
            "PARTNER_SUPPORT_PLAN_ACTIVE",
            "CURRENCY_NOT_SET",
            "SPECIAL_COMMERCE_CONTRACT",
            "SETTLEMENTS_OUTSTANDING",
            "ACCOUNT_FROZEN",
        ),
        "partner": (
            "SETTLEMENTS_OUTSTANDING",
            "MIGRATION_PLAN_MISSING",
            "ALTERNATIVE_SERVICE_MISSING",
            "INDEPENDENT_MEMBERS_ATTACHED",
            "RESERVED_INSTANCES_ACTIVE",
            "PARTNER_SUPPORT_PLAN_ACTIVE",
            "ACCOUNT_FROZEN",
        ),
    },
    "referral": {
        "customer": ("ORDERS_AWAITING_PARTNER_PAYMENT", "SETTLEMENTS_OUTSTANDING"),
        "partner": ("SETTLEMENTS_OUTSTANDING", "MIGRATION_PLAN_MISSING", "ALTERNATIVE_SERVICE_MISSING"),
    },
}


class Policy(Contract):
    """One version of the policy. What has begun keeps the dates that it began with."""

    version: ShortText = "1"

    roles_that_may_invite: tuple[Role, ...] = (Role.ADMIN, Role.OPERATOR)
    official_channels: tuple[ShortText, ...] = ("platform_email", "console_message", "sms", "console_link")
    """R19."""
    standards_version: ShortText = "1"
    """R8."""
    consent_version: ShortText = "1"
    invitation_days: Days = 30
    identity_attempts: Annotated[int, Field(ge=1, le=100)] = 5
    bound_customers_may_be_invited: bool = True
    """C1: another partner's customer may be invited, and switches if it accepts."""
    own_customers_may_be_invited: bool = False
    """C1."""

    roles_that_may_end: tuple[Role, ...] = (Role.ADMIN,)
    """R83."""
    reason_characters_min: Annotated[int, Field(ge=1, le=4096)] = 10
    """R46."""
    categories: dict[Initiator, tuple[Category, ...]] = CATEGORIES
    """R37 to R43."""
    consent_of_other_side: dict[Model, tuple[Side, ...]] = CONSENT
    """C2: whose requests need the other side's consent."""
    decision_days: Days = 10
    notice_days: Days = 30
    """R45, R48; a partner's agreement overrides it."""
    requests_max: Annotated[int, Field(ge=1, le=32)] = 1
    requests_window_months: Annotated[int, Field(ge=1, le=24)] = 3
    """R62, C4, C8."""
    facts_hours_max: Annotated[int, Field(ge=1, le=8784)] = 24
    """An older fact is not known."""
    checks: dict[Model, dict[Side, tuple[BlockItem, ...]]] = CHECKS
    """C6, C11: what stands in the way, by model and by who asks."""

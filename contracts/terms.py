"""The vocabularies of the domain. Literals and not enums, so that documents hold plain strings."""

from typing import Literal

Side = Literal["partner", "customer"]
"""The two sides of a partnership."""

Initiator = Literal["partner", "customer", "platform"]
"""Who ended a partnership, or asked for it."""

Model = Literal["reseller", "referral"]
"""What a partner is to its customer (R61)."""

Purpose = Literal[
    "new_customer_acquisition",
    "existing_customer_relationship",
    "business_scale_expansion",
    "strategic_ecosystem",
    "target_market_penetration",
]
"""Why an invitation is made (R1)."""

Category = Literal[
    "customer_request",
    "partner_business_adjustment",
    "account_violation",
    "policy_violation",
    "agreement_early_termination",
    "direct_billing",
    "partner_switch",
]
"""Why a partnership ends (R37 to R40, R42, R43, R27)."""

BillingMode = Literal["partner", "direct", "none"]
"""Who bills the customer (R57)."""

Language = Literal["en", "zh-Hans"]
PartnerStatus = Literal["active", "restricted", "closed"]
AccountStatus = Literal["active", "frozen", "suspended", "closed"]

InvitedStage = Literal["sent", "opened", "verified", "switch_prompted"]
LiveStatus = Literal["active", "ending"]
LiveStage = Literal["activation_pending", "pending_decision", "in_notice"]

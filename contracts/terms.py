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
    "agreement_expired",
    "partner_switch",
    "renewal",
]
"""Why a partnership ends (R37 to R43, R27; C1: the same partner under another agreement)."""

BillingMode = Literal["partner", "direct", "none"]
"""Who bills the customer (R57)."""

Language = Literal["en", "zh-Hans"]
PartnerStatus = Literal["active", "restricted", "closed"]
AccountStatus = Literal["active", "frozen", "suspended", "closed"]

CustomerKind = Literal["standalone", "enterprise_master", "unified_member", "independent_member"]
"""How a customer's account stands to others (R64)."""

InvitedStage = Literal["sent", "opened", "verified", "switch_prompted"]
BondStage = Literal["activation_pending", "activation_done", "activation_failed"]
EndingStage = Literal["pending_decision", "in_notice", "stalled"]
ClosingStage = Literal["closing", "done"]

LiveStatus = Literal["active", "suspended", "ending"]
LiveStage = BondStage | EndingStage
Status = Literal[
    "invited", "switching", "active", "suspended", "ending", "terminated", "declined", "cancelled", "expired", "purged"
]
Stage = InvitedStage | BondStage | EndingStage | ClosingStage

OfferStatus = Literal["open", "modified", "accepted", "declined"]
"""How an offer stands, for sender and receiver alike (R125, R126)."""

Refund = Literal["pro_rata", "none"]
"""What becomes of what was paid for the rest of a billing cycle (R102)."""


def other_side(side: Side) -> Side:
    """The one of the two that it is not."""
    return "customer" if side == "partner" else "partner"

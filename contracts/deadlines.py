"""What a partnership can be waiting for."""

from typing import Literal

DeadlineKind = Literal[
    "invitation_reminder",
    "invitation_expiry",
    "offer_purge",
    "activation",
    "switch",
    "modification_answer",
    "partner_draft",
    "customer_draft",
    "decision",
    "notice_end",
    "recheck",
    "stalled_too_long",
    "agreement_end",
    "closing",
    "answer",
    "bill_confirmation",
    "reactivation_answer",
    "retention_end",
]

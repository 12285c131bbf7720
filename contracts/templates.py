"""What a notice can say: the keys that the notification system has texts for, and what each text is given.

Every template is given `partner_name` and `company_name`, and exists in English and Simplified Chinese.
"""

from typing import Literal, get_args

from contracts.terms import Language

LANGUAGES: tuple[Language, ...] = get_args(Language)

TemplateName = Literal[
    "invitation",
    "invitation_reminder",
    "invitation_declined",
    "invitation_cancelled",
    "invitation_expired",
    "partnership_bound",
    "activation_done",
    "activation_failed",
    "activation_overdue",
    "partnership_suspended",
    "partnership_resumed",
    "agreement_updated",
    "switch_started",
    "switch_overdue",
    "switch_aborted",
    "permissions_configured",
    "billing_chosen",
    "customer_info_updated",
    "contacts_assigned",
    "modification_proposed",
    "modification_countered",
    "modification_applied",
    "modification_declined",
    "modification_lapsed",
    "notice_undeliverable",
    "termination_blocked",
    "termination_warnings",
    "termination_code_needed",
    "verification_code",
    "verification_code_failed",
    "termination_draft_discarded",
    "termination_submitted",
    "termination_decision_requested",
    "termination_escalated",
    "termination_approved",
    "termination_rejected",
    "termination_withdrawn",
    "termination_stalled",
    "block_waived",
    "partnership_terminated",
    "closing_step_failed",
    "closing_stalled",
    "closing_completed",
    "answer_overdue",
    "final_bill_recorded",
    "final_bill_confirmed",
    "final_bill_waived",
    "final_bill_disputed",
    "dispute_resolved",
    "refund_requested",
    "data_exported",
    "data_export_failed",
    "reactivation_requested",
    "reactivation_declined",
    "reactivation_lapsed",
    "partnership_reactivated",
]

ALWAYS_GIVEN = ("partner_name", "company_name")
WARNED = (
    *("warning_version", "retention_days", "refund", "bill_confirmation_days", "reactivation_fee"),
    *("cycle_starts_at", "cycle_ends_at"),
)
"""What the texts of contracts/warnings.py are filled in with, for who has to read them; the cycle where it is known."""
TEMPLATES: dict[TemplateName, tuple[str, ...]] = dict.fromkeys(get_args(TemplateName), ()) | {
    "invitation": ("expires_at", "token"),
    "invitation_reminder": ("expires_at", "token"),
    "invitation_declined": ("reason",),
    "invitation_cancelled": ("reason",),
    "partnership_bound": ("agreement_ends_at",),
    "partnership_suspended": ("reason",),
    "agreement_updated": ("agreement_ends_at",),
    "switch_aborted": ("items",),
    "billing_chosen": ("billing_mode",),
    "customer_info_updated": ("fields",),
    "modification_proposed": ("by", "fields", "answer_by"),
    "modification_countered": ("by", "fields", "answer_by"),
    "modification_applied": ("by", "fields"),
    "modification_declined": ("reason",),
    "notice_undeliverable": ("notice_id",),
    "termination_blocked": ("items",),
    "termination_warnings": WARNED,
    "verification_code": ("expires_at", "token"),
    "verification_code_failed": ("attempts_left", "locked_until"),
    "termination_submitted": ("by", "category", "ends_at"),
    "termination_decision_requested": (
        *("by", "category", "reason", "migration_plan", "alternative_service", "ends_at", "decide_by"),
        *WARNED,
    ),
    "termination_escalated": ("cause",),
    "termination_approved": ("by", "category", "reason", "basis", "ends_at", *WARNED),
    "termination_rejected": ("by", "category", "reason"),
    "termination_withdrawn": ("by", "category"),
    "termination_stalled": ("by", "category", "items"),
    "block_waived": ("item",),
    "partnership_terminated": ("by", "category", "reason", "billing_mode", "retained_until"),
    "closing_step_failed": ("step", "reason"),
    "closing_stalled": ("steps",),
    "answer_overdue": ("what",),
    "final_bill_recorded": ("amount", "currency", "confirm_by"),
    "final_bill_disputed": ("amount", "currency", "reason"),
    "dispute_resolved": ("amount", "currency", "confirm_by", "reason"),
    "refund_requested": ("amount", "currency"),
    "data_exported": ("location",),
    "reactivation_requested": ("by", "answer_by"),
    "reactivation_declined": ("reason",),
}
"""What each is given besides.

`token` is put in when the notice is published: a code's secret, or a link's, which a partner gets none of: it has an
account.
"""

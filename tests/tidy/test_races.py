"""Each race that the domain knows has a test by name: whichever of the two comes first in the lane log decides."""

from pathlib import Path

import pytest

RACES: dict[str, tuple[str, ...]] = {
    "accept / expiry": ("test_accept_and_expiry", "test_accept_and_the_deadline_of_expiry"),
    "accept / cancel": ("test_accept_and_cancel",),
    "accept / partner restricted": ("test_accept_and_partner_restricted",),
    "two partners' invitations accepted at once": (
        "test_two_partners_invitations_accepted_at_once_bind_one",
        "test_a_customer_switches_to_one_partner_at_a_time",
        "test_a_customer_of_two_offers_is_bound_once",  # on servers, in two lanes
    ),
    "both sides' drafts": ("test_both_sides_drafts_at_once",),
    "both submit": (
        "test_both_sides_submit_and_the_second_is_the_approval_of_the_first",
        "test_a_customers_submission_that_approves_does_not_count_and_chooses_the_billing",
    ),
    "withdraw / notice end": ("test_withdraw_and_notice_end",),
    "decision / its deadline": ("test_a_decision_and_its_deadline", "test_the_customers_decision_and_its_deadline"),
    "a fact clears while stalled": ("test_a_fact_clears_while_the_end_is_stalled",),
    "a block appears during notice": ("test_a_block_that_appears_during_the_notice_stalls_its_end_and_not_before",),
    "limit used up between request and submission": ("test_the_limit_is_used_up_between_request_and_submission",),
    "dispute / auto-confirm": ("test_dispute_and_auto_confirm",),
    "legal hold / purge": ("test_legal_hold_and_purge",),
    "reactivation / purge": ("test_reactivation_and_purge",),
    "customer bound elsewhere during retention": (
        "test_a_customer_bound_elsewhere_during_the_retention",
        "test_a_customer_that_is_bound_elsewhere_by_now_does_not_come_back",
    ),
    "repeats and reordering": ("test_repeats_and_reordering", "test_a_repeat_has_no_effect"),
    "same id, other body": ("test_an_id_that_another_body_has_taken_is_refused",),
    "older fact after newer": (
        "test_an_older_fact_after_a_newer_one_does_not_unblock",
        "test_an_older_fact_about_a_partner_never_replaces_a_newer_one",
    ),
    "partner restricted with a request pending": (
        "test_a_partner_restricted_with_its_request_pending_does_not_stop_the_request",
        "test_a_partner_restricted_with_a_request_pending_still_withdraws_and_ends",
    ),
    "quota lowered below what is bound": ("test_a_quota_lowered_below_what_is_bound_ends_nothing",),
    "policy changed while a case is open": (
        "test_a_policy_that_changes_while_a_case_is_open_leaves_the_case_as_it_began",
    ),
}


@pytest.mark.parametrize("race", RACES)
def test_a_race_has_its_tests(race: str) -> None:
    texts = [path.read_text(encoding="utf-8") for path in Path("tests").glob("*/test_*.py")]
    missing = [name for name in RACES[race] if not any(f"def {name}(" in text for text in texts)]
    assert not missing

"""What the notices and the warnings say, word for word: the templates by a list by hand, and what stories put in them.

The list is not made from the code, so that what a text is no longer given is seen here.
"""

from string import Formatter
from typing import Any

import pytest

from contracts.business import BillPeriod
from contracts.commands.binding import AnswerModification, ProposeModification
from contracts.commands.closing import (
    ConfirmFinalBill,
    DisputeFinalBill,
    RecordDataExport,
    RecordFinalBill,
    RequestDataExport,
    RequestReactivation,
    ResolveDispute,
)
from contracts.commands.termination import CheckTermination, WithdrawTermination
from contracts.details import Changes
from contracts.events.checking import TerminationChecked
from contracts.events.notice import NoticeSent
from contracts.templates import ALWAYS_GIVEN, LANGUAGES, TEMPLATES
from contracts.warnings import WARNING_KEYS, WARNINGS
from tests.situations import WHY
from tests.story import (
    BOUND,
    NOON,
    SUPPORT,
    TERMINATED,
    Send,
    Step,
    Story,
    accept,
    by_customer,
    by_partner,
    by_system,
    customer_asks,
    customer_decides,
    customer_requests,
    facts,
    given,
    invite,
    later,
    like,
    on,
    opened,
    partner_asks,
    partner_decides,
    platform_ends,
    policy,
    reached,
    registered,
    verified,
)

# ------------------------------------------------------------------------------------------------- what each is given

OF_WARNINGS = """
    warning_version retention_days refund bill_confirmation_days reactivation_fee cycle_starts_at cycle_ends_at
"""
GIVEN = {
    "invitation": "expires_at token",
    "invitation_reminder": "expires_at token",
    "invitation_declined": "reason",
    "invitation_cancelled": "reason",
    "invitation_expired": "",
    "partnership_bound": "agreement_ends_at",
    "activation_done": "",
    "activation_failed": "",
    "activation_overdue": "",
    "partnership_suspended": "reason",
    "partnership_resumed": "",
    "agreement_updated": "agreement_ends_at",
    "switch_started": "",
    "switch_overdue": "",
    "switch_aborted": "items",
    "permissions_configured": "",
    "billing_chosen": "billing_mode",
    "customer_info_updated": "fields",
    "contacts_assigned": "",
    "modification_proposed": "by fields answer_by",
    "modification_countered": "by fields answer_by",
    "modification_applied": "by fields",
    "modification_declined": "reason",
    "modification_lapsed": "",
    "notice_undeliverable": "notice_id",
    "termination_blocked": "items",
    "termination_warnings": OF_WARNINGS,
    "termination_code_needed": "",
    "verification_code": "expires_at token",
    "verification_code_failed": "attempts_left locked_until",
    "termination_draft_discarded": "",
    "termination_submitted": "by category ends_at",
    "termination_decision_requested": (
        "by category reason migration_plan alternative_service ends_at decide_by" + OF_WARNINGS
    ),
    "termination_escalated": "cause",
    "termination_approved": "by category reason basis ends_at" + OF_WARNINGS,
    "termination_rejected": "by category reason",
    "termination_withdrawn": "by category",
    "termination_stalled": "by category items",
    "block_waived": "item",
    "partnership_terminated": "by category reason billing_mode retained_until",
    "closing_step_failed": "step reason",
    "closing_stalled": "steps",
    "closing_completed": "",
    "answer_overdue": "what",
    "final_bill_recorded": "amount currency confirm_by",
    "final_bill_confirmed": "",
    "final_bill_waived": "",
    "final_bill_disputed": "amount currency reason",
    "dispute_resolved": "amount currency confirm_by reason",
    "refund_requested": "amount currency",
    "data_exported": "location",
    "data_export_failed": "",
    "reactivation_requested": "by answer_by",
    "reactivation_declined": "reason",
    "reactivation_lapsed": "",
    "partnership_reactivated": "",
}
SHOWS = {
    "modification_proposed": ("R129",),
    "modification_countered": ("R129",),
    "modification_applied": ("R129",),
    "termination_warnings": ("R89", "R91", "R98", "R100", "R101", "R111"),
    "termination_submitted": ("R78",),
    "termination_decision_requested": ("R46", "R80", "R81", "R121"),
    "termination_approved": ("R79", "R121", "R124"),
    "termination_rejected": ("R79",),
    "partnership_terminated": ("R60", "R79", "R100", "R121", "R124"),
    "final_bill_recorded": ("R103", "R104"),
    "final_bill_disputed": ("R105",),
    "dispute_resolved": ("R104", "R105"),
    "refund_requested": ("R102",),
    "data_exported": ("R97",),
}


@pytest.mark.parametrize(
    "template",
    [pytest.param(template, marks=[pytest.mark.requirement(*SHOWS.get(template, ()))]) for template in GIVEN],
)
def test_a_text_is_given_all_that_it_says(template: Any) -> None:
    assert sorted(TEMPLATES[template]) == sorted(GIVEN[template].split())


def test_there_are_these_texts_and_each_names_the_two_sides() -> None:
    assert set(TEMPLATES) == set(GIVEN)
    assert ALWAYS_GIVEN == ("partner_name", "company_name")
    assert LANGUAGES == ("en", "zh-Hans")


# ---------------------------------------------------------------------------------------------------- what stories say

NAMED = {"partner_name": "Partner p1", "company_name": "c1 Ltd"}
TO_BE_READ = {
    "warning_version": "1",
    "retention_days": "30",
    "refund": "pro_rata",
    "bill_confirmation_days": "14",
    "reactivation_fee": "false",
    "cycle_starts_at": "",
    "cycle_ends_at": "",
}
AT_NOON, IN_TEN_DAYS = "2026-01-15T12:00:00.000Z", "2026-01-25T12:00:00.000Z"
IN_FOURTEEN_DAYS, IN_THIRTY_DAYS = "2026-01-29T12:00:00.000Z", "2026-02-14T12:00:00.000Z"
REFERRAL: tuple[Step, ...] = (
    *(registered(notice_days=30), facts(), invite(model="referral")),
    *(opened(), verified(), accept()),
)
PERIOD = BillPeriod(starts_at=NOON, ends_at=NOON)


def bill(amount: int) -> Send:
    return by_system(RecordFinalBill, amount=amount, currency="EUR", period=PERIOD)


def said(story: Story, template: str) -> dict[str, dict[str, str]]:
    """What the last step told by this template: party, and what the text was given."""
    notices = [event for event in story.events if isinstance(event, NoticeSent) and event.template == template]
    assert len({notice.party for notice in notices}) == len(notices)
    assert all(NAMED.items() <= notice.params.items() for notice in notices)
    return {
        notice.party: {name: text for name, text in notice.params.items() if name not in NAMED} for notice in notices
    }


def to_both(**params: str) -> dict[str, dict[str, str]]:
    return {"partner": params, "customer": params}


@pytest.mark.requirement("R78")
def test_the_customer_is_told_that_it_was_submitted_and_when_it_would_end() -> None:
    story = given(registered(notice_days=30), *BOUND[1:]).when(customer_asks())
    assert said(story, "termination_submitted") == {
        "customer": {"by": "customer", "category": "customer_request", "ends_at": IN_THIRTY_DAYS}
    }


@pytest.mark.requirement("R46", "R80", "R81", "R121")
@pytest.mark.parametrize(
    ("asks", "decider", "about"),
    [
        (
            customer_asks(),
            "partner",
            {
                "by": "customer",
                "category": "customer_request",
                "reason": "we take our business elsewhere",
                "migration_plan": "",
                "alternative_service": "",
            },
        ),
        (
            partner_asks(),
            "customer",
            {
                "by": "partner",
                "category": "partner_business_adjustment",
                "reason": "we leave this market",
                "migration_plan": "export by the end of the month",
                "alternative_service": "direct account",
            },
        ),
    ],
    ids=["the partner", "the customer"],
)
def test_who_decides_is_told_who_asks_why_and_until_when(asks: Step, decider: str, about: dict[str, str]) -> None:
    story = given(registered(notice_days=30), *BOUND[1:]).when(asks)
    until = {"ends_at": IN_THIRTY_DAYS, "decide_by": IN_TEN_DAYS}
    assert said(story, "termination_decision_requested") == {decider: about | until | TO_BE_READ}


@pytest.mark.requirement("R79", "R124")
def test_both_are_told_at_once_what_was_decided() -> None:
    asked = (registered(notice_days=30), *BOUND[1:], customer_asks())
    about = {"by": "customer", "category": "customer_request"}
    yes = given(*asked).when(partner_decides())
    why = {"reason": "we take our business elsewhere", "basis": "decision", "ends_at": IN_THIRTY_DAYS}
    assert said(yes, "termination_approved") == to_both(**about, **why, **TO_BE_READ)
    no = given(*asked).when(partner_decides(approve=False, reason="there is a contract until June"))
    assert said(no, "termination_rejected") == to_both(**about, reason="there is a contract until June")
    silent = given(*asked, later(days=10)).when(reached("decision"))
    assert said(silent, "termination_approved") == to_both(**about, **why | {"basis": "no_answer"}, **TO_BE_READ)
    withdrawn = given(*asked).when(by_customer(WithdrawTermination))
    assert said(withdrawn, "termination_withdrawn") == to_both(**about)


@pytest.mark.requirement("R60", "R79", "R100", "R115", "R121", "R124")
def test_both_are_told_who_has_ended_it_why_who_bills_and_how_long_the_data_is_kept() -> None:
    by_the_customer = given(*BOUND, customer_asks(billing_mode="none")).when(partner_decides())
    assert said(by_the_customer, "partnership_terminated") == to_both(
        by="customer",
        category="customer_request",
        reason="we take our business elsewhere",
        billing_mode="none",
        retained_until=IN_THIRTY_DAYS,
    )
    kept_longer = (policy(retention_days=10), partner_asks())
    by_the_partner = given(*BOUND, *kept_longer).when(customer_decides(billing_mode="partner"))
    assert said(by_the_partner, "partnership_terminated") == to_both(
        by="partner",
        category="partner_business_adjustment",
        reason="we leave this market",
        billing_mode="partner",
        retained_until=IN_TEN_DAYS,
    )
    by_the_platform = given(*BOUND).when(platform_ends())
    assert said(by_the_platform, "partnership_terminated") == to_both(
        by="platform",
        category="policy_violation",
        reason="resold to a sanctioned country",
        billing_mode="direct",
        retained_until=IN_THIRTY_DAYS,
    )


@pytest.mark.requirement("R113", "R121", "R124", "R130")
def test_who_is_not_asked_is_told_of_the_yes_of_the_other_side() -> None:
    """An end that needs no consent: the other side hears by whom, why and when; and with it comes what it must know."""
    basis = {"basis": "no_consent_needed", "ends_at": IN_THIRTY_DAYS}
    for asks, about in (
        (
            partner_asks(),
            {"by": "partner", "category": "partner_business_adjustment", "reason": "we leave this market"},
        ),
        (
            customer_asks(),
            {"by": "customer", "category": "customer_request", "reason": "we take our business elsewhere"},
        ),
    ):
        story = given(*REFERRAL).when(asks).told(partner="termination_approved", customer="termination_approved")
        assert said(story, "termination_approved") == to_both(**about, **basis, **TO_BE_READ)


@pytest.mark.requirement("R97")
def test_the_customer_alone_is_told_where_its_data_is() -> None:
    done = by_system(RecordDataExport, outcome="done", location="https://export.example/1")
    story = given(*BOUND, by_customer(RequestDataExport)).when(done)
    assert said(story, "data_exported") == {"customer": {"location": "https://export.example/1"}}


@pytest.mark.requirement("R103", "R104")
def test_the_customer_is_told_what_it_owes_and_until_when_it_may_doubt_that() -> None:
    story = given(*TERMINATED).when(bill(1999))
    assert said(story, "final_bill_recorded") == {
        "customer": {"amount": "1999", "currency": "EUR", "confirm_by": IN_FOURTEEN_DAYS}
    }


@pytest.mark.requirement("R102")
def test_the_customer_is_told_how_much_it_gets_back() -> None:
    story = given(*TERMINATED, bill(-1200)).when(by_customer(ConfirmFinalBill))
    assert said(story, "refund_requested") == {"customer": {"amount": "1200", "currency": "EUR"}}
    in_time = given(*TERMINATED, bill(-70), later(days=14)).when(reached("bill_confirmation"))
    assert said(in_time, "refund_requested") == {"customer": {"amount": "70", "currency": "EUR"}}


@pytest.mark.requirement("R104", "R105")
def test_what_became_of_a_doubt_is_told_with_the_amount_and_a_new_time() -> None:
    story = given(*TERMINATED, bill(500)).when(by_customer(DisputeFinalBill, reason="we never had that"))
    doubted = {"amount": "500", "currency": "EUR", "reason": "we never had that"}
    assert said(story, "final_bill_disputed") == {**to_both(**doubted), "platform": doubted}
    story.when(on(ResolveDispute, SUPPORT, amount=400, reason="one item was wrong"))
    assert said(story, "dispute_resolved") == to_both(
        amount="400", currency="EUR", confirm_by=IN_FOURTEEN_DAYS, reason="one item was wrong"
    )


@pytest.mark.requirement("R99", "R106")
def test_both_are_told_who_wants_it_back_and_until_when_that_can_be_answered() -> None:
    story = given(*TERMINATED).when(by_customer(RequestReactivation, consent_version="1"))
    assert said(story, "reactivation_requested") == to_both(by="customer", answer_by=IN_THIRTY_DAYS)


@pytest.mark.requirement("R129")
def test_both_are_told_who_wants_what_to_be_otherwise() -> None:
    changes = Changes(requirements="storage only", terms="five per cent more")
    story = given(*BOUND).when(by_customer(ProposeModification, changes=changes))
    proposed = {"by": "customer", "fields": "requirements, terms", "answer_by": IN_THIRTY_DAYS}
    assert said(story, "modification_proposed") == to_both(**proposed)
    story.when(later(days=1), by_partner(AnswerModification, answer="counter", changes=Changes(terms="four")))
    countered = {"by": "partner", "fields": "terms", "answer_by": "2026-02-15T12:00:00.000Z"}
    assert said(story, "modification_countered") == to_both(**countered)
    story.when(by_customer(AnswerModification, answer="acknowledge"))
    assert said(story, "modification_applied") == to_both(by="partner", fields="terms")
    story = given(*BOUND, by_customer(ProposeModification, changes=changes))
    story.when(by_partner(AnswerModification, answer="decline", reason=WHY))
    assert said(story, "modification_declined") == to_both(reason=WHY)


# --------------------------------------------------------------------------------------------------------- the warnings

SAY = {
    "data": ("business data", "data protection", "deleted"),
    "retention": ("kept for {retention_days} days", "After that nobody can recover it"),
    "backup": ("Back up your data first", "export", "customer information", "sales records"),
    "refund": ("refunded", "billing cycle", "refund policy", "{refund}"),
    "billing_cycle": ("billing cycle", "from {cycle_starts_at} to {cycle_ends_at}"),
    "final_bill": ("final bill", "Check it within {bill_confirmation_days} days", "counts as confirmed"),
    "loss_of_functions": ("lose", "functions", "tools"),
    "another_way": ("need another way", "time", "effort"),
    "no_updates": ("no more updates", "no new functions"),
    "reactivation": ("Within the retention", "ask for the partnership back", "further steps", "fee"),
    "support": ("at any time", "phone", "e-mail", "online chat", "around the clock"),
}
ABOUT = {
    "data": ("R89", "R90"),
    "retention": ("R98", "R100"),
    "backup": ("R96", "R97", "R112"),
    "refund": ("R91", "R102"),
    "billing_cycle": ("R101",),
    "final_bill": ("R87", "R104"),
    "loss_of_functions": ("R108",),
    "another_way": ("R108",),
    "no_updates": ("R108",),
    "reactivation": ("R99", "R111"),
    "support": ("R93", "R112"),
}


@pytest.mark.parametrize(
    "key", [pytest.param(key, marks=[pytest.mark.requirement(*ABOUT[key])], id=key) for key in ABOUT]
)
def test_a_warning_says_what_it_is_about_in_both_languages(key: Any) -> None:
    english, chinese = WARNINGS[key]["en"], WARNINGS[key]["zh-Hans"]
    assert [words for words in SAY[key] if words not in english] == []
    assert len(chinese.strip()) >= 10
    assert filled_in(chinese) == filled_in(english)


def filled_in(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


@pytest.mark.requirement("R87", "R89", "R108")
def test_these_warnings_there_are() -> None:
    assert set(WARNINGS) == set(WARNING_KEYS) == set(SAY)


@pytest.mark.requirement("R91", "R98", "R100", "R102", "R104", "R111")
def test_who_has_to_read_them_is_told_what_the_policy_of_now_says() -> None:
    """Whether a return will cost a fee is said here, before anything is confirmed."""
    other = policy(retention_days=45, refund="none", bill_confirmation_days=21, reactivation_fee=True)
    told = {"retention_days": "45", "refund": "none", "bill_confirmation_days": "21", "reactivation_fee": "true"}
    story = given(*BOUND, other).when(customer_requests())
    assert said(story, "termination_warnings") == {"customer": TO_BE_READ | told}
    assert (
        told.items()
        <= said(given(*BOUND, other).when(partner_asks()), "termination_decision_requested")["customer"].items()
    )
    given(*BOUND, other).when(by_customer(CheckTermination)).then(
        like(TerminationChecked, retention_days=45, refund="none", bill_confirmation_days=21)
    )

"""From the account check to the submitted request."""

from datetime import timedelta
from typing import Any

import pytest

from contracts.commands.termination import (
    Checklist,
    CheckTermination,
    ConfirmTermination,
    GrantExtraRequest,
    OnBehalf,
    RequestTermination,
    SendVerificationCode,
    SubmitVerificationCode,
    WithdrawTermination,
)
from contracts.events.checking import TerminationChecked
from contracts.events.notice import NoticeSent, TokenRequest
from contracts.events.termination import (
    TerminationConfirmed,
    TerminationDecisionRequested,
    TerminationDraftChecked,
    TerminationDraftDiscarded,
    TerminationDrafted,
    TerminationSubmitted,
    VerificationCodeAccepted,
    VerificationCodeFailed,
    VerificationCodeSent,
)
from contracts.message import Route
from contracts.rejections import RejectionCode
from contracts.warnings import WARNING_KEYS, WARNINGS, text_key
from handlers.tokens import shown
from tests.situations import WHY
from tests.story import (
    BLOCKED,
    BOUND,
    CODE_NEEDED,
    CODE_SENT,
    DRAFTED,
    NOON,
    PENDING,
    PLATFORM,
    READ,
    SUPPORT,
    Send,
    Step,
    by_customer,
    by_partner,
    by_support,
    customer_asks,
    customer_confirms,
    customer_decides,
    customer_enters,
    customer_gets_code,
    customer_requests,
    facts,
    given,
    later,
    like,
    partner_asks,
    partner_confirms,
    partner_decides,
    partner_requests,
    policy,
    reached,
    registered,
)

NO = partner_decides(approve=False, reason=WHY)


# ------------------------------------------------------------------------------------------------------------ the check


@pytest.mark.requirement("R74", "R76")
def test_a_check_without_a_draft_answers_everything_and_changes_nothing() -> None:
    story = given(*BOUND, facts(account_in_arrears=True))
    before = story.partnership()
    story.when(by_customer(CheckTermination)).then(
        like(TerminationChecked, by="customer", passed=False, needs_code=True, needs_consent=True, warning_version="1")
    )
    checked = story.events[0]
    assert isinstance(checked, TerminationChecked)
    assert [(item.item, item.who) for item in checked.items] == [("ACCOUNT_IN_ARREARS", "partner")]
    after = story.partnership()
    assert after.but(rev=before.rev, sequences=before.sequences) == before
    assert after.sequences["lifecycle"] == before.sequences["lifecycle"]


@pytest.mark.requirement("R62", "R74")
def test_a_check_says_from_when_on_the_customer_may_ask_again() -> None:
    story = given(*PENDING, NO).when(by_customer(CheckTermination))
    story.then(like(TerminationChecked, passed=False, items=(), next_allowed_at=NOON.replace(month=4)))
    given(*PENDING, NO).when(by_partner(CheckTermination)).then(like(TerminationChecked, next_allowed_at=None))


@pytest.mark.requirement("R76")
def test_a_blocked_draft_goes_on_when_the_account_is_checked_again() -> None:
    story = given(*BLOCKED)
    story.when(customer_confirms()).refused(RejectionCode.TERMINATION_BLOCKED)
    story.when(by_customer(CheckTermination)).then(
        TerminationChecked, like(TerminationDraftChecked, draft_stage="blocked", items=("ACCOUNT_IN_ARREARS",))
    ).told(customer="termination_blocked")
    story.when(facts(), by_customer(CheckTermination)).then(
        like(TerminationChecked, passed=True), like(TerminationDraftChecked, draft_stage="unconfirmed")
    ).told(customer="termination_warnings")


@pytest.mark.requirement("R47", "R49", "R76")
def test_a_partner_adds_the_plans_that_were_missing() -> None:
    story = given(*BOUND, partner_requests(migration_plan=None, alternative_service=None))
    story.when(by_partner(CheckTermination, migration_plan="by March")).then(
        TerminationChecked, like(TerminationDraftChecked, items=("ALTERNATIVE_SERVICE_MISSING",))
    )
    story.when(by_partner(CheckTermination, alternative_service="direct")).then(
        TerminationChecked, like(TerminationDraftChecked, draft_stage="unconfirmed")
    )
    assert story.partnership().drafts["partner"].details.migration_plan == "by March"


# ------------------------------------------------------------------------------------------------------------ the draft


@pytest.mark.requirement("R50", "R52", "R54", "R72", "R85", "R86")
def test_a_request_opens_a_draft_that_the_other_side_does_not_see() -> None:
    given(*BOUND).when(customer_requests()).then(
        like(TerminationDrafted, status="active", draft_stage="unconfirmed", by="customer")
    ).told(customer="termination_warnings")
    given(*BOUND).when(partner_requests()).told(partner="termination_warnings")


@pytest.mark.requirement("R62")
def test_a_side_has_one_draft_and_may_give_it_up_without_being_counted() -> None:
    story = given(*DRAFTED)
    story.when(customer_requests()).refused(RejectionCode.REQUEST_ALREADY_OPEN, stage="unconfirmed")
    story.when(by_customer(WithdrawTermination)).then(like(TerminationDraftDiscarded, cause="given_up"))
    assert story.customer().submissions == ()
    story.when(by_customer(WithdrawTermination)).refused(RejectionCode.NO_OPEN_REQUEST)
    story.when(customer_requests()).then(TerminationDrafted)


@pytest.mark.requirement("R130")
def test_both_sides_have_a_draft_each_and_neither_is_in_the_others_way() -> None:
    story = given(*DRAFTED).when(partner_requests()).then(TerminationDrafted)
    assert set(story.partnership().drafts) == {"partner", "customer"}
    story.when(partner_confirms()).then(TerminationConfirmed, TerminationSubmitted, TerminationDecisionRequested)
    assert set(story.partnership().drafts) == {"customer"}


@pytest.mark.requirement("R62")
def test_a_draft_that_lies_for_seven_days_lapses() -> None:
    story = given(*DRAFTED, later(days=7)).when(customer_confirms()).refused(RejectionCode.NO_OPEN_REQUEST)
    story.when(reached("customer_draft")).then(like(TerminationDraftDiscarded, cause="lapsed")).told(
        customer="termination_draft_discarded"
    )
    assert story.partnership().drafts == {}
    given(*BLOCKED, later(days=7), facts(as_of=NOON + timedelta(days=7))).when(by_customer(CheckTermination)).then(
        like(TerminationChecked, passed=True)
    )


@pytest.mark.requirement("R62")
def test_so_does_a_partners() -> None:
    given(*BOUND, partner_requests(), later(days=7)).when(reached("partner_draft")).then(
        like(TerminationDraftDiscarded, by="partner", cause="lapsed")
    ).told(partner="termination_draft_discarded")


@pytest.mark.requirement("R45", "R48")
def test_the_end_is_the_later_of_the_wish_and_the_notice_period() -> None:
    bound = (registered(notice_days=30), *BOUND[1:])
    soon = customer_requests(end_at=NOON + timedelta(days=29))
    given(*bound).when(soon).refused(RejectionCode.NOTICE_TOO_SHORT, earliest="2026-02-14T12:00:00.000Z")
    wish = customer_asks(end_at=NOON + timedelta(days=60)).request
    drafted = given(*bound, wish, later(days=1), customer_confirms(), customer_gets_code())
    drafted.when(customer_enters()).then(
        VerificationCodeAccepted,
        like(TerminationSubmitted, ends_at=NOON + timedelta(days=60)),
        TerminationDecisionRequested,
    )
    given(*bound, customer_requests(end_at=NOON + timedelta(days=30)), later(days=1), customer_confirms(),
          customer_gets_code()).when(customer_enters()).then(
        VerificationCodeAccepted, like(TerminationSubmitted, ends_at=NOON + timedelta(days=31)),
        TerminationDecisionRequested,
    )  # fmt: skip


@pytest.mark.requirement("R107")
def test_where_the_customer_moves_to_is_recorded() -> None:
    story = given(*BOUND, customer_requests(successor="Another System"))
    assert story.partnership().drafts["customer"].details.successor == "Another System"


@pytest.mark.requirement("R42", "R43")
@pytest.mark.parametrize("category", ["agreement_early_termination", "direct_billing"])
def test_a_customer_may_also_end_early_or_to_be_billed_directly(category: str) -> None:
    given(*BOUND).when(customer_requests(category=category)).then(like(TerminationDrafted, category=category))


# --------------------------------------------------------------------------------------------------------- the warnings


@pytest.mark.requirement("R54", "R75", "R89", "R92", "R112", "R122")
def test_the_warnings_are_read_and_confirmed_before_anything_is_submitted() -> None:
    story = given(*DRAFTED)
    story.when(customer_confirms(checklist=Checklist())).refused(RejectionCode.WARNINGS_NOT_CONFIRMED)
    story.when(customer_confirms(warning_version=None)).refused(RejectionCode.WARNINGS_NOT_CONFIRMED)
    story.when(customer_confirms(warning_version="0")).refused(RejectionCode.WARNING_VERSION_STALE, warning_version="1")
    story.when(customer_confirms(billing_mode="none")).then(
        like(TerminationConfirmed, draft_stage="code_needed", billing_mode="none", checklist=READ)
    ).told(customer="termination_code_needed")


@pytest.mark.requirement("R87", "R90", "R91", "R96", "R98", "R100", "R101", "R108", "R111", "R93")
def test_the_warnings_say_all_that_one_must_know_in_both_languages() -> None:
    assert set(WARNINGS) == set(WARNING_KEYS)
    for key, texts in WARNINGS.items():
        assert set(texts) == {"en", "zh-Hans"}
        assert all(texts.values())
        assert text_key(key, "en") == f"warning.1.{key}.en"
    assert {"data", "refund", "retention", "backup", "billing_cycle", "loss_of_functions", "reactivation"} <= set(
        WARNINGS
    )
    assert all(word in WARNINGS["support"]["en"] for word in ("phone", "e-mail", "chat"))


@pytest.mark.requirement("R57")
def test_only_the_customer_chooses_its_billing() -> None:
    story = given(*BOUND, partner_requests()).when(partner_confirms(billing_mode="none"))
    assert story.partnership().state.case.billing_mode is None  # type: ignore[union-attr]


@pytest.mark.requirement("R80", "R92")
def test_a_customer_that_agrees_reads_the_warnings_too() -> None:
    asked = (*BOUND, partner_asks())
    given(*asked).when(customer_decides(warning_version=None)).refused(RejectionCode.WARNINGS_NOT_CONFIRMED)
    given(*asked).when(customer_decides(warning_version="0")).refused(RejectionCode.WARNING_VERSION_STALE)
    given(*asked).when(customer_decides(approve=False, warning_version=None, reason=WHY)).told(
        partner="termination_rejected", customer="termination_rejected"
    )


# ------------------------------------------------------------------------------------------------------------- the code


@pytest.mark.requirement("R77", "R78")
def test_a_code_goes_out_by_text_message_and_submits_the_request() -> None:
    story = given(*CODE_NEEDED).when(customer_gets_code())
    story.then(like(VerificationCodeSent, codes_left=2, expires_at=NOON + timedelta(minutes=5)))
    notice = story.events[-1]
    assert isinstance(notice, NoticeSent)
    assert (notice.channel, notice.address) == ("sms", "+49 30 c1")
    assert notice.token == TokenRequest(purpose="code", subject="p1-c1", number=1)
    story.when(customer_enters()).then(
        VerificationCodeAccepted, like(TerminationSubmitted, counted=True), TerminationDecisionRequested
    ).told(customer="termination_submitted", partner="termination_decision_requested")


@pytest.mark.requirement("R77")
def test_a_code_has_six_digits_and_a_link_is_shown_as_it_is() -> None:
    assert shown("invitation", "token") == "token"
    codes = {shown("code", f"token-{number}") for number in range(200)}
    assert len(codes) > 190
    assert all(len(code) == 6 and code.isdecimal() for code in codes)


@pytest.mark.requirement("R77")
def test_no_code_is_sent_or_taken_before_the_warnings_were_confirmed() -> None:
    given(*DRAFTED).when(customer_gets_code()).refused(RejectionCode.WARNINGS_NOT_CONFIRMED, stage="unconfirmed")
    given(*CODE_NEEDED).when(customer_enters()).refused(RejectionCode.CODE_EXPIRED, sent=False)
    given(*CODE_SENT).when(customer_enters(code="12 345")).refused(RejectionCode.CODE_WRONG, digits=6)


@pytest.mark.requirement("R77")
def test_a_code_is_good_for_five_minutes() -> None:
    given(*CODE_SENT, later(minutes=5)).when(customer_enters()).refused(RejectionCode.CODE_EXPIRED, sent=True)
    assert given(*CODE_SENT, later(minutes=4, seconds=59)).when(customer_enters()).rejection is None


@pytest.mark.requirement("R77")
def test_after_five_wrong_codes_none_is_accepted_for_fifteen_minutes() -> None:
    wrong = customer_enters(code="000000")
    story = given(*CODE_SENT)
    for left in (4, 3, 2, 1):
        story.when(wrong).then(like(VerificationCodeFailed, attempts_left=left, locked_until=None))
    story.when(wrong).then(like(VerificationCodeFailed, attempts_left=0, locked_until=NOON + timedelta(minutes=15)))
    story.when(customer_enters()).refused(RejectionCode.CODE_LOCKED, until="2026-01-15T12:15:00.000Z")
    story.when(customer_gets_code()).refused(RejectionCode.CODE_LOCKED)
    story.when(later(minutes=15), customer_gets_code()).then(VerificationCodeSent)
    story.when(customer_enters()).then(VerificationCodeAccepted, TerminationSubmitted, TerminationDecisionRequested)


@pytest.mark.requirement("R77")
def test_a_new_draft_is_no_way_round_the_lock_nor_to_more_attempts() -> None:
    wrong, anew = customer_enters(code="000000"), (by_customer(WithdrawTermination), customer_requests())
    again = (*anew, customer_confirms())
    story = given(*CODE_SENT, wrong, wrong, wrong, *again, customer_gets_code())
    story.when(wrong).then(like(VerificationCodeFailed, attempts_left=1))
    story.when(wrong).then(like(VerificationCodeFailed, attempts_left=0, locked_until=NOON + timedelta(minutes=15)))
    story.when(*again, customer_gets_code()).refused(RejectionCode.CODE_LOCKED, until="2026-01-15T12:15:00.000Z")
    story.when(later(minutes=15), customer_gets_code(), wrong).then(like(VerificationCodeFailed, attempts_left=4))


@pytest.mark.requirement("R77")
def test_after_a_right_code_one_begins_to_count_anew_and_each_side_for_itself() -> None:
    wrong = customer_enters(code="000000")
    story = given(*CODE_SENT, wrong, customer_enters(), NO, policy(requests_max=2))
    story.when(customer_requests(), customer_confirms(), customer_gets_code(), wrong)
    story.then(like(VerificationCodeFailed, attempts_left=4))
    of_both = policy(code_of={"reseller": ("customer", "partner"), "referral": ()})
    partner = (partner_requests(), partner_confirms(), by_partner(SendVerificationCode))
    other = given(*BOUND, of_both, *partner, customer_requests(), customer_confirms(), customer_gets_code(), wrong)
    other.when(by_partner(SubmitVerificationCode, code="000000")).then(like(VerificationCodeFailed, attempts_left=4))


@pytest.mark.requirement("R77")
def test_a_draft_has_three_codes_and_no_code_is_ever_good_again() -> None:
    story = given(*CODE_SENT).when(customer_gets_code())
    first = shown("code", "code:p1-c1:1")
    story.when(customer_enters(code=first)).then(VerificationCodeFailed)
    story.when(customer_gets_code()).then(like(VerificationCodeSent, number=3, codes_left=0))
    story.when(customer_gets_code()).refused(RejectionCode.CODE_LOCKED, codes_max=3, use="WithdrawTermination")
    again = (by_customer(WithdrawTermination), customer_requests(), customer_confirms())
    story.when(*again, customer_gets_code()).then(like(VerificationCodeSent, number=4))


@pytest.mark.requirement("R61", "R77")
def test_a_partner_or_a_referral_customer_needs_no_code() -> None:
    given(*BOUND, partner_requests()).when(partner_confirms()).then(
        TerminationConfirmed, TerminationSubmitted, TerminationDecisionRequested
    )
    given(*BOUND, policy(code_of={"reseller": ("partner",), "referral": ()}), partner_requests()).when(
        partner_confirms()
    ).then(like(TerminationConfirmed, draft_stage="code_needed"))


# --------------------------------------------------------------------------------------------------- customer service


def assisted(command: Any, **data: Any) -> Send:
    return by_support(command, **data)


SUPPORT_ASKS = assisted(RequestTermination, category="customer_request", reason=WHY)
SUPPORT_CONFIRMS = assisted(ConfirmTermination, warning_version="1", checklist=READ, caller_consents=True)


@pytest.mark.requirement("R82", "R93", "R94", "R95")
def test_customer_service_asks_for_a_customer_that_it_has_found_and_told() -> None:
    story = given(*BOUND).when(SUPPORT_ASKS).then(like(TerminationDrafted, by="customer", route="assisted_phone"))
    story.when(SUPPORT_CONFIRMS.but(caller_consents=False)).refused(RejectionCode.WARNINGS_NOT_CONFIRMED)
    story.when(SUPPORT_CONFIRMS).then(like(TerminationConfirmed, draft_stage="code_needed"))
    story.when(assisted(SendVerificationCode)).then(VerificationCodeSent)
    code = shown("code", "code:p1-c1:1")
    story.when(assisted(SubmitVerificationCode, code=code)).then(
        VerificationCodeAccepted, like(TerminationSubmitted, counted=True), TerminationDecisionRequested
    )


@pytest.mark.requirement("R94")
@pytest.mark.parametrize(("field", "value"), [("account_id", "c2"), ("registered_email", "other@c1.example")])
def test_an_account_that_does_not_match_is_not_found(field: str, value: str) -> None:
    account: dict[str, Any] = {"side": "customer", "account_id": "c1", "registered_email": "OFFICE@c1.example"}
    matched = SUPPORT_ASKS.but(on_behalf=OnBehalf(**account))
    assert given(*BOUND).when(matched).rejection is None
    other = SUPPORT_ASKS.but(on_behalf=OnBehalf(**account | {field: value}))
    given(*BOUND).when(other).refused(RejectionCode.ACCOUNT_NOT_MATCHED)
    given(*BOUND).when(SUPPORT_ASKS.but(on_behalf=None)).refused(RejectionCode.ACCOUNT_NOT_MATCHED)


OTHERS = OnBehalf(side="customer", account_id="c1", registered_email="other@c1.example")


@pytest.mark.requirement("R94")
@pytest.mark.parametrize(
    ("before", "command"),
    [
        (BOUND, by_support(CheckTermination)),
        (DRAFTED, SUPPORT_CONFIRMS),
        (CODE_NEEDED, by_support(SendVerificationCode)),
        (CODE_SENT, by_support(SubmitVerificationCode, code="123456")),
        (DRAFTED, by_support(WithdrawTermination)),
    ],
    ids=["check", "confirm", "send a code", "enter it", "withdraw"],
)
def test_customer_service_needs_the_registered_e_mail_at_each_step(before: tuple[Step, ...], command: Send) -> None:
    given(*before).when(command.but(on_behalf=OTHERS)).refused(
        RejectionCode.ACCOUNT_NOT_MATCHED, needed=["account_id", "registered_email"]
    )


@pytest.mark.requirement("R82", "R95")
def test_customer_service_acts_for_a_partner_too_always_with_a_code_and_never_by_itself() -> None:
    asks = by_support(
        RequestTermination, "partner", category="partner_business_adjustment", reason=WHY,
        migration_plan="by March", alternative_service="direct",
    )  # fmt: skip
    confirms = by_support(ConfirmTermination, "partner", warning_version="1", checklist=READ, caller_consents=True)
    given(*BOUND, asks).when(confirms).then(like(TerminationConfirmed, by="partner", draft_stage="code_needed"))
    given(*BOUND).when(asks.but(route=Route.SELF_SERVICE)).refused(RejectionCode.NOT_AUTHORIZED, route="assisted")
    assert SUPPORT.kind == "support"


# ------------------------------------------------------------------------------------------------------------ the limit


def grant(reason: str | None = WHY) -> Send:
    return Send(GrantExtraRequest(actor=PLATFORM, reason=reason), "c1", "c1")


@pytest.mark.requirement("R62")
def test_the_platform_grants_one_request_more_which_is_used_up() -> None:
    story = given(*PENDING, NO)
    story.when(grant(reason=None)).refused(RejectionCode.REASON_REQUIRED)
    story.when(grant(), customer_asks()).then(
        VerificationCodeAccepted,
        like(TerminationSubmitted, counted=True, extra_used=True),
        TerminationDecisionRequested,
    )
    story.when(NO, customer_asks()).refused(RejectionCode.REQUEST_LIMIT_REACHED)
    given().when(grant()).refused(RejectionCode.NOT_FOUND)


@pytest.mark.requirement("R62")
def test_a_request_that_was_granted_and_not_needed_is_kept() -> None:
    story = given(*BOUND, grant(), customer_asks())
    assert story.customer().extra_requests == 1


@pytest.mark.requirement("R62")
def test_requests_that_were_granted_are_used_up_one_by_one() -> None:
    again = (by_customer(WithdrawTermination), customer_asks())
    story = given(*PENDING, grant(), grant(), *again)
    assert story.customer().extra_requests == 1
    story.when(*again)
    assert story.customer().extra_requests == 0
    story.when(*again).refused(RejectionCode.REQUEST_LIMIT_REACHED)


@pytest.mark.requirement("R62")
def test_what_concerns_a_customer_has_the_customer_as_its_key() -> None:
    """In another lane its events would come out of order."""
    for send in (grant(), facts()):
        elsewhere = Send(send.command, "c1", "p1")
        given(*BOUND).when(elsewhere).refused(RejectionCode.NOT_FOUND)


@pytest.mark.requirement("R62")
def test_where_only_effective_requests_count_a_rejected_or_withdrawn_one_does_not() -> None:
    effective = policy(requests_counted="effective")
    for nothing in (NO, by_customer(WithdrawTermination)):
        story = given(*BOUND, effective, customer_asks(), nothing)
        assert story.customer().submissions == ()
        assert story.when(customer_asks()).rejection is None


@pytest.mark.requirement("R62")
def test_the_policy_may_count_the_partners_requests_too() -> None:
    story = given(*BOUND, policy(requests_of=("customer", "partner")), partner_asks())
    assert len(story.customer().partners_submissions["p1"]) == 1
    story.when(by_partner(WithdrawTermination), partner_requests()).refused(RejectionCode.REQUEST_LIMIT_REACHED)
    assert story.when(customer_asks()).rejection is None, "nobody uses up another's"
    known = story.customer()
    assert known.submissions_of("partner", "p2") == (), "nor does one partner another's"


@pytest.mark.requirement("R121")
def test_the_reason_stays_with_the_parties() -> None:
    story = given(*DRAFTED)
    assert "elsewhere" not in story.world.journal[-1].events[0].event.model_dump_json()
    assert isinstance(story.world.journal[-1].events[0].event, TerminationDrafted)

"""Every refusal of the contract: reached by a story, said in words, and with something to act on."""

from datetime import timedelta
from typing import Any

import pytest

from contracts.commands.binding import AnswerModification, ProposeModification
from contracts.commands.closing import (
    AnswerReactivation,
    ConfirmFinalBill,
    DisputeFinalBill,
    PlaceLegalHold,
    RecordClosingStep,
    RequestReactivation,
)
from contracts.commands.invitation import ResendInvitation
from contracts.commands.termination import OnBehalf, RequestTermination
from contracts.details import Changes
from contracts.message import Role
from contracts.rejections import EXPLANATIONS, RejectionCode
from tests.situations import WHY
from tests.story import (
    BILLED,
    BLOCKED,
    BOUND,
    CLOSED,
    CODE_NEEDED,
    CODE_SENT,
    DRAFTED,
    INVITED,
    NOON,
    OPENED,
    PENDING,
    PROMPTED,
    REGISTERED,
    SWITCHING,
    TERMINATED,
    VERIFIED,
    accept,
    by_customer,
    by_partner,
    by_platform,
    by_support,
    by_system,
    cancel,
    customer_asks,
    customer_confirms,
    customer_enters,
    customer_gets_code,
    customer_requests,
    customer_user,
    decline,
    facts,
    given,
    invite,
    later,
    opened,
    partner_decides,
    partner_is,
    partner_requests,
    policy,
    registered,
    verified,
)
from tests.tour import UNTIL_MARCH

CODE = RejectionCode
NO = partner_decides(approve=False, reason=WHY)
WRONG = customer_enters(code="000000")
CHANGE = by_customer(ProposeModification, changes=Changes(terms="five per cent more"))
BACK = by_customer(RequestReactivation, consent_version="1")
RESEND = by_partner(ResendInvitation)
BOUND_TO_P2 = (registered("p2"), invite("p2"), opened("p2"), verified("p2"), accept("p2"))
STRANGER = OnBehalf(side="customer", account_id="c2", registered_email="office@c1.example")
BY_SUPPORT = by_support(RequestTermination, category="customer_request", reason=WHY).but(on_behalf=STRANGER)

REFUSED: dict[RejectionCode, tuple[Any, ...]] = {
    CODE.NOT_AUTHORIZED: (*BOUND, customer_requests(actor=customer_user(role=Role.OPERATOR))),
    CODE.NOT_FOUND: (*REGISTERED, opened()),
    CODE.NOT_ALLOWED_IN_STATUS: (*VERIFIED, cancel(), accept()),
    CODE.VERSION_CONFLICT: (*INVITED, cancel(expected_version=9)),
    CODE.NOT_YOUR_TURN: (*BOUND, CHANGE, by_customer(AnswerModification, answer="acknowledge")),
    CODE.PARTNER_NOT_ACTIVE: (*REGISTERED, partner_is(status="restricted"), invite()),
    CODE.PARTNER_NEGATIVE_RECORD: (*REGISTERED, partner_is(negative_records=1), invite()),
    CODE.AGREEMENT_ENDED: (*BOUND, UNTIL_MARCH, later(days=60), invite(customer="c2")),
    CODE.QUOTA_EXCEEDED: (registered(quota=0), invite()),
    CODE.INVITATION_INCOMPLETE: (*REGISTERED, invite(phone=None)),
    CODE.CHANNEL_NOT_OFFICIAL: (*REGISTERED, invite(channel="pigeon")),
    CODE.STANDARDS_VERSION_STALE: (*REGISTERED, invite(standards_version="0")),
    CODE.DUPLICATE_OPEN_INVITATION: (*INVITED, invite(subject="another")),
    CODE.ALREADY_BOUND_TO_YOU: (*BOUND, invite(subject="another", customer_id="c1")),
    CODE.CUSTOMER_ALREADY_BOUND: (
        *BOUND,
        registered("p2"),
        policy(bound_customers_may_be_invited=False),
        invite("p2", customer_id="c1"),
    ),
    CODE.CUSTOMER_NOT_QUALIFIED: (*VERIFIED, facts(qualified=False), accept()),
    CODE.CUSTOMER_NOT_COMPLIANT: (*VERIFIED, facts(compliant=False), accept()),
    CODE.INVITATION_EXPIRED: (*VERIFIED, later(days=30), accept()),
    CODE.RESEND_LIMIT: (*INVITED, RESEND, RESEND, RESEND, RESEND),
    CODE.TOKEN_INVALID: (*INVITED, RESEND, opened()),
    CODE.IDENTITY_MISMATCH: (*OPENED, verified(legal_name="c2 Ltd")),
    CODE.IDENTITY_NOT_VERIFIED: (*OPENED, accept()),
    CODE.VERIFICATION_EXHAUSTED: (*OPENED, *(verified(passed=False),) * 5, accept()),
    CODE.SWITCH_CONFIRMATION_REQUIRED: (*PROMPTED, accept("p2")),
    CODE.SWITCH_IN_PROGRESS: (*SWITCHING, decline("p2")),
    CODE.CONSENT_VERSION_STALE: (*VERIFIED, accept(consent_version="0")),
    CODE.REASON_REQUIRED: (*BOUND, customer_requests(reason="because")),
    CODE.REQUEST_ALREADY_OPEN: (*DRAFTED, customer_requests()),
    CODE.NO_OPEN_REQUEST: (*BOUND, customer_confirms()),
    CODE.REQUEST_LIMIT_REACHED: (*PENDING, NO, customer_asks()),
    CODE.TERMINATION_BLOCKED: (*BLOCKED, customer_confirms()),
    CODE.NOTICE_TOO_SHORT: (
        registered(notice_days=30),
        *BOUND[1:],
        customer_requests(end_at=NOON + timedelta(days=29)),
    ),
    CODE.END_TOO_LATE: (*BOUND, customer_requests(end_at=NOON + timedelta(days=999))),
    CODE.ACCOUNT_NOT_MATCHED: (*BOUND, BY_SUPPORT),
    CODE.WARNINGS_NOT_CONFIRMED: (*DRAFTED, customer_confirms(warning_version=None)),
    CODE.WARNING_VERSION_STALE: (*DRAFTED, customer_confirms(warning_version="0")),
    CODE.CODE_WRONG: (*CODE_SENT, customer_enters(code="12 45")),
    CODE.CODE_EXPIRED: (*CODE_NEEDED, customer_enters()),
    CODE.CODE_LOCKED: (*CODE_SENT, *(WRONG,) * 5, customer_gets_code()),
    CODE.PARTNERSHIP_READ_ONLY: (*TERMINATED, partner_requests()),
    CODE.LEGAL_HOLD: (
        *TERMINATED,
        by_platform(PlaceLegalHold, reason=WHY),
        by_system(RecordClosingStep, step="data", outcome="done"),
    ),
    CODE.BILL_NOT_ISSUED: (*TERMINATED, by_customer(ConfirmFinalBill)),
    CODE.BILL_ALREADY_CONFIRMED: (*CLOSED, by_customer(DisputeFinalBill, reason=WHY)),
    CODE.DISPUTE_OPEN: (*BILLED, by_customer(DisputeFinalBill, reason=WHY), by_customer(ConfirmFinalBill)),
    CODE.REACTIVATION_WINDOW_CLOSED: (*TERMINATED, later(days=30), BACK),
    CODE.REACTIVATION_NOT_OPEN: (*TERMINATED, by_partner(AnswerReactivation, answer="agree", consent_version="1")),
    CODE.REACTIVATION_FEE_DUE: (*BOUND, policy(reactivation_fee=True), customer_asks(), partner_decides(), BACK),
    CODE.CUSTOMER_BOUND_ELSEWHERE: (*TERMINATED, *BOUND_TO_P2, BACK),
}
OF_THE_ENGINE = {CODE.COMMAND_ID_REUSED}
"""Which alone knows the journal: tests/worker/test_repeats.py."""


def test_every_code_has_a_story_here() -> None:
    assert set(REFUSED) | OF_THE_ENGINE == set(RejectionCode)
    assert set(EXPLANATIONS) == set(RejectionCode)


@pytest.mark.requirement("R76")
@pytest.mark.parametrize("code", REFUSED)
def test_a_refusal_says_why_and_gives_something_to_act_on(code: RejectionCode) -> None:
    *before, last = REFUSED[code]
    story = given(*before).when(last).refused(code)
    refusal = story.rejection
    assert refusal is not None
    sentence, advice, retryable = EXPLANATIONS[code]
    assert (refusal.message, refusal.retryable) == (f"{sentence} {advice}", retryable)
    assert refusal.message.count(".") >= 2
    assert any(value not in (None, "", [], {}) for value in refusal.details.values()), refusal.details


ACT_ON: dict[RejectionCode, dict[str, Any]] = {
    CODE.INVITATION_INCOMPLETE: {"missing": ["phone"]},
    CODE.REQUEST_LIMIT_REACHED: {"next_allowed_at": "2026-04-15T12:00:00.000Z"},
    CODE.NOTICE_TOO_SHORT: {"earliest": "2026-02-14T12:00:00.000Z"},
    CODE.CODE_LOCKED: {"until": "2026-01-15T12:15:00.000Z"},
    CODE.VERSION_CONFLICT: {"current_version": 1},
    CODE.WARNING_VERSION_STALE: {"warning_version": "1"},
    CODE.QUOTA_EXCEEDED: {"limit": 0, "bound": 0, "reserved": 0},
    CODE.TERMINATION_BLOCKED: {
        "items": [
            {
                "item": "ACCOUNT_IN_ARREARS",
                "remedy": "Raise the credit limit so that the arrears are written off.",
                "who": "partner",
            }
        ]
    },
}


@pytest.mark.requirement("R15", "R45", "R62", "R65", "R76", "R77", "R92")
@pytest.mark.parametrize("code", ACT_ON)
def test_what_to_act_on_is_said_exactly(code: RejectionCode) -> None:
    *before, last = REFUSED[code]
    given(*before).when(last).refused(code, **ACT_ON[code])

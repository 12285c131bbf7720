"""A few stories in which every command and every event comes up; examples and the tidy tests are taken from them."""

from collections.abc import Callable
from datetime import timedelta

from contracts.commands.binding import (
    AnswerModification,
    AssignContacts,
    ChooseBilling,
    ConfigurePermissions,
    HidePartnership,
    ProposeModification,
    RecordActivation,
    RecordBusinessData,
    RecordNotificationOutcome,
    ResumePartnership,
    ShowPartnership,
    SuspendPartnership,
    UpdateCustomerInfo,
)
from contracts.commands.closing import (
    AnswerReactivation,
    ConfirmFinalBill,
    DisputeFinalBill,
    PlaceLegalHold,
    RecordClosingStep,
    RecordDataExport,
    RecordFinalBill,
    ReleaseLegalHold,
    RequestDataExport,
    RequestReactivation,
    ResolveDispute,
)
from contracts.commands.facts import UpdateAgreement
from contracts.commands.invitation import ResendInvitation
from contracts.commands.termination import CheckTermination, GrantExtraRequest, WaiveBlock, WithdrawTermination
from contracts.details import Changes, Contacts
from contracts.message import SYSTEM
from tests.situations import PERIOD, WHY
from tests.story import (
    BLOCKED,
    BOUND,
    CLOSED,
    CODE_SENT,
    DRAFTED,
    IN_NOTICE,
    INVITED,
    NOON,
    OPENED,
    PENDING,
    PLATFORM,
    PROMPTED,
    PURGED,
    STALLED,
    SUPPORT,
    SWITCHING,
    TERMINATED,
    VERIFIED,
    Send,
    Story,
    by_customer,
    by_partner,
    by_platform,
    by_system,
    cancel,
    customer_enters,
    customer_requests,
    decline,
    delivered,
    facts,
    given,
    later,
    on,
    partner_asks,
    partner_decides,
    partner_is,
    reached,
    verified,
)


def agreement(**data: object) -> Send:
    return Send(UpdateAgreement(**{"actor": SYSTEM, "as_of": NOON} | data), "p1", "p1")  # type: ignore[arg-type]


UNTIL_MARCH = agreement(
    ends_at=NOON + timedelta(days=60), management_team=("Grace", "Alan"), support_contact="help@p1.example"
)
TERMS, PHONE = Changes(terms="five per cent more"), Changes(phone="+44 1")

TOUR: dict[str, Callable[[], Story]] = {
    "an offer that nobody answers": lambda: given(
        *INVITED,
        by_partner(ResendInvitation),
        later(days=23),
        reached(),
        later(days=7),
        reached(),
        later(days=90),
        reached(),
    ),
    "an offer that is declined": lambda: given(*OPENED, decline()),
    "an offer that is taken back": lambda: given(*INVITED, cancel()),
    "a stranger": lambda: given(*OPENED, verified(passed=False)),
    "upkeep": lambda: given(
        *BOUND,
        by_system(RecordNotificationOutcome, notice_id="command-6:partner", outcome="failed"),
        UNTIL_MARCH,
        delivered(),
        by_system(RecordActivation, outcome="done"),
        by_partner(ConfigurePermissions, permissions=("read_usage",)),
        by_customer(ChooseBilling, billing_mode="none"),
        by_partner(UpdateCustomerInfo, changes=PHONE),
        by_partner(AssignContacts, contacts=Contacts(assigned_contact="Grace", support_level="gold")),
        by_system(RecordBusinessData, period="2026-01", amount=123_45, currency="EUR", orders=7),
        by_platform(SuspendPartnership, reason=WHY),
        by_platform(ResumePartnership, reason=WHY),
        by_partner(HidePartnership),
        by_partner(ShowPartnership),
        by_customer(RequestDataExport),
        by_system(RecordDataExport, outcome="done", location="https://export.example/1"),
        partner_is(status="active"),
    ),
    "a modification": lambda: given(
        *BOUND,
        by_customer(ProposeModification, changes=TERMS),
        by_partner(AnswerModification, answer="counter", changes=Changes(terms="four per cent")),
        by_customer(AnswerModification, answer="acknowledge"),
        by_customer(ProposeModification, changes=TERMS),
        by_partner(AnswerModification, answer="decline", reason=WHY),
        by_customer(ProposeModification, changes=TERMS),
        later(days=30),
        reached(),
    ),
    "a switch": lambda: given(*SWITCHING, delivered()),
    "a switch that is blocked": lambda: given(
        *PROMPTED,
        *SWITCHING[len(PROMPTED) :],
        later(minutes=60),
        reached("switch"),
        facts(account_in_arrears=True),
        delivered(),
    ),
    "a customer's way out": lambda: given(
        *BLOCKED, facts(), by_customer(CheckTermination), by_customer(WithdrawTermination)
    ),
    "a wrong code": lambda: given(*CODE_SENT, customer_enters(code="000000"), customer_enters()),
    "a request that is rejected": lambda: given(*PENDING, partner_decides(approve=False, reason=WHY)),
    "a request that is withdrawn": lambda: given(*PENDING, by_customer(WithdrawTermination)),
    "a request that the customer does not decide": lambda: given(*BOUND, partner_asks(), later(days=10), reached()),
    "a stalled end": lambda: given(
        *STALLED, later(days=1), reached("recheck"), by_platform(WaiveBlock, item="ACCOUNT_IN_ARREARS", reason=WHY)
    ),
    "a stalled end and new facts": lambda: given(
        *STALLED, facts(account_in_arrears=True), delivered(), facts(), delivered()
    ),
    "an agreement that ends": lambda: given(
        *BOUND, UNTIL_MARCH, delivered(), later(days=60), facts(as_of=NOON + timedelta(days=60)), reached()
    ),
    "notice": lambda: given(*IN_NOTICE, later(days=30), facts(as_of=NOON + timedelta(days=30)), reached()),
    "closing": lambda: given(*PURGED),
    "closing that takes its time": lambda: given(*TERMINATED, later(days=7), reached()),
    "an export that nobody makes": lambda: given(
        *BOUND, by_customer(RequestDataExport), later(days=7), reached("answer")
    ),
    "a dispute": lambda: given(
        *TERMINATED,
        by_system(RecordFinalBill, amount=500, currency="EUR", period=PERIOD),
        by_customer(DisputeFinalBill, reason=WHY),
        on(ResolveDispute, SUPPORT, amount=400, reason=WHY),
        by_customer(ConfirmFinalBill),
    ),
    "a bill that nobody needs": lambda: given(
        *TERMINATED, by_platform(RecordClosingStep, step="final_bill", outcome="waived", reason=WHY)
    ),
    "a legal hold": lambda: given(
        *CLOSED, by_platform(PlaceLegalHold, reason=WHY), by_platform(ReleaseLegalHold, reason=WHY)
    ),
    "back again": lambda: given(
        *TERMINATED,
        by_customer(RequestReactivation, consent_version="1"),
        by_partner(AnswerReactivation, answer="agree", consent_version="1"),
        by_system(RecordClosingStep, step="restore", outcome="done"),
    ),
    "not back again": lambda: given(
        *TERMINATED,
        by_customer(RequestReactivation, consent_version="1"),
        by_partner(AnswerReactivation, answer="decline"),
        by_customer(RequestReactivation, consent_version="1"),
        later(days=30),
        reached("reactivation_answer"),
    ),
    "one request more": lambda: given(*BOUND, Send(GrantExtraRequest(actor=PLATFORM, reason=WHY), "c1", "c1")),
    "a refusal": lambda: given(*DRAFTED).when(customer_requests()),
    "the first link": lambda: given(*VERIFIED),
}

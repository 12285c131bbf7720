"""Every situation that a partnership can be in, and every command as somebody gives it who may."""

from contracts.business import BillPeriod
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
from tests.story import (
    BILLED,
    BLOCKED,
    BOUND,
    CLOSED,
    CODE_NEEDED,
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
    REGISTERED,
    STALLED,
    SUPPORT,
    SUSPENDED,
    SWITCHING,
    TERMINATED,
    VERIFIED,
    Enter,
    Send,
    Step,
    by_customer,
    by_partner,
    by_platform,
    by_system,
    cancel,
    customer_confirms,
    customer_enters,
    customer_gets_code,
    customer_requests,
    decline,
    facts,
    invite,
    later,
    on,
    opened,
    partner_asks,
    partner_decides,
    partner_is,
    reached,
    registered,
    switch,
    verified,
)

WHY = "it was agreed on the telephone"
PERIOD = BillPeriod(starts_at=NOON, ends_at=NOON)

SITUATIONS: dict[str, tuple[Step, ...]] = {
    "no partner": (),
    "nothing": REGISTERED,
    "sent": (*REGISTERED, invite(customer_id="c1")),
    "opened": OPENED,
    "verified": VERIFIED,
    "prompted": PROMPTED,
    "switching": SWITCHING,
    "active": BOUND,
    "active, change proposed": (*BOUND, by_customer(ProposeModification, changes=Changes(terms="five per cent more"))),
    "active, export asked for": (*BOUND, by_customer(RequestDataExport)),
    "suspended": SUSPENDED,
    "draft blocked": BLOCKED,
    "draft unconfirmed": DRAFTED,
    "code needed": CODE_NEEDED,
    "code sent": CODE_SENT,
    "pending": PENDING,
    "pending, escalated": (*BOUND, partner_asks(), later(days=10), reached("decision")),
    "in_notice": IN_NOTICE,
    "stalled": STALLED,
    "closing": TERMINATED,
    "billed": BILLED,
    "bill disputed": (*BILLED, by_customer(DisputeFinalBill, reason=WHY)),
    "under legal hold": (*TERMINATED, by_platform(PlaceLegalHold, reason=WHY)),
    "reactivation asked for": (*TERMINATED, by_customer(RequestReactivation, consent_version="1")),
    "done": CLOSED,
    "declined": (*OPENED, decline()),
    "cancelled": (*INVITED, cancel()),
    "expired": (*OPENED, *(verified(passed=False),) * 5),
    "purged": PURGED,
}


def command(name: str, partner: str = "p1") -> Send | Enter:
    """A command that nothing but the status can be against."""
    sends: dict[str, Send | Enter] = {
        "RegisterPartner": registered(partner),
        "ReportPartnerStanding": partner_is(partner, status="active"),
        "UpdateAgreement": Send(UpdateAgreement(actor=SYSTEM, as_of=NOON), partner, partner),
        "ReportCustomerStanding": facts(partner=partner),
        "InviteCustomer": invite(partner),
        "ResendInvitation": by_partner(ResendInvitation, partner),
        "OpenInvitation": opened(partner),
        "RecordIdentityVerification": verified(partner),
        "AcceptInvitation": switch(partner),
        "DeclineInvitation": decline(partner),
        "CancelInvitation": cancel(partner),
        "RecordActivation": by_system(RecordActivation, partner, outcome="done"),
        "ConfigurePermissions": by_partner(ConfigurePermissions, partner, permissions=("read_usage",)),
        "ChooseBilling": by_customer(ChooseBilling, partner, billing_mode="none"),
        "UpdateCustomerInfo": by_partner(UpdateCustomerInfo, partner, changes=Changes(phone="+44 1")),
        "AssignContacts": by_partner(AssignContacts, partner, contacts=Contacts(assigned_contact="Grace")),
        "ProposeModification": by_customer(ProposeModification, partner, changes=Changes(terms="five per cent more")),
        "AnswerModification": by_partner(AnswerModification, partner, answer="acknowledge"),
        "RecordBusinessData": by_system(
            RecordBusinessData, partner, period="2026-01", amount=100, currency="EUR", orders=2
        ),
        "RecordNotificationOutcome": by_system(
            RecordNotificationOutcome, partner, notice_id="command-6:partner", outcome="delivered"
        ),
        "SuspendPartnership": by_platform(SuspendPartnership, partner, reason=WHY),
        "ResumePartnership": by_platform(ResumePartnership, partner, reason=WHY),
        "HidePartnership": by_partner(HidePartnership, partner),
        "ShowPartnership": by_customer(ShowPartnership, partner),
        "CheckTermination": by_customer(CheckTermination, partner),
        "RequestTermination": customer_requests(partner),
        "ConfirmTermination": customer_confirms(partner),
        "SendVerificationCode": customer_gets_code(partner),
        "SubmitVerificationCode": customer_enters(partner),
        "DecideTermination": partner_decides(partner),
        "WithdrawTermination": by_customer(WithdrawTermination, partner),
        "WaiveBlock": by_platform(WaiveBlock, partner, item="ACCOUNT_IN_ARREARS", reason=WHY),
        "GrantExtraRequest": Send(GrantExtraRequest(actor=PLATFORM, reason=WHY), "c1", "c1"),
        "RecordClosingStep": by_system(RecordClosingStep, partner, step="data", outcome="done"),
        "RecordFinalBill": by_system(RecordFinalBill, partner, amount=5, currency="EUR", period=PERIOD),
        "ConfirmFinalBill": by_customer(ConfirmFinalBill, partner),
        "DisputeFinalBill": by_customer(DisputeFinalBill, partner, reason=WHY),
        "ResolveDispute": on(ResolveDispute, SUPPORT, partner, reason=WHY),
        "RequestDataExport": by_customer(RequestDataExport, partner),
        "RecordDataExport": by_system(RecordDataExport, partner, outcome="done"),
        "PlaceLegalHold": by_platform(PlaceLegalHold, partner, reason=WHY),
        "ReleaseLegalHold": by_platform(ReleaseLegalHold, partner, reason=WHY),
        "RequestReactivation": by_customer(RequestReactivation, partner, consent_version="1"),
        "AnswerReactivation": by_partner(AnswerReactivation, partner, answer="agree", consent_version="1"),
    }
    return sends[name]


def partner_in(situation: str) -> str:
    """Whose partnership with c1 it is."""
    return "p2" if situation in ("prompted", "switching") else "p1"

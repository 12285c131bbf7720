"""After the end: closing steps, final bill, data, legal hold, purge."""

from datetime import timedelta
from typing import Any

import pytest

from contracts.commands.binding import (
    AssignContacts,
    ConfigurePermissions,
    ProposeModification,
    RecordBusinessData,
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
from contracts.commands.facts import CustomerFacts, ReportCustomerStanding
from contracts.commands.termination import CheckTermination, SubmitVerificationCode
from contracts.details import Changes, Contacts
from contracts.events.billing import (
    DisputeResolved,
    FinalBillConfirmed,
    FinalBillDisputed,
    FinalBillRecorded,
    FinalBillRequested,
    FinalBillWaived,
    RefundRequested,
)
from contracts.events.closing import (
    ClosingCompleted,
    ClosingStalled,
    ClosingStepRecorded,
    DataExportRecorded,
    DataExportRequested,
    LegalHoldPlaced,
    LegalHoldReleased,
    PersonalDataPurged,
)
from contracts.events.invitation import OfferDetails
from contracts.events.notice import NoticeSent
from contracts.message import SYSTEM
from contracts.rejections import RejectionCode
from contracts.standing import BillingCycle
from handlers.actions import case_actions
from handlers.documents import Customer, Partnership
from handlers.keeping import redacted
from handlers.policy import Policy
from handlers.states import Purged
from tests.situations import PERIOD, WHY
from tests.story import (
    BILLED,
    BOUND,
    CLOSED,
    NOON,
    PENDING,
    PURGED,
    SUPPORT,
    TERMINATED,
    Send,
    Step,
    by_customer,
    by_partner,
    by_platform,
    by_system,
    customer_asks,
    customer_confirms,
    customer_gets_code,
    customer_requests,
    facts,
    given,
    invite,
    later,
    like,
    on,
    opened,
    partner_decides,
    platform_ends,
    policy,
    reached,
    registered,
    verified,
)


def step(name: str, outcome: str, **data: Any) -> Send:
    by = by_system if outcome in ("done", "failed") else by_platform
    return by(RecordClosingStep, step=name, outcome=outcome, **data)


def bill(amount: int = 500) -> Send:
    return by_system(RecordFinalBill, amount=amount, currency="EUR", period=PERIOD)


CONFIRM, DISPUTE = by_customer(ConfirmFinalBill), by_customer(DisputeFinalBill, reason=WHY)


# ---------------------------------------------------------------------------------------------------------------- steps


@pytest.mark.requirement("R55", "R57", "R58", "R88")
def test_the_closing_is_complete_when_every_step_is_done() -> None:
    story = given(*BILLED, CONFIRM, step("billing", "done"))
    story.when(step("data", "failed")).then(like(ClosingStepRecorded, outcome="failed"))
    story.when(step("data", "done")).then(like(ClosingStepRecorded, step="data"), like(ClosingCompleted, stage="done"))
    story.told(partner="closing_completed", customer="closing_completed")
    story.when(step("data", "done")).refused(RejectionCode.NOT_ALLOWED_IN_STATUS, step="data")


@pytest.mark.requirement("R55", "R88")
def test_what_failed_is_tried_again_or_done_without_by_the_platform_only() -> None:
    story = given(*TERMINATED)
    story.when(step("data", "retry")).refused(RejectionCode.NOT_ALLOWED_IN_STATUS)
    story.when(step("data", "failed"), step("data", "retry")).then(like(ClosingStepRecorded, outcome="retry"))
    story.when(step("data", "waived")).refused(RejectionCode.REASON_REQUIRED)
    story.when(step("data", "waived", reason=WHY)).then(like(ClosingStepRecorded, outcome="waived"))
    story.when(by_system(RecordClosingStep, step="billing", outcome="waived")).refused(RejectionCode.NOT_AUTHORIZED)
    story.when(by_platform(RecordClosingStep, step="billing", outcome="done")).refused(RejectionCode.NOT_AUTHORIZED)
    story.when(step("restore", "done")).refused(RejectionCode.PARTNERSHIP_READ_ONLY)


@pytest.mark.requirement("R103")
def test_the_final_bill_is_done_when_it_is_confirmed_or_done_without() -> None:
    story = given(*TERMINATED, step("billing", "done"), step("data", "done"))
    story.when(step("final_bill", "done")).refused(RejectionCode.NOT_AUTHORIZED, use="RecordFinalBill")
    story.when(step("final_bill", "waived", reason=WHY)).then(
        ClosingStepRecorded, like(FinalBillWaived, amount=0), ClosingCompleted
    )
    given(*TERMINATED, bill(), DISPUTE).when(step("final_bill", "waived", reason=WHY)).refused(
        RejectionCode.DISPUTE_OPEN
    )


@pytest.mark.requirement("R88")
def test_the_platform_is_told_once_when_the_closing_takes_more_than_seven_days() -> None:
    story = given(*TERMINATED, step("billing", "done"), later(days=7)).when(reached("closing"))
    story.then(like(ClosingStalled, steps=("data", "final_bill"))).told(platform="closing_stalled")
    assert story.when(later(days=7), reached("closing")).events == []


@pytest.mark.requirement("R88", "R104")
def test_nobody_is_late_while_only_the_customers_word_on_the_bill_is_missing() -> None:
    """Time gives that. A dispute does not end by itself, and what else is open is late."""
    rest = (step("billing", "done"), step("data", "done"), bill())
    story = given(*TERMINATED, *rest, later(days=13)).when(reached())
    assert story.events == []
    story.when(later(days=1), reached()).then(like(FinalBillConfirmed, automatic=True), ClosingCompleted)
    given(*TERMINATED, *rest, DISPUTE, later(days=7)).when(reached()).then(like(ClosingStalled, steps=("final_bill",)))
    given(*TERMINATED, *rest[1:], later(days=7)).when(reached()).then(ClosingStalled)
    given(*TERMINATED, *rest[:2], later(days=7)).when(reached()).then(ClosingStalled)


@pytest.mark.requirement("R88", "R106")
def test_the_platform_is_told_of_a_step_that_failed() -> None:
    given(*TERMINATED).when(step("data", "failed")).told(platform="closing_step_failed")
    given(*TERMINATED).when(step("data", "done")).told()
    ask = by_customer(RequestReactivation, consent_version="1")
    agree = by_partner(AnswerReactivation, answer="agree", consent_version="1")
    story = given(*CLOSED, ask, agree).when(step("restore", "failed")).told(platform="closing_step_failed")
    assert "RecordClosingStep" in case_actions(story.partnership(), story.partner(), "platform", Policy())
    story.when(step("restore", "retry"), step("restore", "done"))
    assert "RecordClosingStep" not in case_actions(story.partnership(), story.partner(), "platform", Policy())


# ----------------------------------------------------------------------------------------------------------------- bill


@pytest.mark.requirement("R104", "R112")
def test_the_customer_checks_and_confirms_the_final_bill() -> None:
    story = given(*TERMINATED).when(CONFIRM).refused(RejectionCode.BILL_NOT_ISSUED)
    story.when(bill()).then(like(FinalBillRecorded, amount=500, confirm_by=NOON + timedelta(days=14)))
    story.told(customer="final_bill_recorded")
    story.when(CONFIRM).then(like(FinalBillConfirmed, automatic=False))
    story.when(CONFIRM).refused(RejectionCode.BILL_ALREADY_CONFIRMED)
    story.when(DISPUTE).refused(RejectionCode.BILL_ALREADY_CONFIRMED)
    given(*BOUND).when(bill()).refused(RejectionCode.NOT_ALLOWED_IN_STATUS)


@pytest.mark.requirement("R104")
def test_a_bill_that_nobody_answers_is_confirmed_after_fourteen_days() -> None:
    given(*TERMINATED, bill(), later(days=14)).when(reached("bill_confirmation")).then(
        like(FinalBillConfirmed, automatic=True)
    )


@pytest.mark.requirement("R102")
def test_a_balance_in_the_customers_favour_is_paid_out() -> None:
    story = given(*TERMINATED, bill(-1200)).when(CONFIRM)
    story.then(FinalBillConfirmed, like(RefundRequested, amount=1200, currency="EUR"))
    templates = {(e.party, e.template) for e in story.events if isinstance(e, NoticeSent)}
    assert ("customer", "refund_requested") in templates
    given(*TERMINATED, bill(0)).when(CONFIRM).then(FinalBillConfirmed)


@pytest.mark.requirement("R105")
def test_doubts_go_to_support_and_the_bill_is_the_customers_to_confirm_again() -> None:
    story = given(*TERMINATED, bill())
    story.when(DISPUTE.but(reason=None)).refused(RejectionCode.REASON_REQUIRED)
    story.when(DISPUTE).then(FinalBillDisputed)
    story.when(DISPUTE).refused(RejectionCode.DISPUTE_OPEN)
    story.when(bill(1)).refused(RejectionCode.DISPUTE_OPEN)
    story.when(on(ResolveDispute, SUPPORT, amount=400)).refused(RejectionCode.REASON_REQUIRED)
    story.when(later(days=20), on(ResolveDispute, SUPPORT, amount=400, reason=WHY)).then(
        like(DisputeResolved, amount=400, confirm_by=NOON + timedelta(days=34))
    )
    story.when(on(ResolveDispute, SUPPORT, reason=WHY)).refused(RejectionCode.NO_OPEN_REQUEST)
    story.when(CONFIRM).then(FinalBillConfirmed)


@pytest.mark.requirement("R105")
def test_a_bill_that_stands_keeps_its_amount() -> None:
    given(*TERMINATED, bill(), DISPUTE).when(on(ResolveDispute, SUPPORT, reason=WHY)).then(
        like(DisputeResolved, amount=500)
    )


@pytest.mark.requirement("R104", "R105")
def test_after_a_dispute_the_customer_has_its_time_again() -> None:
    resolved = (bill(), DISPUTE, later(days=13), on(ResolveDispute, SUPPORT, reason=WHY))
    story = given(*TERMINATED, *resolved, later(days=2))
    assert story.when(reached("bill_confirmation")).events == []
    story.when(later(days=12), reached("bill_confirmation")).then(like(FinalBillConfirmed, automatic=True))


@pytest.mark.requirement("R101", "R103")
def test_the_final_bill_is_asked_for_with_the_current_billing_cycle() -> None:
    cycle = BillingCycle(starts_at=NOON, ends_at=NOON + timedelta(days=31))

    def report(at: Any, cycle: BillingCycle | None) -> Send:
        report = ReportCustomerStanding(actor=SYSTEM, as_of=at, facts=CustomerFacts(), billing_cycle=cycle)
        return Send(report, "c1", "c1")

    older = BillingCycle(starts_at=NOON, ends_at=NOON)
    told = (report(NOON, cycle), report(NOON - timedelta(days=1), older), report(NOON, None))
    story = given(*PENDING, *told).when(partner_decides())
    assert [event.cycle for event in story.events if isinstance(event, FinalBillRequested)] == [cycle]


# --------------------------------------------------------------------------------------------------------------- export


@pytest.mark.requirement("R97")
@pytest.mark.parametrize("before", [BOUND, PENDING, TERMINATED])
def test_a_customer_gets_its_data_while_there_is_any(before: Any) -> None:
    story = given(*before).when(by_customer(RequestDataExport, what="sales_records"))
    story.then(like(DataExportRequested, what="sales_records", number=1))
    story.when(by_customer(RequestDataExport)).refused(RejectionCode.REQUEST_ALREADY_OPEN, number=1)
    story.when(by_system(RecordDataExport, outcome="done", location="https://export.example/1")).then(
        like(DataExportRecorded, outcome="done")
    ).told(customer="data_exported")
    assert "export.example" not in story.events[0].model_dump_json()
    assert story.when(by_system(RecordDataExport, outcome="done")).rejection is not None
    story.when(by_customer(RequestDataExport)).then(like(DataExportRequested, number=2))
    story.when(by_system(RecordDataExport, outcome="failed")).told(customer="data_export_failed")


@pytest.mark.requirement("R97", "R98")
def test_after_the_retention_there_is_nothing_to_export() -> None:
    given(*TERMINATED, later(days=30)).when(by_customer(RequestDataExport)).refused(RejectionCode.PARTNERSHIP_READ_ONLY)


# ------------------------------------------------------------------------------------------------------- hold and purge

HOLD, RELEASE = by_platform(PlaceLegalHold, reason=WHY), by_platform(ReleaseLegalHold, reason=WHY)


@pytest.mark.requirement("R58", "R98")
def test_under_a_legal_hold_nothing_is_destroyed() -> None:
    story = given(*TERMINATED)
    story.when(RELEASE).refused(RejectionCode.NO_OPEN_REQUEST)
    story.when(HOLD.but(reason="")).refused(RejectionCode.REASON_REQUIRED)
    story.when(HOLD).then(LegalHoldPlaced)
    story.when(HOLD).refused(RejectionCode.LEGAL_HOLD)
    story.when(step("data", "done")).refused(RejectionCode.LEGAL_HOLD, step="data")
    story.when(RELEASE.but(reason="")).refused(RejectionCode.REASON_REQUIRED)
    story.when(RELEASE).then(LegalHoldReleased)
    story.when(step("data", "done")).then(ClosingStepRecorded)


@pytest.mark.requirement("R98", "R100")
def test_when_the_retention_is_over_everything_personal_is_gone() -> None:
    story = given(*CLOSED, later(days=30)).when(reached()).then(like(PersonalDataPurged, customer_gone=True))
    partnership, customer = story.partnership(), story.customer()
    text = partnership.model_dump_json() + customer.model_dump_json()
    assert not [word for word in ("Ltd", "Ada", "example", "+44", "elsewhere", "compute") if word in text]
    assert customer == Customer(
        id="c1", rev=customer.rev, sequences=customer.sequences, submissions=customer.submissions
    )
    assert partnership.state.status == "purged"
    assert partnership.next_due_at is None


FULL_LIFE: tuple[Step, ...] = (
    *BOUND,
    by_system(RecordBusinessData, period="2026-01", amount=100, currency="EUR", orders=2),
    by_partner(ConfigurePermissions, permissions=("read_usage",)),
    by_partner(AssignContacts, contacts=Contacts(assigned_contact="Grace")),
    by_partner(UpdateCustomerInfo, changes=Changes(phone="+44 1")),
    by_customer(ProposeModification, changes=Changes(terms="five")),
    by_customer(RequestDataExport),
    by_system(RecordDataExport, outcome="done", location="https://export.example/1"),
    facts(account_in_arrears=True),
    customer_requests(),
    facts(),
    by_customer(CheckTermination, migration_plan="by March"),
    customer_confirms(),
    customer_gets_code(),
    by_customer(SubmitVerificationCode, code="000000"),
    platform_ends(),
    *CLOSED[len(TERMINATED) :],
)


@pytest.mark.requirement("R98")
def test_of_a_full_life_nothing_is_left_but_what_it_was_about() -> None:
    """It is folded again from its redacted events, and comes to the same."""
    story = given(*FULL_LIFE, later(days=30)).when(reached("retention_end"))
    purged = story.partnership()
    assert purged == Partnership(
        id="p1-c1",
        rev=purged.rev,
        sequences=purged.sequences,
        partner_id="p1",
        customer_id="c1",
        purpose="new_customer_acquisition",
        model="reseller",
        offer=OfferDetails(),
        state=Purged(purged_at=NOON + timedelta(days=30)),
        open_keys=(),
        codes=1,
    )


@pytest.mark.requirement("R98")
def test_the_purge_waits_for_unfinished_closing_and_for_a_dispute() -> None:
    story = given(*TERMINATED, bill(), DISPUTE, step("billing", "done"), step("data", "done"), later(days=40))
    assert story.when(reached("retention_end")).events == []
    story.when(on(ResolveDispute, SUPPORT, reason=WHY), reached("retention_end"))
    assert story.events == []
    story.when(CONFIRM).then(FinalBillConfirmed, ClosingCompleted)
    story.when(reached()).then(PersonalDataPurged)


@pytest.mark.requirement("R98")
def test_a_customer_stays_with_its_other_partnerships() -> None:
    second = (registered("p2"), facts(partner="p2"), invite("p2"), opened("p2"), verified("p2"))
    story = given(*CLOSED, *second, later(days=30)).when(reached("retention_end"))
    story.then(like(PersonalDataPurged, customer_gone=False, was_linked=True))
    assert story.customer().legal_name == "c1 Ltd"
    assert story.customer().partnerships == 1


@pytest.mark.requirement("R98")
def test_a_redacted_event_keeps_what_happened_and_loses_who_said_what() -> None:
    events = [stamped.event for entry in given(*PENDING).world.journal for stamped in entry.events]
    for event in events:
        gone = redacted(event, customer_gone=True)
        if event.SUBJECT == "partner":
            assert gone is event  # its own, and it is still there
            continue
        assert getattr(gone, "private", None) is None
        assert gone.but(sequence=event.sequence).sequence == event.sequence
        if isinstance(gone, NoticeSent):
            assert gone.address == ""
            assert set(gone.params.values()) <= {""}
    kept = {type(event).__name__ for event in events if redacted(event, customer_gone=False).__dict__.get("private")}
    assert kept == {"CustomerStandingRecorded", "IdentityVerified", "PartnerRegistered"}


@pytest.mark.requirement("R98")
def test_a_redacted_refusal_keeps_its_code_only() -> None:
    refused = given().when(invite(email="not an address")).rejection
    assert refused is not None
    assert refused.details
    gone = redacted(refused, customer_gone=False)
    assert gone == refused.but(details={})


@pytest.mark.requirement("R98")
def test_the_time_of_the_retention_is_that_of_the_rules_that_the_case_began_with() -> None:
    story = given(*BOUND, policy(retention_days=5), customer_asks(), policy(retention_days=90), partner_decides())
    assert story.partnership().state.retained_until == NOON + timedelta(days=5)  # type: ignore[union-attr]


@pytest.mark.requirement("R62", "R98")
def test_requests_go_on_to_count_when_the_customer_is_gone() -> None:
    assert given(*PURGED).customer().submissions == (NOON,)

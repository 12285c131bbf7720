"""Two things happen at once, when a partnership ends and afterwards: whichever the lane log has first decides."""

from datetime import timedelta

import pytest

from contracts.commands.closing import (
    AnswerReactivation,
    DisputeFinalBill,
    PlaceLegalHold,
    RecordFinalBill,
    ReleaseLegalHold,
    RequestReactivation,
)
from contracts.commands.termination import WithdrawTermination
from contracts.events.billing import FinalBillConfirmed, FinalBillDisputed
from contracts.events.closing import PartnershipReactivated, PersonalDataPurged
from contracts.events.facts import QuotaUpdated
from contracts.events.invitation import InvitationExpired
from contracts.events.termination import (
    TerminationConfirmed,
    TerminationDecisionRequested,
    TerminationRechecked,
    TerminationRejected,
    TerminationStalled,
    TerminationSubmitted,
    TerminationWithdrawn,
    VerificationCodeAccepted,
)
from contracts.message import CommandMessage
from contracts.rejections import RejectionCode
from handlers.decision import Context
from handlers.outcome import outcome
from tests.situations import PERIOD, WHY
from tests.story import (
    BOUND,
    CLOSED,
    CODE_SENT,
    DRAFTED,
    IN_NOTICE,
    INVITED,
    NOON,
    PENDING,
    STALLED,
    TERMINATED,
    VERIFIED,
    accept,
    by_customer,
    by_partner,
    by_platform,
    by_system,
    customer_asks,
    customer_confirms,
    customer_decides,
    customer_enters,
    customer_gets_code,
    customer_requests,
    deadline,
    delivered,
    facts,
    given,
    invite,
    later,
    like,
    opened,
    partner_asks,
    partner_confirms,
    partner_decides,
    partner_is,
    partner_requests,
    policy,
    reached,
    registered,
    tokens,
    verified,
)

IN_10, IN_30 = NOON + timedelta(days=10), NOON + timedelta(days=30)
WITHDRAWS = by_customer(WithdrawTermination)


@pytest.mark.requirement("R25")
def test_accept_and_the_deadline_of_expiry() -> None:
    expiry = deadline("invitation_expiry", IN_30)
    given(*VERIFIED, accept(), later(days=30)).when(expiry).then()
    given(*VERIFIED, later(days=30)).when(expiry).then(InvitationExpired, QuotaUpdated)
    given(*VERIFIED, later(days=30), expiry).when(accept()).refused(RejectionCode.NOT_ALLOWED_IN_STATUS)


@pytest.mark.requirement("R130")
def test_both_sides_drafts_at_once() -> None:
    both = (*DRAFTED, partner_requests(), customer_confirms(), customer_gets_code())
    given(*both, partner_confirms()).when(customer_enters()).told(
        partner="partnership_terminated", customer="partnership_terminated"
    )
    given(*both, customer_enters()).when(partner_confirms()).told(
        partner="partnership_terminated", customer="partnership_terminated"
    )


@pytest.mark.requirement("R45", "R113")
def test_withdraw_and_notice_end() -> None:
    fresh = facts(as_of=IN_30)
    end = deadline("notice_end", IN_30)
    given(*IN_NOTICE, later(days=30), fresh, WITHDRAWS).when(end).then()
    given(*IN_NOTICE, later(days=30), fresh, end).when(WITHDRAWS).refused(RejectionCode.PARTNERSHIP_READ_ONLY)


@pytest.mark.requirement("R80")
def test_a_decision_and_its_deadline() -> None:
    late = deadline("decision", IN_10)
    no = partner_decides(approve=False, reason=WHY)
    given(*PENDING, later(days=10), no).when(late).then()
    given(*PENDING, later(days=10), facts(as_of=IN_10), late).when(no).refused(RejectionCode.PARTNERSHIP_READ_ONLY)


@pytest.mark.requirement("R81")
def test_the_customers_decision_and_its_deadline() -> None:
    late, no = deadline("decision", IN_10), customer_decides(approve=False, reason=WHY)
    given(*BOUND, partner_asks(), later(days=10), no).when(late).then()
    given(*BOUND, partner_asks(), later(days=10), late).when(no).then(TerminationRejected)


@pytest.mark.requirement("R44")
def test_a_fact_clears_while_the_end_is_stalled() -> None:
    story = given(*STALLED).when(facts(), delivered())
    assert story.partnership().state.status == "terminated"
    given(*STALLED, facts(), WITHDRAWS).when(delivered()).then()


@pytest.mark.requirement("R44")
def test_a_block_that_appears_during_the_notice_stalls_its_end_and_not_before() -> None:
    story = given(*IN_NOTICE, later(days=5), facts(as_of=NOON + timedelta(days=5), account_in_arrears=True))
    assert story.partnership().state.stage == "in_notice"  # type: ignore[union-attr]
    story.when(later(days=25), facts(as_of=IN_30, account_in_arrears=True), reached("notice_end")).then(
        TerminationStalled
    )


@pytest.mark.requirement("R62")
def test_the_limit_is_used_up_between_request_and_submission() -> None:
    second = (registered("p2"), facts(partner="p2"), invite("p2"), opened("p2"), verified("p2"))
    switched = (*second, accept("p2", switch_confirmed=True), delivered())
    draft = (customer_requests("p2"), customer_confirms("p2"), customer_gets_code("p2"))
    given(*BOUND, *switched).when(*draft[:1]).refused(RejectionCode.REQUEST_LIMIT_REACHED)
    two = policy(requests_max=2)
    given(*BOUND, two, *switched, *draft, policy(requests_max=1)).when(customer_enters("p2")).refused(
        RejectionCode.REQUEST_LIMIT_REACHED
    )


@pytest.mark.requirement("R74")
def test_a_block_that_appears_between_request_and_submission_keeps_the_draft() -> None:
    story = given(*CODE_SENT, facts(account_in_arrears=True)).when(customer_enters())
    story.refused(RejectionCode.TERMINATION_BLOCKED)
    assert story.partnership().state.status == "active"
    story.when(facts(), customer_enters())
    assert story.partnership().state.status == "ending"


BILL = by_system(RecordFinalBill, amount=5, currency="EUR", period=PERIOD)
DISPUTES = by_customer(DisputeFinalBill, reason=WHY)


@pytest.mark.requirement("R105")
def test_dispute_and_auto_confirm() -> None:
    confirm = deadline("bill_confirmation", NOON + timedelta(days=14))
    given(*TERMINATED, BILL, later(days=14), DISPUTES).when(confirm).then()
    given(*TERMINATED, BILL, later(days=14), confirm).when(DISPUTES).refused(RejectionCode.BILL_ALREADY_CONFIRMED)
    given(*TERMINATED, BILL, later(days=14)).when(DISPUTES).then(FinalBillDisputed)
    given(*TERMINATED, BILL, later(days=14)).when(confirm).then(FinalBillConfirmed)


@pytest.mark.requirement("R98")
def test_legal_hold_and_purge() -> None:
    hold, release = by_platform(PlaceLegalHold, reason=WHY), by_platform(ReleaseLegalHold, reason=WHY)
    purge = deadline("retention_end", IN_30)
    story = given(*CLOSED, later(days=30), hold).when(purge).then()
    story.when(release, reached()).then(PersonalDataPurged)
    given(*CLOSED, later(days=30), purge).when(hold).refused(RejectionCode.PARTNERSHIP_READ_ONLY)
    offer = given(*INVITED, later(days=30), reached("invitation_expiry"), hold, later(days=100))
    assert offer.when(reached()).events == []


@pytest.mark.requirement("R99", "R106")
def test_reactivation_and_purge() -> None:
    asked = by_customer(RequestReactivation, consent_version="1")
    agrees = by_partner(AnswerReactivation, answer="agree", consent_version="1")
    purge = deadline("retention_end", IN_30)
    given(*CLOSED, asked, agrees, later(days=30)).when(purge).then()
    story = given(*CLOSED, asked, later(days=30)).when(agrees).refused(RejectionCode.REACTIVATION_WINDOW_CLOSED)
    story.when(reached())
    assert [type(event).__name__ for event in story.events if "Reactivation" in type(event).__name__]
    assert story.partnership().state.status == "purged"
    early = given(*CLOSED, asked, later(days=29, hours=23)).when(agrees)
    assert PartnershipReactivated in {type(event) for event in early.events}


@pytest.mark.requirement("R5", "R106")
def test_a_customer_bound_elsewhere_during_the_retention() -> None:
    elsewhere = (registered("p2"), invite("p2"), opened("p2"), verified("p2"), accept("p2"))
    asked = by_customer(RequestReactivation, consent_version="1")
    story = given(*CLOSED, *elsewhere).when(asked).refused(RejectionCode.CUSTOMER_BOUND_ELSEWHERE)
    story.when(later(days=30), reached("retention_end")).then(like(PersonalDataPurged, customer_gone=False))
    assert story.customer().live is not None


@pytest.mark.requirement("R77")
def test_repeats_and_reordering() -> None:
    given(*BOUND).when(customer_confirms()).refused(RejectionCode.NO_OPEN_REQUEST)
    given(*DRAFTED).when(customer_enters()).refused(RejectionCode.WARNINGS_NOT_CONFIRMED)
    given(*PENDING).when(customer_confirms()).refused(RejectionCode.NO_OPEN_REQUEST)
    given(*TERMINATED).when(partner_decides()).refused(RejectionCode.PARTNERSHIP_READ_ONLY)


@pytest.mark.requirement("R109")
def test_the_same_command_decided_again_from_the_same_documents_is_the_same() -> None:
    story = given(*PENDING)
    send = partner_decides()
    message = CommandMessage("same", send.subject, send.partner_id, send.command)
    documents, context = story.world.load(message), Context(story.world.now, story.world.policy, tokens)
    assert outcome(documents, message, context) == outcome(documents, message, context)


@pytest.mark.requirement("R44")
def test_an_older_fact_after_a_newer_one_does_not_let_a_stalled_end_go_on() -> None:
    story = given(*STALLED).when(facts(as_of=NOON - timedelta(minutes=1)), delivered())
    story.then(like(TerminationRechecked, items=("ACCOUNT_IN_ARREARS",)))


@pytest.mark.requirement("R3", "R81")
def test_a_partner_restricted_with_a_request_pending_still_withdraws_and_ends() -> None:
    restricted = partner_is(status="restricted")
    given(*BOUND, partner_asks(), restricted).when(by_partner(WithdrawTermination)).then(TerminationWithdrawn)
    given(*BOUND, restricted).when(partner_asks()).then(
        TerminationConfirmed, TerminationSubmitted, TerminationDecisionRequested
    )


@pytest.mark.requirement("R59")
def test_a_quota_lowered_below_what_is_bound_ends_nothing() -> None:
    story = given(*BOUND, partner_is(quota_limit=0))
    assert story.partnership().state.status == "active"
    story.when(customer_asks(), partner_decides())
    assert story.partner().quota.bound == 0


@pytest.mark.requirement("R45", "R90", "R98", "R102")
def test_a_policy_that_changes_while_a_case_is_open_leaves_the_case_as_it_began() -> None:
    other = policy(
        version="2", notice_days=90, decision_days=1, retention_days=1, refund="none", warning_version="2",
        completion_days=1, consent_of_other_side={"reseller": (), "referral": ()},
    )  # fmt: skip
    story = given(*DRAFTED, other, customer_confirms(), customer_gets_code()).when(customer_enters())
    story.then(VerificationCodeAccepted, like(TerminationSubmitted, decide_by=IN_10), TerminationDecisionRequested)
    story.when(partner_decides())
    state = story.partnership().state
    assert state.rules.policy_version == "1"  # type: ignore[union-attr]
    assert state.retained_until == IN_30  # type: ignore[union-attr]


@pytest.mark.requirement("R81")
def test_the_customers_no_and_the_partners_withdrawal() -> None:
    no = customer_decides(approve=False, reason=WHY)
    given(*BOUND, partner_asks(), by_partner(WithdrawTermination)).when(no).refused(RejectionCode.NO_OPEN_REQUEST)
    given(*BOUND, partner_asks(), no).when(by_partner(WithdrawTermination)).refused(RejectionCode.NO_OPEN_REQUEST)
    given(*BOUND, partner_asks()).when(no).then(TerminationRejected)

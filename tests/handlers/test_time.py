"""What is due at once, late, or never; and that what has begun keeps the rules that it began with."""

from datetime import timedelta
from typing import Any, TypeGuard

import pytest
from pydantic import ValidationError

from contracts.commands.binding import RecordActivation
from contracts.commands.closing import (
    AnswerReactivation,
    RecordClosingStep,
    RecordDataExport,
    RequestDataExport,
    RequestReactivation,
)
from contracts.commands.facts import UpdateAgreement
from contracts.commands.internal import ApplyAgreement
from contracts.commands.termination import CheckTermination, DecideTermination, WaiveBlock, WithdrawTermination
from contracts.events.binding import PartnershipAgreementUpdated
from contracts.events.checking import TerminationChecked
from contracts.events.closing import ClosingStalled, DataExportRecorded
from contracts.events.invitation import InvitationReminded, InvitationSent
from contracts.events.notice import NoticeSent
from contracts.events.termination import (
    TerminationApproved,
    TerminationDecisionRequested,
    TerminationEscalated,
    TerminationRejected,
    TerminationWithdrawn,
)
from contracts.message import SYSTEM
from contracts.rejections import RejectionCode
from handlers.actions import case_actions
from handlers.deadlines import deadlines
from handlers.policy import Policy
from handlers.states import InNotice, PendingDecision, Terminated
from handlers.waiting import waiting_on
from tests.situations import WHY
from tests.story import (
    BOUND,
    CODE_SENT,
    IN_NOTICE,
    INVITED,
    NOON,
    PENDING,
    REGISTERED,
    STALLED,
    SWITCHING,
    TERMINATED,
    Send,
    Step,
    Story,
    by_customer,
    by_partner,
    by_platform,
    by_system,
    customer_asks,
    customer_enters,
    customer_requests,
    delivered,
    facts,
    given,
    invite,
    later,
    like,
    partner_asks,
    partner_decides,
    partner_is,
    policy,
    reached,
    registered,
)

DAY = timedelta(days=1)
WITH_NOTICE = (registered(notice_days=30), *BOUND[1:])


def until(days: int, as_of: int = 0) -> Send:
    command = UpdateAgreement(actor=SYSTEM, as_of=NOON + as_of * DAY, ends_at=NOON + days * DAY)
    return Send(command, "p1", "p1")


def as_of(days: int, **changes: Any) -> Send:
    return facts(as_of=NOON + days * DAY, **changes)


def waits(story: Story, partner: str = "p1") -> dict[str, str]:
    partnership = story.partnership(partner)
    return {line.what: line.who for line in waiting_on(partnership, story.partner(partner), "platform", Policy())}


# ------------------------------------------------------------------------------------------ overtaken, and not lost


@pytest.mark.requirement("R41", "R62", "R113")
@pytest.mark.parametrize("back", ["renewal", "platform"])
def test_a_sides_own_request_goes_on_after_the_agreements_end_that_had_overtaken_it(back: str) -> None:
    blocked = as_of(60, account_in_arrears=True)
    overtaken = (*WITH_NOTICE, until(60), delivered(), later(days=45), as_of(45), customer_asks(), partner_decides())
    story = given(*overtaken, later(days=15), blocked, reached("agreement_end"))
    assert story.partnership().state.case.by == "platform"  # type: ignore[union-attr]
    if back == "renewal":
        story.when(until(900, as_of=60), delivered()).then(
            like(TerminationWithdrawn, status="ending", stage="in_notice", by="platform", uncounted=False),
            PartnershipAgreementUpdated,
            TerminationApproved,
        )
    else:
        story.when(by_platform(WithdrawTermination)).then(
            like(TerminationWithdrawn, status="ending"), TerminationApproved
        )
    state = story.partnership().state
    assert isinstance(state, InNotice)
    assert (state.case.by, state.case.ends_at) == ("customer", NOON + 75 * DAY)
    story.when(later(days=15), as_of(75), reached("notice_end"))
    ended = story.partnership().state
    assert isinstance(ended, Terminated)
    assert (ended.by, ended.category) == ("customer", "customer_request")


@pytest.mark.requirement("R41", "R80")
def test_so_does_one_that_waits_for_its_decision_and_a_draft_is_still_there() -> None:
    blocked = as_of(5, account_in_arrears=True)
    asked = (*WITH_NOTICE, until(5), delivered(), customer_asks())
    story = given(*asked, later(days=5), blocked, reached("agreement_end"))
    story.when(until(900, as_of=5), delivered())
    assert isinstance(story.partnership().state, PendingDecision)
    story.when(partner_decides()).then(TerminationApproved)
    draft = given(*WITH_NOTICE, until(5), delivered(), customer_requests(), later(days=5), blocked, reached())
    assert draft.when(until(900, as_of=5), delivered()).partnership().drafts["customer"].stage == "unconfirmed"


@pytest.mark.requirement("R41", "R78")
def test_a_draft_that_the_agreements_end_has_overtaken_is_not_submitted_beside_it() -> None:
    """The code had been sent before; whose case is open by now is what the refusal says."""
    at_once = Send(UpdateAgreement(actor=SYSTEM, as_of=NOON, ends_at=NOON + timedelta(minutes=1)), "p1", "p1")
    over = (at_once, facts(account_in_arrears=True), delivered(), later(minutes=1), reached("agreement_end"))
    given(*CODE_SENT, *over).when(customer_enters()).refused(
        RejectionCode.REQUEST_ALREADY_OPEN, by="platform", stage="stalled"
    )


@pytest.mark.requirement("R41")
def test_an_agreement_is_over_once_also_where_the_platform_says_no_to_the_end() -> None:
    no = by_platform(DecideTermination, approve=False, reason=WHY)
    fresh = policy(facts_hours_max=8784)
    over = (until(20), delivered(), later(days=20), reached("agreement_end"), later(days=30))
    story = given(*BOUND, fresh, facts(account_in_arrears=True), *over, reached("stalled_too_long"))
    story.when(no, reached("agreement_end"))
    assert story.partnership().state.status == "active"


@pytest.mark.requirement("R41", "R80")
def test_a_no_to_the_agreements_end_asks_again_who_had_to_decide_before() -> None:
    no = by_platform(DecideTermination, approve=False, reason=WHY)
    asked = (policy(facts_hours_max=8784), partner_asks(), facts(account_in_arrears=True))
    over = (until(5), delivered(), later(days=5), reached("agreement_end"), later(days=30))
    given(*WITH_NOTICE, *asked, *over, reached("stalled_too_long")).when(no).then(
        like(TerminationRejected, status="ending", stage="pending_decision"),
        like(TerminationDecisionRequested, decider="customer", decide_by=NOON + 40 * DAY),
    )


@pytest.mark.requirement("R41", "R113")
def test_what_is_overtaken_can_still_be_taken_back_and_the_agreements_end_goes_on() -> None:
    blocked = as_of(60, account_in_arrears=True)
    overtaken = (*WITH_NOTICE, until(60), delivered(), later(days=45), as_of(45), customer_asks(), partner_decides())
    story = given(*overtaken, later(days=15), blocked, reached("agreement_end"))
    story.when(by_customer(WithdrawTermination)).then(
        like(TerminationWithdrawn, status="ending", stage="stalled", by="customer")
    )
    assert story.customer().waits_on_facts
    story.when(by_customer(WithdrawTermination)).refused(RejectionCode.NO_OPEN_REQUEST)
    renewed = given(*story_steps(overtaken, blocked), by_customer(WithdrawTermination), until(900, as_of=60))
    assert renewed.when(delivered()).partnership().state.status == "active"
    story.when(as_of(60), delivered())
    ended = story.partnership().state
    assert isinstance(ended, Terminated)
    assert ended.category == "agreement_expired"


def story_steps(overtaken: tuple[Step, ...], blocked: Send) -> tuple[Step, ...]:
    return (*overtaken, later(days=15), blocked, reached("agreement_end"))


@pytest.mark.requirement("R41", "R62")
def test_what_is_taken_back_is_given_back_once_and_leaves_nothing_with_the_agreements_end() -> None:
    effective = policy(requests_counted="effective")
    bound = (registered(notice_days=30), *BOUND[1:], effective, until(60), delivered(), later(days=45), as_of(45))
    asked = (customer_asks(billing_mode="none"), partner_decides())
    story = given(*bound, *asked, *story_steps((), as_of(60, account_in_arrears=True)))
    assert "WithdrawTermination" in case_actions(story.partnership(), story.partner(), "customer", Policy())
    assert "WithdrawTermination" in case_actions(story.partnership(), story.partner(), "platform", Policy())
    story.when(by_customer(WithdrawTermination))
    assert story.customer().submissions == ()
    assert "WithdrawTermination" not in case_actions(story.partnership(), story.partner(), "customer", Policy())
    story.when(as_of(60), delivered())
    ended = story.partnership().state
    assert isinstance(ended, Terminated)
    assert (ended.billing_mode, ended.reason) == ("direct", "")
    both = policy(requests_counted="effective", requests_of=("customer", "partner"))
    earlier = (*BOUND[1:], both, customer_asks(), by_customer(WithdrawTermination), customer_asks(), partner_decides())
    assert given(registered(notice_days=30), *earlier).customer().submissions == (NOON,)


@pytest.mark.requirement("R41", "R76")
def test_a_waiver_that_comes_with_the_renewal_is_for_the_request_that_goes_on() -> None:
    overtaken = (*WITH_NOTICE, until(60), delivered(), later(days=45), as_of(45), customer_asks(), partner_decides())
    story = given(*story_steps(overtaken, as_of(60, account_in_arrears=True)), until(900, as_of=60))
    story.when(by_platform(WaiveBlock, item="ACCOUNT_IN_ARREARS", reason=WHY))
    assert isinstance(story.partnership().state, InNotice)
    assert story.partnership().waived == ("ACCOUNT_IN_ARREARS",)


@pytest.mark.requirement("R41", "R80")
def test_the_time_to_decide_does_not_run_while_nobody_may() -> None:
    asked = (*WITH_NOTICE, until(2), delivered(), customer_asks(), later(days=2))
    stalled = (*asked, as_of(2, account_in_arrears=True), reached("agreement_end"), later(days=9))
    story = given(*stalled).when(until(900, as_of=11), delivered())
    state = story.partnership().state
    assert isinstance(state, PendingDecision)
    assert state.decide_by == NOON + 19 * DAY
    story.when(reached("decision"))
    assert isinstance(story.partnership().state, PendingDecision)
    renewed = given(*stalled, until(900, as_of=11)).when(delivered())
    assert [event.party for event in renewed.events if is_asked(event)] == ["partner"]
    rejected = given(*stalled, later(days=21), as_of(32, account_in_arrears=True), reached("stalled_too_long"))
    rejected.when(by_platform(DecideTermination, approve=False, reason=WHY))
    assert isinstance(rejected.partnership().state, PendingDecision)


def is_asked(event: Any) -> TypeGuard[NoticeSent]:
    return isinstance(event, NoticeSent) and event.template == "termination_decision_requested"


@pytest.mark.requirement("R41", "R76")
def test_what_was_waived_for_it_is_still_waived() -> None:
    waive = by_platform(WaiveBlock, item="MIGRATION_PLAN_MISSING", reason=WHY)
    asked = (*WITH_NOTICE, until(5), delivered(), partner_asks(), waive, customer_requests())
    story = given(*asked, later(days=5), as_of(5, account_in_arrears=True), reached("agreement_end"))
    story.when(later(days=2), reached("customer_draft"))
    assert story.partnership().waived == ("MIGRATION_PLAN_MISSING",)


@pytest.mark.requirement("R41", "R48", "R123")
def test_what_is_due_first_comes_first_and_a_sides_own_request_before_the_agreement() -> None:
    steps = (*WITH_NOTICE, until(40), delivered(), customer_asks(end_at=NOON + 40 * DAY), partner_decides())
    story = given(*steps, later(days=40), as_of(40))
    assert [kind for kind, *_ in deadlines(story.partnership())] == ["activation", "notice_end", "agreement_end"]
    ended = story.when(reached()).partnership()
    assert isinstance(ended.state, Terminated)
    assert (ended.state.by, ended.hidden_by) == ("customer", ("customer",))


@pytest.mark.requirement("R41")
def test_a_late_word_of_an_agreement_that_is_another_one_by_now_changes_nothing() -> None:
    story = given(*BOUND, until(300), Send(until(20).command.but(as_of=NOON + timedelta(seconds=1)), "p1", "p1"))
    story.when(delivered(), Send(ApplyAgreement(actor=SYSTEM, agreement_ends_at=NOON + 300 * DAY), "p1-c1", "p1"))
    assert story.partnership().agreement_ends_at == NOON + 20 * DAY


# ---------------------------------------------------------------------------------------------- the rules it began with


@pytest.mark.requirement("R80")
def test_what_silence_means_is_what_it_meant_when_the_request_was_made() -> None:
    """C10."""
    approves = policy(version="2", silence={"partner": "approves", "customer": "approves"})
    story = given(*BOUND, partner_asks(), approves, later(days=10), as_of(10)).when(reached("decision"))
    story.then(TerminationEscalated)
    given(*BOUND, approves, partner_asks(), later(days=10), as_of(10)).when(reached("decision"))
    escalates = policy(version="2", silence={"partner": "escalates", "customer": "escalates"})
    given(*PENDING, escalates, later(days=10), as_of(10)).when(reached("decision")).then(
        TerminationApproved, *(type(event) for event in ended_events())
    )


def ended_events() -> list[Any]:
    story = given(*PENDING).when(partner_decides())
    return [event for event in story.events if event.__class__.__name__ not in ("NoticeSent", "TerminationApproved")]


@pytest.mark.requirement("R62", "R123")
def test_so_is_what_counts_and_whose_card_is_hidden() -> None:
    effective = policy(version="2", requests_counted="effective", initiators_card_hidden=False)
    story = given(*PENDING, effective)
    story.when(by_customer(WithdrawTermination)).then(like(TerminationWithdrawn, uncounted=False))
    assert given(*PENDING, effective, partner_decides()).partnership().hidden_by == ("customer",)


# ------------------------------------------------------------------------------------------------------ policies


@pytest.mark.parametrize(
    "wrong",
    [{"recheck_hours": 0}, {"draft_days": 0}, {"code_minutes": 0}, {"reminder_days": tuple(range(1, 10))}],
    ids=lambda wrong: next(iter(wrong)),
)
def test_a_policy_that_cannot_work_is_refused(wrong: dict[str, Any]) -> None:
    """An endless loop of looks; requests and codes that are over when they are made; too many reminders."""
    with pytest.raises(ValidationError):
        Policy.model_validate(wrong)


@pytest.mark.requirement("R17")
def test_reminders_come_in_their_order_however_the_policy_names_them_and_one_after_a_downtime() -> None:
    ascending = policy(reminder_days=(1, 7, 7))
    assert ascending.policy.reminder_days == (7, 1)
    given(*REGISTERED, policy(reminder_days=(1, 7), invitation_days=5)).when(invite(), reached("invitation_expiry"))
    first = given(*REGISTERED, ascending, invite()).when(later(days=23), reached())
    first.then(like(InvitationReminded, number=1))
    late = given(*INVITED).when(later(days=29, hours=12), reached())
    assert [event.number for event in late.events if isinstance(event, InvitationReminded)] == [2]
    assert late.when(reached()).events == []
    sent = given(*REGISTERED, policy(invitation_days=5)).when(invite())
    assert isinstance(sent.events[0], InvitationSent)
    assert sent.when(reached()).events == []


@pytest.mark.requirement("R3", "R4", "R41")
@pytest.mark.parametrize("why", [partner_is(status="closed"), partner_is(negative_records=1), until(20)])
def test_nobody_is_reminded_of_an_offer_that_could_not_be_accepted(why: Send) -> None:
    given(*INVITED, why, delivered(), later(days=23)).when(reached()).then(like(InvitationReminded, told=False)).told()


@pytest.mark.requirement("R17")
def test_nobody_is_reminded_of_an_offer_that_is_over() -> None:
    late = given(*INVITED, later(days=40)).when(reached())
    assert not any(isinstance(event, InvitationReminded) for event in late.events)
    assert late.partnership().state.status == "expired"


# ------------------------------------------------------------------------------------------------- who is waited for


@pytest.mark.requirement("R88")
@pytest.mark.parametrize(
    ("steps", "waiting", "partner"),
    [
        ((*TERMINATED, later(days=7), reached()), ("closing", "system, platform"), "p1"),
        ((*SWITCHING, later(hours=1), reached("switch")), ("switch", "system"), "p2"),
        ((*BOUND, later(days=1), reached()), ("activation", "system"), "p1"),
        ((*BOUND, by_customer(RequestDataExport)), ("export", "system"), "p1"),
    ],
    ids=["closing", "switch", "activation", "export"],
)
def test_what_has_no_time_any_more_is_still_waited_for(
    steps: tuple[Step, ...], waiting: tuple[str, str], partner: str
) -> None:
    assert waiting in waits(given(*steps), partner).items()


@pytest.mark.requirement("R31")
def test_an_account_that_is_activated_is_not_waited_for() -> None:
    assert "activation" in waits(given(*BOUND))
    assert "activation" in waits(given(*BOUND, by_system(RecordActivation, outcome="failed")))
    assert "activation" not in waits(given(*BOUND, by_system(RecordActivation, outcome="done")))


@pytest.mark.requirement("R99", "R103")
def test_after_a_reactivation_bill_and_data_are_waited_for() -> None:
    ask = by_customer(RequestReactivation, consent_version="1")
    agree = by_partner(AnswerReactivation, answer="agree", consent_version="1")
    story = given(*TERMINATED, ask, agree)
    assert {("final_bill", "system"), ("restore", "system")} <= waits(story).items()
    story.when(by_system(RecordClosingStep, step="restore", outcome="failed"))
    assert waits(story)["restore"] == "platform"
    story.when(by_platform(RecordClosingStep, step="restore", outcome="waived", reason=WHY))
    assert "restore" not in waits(story)


@pytest.mark.requirement("R88")
def test_what_is_tried_again_has_time_again() -> None:
    failed = by_system(RecordClosingStep, step="data", outcome="failed")
    retry = by_platform(RecordClosingStep, step="data", outcome="retry")
    story = given(*TERMINATED, failed, later(days=7), reached(), retry)
    assert story.when(later(days=6), reached("closing")).events == []
    story.when(later(days=1), reached("closing")).then(ClosingStalled)


@pytest.mark.requirement("R88")
def test_what_is_done_too_late_has_no_time_again() -> None:
    done = by_system(RecordClosingStep, step="data", outcome="done")
    story = given(*TERMINATED, later(days=7), reached("closing"), done)
    assert story.when(later(days=7), reached("closing")).events == []


@pytest.mark.requirement("R97")
def test_an_export_that_no_system_answers_the_platform_gives_up() -> None:
    story = given(*BOUND, by_customer(RequestDataExport), later(days=300))
    story.when(by_platform(RecordDataExport, outcome="done", location="x")).refused(RejectionCode.NOT_AUTHORIZED)
    story.when(by_platform(RecordDataExport, outcome="failed")).then(DataExportRecorded).told(
        customer="data_export_failed"
    )
    assert story.when(by_customer(RequestDataExport)).rejection is None


@pytest.mark.requirement("R74")
def test_a_check_names_the_end_of_what_is_open() -> None:
    def earliest(story: Story) -> Any:
        checked = story.events[0]
        assert isinstance(checked, TerminationChecked)
        return checked.earliest_end_at

    in_notice = (*IN_NOTICE, later(days=27), as_of(27))
    assert earliest(given(*in_notice).when(by_customer(CheckTermination))) == NOON + 30 * DAY
    assert earliest(given(*in_notice).when(by_partner(CheckTermination))) == NOON + 30 * DAY
    far = (*WITH_NOTICE, customer_asks(end_at=NOON + 200 * DAY), partner_decides())
    assert earliest(given(*far).when(by_partner(CheckTermination))) == NOON + 200 * DAY
    assert earliest(given(*far[:-1]).when(by_partner(CheckTermination))) == NOON + 200 * DAY
    stalled = given(*STALLED, later(days=1), as_of(1, account_in_arrears=True))
    assert earliest(stalled.when(by_customer(CheckTermination))) == NOON + DAY

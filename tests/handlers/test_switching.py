"""One partner after another."""

import pytest

from contracts.commands.binding import ResumePartnership, SuspendPartnership
from contracts.commands.internal import AbortSwitch, CompleteSwitch, EndForSwitch
from contracts.events.billing import BillingSwitched, FinalBillRequested
from contracts.events.binding import (
    PartnershipBound,
    PartnershipResumed,
    SwitchAborted,
    SwitchBlocked,
    SwitchCompleted,
    SwitchStarted,
)
from contracts.events.closing import DataRetentionStarted
from contracts.events.facts import QuotaUpdated
from contracts.events.invitation import InvitationAccepted
from contracts.events.notice import NoticeSent
from contracts.events.termination import PartnershipTerminated
from contracts.message import SYSTEM
from contracts.rejections import RejectionCode
from tests.story import (
    NOON,
    PROMPTED,
    SWITCHING,
    Send,
    Step,
    accept,
    by_platform,
    cancel,
    customer_asks,
    decline,
    delivered,
    facts,
    given,
    invite,
    like,
    opened,
    partner_decides,
    platform_ends,
    registered,
    switch,
    verified,
)


@pytest.mark.requirement("R27")
def test_a_confirmed_switch_waits_for_the_old_side() -> None:
    story = given(*PROMPTED).when(switch())

    story.then(InvitationAccepted, like(SwitchStarted, from_partner_id="p1", status="switching"))
    assert story.customer().live is not None
    assert story.partner("p2").quota.reserved == 1


@pytest.mark.requirement("R27", "R28", "R57", "R59", "R60")
def test_the_old_partnership_ends_and_the_new_one_is_bound() -> None:
    story = given(*SWITCHING).when(delivered())

    story.then(
        like(PartnershipTerminated, category="partner_switch", by="customer", partner_id="p1"),
        like(QuotaUpdated, partner_id="p1", bound=0),
        FinalBillRequested,
        DataRetentionStarted,
        like(PartnershipBound, partner_id="p2"),
        like(QuotaUpdated, partner_id="p2", bound=1, reserved=0),
        like(BillingSwitched, from_mode="partner", from_partner_id="p1", to_mode="partner", to_partner_id="p2"),
        like(SwitchCompleted, from_partner_id="p1", partner_id="p2"),
    )
    assert story.customer().switch is None


@pytest.mark.requirement("R62")
def test_a_switch_counts_as_a_request_once_the_old_side_has_ended() -> None:
    story = given(*SWITCHING)
    assert story.customer().submissions == ()
    story.when(delivered())
    assert story.customer().submissions == (NOON,)
    story.when(customer_asks("p2")).refused(RejectionCode.REQUEST_LIMIT_REACHED)


@pytest.mark.requirement("R62")
def test_a_switch_is_refused_at_acceptance_when_the_request_limit_is_reached() -> None:
    rejected = partner_decides(approve=False, reason="please stay with us")
    given(*PROMPTED, customer_asks(), rejected).when(switch()).refused(
        RejectionCode.REQUEST_LIMIT_REACHED, next_allowed_at="2026-04-15T12:00:00.000Z"
    )


@pytest.mark.requirement("R44", "R63", "R76")
def test_a_switch_is_refused_at_acceptance_with_what_blocks_the_old_side() -> None:
    blocked = facts(orders_awaiting_partner_payment=True, settlements_outstanding=True)
    story = given(*PROMPTED, blocked).when(switch()).refused(RejectionCode.TERMINATION_BLOCKED)

    assert story.items == ["ORDERS_AWAITING_PARTNER_PAYMENT", "SETTLEMENTS_OUTSTANDING"]


@pytest.mark.requirement("R27", "R63")
def test_a_block_that_appears_during_the_switch_opens_the_offer_again() -> None:
    story = given(*SWITCHING, facts(account_in_arrears=True)).when(delivered())

    story.then(
        like(SwitchBlocked, status="active", items=("ACCOUNT_IN_ARREARS",), partner_id="p1"),
        like(SwitchAborted, status="invited", stage="switch_prompted", partner_id="p2"),
    ).told(partner="switch_aborted", customer="switch_aborted")
    assert story.customer().submissions == ()
    assert story.partner("p2").quota.reserved == 1
    story.when(facts()).when(switch()).then(InvitationAccepted, SwitchStarted)


@pytest.mark.requirement("R62")
def test_a_request_that_comes_during_the_switch_counts_besides_and_uses_no_grant_up_that_is_not_there() -> None:
    story = given(*SWITCHING, customer_asks()).when(delivered())
    ended = next(event for event in story.events if isinstance(event, PartnershipTerminated))
    assert (ended.counted, ended.extra_used, len(story.customer().submissions)) == (True, False, 2)


@pytest.mark.requirement("R27")
def test_an_open_request_is_closed_by_the_switch() -> None:
    story = given(*PROMPTED, switch(), customer_asks()).when(delivered())
    assert story.partnership().state.status == "terminated"
    assert story.partnership("p2").state.status == "active"


@pytest.mark.requirement("R27")
def test_an_old_side_that_ended_by_itself_meanwhile_does_not_stop_the_switch() -> None:
    story = given(*SWITCHING, platform_ends()).when(delivered())

    story.then(
        PartnershipBound,
        QuotaUpdated,
        like(BillingSwitched, from_mode="direct", from_partner_id=None, to_partner_id="p2"),
        SwitchCompleted,
    )


@pytest.mark.requirement("R29", "R39")
@pytest.mark.parametrize("meanwhile", [(), (customer_asks(),), (platform_ends(),)], ids=["lives", "ends", "ended"])
def test_a_switch_does_not_lift_a_suspension(meanwhile: tuple[Step, ...]) -> None:
    suspended = by_platform(SuspendPartnership, reason="the account is under investigation")
    story = given(*PROMPTED, suspended, switch(), *meanwhile).when(delivered())

    told = [event.template for event in story.events if isinstance(event, NoticeSent)]
    assert (told.count("partnership_bound"), told.count("partnership_suspended")) == (2, 2)
    assert story.partnership("p2").state.status == "suspended"
    story.when(by_platform(ResumePartnership, "p2", reason="it was a mistake")).then(
        like(PartnershipResumed, status="active", stage="activation_pending")
    )


@pytest.mark.requirement("R27")
@pytest.mark.parametrize("command", [accept("p2"), decline("p2"), cancel("p2"), customer_asks("p2")])
def test_nothing_else_happens_to_an_offer_while_it_is_switching(command: Step) -> None:
    given(*SWITCHING).when(command).refused(RejectionCode.SWITCH_IN_PROGRESS)


@pytest.mark.requirement("R27")
def test_a_customer_switches_to_one_partner_at_a_time() -> None:
    third = (registered("p3"), invite("p3"), opened("p3"), verified("p3"))
    given(*PROMPTED, *third, switch("p2")).when(switch("p3")).refused(RejectionCode.SWITCH_IN_PROGRESS)


@pytest.mark.requirement("R27")
def test_the_third_partners_offer_is_a_switch_from_the_second_by_then() -> None:
    third = (registered("p3"), invite("p3"), opened("p3"), verified("p3"))
    given(*PROMPTED, *third, switch("p2"), delivered()).when(accept("p3")).refused(
        RejectionCode.SWITCH_CONFIRMATION_REQUIRED, from_partner_id="p2"
    )


@pytest.mark.requirement("R27")
def test_a_customer_that_became_free_meanwhile_is_simply_bound() -> None:
    given(*PROMPTED, platform_ends()).when(accept("p2")).then(
        InvitationAccepted, PartnershipBound, QuotaUpdated, BillingSwitched
    )


@pytest.mark.requirement("R27")
def test_a_late_step_of_a_switch_changes_nothing() -> None:
    late = Send(
        EndForSwitch(
            actor=SYSTEM,
            switch_id="long ago",
            customer_id="c1",
            to_partnership_id="p2-c1",
            to_partner_id="p2",
            to_model="reseller",
        ),
        "p1-c1",
        "p1",
    )
    given(*PROMPTED).when(late).then()
    given(*SWITCHING).when(late).then()
    abort = AbortSwitch(actor=SYSTEM, switch_id="long ago", customer_id="c1", items=("ACCOUNT_IN_ARREARS",))
    complete = CompleteSwitch(actor=SYSTEM, switch_id="long ago", customer_id="c1")
    for step in (abort, complete):
        given(*PROMPTED).when(Send(step, "p2-c1", "p2")).then()
        given(*SWITCHING).when(Send(step, "p2-c1", "p2")).then()


@pytest.mark.requirement("R27")
def test_a_customer_that_was_handed_over_is_not_taken_back_by_a_late_abort() -> None:
    story = given(*SWITCHING, facts(account_in_arrears=True))
    end = story.world.internal.pop()
    to_old_lane = Send(end.command, end.subject, end.partner_id)
    story.when(to_old_lane).then(SwitchBlocked)
    story.when(facts(), to_old_lane).then(PartnershipTerminated, QuotaUpdated, FinalBillRequested, DataRetentionStarted)
    story.when(delivered()).then(PartnershipBound, QuotaUpdated, BillingSwitched, SwitchCompleted)


@pytest.mark.requirement("R27")
def test_repeated_steps_of_a_switch_change_nothing_more() -> None:
    story = given(*SWITCHING)
    story.world.internal *= 2
    story.when(delivered())
    assert [type(event) for event in story.events].count(PartnershipBound) == 1
    assert [type(event) for event in story.events].count(PartnershipTerminated) == 1

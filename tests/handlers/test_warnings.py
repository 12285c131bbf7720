"""Whoever has to read the warnings is given all that their texts leave open."""

from datetime import timedelta
from string import Formatter

import pytest

from contracts.commands.facts import CustomerFacts, ReportCustomerStanding
from contracts.commands.termination import CheckTermination
from contracts.events.checking import TerminationChecked
from contracts.events.notice import NoticeSent
from contracts.message import SYSTEM
from contracts.standing import BillingCycle
from contracts.warnings import WARNINGS
from handlers.policy import Policy
from handlers.views import Viewer, view
from tests.story import (
    BOUND,
    NOON,
    TERMINATED,
    Send,
    Step,
    by_customer,
    customer_asks,
    customer_requests,
    given,
    like,
    partner_asks,
    policy,
)

CYCLE = BillingCycle(starts_at=NOON, ends_at=NOON + timedelta(days=31))
REPORTED = Send(
    ReportCustomerStanding(actor=SYSTEM, as_of=NOON, facts=CustomerFacts(), billing_cycle=CYCLE), "c1", "c1"
)
FILLED_IN = {
    "retention_days": "30",
    "refund": "pro_rata",
    "bill_confirmation_days": "14",
    "cycle_starts_at": "2026-01-15T12:00:00.000Z",
    "cycle_ends_at": "2026-02-15T12:00:00.000Z",
}


def test_this_is_all_that_the_texts_leave_open() -> None:
    texts = [text for versions in WARNINGS.values() for text in versions.values()]
    assert {name for text in texts for _, name, _, _ in Formatter().parse(text) if name} == set(FILLED_IN)


@pytest.mark.requirement("R89", "R90", "R91", "R98", "R100", "R101")
@pytest.mark.parametrize(
    ("step", "party"),
    [
        (customer_requests(), "customer"),
        (customer_asks(), "partner"),
        (partner_asks(), "customer"),
    ],
    ids=["who asks", "who decides", "the customer that decides"],
)
def test_whoever_reads_them_is_told_it_with_the_request_to_do_so(step: Step, party: str) -> None:
    story = given(*BOUND, REPORTED).when(step)
    (told,) = [event for event in story.events[-4:] if isinstance(event, NoticeSent) and event.party == party]
    assert told.template in ("termination_warnings", "termination_decision_requested")
    assert told.params["warning_version"] == "1"
    assert {name: told.params[name] for name in FILLED_IN} == FILLED_IN


@pytest.mark.requirement("R91", "R98", "R100")
def test_who_decides_is_told_the_rules_of_the_case_and_not_those_of_now() -> None:
    story = given(*BOUND, policy(retention_days=99)).when(customer_asks())
    later = given(*BOUND, customer_requests(), policy(retention_days=99)).when(by_customer(CheckTermination))
    told = [event for event in story.events if isinstance(event, NoticeSent) and event.party == "partner"]
    assert told[-1].params["retention_days"] == "99"
    later.then(like(TerminationChecked, retention_days=30, refund="pro_rata", bill_confirmation_days=14))


@pytest.mark.requirement("R101")
def test_the_current_billing_cycle_is_shown_while_the_partnership_lives() -> None:
    for steps, cycle in ((BOUND, CYCLE), (TERMINATED, None)):
        story = given(*steps, REPORTED)
        card = view(story.partnership(), story.partner(), story.customer(), Viewer("customer", "c1"), Policy(), NOON)
        assert card is not None
        assert card.billing_cycle == cycle
    given(*BOUND, REPORTED).when(by_customer(CheckTermination)).then(like(TerminationChecked, billing_cycle=CYCLE))
    given(*BOUND).when(by_customer(CheckTermination)).then(like(TerminationChecked, billing_cycle=None))

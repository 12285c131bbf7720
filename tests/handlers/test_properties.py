"""Whatever commands come in whatever order: the invariants hold after each of them."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given as examples
from hypothesis import settings
from hypothesis import strategies as st

from contracts.commands.binding import (
    AnswerModification,
    ProposeModification,
    RecordActivation,
    ResumePartnership,
    SuspendPartnership,
)
from contracts.commands.closing import (
    AnswerReactivation,
    ConfirmFinalBill,
    DisputeFinalBill,
    PlaceLegalHold,
    RecordClosingStep,
    RecordFinalBill,
    ReleaseLegalHold,
    RequestDataExport,
    RequestReactivation,
)
from contracts.commands.invitation import ResendInvitation
from contracts.commands.termination import CheckTermination, WaiveBlock, WithdrawTermination
from contracts.details import Changes
from tests.situations import PERIOD, WHY
from tests.story import (
    Step,
    World,
    accept,
    by_customer,
    by_partner,
    by_platform,
    by_system,
    cancel,
    customer_asks,
    customer_confirms,
    customer_decides,
    customer_enters,
    customer_gets_code,
    customer_requests,
    decline,
    delivered,
    facts,
    invite,
    later,
    opened,
    partner_asks,
    partner_decides,
    partner_is,
    platform_ends,
    policy,
    reached,
    registered,
    switch,
    verified,
)

PARTNERS, CUSTOMERS = ("p1", "p2", "p3"), ("c1", "c2")


def about_a_pair(partner: str, customer: str) -> st.SearchStrategy[Step]:
    pair: dict[str, Any] = {"partner": partner, "customer": customer}
    changes = Changes(terms="five per cent more")
    return st.sampled_from(
        [
            invite(**pair),
            by_partner(ResendInvitation, **pair),
            opened(**pair),
            verified(**pair),
            verified(**pair, passed=False),
            accept(**pair),
            switch(**pair),
            decline(**pair),
            cancel(**pair),
            by_customer(ProposeModification, **pair, changes=changes),
            by_partner(AnswerModification, **pair, answer="acknowledge"),
            by_system(RecordActivation, **pair, outcome="done"),
            by_platform(SuspendPartnership, **pair, reason=WHY),
            by_platform(ResumePartnership, **pair),
            customer_requests(**pair),
            customer_confirms(**pair),
            customer_gets_code(**pair),
            customer_enters(**pair),
            customer_enters(**pair, code="000000"),
            by_customer(CheckTermination, **pair),
            customer_asks(**pair),
            partner_asks(**pair),
            customer_decides(**pair),
            partner_decides(**pair, approve=False, reason="there is a contract until June"),
            partner_decides(**pair),
            by_customer(WithdrawTermination, **pair),
            by_partner(WithdrawTermination, **pair),
            by_platform(WaiveBlock, **pair, item="ACCOUNT_IN_ARREARS", reason=WHY),
            platform_ends(**pair),
        ]
    )


def after_the_end(partner: str, customer: str) -> st.SearchStrategy[Step]:
    pair: dict[str, Any] = {"partner": partner, "customer": customer}
    return st.sampled_from(
        [
            by_system(RecordFinalBill, **pair, amount=-5, currency="EUR", period=PERIOD),
            by_customer(ConfirmFinalBill, **pair),
            by_customer(DisputeFinalBill, **pair, reason=WHY),
            by_system(RecordClosingStep, **pair, step="data", outcome="done"),
            by_system(RecordClosingStep, **pair, step="billing", outcome="done"),
            by_platform(RecordClosingStep, **pair, step="final_bill", outcome="waived", reason=WHY),
            by_customer(RequestDataExport, **pair),
            by_platform(PlaceLegalHold, **pair, reason=WHY),
            by_platform(ReleaseLegalHold, **pair, reason=WHY),
            by_customer(RequestReactivation, **pair, consent_version="1"),
            by_partner(AnswerReactivation, **pair, answer="agree", consent_version="1"),
        ]
    )


def steps() -> st.SearchStrategy[Step]:
    pairs = st.tuples(st.sampled_from(PARTNERS), st.sampled_from(CUSTOMERS))
    in_pairs = pairs.flatmap(lambda p: about_a_pair(*p))
    around: list[Step] = [
        delivered(),
        delivered(),
        reached(),
        reached(),
        later(days=1),
        later(days=40),
        partner_is("p1", quota_limit=0),
        partner_is("p1", quota_limit=2),
        partner_is("p2", status="restricted"),
        partner_is("p2", status="active"),
        facts("c1", account_in_arrears=True),
        facts("c1"),
        facts("c2", partner="p2"),
        policy(),
        policy(version="2", facts_hours_max=8784, reserve_on_invite=False, reactivation_needs_both=False),
        policy(version="3", facts_hours_max=8784, requests_max=3, code_of={"reseller": (), "referral": ()}),
    ]
    return st.one_of(in_pairs, in_pairs, in_pairs, pairs.flatmap(lambda p: after_the_end(*p)), st.sampled_from(around))


def a_way_in(partner: str, customer: str) -> list[Step]:
    """So that many of the random commands meet a partnership that lives."""
    return [
        invite(partner, customer),
        opened(partner, customer),
        verified(partner, customer),
        switch(partner, customer),
    ]


@pytest.mark.requirement("R5", "R27", "R55", "R59", "R98", "R106")
@settings(max_examples=300, deadline=None)
@examples(
    st.lists(st.sampled_from([a_way_in(p, c) for p in PARTNERS for c in CUSTOMERS]), max_size=4),
    st.lists(steps(), max_size=40),
)
def test_no_sequence_of_commands_breaks_an_invariant(ways_in: list[list[Step]], then: list[Step]) -> None:
    world = World()
    everything = [facts(c, partner=p) for p in PARTNERS for c in CUSTOMERS]
    for known in (*(registered(p, quota=2, notice_days=0) for p in PARTNERS), *everything):
        world.do(known)
    for step in [step for way in ways_in for step in way] + then:
        used = {p: world.partners[p].quota.bound + world.partners[p].quota.reserved for p in PARTNERS}
        world.do(step)
        for partner in PARTNERS:
            quota = world.partners[partner].quota
            # Above the limit only because that was lowered, and then never more than before.
            assert quota.bound + quota.reserved <= max(quota.limit, used[partner])
    world.check()
    world.do(delivered())
    world.check()
    world.now += timedelta(days=400)
    world.do(reached())
    world.check()
    assert all(customer.switch is None for customer in world.customers.values())

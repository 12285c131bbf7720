"""Whatever commands come in whatever order: the invariants hold after each of them."""

from typing import Any

import pytest
from hypothesis import given as examples
from hypothesis import settings
from hypothesis import strategies as st

from tests.story import (
    Step,
    World,
    accept,
    cancel,
    customer_asks,
    customer_decides,
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
    registered,
    switch,
    verified,
)

PARTNERS, CUSTOMERS = ("p1", "p2", "p3"), ("c1", "c2")


def about_a_pair(partner: str, customer: str) -> st.SearchStrategy[Step]:
    pair: dict[str, Any] = {"partner": partner, "customer": customer}
    return st.sampled_from(
        [
            invite(**pair),
            opened(**pair),
            verified(**pair),
            verified(**pair, passed=False),
            accept(**pair),
            switch(**pair),
            decline(**pair),
            cancel(**pair),
            customer_asks(**pair),
            partner_asks(**pair),
            customer_decides(**pair),
            partner_decides(**pair, approve=False, reason="there is a contract until June"),
            partner_decides(**pair),
            platform_ends(**pair),
        ]
    )


def steps() -> st.SearchStrategy[Step]:
    in_pairs = st.tuples(st.sampled_from(PARTNERS), st.sampled_from(CUSTOMERS)).flatmap(lambda p: about_a_pair(*p))
    around = st.sampled_from(
        [
            delivered(),
            delivered(),
            later(days=40),
            partner_is("p1", quota_limit=0),
            partner_is("p1", quota_limit=2),
            partner_is("p2", status="restricted"),
            partner_is("p2", status="active"),
            facts("c1", account_in_arrears=True),
            facts("c1"),
            facts("c2", partner="p2"),
        ]
    )
    return st.one_of(in_pairs, in_pairs, in_pairs, around)


def a_way_in(partner: str, customer: str) -> list[Step]:
    """So that many of the random commands meet a partnership that lives."""
    return [
        invite(partner, customer),
        opened(partner, customer),
        verified(partner, customer),
        switch(partner, customer),
    ]


@pytest.mark.requirement("R5", "R27", "R59")
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
    assert all(customer.switch is None for customer in world.customers.values())

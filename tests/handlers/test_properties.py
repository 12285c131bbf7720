"""Whatever commands come in whatever order: the invariants hold after each of them.

`EXAMPLES=6000 make test ARGS=tests/handlers/test_properties.py` tries more sequences than the usual run does.
"""

import os
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given as examples
from hypothesis import settings
from hypothesis import strategies as st

from contracts.agreement import Overrides
from contracts.commands.binding import (
    AnswerModification,
    AssignContacts,
    ConfigurePermissions,
    HidePartnership,
    ProposeModification,
    RecordActivation,
    RecordBusinessData,
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
from contracts.commands.termination import (
    CheckTermination,
    DecideTermination,
    GrantExtraRequest,
    RequestTermination,
    WaiveBlock,
    WithdrawTermination,
)
from contracts.details import Changes, Contacts
from contracts.message import SYSTEM
from contracts.terms import Status
from contracts.topics import TopicName
from handlers.documents import Partnership
from tests.situations import PERIOD, WHY
from tests.story import (
    NOON,
    PLATFORM,
    SUPPORT,
    Send,
    Step,
    World,
    accept,
    by_customer,
    by_partner,
    by_platform,
    by_support,
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
    on,
    opened,
    partner_asks,
    partner_decides,
    partner_is,
    partner_requests,
    platform_ends,
    policy,
    reached,
    registered,
    switch,
    verified,
)

PARTNERS, CUSTOMERS = ("p1", "p2", "p3"), ("c1", "c2")
EXAMPLES = int(os.environ.get("EXAMPLES", "300"))
NEXT: dict[Status, set[Status]] = {
    "invited": {"active", "switching", "declined", "cancelled", "expired"},
    "switching": {"active", "invited"},
    "active": {"suspended", "ending", "terminated"},
    "suspended": {"active", "ending", "terminated"},
    "ending": {"active", "suspended", "terminated"},
    "terminated": {"active", "purged"},
    "declined": {"purged"},
    "cancelled": {"purged"},
    "expired": {"purged"},
    "purged": set(),
}
"""What one decision may make of a status. Nothing else leads out of what is closed."""
READ_ONLY = ("offer", "contacts", "permissions", "business", "drafts", "modification", "model", "purpose")


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
            by_partner(AnswerModification, **pair, answer="counter", changes=changes),
            by_customer(AnswerModification, **pair, answer="decline", reason=WHY),
            by_customer(UpdateCustomerInfo, **pair, changes=Changes(phone="+44 1")),
            by_partner(UpdateCustomerInfo, **pair, changes=Changes(phone="+44 2")),
            by_partner(ConfigurePermissions, **pair, permissions=("read_usage",)),
            by_partner(AssignContacts, **pair, contacts=Contacts(assigned_contact="Grace")),
            by_system(RecordBusinessData, **pair, period="2026-01", amount=1, currency="EUR", orders=1),
            by_customer(HidePartnership, **pair),
            by_customer(ShowPartnership, **pair),
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
            partner_requests(**pair),
            by_support(RequestTermination, **pair, category="customer_request", reason=WHY),
            by_platform(DecideTermination, **pair, approve=True),
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
            on(ResolveDispute, SUPPORT, **pair, amount=-7, reason=WHY),
            by_system(RecordClosingStep, **pair, step="restore", outcome="done"),
            by_customer(RequestDataExport, **pair),
            by_system(RecordDataExport, **pair, outcome="done"),
            by_platform(PlaceLegalHold, **pair, reason=WHY),
            by_platform(ReleaseLegalHold, **pair, reason=WHY),
            by_customer(RequestReactivation, **pair, consent_version="1"),
            by_partner(AnswerReactivation, **pair, answer="agree", consent_version="1"),
        ]
    )


def agreement(partner: str, as_of_days: int, ends_in_days: int | None, **overrides: Any) -> Step:
    command = UpdateAgreement(
        actor=SYSTEM,
        as_of=NOON + timedelta(days=as_of_days),
        ends_at=None if ends_in_days is None else NOON + timedelta(days=ends_in_days),
        overrides=Overrides(**overrides),
    )
    return Send(command, partner, partner)


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
        agreement("p1", 0, 20),
        agreement("p1", 1, None, notice_days=5, retention_days=3),
        agreement("p2", 0, 90, reserve_on_invite=False),
        Send(GrantExtraRequest(actor=PLATFORM, reason=WHY), "c1", "c1"),
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


def check_outcome(world: World) -> None:
    """One each: refused, or accepted with something that follows; the worker's own may come to nothing."""
    message, result, _ = world.log[-1]
    if result.rejection is not None:
        assert not result.events
        assert not result.internal
    else:
        assert result.events or type(message.data).TOPIC is TopicName.LANES


def check_status(before: dict[str, Partnership], after: dict[str, Partnership]) -> None:
    """What is closed is left in two ways only, and what has ended is read-only (R118)."""
    for key, was in before.items():
        now = after[key]
        status = was.state.status
        assert now.state.status == status or now.state.status in NEXT[status], (status, now.state.status)
        if status == now.state.status == "terminated":
            changed = {name for name in READ_ONLY if getattr(was, name) != getattr(now, name)}
            assert not changed


@pytest.mark.requirement("R5", "R27", "R55", "R59", "R98", "R106")
@pytest.mark.timeout(120 + EXAMPLES)
@settings(max_examples=EXAMPLES, deadline=None)
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
        before, decided = dict(world.partnerships), len(world.log)
        world.do(step)
        if len(world.log) == decided + 1:
            check_outcome(world)
            check_status(before, world.partnerships)
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

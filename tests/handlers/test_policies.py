"""What the sources contradict each other about is a policy: data with defaults, which an agreement may override."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from contracts.agreement import Overrides
from contracts.commands.facts import UpdateAgreement
from contracts.commands.termination import GrantExtraRequest
from contracts.events.facts import QuotaUpdated
from contracts.events.invitation import InvitationSent
from contracts.events.termination import TerminationDrafted
from contracts.message import SYSTEM
from contracts.rejections import RejectionCode
from handlers.policy import Policy
from tests.story import (
    BOUND,
    DRAFTED,
    NOON,
    PENDING,
    PLATFORM,
    PROMPTED,
    REGISTERED,
    TERMINATED,
    Send,
    accept,
    customer_asks,
    customer_requests,
    delivered,
    facts,
    given,
    invite,
    like,
    opened,
    partner_asks,
    partner_decides,
    partner_requests,
    platform_ends,
    policy,
    registered,
    switch,
    verified,
)


def agreed(**overrides: Any) -> Send:
    return Send(UpdateAgreement(actor=SYSTEM, as_of=NOON, overrides=Overrides(**overrides)), "p1", "p1")


def test_an_agreement_overrides_only_what_the_policy_has() -> None:
    for name, field in Overrides.model_fields.items():
        assert name in Policy.model_fields, name
        assert field.default is None
    changed = Policy().with_agreement(Overrides(decision_days=3))
    assert changed == Policy(decision_days=3)
    assert Policy().with_agreement(Overrides()) == Policy()


def test_a_policy_is_data_that_is_read_and_written() -> None:
    assert Policy.model_validate_json(Policy().model_dump_json()) == Policy()
    with pytest.raises(ValidationError):
        Policy.model_validate({"requests_max": 0})


@pytest.mark.requirement("R45", "R80", "R98")
def test_a_partners_agreement_decides_for_its_partnerships_and_for_no_others() -> None:
    own = agreed(notice_days=3, decision_days=2, retention_days=60)
    story = given(*BOUND, own).when(customer_requests())
    drafted = story.events[0]
    assert isinstance(drafted, TerminationDrafted)
    assert (drafted.rules.notice_days, drafted.rules.decision_days, drafted.rules.retention_days) == (3, 2, 60)
    story = given(*REGISTERED, registered("p2"), agreed(invitation_days=5)).when(invite("p2"))
    story.then(like(InvitationSent, expires_at=NOON + timedelta(days=30)), QuotaUpdated)
    given(*REGISTERED, agreed(invitation_days=5)).when(invite()).then(
        like(InvitationSent, expires_at=NOON + timedelta(days=5)), QuotaUpdated
    )


@pytest.mark.requirement("R45")
def test_a_draft_keeps_the_agreement_that_it_began_under() -> None:
    story = given(*DRAFTED, agreed(notice_days=9))
    assert story.partnership().drafts["customer"].rules.notice_days == 0
    assert story.partnership().drafts["customer"].rules.policy_version == "1"


@pytest.mark.requirement("R113", "R80")
def test_consent_is_a_policy_by_model_and_side() -> None:
    nobody = policy(consent_of_other_side={"reseller": (), "referral": ()})
    for asks in (customer_asks(), partner_asks()):
        story = given(*BOUND, nobody).when(asks)
        assert story.partnership().state.status == "terminated"


@pytest.mark.requirement("R27", "R44", "R62")
def test_what_a_switch_runs_and_costs_is_a_policy() -> None:
    arrears = facts(account_in_arrears=True)
    story = given(*PROMPTED, arrears, policy(switch_blocks_run=False)).when(switch(), delivered())
    assert story.partnership("p2").state.status == "active"
    free = given(*PROMPTED, policy(switch_counts=False)).when(switch(), delivered())
    assert free.customer().submissions == ()
    given(*PROMPTED, policy(switch_waives_consent_and_notice=False)).when(switch()).refused(
        RejectionCode.CUSTOMER_ALREADY_BOUND, end_first="p1-c1"
    )


@pytest.mark.requirement("R62")
def test_a_switch_may_use_up_a_request_that_was_granted() -> None:
    grant = Send(GrantExtraRequest(actor=PLATFORM, reason="by ticket 7"), "c1", "c1")
    rejected = partner_decides(approve=False, reason="please stay with us")
    story = given(*PROMPTED, customer_asks(), rejected, grant).when(switch(), delivered())
    assert story.partnership("p2").state.status == "active"
    assert (story.customer().extra_requests, len(story.customer().submissions)) == (0, 2)


@pytest.mark.requirement("R47", "R49")
def test_who_gives_plans_is_a_policy() -> None:
    story = given(*BOUND, policy(plans_of=("customer",)))
    assert story.when(customer_asks()).items == ["MIGRATION_PLAN_MISSING", "ALTERNATIVE_SERVICE_MISSING"]
    given(*BOUND, policy(plans_of=())).when(partner_requests(migration_plan=None, alternative_service=None)).then(
        like(TerminationDrafted, draft_stage="unconfirmed")
    )


@pytest.mark.requirement("R64", "R66", "R67", "R68", "R69", "R70")
def test_the_checks_are_a_policy_by_model_and_initiator() -> None:
    checks = Policy().checks
    assert set(checks["referral"]["customer"]) == {"ORDERS_AWAITING_PARTNER_PAYMENT", "SETTLEMENTS_OUTSTANDING"}
    assert "INDEPENDENT_MEMBERS_ATTACHED" in checks["reseller"]["partner"]
    assert "CURRENCY_NOT_SET" not in checks["reseller"]["partner"]
    none: Any = {model: dict.fromkeys(("customer", "partner"), ()) for model in ("reseller", "referral")}
    frozen = facts(account_status="frozen", currency_set=False)
    assert given(*BOUND, frozen, policy(checks=none)).when(customer_asks()).rejection is None


@pytest.mark.requirement("R44", "R63", "R64", "R65", "R66", "R67", "R68", "R69", "R70")
def test_this_is_checked_by_default() -> None:
    assert Policy().checks == {
        "reseller": {
            "customer": (
                "ORDERS_AWAITING_PARTNER_PAYMENT",
                "INDEPENDENT_MEMBERS_ATTACHED",
                "ACCOUNT_IN_ARREARS",
                "RESERVED_INSTANCES_ACTIVE",
                "PARTNER_SUPPORT_PLAN_ACTIVE",
                "CURRENCY_NOT_SET",
                "SPECIAL_COMMERCE_CONTRACT",
                "SETTLEMENTS_OUTSTANDING",
                "ACCOUNT_FROZEN",
            ),
            "partner": (
                "SETTLEMENTS_OUTSTANDING",
                "INDEPENDENT_MEMBERS_ATTACHED",
                "RESERVED_INSTANCES_ACTIVE",
                "PARTNER_SUPPORT_PLAN_ACTIVE",
                "ACCOUNT_FROZEN",
            ),
        },
        "referral": {
            "customer": ("ORDERS_AWAITING_PARTNER_PAYMENT", "SETTLEMENTS_OUTSTANDING"),
            "partner": ("SETTLEMENTS_OUTSTANDING",),
        },
    }


@pytest.mark.requirement("R44")
@pytest.mark.parametrize("model", ["reseller", "referral"])
def test_what_is_not_settled_stands_in_a_partners_way_whatever_the_model(model: str) -> None:
    bound = (*REGISTERED, invite(model=model), opened(), verified(), accept())
    owing = given(*bound, facts(settlements_outstanding=True))
    assert owing.when(partner_asks()).items == ["SETTLEMENTS_OUTSTANDING"]


@pytest.mark.requirement("R46")
def test_how_long_a_reason_is_and_which_there_are_is_a_policy() -> None:
    given(*BOUND, policy(reason_characters_min=40)).when(customer_requests()).refused(
        RejectionCode.REASON_REQUIRED, characters_min=40
    )


OF_CUSTOMER = ["customer_request", "agreement_early_termination", "direct_billing"]
OF_PARTNER = ["partner_business_adjustment", "agreement_early_termination"]
OF_PLATFORM = ["account_violation", "policy_violation"]


@pytest.mark.requirement("R37", "R38", "R39", "R40", "R42", "R43")
@pytest.mark.parametrize("category", sorted({*OF_CUSTOMER, *OF_PARTNER, *OF_PLATFORM}))
@pytest.mark.parametrize(
    ("asks", "own"),
    [(customer_requests(), OF_CUSTOMER), (partner_requests(), OF_PARTNER), (platform_ends(), OF_PLATFORM)],
    ids=["customer", "partner", "platform"],
)
def test_each_has_its_own_reasons(asks: Send, own: list[str], category: str) -> None:
    story = given(*BOUND).when(asks.but(category=category))
    if category in own:
        assert story.rejection is None
    else:
        story.refused(RejectionCode.NOT_AUTHORIZED, categories=own)


@pytest.mark.requirement("R88", "R98")
def test_the_rules_of_a_case_go_with_it_to_its_end() -> None:
    story = given(*PENDING, policy(version="9", completion_days=99), partner_decides())
    state = story.partnership().state
    assert state.complete_by == NOON + timedelta(days=7)  # type: ignore[union-attr]
    assert given(*TERMINATED).partnership().state.rules.policy_version == "1"  # type: ignore[union-attr]


@pytest.mark.requirement("R77")
def test_an_agreement_that_speaks_of_one_model_leaves_the_other_as_it_is() -> None:
    agreed = Policy().with_agreement(Overrides(code_of={"referral": ("customer",)}))
    assert agreed.code_of == {"reseller": ("customer",), "referral": ("customer",)}


@pytest.mark.requirement("R5")
def test_another_partners_customer_is_not_accepted_either_where_none_may_be_invited() -> None:
    """The invitation may not have said whose customer it is, or it was nobody's then (C1)."""
    refuses = policy(bound_customers_may_be_invited=False)
    story = given(*BOUND, registered("p2"), refuses, invite("p2"), opened("p2"), verified("p2"), facts(partner="p2"))
    story.when(switch("p2")).refused(RejectionCode.CUSTOMER_ALREADY_BOUND, end_first="p1-c1")


@pytest.mark.requirement("R62")
def test_no_agreement_of_the_new_partner_lifts_the_limit_of_leaving_the_old_one() -> None:
    """C4."""
    used = (customer_asks(), partner_decides(approve=False, reason="please stay with us"))
    generous = Send(UpdateAgreement(actor=SYSTEM, as_of=NOON, overrides=Overrides(requests_max=32)), "p2", "p2")
    given(*PROMPTED, *used, generous).when(switch("p2")).refused(RejectionCode.REQUEST_LIMIT_REACHED)


@pytest.mark.requirement("R62")
def test_where_only_effective_ones_count_a_rejected_one_gives_its_grant_back() -> None:
    """C4."""
    no = partner_decides(approve=False, reason="please stay with us")
    grant = Send(GrantExtraRequest(actor=PLATFORM, reason="ticket seven"), "c1", "c1")
    story = given(*BOUND, customer_asks(), no, grant, policy(requests_counted="effective"), customer_asks())
    assert story.customer().extra_requests == 0
    assert story.when(no).customer().extra_requests == 1
    story.when(customer_asks())
    assert story.rejection is None

"""What is told holds when it is told, to whom it concerns, by a way that reaches them."""

from datetime import timedelta

import pytest

from contracts.commands.binding import (
    AnswerModification,
    ProposeModification,
    RecordActivation,
    RecordNotificationOutcome,
)
from contracts.commands.closing import (
    AnswerReactivation,
    DisputeFinalBill,
    RecordFinalBill,
    RequestReactivation,
    ResolveDispute,
)
from contracts.commands.invitation import ResendInvitation
from contracts.commands.termination import (
    CheckTermination,
    ConfirmTermination,
    RequestTermination,
    SendVerificationCode,
    WaiveBlock,
    WithdrawTermination,
)
from contracts.details import Changes
from contracts.events.notice import NoticeSent, NotificationOutcomeRecorded
from contracts.events.termination import BlockWaived, TerminationRechecked
from contracts.rejections import RejectionCode
from tests.situations import PERIOD, WHY
from tests.story import (
    BOUND,
    INVITED,
    NOON,
    OPENED,
    PENDING,
    PROMPTED,
    READ,
    REGISTERED,
    STALLED,
    SUPPORT,
    SWITCHING,
    TERMINATED,
    VERIFIED,
    Send,
    Step,
    Story,
    accept,
    by_customer,
    by_partner,
    by_platform,
    by_support,
    by_system,
    cancel,
    customer_asks,
    customer_confirms,
    customer_gets_code,
    customer_requests,
    customer_user,
    delivered,
    facts,
    given,
    invite,
    later,
    like,
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
    verified,
)

ARREARS = facts(account_in_arrears=True)
PROPOSES = by_customer(ProposeModification, changes=Changes(terms="ten"))
ASKS_BACK = by_customer(RequestReactivation, consent_version="1")
AGREES_BACK = by_partner(AnswerReactivation, answer="agree", consent_version="1")
STALLED_FOR_BOTH: tuple[Step, ...] = (
    *(registered(notice_days=30), facts(), invite(model="referral"), opened(), verified(), accept()),
    policy(facts_hours_max=8784),
    *(partner_asks(), later(days=10), customer_asks(), later(days=20)),
    facts(as_of=NOON + timedelta(days=30), settlements_outstanding=True),
    reached("notice_end"),
)
"""The partner's request cannot end it; the customer's own is for the fortieth day."""
PARTNERS_CODE = (
    by_support(RequestTermination, "partner", category="partner_business_adjustment", reason=WHY).but(
        migration_plan="export", alternative_service="direct"
    ),
    by_support(ConfirmTermination, "partner", warning_version="1", checklist=READ, caller_consents=True),
)


def told(story: Story, party: str) -> NoticeSent:
    """What this party is told by the last step."""
    (found,) = [event for event in story.events if isinstance(event, NoticeSent) and event.party == party]
    return found


def failed(notice: NoticeSent) -> Send:
    return by_system(RecordNotificationOutcome, notice_id=notice.notice_id, outcome="failed")


def followed_by(story: Story) -> str:
    (recorded,) = [event for event in story.events if isinstance(event, NotificationOutcomeRecorded)]
    return recorded.followed_by


# ------------------------------------------------------------------------------------------------------- once more


@pytest.mark.requirement("R77")
def test_a_code_that_did_not_arrive_is_sent_again_to_its_own_side_and_is_its_own() -> None:
    story = given(*BOUND, *PARTNERS_CODE).when(by_support(SendVerificationCode, "partner"))
    first = told(story, "partner")
    story.when(customer_requests(), customer_confirms(), customer_gets_code())
    assert told(story, "customer").token.number == 2  # type: ignore[union-attr]
    again = told(story.when(failed(first)), "partner")
    assert again.token == first.token


@pytest.mark.requirement("R29", "R77")
@pytest.mark.parametrize(
    ("steps", "party", "meanwhile"),
    [
        ((*REGISTERED, invite()), "customer", (cancel(),)),
        ((*REGISTERED, invite()), "customer", (opened(), verified(), accept())),
        ((*REGISTERED, invite()), "customer", (by_partner(ResendInvitation),)),
        ((*BOUND, customer_requests(), customer_confirms(), customer_gets_code()), "customer", (later(hours=1),)),
        (
            (*BOUND, customer_requests(), customer_confirms(), customer_gets_code()),
            "customer",
            (by_customer(WithdrawTermination),),
        ),
        ((*BOUND, customer_requests(), customer_confirms(), customer_gets_code()), "customer", (customer_gets_code(),)),
        ((*BOUND, customer_requests()), "customer", (by_customer(WithdrawTermination),)),
        ((*BOUND, customer_asks()), "partner", (by_customer(WithdrawTermination),)),
        ((*BOUND, PROPOSES), "partner", (by_partner(AnswerModification, answer="decline", reason=WHY),)),
        ((*TERMINATED, ASKS_BACK), "partner", (by_partner(AnswerReactivation, answer="decline"),)),
        ((*BOUND, partner_asks()), "customer", (by_partner(WithdrawTermination), later(hours=1), partner_asks())),
        ((*BOUND, customer_asks()), "partner", (partner_is(status="closed"),)),
        (
            (*BOUND, PROPOSES),
            "partner",
            (by_partner(AnswerModification, answer="decline", reason=WHY), later(hours=1), PROPOSES),
        ),
        ((*BOUND, ARREARS, customer_requests()), "customer", (facts(), by_customer(CheckTermination))),
        ((*TERMINATED, ASKS_BACK), "partner", (AGREES_BACK,)),
        ((*BOUND, customer_requests(), customer_confirms()), "customer", (by_customer(WithdrawTermination),)),
        (STALLED, "customer", (facts(account_in_arrears=True, settlements_outstanding=True), delivered())),
        (STALLED, "customer", (by_customer(WithdrawTermination),)),
        (STALLED_FOR_BOTH, "customer", (later(days=10), by_partner(WithdrawTermination))),
    ],
    ids=[
        "an offer that was taken back",
        "one that was accepted",
        "an old link",
        "a code that has expired",
        "a code of no draft",
        "an old code",
        "warnings of no draft",
        "a decision that nobody needs",
        "a change that was declined",
        "a reactivation that was declined",
        "a decision on another request",
        "a decision that is the platform's by now",
        "another change",
        "a block that is gone",
        "a reactivation that was agreed to",
        "a code that no draft needs",
        "what is only a part of what blocks by now",
        "a stalled end that was taken back",
        "what blocks the other side's request by now",
    ],
)
def test_what_does_not_hold_any_more_is_not_sent_again(
    steps: tuple[Step, ...], party: str, meanwhile: tuple[Step, ...]
) -> None:
    story = given(*steps[:-1]).when(steps[-1])
    notice = told(story, party)
    assert followed_by(given(*steps).when(failed(notice))) == "second_channel"
    story.when(*meanwhile, failed(notice))
    assert followed_by(story) == "nothing"
    assert not any(isinstance(event, NoticeSent) for event in story.events)


@pytest.mark.requirement("R104")
def test_nor_is_an_amount_that_was_corrected() -> None:
    def bill(amount: int) -> Send:
        return by_system(RecordFinalBill, amount=amount, currency="EUR", period=PERIOD)

    story = given(*TERMINATED).when(bill(500))
    first = told(story, "customer")
    second = told(story.when(bill(80)), "customer")
    assert followed_by(story.when(failed(first))) == "nothing"
    assert told(story.when(failed(second)), "customer").params["amount"] == "80"


@pytest.mark.requirement("R19")
@pytest.mark.parametrize(
    ("channels", "first", "second"),
    [
        (("sms",), "sms", None),
        (("platform_email", "console_message", "sms"), "platform_email", "sms"),
        (("platform_email", "console_message"), "platform_email", None),
        (("platform_email", "sms"), "sms", "platform_email"),
    ],
)
def test_an_invitation_goes_by_official_ways_only_and_by_no_console_that_nobody_has(
    channels: tuple[str, ...], first: str, second: str | None
) -> None:
    story = given(*REGISTERED, policy(official_channels=channels)).when(invite(channel=first))
    story.when(failed(told(story, "customer")))
    if second is None:
        assert followed_by(story) == "platform"
        assert told(story, "platform").template == "notice_undeliverable"
    else:
        again = told(story, "customer")
        assert (again.channel, again.address) == (
            second,
            "+44 20 7946 0000" if second == "sms" else "ada@c1.example",
        )
        assert followed_by(story.when(failed(again))) == "platform"


@pytest.mark.requirement("R29")
def test_a_partner_is_sent_no_text_message_for_no_phone_of_its_is_known() -> None:
    story = given(policy(second_channels={"platform_email": "sms"}), *VERIFIED).when(accept())
    again = told(story.when(failed(told(story, "partner"))), "partner")
    assert (again.channel, again.address) == ("console_message", "p1@partner.example")


@pytest.mark.requirement("R29")
def test_a_customer_is_where_the_policy_says_so() -> None:
    story = given(policy(second_channels={"platform_email": "sms"}), *VERIFIED).when(accept())
    again = told(story.when(failed(told(story, "customer"))), "customer")
    assert (again.channel, again.address) == ("sms", "+49 30 c1")


@pytest.mark.requirement("R19", "R77")
def test_nor_is_anybody_else_without_a_phone_of_its_own() -> None:
    by_sms = policy(second_channels={"platform_email": "sms"})
    none = (by_sms, *OPENED, verified(registered_phone=""), accept(), customer_requests(), customer_confirms())
    story = given(*none).when(customer_gets_code())
    again = told(story.when(failed(told(story, "customer"))), "customer")
    assert (again.channel, again.address) == ("console_message", "office@c1.example")
    offers = policy(who_may_offer=("partner", "customer"), official_channels=("platform_email", "sms"))
    own = invite("p2", actor=customer_user(), customer_id="c1", consent_version="1", standards_version=None)
    offered = given(*BOUND, registered("p2"), facts(partner="p2"), offers).when(own.but(switch_confirmed=True))
    lost = told(offered, "partner").notice_id
    offered.when(by_system(RecordNotificationOutcome, "p2", notice_id=lost, outcome="failed"))
    assert followed_by(offered) == "platform"


@pytest.mark.requirement("R19", "R29")
def test_a_company_without_an_account_is_told_nothing_by_the_console() -> None:
    story = given(*REGISTERED, invite()).when(cancel())
    again = told(story.when(failed(told(story, "customer"))), "customer")
    assert (again.template, again.channel, again.address) == ("invitation_cancelled", "sms", "+44 20 7946 0000")


@pytest.mark.requirement("R29", "R60")
def test_the_newest_notice_is_always_followed() -> None:
    back = (
        by_customer(RequestReactivation, consent_version="1"),
        by_partner(AnswerReactivation, answer="agree", consent_version="1"),
    )
    story = given(*TERMINATED, *back, platform_ends())
    story.when(by_system(RecordFinalBill, amount=5, currency="EUR", period=PERIOD))
    assert followed_by(story.when(failed(told(story, "customer")))) == "second_channel"


# --------------------------------------------------------------------------------------------------------- to whom


@pytest.mark.requirement("R19", "R21")
def test_nobody_is_written_to_whom_somebody_only_claimed_to_be() -> None:
    claims = (registered("p2"), invite("p2", "c2"), opened("p2", "c2"))
    wrong = verified("p2", "c2", passed=False, customer_id="c1")
    notice = told(given(*BOUND, *claims, *(wrong,) * 4).when(wrong), "customer")
    assert (notice.template, notice.address) == ("invitation_expired", "ada@c2.example")
    named = given(*BOUND, registered("p2"), invite("p2", "c2", customer_id="c1")).when(cancel("p2", "c2"))
    assert told(named, "customer").address == "ada@c2.example"


@pytest.mark.requirement("R21", "R77")
def test_whoever_is_a_customer_has_an_address_of_its_own() -> None:
    """Else what concerns it alone would go where its partner says."""
    given(*OPENED).when(verified(registered_email=" ")).refused(
        RejectionCode.INVITATION_INCOMPLETE, missing=["registered_email"]
    )
    assert given(*OPENED).when(verified(registered_email="", passed=False)).rejection is None
    elsewhere = (registered("p2"), invite("p2"), opened("p2"), verified("p2", registered_email=""))
    assert given(*BOUND, *elsewhere).customer().registered_email == "office@c1.example"
    blank = (registered("p2"), invite("p2"), opened("p2"), verified("p2", registered_email=" "))
    assert given(*BOUND, *blank).customer().registered_email == "office@c1.example"
    offers = invite(actor=customer_user(), customer_id="c1", consent_version="1", standards_version=None)
    story = given(*REGISTERED, policy(who_may_offer=("partner", "customer")))
    story.when(offers).refused(RejectionCode.IDENTITY_NOT_VERIFIED)


@pytest.mark.requirement("R129", "R31")
def test_the_platform_is_told_where_it_is_its_turn_or_nobody_waits_any_more() -> None:
    proposed = given(*BOUND, partner_is(status="closed"))
    proposed.when(by_customer(ProposeModification, changes=Changes(terms="x")))
    assert told(proposed, "platform").template == "modification_proposed"
    open_one = given(*BOUND).when(by_customer(ProposeModification, changes=Changes(terms="x")))
    open_one.told(partner="modification_proposed", customer="modification_proposed")
    assert told(given(*BOUND).when(by_system(RecordActivation, outcome="failed")), "platform")


@pytest.mark.requirement("R27", "R76")
def test_what_the_customer_has_to_clear_with_its_old_partner_the_new_one_is_not_told() -> None:
    story = given(*SWITCHING, facts(account_in_arrears=True)).when(delivered())
    assert told(story, "customer").params["items"] == "ACCOUNT_IN_ARREARS"
    assert told(story, "partner").params["items"] == ""
    offers = policy(who_may_offer=("partner", "customer"))
    own = invite("p2", actor=customer_user(), customer_id="c1", consent_version="1", standards_version=None)
    offered = (*BOUND, registered("p2"), facts(partner="p2"), offers, own.but(switch_confirmed=True))
    yes = accept("p2", actor=by_partner(WithdrawTermination, "p2").command.actor)
    story = given(*offered, facts(account_in_arrears=True)).when(yes).refused(RejectionCode.TERMINATION_BLOCKED)
    assert story.rejection is not None
    assert story.rejection.details == {}
    given(*PROMPTED, facts(account_in_arrears=True)).when(accept("p2", switch_confirmed=True)).refused(
        RejectionCode.TERMINATION_BLOCKED
    )


@pytest.mark.requirement("R73", "R76")
def test_a_waiver_is_told_to_whose_request_it_helps() -> None:
    plan = by_platform(WaiveBlock, item="MIGRATION_PLAN_MISSING", reason=WHY)
    drafts = (partner_requests(migration_plan=None), customer_requests())
    given(*BOUND, *drafts).when(plan).then(like(BlockWaived, concerned=("partner",))).told(partner="block_waived")
    given(*PENDING, drafts[0]).when(plan).told(partner="block_waived")
    both = by_platform(WaiveBlock, item="SETTLEMENTS_OUTSTANDING", reason=WHY)
    given(*PENDING, drafts[0]).when(both).told(partner="block_waived", customer="block_waived")


# ------------------------------------------------------------------------------------------------------------ what


@pytest.mark.requirement("R17")
def test_an_invitation_that_is_sent_again_says_until_when() -> None:
    first = told(given(*REGISTERED).when(invite()), "customer")
    again = told(given(*INVITED).when(by_partner(ResendInvitation)), "customer")
    assert again.params["expires_at"] == first.params["expires_at"] == "2026-02-14T12:00:00.000Z"


@pytest.mark.requirement("R46", "R51", "R53", "R79", "R80")
def test_whoever_decides_or_is_left_learns_who_wants_it_why_and_when() -> None:
    asked = told(given(*BOUND).when(customer_asks()), "partner").params
    why = "we take our business elsewhere"
    assert (asked["by"], asked["category"], asked["reason"]) == ("customer", "customer_request", why)
    assert asked["ends_at"] == "2026-01-15T12:00:00.000Z"
    referral = (registered(notice_days=30), facts(), invite(model="referral"), opened(), verified(), accept())
    approved = told(given(*referral).when(partner_asks()), "customer").params
    assert (approved["by"], approved["basis"]) == ("partner", "no_consent_needed")
    assert approved["category"] == "partner_business_adjustment"
    stalled = told(given(*PENDING, facts(account_in_arrears=True)).when(partner_decides()), "customer").params
    assert (stalled["by"], stalled["category"]) == ("customer", "customer_request")
    rejected = told(given(*PENDING).when(partner_decides(approve=False, reason=WHY)), "customer").params
    assert rejected["reason"] == WHY


@pytest.mark.requirement("R74", "R76")
def test_what_stands_in_the_way_is_told_once_more_where_it_is_something_else() -> None:
    instead = facts(reserved_instances_active=True)
    story = given(*STALLED).when(instead, delivered()).then(like(TerminationRechecked, changed=True))
    assert told(story, "customer").params["items"] == "RESERVED_INSTANCES_ACTIVE"
    story.when(instead, delivered()).then(like(TerminationRechecked, changed=False)).told()


@pytest.mark.requirement("R105")
def test_a_dispute_is_told_with_the_currency_and_to_the_platform_too() -> None:
    steps = (
        *TERMINATED,
        by_system(RecordFinalBill, amount=500, currency="EUR", period=PERIOD),
    )
    story = given(*steps).when(by_customer(DisputeFinalBill, reason=WHY))
    assert told(story, "platform").template == "final_bill_disputed"
    story.when(on(ResolveDispute, SUPPORT, amount=400, reason=WHY))
    assert (told(story, "customer").params["amount"], told(story, "customer").params["currency"]) == ("400", "EUR")

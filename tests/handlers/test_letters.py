"""To whom and where a notice goes, and which of them carries a secret (R19, R29, R77)."""

import pytest

from contracts.commands.binding import AssignContacts, RecordNotificationOutcome, UpdateCustomerInfo
from contracts.commands.closing import PlaceLegalHold, ReleaseLegalHold
from contracts.commands.termination import SendVerificationCode
from contracts.details import Changes, Contacts
from contracts.events.notice import NoticeSent
from handlers.folds_of_bond import CONFIRMATIONS, NOTICES_MAX
from tests.situations import WHY
from tests.story import (
    BOUND,
    CODE_NEEDED,
    OPENED,
    Story,
    accept,
    by_partner,
    by_platform,
    by_system,
    customer_confirms,
    customer_gets_code,
    customer_requests,
    given,
    invite,
    later,
    opened,
    partner_confirms,
    partner_requests,
    platform_ends,
    policy,
    reached,
    registered,
    switch,
    verified,
)

OTHER = "sales@c1.example"
HELD = (PlaceLegalHold, ReleaseLegalHold)
AGAIN = (*BOUND, registered("p2"))


def notice(story: Story, party: str) -> NoticeSent:
    (found,) = [event for event in story.events if isinstance(event, NoticeSent) and event.party == party]
    return found


@pytest.mark.requirement("R19")
def test_an_invitation_goes_where_it_was_sent_also_to_a_customer_that_is_known() -> None:
    story = given(*AGAIN).when(invite("p2", customer_id="c1", email=OTHER))
    assert notice(story, "customer").address == OTHER
    story.when(later(days=23), reached("invitation_reminder"))
    reminded = [event for event in story.events if isinstance(event, NoticeSent)]
    assert {event.address for event in reminded} == {OTHER}
    assert all(event.token for event in reminded)


@pytest.mark.requirement("R29")
def test_what_follows_goes_to_the_registered_address_and_has_no_secret() -> None:
    story = given(*AGAIN, invite("p2", customer_id="c1", email=OTHER), opened("p2"), verified("p2"))
    story.when(switch())
    for told in (notice(story, "customer"), notice(story, "partner")):
        assert told.token is None
    assert notice(story, "customer").address == "office@c1.example"
    assert notice(story, "partner").address == "p2@partner.example"
    first = given(*BOUND[:-1]).when(accept())
    assert notice(first, "customer").address == "office@c1.example"


@pytest.mark.requirement("R77")
def test_a_partner_that_needs_a_code_gets_it_with_its_secret() -> None:
    story = given(policy(code_of={"reseller": ("partner",), "referral": ()}), *BOUND)
    story.when(partner_requests(), partner_confirms())
    assert notice(story, "partner").token is None
    story.when(by_partner(SendVerificationCode))
    code = notice(story, "partner")
    assert code.token is not None
    assert code.token.purpose == "code"


@pytest.mark.requirement("R32", "R77")
def test_a_code_goes_to_nothing_that_the_partner_can_change() -> None:
    theirs = by_partner(UpdateCustomerInfo, changes=Changes(phone="+99 partner", email="desk@p1.example"))
    code = notice(given(*CODE_NEEDED, theirs).when(customer_gets_code()), "customer")
    assert (code.channel, code.address) == ("sms", "+49 30 c1")
    none = (*OPENED, verified(registered_phone=""), accept(), theirs, customer_requests(), customer_confirms())
    story = given(*none).when(customer_gets_code())
    code = notice(story, "customer")
    assert (code.channel, code.address) == ("platform_email", "office@c1.example")
    story.when(by_system(RecordNotificationOutcome, notice_id=code.notice_id, outcome="failed"))
    assert notice(story, "customer").address == "office@c1.example"


@pytest.mark.requirement("R77")
def test_a_phone_that_is_known_stays_known_where_another_verification_has_none() -> None:
    elsewhere = (registered("p2"), invite("p2"), opened("p2"), verified("p2", registered_phone=""))
    code = notice(given(*CODE_NEEDED, *elsewhere).when(customer_gets_code()), "customer")
    assert (code.channel, code.address) == ("sms", "+49 30 c1")


@pytest.mark.requirement("R29", "R60")
def test_a_confirmation_is_followed_until_it_has_arrived_whatever_is_told_after_it() -> None:
    upkeep = [by_partner(AssignContacts, contacts=Contacts(assigned_contact=f"Grace {n}")) for n in range(9)]
    story = given(*BOUND[:-1]).when(accept())
    bound = notice(story, "customer").notice_id
    story.when(*upkeep)
    assert len(story.partnership().notices) == NOTICES_MAX
    story.when(by_system(RecordNotificationOutcome, notice_id=bound, outcome="failed"))
    assert notice(story, "customer").template == "partnership_bound"
    ended = given(*BOUND, *upkeep, platform_ends(), *(by_platform(kind, reason=WHY) for kind in HELD))
    assert [told.template for told in ended.partnership().notices if told.template in CONFIRMATIONS] == [
        "partnership_bound",
        "partnership_bound",
        "partnership_terminated",
        "partnership_terminated",
    ]

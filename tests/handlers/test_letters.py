"""To whom and where a notice goes, and which of them carries a secret (R19, R29, R77)."""

import pytest

from contracts.commands.termination import SendVerificationCode
from contracts.events.notice import NoticeSent
from tests.story import (
    BOUND,
    Story,
    accept,
    by_partner,
    given,
    invite,
    later,
    opened,
    partner_confirms,
    partner_requests,
    policy,
    reached,
    registered,
    switch,
    verified,
)

OTHER = "sales@c1.example"
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

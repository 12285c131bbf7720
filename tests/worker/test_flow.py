"""The life of a partnership, told to a running worker through Kafka and heard by a consumer that is not ours.

Each story has parties of its own; after each, the documents are the fold of the journal (P4).
"""

from collections.abc import Iterator

import pytest

from tests.support import messages
from tests.support.domain import (
    bind,
    code,
    customer_confirms,
    customer_decides,
    customer_requests,
    enter_code,
    facts,
    offer,
    partner_confirms,
    partner_decides,
    partner_requests,
    platform_orders,
    send_code,
)
from tests.support.tale import Tale, told
from worker.servers import Servers

BOND = ["InvitationAccepted", "PartnershipBound", "QuotaUpdated", "BillingSwitched"]
ASKED = ["TerminationSubmitted", "TerminationDecisionRequested"]
END = ["PartnershipTerminated", "QuotaUpdated", "BillingSwitched", "FinalBillRequested", "DataRetentionStarted"]


@pytest.fixture(scope="module")
def tale(servers: Servers) -> Iterator[Tale]:
    with told(servers, lanes=4) as running:
        yield running
        running.deployment.wait_published()
        running.deployment.judge()


@pytest.mark.requirement("R16", "R17", "R20", "R21", "R23", "R25", "R28", "R29", "R30")
def test_an_invitation_becomes_a_partnership(tale: Tale) -> None:
    assert tale.say(messages.register_partner("bond-p"), facts("bond-c", "bond-p")) == ["accepted"] * 2

    offer(tale, "bond", "bond-p", "bond-c")
    assert tale.names("invite-bond") == ["InvitationSent", "QuotaUpdated"]
    assert tale.notices("invite-bond") == {"customer": "invitation"}
    assert tale.names("open-bond") == ["InvitationOpened"]
    assert tale.names("verify-bond") == ["IdentityVerified", "PartnershipStatusChecked"]

    assert tale.say(messages.accept("bond", "bond-p", "bond-c")) == ["accepted"]
    assert tale.names("accept-bond") == BOND
    assert tale.notices("accept-bond") == {"partner": "partnership_bound", "customer": "partnership_bound"}
    quota = tale.event("accept-bond", "QuotaUpdated")
    assert (quota["bound"], quota["reserved"]) == (1, 0)
    billing = tale.event("accept-bond", "BillingSwitched")
    assert (billing["from_mode"], billing["to_mode"], billing["to_partner_id"]) == ("direct", "partner", "bond-p")
    tale.check()


@pytest.mark.requirement("R26")
def test_a_token_that_was_not_sent_opens_nothing(tale: Tale) -> None:
    tale.say(messages.register_partner("token-p"), messages.invite("token", "token-p"))
    opened = messages.open_invitation("token", "token-p", "guessed", "token-c")

    assert tale.say(opened) == ["TOKEN_INVALID"]
    tale.check()


@pytest.mark.requirement("R37", "R53", "R54", "R56", "R57", "R59", "R60", "R75", "R77", "R78", "R80", "R92")
def test_a_customer_asks_for_the_end_and_its_partner_agrees(tale: Tale) -> None:
    bind(tale, "leave", "leave-p", "leave-c")

    assert tale.say(customer_requests("leave", "leave-p", "leave-c")) == ["accepted"]
    assert tale.names("end-leave") == ["TerminationDrafted"]
    assert tale.notices("end-leave") == {"customer": "termination_warnings"}
    assert tale.say(customer_confirms(tale, "leave", "leave-p", "leave-c", billing_mode="direct")) == ["accepted"]
    assert tale.names("confirm-leave") == ["TerminationConfirmed"]
    assert tale.notices("confirm-leave") == {"customer": "termination_code_needed"}
    assert tale.say(send_code("leave", "leave-p", "leave-c")) == ["accepted"]
    assert tale.names("send-leave") == ["VerificationCodeSent"]
    assert tale.say(enter_code("leave", "leave-p", "leave-c", code(tale, "leave"))) == ["accepted"]
    assert tale.names("enter-leave") == ["VerificationCodeAccepted", *ASKED]
    assert tale.notices("enter-leave") == {
        "partner": "termination_decision_requested",
        "customer": "termination_submitted",
    }
    assert tale.say(partner_decides("leave", "leave-p")) == ["accepted"]

    assert tale.names("decide-leave") == ["TerminationApproved", *END]
    assert tale.notices("decide-leave") == {"partner": "partnership_terminated", "customer": "partnership_terminated"}
    assert tale.event("decide-leave", "QuotaUpdated")["bound"] == 0
    assert tale.event("decide-leave", "BillingSwitched")["to_mode"] == "direct"
    tale.check()


@pytest.mark.requirement("R77")
def test_a_code_that_was_not_sent_submits_nothing(tale: Tale) -> None:
    """It is counted, which is no refusal; the right one is taken afterwards."""
    bind(tale, "code", "code-p", "code-c")
    tale.say(customer_requests("code", "code-p", "code-c"))
    tale.say(customer_confirms(tale, "code", "code-p", "code-c"), send_code("code", "code-p", "code-c"))
    right = code(tale, "code")
    assert len(right) == 6
    assert right.isdecimal()
    wrong = f"{(int(right) + 1) % 10**6:06}"

    assert tale.say(enter_code("code", "code-p", "code-c", wrong, "guessed")) == ["accepted"]
    assert tale.names("guessed") == ["VerificationCodeFailed"]
    assert tale.event("guessed", "VerificationCodeFailed")["attempts_left"] == 4
    assert tale.say(partner_decides("code", "code-p")) == ["NO_OPEN_REQUEST"]

    assert tale.say(enter_code("code", "code-p", "code-c", right)) == ["accepted"]
    assert tale.names("enter-code") == ["VerificationCodeAccepted", *ASKED]
    tale.check()


@pytest.mark.requirement("R38", "R46", "R47", "R49", "R81", "R92", "R122")
def test_a_partner_asks_for_the_end_and_its_customer_agrees(tale: Tale) -> None:
    bind(tale, "drop", "drop-p", "drop-c")

    assert tale.say(partner_requests("drop", "drop-p")) == ["accepted"]
    assert tale.names("end-drop") == ["TerminationDrafted"]
    assert tale.say(partner_confirms(tale, "drop", "drop-p")) == ["accepted"]
    assert tale.names("confirm-drop") == ["TerminationConfirmed", *ASKED]
    assert tale.say(customer_decides(tale, "drop", "drop-p", "drop-c", billing_mode="none")) == ["accepted"]

    assert tale.names("decide-drop") == ["TerminationApproved", *END]
    assert tale.event("decide-drop", "BillingSwitched")["to_mode"] == "none"
    tale.check()


@pytest.mark.requirement("R39", "R40")
def test_the_platform_ends_a_partnership_that_breaks_its_rules(tale: Tale) -> None:
    bind(tale, "ban", "ban-p", "ban-c")

    assert tale.say(platform_orders("ban", "ban-p")) == ["accepted"]

    assert tale.names("end-ban") == END
    tale.check()


@pytest.mark.requirement("R118")
def test_what_has_ended_is_read_only(tale: Tale) -> None:
    bind(tale, "over", "over-p", "over-c")
    tale.say(platform_orders("over", "over-p"))

    assert tale.say(messages.cancel("over", "over-p")) == ["PARTNERSHIP_READ_ONLY"]
    tale.check()


def test_a_command_that_comes_before_its_cause_is_refused_and_may_come_again(tale: Tale) -> None:
    """Order holds within a topic only. What comes again needs an id of its own: the first outcome of an id stands."""
    early = messages.invite("early", "early-p", "too-early")
    assert tale.say(early) == ["NOT_FOUND"]
    assert tale.event("too-early", "CommandRejected")["retryable"] is True

    tale.say(messages.register_partner("early-p"))
    tale.whisper(early, partner="early-p")
    assert tale.outcome("too-early") == "NOT_FOUND"
    assert tale.say(messages.invite("early", "early-p", "in-time")) == ["accepted"]
    tale.check()


def test_whatever_partition_a_producer_chooses_a_partnership_keeps_its_order(tale: Tale) -> None:
    """With keys a producer's own hash decides, without keys its whim; the lane is the partner's all the same."""
    deployment = tale.deployment
    tale.say(messages.register_partner("any-p"))
    for number in range(20):
        name = f"keyed-{number}"
        commands = [messages.invite(name, "any-p"), messages.cancel(name, "any-p")]
        deployment.produce(messages.INVITATION, *commands, key=name.encode())
    tale.wait_decided(*(f"cancel-keyed-{number}" for number in range(20)))
    for number in range(4):
        name = f"keyless-{number}"
        for command_id, value in (
            ("invite", messages.invite(name, "any-p")),
            ("cancel", messages.cancel(name, "any-p")),
        ):
            deployment.produce(messages.INVITATION, value)
            tale.wait_decided(f"{command_id}-{name}")

    entries = list(deployment.db.journal.find({"partner": "any-p"}))
    assert {entry["outcome"] for entry in entries} == {"accepted"}
    assert len({entry["lane"] for entry in entries}) == 1
    assert len({entry["source"].split(":")[1] for entry in entries}) == 2
    tale.check()

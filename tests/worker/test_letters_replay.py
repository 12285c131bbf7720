"""A dead letter is decided anew after a mended release; what waited behind it goes through in its order (P2, P3)."""

import asyncio
from collections.abc import Callable

import pytest

from tests.support import messages
from tests.support.deployment import Deployment
from tests.support.fold import assert_documents_are_the_fold
from tests.support.orders import give, give_all, letter, states
from tests.support.waiting import wait_until
from worker.operate.access import access
from worker.operate.verify.report import Difference
from worker.operate.verify.run import verify

BROKEN = "tests.support.broken_handlers"


def wait_for(deployment: Deployment, letters: int) -> None:
    wait_until(lambda: deployment.db.dead_letters.count_documents({}) == letters, 40, f"{letters} dead letters")
    deployment.wait_published()


def subjects_of(deployment: Deployment, kind: str) -> list[str]:
    events = deployment.events("partnership.lifecycle.events")
    return [event["subject"] for event in events if event["type"] == f"partnerships.{kind}.v1"]


@pytest.fixture
def failed(deploy: Callable[..., Deployment]) -> Deployment:
    """A release that failed on p-1's invitation: it is open, three later commands of p-1 are parked. No worker runs."""
    deployment = deploy(lanes=1)
    deployment.make_topics()
    deployment.produce(messages.FACTS, messages.register_partner("acme"), partition=0)
    worker = deployment.start_worker(BROKEN, "raise-for", "p-1")
    deployment.wait_decided(["register-acme"])
    commands = [
        messages.invite("p-1", "acme"),
        messages.cancel("p-1", "acme"),
        messages.invite("p-2", "acme"),
        messages.cancel("p-1", "acme", "again"),
        messages.cancel("p-1", "acme", "and-again"),
    ]
    deployment.produce(messages.INVITATION, *commands, partition=0)
    wait_for(deployment, 4)
    worker.kill()
    return deployment


def assert_sound(deployment: Deployment) -> None:
    """What holds after every replay: topics and journal agree, the fold too, and nobody waits for nothing."""
    deployment.judge()
    assert_documents_are_the_fold(deployment.db)
    blocking = deployment.db.dead_letters.count_documents({"blocks": {"$exists": True}})
    assert sum(lane["blocking"] for lane in deployment.db.lanes.find()) == blocking


def test_after_a_mended_release_a_replay_decides_it_and_what_waited_in_their_order(failed: Deployment) -> None:
    failed.start_worker()

    answered = give(failed, "replay", "invite-p-1", reason="mended in 1.2")

    assert answered.code is None
    assert answered.result["result"] == "accepted"
    assert answered.result["let_go"] == {"accepted": 1, "refused": 2}
    assert set(states(failed).values()) == {"resolved"}
    entries = list(failed.db.journal.find({"order": answered.order_id}).sort("step", 1))
    assert [entry["command_id"] for entry in entries] == ["invite-p-1", "cancel-p-1", "again", "and-again"]
    assert {entry["offset"] for entry in entries} == {failed.db.journal.find_one({"_id": answered.order_id})["offset"]}  # type: ignore[index]
    (audit,) = letter(failed, "invite-p-1")["history"]
    assert (audit["by"], audit["action"], audit["reason"], audit["result"]) == (
        "olga",
        "replay",
        "mended in 1.2",
        "accepted",
    )
    assert_sound(failed)


def test_the_same_command_sent_again_is_a_repeat_before_and_after_the_replay(failed: Deployment) -> None:
    failed.start_worker()
    entries = failed.db.journal.count_documents({})
    for _ in range(2):
        failed.produce(messages.INVITATION, messages.invite("p-1", "acme"), messages.cancel("p-1", "acme"), partition=0)
        failed.produce(messages.FACTS, messages.register_partner("acme"), partition=0)
        give(failed, "replay", "invite-p-1")

    failed.produce(messages.INVITATION, messages.invite("p-9", "acme"), partition=0)
    failed.wait_decided(["invite-p-9"])

    new = failed.db.journal.count_documents({}) - entries
    assert new == 2 + 4 + 1, "two orders, four letters that were decided, one command"
    assert subjects_of(failed, "InvitationSent") == ["p-2", "p-1", "p-9"]
    assert_sound(failed)


def test_one_that_fails_again_stays_open_and_what_waits_stays(failed: Deployment) -> None:
    """Under the release that failed: counted, its error noted, and after five of them it must be said twice."""
    failed.start_worker(BROKEN, "raise-for", "p-1").wait_ready(60)

    codes = [give(failed, "replay", "invite-p-1").code for _ in range(6)]

    assert codes == ["STILL_FAILING"] * 5 + ["LOOP_GUARD"]
    assert give(failed, "replay", "invite-p-1", force=True).code == "STILL_FAILING"
    assert letter(failed, "invite-p-1")["replays"] == 6
    assert states(failed) == {"invite-p-1": "open", "cancel-p-1": "parked", "again": "parked", "and-again": "parked"}
    assert_sound(failed)


def test_one_that_waits_cannot_be_replayed_before_what_it_waits_for(failed: Deployment) -> None:
    failed.start_worker()

    answered = give(failed, "replay", "again")

    assert answered.code == "PARKED"
    assert answered.result["waits_for"] == "invite-p-1"
    assert states(failed)["again"] == "parked"


@pytest.mark.parametrize("how", ["kill-between-store-and-publish", "kill-between-publish-and-note"])
def test_a_kill_after_the_store_of_a_replay_loses_and_doubles_nothing(failed: Deployment, how: str) -> None:
    """Several journal entries at one offset of the lane log go out together, once."""
    worker = failed.start_worker("tests.support.broken", how, "1")

    give_and_wait = give_all(failed, [("replay", "invite-p-1")])
    assert worker.wait(30) != 0
    failed.start_worker()
    failed.produce(messages.FACTS, messages.register_partner("later"), partition=0)
    failed.wait_decided(["register-later"])

    assert give_and_wait[0].code is None
    assert set(states(failed).values()) == {"resolved"}
    assert subjects_of(failed, "InvitationSent") == ["p-2", "p-1"]
    assert_sound(failed)


def test_two_operators_at_once_replay_it_once(failed: Deployment) -> None:
    """The second is told that it came too late, whichever it is; and the lane works on meanwhile."""
    failed.start_worker()
    failed.produce(messages.INVITATION, *(messages.invite(f"q-{n}", "acme") for n in range(50)), partition=0)

    codes = [answered.code for answered in give_all(failed, [("replay", "invite-p-1")] * 3 + [("discard", "again")])]

    assert codes == [None, "ALREADY_RESOLVED", "ALREADY_RESOLVED", "ALREADY_RESOLVED"]
    failed.wait_decided(f"invite-q-{n}" for n in range(50))
    assert subjects_of(failed, "InvitationSent").count("p-1") == 1
    assert_sound(failed)


def test_one_that_waited_and_fails_is_open_and_holds_the_rest(failed: Deployment) -> None:
    """`fail-cancel` fails on the first cancellation only: the invitation goes through, the rest stays behind it."""
    failed.start_worker(BROKEN, "raise-at", "cancel-p-1")

    answered = give(failed, "replay", "invite-p-1")

    assert answered.result["let_go"] == {"failed": 1}
    assert states(failed) == {
        "invite-p-1": "resolved",
        "cancel-p-1": "open",
        "again": "parked",
        "and-again": "parked",
    }
    assert letter(failed, "cancel-p-1")["reason"] == "HANDLER_FAILED"
    reasons = [dict(record.headers())["dead-letter-reason"] for record in failed.read("partnership.dead-letters")]
    assert reasons.count(b"HANDLER_FAILED") == 2
    assert_sound(failed)


def differences(deployment: Deployment) -> list[Difference]:
    found: list[Difference] = []

    async def compare() -> None:
        async with access(deployment.settings()) as connected:
            await verify(connected, tell=found.append)

    asyncio.run(compare())
    return found


def test_verify_knows_what_came_of_a_replay_when_retention_took_all_before_it(failed: Deployment) -> None:
    """Such an entry has not the command's id, by which the first record that is left is looked up."""
    ends = failed.operator.ends("partnership.lifecycle.events")
    failed.start_worker()
    give(failed, "replay", "invite-p-1")

    failed.operator.delete_records("partnership.lifecycle.events", ends)

    assert differences(failed) == []


def test_verify_knows_the_second_record_of_a_letter_when_retention_took_the_first(failed: Deployment) -> None:
    """The one that waited is on the topic again with its own reason, once it was decided and failed."""
    ends = failed.operator.ends("partnership.dead-letters")
    failed.start_worker(BROKEN, "raise-for", "p-1").wait_ready(60)
    assert give(failed, "discard", "invite-p-1").result["let_go"] == {"failed": 1}

    failed.operator.delete_records("partnership.dead-letters", ends)

    assert differences(failed) == []

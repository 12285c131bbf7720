"""P6, the second half: a partnership waits behind its dead letter, so that a replay keeps the order. Others do not."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from tests.support import messages
from tests.support.deployment import Deployment
from tests.support.fold import assert_documents_are_the_fold
from tests.support.waiting import wait_until
from worker.letters.keys import key_of

PAST = datetime(2026, 1, 1, tzinfo=UTC)


def unreadable(command: bytes) -> bytes:
    """The same with a type that no release knows: frame, subject and partner can still be read."""
    return json.dumps({**json.loads(command), "type": "partnerships.NobodyKnows.v1"}).encode()


def outcomes(deployment: Deployment) -> dict[str, str]:
    """Command id → outcome, or the reason of the dead letter."""
    return {entry["command_id"]: entry.get("code", entry["outcome"]) for entry in deployment.db.journal.find()}


def wait_for(deployment: Deployment, entries: int) -> dict[str, str]:
    wait_until(lambda: deployment.db.journal.count_documents({}) == entries, 40, f"{entries} journal entries")
    deployment.wait_published()
    return outcomes(deployment)


def letters(deployment: Deployment, **query: Any) -> list[str]:
    return [letter["command_id"] for letter in deployment.db.dead_letters.find(query).sort("offset", 1)]


def test_later_commands_of_a_partnership_wait_behind_its_letter_and_no_others_do(
    deploy: Callable[..., Deployment],
) -> None:
    """In the batch of the letter and in later ones, under their own ids, so that a repeat of them is a repeat."""
    deployment = deploy(lanes=1)
    deployment.make_topics()
    deployment.produce(messages.FACTS, messages.register_partner("acme"), partition=0)
    first = [messages.invite("p-1", "acme"), messages.invite("p-2", "acme")]
    poison = unreadable(messages.cancel("p-1", "acme", "poison"))
    later = [messages.cancel("p-1", "acme"), messages.cancel("p-2", "acme")]
    deployment.produce(messages.FACTS, *first, poison, *later, partition=0)
    deployment.start_worker()
    wait_for(deployment, 6)

    deployment.produce(messages.FACTS, messages.cancel("p-1", "acme", "again"), later[0], partition=0)
    dry = messages.command("CancelInvitation", "dry", "p-1", "acme", messages.SYSTEM, reason="?", dry_run=True)
    deployment.produce(messages.FACTS, dry, messages.invite("p-3", "acme"), partition=0)

    found = wait_for(deployment, 9)
    assert {key: code for key, code in found.items() if code != "accepted"} == {
        "poison": "UNKNOWN_TYPE",
        "cancel-p-1": "PARKED_BEHIND",
        "again": "PARKED_BEHIND",
        "dry": "answered",
    }
    assert letters(deployment, state="open", blocks=key_of("p-1", "acme")) == ["poison"]
    assert letters(deployment, state="parked", blocks=key_of("p-1", "acme")) == ["cancel-p-1", "again"]
    reasons = {dict(record.headers())["dead-letter-reason"] for record in deployment.read("partnership.dead-letters")}
    assert reasons == {b"UNKNOWN_TYPE", b"PARKED_BEHIND"}
    (lane,) = deployment.db.lanes.find()
    assert lane["blocking"] == 3
    assert_documents_are_the_fold(deployment.db)
    deployment.judge()


def test_a_letter_of_the_partner_holds_all_of_its_partnerships_and_no_other_partners(
    deploy: Callable[..., Deployment],
) -> None:
    deployment = deploy(lanes=1)
    deployment.make_topics()
    deployment.produce(messages.FACTS, *map(messages.register_partner, ("acme", "blue")), partition=0)
    poison = unreadable(messages.register_partner("acme", "poison"))
    deployment.produce(
        messages.FACTS, poison, messages.invite("p-1", "acme"), messages.invite("p-2", "blue"), partition=0
    )
    deployment.start_worker()

    found = wait_for(deployment, 5)

    assert found["invite-p-1"] == "PARKED_BEHIND"
    assert found["invite-p-2"] == "accepted"
    assert letters(deployment, blocks="partner:acme") == ["poison"]


def test_what_names_nobody_or_a_partner_of_another_lane_blocks_nobody(deploy: Callable[..., Deployment]) -> None:
    deployment = deploy(lanes=1)
    deployment.make_topics()
    nobody = {**json.loads(messages.register_partner("acme", "poison")), "partitionkey": 7}
    deployment.produce(messages.FACTS, b"hello?", json.dumps(nobody).encode(), partition=0)
    deployment.produce(messages.FACTS, messages.register_partner("acme"), partition=0)
    deployment.start_worker()

    assert wait_for(deployment, 3)["register-acme"] == "accepted"

    assert deployment.db.dead_letters.count_documents({"blocks": {"$exists": True}}) == 0


def test_a_deadline_waits_without_a_trace_and_hides_no_other(deploy: Callable[..., Deployment]) -> None:
    """The one that is blocked is due for longer, and so comes first to the scheduler's eyes."""
    deployment = deploy(lanes=1)
    worker = deployment.start_worker()
    deployment.make_topics()
    deployment.produce(messages.FACTS, messages.register_partner("acme"), partition=0)
    deployment.produce(messages.FACTS, *(messages.invite(f"p-{n}", "acme") for n in range(2)), partition=0)
    deployment.produce(messages.FACTS, unreadable(messages.cancel("p-0", "acme", "poison")), partition=0)
    wait_for(deployment, 4)

    due = {"state.expires_at": PAST, "next_due_at": PAST}
    deployment.db.partnerships.update_one({"_id": "p-0"}, {"$set": due})
    wait_until(worker.is_ready, 30, "readiness")
    later = {"state.expires_at": PAST.replace(hour=1), "next_due_at": PAST.replace(hour=1)}
    deployment.db.partnerships.update_one({"_id": "p-1"}, {"$set": later})

    wait_for(deployment, 5)
    status = {found["_id"]: found["state"]["status"] for found in deployment.db.partnerships.find()}
    assert status["p-0"] == "invited"
    assert status["p-1"] != "invited"
    assert letters(deployment) == ["poison"]

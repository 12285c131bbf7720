"""What an operator can do with a dead letter besides replaying it, and what becomes of those that waited."""

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.support import messages
from tests.support.deployment import Deployment
from tests.support.fold import assert_documents_are_the_fold
from tests.support.orders import give, letter, republish, states
from tests.support.waiting import wait_until
from worker.partitioning import lane_of

LIFECYCLE = "partnership.lifecycle.events"
PAST = datetime(2026, 1, 1, tzinfo=UTC)


def unreadable(command: bytes, **frame: Any) -> bytes:
    return json.dumps({**json.loads(command), "type": "partnerships.NobodyKnows.v1", **frame}).encode()


def journal(deployment: Deployment, entries: int) -> None:
    wait_until(lambda: deployment.db.journal.count_documents({}) >= entries, 60, f"{entries} journal entries")
    deployment.wait_published()


def status(deployment: Deployment, partnership: str) -> str | None:
    found = deployment.db.partnerships.find_one({"_id": partnership})
    return found["state"]["status"] if found else None


@pytest.fixture
def blocked(deploy: Callable[..., Deployment]) -> Iterator[Deployment]:
    """p-1 is invited; then came a record that nobody can read, and its cancellation waits behind that.

    After each story documents are the fold, and the lane has counted right.
    """
    deployment = deploy(lanes=1)
    deployment.make_topics()
    deployment.produce(messages.FACTS, messages.register_partner("acme"), partition=0)
    poison = unreadable(messages.cancel("p-1", "acme", "poison"))
    deployment.produce(
        messages.FACTS, messages.invite("p-1", "acme"), poison, messages.cancel("p-1", "acme"), partition=0
    )
    deployment.start_worker()
    journal(deployment, 4)
    yield deployment
    deployment.wait_published()
    assert_documents_are_the_fold(deployment.db)
    blocking = deployment.db.dead_letters.count_documents({"blocks": {"$exists": True}})
    assert sum(lane["blocking"] for lane in deployment.db.lanes.find()) == blocking


def test_a_discarded_one_lets_those_go_that_waited_and_a_reopened_one_holds_what_comes_then(
    blocked: Deployment,
) -> None:
    answered = give(blocked, "discard", "poison", reason="a test of the producer's")

    assert answered.result == {
        "letter": letter(blocked, "poison")["_id"],
        "result": "discarded",
        "let_go": {"accepted": 1},
    }
    assert states(blocked) == {"poison": "discarded", "cancel-p-1": "resolved"}
    assert status(blocked, "p-1") == "cancelled"
    assert give(blocked, "discard", "poison").code == "DISCARDED"
    assert give(blocked, "replay", "poison").code == "DISCARDED"

    assert give(blocked, "reopen", "poison", reason="it was none").code is None
    blocked.produce(messages.INVITATION, messages.cancel("p-1", "acme", "later"), partition=0)
    wait_until(lambda: states(blocked).get("later"), 30, "the later one")

    assert states(blocked) == {"poison": "open", "cancel-p-1": "resolved", "later": "parked"}
    assert give(blocked, "reopen", "poison").code == "NOT_DISCARDED"
    assert [done["action"] for done in letter(blocked, "poison")["history"]] == ["discard", "reopen"]
    blocked.judge()


def test_a_released_one_stays_open_and_nobody_waits_for_it(blocked: Deployment) -> None:
    assert give(blocked, "release", "cancel-p-1").code == "PARKED"

    assert give(blocked, "release", "poison").result["let_go"] == {"accepted": 1}

    assert states(blocked) == {"poison": "open", "cancel-p-1": "resolved"}
    assert give(blocked, "release", "poison").code == "NOT_BLOCKING"
    assert give(blocked, "replay", "poison").code == "STILL_FAILING"
    assert "blocks" not in letter(blocked, "poison")
    blocked.judge()


def test_an_edited_body_is_decided_in_its_place_under_a_new_id_and_linked_both_ways(blocked: Deployment) -> None:
    original = letter(blocked, "poison")
    resend = messages.command(
        "ResendInvitation", "poison-2", "p-1", "acme", {**messages.PARTNER_USER, "party_id": "acme"}
    )

    for refused, code in (
        (json.loads(messages.cancel("p-1", "acme", "poison")), "ID_TAKEN"),
        (json.loads(messages.cancel("p-1", "acme", "invite-p-1")), "ID_TAKEN"),
        (json.loads(original["value"]), "UNREADABLE"),
        ({"what": "is this"}, "UNREADABLE"),
    ):
        assert give(blocked, "edit", "poison", body=refused).code == code
    answered = give(blocked, "edit", "poison", body=json.loads(resend), reason="a slip of the type")

    assert answered.result["let_go"] == {"accepted": 1}
    edited = letter(blocked, "poison")
    assert (edited["state"], edited["edited_to"], edited["value"]) == ("resolved", "poison-2", original["value"])
    entry = blocked.db.journal.find_one({"_id": "poison-2"})
    assert entry is not None
    assert entry["edited_from"] == edited["_id"]
    order = blocked.db.journal.find({"subject": "p-1", "order": {"$exists": True}}).sort([("offset", 1), ("step", 1)])
    assert [entry["command_id"] for entry in order] == ["poison-2", "cancel-p-1"]
    blocked.judge()


def test_an_edited_body_for_another_lane_goes_there(deploy: Callable[..., Deployment]) -> None:
    """A record without a partner lay in a lane by chance, and held nobody."""
    deployment = deploy(lanes=4)
    deployment.make_topics()
    deployment.produce(messages.FACTS, b"hello?", partition=0)
    deployment.start_worker()
    journal(deployment, 1)
    (lost,) = deployment.db.dead_letters.find()
    elsewhere = next(name for name in map("p{}".format, range(99)) if lane_of(name, 4) != lost["lane"])

    assert give(deployment, "edit", lost["_id"], body=json.loads(messages.register_partner(elsewhere))).code is None

    deployment.wait_decided([f"register-{elsewhere}"])
    entry = deployment.db.journal.find_one({"_id": f"register-{elsewhere}"})
    assert entry is not None
    assert (entry["lane"], entry["edited_from"]) == (lane_of(elsewhere, 4), lost["_id"])
    deployment.judge()


def test_hundreds_that_waited_for_a_partner_go_through_in_order_and_nothing_overtakes_them(
    deploy: Callable[..., Deployment],
) -> None:
    """More than one store lets go: the lane continues by itself, and what arrives meanwhile waits behind them."""
    deployment = deploy(lanes=1)
    deployment.make_topics()
    deployment.produce(messages.FACTS, messages.register_partner("acme"), partition=0)
    poison = unreadable(messages.register_partner("acme", "poison"))
    names = [f"p-{number}" for number in range(130)]
    values = [value for name in names for value in (messages.invite(name, "acme"), messages.cancel(name, "acme"))]
    deployment.produce(messages.FACTS, poison, *values, partition=0)
    deployment.start_worker()
    journal(deployment, 262)
    assert deployment.db.dead_letters.count_documents({"state": "parked"}) == 260

    give(deployment, "discard", "poison")
    deployment.produce(messages.FACTS, messages.invite("last", "acme"), partition=0)

    wait_until(lambda: not deployment.db.dead_letters.count_documents({"state": "parked"}), 60, "letting go")
    deployment.wait_decided(["invite-last"])
    invited = [event["subject"] for event in deployment.judge() if event["type"] == "partnerships.InvitationSent.v1"]
    assert invited == [*names, "last"]
    assert deployment.db.journal.count_documents({"type": "partnerships.ContinueParked.v1"}) == 2
    assert_documents_are_the_fold(deployment.db)
    (lane,) = deployment.db.lanes.find()
    assert lane["blocking"] == 0


def test_a_deadline_comes_at_once_when_nothing_stands_before_it(deploy: Callable[..., Deployment]) -> None:
    """Not after the pauses of the scheduler, which did not send it meanwhile."""
    deployment = deploy(lanes=1)
    deployment.make_topics()
    deployment.start_worker()
    poison = unreadable(messages.cancel("p-1", "acme", "poison"))
    deployment.produce(
        messages.FACTS, messages.register_partner("acme"), messages.invite("p-1", "acme"), poison, partition=0
    )
    journal(deployment, 3)
    due = {"state.expires_at": PAST, "next_due_at": PAST}
    deployment.db.partnerships.update_one({"_id": "p-1"}, {"$set": due})
    time.sleep(3)
    assert status(deployment, "p-1") == "invited"

    give(deployment, "discard", "poison")

    wait_until(lambda: status(deployment, "p-1") != "invited", 20, "the deadline")


def test_what_a_topic_lost_is_published_again_with_a_mark(blocked: Deployment) -> None:
    (sent,) = [record for record in blocked.read(LIFECYCLE) if json.loads(record.value())["subject"] == "p-1"]
    assert (sent.headers() or [])[-1][0] != "republished"

    done = republish(blocked, "invite-p-1")

    assert (done.orders, done.records, done.codes) == (1, 3, {})
    again = [record for record in blocked.read(LIFECYCLE) if json.loads(record.value())["subject"] == "p-1"]
    assert [record.value() for record in again] == [sent.value()] * 2
    (order,) = blocked.db.journal.find({"type": "partnerships.Republish.v1"})
    assert again[1].headers()[-1] == ("republished", order["_id"].encode())
    assert order["records"] == [], "a copy would be one more place to redact"
    assert len(blocked.read("partnership.quota.events")) == 3, "its quota event too"


def test_a_record_that_names_a_partnership_of_another_partner_holds_nobody_of_it(
    deploy: Callable[..., Deployment],
) -> None:
    """It could not have changed it. And it may be in another lane, which must not decide what is this one's."""
    deployment = deploy(lanes=2)
    deployment.make_topics()
    names = [f"partner-{number}" for number in range(20)]
    ours = next(name for name in names if lane_of(name, 2) == 0)
    near = next(name for name in names if lane_of(name, 2) == 0 and name != ours)
    far = next(name for name in names if lane_of(name, 2) == 1)
    deployment.produce(messages.FACTS, *map(messages.register_partner, (ours, near, far)), partition=0)
    deployment.produce(messages.FACTS, messages.invite("p-1", ours), messages.invite("p-2", ours), partition=0)
    deployment.start_worker()
    journal(deployment, 5)
    wrong = [unreadable(messages.cancel("p-1", other, f"wrong-{other}")) for other in (near, far)]
    own = unreadable(messages.cancel("p-2", ours, "own"))
    deployment.produce(messages.FACTS, *wrong, own, messages.cancel("p-2", ours), partition=0)
    journal(deployment, 9)

    deployment.produce(messages.FACTS, messages.cancel("p-1", ours), partition=0)
    journal(deployment, 10)
    for other in (near, far):
        give(deployment, "discard", f"wrong-{other}")

    assert status(deployment, "p-1") == "cancelled"
    assert states(deployment) == {
        f"wrong-{near}": "discarded",
        f"wrong-{far}": "discarded",
        "own": "open",
        "cancel-p-2": "parked",
    }
    assert {lane["_id"]: lane["blocking"] for lane in deployment.db.lanes.find()} == {0: 2, 1: 0}
    assert {entry["lane"] for entry in deployment.db.journal.find({"subject": "p-1", "partner": ours})} == {0}
    deployment.judge()


def test_a_header_of_ours_that_came_from_outside_says_nothing_and_stops_nobody(blocked: Deployment) -> None:
    """Neither on a command that waits, nor on one that somebody put into the lane log himself."""
    forged = [("~edited-from", b"\xff")]
    blocked.produce(messages.FACTS, messages.cancel("p-1", "acme", "again"), partition=0, headers=forged)
    wait_until(lambda: states(blocked).get("again"), 30, "the one with the header to wait")
    blocked.produce("partnership.lanes", messages.invite("p-2", "acme"), partition=0, headers=forged)
    blocked.wait_decided(["invite-p-2"])

    assert give(blocked, "discard", "poison").result["let_go"] == {"accepted": 1, "refused": 1}

    assert states(blocked) == {"poison": "discarded", "cancel-p-1": "resolved", "again": "resolved"}
    assert blocked.db.journal.count_documents({"command_id": "again", "edited_from": {"$exists": True}}) == 0
    blocked.judge()

"""P2: a command is decided once, however often and wherever it is delivered; and an id is one command for ever.

What leaves no entry under its own id is followed by a marker in the same partition and lane (`whisper`): once that is
heard, it is over.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support import messages
from tests.support.tale import Tale, told
from worker.partitioning import lane_of
from worker.servers import Servers

LANES = 4


@pytest.fixture(scope="module")
def tale(servers: Servers) -> Iterator[Tale]:
    with told(servers, lanes=LANES) as running:
        yield running
        running.deployment.wait_published()
        running.deployment.judge()


def state_of(tale: Tale, partner: str) -> dict[str, Any]:
    """All that a command of this partner could change."""
    db = tale.deployment.db
    return {
        "partner": db.partners.find_one({"_id": partner}),
        "partnerships": list(db.partnerships.find({"partner_id": partner})),
        "entries": list(db.journal.find({"partner": partner, "code": {"$ne": "NOT_FOUND"}})),
    }


def changed(value: bytes, **data: Any) -> bytes:
    """The same command id with something else in its data."""
    said = json.loads(value)
    return json.dumps({**said, "data": {**said["data"], **data}}).encode()


def test_a_repeat_has_no_effect(tale: Tale) -> None:
    command = messages.invite("again", "again-p")
    tale.say(messages.register_partner("again-p"), command)
    before = state_of(tale, "again-p")

    tale.whisper(command, command, partner="again-p")

    assert state_of(tale, "again-p") == before
    tale.check()


def test_a_repeat_may_be_written_differently(tale: Tale) -> None:
    """White space, the order of keys, the time and the tracing make no other command."""
    said = json.loads(messages.invite("same", "same-p"))
    tale.say(messages.register_partner("same-p"), json.dumps(said).encode())
    before = state_of(tale, "same-p")
    turned = {key: said[key] for key in reversed(said)}
    turned["data"] = {key: said["data"][key] for key in reversed(said["data"])}
    turned |= {"time": "2026-06-01T12:00:00.5+02:00", "traceparent": "00-1-2-01", "source": "/elsewhere"}

    tale.whisper(json.dumps(turned, indent=4).encode(), partner="same-p")

    assert state_of(tale, "same-p") == before


def test_repeats_within_one_batch_are_repeats(tale: Tale) -> None:
    """They wait for the worker together, with the first of them, so no journal knows it yet."""
    tale.say(messages.register_partner("burst-p"))

    tale.whisper(*[messages.invite("burst", "burst-p")] * 50, partner="burst-p")

    (partnership,) = state_of(tale, "burst-p")["partnerships"]
    assert partnership["rev"] == 1
    assert tale.names("invite-burst") == ["InvitationSent", "QuotaUpdated"]
    # Else the journal's unique id would save it, after one halved batch upon the other.
    assert tale.deployment.workers[0].logged("lane starts again") == []


def test_a_refused_command_stays_refused(tale: Tale) -> None:
    """The first outcome stands although the same command would be accepted by now."""
    command = messages.invite("late", "late-p")
    assert tale.say(command) == ["NOT_FOUND"]
    tale.say(messages.register_partner("late-p"))

    tale.whisper(command, partner="late-p")

    assert tale.outcome("invite-late") == "NOT_FOUND"
    assert state_of(tale, "late-p")["partnerships"] == []
    assert len(tale.rejections("invite-late")) == 1


def test_an_id_that_another_body_has_taken_is_refused(tale: Tale) -> None:
    command = messages.invite("taken", "taken-p")
    tale.say(messages.register_partner("taken-p"), command)
    partnership = tale.deployment.db.partnerships.find_one({"_id": "taken"})

    tale.whisper(changed(command, model="reseller"), partner="taken-p")

    (refusal,) = tale.rejections("invite-taken")
    assert (refusal["code"], refusal["details"]) == ("COMMAND_ID_REUSED", {"first_outcome_stands": True})
    assert tale.outcome("invite-taken") == "accepted"
    assert tale.deployment.db.partnerships.find_one({"_id": "taken"}) == partnership
    tale.check()


def test_a_reused_id_that_is_delivered_twice_is_refused_once(tale: Tale) -> None:
    """Delivered twice by intake: the same bytes from the same place, so the same `~source` in the lane log."""
    tale.say(messages.register_partner("twice-p"), messages.invite("twice", "twice-p"))
    reused = changed(messages.invite("twice", "twice-p"), model="reseller")
    copies = [("~source", b"some.topic:0:7:1700000000000")]
    for _ in range(2):
        lane = lane_of("twice-p", LANES)
        tale.deployment.produce("partnership.lanes", reused, headers=copies, partition=lane)
    tale.settle("twice-p")

    assert len(tale.rejections("invite-twice")) == 1


def test_the_same_id_in_two_lanes_is_decided_in_one_of_them(tale: Tale) -> None:
    """The journal is one for all lanes; which of the two comes first is nobody's promise."""
    here, there = (next(p for n in range(99) if lane_of(p := f"lane-{n}", LANES) == lane) for lane in (0, 1))
    tale.say(messages.register_partner(here), messages.register_partner(there))
    for number in range(10):
        for partner in (here, there):
            command = messages.invite(f"both-{number}-{partner}", partner, f"both-{number}")
            tale.deployment.enqueue(messages.INVITATION, command, partition=0)
    tale.deployment.flush()
    tale.settle(here)
    tale.settle(there)

    for number in range(10):
        made = list(tale.deployment.db.partnerships.find({"_id": {"$regex": f"^both-{number}-"}}))
        assert len(made) == 1
        refused = [refusal["code"] for refusal in tale.rejections(f"both-{number}")]
        assert refused == ["COMMAND_ID_REUSED"]
    tale.check()


def test_a_dry_run_is_answered_and_changes_nothing(tale: Tale) -> None:
    tale.say(messages.register_partner("dry-p"))
    before = state_of(tale, "dry-p")["partner"]

    tale.whisper(messages.invite("dry", "dry-p", dry_run=True), partner="dry-p")

    (answer,) = tale.rejections("invite-dry")
    assert answer["would"] == "accept"
    assert "partnerships.InvitationSent.v1" in answer["events"]
    assert state_of(tale, "dry-p")["partner"] == before
    assert state_of(tale, "dry-p")["partnerships"] == []


def test_after_a_dry_run_the_real_command_is_decided_under_the_same_id(tale: Tale) -> None:
    tale.say(messages.register_partner("real-p"))
    tale.whisper(messages.invite("real", "real-p", dry_run=True), partner="real-p")

    assert tale.say(messages.invite("real", "real-p")) == ["accepted"]

    assert tale.names("invite-real") == ["InvitationSent", "QuotaUpdated"]
    tale.check()


def test_a_dry_run_says_why_it_would_be_refused(tale: Tale) -> None:
    tale.whisper(messages.invite("no", "nobody-p", dry_run=True), partner="nobody-p")

    (answer,) = tale.rejections("invite-no")
    assert (answer["would"], answer["code"]) == ("refuse", "NOT_FOUND")


def test_a_sender_that_has_not_seen_the_latest_is_refused(tale: Tale) -> None:
    tale.say(messages.register_partner("seen-p"), messages.invite("seen", "seen-p"))
    stale = changed(messages.cancel("seen", "seen-p", "stale"), expected_version=0)
    right = changed(messages.cancel("seen", "seen-p", "right"), expected_version=1)

    assert tale.say(stale, right) == ["VERSION_CONFLICT", "accepted"]

    assert tale.event("stale", "CommandRejected")["details"] == {"current_version": 1}
    tale.check()

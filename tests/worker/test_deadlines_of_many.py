"""Many deadlines at once: a lane that does not come to its own, or cannot be reached, holds no other's (P5)."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiokafka.errors import KafkaTimeoutError
from typing_extensions import override

from handlers.deadlines import Deadline
from tests.support import messages
from tests.support.deployment import SECRET, Deployment
from worker import deadlines
from worker.batch import step_id
from worker.deadlines import Scheduler, deadline_id
from worker.kafka import Batches
from worker.mongo.client import connect
from worker.mongo.collections import PARTNERSHIPS
from worker.partitioning import lane_of
from worker.secrets import Secrets

LANES = "partnership.lanes"
PAST = datetime(2026, 1, 1, tzinfo=UTC)
CROWDED, QUIET = (next(name for name in map("p{}".format, range(99)) if lane_of(name, 2) == lane) for lane in (0, 1))
CROWD = 12
FAILED = -1
REMINDER_AND_EXPIRY = 2
"""Deadlines of an offer that is long past."""


@pytest.fixture
def deployment(deploy: Callable[..., Deployment], monkeypatch: pytest.MonkeyPatch) -> Deployment:
    """Twelve offers of one lane are due, and after them one of another. No worker runs."""
    monkeypatch.setattr(deadlines, "AT_ONCE", 3)
    monkeypatch.setattr(deadlines, "ON_THEIR_WAY_TO_LANE_MAX", 4)
    monkeypatch.setattr(deadlines, "ON_THEIR_WAY_MAX", 8)
    deployment = deploy(lanes=2)
    deployment.make_topics()
    worker = deployment.start_worker()
    offers = {f"crowd-{number}": CROWDED for number in range(CROWD)} | {"alone": QUIET}
    deployment.produce(messages.FACTS, *(messages.register_partner(name) for name in (CROWDED, QUIET)), partition=0)
    deployment.wait_decided([f"register-{CROWDED}", f"register-{QUIET}"])
    deployment.produce(messages.INVITATION, *(messages.invite(*offer) for offer in offers.items()), partition=0)
    deployment.wait_decided(f"invite-{offer}" for offer in offers)
    deployment.wait_published()
    assert worker.terminate() == 0
    for number, offer in enumerate(offers):
        at = PAST + timedelta(minutes=number)
        change = {"$set": {"state.expires_at": at, "next_due_at": at}}
        deployment.db[PARTNERSHIPS].update_one({"_id": offer}, change)
    return deployment


def looks(deployment: Deployment, number: int, between: Callable[[int], None] = lambda _: None) -> list[int]:
    """As a worker does that holds the lease. Answers with how many were sent in each."""

    async def look() -> list[int]:
        client = connect(deployment.servers.mongo_url, 10)
        scheduler = Scheduler(deployment.settings(request_timeout_seconds="2"), Secrets(SECRET), client)
        sent = []
        try:
            for each in range(number):
                try:
                    sent.append(await scheduler._look())
                except KafkaTimeoutError:
                    sent.append(FAILED)
                await asyncio.to_thread(between, each)
        finally:
            await scheduler._drop_producer()
            await client.close()
        return sent

    return asyncio.run(look())


def reached(deployment: Deployment) -> list[str]:
    """Whose deadline stands in the lane log."""
    records: list[Any] = deployment.read(LANES)
    values = [record.value() for record in records]
    return [offer for offer in offers_of(deployment) if any(f"~due:{offer}:".encode() in v for v in values)]


def offers_of(deployment: Deployment) -> list[str]:
    return [row["_id"] for row in deployment.db[PARTNERSHIPS].find().sort("next_due_at")]


def test_a_lane_that_does_not_come_to_its_deadlines_holds_no_other(deployment: Deployment) -> None:
    assert looks(deployment, 4) == [3, 1, 1, 0]
    assert reached(deployment) == [f"crowd-{number}" for number in range(4)] + ["alone"]


def test_as_soon_as_it_comes_to_them_more_are_sent(deployment: Deployment) -> None:
    def come_to(look: int) -> None:
        if look == 2:
            rows = {"_id": {"$in": ["crowd-0", "crowd-1"]}}
            deployment.db[PARTNERSHIPS].update_many(rows, {"$set": {"next_due_at": datetime(2099, 1, 1, tzinfo=UTC)}})

    assert looks(deployment, 5, come_to) == [3, 1, 1, 2, 0]


def test_what_this_release_does_not_know_or_cannot_read_holds_no_deadline_that_it_knows(deployment: Deployment) -> None:
    """A later release was here: by its word these are due, and by ours nothing of theirs is."""
    offers, crowd = deployment.db[PARTNERSHIPS], [f"crowd-{number}" for number in range(CROWD)]
    offers.update_many({"_id": {"$in": crowd[:6]}}, {"$set": {"state.expires_at": datetime(2036, 1, 1, tzinfo=UTC)}})
    offers.update_many({"_id": {"$in": crowd[6:8]}}, {"$set": {"state.status": "dreaming"}})
    offers.update_one({"_id": crowd[8]}, {"$unset": {"sequences": ""}, "$set": {"state.status": "dreaming"}})
    offers.update_one({"_id": crowd[9]}, {"$set": {"partner_id": 9}})

    looks(deployment, 8)

    assert reached(deployment) == ["crowd-10", "crowd-11", "alone"]


class Leaderless(Batches):
    """As where partition 0 of the lane log has no leader."""

    @override
    async def send(self) -> dict[tuple[str, int], int]:
        if any(number == 0 for _, number in self._open):
            raise KafkaTimeoutError
        return await super().send()


def test_a_lane_that_cannot_be_reached_holds_no_other(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither in the same go, nor where it has more than goes into one; and it is tried again by itself."""
    monkeypatch.setattr(deadlines, "Batches", Leaderless)
    monkeypatch.setattr(deadlines, "AFTER_FAILURE_SECONDS", 0)

    def come_back(look: int) -> None:
        if look == 3:
            assert reached(deployment) == ["alone"]
            monkeypatch.setattr(deadlines, "Batches", Batches)

    assert looks(deployment, 6, come_back) == [FAILED, FAILED, 1, FAILED, 0, 0]
    assert reached(deployment) == [f"crowd-{number}" for number in range(4)] + ["alone"]


def test_what_had_no_effect_is_sent_again_also_where_the_lane_is_full(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broker's clock that is behind makes a deadline come too early; its partner may be left out meanwhile."""
    monkeypatch.setattr(deadlines, "AGAIN_SECONDS", 0)
    looks(deployment, 6)
    values = [record.value() for record in deployment.read(LANES)]
    assert sum(b"~due:crowd-0:" in value for value in values) > 2 * REMINDER_AND_EXPIRY


@pytest.mark.parametrize("partnership", ["1", "step:1", "due", "x" * 128])
def test_nobody_can_make_the_id_of_a_deadline(partnership: str) -> None:
    """Ids of partnerships and of commands are other people's: what follows from a command has the command's in its own.

    A deadline whose id is taken would be refused for ever.
    """
    due = deadline_id(partnership, Deadline("decision", datetime(2026, 1, 25, 12, tzinfo=UTC), 12))
    assert due.startswith("~due:")
    for start in range(len(due)):
        assert step_id(1, due[start:]) != due

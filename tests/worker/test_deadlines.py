"""Deadlines fire (P5): what is due in MongoDB becomes a command in the lane log, and has one effect.

An invitation's times are moved into the past by hand: nobody waits thirty days for a test.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from tests.support import messages
from tests.support.deployment import Deployment
from tests.support.waiting import wait_until

PAST = datetime(2026, 1, 1, tzinfo=UTC)


def invited(deployment: Deployment, *partnerships: str) -> None:
    deployment.make_topics()
    deployment.produce(messages.FACTS, messages.register_partner("acme"))
    deployment.wait_decided(["register-acme"])
    deployment.produce(messages.INVITATION, *(messages.invite(one, "acme") for one in partnerships), key=b"acme")
    deployment.wait_decided(f"invite-{one}" for one in partnerships)


def make_due(deployment: Deployment, *partnerships: str) -> None:
    deployment.db.partnerships.update_many(
        {"_id": {"$in": list(partnerships)}}, {"$set": {"state.expires_at": PAST, "next_due_at": PAST}}
    )


def expired(deployment: Deployment) -> list[str]:
    events = deployment.events("partnership.lifecycle.events")
    return [event["subject"] for event in events if event["type"] == "partnerships.InvitationExpired.v1"]


@pytest.mark.requirement("R17")
def test_an_invitation_expires_when_its_time_has_come_and_gives_its_place_back(
    deploy: Callable[..., Deployment],
) -> None:
    deployment = deploy()
    deployment.start_worker()
    invited(deployment, "due", "not-due")

    make_due(deployment, "due")

    wait_until(lambda: expired(deployment), 30, "expiry")
    deployment.wait_published()
    assert expired(deployment) == ["due"]
    quota = deployment.events("partnership.quota.events")[-1]["data"]
    assert quota["reserved"] == 1
    deployment.judge()


def test_a_deadline_that_came_due_while_no_worker_ran_fires_once_although_two_workers_look(
    deploy: Callable[..., Deployment],
) -> None:
    deployment = deploy()
    worker = deployment.start_worker()
    names = [f"p-{number}" for number in range(40)]
    invited(deployment, *names)
    worker.kill()
    make_due(deployment, *names)

    deployment.start_worker()
    deployment.start_worker()

    wait_until(lambda: len(expired(deployment)) >= len(names), 60, "expiries")
    deployment.wait_published()
    assert sorted(expired(deployment)) == sorted(names)
    deployment.judge()


def test_one_that_comes_too_early_changes_nothing_and_leaves_no_entry(deploy: Callable[..., Deployment]) -> None:
    """As if the scheduler's clock were ahead: only `next_due_at` says that it is time."""
    deployment = deploy()
    worker = deployment.start_worker()
    invited(deployment, "early")
    due_at = datetime.now(tz=UTC) + timedelta(days=1)
    entries = deployment.db.journal.estimated_document_count()

    deployment.db.partnerships.update_one({"_id": "early"}, {"$set": {"next_due_at": PAST, "state.expires_at": due_at}})
    wait_until(lambda: worker.readiness().get("ready"), 30, "readiness")
    deployment.produce(messages.INVITATION, messages.cancel("early", "acme"), key=b"acme")
    deployment.wait_decided(["cancel-early"])

    assert deployment.db.journal.estimated_document_count() == entries + 1
    assert not expired(deployment)

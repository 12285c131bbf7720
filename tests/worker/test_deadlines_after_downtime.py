"""P5 after a day of downtime: thousands are due at once; each has one effect, and the lane log is not flooded.

The offers are made by the worker itself, from commands that were appended more than a month ago. Meanwhile somebody
else holds the lease, as if this worker's scheduler had been away: so nothing is due for it until the day is over.
`DEADLINES=10000 make test ARGS=tests/worker/test_deadlines_after_downtime.py` tries as many as you like.
"""

import json
import os
import re
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.support import messages
from tests.support.deployment import Deployment, WorkerProcess
from tests.support.past import Past
from tests.support.waiting import wait_until
from worker.deadlines import AGAIN_SECONDS

DEADLINES = int(os.environ.get("DEADLINES", "1200"))
PARTNERS = 20
NOT_DUE = 20
SECONDS_MAX = 60 + DEADLINES / 20
MEMORY_MB_MAX = 400
LEASE = {"_id": "deadlines", "owner": "somebody else"}


def hold_the_lease(deployment: Deployment) -> None:
    deployment.db.leases.insert_one({**LEASE, "until": datetime.now(tz=UTC) + timedelta(days=1)})


def release_the_lease(deployment: Deployment) -> None:
    """As if its time had run out."""
    deployment.db.leases.update_one({"_id": LEASE["_id"]}, {"$set": {"until": datetime.fromtimestamp(0, tz=UTC)}})


def offers(deployment: Deployment) -> tuple[set[str], set[str]]:
    """Made 31 days ago, so that they expired a day ago; and others now, which are not due for a month."""
    past = Past(deployment)
    a_month_ago = past.at(days=31)
    partners = [f"p{number}" for number in range(PARTNERS)]
    past.say(a_month_ago, *(messages.register_partner(p, quota_limit=DEADLINES + NOT_DUE) for p in partners))
    due = [messages.invite(f"due-{number}", f"p{number % PARTNERS}") for number in range(DEADLINES)]
    not_due = [messages.invite(f"not-due-{number}", f"p{number % PARTNERS}") for number in range(NOT_DUE)]
    ids = {*past.say(a_month_ago, *due), *past.say(past.begun, *not_due)}
    worker = deployment.start_worker()
    deployment.wait_decided(ids, SECONDS_MAX)
    worker.kill()
    assert deployment.db.partnerships.count_documents({"state.status": "invited"}) == DEADLINES + NOT_DUE
    return {f"due-{number}" for number in range(DEADLINES)}, {f"not-due-{number}" for number in range(NOT_DUE)}


def memory_mb(worker: WorkerProcess) -> int:
    """The most that it ever had."""
    status = Path(f"/proc/{worker.process.pid}/status").read_text(encoding="ascii")
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) // 1024


def appended(deployment: Deployment) -> Counter[str]:
    """How often the scheduler appended each deadline to the lane log."""
    bodies = [json.loads(record.value()) for record in deployment.read("partnership.lanes")]
    return Counter(body["id"] for body in bodies if body["type"] == "partnerships.DeadlineReached.v1")


@pytest.mark.timeout(60 + 3 * SECONDS_MAX)
def test_thousands_that_came_due_meanwhile_fire_once_each_also_through_a_kill(
    deploy: Callable[..., Deployment],
) -> None:
    deployment = deploy()
    deployment.make_topics()
    hold_the_lease(deployment)
    due, not_due = offers(deployment)
    begun = time.monotonic()
    release_the_lease(deployment)
    expired = {"state.status": "expired"}

    first = deployment.start_worker()
    wait_until(lambda: deployment.db.partnerships.count_documents(expired) > DEADLINES // 3, SECONDS_MAX, "a third")
    memory = memory_mb(first)
    first.kill()
    release_the_lease(deployment)
    second = deployment.start_worker()
    wait_until(lambda: deployment.db.partnerships.count_documents(expired) >= len(due), SECONDS_MAX, "all of them")
    deployment.wait_published(SECONDS_MAX)
    memory = max(memory, memory_mb(second))
    seconds = time.monotonic() - begun

    assert {found["_id"] for found in deployment.db.partnerships.find(expired)} == due
    assert {p["state"]["status"] for p in deployment.db.partnerships.find({"_id": {"$in": list(not_due)}})} == {
        "invited"
    }
    effects = Counter(
        event["subject"] for event in deployment.judge() if event["type"] == "partnerships.InvitationExpired.v1"
    )
    assert effects == Counter(due)
    reserved = sum(partner["quota"]["reserved"] for partner in deployment.db.partners.find())
    assert reserved == len(not_due)
    # Each worker sends one once, and again only to a lane that has not come to it within a minute.
    assert max(appended(deployment).values()) <= 2 + seconds // AGAIN_SECONDS
    assert memory < MEMORY_MB_MAX, f"{memory} MB"
    print(f"{DEADLINES} deadlines in {seconds:.1f} s, {memory} MB")  # noqa: T201

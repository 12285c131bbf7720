"""A lane remembers the partners that it stored last. What another owner wrote meanwhile must count all the same."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from tests.support import messages
from tests.support.deployment import Deployment
from tests.support.inside import LaneInside, lane_inside

pytestmark = pytest.mark.timeout(120)


def restrict(partner: str) -> bytes:
    data = {"as_of": "2026-01-02T00:00:00Z", "status": "restricted"}
    return messages.command("ReportPartnerStanding", "restrict", partner, partner, messages.SYSTEM, **data)


@asynccontextmanager
async def remembering(deployment: Deployment) -> AsyncIterator[LaneInside]:
    """A lane at work that has just restricted its partner."""
    async with lane_inside(deployment) as inside:
        running = asyncio.create_task(inside.run())
        try:
            await inside.append(messages.register_partner("acme"), restrict("acme"))
            await asyncio.to_thread(deployment.wait_decided, ["restrict"])
            assert inside.lane._partners["acme"].status == "restricted"
            yield inside
        finally:
            inside.lane.close()
            await asyncio.wait({running}, timeout=30)


async def test_what_another_owner_wrote_counts_after_the_next_opening(deploy: Callable[..., Deployment]) -> None:
    deployment = deploy(lanes=1)
    async with remembering(deployment) as inside:
        # What a worker does that takes the lane for a while.
        deployment.db.lanes.update_one({"_id": 0}, {"$inc": {"epoch": 1}})
        deployment.db.partners.update_one({"_id": "acme"}, {"$set": {"status": "active"}, "$inc": {"rev": 1}})
        await inside.append(messages.invite("p-1", "acme"))
        await asyncio.to_thread(deployment.wait_decided, ["invite-p-1"])

    assert deployment.db.journal.find_one({"_id": "invite-p-1"})["outcome"] == "accepted"  # type: ignore[index]


async def test_after_a_conflict_nothing_is_remembered(deploy: Callable[..., Deployment]) -> None:
    deployment = deploy(lanes=1)
    async with remembering(deployment) as inside:
        deployment.db.partners.update_one({"_id": "acme"}, {"$set": {"negative_records": 7}, "$inc": {"rev": 1}})
        data = {"as_of": "2026-01-03T00:00:00Z", "status": "active"}
        await inside.append(
            messages.command("ReportPartnerStanding", "resume", "acme", "acme", messages.SYSTEM, **data)
        )
        await asyncio.to_thread(deployment.wait_decided, ["resume"], 20)

    partner = deployment.db.partners.find_one({"_id": "acme"})
    assert (partner["status"], partner["negative_records"], partner["rev"]) == ("active", 7, 4)  # type: ignore[index]

"""What a lane holds for published: no more than a reader sees, on the real Kafka."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from contracts.topics import TopicName
from tests.support import messages
from tests.support.deployment import Deployment, wait_until
from tests.support.inside import LaneInside, lane_inside
from worker.cancelling import cancel
from worker.records import mark_of
from worker.unseen import Unseen

PARTNER = "acme"
QUICK = {"transaction_timeout_seconds": "5", "request_timeout_seconds": "5"}

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
async def published(deploy_own: Callable[..., Deployment]) -> AsyncIterator[LaneInside]:
    """An open lane that has published something, at which nobody has looked."""
    deployment = await asyncio.to_thread(deploy_own, lanes=1, overrides=QUICK)
    async with lane_inside(deployment) as inside:
        await inside.open()
        await inside.append(messages.register_partner(PARTNER), messages.invite("p-1", PARTNER))
        working = [asyncio.create_task(inside.feed()), asyncio.create_task(inside.lane._work())]
        end = (await inside.consumer.end_offsets([inside.lane.partition]))[inside.lane.partition]
        await asyncio.to_thread(wait_until, lambda: (inside.lane.next_offset or 0) >= end, 30, "the publication")
        await cancel(working)
        yield inside


@pytest.fixture
async def unseen(published: LaneInside) -> AsyncIterator[Unseen]:
    unseen = Unseen(published.deployment.settings())
    yield unseen
    await unseen.close()


async def test_what_readers_see_is_held_for_published(published: LaneInside, unseen: Unseen) -> None:
    lane = published.lane
    assert lane.seen.offset < lane.acknowledged.offset
    await unseen.look([lane])
    assert lane.seen == lane.acknowledged
    await lane._note_published()
    (document,) = published.deployment.db.lanes.find()
    assert (document["published"], document["marks"]) == (lane.acknowledged.offset, lane.acknowledged.marks)


async def test_another_opening_begins_with_what_it_finds(published: LaneInside, unseen: Unseen) -> None:
    """What was looked for in the former one says nothing about this one."""
    lane = published.lane
    former = lane.acknowledged
    await lane._shut()
    await published.open()
    seen = lane.seen
    assert seen.offset == former.offset
    await lane.confirm(former._replace(offset=former.offset + 1))
    assert lane.seen is seen


async def test_a_partition_that_cannot_be_asked_hides_only_what_is_there(
    published: LaneInside, unseen: Unseen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One without a leader does the same; here it is one of a topic that is gone. With as many as a worker has."""
    monkeypatch.setattr("worker.unseen.ASK_SECONDS_MAX", 1)
    here = mark_of(TopicName.LIFECYCLE_EVENTS, 0)
    await asyncio.to_thread(published.deployment.operator.delete_topic, str(TopicName.QUOTA_EVENTS))
    gone = [mark_of(TopicName.QUOTA_EVENTS, number) for number in range(60)]
    assert (await unseen._ends([here, *gone])).keys() == {here}


async def test_what_a_topic_lost_that_was_made_anew_goes_out_again(published: LaneInside, unseen: Unseen) -> None:
    """It was deleted before anybody saw what had just been published there."""
    deployment, lane = published.deployment, published.lane
    topic = str(TopicName.LIFECYCLE_EVENTS)
    before = [event["id"] for event in await asyncio.to_thread(deployment.events, topic)]
    await asyncio.to_thread(deployment.operator.delete_topic, topic)
    await asyncio.to_thread(deployment.make_topics)
    unseen._patience_seconds = 0.5
    while lane._doubt is None:
        await unseen.look([lane])
        await asyncio.sleep(0.2)
    assert "made anew" in lane._doubt
    assert lane.seen.offset < lane.acknowledged.offset

    await lane._shut()
    await published.open()

    assert [event["id"] for event in await asyncio.to_thread(deployment.events, topic)] == before

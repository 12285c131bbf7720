"""Lanes publish together, on the real Kafka: in one transaction what waits, and nothing after they were fenced."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence

import pytest
from aiokafka.errors import KafkaConnectionError

from contracts.topics import TopicName
from tests.support.deployment import Deployment
from worker.mongo.client import connect
from worker.mongo.store import Store
from worker.publications import FENCED, Place, Publications, SharedPublisher
from worker.publisher import Publisher
from worker.records import Outgoing, mark_of

TOPIC = TopicName.LIFECYCLE_EVENTS
LANES = 8


def record(value: str, partition: int = 0) -> Outgoing:
    return Outgoing(TOPIC, partition, b"key", value.encode())


def seen(deployment: Deployment) -> list[str]:
    """What a `read_committed` consumer finds in the first partition."""
    found = deployment.read(str(TOPIC))
    return [(one.value() or b"").decode() for one in found if one.partition() == 0]


class Counted:
    """The transactions of a shared publisher, each by the number of its records; held while `go_on` is not set."""

    def __init__(self, publisher: SharedPublisher) -> None:
        self.sizes: list[int] = []
        self.go_on = asyncio.Event()
        self.go_on.set()
        self._publish = publisher._publisher.publish
        publisher._publisher.publish = self.publish  # type: ignore[method-assign]

    async def publish(self, records: Sequence[Outgoing]) -> dict[str, int]:
        self.sizes.append(len(records))
        await self.go_on.wait()
        return await self._publish(records)


@pytest.fixture
async def deployment(deploy: Callable[..., Deployment]) -> Deployment:
    made = deploy(lanes=2)
    await asyncio.to_thread(made.make_topics)
    return made


@pytest.fixture
async def make(deployment: Deployment) -> AsyncIterator[Callable[[], Publications]]:
    """Each as of another worker."""
    made: list[Publications] = []
    client = connect(deployment.servers.mongo_url, 10)

    def one() -> Publications:
        made.append(Publications(deployment.settings(), deployment.secrets, Store(client, deployment.name)))
        return made[-1]

    yield one
    await asyncio.gather(*(publications.close() for publications in made))
    assert await client[deployment.name].leases.find_one() is None, "a lease was left to its time"
    await client.close()


async def test_what_waits_goes_out_in_one_transaction_in_the_order_of_its_coming(
    deployment: Deployment, make: Callable[[], Publications]
) -> None:
    publisher = await make().current()
    counted = Counted(publisher)
    marks = await asyncio.gather(
        publisher.publish([record("a")]),
        publisher.publish([record("b"), record("elsewhere", 1)]),
        publisher.publish([]),
        publisher.publish([record("c")]),
    )
    assert counted.sizes == [4]
    first, second = mark_of(TOPIC, 0), mark_of(TOPIC, 1)
    assert [sorted(found) for found in marks] == [[first], [first, second], [], [first]]
    assert {found[first] for found in marks if found} == {3}, "a mark is not behind all that was published there"
    assert await asyncio.to_thread(seen, deployment) == ["a", "b", "c"]


async def test_what_comes_while_one_is_under_way_goes_with_the_next(make: Callable[[], Publications]) -> None:
    publisher = await make().current()
    counted = Counted(publisher)
    counted.go_on.clear()
    waiting = [asyncio.create_task(publisher.publish([record("first")]))]
    await asyncio.sleep(0.01)
    waiting += [asyncio.create_task(publisher.publish([record(str(number))])) for number in range(LANES)]
    await asyncio.sleep(0.01)
    counted.go_on.set()
    await asyncio.gather(*waiting)
    assert counted.sizes == [1, LANES]


async def test_a_lane_that_starts_again_waits_for_what_it_gave_before(
    deployment: Deployment, make: Callable[[], Publications]
) -> None:
    """Its task was cancelled, its records are under way: it must not ask the topics before they are there."""
    publisher = await make().current()
    counted = Counted(publisher)
    counted.go_on.clear()
    cut = asyncio.create_task(publisher.publish([record("under way")]))
    await asyncio.sleep(0.01)
    late = asyncio.create_task(publisher.publish([record("never begun")]))
    await asyncio.sleep(0.01)
    cut.cancel()
    late.cancel()
    opening = asyncio.create_task(publisher.settle(()))
    await asyncio.sleep(0.1)
    assert not opening.done()
    counted.go_on.set()
    await opening
    assert await asyncio.to_thread(seen, deployment) == ["under way"]


async def test_a_failure_is_everybodys_and_the_next_publisher_another_one(
    deployment: Deployment, make: Callable[[], Publications]
) -> None:
    publications = make()
    publisher = await publications.current()
    counted = Counted(publisher)
    counted.go_on.clear()
    waiting = [asyncio.create_task(publisher.publish([record("first")]))]
    await asyncio.sleep(0.01)
    waiting.append(asyncio.create_task(publisher.publish([record("second")])))
    await asyncio.sleep(0.01)
    await make().end(publisher.id, [(TOPIC, 0)])  # as who opens one of the lanes elsewhere
    counted.go_on.set()
    for error in await asyncio.gather(*waiting, return_exceptions=True):
        assert isinstance(error, FENCED), "a lane does not know that it was fenced"
    with pytest.raises(FENCED):
        await publisher.publish([record("third")])

    other = await publications.current()
    assert other.id != publisher.id
    assert await publications.current() is other
    await other.publish([record("fourth")])
    assert await asyncio.to_thread(seen, deployment) == ["fourth"]


async def test_workers_that_fence_the_same_producer_at_once_all_come_to_an_end(
    deployment: Deployment, make: Callable[[], Publications]
) -> None:
    """A killed worker had many lanes, and several workers open them."""
    publisher = await make().current()
    await publisher.publish([record("before")])
    workers = [make() for _ in range(3)]
    async with asyncio.timeout(60):
        await asyncio.gather(
            *(worker.end(publisher.id, [(TOPIC, number % 2)]) for worker in workers for number in range(LANES))
        )
    with pytest.raises(FENCED):
        await publisher.publish([record("after")])
    assert await asyncio.to_thread(seen, deployment) == ["before"]


async def test_nobody_starts_a_producer_while_another_worker_ends_what_it_left(
    make: Callable[[], Publications], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kafka aborts what is under way for a producer that starts.

    Where markers are missing, the abort takes what was acknowledged away; the commit gives it back (publisher.py).
    """
    publisher = await make().current()
    happened: list[str] = []
    start, end_open = Publisher.start, Publisher.end_open

    async def started(self: Publisher) -> None:
        happened.append("start")
        await start(self)

    async def ended(self: Publisher, places: Iterable[Place]) -> None:
        await asyncio.sleep(0.3)
        await end_open(self, places)
        happened.append("ended")

    monkeypatch.setattr(Publisher, "start", started)
    monkeypatch.setattr(Publisher, "end_open", ended)
    await asyncio.gather(*(worker.end(publisher.id, [(TOPIC, 0)]) for worker in (make(), make(), make())))
    assert happened == ["start", "ended"] * 3


async def test_a_failure_of_kafka_tells_everybody_that_waits(
    make: Callable[[], Publications], monkeypatch: pytest.MonkeyPatch
) -> None:
    publications = make()
    publisher = await publications.current()

    async def away(*_: object) -> dict[str, int]:
        await asyncio.sleep(0.05)
        msg = "away"
        raise KafkaConnectionError(msg)

    monkeypatch.setattr(Publisher, "publish", away)
    waiting = [asyncio.create_task(publisher.publish([record("1")]))]
    await asyncio.sleep(0.01)
    waiting.append(asyncio.create_task(publisher.publish([record("2")])))
    for error in await asyncio.gather(*waiting, return_exceptions=True):
        assert isinstance(error, KafkaConnectionError)
    monkeypatch.undo()
    await (await publications.current()).publish([record("3")])


async def test_what_is_cut_off_leaves_nobody_waiting(
    make: Callable[[], Publications], monkeypatch: pytest.MonkeyPatch
) -> None:
    publications = make()
    publisher = await publications.current()

    async def forever(*_: object) -> None:
        await asyncio.sleep(1000)

    with monkeypatch.context() as patch:
        patch.setattr(Publisher, "publish", forever)
        patch.setattr(Publisher, "end_open", forever)
        waiting = [
            asyncio.create_task(publisher.publish([record("1")])),
            asyncio.create_task(publications.end("somebody", [(TOPIC, 0)])),
        ]
        await asyncio.sleep(0.5)
        waiting.append(asyncio.create_task(publisher.publish([record("2")])))
        await asyncio.sleep(0.01)
        await publications.close()
        async with asyncio.timeout(5):
            found = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(error) for error in found] == [KafkaConnectionError] * 3
    with pytest.raises(KafkaConnectionError, match="closed"):
        await publications.current()


pytestmark = pytest.mark.timeout(120)

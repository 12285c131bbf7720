"""Publications: what the lanes of one assignment have stored goes out in ONE Kafka transaction for all that waits.

A transaction costs the same whatever it holds, so lanes share them. A lane's opening fences whoever may have published
for it before; those ids stand in its document. So the id of a shared producer is used by nobody else and never again:
it is made for one assignment, and another one is made when it has failed.
"""

import asyncio
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from aiokafka.errors import InvalidProducerEpoch, KafkaConnectionError, ProducerFenced

from contracts.topics import TopicName
from worker.cancelling import cancel
from worker.clock import new_id
from worker.failures import describe
from worker.lease import LEASE_SECONDS
from worker.mongo.store import Store
from worker.publisher import Publisher
from worker.records import Outgoing, mark_of
from worker.secrets import Secrets
from worker.settings import Settings

TRANSACTION_BYTES_MAX = 4_194_304
"""In one transaction, unless one lane alone has more: what waits longer goes with the next."""

ENDING_SECONDS_MAX = LEASE_SECONDS - 7
"""For ending what a former producer left open, so that it is over, connections too, before another worker may begin."""

CUT_SECONDS = 1.0
CLOSED = "the lanes of this assignment are closed"
FENCED: tuple[type[Exception], ...] = (ProducerFenced, InvalidProducerEpoch)

Place = tuple[TopicName, int]


class _Job(NamedTuple):
    """What a lane wants published, or places in which it wants ended what stands open, or one for a sign of life."""

    records: Sequence[Outgoing]
    places: Sequence[Place]
    anywhere: Sequence[Place]
    marks: "asyncio.Future[dict[str, int]]"


class SharedPublisher:
    """A publisher for many lanes: one transaction at a time, with all that waits for it, in the order of its coming.

    When one fails it is of no more use.
    """

    def __init__(self, settings: Settings, secrets: Secrets, transactional_id: str) -> None:
        self.id = transactional_id
        self.failure: Exception | None = None
        self._publisher = Publisher(settings, secrets, transactional_id)
        self._jobs: list[_Job] = []
        self._running: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Connect. Raises KafkaError or TimeoutError when Kafka is not there."""
        await self._publisher.start()

    async def publish(self, records: Sequence[Outgoing]) -> dict[str, int]:
        """Publish a lane's records in their order, all or nothing, with those of others.

        Returns the marks: where the publication ended in each partition that these records went to. A caller that is
        cancelled does not know whether they went out; whatever is done by this publisher later comes after them.

        Raises:
            KafkaError, TimeoutError: as Publisher.publish.
        """
        return await self._ask(records) if records else {}

    async def settle(self, places: Iterable[Place]) -> None:
        """Wait until what was given before has ended, and end what it left open in these places (Publisher.end_open).

        Only such places as take markers: one without a leader would hold the next transaction, and so all lanes.
        """
        await self._ask(places=list(places))

    async def prove(self, place: Place) -> None:
        """Return when this publisher has ended a transaction that it began after this was asked for.

        So it was not fenced until then. Where it has nothing to publish, that transaction ends what is open in `place`.

        Raises:
            KafkaError, TimeoutError: as Publisher.publish.
        """
        await self._ask(anywhere=[place])

    def check(self) -> None:
        """Raise what `publish` would, where this publisher is of no more use."""
        if self.failure is not None:
            raise _after(self.failure)

    async def stop(self) -> None:
        """Close the connections. What is under way is left to who fences this id."""
        self.failure = self.failure or KafkaConnectionError("this publisher was stopped")
        if self._running is not None:
            await cancel([self._running], within=CUT_SECONDS)
        self._give_up([])  # it may have been cancelled before it began
        await self._publisher.stop()

    async def _ask(
        self, records: Sequence[Outgoing] = (), places: Sequence[Place] = (), anywhere: Sequence[Place] = ()
    ) -> dict[str, int]:
        self.check()
        job = _Job(records, places, anywhere, asyncio.get_running_loop().create_future())
        self._jobs.append(job)
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._run(), name="publications")
        return await job.marks

    async def _run(self) -> None:
        jobs: list[_Job] = []
        try:
            while self._jobs:
                jobs = self._next_jobs()
                marks = await self._done(jobs)
                for job in jobs:
                    if not job.marks.done():
                        places = {mark_of(record.topic, record.partition) for record in job.records}
                        job.marks.set_result({mark: marks[mark] for mark in places})
        except Exception as error:  # noqa: BLE001 - each of the lanes deals with it
            self.failure = error
            _fail((job.marks for job in jobs), error)
        except asyncio.CancelledError:
            self.failure = self.failure or KafkaConnectionError("this publisher was cut off")
            raise
        finally:  # also where it is cut off: no lane waits for an answer that does not come
            self._give_up(jobs)

    def _give_up(self, jobs: list[_Job]) -> None:
        left, self._jobs = jobs + self._jobs, []
        _fail((job.marks for job in left), _after(self.failure))

    async def _done(self, jobs: Sequence[_Job]) -> dict[str, int]:
        records = [record for job in jobs for record in job.records]
        marks = await self._publisher.publish(records) if records else {}
        places = {place for job in jobs for place in job.places}
        if not records and not places:
            places.update([place for job in jobs for place in job.anywhere][:1])
        if places:
            await self._publisher.end_open(places)
        return marks

    def _next_jobs(self) -> list[_Job]:
        """Those that wait, but for what nobody waits for any more: its lane opens again and sees for itself."""
        jobs: list[_Job] = []
        size = 0
        while self._jobs and size < TRANSACTION_BYTES_MAX:
            job = self._jobs.pop(0)
            if not job.marks.done():
                jobs.append(job)
                size += sum(len(record.value or b"") for record in job.records)
        return jobs


class Publications:
    """The shared publisher of the lanes of one assignment, and the end of former ones."""

    def __init__(self, settings: Settings, secrets: Secrets, store: Store) -> None:
        self._settings = settings
        self._secrets = secrets
        self._store = store
        self._current: SharedPublisher | None = None
        self._lock = asyncio.Lock()
        self._closed = False
        self._wanted: dict[str, list[tuple[list[Place], asyncio.Future[None]]]] = {}
        self._ending: dict[str, asyncio.Task[None]] = {}

    async def current(self) -> SharedPublisher:
        """The publisher in use: a new one where there is none, or that one has failed.

        Raises:
            KafkaError, TimeoutError: Kafka is away.
        """
        async with self._lock:
            if self._closed:
                raise KafkaConnectionError(CLOSED)
            if self._current is None or self._current.failure is not None:
                former, self._current = self._current, None
                if former is not None:
                    await former.stop()
                new = SharedPublisher(self._settings, self._secrets, self._settings.shared_id(new_id()))
                try:
                    await new.start()
                except BaseException:
                    await new.stop()
                    raise
                self._current = new
            return self._current

    async def end(self, transactional_id: str, places: Iterable[Place]) -> None:
        """Fence a former producer, for ever, and end what it left open in these places (Publisher.end_open).

        Lanes that had the same one do it together.

        Raises:
            KafkaError, PyMongoError, TimeoutError: Kafka or MongoDB is away, or what it left cannot be ended yet.
        """
        if self._closed:
            raise KafkaConnectionError(CLOSED)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._wanted.setdefault(transactional_id, []).append((list(places), done))
        running = self._ending.get(transactional_id)
        if running is None or running.done():
            self._ending[transactional_id] = asyncio.create_task(self._end_all(transactional_id), name="ending")
        await done

    async def close(self) -> None:
        """Close all. After the lanes have ended."""
        self._closed = True
        await cancel(self._ending.values(), within=CUT_SECONDS)
        async with self._lock:
            current, self._current = self._current, None
            if current is not None:
                await current.stop()

    async def _end_all(self, transactional_id: str) -> None:
        wanted: list[tuple[list[Place], asyncio.Future[None]]] = []
        try:
            while wanted := self._wanted.pop(transactional_id, []):
                try:
                    await self._end(transactional_id, {place for places, _ in wanted for place in places})
                except Exception as error:  # noqa: BLE001 - each of the lanes deals with it
                    _fail((done for _, done in wanted), error)
                for _, done in wanted:
                    if not done.done():
                        done.set_result(None)
        finally:
            left = wanted + self._wanted.pop(transactional_id, [])
            _fail((done for _, done in left), KafkaConnectionError("the ending of a producer was cut off"))

    async def _end(self, transactional_id: str, places: Iterable[Place]) -> None:
        # One worker at a time: another one's start in between would turn the commit, which gives back what was
        # acknowledged and is hidden, into an abort, which takes it away.
        lease = self._store.lease(f"end {transactional_id}")
        former = Publisher(self._settings, self._secrets, transactional_id)
        try:
            async with asyncio.timeout(self._settings.request_timeout_seconds):
                await lease.wait()
            async with asyncio.timeout(ENDING_SECONDS_MAX):
                await former.start()
                await former.end_open(places)
        except FENCED as error:
            # Not a sign of another owner of the lane.
            raise KafkaConnectionError(f"somebody else starts {transactional_id} too") from error
        finally:
            await former.stop()
            await lease.end()


def _after(failure: Exception | None) -> Exception:
    """What the others are told. Fenced are all of them: another worker has one of their lanes, perhaps each."""
    if isinstance(failure, FENCED):
        return failure
    error: Exception = KafkaConnectionError(
        f"the publisher of these lanes has failed: {describe(failure) if failure else 'cut off'}"
    )
    return error


def _fail(waiting: Iterable["asyncio.Future[dict[str, int]] | asyncio.Future[None]"], error: Exception) -> None:
    for future in waiting:
        if not future.done():
            future.set_exception(error)

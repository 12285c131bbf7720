"""Where the story is played: the worker, a producer, a consumer, and what they leave behind."""

import asyncio
import os
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from pymongo import AsyncMongoClient
from pymongo.errors import PyMongoError

from contracts.base import to_milliseconds
from contracts.message import Command, Event
from contracts.rejections import CommandRejected
from contracts.topics import TopicName
from worker.clock import utc_now
from worker.demo.follower import Follower, Seen
from worker.demo.process import DemoError, WorkerProcess, operate
from worker.demo.screen import STYLES, Screen
from worker.demo.words import name as name_of
from worker.demo.words import says
from worker.kafka import stop_client
from worker.servers import Servers
from worker.servers.process import Guard

EVENT_SECONDS_MAX = 20
SETTLE_SECONDS = 0.04
"""A transaction's records become visible topic by topic, within a few milliseconds of each other."""

FAULTS = (DemoError, KafkaError, PyMongoError, TimeoutError, OSError)
"""What can go wrong with servers and the worker; anything else is a defect of the demo."""

READING_SECONDS = 0.2
CLEAN_SECONDS_MAX = 10


@dataclass(frozen=True, slots=True)
class Order:
    """A command, who gives it, and the events by which a consumer can tell that it has been decided."""

    sentence: str
    command: Command
    subject: str
    partner: str
    until: tuple[type[Event], ...]


@dataclass(frozen=True, slots=True)
class Sent:
    """A record of ours, as Kafka has acknowledged it. `id` is None where it is no command at all."""

    id: str | None
    topic: TopicName
    source: str
    key: str
    value: bytes
    until: tuple[type[Event], ...]
    at: float


class Stage:
    """Made by `open_stage`."""

    def __init__(self, servers: Servers, screen: Screen, name: str, directory: Path) -> None:
        self.screen = screen
        self.name = name
        self.sent: list[Sent] = []
        self.follower = Follower()
        self.mongo: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(servers.mongo_url, tz_aware=True)
        self.db = self.mongo[name]
        self.worker: WorkerProcess | None = None
        self._servers = servers
        self._directory = directory
        self._secret = os.urandom(32).hex()
        self._producer = AIOKafkaProducer(
            bootstrap_servers=servers.kafka_bootstrap, acks="all", enable_idempotence=True, linger_ms=0
        )

    # The worker ---------------------------------------------------------------------------------------------------

    async def start_worker(self) -> float:
        """Start one, and answer with the seconds until it was ready."""
        self.worker = WorkerProcess(self._servers, self.name, self._directory, self._secret)
        return await self.worker.until_ready()

    def check(self) -> None:
        """Complain if the worker ended by itself."""
        if self.worker is not None:
            self.worker.check()

    # Producing ----------------------------------------------------------------------------------------------------

    async def publish(self, order: Order, version: str = "v1") -> Sent:
        """Give a command, without waiting for what comes of it. Of another version it is none that the worker knows."""
        command_id = f"{type(order.command).__name__}-{len(self.sent) + 1}"
        body = {
            "specversion": "1.0",
            "id": command_id,
            "source": "/demo",
            "type": order.command.wire_type().removesuffix("v1") + version,
            "subject": order.subject,
            "partitionkey": order.partner,
            "time": to_milliseconds(utc_now()),
            "data": order.command.model_dump(mode="json", exclude_none=True),
        }
        return await self._send(command_id, order.command.TOPIC, order.partner, orjson.dumps(body), order.until)

    async def publish_again(self, sent: Sent) -> Sent:
        """The same bytes once more, as a producer does that has not heard of its success."""
        return await self._send(sent.id, sent.topic, sent.key, sent.value, ())

    async def publish_bytes(self, topic: TopicName, key: str, value: bytes) -> Sent:
        """What is no command."""
        return await self._send(None, topic, key, value, ())

    async def _send(
        self, command_id: str | None, topic: TopicName, key: str, value: bytes, until: tuple[type[Event], ...]
    ) -> Sent:
        at = time.monotonic()
        place = await self._producer.send_and_wait(f"{self.name}.{topic}", value, key=key.encode())
        source = f"{place.topic}:{place.partition}:{place.offset}"
        sent = Sent(command_id, topic, source, key, value, until, at)
        self.sent.append(sent)
        return sent

    # Telling ------------------------------------------------------------------------------------------------------

    async def tell(self, *orders: Order) -> None:
        """Give commands one by one, each when the one before has been decided; show all that comes of them."""
        for order in orders:
            self.screen.command(order.sentence, type(order.command).__name__)
            sent = await self.publish(order)
            await self.show(sent)
            await self.screen.pause(READING_SECONDS)

    async def until_decided(self, sent: Sent) -> None:
        """Wait for the events by which one can tell."""
        wanted = Counter(sent.until)

        def complete() -> bool:
            records = self.results([sent])
            return wanted <= Counter(type(seen.event) for seen in records) and not has_gap(records)

        def check() -> None:
            self.check()
            for seen in self.results([sent]):
                if seen.event is None:
                    raise DemoError(f"{sent.id} became a dead letter: {seen.headers}")
                if isinstance(seen.event, CommandRejected) and CommandRejected not in wanted:
                    raise DemoError(f"{sent.id} was refused: {seen.event.code}, {says(seen.event)}")

        missing = ", ".join(kind.__name__ for kind in wanted)
        await self.follower.until(complete, EVENT_SECONDS_MAX, f"{missing} of {sent.id}", check)
        await asyncio.sleep(SETTLE_SECONDS)

    async def show(self, sent: Sent) -> None:
        """Wait for what comes of a command, and print it in the order in which it was decided."""
        await self.until_decided(sent)
        cause = sent.id
        for seen in self.results([sent]):
            if seen.event is None:
                continue
            if seen.cause != cause:
                cause = seen.cause
                whose = name_of(getattr(seen.event, "partner_id", None))
                self.screen.note(f"then, in {whose}'s lane {seen.lane}, by the worker's own command:")
            kind = getattr(seen.event, "code", None) or type(seen.event).__name__
            self.screen.event(seen.topic, kind, says(seen.event), seen.at - sent.at)

    async def show_dead_letter(self, sent: Sent) -> None:
        """Wait for the dead letter that a record becomes."""
        found: list[Seen] = []

        def buried() -> bool:
            letters = (seen for seen in self.follower.seen if seen.topic is TopicName.DEAD_LETTERS)
            found[:] = [seen for seen in letters if seen.headers["dead-letter-source"] == sent.source]
            return bool(found)

        await self.follower.until(buried, EVENT_SECONDS_MAX, "the dead letter", self.check)
        letter = found[0]
        words = letter.headers["dead-letter-error"]
        self.screen.event(letter.topic, letter.headers["dead-letter-reason"], words, letter.at - sent.at)

    async def operator(self, *arguments: str, shown: str | None = None) -> None:
        """Type `partnership-worker ARGUMENTS`, and show what it says."""
        coloured = self.screen.coloured
        said = await operate(self._servers, self.name, self._secret, *arguments, coloured=coloured)
        self.screen.shell(shown or f"partnership-worker {' '.join(arguments)}", said)
        await self.screen.pause(READING_SECONDS)

    async def corrected(self, sent: Sent, until: tuple[type[Event], ...]) -> Sent:
        """What an operator made of a record that could not be read: another command, under another id."""
        letter = await self.db.dead_letters.find_one({"command_id": sent.id})
        if letter is None or "edited_to" not in letter:
            raise DemoError(f"{sent.id} was not corrected.")
        return replace(sent, id=letter["edited_to"], until=until)

    def results(self, commands: Iterable[Sent]) -> list[Seen]:
        """What has been seen of these commands, in the order of decision."""
        ids = {sent.id for sent in commands}
        found = [seen for seen in self.follower.seen if seen.correlation in ids]
        first: dict[str, int] = {}
        for index, seen in enumerate(found):
            first.setdefault(seen.cause, -1 if seen.cause in ids else index)
        return sorted(found, key=lambda seen: (first[seen.cause], seen.number))

    # The end ------------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def producing(self) -> AsyncIterator[None]:
        """Connect the producer and the consumer; the topics have to be there."""
        await self._producer.start()
        async with self.follower.follow(
            self._servers.kafka_bootstrap, {f"{self.name}.{topic}": topic for topic in STYLES}
        ):
            yield

    async def clean(self) -> None:
        """Leave nothing: no worker, no database, no topic."""
        if self.worker is not None:
            await self.worker.stop()
        await stop_client(self._producer)
        for what, removal in (("database", self._drop_database), ("topics", self._delete_topics)):
            try:
                await asyncio.wait_for(removal(), CLEAN_SECONDS_MAX)
            except FAULTS as error:
                self.screen.line(f"The {what} {self.name} could not be removed: {error!r}", "red")

    async def _drop_database(self) -> None:
        """A killed worker's transaction would hold its collections for another minute: its sessions go first."""
        async with self.mongo:
            sessions = [{"id": key} async for lane in self.db.lanes.find() for key in lane.get("sessions", ())]
            if sessions:
                await self.mongo.admin.command({"killSessions": sessions})
            await self.mongo.drop_database(self.name)

    async def _delete_topics(self) -> None:
        """With its topics a group loses its offsets, and is gone too."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self._servers.kafka_bootstrap)
        try:
            await admin.start()
            own = [topic for topic in await admin.list_topics() if topic.startswith(f"{self.name}.")]
            if own:
                await admin.delete_topics(own)
        finally:
            await admin.close()


def has_gap(records: list[Seen]) -> bool:
    """Whether a record between others of the same command is still to come."""
    numbers: dict[str, set[int]] = {}
    for seen in records:
        numbers.setdefault(seen.cause, set()).add(seen.number)
    return any(max(found) != len(found) for found in numbers.values())


@asynccontextmanager
async def open_stage(servers: Servers, screen: Screen) -> AsyncIterator[Stage]:
    """A deployment of its own on these servers, with topics, group and database `demo-<n>`; gone afterwards."""
    name = f"demo-{utc_now():%H%M%S}-{os.getpid()}"
    directory = Path(tempfile.mkdtemp(prefix=f"{name}-"))
    Guard.order("remove", directory)
    stage = Stage(servers, screen, name, directory)
    try:
        screen.progress(f"starting the worker; its topics, group and database are called {name}")
        seconds = await stage.start_worker()
        screen.progress(f"worker {stage.worker.pid if stage.worker else 0} is ready after {seconds:.1f} s")
        async with stage.producing():
            yield stage
    except FAULTS as error:
        log = stage.worker.log_end() if stage.worker else ""
        text = str(error) if isinstance(error, DemoError) else repr(error)
        raise DemoError(f"{text}\nThe end of the worker's log:\n{log}") from error
    finally:
        try:
            await stage.clean()
        finally:
            shutil.rmtree(directory, ignore_errors=True)
            Guard.order("keep", directory)

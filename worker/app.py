"""The composition root: the only place where the parts are joined."""

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from pymongo.errors import PyMongoError

from contracts.topics import COMMAND_TOPICS, TopicName
from handlers.policy import Policy
from worker.batch import Rules
from worker.broker import Pulse, broker_options, decode, next_records, parse
from worker.cancelling import cancel, failure_of, run_out
from worker.clock import backoff_seconds
from worker.deadlines import Scheduler
from worker.failures import describe
from worker.health import make_health_app, serve
from worker.intake import Intake
from worker.kafka import (
    FETCH_BYTES_MAX,
    FETCH_WAIT_MS_MAX,
    PARTITION_FETCH_BYTES_MAX,
    Prober,
    cut_client,
)
from worker.lane import State
from worker.lanes import Lanes
from worker.metrics import Metrics
from worker.mongo.client import Client, awaited, connect
from worker.mongo.collections import prepare
from worker.mongo.format_in_use import FormatInUse
from worker.mongo.secret_in_use import SecretInUse
from worker.mongo.store import Store
from worker.ownership import Tasks
from worker.policy_file import load_policy
from worker.redaction import Redactor
from worker.release import version
from worker.secrets import Secrets
from worker.settings import Settings
from worker.topics import prepare_topics, refusing_writes
from worker.watchdog import LOOK_SECONDS, Watchdog

LEAVE_SECONDS = 4.0
"""For saying good-bye to the group. Without it the other workers wait for one session time-out, no more."""

LAST_SECONDS = 0.5
"""Of the shutdown bound, for what has to be cancelled."""

log = structlog.get_logger(__name__)


class Worker:
    """One worker: made from settings, run until it is told to stop or cannot go on."""

    def __init__(self, settings: Settings, policy: Policy | None = None) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self._policy = policy or load_policy(settings.policy_file)
        self._ended = asyncio.Event()
        self._error: BaseException | None = None
        self._starting: str | None = "its start"
        self._intake: Intake | None = None
        self._lanes: Lanes | None = None
        self._watchdog: Watchdog | None = None
        self._services: dict[str, Scheduler | Redactor] = {}

    def stop(self) -> None:
        """Drain and end."""
        self._ended.set()

    def fail(self, error: BaseException) -> None:
        """End because of this error; the first one counts."""
        if self._error is None:
            self._error = error
        self._ended.set()

    def problems(self) -> list[str]:
        """Why the worker is not ready; empty when it is."""
        if self._starting is not None or self._intake is None or self._lanes is None:
            return [f"worker: waiting for {self._starting}"]
        if self._ended.is_set():
            return ["worker: stopping"]
        seen = self._watchdog.problems if self._watchdog else []
        services = [f"{what}: waiting for {one.waiting_for}" for what, one in self._services.items() if one.waiting_for]
        return seen + self._intake.problems() + self._lanes.problems() + services

    async def run(self) -> None:
        """Run until `stop`.

        Raises:
            SettingsError: the health pages cannot be served where they should be.
            StopWorker: what only an operator can mend. Whatever else is a defect.
        """
        settings = self.settings
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            with contextlib.suppress(NotImplementedError, ValueError, RuntimeError):
                loop.add_signal_handler(number, self.stop)
        health = make_health_app(self.problems, self.metrics)
        async with serve(health, settings.health_host, settings.health_port) as port:
            log.info("health pages", host=settings.health_host, port=port, release=version())
            work = asyncio.create_task(self._work(), name="worker")
            ended = asyncio.create_task(self._ended.wait())
            await asyncio.wait({work, ended}, return_when=asyncio.FIRST_COMPLETED)
            self._ended.set()
            ended.cancel()
            await asyncio.wait({work}, timeout=settings.shutdown_seconds - LAST_SECONDS)
            if not work.done():
                log.warning("shutdown bound exceeded; what was under way is settled at the next start")
                await cancel([work], within=LAST_SECONDS)
            if work.done() and (error := failure_of(work)) is not None:
                self.fail(error)
        if self._error is not None:
            raise self._error

    async def _work(self) -> None:
        settings = self.settings
        client = connect(settings.mongo_url.get_secret_value(), settings.request_timeout_seconds, settings.mongo_driver)
        prober = Prober(settings)
        secrets = Secrets.of(settings)
        tasks = Tasks(self.fail)
        try:
            partitions = await self._until_there("Kafka", lambda: prepare_topics(settings))
            if partitions is None:
                return
            # Not the public topics: their owners may add partitions, the partner in the body decides the lane.
            topology = {
                name.value.replace(".", "-"): count for name, count in partitions.items() if name not in COMMAND_TOPICS
            }
            still_in = await self._enter(client, secrets, topology)
            if self._ended.is_set():
                return
            rules = Rules(self._policy, secrets, settings.lanes, partitions)
            store = Store(client, settings.mongo_database)
            broker = KafkaBroker(
                **broker_options(settings), consumer_only=True, graceful_timeout=None, apply_types=False, logger=None
            )
            subscribers: dict[str, Any] = {}

            def consumer(name: str) -> AIOKafkaConsumer:
                return subscribers[name].consumer  # made when its subscriber starts, anew at each start

            intake = Intake(settings, self.metrics, prober, partial(consumer, "intake"), self.fail)
            lanes = Lanes(settings, rules, store, self.metrics, prober, partial(consumer, "lanes"), self.fail)
            public = [settings.topic(name) for name in COMMAND_TOPICS]
            subscribers["intake"] = self._subscribe(broker, public, "-intake", intake.listener, intake.move)
            subscribers["lanes"] = self._subscribe(
                broker, [settings.topic(TopicName.LANES)], "", lanes.listener, lanes.dispatch
            )
            self._intake, self._lanes = intake, lanes
            await self._until_there("Kafka", lambda: self._join(broker, intake, lanes))
            self._starting = None
            if not self._ended.is_set():
                written = [
                    TopicPartition(settings.topic(name), number)
                    for name, count in partitions.items()
                    if name not in COMMAND_TOPICS
                    for number in range(count)
                ]
                self._watchdog = Watchdog(
                    settings,
                    prober,
                    still_in,
                    lambda: [*intake.places(), *lanes.places()],
                    written,
                    partial(refusing_writes, settings),
                )
                pulses = [Pulse(name, subscriber) for name, subscriber in subscribers.items()]
                tasks.start(self._watch(self._watchdog, lanes, pulses), "watch")
                self._services = {
                    "deadlines": Scheduler(settings, rules.secrets, client),
                    "redaction": Redactor(rules.secrets, client, settings.mongo_database),
                }
                for what, service in self._services.items():
                    tasks.start(service.run(), what)
                await self._ended.wait()
                log.info("draining")
                await tasks.cancel()
                await self._leave(broker, intake, lanes)
                log.info("drained")
        except Exception as error:  # noqa: BLE001 - whatever ends the work ends the worker, with this error
            self.fail(error)
        finally:
            await tasks.cancel()
            await prober.close()
            await awaited(client.close())

    async def _enter(self, client: Client, secrets: Secrets, topology: dict[str, int]) -> Callable[[], Awaitable[None]]:
        """Make what MongoDB needs, and see that this worker may work here. Answers how to see whether it still may."""
        database = self.settings.mongo_database
        secret, release = SecretInUse(client, database, secrets), FormatInUse(client, database)

        async def still_in() -> None:
            await secret.check()
            await release.check()

        for step in (
            release.check,  # before anything is made that a later release made otherwise
            lambda: prepare(client, database, topology),
            secret.claim,
            release.claim,
        ):
            await self._until_there("MongoDB", step)
        return still_in

    async def _join(self, broker: KafkaBroker, intake: Intake, lanes: Lanes) -> None:
        intake.begin()
        lanes.begin()
        try:
            await broker.start()
        except BaseException:
            # One of the consumers may run already; another start would make it a second time.
            await self._leave(broker, intake, lanes)
            raise

    async def _leave(self, broker: KafkaBroker, intake: Intake, lanes: Lanes) -> None:
        # The lanes before the consumers: stop() of a consumer does not tell its listener.
        await asyncio.gather(intake.close(), lanes.close())
        # Each by itself, before the broker: it cuts all short where one ends in a cancellation of its own.
        await asyncio.gather(*(self._stop(subscriber) for subscriber in broker.subscribers))
        await run_out(broker.stop(), LEAVE_SECONDS)

    async def _stop(self, subscriber: Any) -> None:
        error = await run_out(subscriber.stop(), LEAVE_SECONDS)
        if error is not None:
            log.warning("could not leave the group; its session time-out will do it", error=describe(error))
            if subscriber.consumer is not None:
                await cut_client(subscriber.consumer)

    async def _until_there(self, name: str, attempt: Callable[[], Awaitable[Any]]) -> Any:
        """Try until the dependency is there (P7), or the worker is told to stop (then None)."""
        number = 0
        self._starting = name
        while not self._ended.is_set():
            try:
                return await self._unless_ended(attempt())
            except (KafkaError, PyMongoError, TimeoutError, OSError) as error:
                number += 1
                self._starting = f"{name} ({describe(error)})"
                log.warning("waiting", dependency=name, error=describe(error), attempt=number)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(backoff_seconds(number)):
                        await self._ended.wait()
        return None

    async def _unless_ended(self, work: Awaitable[Any]) -> Any:
        """What it answers; None when the worker is told to stop meanwhile."""
        trying, ended = asyncio.ensure_future(work), asyncio.create_task(self._ended.wait())
        try:
            await asyncio.wait({trying, ended}, return_when=asyncio.FIRST_COMPLETED)
            if trying.done():
                return trying.result()
        finally:
            ended.cancel()
            await cancel([trying])
        return None

    def _subscribe(
        self,
        broker: KafkaBroker,
        topics: list[str],
        group_suffix: str,
        listener: Any,
        take: Callable[[Sequence[ConsumerRecord]], Awaitable[None]],
    ) -> Any:
        settings = self.settings
        subscriber = broker.subscriber(
            *topics,
            group_id=f"{settings.group}{group_suffix}",
            batch=True,
            fetch_max_wait_ms=FETCH_WAIT_MS_MAX,
            fetch_max_bytes=FETCH_BYTES_MAX,
            max_partition_fetch_bytes=PARTITION_FETCH_BYTES_MAX,
            # Offsets are committed by name, never by FastStream's ack(), which commits whatever was fetched.
            ack_policy=AckPolicy.MANUAL,
            auto_offset_reset="none",
            isolation_level="read_committed",
            session_timeout_ms=int(settings.session_timeout_seconds * 1000),
            heartbeat_interval_ms=int(settings.heartbeat_seconds * 1000),
            rebalance_timeout_ms=int((settings.session_timeout_seconds + settings.lane_close_seconds) * 1000),
            listener=listener,
            parser=parse,
            decoder=decode,
        )

        async def handle(records: Sequence[ConsumerRecord]) -> None:
            try:
                await take(records)
            except Exception as error:  # noqa: BLE001 - FastStream would log it and go on behind the records
                self.fail(error)

        subscriber(handle)
        subscriber.get_msg = next_records  # type: ignore[method-assign]
        return subscriber

    async def _watch(self, watchdog: Watchdog, lanes: Lanes, pulses: Sequence[Pulse]) -> None:
        """Keep readiness and gauges true, and end a worker in which something has ended by itself."""
        while True:
            await watchdog.look()
            for pulse in pulses:
                pulse.look()
            found = self.problems()
            self.metrics.ready.set(0 if found else 1)
            for state in State:
                self.metrics.lanes.labels(state.value).set(sum(lane.state is state for lane in lanes.lanes.values()))
            self.metrics.waiting.set(sum(lane.waiting_records for lane in lanes.lanes.values()))
            await asyncio.sleep(LOOK_SECONDS)

"""Kafka clients, each with the options that the promises rest on, and each ending within a bound."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.conn import AIOKafkaConnection, CloseReason, collect_hosts, create_conn
from aiokafka.errors import (
    AuthenticationFailedError,
    AuthenticationMethodNotSupported,
    KafkaConnectionError,
    KafkaError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)
from aiokafka.helpers import create_ssl_context

from contracts.topics import WRAPPED_RECORD_BYTES_MAX
from worker.cancelling import run_out
from worker.clock import monotonic_seconds
from worker.failures import StopWorker
from worker.settings import Settings

PRODUCER_BATCH_BYTES_MAX = 262_144
"""A producer's batch counts as one against a topic's limit (1 MiB), so it must stay well below it."""

FETCH_WAIT_MS_MAX = 100
"""How long a fetch waits for records. A partition that is resumed meanwhile waits for it too: aiokafka has one fetch
under way for each broker."""

PARTITION_FETCH_BYTES_MAX = 131_072
FETCH_BYTES_MAX = 8_388_608
"""What a consumer holds at most of one partition, and of all. A larger record comes all the same, alone (KIP-74)."""

PRODUCER_BACKOFF_MS = 20
"""Before a producer asks again. A transaction that follows the last one at once is told to wait until that one's
markers are written, which takes a few milliseconds; aiokafka's default would wait for 100."""

LOOK_MS = 1000
REQUEST_BYTES_MAX = 4 * WRAPPED_RECORD_BYTES_MAX
STOP_SECONDS_MAX = 3.0

UNAVAILABLE = (KafkaError, TimeoutError, OSError)
"""What a client raises where Kafka does not answer, or not as it should."""

NOT_TAKEN = (
    AuthenticationFailedError,
    AuthenticationMethodNotSupported,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)
"""What a broker says of a user, a password or a mechanism that it does not take."""

log = structlog.get_logger(__name__)


_send = AIOKafkaConnection.send


def _send_or_break(connection: AIOKafkaConnection, request: Any, expect_response: bool = True) -> Any:  # noqa: FBT001, FBT002
    """Uvloop raises a RuntimeError where a connection was reset a moment ago and aiokafka was not told yet.

    That would pass for a defect, and end whatever sends: one of aiokafka's own tasks, or the worker.
    """
    try:
        return _send(connection, request, expect_response)
    except (KafkaError, NotImplementedError):
        raise  # these are RuntimeErrors too
    except RuntimeError as error:
        connection.close(reason=CloseReason.CONNECTION_BROKEN, exc=error)
        raise KafkaConnectionError(f"the connection was reset ({error})") from error


AIOKafkaConnection.send = _send_or_break


def client_options(settings: Settings) -> dict[str, Any]:
    """What every aiokafka client needs to reach the cluster."""
    options: dict[str, Any] = {
        "bootstrap_servers": settings.kafka_bootstrap.split(","),
        "client_id": "partnership-worker",
        "request_timeout_ms": int(settings.request_timeout_seconds * 1000),
        "security_protocol": settings.kafka_security_protocol,
    }
    if settings.kafka_security_protocol.endswith("SSL"):
        options["ssl_context"] = ssl_context_of(settings)
    if settings.kafka_security_protocol.startswith("SASL") and settings.kafka_password:
        options["sasl_mechanism"] = settings.kafka_sasl_mechanism
        options["sasl_plain_username"] = settings.kafka_username
        options["sasl_plain_password"] = settings.kafka_password.get_secret_value()
    return options


def ssl_context_of(settings: Settings) -> ssl.SSLContext:
    """Trust in the brokers' authority."""
    cafile = str(settings.kafka_ca_file) if settings.kafka_ca_file else None
    return create_ssl_context(cafile=cafile)  # type: ignore[no-any-return]


def make_producer(settings: Settings, transactional_id: str | None = None) -> AIOKafkaProducer:
    """An idempotent producer (acks=all), transactional where it has an id."""
    return AIOKafkaProducer(
        **client_options(settings),
        acks="all",
        enable_idempotence=True,
        transactional_id=transactional_id,
        transaction_timeout_ms=int(settings.transaction_timeout_seconds * 1000),
        max_batch_size=PRODUCER_BATCH_BYTES_MAX,
        max_request_size=REQUEST_BYTES_MAX,
        linger_ms=0,
        compression_type=None if settings.kafka_compression == "none" else settings.kafka_compression,
        retry_backoff_ms=PRODUCER_BACKOFF_MS,
    )


def make_reader(settings: Settings, isolation: str = "read_committed") -> AIOKafkaConsumer:
    """A consumer without a group, for looking at offsets and single records."""
    return AIOKafkaConsumer(
        **client_options(settings),
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="none",
        isolation_level=isolation,
        fetch_max_wait_ms=FETCH_WAIT_MS_MAX,
    )


async def start_client(client: AIOKafkaProducer | AIOKafkaConsumer | AIOKafkaAdminClient) -> None:
    """Start a client, whatever the brokers say of themselves.

    One that has just come back may know of no broker, not even of itself. aiokafka asserts that this cannot be, which
    would pass for a defect of ours and end the worker.

    Raises:
        KafkaError, OSError: Kafka is away.
    """
    try:
        await client.start()
    except AssertionError as error:
        raise KafkaConnectionError(f"no broker is known yet ({error})") from error


async def cause_of(error: KafkaConnectionError, settings: Settings) -> Exception:
    """Why no connection can be made, asked once more: aiokafka logs that, and raises only that there is none."""
    options = client_options(settings)
    found: Exception = error
    with suppress(TimeoutError):
        async with asyncio.timeout(settings.request_timeout_seconds):
            for host, port, _ in collect_hosts(options.pop("bootstrap_servers")):
                try:
                    connection = await create_conn(host, port, **options)
                except (*NOT_TAKEN, ssl.SSLError) as cause:
                    found = cause
                    break
                except UNAVAILABLE:
                    continue
                connection.close()
    return found


async def stop_client(client: AIOKafkaProducer | AIOKafkaConsumer) -> None:
    """Stop a client, and give up on its good manners after a few seconds: without a broker it would wait for ever."""
    try:
        error = await run_out(client.stop(), STOP_SECONDS_MAX)
    except asyncio.CancelledError:
        await cut_client(client)
        raise
    if error is not None:
        log.debug("kafka client did not stop by itself", error=type(error).__name__)
        await cut_client(client)


async def cut_client(client: AIOKafkaProducer | AIOKafkaConsumer) -> None:
    """Close the connections of one that did not stop: it does not try a second time."""
    sender, coordinator = getattr(client, "_sender", None), getattr(client, "_coordinator", None)
    for task in (getattr(sender, "sender_task", None), getattr(coordinator, "_heartbeat_task", None)):
        if task is not None:
            task.cancel()
    inner = getattr(client, "client", None) or getattr(client, "_client", None)
    if inner is not None:
        await run_out(inner.close(), STOP_SECONDS_MAX)


class Batches:
    """Records put into a producer's own batches, partition by partition: ten times cheaper than `send()` for each."""

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self._producer = producer
        self._open: dict[tuple[str, int], Any] = {}
        self._full: list[tuple[str, int, Any]] = []

    def add(
        self,
        topic: str,
        partition: int,
        key: bytes | None,
        value: bytes | None,
        headers: Iterable[tuple[str, bytes | None]],
        timestamp_ms: int | None,
    ) -> None:
        """Put one record behind the others of its partition."""
        place = (topic, partition)
        batch = self._open.get(place)
        if batch is None:
            batch = self._open[place] = self._producer.create_batch()
        headers = list(headers)
        if batch.append(key=key, value=value, timestamp=timestamp_ms, headers=headers) is None:
            self._full.append((*place, batch))
            batch = self._open[place] = self._producer.create_batch()
            batch.append(key=key, value=value, timestamp=timestamp_ms, headers=headers)

    async def send(self) -> dict[tuple[str, int], int]:
        """Send all, wait until every one is acknowledged, and answer with the next offset of each partition.

        aiokafka commits a transaction although a send in it has failed, so each future is asked for its result.
        """
        full: dict[tuple[str, int], list[Any]] = {}
        for topic, partition, batch in self._full:
            full.setdefault((topic, partition), []).append(batch)
        for place, batch in self._open.items():
            full.setdefault(place, []).append(batch)
        # gather() waits for all of them: none is left to fail unseen.
        results = await asyncio.gather(
            *(self._send_in_order(place, batches) for place, batches in full.items()), return_exceptions=True
        )
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return dict(zip(full, results, strict=True))  # type: ignore[arg-type] # none of them is an exception

    async def _send_in_order(self, place: tuple[str, int], batches: list[Any]) -> int:
        topic, partition = place
        next_offset = 0
        futures = []
        for batch in batches:
            batch.close()
            futures.append(await self._producer.send_batch(batch, topic, partition=partition))
        for batch, result in zip(batches, await asyncio.gather(*futures, return_exceptions=True), strict=True):
            if isinstance(result, BaseException):
                raise result
            next_offset = max(next_offset, result.offset + batch.record_count())
        return next_offset


async def offsets_of(
    ask: Callable[[Sequence[TopicPartition]], Awaitable[dict[TopicPartition, int]]],
    partitions: Sequence[TopicPartition],
    within_seconds: float,
    refused: list[Exception] | None = None,
) -> dict[TopicPartition, int]:
    """What a reader's `beginning_offsets` or `end_offsets` say: asked together, then each for itself.

    So one hides no others. One without a leader gets no answer. What has none in so many seconds is left out; `refused`
    is told why.

    Raises:
        KafkaError, TimeoutError, OSError: none of them has one.
    """
    found: dict[TopicPartition, int] = {}

    async def look(*wanted: TopicPartition) -> Exception | None:
        try:
            async with asyncio.timeout(within_seconds):
                found.update(await ask(wanted))
        except UNAVAILABLE as error:
            return error
        return None

    if await look(*partitions) is not None:
        errors = await asyncio.gather(*(look(partition) for partition in partitions))
        if not found:
            raise next(error for error in errors if error is not None)
        if refused is not None:
            refused += [error for error in errors if error is not None]
    return found


class LogEndsEarly(KafkaError):  # type: ignore[misc] # aiokafka has no types
    """By this answer a log has lost records. It may be the answer of a broker that is behind."""


class Reach:
    """Whether logs still hold the offset from which they are to be read; nobody else would notice (`check`).

    A broker that the others do not hear any more leads on in its own eyes, and says of its logs that they end where
    they ended then. So such an end is believed once it was said for so many seconds: each try begins with any broker.
    """

    def __init__(self, patience_seconds: float) -> None:
        self._patience_seconds = patience_seconds
        self._early_since: dict[tuple[TopicPartition, str], float] = {}

    def check(self, partition: TopicPartition, offset: int, start: int, end: int, what: str) -> None:
        """See that the log still holds it.

        Raises:
            StopWorker: with the numbers. Truncated or expired records look like control records to a consumer.
            LogEndsEarly: it ends before that, and not for long enough yet.
        """
        if start <= offset <= end:
            self._early_since.pop((partition, what), None)
            return
        gone = (
            f"{start - offset} records were deleted before they were read"
            if offset < start
            else f"the log ends {offset - end} records earlier: the topic was made anew, or a broker lost records"
        )
        msg = (
            f"{what}: the next record to read has offset {offset}, but the log of "
            f"{partition.topic}[{partition.partition}] reaches from {start} to {end}; {gone}. Nothing was skipped. "
            'Find out what is missing, then say where to go on (docs/operating.md, "Records that expired unread").'
        )
        now = monotonic_seconds()
        if offset > end and now - self._early_since.setdefault((partition, what), now) < self._patience_seconds:
            raise LogEndsEarly(msg)
        raise StopWorker(msg)


async def check_start(
    consumer: AIOKafkaConsumer, partition: TopicPartition, offset: int, what: str, reach: Reach
) -> int:
    """Ask how far a log reaches, and `Reach.check`. Returns where it ends."""
    start = (await consumer.beginning_offsets([partition]))[partition]
    end: int = (await consumer.end_offsets([partition]))[partition]
    reach.check(partition, offset, start, end, what)
    return end


class Prober:
    """A reader without a group that looks at a log afresh, to tell a real jump of offsets from a stale batch."""

    def __init__(self, settings: Settings) -> None:
        self.reach = Reach(settings.stall_seconds / 2)
        self._settings = settings
        self._reader: AIOKafkaConsumer | None = None
        self._lock = asyncio.Lock()

    async def first_offset(self, partition: TopicPartition, offset: int, what: str) -> int | None:
        """The offset of the first record at or after `offset` that a reader may see; None where there is none yet.

        Raises:
            StopWorker: when the log does not hold `offset` any more.
            KafkaError, TimeoutError: it is not known; no answer is not "none".
        """
        async with self._lock, asyncio.timeout(self._settings.request_timeout_seconds):
            try:
                reader = await self._started()
                reader.assign([partition])
                reader.seek(partition, offset)
                end = await check_start(reader, partition, offset, what, self.reach)
                while await reader.position(partition) < end:
                    found = await reader.getmany(partition, timeout_ms=LOOK_MS, max_records=1)
                    for record in found.get(partition, ()):
                        return int(record.offset)
            except BaseException:
                await self._drop()
                raise
        return None

    async def ends(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        """Where these logs end (`offsets_of`). Asks Kafka in any case, and so tells whether it answers."""
        async with self._lock, asyncio.timeout(self._settings.request_timeout_seconds):
            try:
                reader = await self._started()
                if not partitions:
                    await reader.topics()
                    return {}
                return await offsets_of(reader.end_offsets, partitions, self._settings.request_timeout_seconds / 3)
            except BaseException:
                await self._drop()
                raise

    async def close(self) -> None:
        """Close the reader."""
        async with self._lock:
            await self._drop()

    async def _started(self) -> AIOKafkaConsumer:
        if self._reader is None:
            self._reader = make_reader(self._settings)
            await start_client(self._reader)
        return self._reader

    async def _drop(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            await stop_client(reader)

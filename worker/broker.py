"""What FastStream's broker is given: our connection, a way to wait for records, and a parser that takes every one."""

from itertools import chain
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError
from faststream.kafka.message import KafkaMessage
from faststream.security import BaseSecurity, SASLPlaintext, SASLScram256, SASLScram512

from worker.kafka import client_options, ssl_context_of
from worker.records import size_of
from worker.settings import Settings

LOOK_MS = 1000
"""So long a look for records waits for some; then it asks whether all is well with the group."""

FETCHED_RECORDS_MAX, FETCHED_BYTES_MAX = 2000, 4 * 1024 * 1024
"""What is taken at a time, of all partitions. A fetch holds compressed batches: a few KB may be hundreds of MB."""

TAKEN_AT_ONCE = 32
"""Records of a partition before the next one has its turn."""

DEAD_LOOKS = 5


def broker_options(settings: Settings) -> dict[str, Any]:
    """Where the brokers are, as all our clients have it."""
    options = client_options(settings)
    return {
        "bootstrap_servers": options["bootstrap_servers"],
        "client_id": options["client_id"],
        "request_timeout_ms": options["request_timeout_ms"],
        "security": _security(settings),
    }


def _security(settings: Settings) -> BaseSecurity | None:
    protocol = settings.kafka_security_protocol
    context = ssl_context_of(settings) if protocol.endswith("SSL") else None
    if not protocol.startswith("SASL"):
        return BaseSecurity(ssl_context=context) if context else None
    kinds = {"PLAIN": SASLPlaintext, "SCRAM-SHA-256": SASLScram256, "SCRAM-SHA-512": SASLScram512}
    password = settings.kafka_password.get_secret_value() if settings.kafka_password else ""
    kind = kinds[settings.kafka_sasl_mechanism]
    return kind(settings.kafka_username or "", password, ssl_context=context, use_ssl=context is not None)


async def next_records(consumer: AIOKafkaConsumer) -> tuple[ConsumerRecord, ...]:
    """The next records as soon as they are there.

    In place of FastStream's own, which after each look in vain sleeps for as long as it has looked: whatever comes
    meanwhile waits, and an idle worker looks all the time.
    """
    taken: dict[TopicPartition, list[ConsumerRecord]] = {}
    count = size = 0
    found = await consumer.getmany(timeout_ms=LOOK_MS, max_records=TAKEN_AT_ONCE)
    while found:
        for partition, records in found.items():
            taken.setdefault(partition, []).extend(records)
            count += len(records)
            size += sum(map(size_of, records))
            _put_last(consumer, partition)
        if count >= FETCHED_RECORDS_MAX or size >= FETCHED_BYTES_MAX:
            break
        try:
            found = await consumer.getmany(max_records=TAKEN_AT_ONCE)
        except KafkaError:  # it comes again with the next look; what was taken must not be lost
            break
    return tuple(chain.from_iterable(taken.values()))


def _put_last(consumer: AIOKafkaConsumer, partition: TopicPartition) -> None:
    """Without it aiokafka empties what it has fetched of one partition before it comes to the next one."""
    fetched = consumer._fetcher._records  # noqa: SLF001
    if partition in fetched:
        fetched.move_to_end(partition)


class Pulse:
    """Sees whether what FastStream and aiokafka run for a subscriber still runs.

    Where one of these tasks has ended nobody else looks: getmany() goes on and finds nothing, or the same error again.
    """

    def __init__(self, name: str, subscriber: Any) -> None:
        self._name = name
        self._subscriber = subscriber
        self._looks = 0

    def look(self) -> None:
        """Look once.

        Raises:
            RuntimeError: one of them has ended, and is not made anew as after a rebalance.
        """
        ended = self._ended()
        self._looks = self._looks + 1 if ended else 0
        if self._looks >= DEAD_LOOKS:
            raise RuntimeError(f"{self._name}: the task of {ended} has ended by itself")

    def _ended(self) -> str | None:
        consumer = self._subscriber.consumer
        if consumer is None:
            return "the consumer"
        if all(task.done() for task in self._subscriber.tasks):
            return "the loop that takes records"
        coordinator, fetcher, client = consumer._coordinator, consumer._fetcher, consumer._client  # noqa: SLF001
        tasks = {
            "the group": coordinator._coordination_task,  # noqa: SLF001
            "fetches": fetcher._fetch_task,  # noqa: SLF001
            "metadata": client._sync_task,  # noqa: SLF001
        }
        beat = coordinator._heartbeat_task  # noqa: SLF001
        if beat is not None and beat.done() and not beat.cancelled() and beat.exception() is not None:
            return "heartbeats"  # one without an error is made anew with the next generation
        return next((name for name, task in tasks.items() if task is None or task.done()), None)


async def parse(raw: tuple[ConsumerRecord, ...]) -> KafkaMessage:
    """A parser that cannot raise: FastStream's own decodes headers, and skips a batch that has one it cannot."""
    first = raw[0]
    place = f"{first.topic}:{first.partition}:{first.offset}"
    no_consumer: Any = None  # nobody acknowledges by the message
    return KafkaMessage(raw_message=raw, body=b"", correlation_id=place, consumer=no_consumer)


async def decode(message: KafkaMessage) -> tuple[ConsumerRecord, ...]:
    """The records as they came."""
    return message.raw_message

"""What FastStream's broker is given: our connection, a way to wait for records, and a parser that takes every one."""

from itertools import chain
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord
from faststream.kafka.message import KafkaMessage
from faststream.security import BaseSecurity, SASLPlaintext, SASLScram256, SASLScram512

from worker.kafka import client_options, ssl_context_of
from worker.settings import Settings

LOOK_MS = 1000
"""So long a look for records waits for some; then it asks whether all is well with the group."""

FETCHED_RECORDS_MAX = 2000


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
    found = await consumer.getmany(timeout_ms=LOOK_MS, max_records=FETCHED_RECORDS_MAX)
    return tuple(chain.from_iterable(found.values()))


async def parse(raw: tuple[ConsumerRecord, ...]) -> KafkaMessage:
    """A parser that cannot raise: FastStream's own decodes headers, and skips a batch that has one it cannot."""
    first = raw[0]
    place = f"{first.topic}:{first.partition}:{first.offset}"
    no_consumer: Any = None  # nobody acknowledges by the message
    return KafkaMessage(raw_message=raw, body=b"", correlation_id=place, consumer=no_consumer)


async def decode(message: KafkaMessage) -> tuple[ConsumerRecord, ...]:
    """The records as they came."""
    return message.raw_message

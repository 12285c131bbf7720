"""P6 where a client library stands between a record and the worker: what aiokafka itself cannot read at first.

Kafka takes any bytes as a header's name, and producers compress as they like. Neither may stop the records around it.
"""

import asyncio
import struct
from collections.abc import Callable

from aiokafka import AIOKafkaProducer
from aiokafka.record.util import calc_crc32c
from confluent_kafka import Producer

from tests.support import messages
from tests.support.deployment import Deployment

CODECS = ("none", "gzip", "lz4", "snappy", "zstd")
CRC_AT, CHECKED_FROM = 17, 21


def test_however_a_producer_compresses_it_is_read(deploy: Callable[..., Deployment]) -> None:
    deployment = deploy()
    deployment.make_topics()
    for codec in CODECS:
        producer = Producer(
            {"bootstrap.servers": deployment.servers.kafka_bootstrap, "log_level": 0, "compression.type": codec}
        )
        compressible = messages.register_partner(codec, name="x" * 200)
        producer.produce(deployment.topic(messages.FACTS), compressible, partition=0)
        assert producer.flush(30) == 0

    deployment.start_worker()

    deployment.wait_decided([f"register-{codec}" for codec in CODECS], 20)


def test_what_unpacks_to_more_than_a_topic_takes_is_a_dead_letter_and_holds_nobody(
    deploy: Callable[..., Deployment],
) -> None:
    deployment = deploy()
    deployment.make_topics()
    producer = Producer(
        {
            "bootstrap.servers": deployment.servers.kafka_bootstrap,
            "log_level": 0,
            "compression.type": "gzip",
            "message.max.bytes": 10_000_000,
        }
    )
    topic = deployment.topic(messages.FACTS)
    producer.produce(topic, messages.register_partner("before"), partition=0)
    producer.produce(topic, messages.register_partner("large", name="x" * 3_000_000), key=b"k", partition=0)
    producer.produce(topic, messages.register_partner("odd"), headers=[("", b"")] * 1001, partition=0)
    producer.produce(topic, messages.register_partner("after"), partition=0)
    assert producer.flush(30) == 0

    deployment.start_worker()

    deployment.wait_decided(["register-before", "register-after"], 20)
    large, odd = deployment.db.dead_letters.find().sort("source.offset", 1)
    assert {large["reason"], odd["reason"]} == {"TOO_LARGE"}
    assert (large["source"], large["value"]) == ({"topic": topic, "partition": 0, "offset": 1}, None)
    assert "3000" in large["error"]
    assert odd["source"]["offset"] == 2


def test_a_header_whose_name_is_not_utf_8_hurts_its_own_record_at_most(deploy: Callable[..., Deployment]) -> None:
    deployment = deploy()
    deployment.make_topics()
    deployment.produce(messages.FACTS, messages.register_partner("before"), partition=0)
    asyncio.run(_produce_raw(deployment, b"odd name", b"\xff\xfe odd \xff"))
    deployment.produce(messages.FACTS, messages.register_partner("after"), partition=0)

    deployment.start_worker()

    deployment.wait_decided(["register-before", "register-after"], 20)
    (odd,) = deployment.db.journal.find({"source": f"{deployment.topic(messages.FACTS)}:0:1"})
    assert (odd["_id"], odd["outcome"]) == ("register-odd", "accepted")


async def _produce_raw(deployment: Deployment, placeholder: bytes, name: bytes) -> None:
    """A record whose header has this name: no client library writes it, so its batch is changed on its way."""
    assert len(placeholder) == len(name)
    producer = AIOKafkaProducer(bootstrap_servers=deployment.servers.kafka_bootstrap)
    await producer.start()
    try:
        batch = producer.create_batch()
        headers = [(placeholder.decode(), b"x")]
        batch.append(key=None, value=messages.register_partner("odd"), timestamp=None, headers=headers)
        changed = bytearray(batch._build())
        at = changed.index(placeholder)
        changed[at : at + len(name)] = name
        struct.pack_into(">I", changed, CRC_AT, calc_crc32c(bytes(changed[CHECKED_FROM:])))
        batch._buffer = changed
        await (await producer.send_batch(batch, deployment.topic(messages.FACTS), partition=0))
    finally:
        await producer.stop()

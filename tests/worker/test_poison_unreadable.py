"""P6 where a client library stands between a record and the worker: what aiokafka itself cannot read at first.

Kafka takes any bytes as a header's name, and producers compress as they like. Neither may stop the records around it.
"""

import asyncio
import struct
from collections.abc import Callable, Sequence

import pytest
from aiokafka import AIOKafkaProducer, codec
from aiokafka.record.util import calc_crc32c
from confluent_kafka import Producer

from tests.support import messages
from tests.support.deployment import Deployment

CODECS = ("none", "gzip", "lz4", "snappy", "zstd")
LENGTH_AT, CRC_AT, CHECKED_FROM, HEADER_BYTES = 8, 17, 21, 61
"""In a record batch (KIP-98). What is checked begins with the attributes, of which three bits are the codec."""

PACKED = {"gzip": (1, codec.gzip_encode), "lz4": (3, codec.lz4_encode), "zstd": (4, codec.zstd_encode)}
UNPACKED = 200 * 2**20


def test_however_a_producer_compresses_it_is_read(deploy: Callable[..., Deployment]) -> None:
    deployment = deploy()
    deployment.make_topics()
    for name in CODECS:
        producer = Producer(
            {"bootstrap.servers": deployment.servers.kafka_bootstrap, "log_level": 0, "compression.type": name}
        )
        compressible = messages.register_partner(name, name="x" * 200)
        producer.produce(deployment.topic(messages.FACTS), compressible, partition=0)
        assert producer.flush(30) == 0

    deployment.start_worker()

    deployment.wait_decided([f"register-{name}" for name in CODECS], 20)


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
            "enable.idempotence": True,  # else a retry could change the order
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


@pytest.mark.parametrize("name", PACKED)
def test_what_unpacks_to_hundreds_of_megabytes_takes_no_memory_and_holds_nobody(
    deploy: Callable[..., Deployment], name: str
) -> None:
    """A topic's limit is on the compressed batch: 30 KB may be a gigabyte, and again after each start."""
    deployment = deploy()
    deployment.make_topics()
    topic = deployment.topic(messages.FACTS)
    deployment.produce(messages.FACTS, messages.register_partner("before"), partition=0)
    asyncio.run(_produce_raw(deployment, [b"{}", b" " * UNPACKED], lambda batch: _compressed(batch, name)))
    deployment.produce(messages.FACTS, messages.register_partner("after"), partition=0)

    worker = deployment.start_worker()

    deployment.wait_decided(["register-before", "register-after"], 30)
    letters = list(deployment.db.dead_letters.find().sort("source.offset", 1))
    assert [letter["source"] for letter in letters] == [
        {"topic": topic, "partition": 0, "offset": offset} for offset in (1, 2)
    ]
    assert {(letter["reason"], letter["value"]) for letter in letters} == {("TOO_LARGE", None)}
    assert "unpacked" in letters[0]["error"]
    assert worker.peak_mb() < UNPACKED / 2**20


def test_a_header_whose_name_is_not_utf_8_hurts_its_own_record_at_most(deploy: Callable[..., Deployment]) -> None:
    """Nor those of its batch, before it and behind it: each is read once."""
    deployment = deploy()
    deployment.make_topics()
    values = [messages.register_partner(name) for name in ("first", "odd", "last")]
    asyncio.run(_produce_raw(deployment, values, lambda batch: _named(batch, b"name-1", b"\xff\xfe odd")))

    deployment.start_worker()

    deployment.wait_decided(["register-first", "register-odd", "register-last"], 20)
    assert deployment.db.journal.count_documents({}) == len(values)
    offsets = [entry["source"].rpartition(":")[2] for entry in deployment.db.journal.find().sort("offset", 1)]
    assert sorted(offsets) == ["0", "1", "2"]


def _named(batch: bytearray, placeholder: bytes, name: bytes) -> bytearray:
    assert len(placeholder) == len(name)
    at = batch.index(placeholder)
    batch[at : at + len(name)] = name
    return batch


def _compressed(batch: bytearray, name: str) -> bytearray:
    number, compress = PACKED[name]
    (attributes,) = struct.unpack_from(">h", batch, CHECKED_FROM)
    struct.pack_into(">h", batch, CHECKED_FROM, attributes | number)
    return batch[:HEADER_BYTES] + bytearray(compress(bytes(batch[HEADER_BYTES:])))


async def _produce_raw(
    deployment: Deployment, values: Sequence[bytes], changed: Callable[[bytearray], bytearray]
) -> None:
    """Records in one batch that no client library writes so: it is changed on its way."""
    producer = AIOKafkaProducer(bootstrap_servers=deployment.servers.kafka_bootstrap, max_batch_size=2 * UNPACKED)
    await producer.start()
    try:
        batch = producer.create_batch()
        for number, value in enumerate(values):
            batch.append(key=None, value=value, timestamp=None, headers=[(f"name-{number}", b"x")])
        found = changed(bytearray(batch._build()))
        struct.pack_into(">i", found, LENGTH_AT, len(found) - LENGTH_AT - 4)
        struct.pack_into(">I", found, CRC_AT, calc_crc32c(bytes(found[CHECKED_FROM:])))
        batch._buffer = found
        await (await producer.send_batch(batch, deployment.topic(messages.FACTS), partition=0))
    finally:
        await producer.stop()

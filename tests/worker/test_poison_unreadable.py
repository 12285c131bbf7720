"""P6 where a client library stands between a record and the worker: what aiokafka itself cannot read at first.

Kafka takes any bytes as a header's name, and producers compress as they like. Neither may stop the records around it.
"""

import asyncio
import struct
from collections.abc import Callable, Sequence

import pytest
from aiokafka import AIOKafkaProducer, codec
from aiokafka.record.util import calc_crc32c, encode_varint
from confluent_kafka import Producer

from tests.support import messages
from tests.support.batches import HEADER_BYTES, batch_of
from tests.support.deployment import Deployment
from tests.support.waiting import wait_until
from worker.records import UNPACKED_BYTES_MAX

CODECS = ("none", "gzip", "lz4", "snappy", "zstd")
LENGTH_AT, CRC_AT, CHECKED_FROM = 8, 17, 21
"""In a record batch (KIP-98). What is checked begins with the attributes, of which three bits are the codec."""

PACKED = {"gzip": (1, codec.gzip_encode), "lz4": (3, codec.lz4_encode), "zstd": (4, codec.zstd_encode)}
KILOBYTE = 1024
UNPACKED = 200 * 2**20
MEMORY_MB_MAX = 300


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
    asyncio.run(_produce_raw(deployment, _batch([b"{}", b" " * UNPACKED], name)))
    deployment.produce(messages.FACTS, messages.register_partner("after"), partition=0)

    worker = deployment.start_worker()

    deployment.wait_decided(["register-before", "register-after"], 30)
    letters = list(deployment.db.dead_letters.find().sort("source.offset", 1))
    assert [letter["source"] for letter in letters] == [
        {"topic": topic, "partition": 0, "offset": offset} for offset in (1, 2)
    ]
    assert {(letter["reason"], letter["value"]) for letter in letters} == {("TOO_LARGE", None)}
    assert "unpacked" in letters[0]["error"]
    assert worker.peak_mb() < MEMORY_MB_MAX


def test_many_batches_that_unpack_to_much_are_taken_one_by_one(deploy: Callable[..., Deployment]) -> None:
    """Each below the bound: large values, large keys, and very many headers, one of them in a name of its own."""
    deployment = deploy()
    deployment.make_topics()
    values = _batch([b" " * (UNPACKED_BYTES_MAX - KILOBYTE)], "zstd")
    keys = _batch([b""] * 15, "zstd", key=b" " * 1000 * KILOBYTE)
    headers = _compressed(_head(_batch([b""])), "zstd", _record_with_headers(1_000_000, b"\xff"))
    asyncio.run(_produce_raw(deployment, *[values, keys, headers] * 8))
    deployment.produce(messages.FACTS, messages.register_partner("after"), partition=0)

    worker = deployment.start_worker()

    deployment.wait_decided(["register-after"], 90)
    wait_until(lambda: deployment.db.dead_letters.count_documents({}) == 8 * (1 + 15 + 1), 60, "the letters")
    assert worker.peak_mb() < MEMORY_MB_MAX
    assert not worker.logged("lane starts again")


def test_a_header_whose_name_is_not_utf_8_hurts_its_own_record_at_most(deploy: Callable[..., Deployment]) -> None:
    """Nor those of its batch, before it and behind it: each is read once."""
    deployment = deploy()
    deployment.make_topics()
    batch = _batch([messages.register_partner(name) for name in ("first", "odd", "last")])
    asyncio.run(_produce_raw(deployment, batch.replace(b"name-1", b"\xff\xfe odd")))

    deployment.start_worker()

    deployment.wait_decided(["register-first", "register-odd", "register-last"], 20)
    assert _sources(deployment) == [0, 1, 2]


@pytest.mark.parametrize("delta", [10, -3], ids=["of the future", "of the past"])
def test_a_record_that_lies_about_its_offset_takes_nobody_along(deploy: Callable[..., Deployment], delta: int) -> None:
    """Brokers believe it where nothing is compressed; what came behind it was passed over, or nobody read itself."""
    deployment = deploy()
    deployment.make_topics()
    names = ["before", "odd", *(f"after-{number}" for number in range(12))]
    deployment.produce(messages.FACTS, messages.register_partner("before"), partition=0)
    odd = _batch([messages.register_partner("odd")])
    start = odd.index(b"name-0") and HEADER_BYTES + 2  # a length of two bytes, then the attributes and the time
    assert odd[start : start + 3] == b"\x00\x00\x00"
    odd[start + 2] = encoded(delta)
    worker = deployment.start_worker()
    deployment.wait_decided(["register-before"], 30)
    asyncio.run(_produce_raw(deployment, odd))
    wait_until(lambda: len(_sources(deployment)) == 2, 20, "the odd one")
    for name in names[2:]:
        deployment.produce(messages.FACTS, messages.register_partner(name), partition=0)

    deployment.wait_decided([f"register-{name}" for name in names], 20)
    assert _sources(deployment) == list(range(len(names)))
    assert worker.process.poll() is None


def test_a_record_that_no_length_fits_is_a_dead_letter_and_holds_nobody(deploy: Callable[..., Deployment]) -> None:
    """What aiokafka cannot read it asks for again, for ever."""
    deployment = deploy()
    deployment.make_topics()
    values = [messages.register_partner(name) for name in ("first", "odd", "last")]
    attributes, length = _batch(values), _batch(values)
    attributes[HEADER_BYTES + 2] = 0xFF
    length[len(_batch(values[:2]))] += (
        2  # one byte more than there is, of the last one; brokers skip what is compressed
    )
    length = _compressed(_head(length), "zstd", bytes(length[HEADER_BYTES:]))
    asyncio.run(_produce_raw(deployment, attributes, length))
    deployment.produce(messages.FACTS, messages.register_partner("after"), partition=0)

    deployment.start_worker()

    deployment.wait_decided(["register-first", "register-odd", "register-last", "register-after"], 20)
    (letter,) = deployment.db.dead_letters.find()
    assert (letter["source"]["offset"], letter["reason"]) == (5, "NOT_A_CLOUD_EVENT")


def _sources(deployment: Deployment) -> list[int]:
    """The offsets of the topic's first partition that have an outcome."""
    return sorted(int(entry["source"].rpartition(":")[2]) for entry in deployment.db.journal.find())


def _batch(values: Sequence[bytes], name: str = "", key: bytes | None = None) -> bytearray:
    """A batch as a producer makes it, compressed or not."""
    batch = batch_of((key, value, [(f"name-{number}", b"x")]) for number, value in enumerate(values))
    return _compressed(_head(batch), name, bytes(batch[HEADER_BYTES:])) if name else batch


def _head(batch: bytearray) -> bytearray:
    return batch[:HEADER_BYTES]


def _compressed(head: bytearray, name: str, records: bytes) -> bytearray:
    number, compress = PACKED[name]
    struct.pack_into(">h", head, CHECKED_FROM, number)
    return head + bytearray(compress(records))


def _record_with_headers(count: int, last: bytes) -> bytes:
    """One record with nothing but headers: without names, but for the last one."""
    fields = bytes([0, 0, 0, 1, 1]) + encode(count) + b"\x00\x00" * (count - 1) + encode(len(last)) + last + b"\x00"
    return encode(len(fields)) + fields


def encode(number: int) -> bytes:
    """A number as a record has it (zigzag)."""
    found = bytearray()
    encode_varint(number, found.append)
    return bytes(found)


def encoded(number: int) -> int:
    """One of a single byte."""
    (byte,) = encode(number)
    return byte


async def _produce_raw(deployment: Deployment, *batches: bytearray) -> None:
    """Batches as no client library writes them: each is put in the place of one on its way."""
    producer = AIOKafkaProducer(bootstrap_servers=deployment.servers.kafka_bootstrap)
    await producer.start()
    try:
        for found in batches:
            batch = producer.create_batch()
            batch.append(key=None, value=b"", timestamp=None)
            batch._build()
            struct.pack_into(">i", found, LENGTH_AT, len(found) - LENGTH_AT - 4)
            struct.pack_into(">I", found, CRC_AT, calc_crc32c(bytes(found[CHECKED_FROM:])))
            batch._buffer = found
            await (await producer.send_batch(batch, deployment.topic(messages.FACTS), partition=0))
    finally:
        await producer.stop()

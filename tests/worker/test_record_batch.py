"""Batches as a hostile producer makes them: what is plain is read as aiokafka reads it, the rest record by record."""

import random
from collections.abc import Sequence

import pytest
from aiokafka import codec
from aiokafka.record.default_records import DefaultRecordBatch

from contracts.topics import RECORD_BYTES_MAX
from tests.support.batches import HEADER_BYTES, Fields, batch_of
from worker.record_batch import BROKEN, Codec, Record, TooLarge, is_plain, read, unpacked
from worker.records import HEADERS_MAX, TOO_LARGE_HEADER, UNPACKED_BYTES_MAX

ROUNDS = 3000
RECORDS: Sequence[Fields] = [
    (b"key", b"value" * 30, [("~source", b"facts:1:2:3"), ("é", None)]),
    (None, None, []),
    (b"", b"", [("", b"")]),
    (b"k" * 200, b"v", []),
]


def built(records: Sequence[Fields]) -> tuple[bytes, bytes]:
    """The header of a batch, and its records."""
    whole = bytes(batch_of(records))
    return whole[:HEADER_BYTES], whole[HEADER_BYTES:]


def test_a_plain_batch_is_read_alike_by_both() -> None:
    _, data = built(RECORDS)

    assert is_plain(data, len(RECORDS))
    assert [record[1:] for record in read(data, len(RECORDS))] == [tuple(record) for record in RECORDS]
    assert [record.timestamp_delta for record in read(data, len(RECORDS))] == [0, 1, 2, 3]


def test_whatever_bytes_are_changed_each_record_is_read_and_what_is_plain_as_by_aiokafka() -> None:
    header, data = built(RECORDS)
    dice, plain = random.Random(7), 0
    for _ in range(ROUNDS):
        changed = bytearray(data)
        for _ in range(dice.randrange(1, 4)):
            changed[dice.randrange(len(changed))] = dice.randrange(256)
        whole = bytes(changed)
        found = list(read(whole, len(RECORDS)))
        assert len(found) == len(RECORDS)
        if is_plain(whole, len(RECORDS)):
            plain += 1
            try:
                others = list(DefaultRecordBatch(header + whole))
            except UnicodeDecodeError:
                continue
            assert [(one.key, one.value) for one in others] == [(one.key, one.value) for one in found]
            assert [one.offset for one in others] == list(range(len(RECORDS)))
    assert 0 < plain < ROUNDS


@pytest.mark.parametrize(
    ("position", "byte"),
    [(2, 0x80), (4, 14), (4, 1)],
    ids=["attributes above 127", "an offset of the future", "an offset of the past"],
)
def test_a_record_that_lies_about_its_place_is_not_plain_and_is_read(position: int, byte: int) -> None:
    _, data = built(RECORDS[:1])
    changed = data[:position] + bytes([byte]) + data[position + 1 :]

    assert is_plain(data, 1)
    assert not is_plain(changed, 1)
    assert [record.key for record in read(changed, 1)] == [b"key"]


@pytest.mark.parametrize(
    "length", [b"\x00", b"\x01", b"\xff" * 11, b"\xfe\xff\x03"], ids=["0", "-1", "endless", "too long"]
)
def test_behind_a_record_without_an_end_nothing_can_be_read(length: bytes) -> None:
    _, data = built([RECORDS[1], RECORDS[0]])
    own = data[0] // 2 + 1
    changed = data[:own] + length + data[own + 2 :]

    assert not is_plain(changed, 2)
    assert list(read(changed, 2)) == [Record(0, None, None, []), BROKEN]


def test_what_is_too_large_for_the_lane_log_is_left_where_it_is() -> None:
    many: list[tuple[str, bytes | None]] = [("", b"")] * (HEADERS_MAX + 1)
    records: list[Fields] = [(b"1", b" " * (RECORD_BYTES_MAX + 100), []), (b"2", b"", many), (b"3", b"", many[:-1])]
    _, data = built(records)

    assert not is_plain(data, 3)
    large, headers, last = read(data, 3)

    assert (large.value, large.headers[0][0]) == (None, TOO_LARGE_HEADER)
    assert int(large.headers[0][1] or 0) > RECORD_BYTES_MAX
    assert [name for name, _ in headers.headers] == [TOO_LARGE_HEADER]
    assert (last.key, len(last.headers)) == (b"3", HEADERS_MAX)


@pytest.mark.parametrize(
    ("kind", "compress"),
    [(Codec.GZIP, codec.gzip_encode), (Codec.LZ4, codec.lz4_encode), (Codec.ZSTD, codec.zstd_encode)],
    ids=["gzip", "lz4", "zstd"],
)
def test_nothing_is_unpacked_beyond_the_bound(kind: Codec, compress: object) -> None:
    assert callable(compress)
    for size in (0, 1000, UNPACKED_BYTES_MAX):
        assert len(unpacked(kind, memoryview(compress(bytes(size))))) == size
    with pytest.raises(TooLarge):
        unpacked(kind, memoryview(compress(bytes(UNPACKED_BYTES_MAX + 1))))
    with pytest.raises(TooLarge):
        unpacked(kind, memoryview(compress(b"x" * 1000)[:-9]))

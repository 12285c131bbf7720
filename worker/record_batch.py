"""The records of one batch (KIP-98), read as if nobody had checked them.

Brokers check a record's offset only where its batch is compressed, and its length only where it is not. Some of what
they take aiokafka cannot read, for ever, or believes. So a batch is looked through before aiokafka has it (`is_plain`),
and one that is not plain is read here, record by record (`read`).
"""

import gzip
import io
import mmap
import threading
import zlib
from collections.abc import Callable, Iterator
from enum import IntEnum
from itertools import repeat
from typing import NamedTuple

import cramjam
from aiokafka.codec import snappy_decode

from contracts.topics import RECORD_BYTES_MAX
from worker.records import BATCH_TOO_LARGE, HEADERS_MAX, RECORD_BROKEN, TOO_LARGE_HEADER, UNPACKED_BYTES_MAX

FRAME_BYTES = 64
"""What a record has at most beside key, value and headers."""

VARINT_BYTES_MAX = 10
MORE = 0x80
"""This bit of a byte says that another one follows."""

_room = mmap.mmap(-1, UNPACKED_BYTES_MAX)
"""Where batches are unpacked, one after another: memory that is taken only as far as one has needed it."""

_alone = threading.Lock()


class Codec(IntEnum):
    """How a batch is compressed."""

    NONE = 0
    GZIP = 1
    SNAPPY = 2
    LZ4 = 3
    ZSTD = 4


class TooLarge(Exception):
    """A batch that does not unpack within the bound."""


class Record(NamedTuple):
    """A record without its place."""

    timestamp_delta: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]


def stand_in(why: bytes) -> Record:
    """What is read in the place of a record that stays where it is, on its own topic (worker/decode.py)."""
    return Record(0, None, None, [(TOO_LARGE_HEADER, why)])


IN_LARGE_BATCH, BROKEN = stand_in(BATCH_TOO_LARGE), stand_in(RECORD_BROKEN)


def unpacked(codec: int, data: memoryview) -> bytes:
    """The records of a batch.

    Raises:
        TooLarge: they have more than UNPACKED_BYTES_MAX bytes; or cannot be unpacked, which no broker would have taken.
    """
    try:
        match codec:
            case Codec.NONE:
                return bytes(data)
            case Codec.ZSTD:
                found = _unpacked_by(cramjam.zstd.decompress_into, data)
            case Codec.LZ4:
                found = _unpacked_by(cramjam.lz4.decompress_into, data)
            case Codec.SNAPPY:
                found = snappy_decode(data.tobytes())  # at most some twenty times as much
            case _:
                found = gzip.GzipFile(fileobj=io.BytesIO(data)).read(UNPACKED_BYTES_MAX + 1)
    except (cramjam.DecompressionError, zlib.error, EOFError, OSError) as error:
        raise TooLarge from error
    if len(found) > UNPACKED_BYTES_MAX:
        raise TooLarge
    return found


def _unpacked_by(decompress_into: Callable[[memoryview, mmap.mmap], int], data: memoryview) -> bytes:
    with _alone:
        return _room[: decompress_into(data, _room)]


def is_plain(data: bytes, count: int) -> bool:
    """Whether each of so many records has the length and the offset that it should have, and none is out of bounds."""
    pos = 0
    try:
        for number in range(count):
            length, start = _varint(data, pos)
            pos = start + length
            if not 0 < length <= RECORD_BYTES_MAX + FRAME_BYTES or not _is_in_place(data, number, start, pos):
                return False
    except (IndexError, ValueError):
        return False
    return pos == len(data)


def _is_in_place(data: bytes, number: int, start: int, end: int) -> bool:
    _, pos = _varint(data, start + 1)
    delta, pos = _varint(data, pos)
    pos = _behind(data, _behind(data, pos))  # key and value
    headers, pos = _varint(data, pos)
    if data[start] >= MORE or delta != number or not 0 <= headers <= HEADERS_MAX:  # the first is one byte to Kafka
        return False
    for _ in range(headers):
        size, pos = _varint(data, pos)
        if size < 0:
            return False
        pos = _behind(data, pos + size)
    return pos == end


def _behind(data: bytes, pos: int) -> int:
    size, pos = _varint(data, pos)
    return pos + max(size, 0)


def read(data: bytes, count: int, first: int = 0) -> Iterator[Record]:
    """So many records from the one of this number on, each by itself, with a stand-in for what cannot be read."""
    pos = 0
    for number in range(count):
        try:
            length, start = _varint(data, pos)
        except (IndexError, ValueError):
            length, start = 0, pos
        pos = start + length
        if length <= 0 or pos > len(data):  # where the next one begins, nobody knows
            yield from repeat(BROKEN, count - max(number, first))
            return
        if number >= first:
            yield _record(data, start, pos)


def _record(data: bytes, start: int, end: int) -> Record:
    if end - start > RECORD_BYTES_MAX + FRAME_BYTES:
        return stand_in(b"%d" % (end - start))
    try:
        timestamp_delta, pos = _varint(data, start + 1)
        _, pos = _varint(data, pos)
        key, pos = _bytes(data, pos)
        value, pos = _bytes(data, pos)
        count, pos = _varint(data, pos)
        if count > HEADERS_MAX:
            return stand_in(b"%d" % (end - start))
        headers: list[tuple[str, bytes | None]] = []
        for _ in range(count):
            name, pos = _bytes(data, pos)
            found, pos = _bytes(data, pos)
            if name is None or pos > end:
                return BROKEN
            headers.append((name.decode("utf-8", "backslashreplace"), found))
    except (IndexError, ValueError):
        return BROKEN
    return Record(timestamp_delta, key, value, headers) if pos == end and count >= 0 else BROKEN


def _bytes(data: bytes, pos: int) -> tuple[bytes | None, int]:
    size, pos = _varint(data, pos)
    return (None, pos) if size < 0 else (data[pos : pos + size], pos + size)


def _varint(data: bytes, pos: int) -> tuple[int, int]:
    """A number in Protocol Buffers' zigzag form, and where it ends. Raises IndexError or ValueError."""
    byte = data[pos]
    if byte < MORE:
        return (byte >> 1) ^ -(byte & 1), pos + 1
    value, shift, end = byte & ~MORE, 7, pos + VARINT_BYTES_MAX
    while True:
        pos += 1
        if pos >= end:
            raise ValueError
        byte = data[pos]
        value |= (byte & ~MORE) << shift
        if byte < MORE:
            return (value >> 1) ^ -(value & 1), pos + 1
        shift += 7

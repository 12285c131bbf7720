"""Reading record batches that would stop aiokafka's reader, and with it every partition that the consumer has (P6).

A producer decides what its batches hold, and brokers look at little of it. What aiokafka cannot read it asks for again,
for ever; what is out of proportion takes memory or time of everybody; what lies about its offset takes others along.
Here a batch is unpacked within a bound, and read by aiokafka only if it is plain (worker/record_batch.py). What cannot
be read, or is larger than the lane log takes, is read as a record without a value that says why (`TOO_LARGE_HEADER`):
it stays where it is, and becomes a dead letter.
"""

import struct
from collections.abc import Iterator
from typing import Any

import aiokafka.consumer.fetcher
from aiokafka.record.default_records import DefaultRecordBatch, _DefaultRecordBatchPy, _DefaultRecordPy
from aiokafka.record.memory_records import _MemoryRecordsPy

from worker.record_batch import IN_LARGE_BATCH, Record, TooLarge, is_plain, read, unpacked

Base = _DefaultRecordBatchPy
HEADER_BYTES, ATTRIBUTES_AT = Base.HEADER_STRUCT.size, Base.ATTRIBUTES_OFFSET
COUNT_AT = HEADER_BYTES - 4

LOOKED_THROUGH_MAX = 10_000
"""Records of a batch that is looked through at once; a larger one is read one by one, by and by."""


class _Batch:
    """A batch as aiokafka reads it, but for its records."""

    def __init__(self, fast: Any, data: memoryview) -> None:
        self._fast = fast
        self._data = data

    def __iter__(self) -> Iterator[Any]:
        fast = self._fast
        (count,) = struct.unpack_from(">i", self._data, COUNT_AT)
        if count != fast.next_offset - fast.base_offset:  # the cleaner of a compacted topic was here; none of ours
            yield from fast
            return
        try:
            data = unpacked(fast.compression_type, self._data[HEADER_BYTES:])
        except TooLarge:
            for number in range(count):
                yield self._placed(number, IN_LARGE_BATCH)
            return
        done = 0
        if count <= LOOKED_THROUGH_MAX and is_plain(data, count):
            try:
                for record in DefaultRecordBatch(self._header() + data):
                    yield record
                    done += 1
            except UnicodeDecodeError:  # a header's name: Kafka takes any bytes for it
                pass
            else:
                return
        for number, record in enumerate(read(data, count, done), done):
            yield self._placed(number, record)

    def _header(self) -> bytes:
        """As if nobody had compressed it. Its CRC was checked before, and is not any more."""
        header = bytearray(self._data[:HEADER_BYTES])
        struct.pack_into(">h", header, ATTRIBUTES_AT, self._fast.attributes & ~Base.CODEC_MASK)
        return bytes(header)

    def _placed(self, number: int, record: Record) -> Any:
        """By its number: a record's own idea of its offset is checked by brokers in compressed batches only."""
        fast = self._fast
        has_append_time = fast.timestamp_type == Base.LOG_APPEND_TIME
        timestamp = fast.max_timestamp if has_append_time else fast.first_timestamp + record.timestamp_delta
        _, key, value, headers = record
        return _DefaultRecordPy(fast.base_offset + number, timestamp, fast.timestamp_type, key, value, headers)

    def __next__(self) -> Any:
        return next(self._fast)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._fast, name)


class TolerantRecords(_MemoryRecordsPy):  # type: ignore[misc] # aiokafka has no types
    """A fetch's record batches."""

    def next_batch(self) -> Any:
        """The next batch."""
        data = self._next_slice
        fast = super().next_batch()
        return _Batch(fast, data) if isinstance(fast, DefaultRecordBatch) and data is not None else fast


def read_tolerantly() -> None:
    """Make all consumers of this process read so. aiokafka has no place to give it a reader."""
    aiokafka.consumer.fetcher.MemoryRecords = TolerantRecords

r"""Reading record batches that would stop aiokafka's reader, and with it every partition that the consumer has (P6).

- Kafka takes any bytes as a header's name. aiokafka decodes names strictly while it unpacks a batch, and raises, for
  ever. Here such a batch is unpacked once more, with what is not UTF-8 as `\xff`.
- A topic's limit is on the compressed batch, and 30 KB may unpack to a gigabyte: more memory than there is, again after
  each start. Here each batch is unpacked within a bound. What does not fit into it stays where it is, on its own topic,
  and each of its records is read as one without a value that says so (`TOO_LARGE_HEADER`).
"""

import gzip
import io
import mmap
import struct
import zlib
from collections.abc import Iterator
from itertools import islice
from typing import Any, SupportsIndex

import aiokafka.consumer.fetcher
import cramjam
from aiokafka.codec import snappy_decode
from aiokafka.record.default_records import DefaultRecordBatch, _DefaultRecordBatchPy, _DefaultRecordPy
from aiokafka.record.memory_records import _MemoryRecordsPy
from typing_extensions import override

from worker.records import BATCH_TOO_LARGE, TOO_LARGE_HEADER, UNPACKED_BYTES_MAX

Base = _DefaultRecordBatchPy
HEADER_BYTES, ATTRIBUTES_AT = Base.HEADER_STRUCT.size, Base.ATTRIBUTES_OFFSET

_room = mmap.mmap(-1, UNPACKED_BYTES_MAX)
"""Where batches are unpacked, one after another: memory that is taken only as far as one has needed it."""


class TooLarge(Exception):
    """A batch that does not unpack within the bound."""


def unpacked(codec: int, data: memoryview) -> bytes:
    """The records of a batch.

    Raises:
        TooLarge: they have more than UNPACKED_BYTES_MAX bytes; or cannot be unpacked, which no broker would have taken.
    """
    try:
        match codec:
            case Base.CODEC_ZSTD:
                found = _room[: cramjam.zstd.decompress_into(data, _room)]
            case Base.CODEC_LZ4:
                found = _room[: cramjam.lz4.decompress_into(data, _room)]
            case Base.CODEC_SNAPPY:
                found = snappy_decode(data.tobytes())  # at most some twenty times as much
            case _:
                found = gzip.GzipFile(fileobj=io.BytesIO(data)).read(UNPACKED_BYTES_MAX + 1)
    except (cramjam.DecompressionError, zlib.error, EOFError, OSError) as error:
        raise TooLarge from error
    if len(found) > UNPACKED_BYTES_MAX:
        raise TooLarge
    return found


class _Text(bytearray):
    """Bytes whose slices decode without raising."""

    @override
    def __getitem__(self, key: SupportsIndex | slice) -> Any:
        found = super().__getitem__(key)
        return _Text(found) if isinstance(key, slice) else found

    @override
    def decode(self, encoding: str = "utf-8", _errors: str = "strict") -> str:
        return super().decode(encoding, "backslashreplace")


class _TolerantBatch(_DefaultRecordBatchPy):  # type: ignore[misc] # aiokafka has no types
    """aiokafka's own batch in Python, over such bytes."""

    _buffer: bytearray

    def _maybe_uncompress(self) -> None:
        super()._maybe_uncompress()
        if not isinstance(self._buffer, _Text):
            self._buffer = _Text(self._buffer)


class _Batch:
    """A batch as aiokafka reads it, but for its records."""

    def __init__(self, fast: Any, data: memoryview) -> None:
        self._fast = fast
        self._data = data

    def __iter__(self) -> Iterator[Any]:
        try:
            data = self._uncompressed()
        except TooLarge:
            yield from self._stand_ins()
            return
        read = 0
        try:
            for record in DefaultRecordBatch(data):
                yield record
                read += 1
        except UnicodeDecodeError:
            yield from islice(_TolerantBatch(data), read, None)

    def _uncompressed(self) -> bytes | memoryview:
        """The same batch as if nobody had compressed it. Its CRC was checked before, and is not any more."""
        codec = self._fast.compression_type
        if codec == Base.CODEC_NONE:
            return self._data
        header = bytearray(self._data[:HEADER_BYTES])
        struct.pack_into(">h", header, ATTRIBUTES_AT, self._fast.attributes & ~Base.CODEC_MASK)
        return bytes(header) + unpacked(codec, self._data[HEADER_BYTES:])

    def _stand_ins(self) -> Iterator[Any]:
        """One for each record. The time is the batch's latest: with append time, as our topics have it, everybody's."""
        batch, headers = self._fast, [(TOO_LARGE_HEADER, BATCH_TOO_LARGE)]
        for offset in range(batch.base_offset, batch.next_offset):
            yield _DefaultRecordPy(offset, batch.max_timestamp, batch.timestamp_type, None, None, headers)

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

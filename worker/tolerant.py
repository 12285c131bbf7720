r"""Reading records whose header names are not UTF-8. Kafka takes them; aiokafka's reader raises, for ever.

It decodes names strictly while it unpacks a batch, inside of the consumer, so that one such record stops every
partition that the consumer has (P6). Here the batch is then unpacked once more, with what is not UTF-8 as `\xff`.
"""

from collections.abc import Iterator
from typing import Any, SupportsIndex

import aiokafka.consumer.fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import _MemoryRecordsPy
from typing_extensions import override


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
    """The fast batch, and the tolerant one where that fails."""

    def __init__(self, fast: Any, data: memoryview) -> None:
        self._fast = fast
        self._data = data

    def __iter__(self) -> Iterator[Any]:
        try:
            return iter(list(self._fast))
        except UnicodeDecodeError:
            return iter(list(_TolerantBatch(self._data)))

    def __next__(self) -> Any:
        return next(self._fast)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._fast, name)


class TolerantRecords(_MemoryRecordsPy):  # type: ignore[misc] # aiokafka has no types
    """A fetch's record batches."""

    def next_batch(self) -> _Batch | None:
        """The next batch."""
        data = self._next_slice
        fast = super().next_batch()
        return None if fast is None or data is None else _Batch(fast, data)


def read_tolerantly() -> None:
    """Make all consumers of this process read so. aiokafka has no place to give it a reader."""
    aiokafka.consumer.fetcher.MemoryRecords = TolerantRecords

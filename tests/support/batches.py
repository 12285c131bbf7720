"""Record batches as their bytes (KIP-98), to be changed as no client library writes them."""

from collections.abc import Iterable

from aiokafka.record.default_records import DefaultRecordBatchBuilder

HEADER_BYTES = 61

Fields = tuple[bytes | None, bytes | None, list[tuple[str, bytes | None]]]
"""Key, value and headers of a record."""


def batch_of(records: Iterable[Fields]) -> bytearray:
    """A batch of these records, not compressed, a millisecond apart."""
    builder = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=0,
        is_transactional=0,
        producer_id=-1,
        producer_epoch=-1,
        base_sequence=-1,
        batch_size=2**31 - 1,
    )
    for number, (key, value, headers) in enumerate(records):
        builder.append(number, 1_700_000_000_000 + number, key, value, headers)
    return bytearray(builder.build())

"""Which lane a partner belongs to. Fixed for life: the same formula as Kafka's own partitioner in Java."""

from functools import lru_cache

from aiokafka.partitioner import murmur2


@lru_cache(maxsize=65_536)
def lane_of(partner_id: str, lanes: int) -> int:
    """The lane of a partner (or of a customer's facts): murmur2 of its id, modulo the number of lanes."""
    number: int = murmur2(partner_id.encode()) & 0x7FFF_FFFF
    return number % lanes

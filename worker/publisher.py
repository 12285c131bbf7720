"""Step 5 of a lane: what was stored goes out in ONE Kafka transaction."""

import asyncio
from collections.abc import Sequence

from aiokafka import AIOKafkaProducer

from worker.encode import with_token
from worker.kafka import Batches, make_producer, start_client, stop_client
from worker.records import Outgoing, mark_of
from worker.secrets import Secrets
from worker.settings import Settings


class Publisher:
    """The transactional producer of one lane.

    Its id belongs to the lane, not to the worker (KIP-447 is not spoken by aiokafka): starting it fences the lane's
    former owner, and ends what that one left open.
    """

    def __init__(self, settings: Settings, secrets: Secrets, lane: int) -> None:
        self._settings = settings
        self._secrets = secrets
        self._producer: AIOKafkaProducer = make_producer(settings, f"{settings.group}-{lane}")

    async def start(self) -> None:
        """Connect, and fence the former owner. Raises KafkaError or TimeoutError when Kafka is not there."""
        async with asyncio.timeout(self._settings.request_timeout_seconds):
            await start_client(self._producer)

    async def publish(self, records: Sequence[Outgoing]) -> dict[str, int]:
        """Publish records in their order, all or nothing.

        Returns the marks: where the publication ended in each partition that it wrote to.

        Raises:
            KafkaError, TimeoutError: the outcome is then unknown, and this publisher is of no more use.
        """
        if not records:
            return {}
        producer = self._producer
        async with asyncio.timeout(self._settings.request_timeout_seconds):
            await producer.begin_transaction()
            batches = Batches(producer)
            marks: dict[tuple[str, int], str] = {}
            for record in records:
                value = with_token(record, self._secrets)
                topic = self._settings.topic(record.topic)
                marks[topic, record.partition] = mark_of(record.topic, record.partition)
                batches.add(topic, record.partition, record.key, value, record.headers, None)
            ends = await batches.send()
            await producer.commit_transaction()
        return {marks[place]: end for place, end in ends.items()}

    async def sweep(self, records: Sequence[Outgoing]) -> None:
        """End whatever a former producer of this lane left open in the partitions of these records.

        Its transaction was aborted when this one started. But a partition whose leader slept meanwhile was seen without
        the marker that says so, and the next commit there would have brought to light what was aborted. A transaction
        that is aborted as well writes the marker.

        Raises:
            KafkaError, TimeoutError: as `publish`.
        """
        firsts = {(record.topic, record.partition): record for record in reversed(records)}
        async with asyncio.timeout(self._settings.request_timeout_seconds):
            await self._producer.begin_transaction()
            batches = Batches(self._producer)
            for record in firsts.values():
                topic = self._settings.topic(record.topic)
                batches.add(topic, record.partition, record.key, record.value, record.headers, None)
            await batches.send()
            await self._producer.abort_transaction()

    async def stop(self) -> None:
        """Close the connections. An open transaction is left to the next one that starts with this id."""
        await stop_client(self._producer)

"""One producer, one Kafka transaction at a time: what was stored goes out, all or nothing."""

import asyncio
from collections.abc import Iterable, Sequence

from aiokafka import AIOKafkaProducer, TopicPartition

from contracts.topics import TopicName
from worker.encode import with_token
from worker.kafka import Batches, make_producer, start_client, stop_client
from worker.records import Outgoing, mark_of
from worker.secrets import Secrets
from worker.settings import Settings


class Publisher:
    """A transactional producer: a lane's own, for its opening, or one that open lanes share (publications.py).

    Starting it fences whoever has the same id, and ends what that one left open. aiokafka does not speak KIP-447, by
    which the group's generation would fence.
    """

    def __init__(self, settings: Settings, secrets: Secrets, transactional_id: str) -> None:
        self._settings = settings
        self._secrets = secrets
        self._producer: AIOKafkaProducer = make_producer(settings, transactional_id)

    async def start(self) -> None:
        """Connect, and fence who has this id. Raises KafkaError or TimeoutError when Kafka is not there."""
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

    async def end_open(self, places: Iterable[tuple[TopicName, int]]) -> None:
        """End what a former producer of this id left open in these partitions.

        Its transaction was ended when this one started. But a broker leaves out the markers that say so where it finds
        no leader ("likely deleted already and hence can be skipped"), as a broker does that slept and comes back: what
        stands there is then neither visible nor gone, and nobody sees what comes behind it. A transaction that holds
        nothing but these partitions writes the markers. It commits: what a lane sends stands in the journal, and what
        is visible is not sent again; an abort would take away what may have been acknowledged already.

        Raises:
            KafkaError, TimeoutError: as `publish`.
        """
        transaction = self._producer._txn_manager  # aiokafka itself adds a partition only together with a record  # noqa: SLF001
        async with asyncio.timeout(self._settings.request_timeout_seconds):
            await self._producer.begin_transaction()
            for topic, partition in places:
                transaction.maybe_add_partition_to_txn(TopicPartition(self._settings.topic(topic), partition))
            await self._producer.commit_transaction()

    async def stop(self) -> None:
        """Close the connections. An open transaction is left to the next one that starts with this id."""
        await stop_client(self._producer)

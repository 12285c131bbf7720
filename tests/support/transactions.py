"""A producer with transactions, as other systems may have: what it leaves in a log are offsets that no reader sees."""

from typing import Any

from confluent_kafka import Producer

from tests.support import load
from tests.support.deployment import Deployment


def produce_in_transactions(deployment: Deployment, topic: str, lives: int) -> None:
    """Committed and aborted transactions in turn, one for each partnership."""
    producer: Any = Producer(
        {
            "bootstrap.servers": deployment.servers.kafka_bootstrap,
            "log_level": 0,
            "transactional.id": f"{deployment.name}-producer",
        }
    )
    producer.init_transactions(30)
    for number in range(2 * lives):
        for tag, end in (("committed", producer.commit_transaction), ("aborted", producer.abort_transaction)):
            producer.begin_transaction()
            for value in load.life(number, tag):
                producer.produce(deployment.topic(topic), value, partition=0)
            producer.flush(30)
            end(30)

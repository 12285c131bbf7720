"""A story told to a running worker through Kafka: say commands, and hear what a foreign consumer hears of them."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count, groupby
from typing import Any, Self

from confluent_kafka import Consumer, TopicPartition

from contracts.registry import COMMANDS
from contracts.topics import TOPICS, TopicName
from tests.support import messages
from tests.support.deployment import Deployment
from tests.support.fold import assert_documents_are_the_fold
from tests.support.waiting import wait_until
from worker.servers import Servers

HEARD = [
    name for name, topic in TOPICS.items() if topic.producer == "worker (lanes)" and name != TopicName.DEAD_LETTERS
]


@contextmanager
def told(servers: Servers, **options: Any) -> Iterator["Tale"]:
    """A tale on a deployment of its own, with a worker that runs."""
    deployment = Deployment(servers, **options)
    try:
        deployment.make_topics()
        deployment.start_worker().wait_ready()
        with Tale(deployment) as tale:
            yield tale
    finally:
        deployment.close()


@dataclass
class Tale:
    """All commands go to partition 0 of their topic, so that the order in which they are said is theirs."""

    deployment: Deployment
    heard: dict[str, dict[str, Any]] = field(default_factory=dict)
    _marks: Iterator[int] = field(default_factory=lambda: count(1))

    def __enter__(self) -> Self:
        self._consumer = Consumer(
            {
                "bootstrap.servers": self.deployment.servers.kafka_bootstrap,
                "log_level": 0,
                "group.id": f"{self.deployment.name}-tale",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 10,
            }
        )
        topics = self._consumer.list_topics(timeout=10).topics
        names = [self.deployment.topic(name) for name in HEARD]
        self._consumer.assign([TopicPartition(name, number, 0) for name in names for number in topics[name].partitions])
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()

    # Saying -------------------------------------------------------------------------------------------------------

    def say(self, *values: bytes) -> list[str]:
        """Say commands, each on its own topic; a topic's commands are decided before those of the next topic go out.

        Returns their outcomes: "accepted", or the code of the refusal.
        """
        for name, run in groupby(values, key=topic_of):
            said = list(run)
            self.deployment.produce(name, *said, partition=0)
            self.wait_decided(*(json.loads(value)["id"] for value in said))
        return [self.outcome(json.loads(value)["id"]) for value in values]

    def whisper(self, *values: bytes, partner: str) -> None:
        """Say what leaves no entry under its own id (repeats, reused ids, dry runs), and wait until it is over."""
        for name, run in groupby(values, key=topic_of):
            self.deployment.produce(name, *run, partition=0)
            self.settle(partner, name)

    def settle(self, partner: str, topic: str = messages.INVITATION) -> None:
        """Until all before it in this topic and in the partner's lane is decided and heard: a marker behind it is."""
        mark = f"mark-{next(self._marks)}"
        self.deployment.produce(topic, messages.decline("nowhere", partner, mark), partition=0)
        self.wait_decided(mark)
        self.events(mark)

    def wait_decided(self, *command_ids: str) -> None:
        """Until these are in the journal; that what they caused is published, hearing it will show."""
        entries, wanted = self.deployment.db.journal, {"_id": {"$in": command_ids}}
        wait_until(lambda: entries.count_documents(wanted) == len(command_ids), what=f"deciding {command_ids}")

    # Hearing ------------------------------------------------------------------------------------------------------

    def entry(self, command_id: str) -> dict[str, Any]:
        """The journal's entry."""
        found = self.deployment.db.journal.find_one({"_id": command_id})
        assert found is not None, f"the journal has no {command_id}"
        return found

    def outcome(self, command_id: str) -> str:
        entry = self.entry(command_id)
        return str(entry.get("code", entry["outcome"]))

    def events(self, command_id: str) -> list[tuple[str, dict[str, Any]]]:
        """(name, data) of each event that a command caused, as a foreign consumer read it."""
        ids = [said["id"] for record in self.entry(command_id)["records"] if (said := _event_in(record))]

        def all_heard() -> bool:
            self.listen()
            return all(event_id in self.heard for event_id in ids)

        wait_until(all_heard, what=f"hearing of {command_id}")
        return [(name_of(self.heard[i]), self.heard[i]["data"]) for i in ids]

    def event(self, command_id: str, name: str) -> dict[str, Any]:
        """The data of the one event of that name."""
        found = [data for kind, data in self.events(command_id) if kind == name]
        assert len(found) == 1, f"{command_id} caused {len(found)} {name}"
        return found[0]

    def names(self, command_id: str) -> list[str]:
        """The names of a command's events, without the notices."""
        return [name for name, _ in self.events(command_id) if name != "NoticeSent"]

    def notices(self, command_id: str) -> dict[str, str]:
        """Party → template of what a command made the worker say to people."""
        return {data["party"]: data["template"] for name, data in self.events(command_id) if name == "NoticeSent"}

    def rejections(self, command_id: str) -> list[dict[str, Any]]:
        """The data of every refusal and answer heard so far that names a command."""
        return [e["data"] for e in self.heard.values() if e["data"].get("command_id") == command_id]

    def listen(self) -> None:
        """Take in what is there."""
        while batch := self._consumer.consume(1000, timeout=0.1):
            for message in batch:
                assert message.error() is None, message.error()
                event = json.loads(message.value() or b"")
                assert event["id"] not in self.heard, f"heard twice: {event['id']}"
                self.heard[event["id"]] = event

    def check(self) -> None:
        """What holds after every story."""
        assert_documents_are_the_fold(self.deployment.db)


def topic_of(value: bytes) -> str:
    """The topic that the contract gives a command."""
    return str(COMMANDS[json.loads(value)["type"]].TOPIC)


def name_of(event: dict[str, Any]) -> str:
    """`PartnershipBound` of `partnerships.PartnershipBound.v1`."""
    return str(event["type"]).split(".")[1]


def _event_in(record: dict[str, Any]) -> dict[str, Any] | None:
    if record["topic"] in HEARD:
        said: dict[str, Any] = json.loads(record["value"])
        return said
    return None

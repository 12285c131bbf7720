"""One deployment of the worker for one test: topics, group and database of its own on the shared servers."""

import asyncio
import itertools
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import IO, Any

from aiokafka.errors import UnknownTopicOrPartitionError
from confluent_kafka import (
    Consumer,
    KafkaError,
    Producer,
    TopicPartition,
)
from pymongo import MongoClient

from contracts.topics import TOPICS
from tests.support.operator import Operator
from tests.support.waiting import wait_until
from tests.support.worker_process import WorkerProcess
from worker.secrets import Secrets
from worker.servers import Servers
from worker.settings import Settings
from worker.topics import prepare_topics

__all__ = ["ROOT", "SECRET", "Deployment", "WorkerProcess", "wait_until"]

SECRET = "a secret of the tests, which is long enough"  # noqa: S105 - it guards nothing
ROOT = Path(__file__).resolve().parents[2]
QUIET = {"log_level": 0}
"""librdkafka writes to the screen by itself, also when its servers are stopped at the end of all tests."""

OWN_DIRECTORY = "partnership-test-"

_numbers = itertools.count(1)
_RUN = secrets.token_hex(4)
"""Process ids come again, and servers that stay remember the topics of the last one."""


@dataclass
class Deployment:
    """Names, settings, and the hands of producers, consumers and operators, none of them of the worker's own code."""

    servers: Servers
    lanes: int = 2
    name: str = field(default_factory=lambda: f"t{_RUN}-{next(_numbers)}")
    overrides: dict[str, str] = field(default_factory=dict)
    workers: list[WorkerProcess] = field(default_factory=list)
    directory: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix=OWN_DIRECTORY)))
    """Where the workers' logs are. One that was not given goes with the deployment."""

    def __post_init__(self) -> None:
        self.mongo: MongoClient[dict[str, Any]] = MongoClient(self.servers.mongo_url, tz_aware=True)
        self.db = self.mongo[self.name]
        # Idempotent: without, a retry on a topic that has no leader yet puts records in another order.
        options = {"enable.idempotence": True, "acks": "all", "linger.ms": 1}
        self._producer = Producer({"bootstrap.servers": self.servers.kafka_bootstrap, **options, **QUIET})
        self._not_delivered: list[KafkaError] = []
        self.secrets = Secrets(SECRET)

    # Workers ------------------------------------------------------------------------------------------------------

    def environment(self, **overrides: str) -> dict[str, str]:
        settings = {
            "secret": SECRET,
            "mongo_database": self.name,
            "group": self.name,
            "topic_prefix": f"{self.name}.",
            "lanes": str(self.lanes),
            "topic_partitions": "2",
            "health_port": "0",
            "session_timeout_seconds": "6",
            "lane_close_seconds": "3",
            **self.overrides,
            **overrides,
        }
        kept = {key: value for key, value in os.environ.items() if not key.startswith("PARTNERSHIP_")}
        own = {f"PARTNERSHIP_{key.upper()}": value for key, value in settings.items()}
        servers = {"KAFKA_BOOTSTRAP": self.servers.kafka_bootstrap, "MONGO_URL": self.servers.mongo_url}
        return {**kept, **servers, **own, "PYTHONPATH": str(ROOT)}

    def settings(self, **overrides: str) -> Settings:
        """The same settings for a part of the worker that runs inside of the test."""
        environment = self.environment(**overrides)
        fields = {
            key[len("PARTNERSHIP_") :].lower(): value
            for key, value in environment.items()
            if key.startswith("PARTNERSHIP_")
        }
        return Settings(kafka_bootstrap=self.servers.kafka_bootstrap, mongo_url=self.servers.mongo_url, **fields)  # type: ignore[arg-type]

    def start_worker(self, *module_and_arguments: str, home: str = str(ROOT), **overrides: str) -> WorkerProcess:
        """A worker, or a deliberately broken one: `start_worker("tests.support.broken", "kill_after_store", "3")`.

        `home`: of another checkout, with its own virtual environment.
        """
        python = sys.executable if home == str(ROOT) else f"{home}/.venv/bin/python"
        arguments = module_and_arguments or ("worker", "run")
        log_file = self.directory / f"worker-{len(self.workers)}.log"
        output: IO[bytes] = log_file.open("wb")
        process = subprocess.Popen(
            [python, "-m", *arguments],
            env={**self.environment(**overrides), "PYTHONPATH": home},
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        output.close()
        worker = WorkerProcess(process, log_file)
        self.workers.append(worker)
        return worker

    @contextmanager
    def asleep(self, worker: WorkerProcess) -> Iterator[None]:
        """The worker is suspended for as long as the block lasts."""
        worker.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            worker.process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        for worker in self.workers:
            if worker.process.poll() is None:
                worker.process.send_signal(signal.SIGCONT)
                worker.kill()
        self.operator.delete_topics()
        # What a killed worker had under way would hold the database for 60 s.
        sessions = [{"id": key} for lane in self.db.lanes.find() for key in lane.get("sessions", ())]
        if sessions:
            self.mongo.admin.command("killSessions", sessions)
        self.mongo.drop_database(self.name)
        self.mongo.close()
        if self.directory.name.startswith(OWN_DIRECTORY):
            shutil.rmtree(self.directory, ignore_errors=True)

    # Producing and consuming, with librdkafka -----------------------------------------------------------------------

    def topic(self, name: str) -> str:
        return f"{self.name}.{name}"

    def produce(
        self, topic: str, *values: bytes | None, key: bytes | None = None, headers: Any = None, partition: int = -1
    ) -> None:
        """With librdkafka's own partitioner, which is not murmur2. Returns when all are acknowledged."""
        for value in values:
            self.enqueue(topic, value, key, headers, partition)
        self.flush()

    def enqueue(
        self, topic: str, value: bytes | None, key: bytes | None = None, headers: Any = None, partition: int = -1
    ) -> None:
        """One of many; flush() waits for them."""
        while True:
            try:
                self._producer.produce(
                    self.topic(topic),
                    value=value,
                    key=key,
                    headers=headers,
                    partition=partition,
                    on_delivery=self._delivered,
                )
            except BufferError:
                self._producer.poll(0.1)
            else:
                return

    def poll(self) -> None:
        """Let librdkafka send what is enqueued."""
        self._producer.poll(0)

    def flush(self) -> None:
        assert self._producer.flush(60) == 0
        assert not self._not_delivered, self._not_delivered

    def _delivered(self, error: KafkaError | None, _: Any) -> None:
        if error:
            self._not_delivered.append(error)

    def read(self, topic: str, isolation: str = "read_committed") -> list[Any]:
        """All records of a topic up to its end, as a foreign consumer sees them."""
        consumer = Consumer(
            {
                "bootstrap.servers": self.servers.kafka_bootstrap,
                **QUIET,
                "group.id": f"{self.name}-reader",
                "enable.auto.commit": False,
                "isolation.level": isolation,
                "enable.partition.eof": True,
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 10,
            }
        )
        try:
            name = self.topic(topic)
            partitions = list(consumer.list_topics(name, timeout=10).topics[name].partitions)
            consumer.assign([TopicPartition(name, partition, 0) for partition in partitions])
            records: list[Any] = []
            ended: set[int | None] = set()
            while len(ended) < len(partitions):
                for message in consumer.consume(5000, timeout=0.3):
                    error = message.error()
                    if error is None:
                        records.append(message)
                    elif error.code() == KafkaError._PARTITION_EOF:
                        ended.add(message.partition())
                    else:
                        raise AssertionError(error)
            return records
        finally:
            consumer.close()

    def events(self, topic: str) -> list[dict[str, Any]]:
        """The bodies of a topic's records."""
        return [json.loads(record.value()) for record in self.read(topic)]

    @cached_property
    def operator(self) -> Operator:
        """Who does to the cluster what the worker never does."""
        return Operator(self.servers.kafka_bootstrap, f"{self.name}.")

    def make_topics(self) -> None:
        """As the worker does at its first start, for commands that wait for it. Not inside of an event loop."""

        def made() -> bool:
            try:
                asyncio.run(prepare_topics(self.settings()))
            except UnknownTopicOrPartitionError:  # made, but not every broker thread has heard of it
                return False
            return True

        wait_until(made, 30, "the topics")

    # Judging --------------------------------------------------------------------------------------------------------

    def wait_decided(self, command_ids: Iterable[str], seconds: float = 60) -> None:
        """Until each of these is in the journal and what it caused is published."""
        wanted = list(command_ids)
        wait_until(
            lambda: self.db.journal.count_documents({"_id": {"$in": wanted}}) == len(wanted), seconds, "the journal"
        )
        self.wait_published(seconds)

    def wait_published(self, seconds: float = 60) -> None:
        """Until nothing that is stored is left to publish."""
        wait_until(
            lambda: all(lane["published"] == lane["stored"] for lane in self.db.lanes.find()), seconds, "publication"
        )

    def published(self) -> list[dict[str, Any]]:
        """Every event and refusal of the topics."""
        topics = [
            str(name)
            for name, row in TOPICS.items()
            if row.producer == "worker (lanes)" and name != "partnership.dead-letters"
        ]
        return [{**event, "topic": topic} for topic in topics for event in self.events(topic)]

    def judge(self) -> list[dict[str, Any]]:
        """P3 and the journal: every event that the journal holds is on its topic once, in its order, without gaps."""
        events = self.published()
        ids = [(event["topic"], event["id"]) for event in events]
        assert len(ids) == len(set(ids)), f"doubled: {sorted({i for i in ids if ids.count(i) > 1})[:5]}"
        expected = {
            (record["topic"], json.loads(record["value"])["id"])
            for entry in self.db.journal.find()
            for record in entry["records"]
            if record["topic"] not in ("partnership.lanes", "partnership.dead-letters")
        }
        assert set(ids) == expected, (
            f"lost: {sorted(expected - set(ids))[:5]}, unknown: {sorted(set(ids) - expected)[:5]}"
        )
        last: dict[tuple[str, str], int] = {}
        for event in events:
            if event["topic"] == "partnership.rejections":
                continue
            place = (event["topic"], event["subject"])
            sequence = event["data"]["sequence"]
            assert sequence == last.get(place, 0) + 1, f"{place}: {sequence} after {last.get(place, 0)}"
            last[place] = sequence
        return events

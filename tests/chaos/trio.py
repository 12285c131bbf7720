"""Three brokers and a set of three mongods: what a cluster survives on its own, the worker has to survive with it."""

import random
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined] # its stubs do not say it
from pymongo import MongoClient
from pymongo.errors import PyMongoError
from typing_extensions import override

from tests.chaos.network import Host, Network
from tests.support.waiting import wait_until
from worker.servers import LocalKafka, LocalMongo, Servers
from worker.servers.kafka import CLUSTER_ID, LOG4J, _format, jars, java
from worker.servers.mongo import REPLICA_SET
from worker.servers.ports import free_port
from worker.servers.process import Guard

PROPERTIES = """\
process.roles=broker,controller
node.id={node}
controller.quorum.voters={voters}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
default.replication.factor=3
min.insync.replicas=2
unclean.leader.election.enable=false
offsets.topic.replication.factor=3
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=3
transaction.state.log.min.isr=2
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=3
share.coordinator.state.topic.min.isr=2
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=3000
replica.lag.time.max.ms=4000
log.cleaner.dedupe.buffer.size=16777216
"""

LONELY_TOPIC = "partnership.quota.events"
"""It has one replica of each partition: while its broker is away, it has no leader, as an event topic may have none."""


class Broker(LocalKafka):
    """One of three, each also a controller."""

    def __init__(self, directory: Path, node: int, controllers: list[int], network: Network | None) -> None:
        (directory / "controller_port").parent.mkdir(parents=True, exist_ok=True)
        (directory / "controller_port").write_text(str(controllers[node - 1]))
        super().__init__(directory, brief=True)
        self.node = node
        self._network = network
        self._voters = ",".join(f"{number}@127.0.0.1:{port}" for number, port in enumerate(controllers, 1))

    @override
    def _prepare(self) -> list[str]:
        data, properties, log4j = (self.directory / name for name in ("data", "server.properties", "log4j2.xml"))
        properties.write_text(
            PROPERTIES.format(
                node=self.node,
                voters=self._voters,
                port=self.port,
                controller=self._controller_port,
                data=data.as_posix(),
            )
        )
        log4j.write_text(LOG4J)
        command = [str(java()), *self._jvm, f"-Dlog4j2.configurationFile={log4j}", "-cp", ":".join(map(str, jars()))]
        if not (data / "meta.properties").exists():
            _format([*command, "kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", str(properties)])
        command += ["kafka.Kafka", str(properties)]
        return self._network.enter(self.host.group, command) if self._network else command

    @property
    def host(self) -> Host:
        """As the others see it."""
        return Host(f"broker-{self.node}", (self.port, self._controller_port))


class Member(LocalMongo):
    """One of the set. It serves when it answers, whether or not as the primary."""

    def __init__(self, directory: Path, network: Network | None) -> None:
        super().__init__(directory)
        self._network = network

    @override
    def _prepare(self) -> list[str]:
        command = super()._prepare()
        return self._network.enter(self.host.group, command) if self._network else command

    @property
    def host(self) -> Host:
        """As the others see it."""
        return Host(f"member-{self.port}", (self.port,))

    @override
    def _is_ready(self) -> bool:
        try:
            with self.client() as client:
                client.admin.command("ping")
        except PyMongoError:
            return False
        return True

    def client(self) -> MongoClient[dict[str, Any]]:
        """To this one."""
        return MongoClient("127.0.0.1", self.port, directConnection=True, serverSelectionTimeoutMS=1000)

    def is_primary(self) -> bool:
        try:
            with self.client() as client:
                return bool(client.admin.command("hello")["isWritablePrimary"])
        except PyMongoError:
            return False


@dataclass
class Trio:
    """All six."""

    brokers: list[Broker]
    members: list[Member]
    network: Network | None = None
    """Where it can come apart."""

    @property
    def servers(self) -> Servers:
        hosts = ",".join(f"127.0.0.1:{member.port}" for member in self.members)
        return Servers(
            ",".join(broker.bootstrap for broker in self.brokers), f"mongodb://{hosts}/?replicaSet={REPLICA_SET}"
        )

    @property
    def worker_environment(self) -> dict[str, str]:
        return {}

    def primary(self) -> Member:
        """Who it is now."""
        return wait_until(  # type: ignore[no-any-return]
            lambda: next((member for member in self.members if member.is_primary()), None), 60, "a primary"
        )

    def secondary(self, dice: random.Random) -> Member:
        """One that is none, by the dice."""
        primary = self.primary()
        return dice.choice([member for member in self.members if member is not primary])

    def make_lonely_topic(self, prefix: str) -> None:
        """Partition 0 on the second broker alone, partition 1 on the third."""
        admin = AdminClient({"bootstrap.servers": self.servers.kafka_bootstrap, "log_level": 0})
        config = {"min.insync.replicas": "1", "message.timestamp.type": "LogAppendTime"}
        topic = NewTopic(prefix + LONELY_TOPIC, num_partitions=2, replica_assignment=[[2], [3]], config=config)
        for done in admin.create_topics([topic]).values():
            done.result(30)


@contextmanager
def trio(progress: Callable[[str], None], *, partitions: bool = False) -> Iterator[Trio]:
    """Start them; nothing stays afterwards. Raises NoPartitions where these are wanted and cannot be made."""
    base = Path(tempfile.mkdtemp(prefix="partnership-chaos-"))
    Guard.order("remove", base)
    try:
        with Network() if partitions else nullcontext() as network:
            yield from _running(base, network, progress)
    finally:
        shutil.rmtree(base, ignore_errors=True)
        Guard.order("keep", base)


def _running(base: Path, network: Network | None, progress: Callable[[str], None]) -> Iterator[Trio]:
    controllers = [free_port() for _ in range(3)]
    brokers = [Broker(base / f"kafka-{node}", node, controllers, network) for node in (1, 2, 3)]
    members = [Member(base / f"mongo-{number}", network) for number in range(3)]
    try:
        progress("starting three brokers and three mongods")
        for server in (*brokers, *members):
            server.launch()
        for member in members:
            member.wait_until_ready()
        _initiate(members)
        for broker in brokers:
            broker.wait_until_ready()
        found = Trio(brokers, members, network)
        found.primary()
        time.sleep(2)  # until the brokers know each other
        yield found
    finally:
        for server in (*brokers, *members):
            server.kill()


def _initiate(members: list[Member]) -> None:
    hosts = [{"_id": number, "host": f"127.0.0.1:{member.port}"} for number, member in enumerate(members)]
    settings = {"electionTimeoutMillis": 2000, "heartbeatIntervalMillis": 500}
    with members[0].client() as client:
        client.admin.command("replSetInitiate", {"_id": REPLICA_SET, "members": hosts, "settings": settings})

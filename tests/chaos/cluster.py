"""The servers of a chaos run: Kafka with a second listener that leads through the proxy, and a mongod behind it."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from typing_extensions import override

from tests.chaos.disks import small_disks
from tests.chaos.proxy import Proxy
from worker.servers import LocalKafka, LocalMongo, Servers
from worker.servers.ports import free_port
from worker.servers.process import Guard
from worker.servers.running import start_both

MORE_PROPERTIES = """
listeners=PLAINTEXT://127.0.0.1:{port},PROXIED://127.0.0.1:{behind},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},PROXIED://127.0.0.1:{proxied}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
group.min.session.timeout.ms=1000
"""
"""Of two lines for one name Java takes the last one."""


class ProxiedKafka(LocalKafka):
    """Who comes by the proxy's port is told to stay there; the judge and the load come by the other one."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.behind = self._lasting_port("behind_port")
        self.proxied = self._lasting_port("proxied_port")

    @override
    def _prepare(self) -> list[str]:
        command = super()._prepare()
        more = MORE_PROPERTIES.format(
            port=self.port, behind=self.behind, proxied=self.proxied, controller=self._controller_port
        )
        with (self.directory / "server.properties").open("a") as properties:
            properties.write(more)
        return command


@dataclass
class Cluster:
    """Both servers, the proxy before them, and two addresses for each: by the proxy, and beside it."""

    kafka: ProxiedKafka
    mongo: LocalMongo
    proxy: Proxy
    mongo_proxied: int

    @property
    def servers(self) -> Servers:
        """For who must see everything."""
        return Servers(self.kafka.bootstrap, self.mongo.url, self.kafka, self.mongo)

    @property
    def worker_environment(self) -> dict[str, str]:
        """For the workers. Discovery of the replica set would lead past the proxy, so they connect directly."""
        return {
            "KAFKA_BOOTSTRAP": f"127.0.0.1:{self.kafka.proxied}",
            "MONGO_URL": f"mongodb://127.0.0.1:{self.mongo_proxied}/?directConnection=true",
        }


@contextmanager
def cluster(progress: Callable[[str], None], *, disks: bool = False) -> Iterator[Cluster]:
    """Start it all; nothing stays afterwards. `disks`: small ones. Raises NoDisks where these cannot be had."""
    base = Path(tempfile.mkdtemp(prefix="partnership-chaos-"))
    Guard.order("remove", base)
    try:
        with small_disks([base / "kafka", base / "mongo"]) if disks else nullcontext():
            yield from _running(base, progress)
    finally:
        shutil.rmtree(base, ignore_errors=True)
        Guard.order("keep", base)


def _running(base: Path, progress: Callable[[str], None]) -> Iterator[Cluster]:
    kafka, mongo = ProxiedKafka(base / "kafka"), LocalMongo(base / "mongo")
    mongo_proxied = free_port()
    proxy = Proxy({kafka.proxied: kafka.behind, mongo_proxied: mongo.port})
    try:
        start_both(kafka, mongo, progress)
        yield Cluster(kafka, mongo, proxy, mongo_proxied)
    finally:
        proxy.close()
        kafka.kill()
        mongo.kill()

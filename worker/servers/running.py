"""Servers for as long as a `with` block lasts: somebody's own, Docker's, or processes of this machine."""

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from worker.servers import containers
from worker.servers.kafka import LocalKafka
from worker.servers.mongo import LocalMongo
from worker.servers.process import Guard, ServersUnavailableError, silent

KAFKA, MONGO = "KAFKA_BOOTSTRAP", "MONGO_URL"


@dataclass(frozen=True, slots=True)
class Servers:
    """Where they are. The handles are there only for local processes, which a test may kill."""

    kafka_bootstrap: str
    mongo_url: str
    kafka: LocalKafka | None = None
    mongo: LocalMongo | None = None


def servers_of_environment() -> Servers | None:
    """Those of KAFKA_BOOTSTRAP and MONGO_URL. One without the other is a mistake, not a wish for half of each."""
    bootstrap, url = os.environ.get(KAFKA), os.environ.get(MONGO)
    if bootstrap and url:
        return Servers(bootstrap, url)
    if bootstrap or url:
        given, lacking = (KAFKA, MONGO) if bootstrap else (MONGO, KAFKA)
        raise ServersUnavailableError(f"{given} is set but {lacking} is not: set both, or neither.")
    return None


@contextmanager
def start_servers(
    directory: Path | None = None, progress: Callable[[str], None] = silent, *, brief: bool = False
) -> Iterator[Servers]:
    """Find or start both; nothing stays afterwards, not even where this process is killed.

    `brief` says that they are for seconds or minutes of light work, and need not become fast.
    Local servers keep their files under `directory` (made if need be, removed afterwards); by default a temporary one.
    """
    found = servers_of_environment()
    if found is not None:
        progress(f"using {KAFKA} and {MONGO} from the environment")
        yield found
    elif containers.are_to_be_had(progress):
        with containers.containers(progress) as (bootstrap, url):
            yield Servers(bootstrap, url)
    else:
        with local_servers(directory, progress, brief=brief) as servers:
            yield servers


@contextmanager
def local_servers(
    directory: Path | None = None, progress: Callable[[str], None] = silent, *, brief: bool = False
) -> Iterator[Servers]:
    """Both as processes of this machine, whatever else there is: for tests that kill them."""
    base = Path(tempfile.mkdtemp(prefix="partnership-servers-", dir=_made(directory)))
    Guard.order("remove", base)
    kafka = LocalKafka(base / "kafka", brief=brief, progress=progress)
    mongo = LocalMongo(base / "mongo", progress=progress)
    try:
        start_both(kafka, mongo, progress)
        yield Servers(kafka.bootstrap, mongo.url, kafka, mongo)
    finally:
        # Nobody will read these files again, so nobody has to wait for an orderly end.
        kafka.kill()
        mongo.kill()
        shutil.rmtree(base, ignore_errors=True)
        Guard.order("keep", base)


def start_both(kafka: LocalKafka, mongo: LocalMongo, progress: Callable[[str], None]) -> None:
    """Side by side: the one waits for the disk while the other computes."""
    began = time.monotonic()
    progress("starting MongoDB and Kafka as processes of this machine")
    mongo.launch()
    kafka.launch()
    mongo.wait_until_ready()
    kafka.wait_until_ready()
    progress(f"Kafka {kafka.bootstrap} and MongoDB {mongo.url} serve after {time.monotonic() - began:.1f} s")


def _made(directory: Path | None) -> Path | None:
    if directory is not None:
        directory.mkdir(parents=True, exist_ok=True)
    return directory

"""Kafka and MongoDB in containers, where a Docker engine answers."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from worker.servers.kafka import CLUSTER_ID, KAFKA_VERSION, brokers_serving
from worker.servers.mongo import REPLICA_SET, primary_serving
from worker.servers.ports import free_port
from worker.servers.process import LOG_LINES_SHOWN, START_SECONDS_MAX, ServersUnavailableError, silent

KAFKA_IMAGE = f"apache/kafka:{KAFKA_VERSION}"
MONGO_IMAGE = "mongo:7"
ENGINE_SECONDS_MAX = 2  # An engine that is well answers a ping in milliseconds.
SOCKETS = (Path("/var/run/docker.sock"), Path.home() / ".docker/run/docker.sock")


def are_to_be_had(progress: Callable[[str], None] = silent) -> bool:
    """Whether an engine answers and has the images or gets them now: it may be cut off from every registry."""
    if not docker_answers():
        return False
    config = import_module("testcontainers.core.config").testcontainers_config
    reaper = () if config.ryuk_disabled else (config.ryuk_image,)
    images = [config.hub_image_name_prefix + name for name in (MONGO_IMAGE, KAFKA_IMAGE, *reaper)]
    docker = import_module("docker")
    with closing(docker.from_env()) as client:
        for image in images:
            try:
                _pull_if_missing(client, image, docker.errors.ImageNotFound, progress)
            except Exception as error:  # noqa: BLE001 - the engine's, its registry's or the network's: it is not here
                progress(f"Docker: {image} cannot be had ({error}), so not in containers")
                return False
    return True


def _pull_if_missing(client: Any, image: str, missing: type[Exception], progress: Callable[[str], None]) -> None:
    try:
        client.images.get(image)
    except missing:
        progress(f"Docker: pulling {image}")
        client.images.pull(image)


def docker_answers() -> bool:
    """Whether there is an engine. Looks for its socket first: most machines without Docker are told apart by that."""
    if "DOCKER_HOST" not in os.environ and not any(socket.exists() for socket in SOCKETS):
        return False
    try:
        client = import_module("docker").from_env(timeout=ENGINE_SECONDS_MAX)
    except Exception:  # noqa: BLE001 - whatever goes wrong, there is no Docker to be had, and local processes are next
        return False
    try:
        return bool(client.ping())
    except Exception:  # noqa: BLE001 - as above
        return False
    finally:
        client.close()


@contextmanager
def containers(progress: Callable[[str], None]) -> Iterator[tuple[str, str]]:
    """Run both; yields Kafka's bootstrap address and MongoDB's URL. testcontainers' reaper removes what we cannot.

    Each server listens on the same port inside and outside, so the address it tells its clients is right for both.
    """
    docker_container = import_module("testcontainers.core.container").DockerContainer
    kafka_port, controller_port, mongo_port = free_port(), free_port(), free_port()
    kafka: Any = docker_container(KAFKA_IMAGE)
    kafka.ports = {f"{kafka_port}/tcp": ("127.0.0.1", kafka_port)}  # with_bind_ports knows no address: all interfaces.
    for name, value in kafka_environment(kafka_port, controller_port).items():
        kafka = kafka.with_env(name, value)
    mongo: Any = docker_container(MONGO_IMAGE)
    mongo.ports = {f"{mongo_port}/tcp": ("127.0.0.1", mongo_port)}
    mongo = mongo.with_command(
        f"mongod --replSet {REPLICA_SET} --bind_ip_all --port {mongo_port} "
        "--wiredTigerCacheSizeGB 0.5 --oplogSize 512 --setParameter enableTestCommands=1"
    )
    with ExitStack() as stack:
        progress(f"Docker: starting {MONGO_IMAGE} and {KAFKA_IMAGE}")
        stack.enter_context(kafka)
        stack.enter_context(mongo)
        _wait(kafka, lambda: brokers_serving(kafka_port))
        _wait(mongo, lambda: primary_serving(mongo_port))
        yield f"127.0.0.1:{kafka_port}", f"mongodb://127.0.0.1:{mongo_port}/?replicaSet={REPLICA_SET}"


def kafka_environment(port: int, controller_port: int) -> dict[str, str]:
    """What server.properties says for the local process, as the image wants it."""
    return {
        "CLUSTER_ID": CLUSTER_ID,
        "KAFKA_PROCESS_ROLES": "broker,controller",
        "KAFKA_NODE_ID": "1",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": f"1@localhost:{controller_port}",
        "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "KAFKA_LISTENERS": f"PLAINTEXT://0.0.0.0:{port},CONTROLLER://localhost:{controller_port}",
        "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://127.0.0.1:{port}",
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS": "4",
        "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_NUM_PARTITIONS": "4",
        "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
    }


def _wait(container: Any, is_ready: Callable[[], bool]) -> None:
    """Ask until it serves, or say why it never will: afterwards the container is gone, and its log with it."""
    deadline = time.monotonic() + START_SECONDS_MAX
    while not is_ready():
        inside = container.get_wrapped_container()
        inside.reload()
        if inside.status != "running":
            raise ServersUnavailableError(f"{container.image} ended at its start; {_log_end(inside)}")
        if time.monotonic() > deadline:
            raise ServersUnavailableError(
                f"{container.image} did not serve within {START_SECONDS_MAX} s; {_log_end(inside)}"
            )
        time.sleep(0.1)


def _log_end(inside: Any) -> str:
    return f"the end of its log:\n{inside.logs(tail=LOG_LINES_SHOWN).decode(errors='replace')}"

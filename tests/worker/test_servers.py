"""The servers that the other tests stand on: they keep what they promised through a kill, and they leave nothing."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from unittest.mock import MagicMock

import filelock
import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from pymongo import MongoClient
from pymongo.errors import ServerSelectionTimeoutError
from typing_extensions import override

from worker.servers import (
    LocalKafka,
    LocalMongo,
    Servers,
    ServersUnavailableError,
    containers,
    libraries,
    start_servers,
)
from worker.servers import __main__ as command_line
from worker.servers.kafka import LOCK, brokers_serving
from worker.servers.mongo import mongod
from worker.servers.ports import free_port
from worker.servers.running import local_servers, servers_of_environment

ROOT = Path(__file__).parents[2]
HOLD_SERVERS = """
import sys, time
from pathlib import Path
from worker.servers.running import local_servers

with local_servers(Path(sys.argv[1]), brief=True) as servers:
    print(servers.kafka.pid, servers.mongo.pid, flush=True)
    time.sleep(600)
"""


@pytest.fixture(scope="module")
def own() -> Iterator[tuple[LocalKafka, LocalMongo]]:
    """Servers that these tests may kill, apart from those that all tests share."""
    with local_servers(brief=True) as servers:
        assert servers.kafka is not None
        assert servers.mongo is not None
        yield servers.kafka, servers.mongo


async def produce(bootstrap: str, topic: str, value: bytes) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, transactional_id=f"{topic}-writer", acks="all")
    await producer.start()
    try:
        async with producer.transaction():
            await producer.send_and_wait(topic, value)
    finally:
        await producer.stop()


async def create_topic(bootstrap: str, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=1)])
    finally:
        await admin.close()


async def first_value(bootstrap: str, topic: str) -> bytes | None:
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, isolation_level="read_committed", enable_auto_commit=False)
    await consumer.start()
    try:
        partition = TopicPartition(topic, 0)
        consumer.assign([partition])
        consumer.seek(partition, 0)
        record = await consumer.getone()
        value: bytes | None = record.value
        return value
    finally:
        await consumer.stop()


async def test_a_committed_record_survives_the_kill_of_kafka(own: tuple[LocalKafka, LocalMongo]) -> None:
    kafka, _ = own
    await create_topic(kafka.bootstrap, "survivor")
    await produce(kafka.bootstrap, "survivor", b"still here")
    # A broker that is killed after the commit and before its marker may leave the marker out when it comes back, and
    # hide the record until that producer's next transaction (docs/decisions/0001).
    assert await first_value(kafka.bootstrap, "survivor") == b"still here"

    kafka.kill()
    assert not brokers_serving(kafka.port)
    kafka.start()

    assert await first_value(kafka.bootstrap, "survivor") == b"still here"


def test_a_document_survives_the_kill_of_mongodb(own: tuple[LocalKafka, LocalMongo]) -> None:
    _, mongo = own
    with MongoClient[dict[str, object]](mongo.url) as client:
        with client.start_session() as session, session.start_transaction():
            client.kept.documents.insert_one({"_id": 1, "text": "still here"}, session=session)

        mongo.kill()
        mongo.start()

        assert client.kept.documents.find_one({"_id": 1}) == {"_id": 1, "text": "still here"}


def test_mongodb_takes_fail_points(own: tuple[LocalKafka, LocalMongo]) -> None:
    _, mongo = own
    with MongoClient[dict[str, object]](mongo.url) as client:
        reply = client.admin.command("configureFailPoint", "failCommand", mode="off")

    assert reply["ok"]


def test_a_suspended_server_answers_nothing_and_a_resumed_one_goes_on(own: tuple[LocalKafka, LocalMongo]) -> None:
    kafka, mongo = own
    kafka.suspend()
    mongo.suspend()
    try:
        assert not brokers_serving(kafka.port)
        with (
            MongoClient[dict[str, object]](mongo.url, serverSelectionTimeoutMS=300) as client,
            pytest.raises(ServerSelectionTimeoutError),
        ):
            client.admin.command("ping")
    finally:
        kafka.resume()
        mongo.resume()

    kafka.wait_until_ready()
    mongo.wait_until_ready()


def test_start_of_a_running_server_leaves_it_alone(own: tuple[LocalKafka, LocalMongo]) -> None:
    _, mongo = own
    pid = mongo.pid

    mongo.start()

    assert mongo.pid == pid


def test_what_up_says_is_all_that_a_shell_needs(
    own: tuple[LocalKafka, LocalMongo], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command_line, "_both", lambda: own)
    assert command_line.main(["up"]) == 0
    script = capsys.readouterr().out + 'echo "$KAFKA_BOOTSTRAP|$MONGO_URL|$PARTNERSHIP_SECRET"'
    kafka, mongo = own
    for given, secret in {"": command_line.SECRET, "one of their own": "one of their own"}.items():
        shell = subprocess.run(
            ["/bin/sh", "-c", script], env={"PARTNERSHIP_SECRET": given}, capture_output=True, text=True, check=True
        )
        assert shell.stdout.split("|") == [kafka.bootstrap, mongo.url, f"{secret}\n"]


def test_a_stopped_server_leaves_no_process_and_a_free_port(own: tuple[LocalKafka, LocalMongo]) -> None:
    for server in own:
        pid = server.pid
        assert pid is not None

        server.stop()

        assert server.pid is None
        assert not psutil.pid_exists(pid)
        server.start()


def test_servers_end_with_the_process_that_started_them_even_after_sigkill(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD_SERVERS, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    with holder.stdout as output:
        pids = [int(pid) for pid in output.readline().split()]
        assert len(pids) == 2
        assert all(map(psutil.pid_exists, pids))

        holder.send_signal(signal.SIGKILL)
        holder.wait()

    eventually(lambda: not any(map(psutil.pid_exists, pids)))
    eventually(lambda: not list(tmp_path.iterdir()))


def test_a_process_that_is_not_ours_is_never_taken_for_the_server(tmp_path: Path) -> None:
    server = LocalMongo(tmp_path)
    (tmp_path / "pid").write_text(str(os.getpid()))

    assert server.pid is None
    server.kill()


def test_its_own_child_is_known_while_the_command_line_is_still_empty(tmp_path: Path) -> None:
    """As it is for a moment after each start; a child that names no directory stands for that."""

    class Asleep(LocalMongo):
        @override
        def _prepare(self) -> list[str]:
            return ["sleep", "60"]

    server = Asleep(tmp_path)
    server.launch()
    pid = server.pid
    server.kill()

    assert pid is not None
    assert not psutil.pid_exists(pid)


def test_no_two_processes_are_given_the_same_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getpid", lambda: 1)  # So both begin at the same place.
    ours = [free_port() for _ in range(20)]

    code = f"import os; os.getpid = lambda: 1; from {free_port.__module__} import free_port as port; print(port())"
    other = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert int(other.stdout) not in ours


def test_a_server_keeps_its_port_from_one_start_to_the_next(tmp_path: Path) -> None:
    assert LocalMongo(tmp_path).port == LocalMongo(tmp_path).port


def test_a_machine_without_the_libraries_of_mongod_borrows_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(libraries, "_is_there", lambda name: name != "libcurl.so.4")  # as in Python's slim images
    places = os.pathsep.join(map(str, libraries.borrowed(tmp_path / "lib")))

    def run(**variables: str) -> str:
        environment = {"LD_LIBRARY_PATH": places, **variables}
        return subprocess.run(
            [mongod(), "--version"], env=environment, capture_output=True, text=True, check=True
        ).stdout

    assert "db version" in run()
    loaded = run(LD_TRACE_LOADED_OBJECTS="1")
    for name in libraries.NEEDED:
        assert f"{name} => {tmp_path / 'lib' / name}" in loaded


def test_servers_of_the_environment_are_used_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP", "kafka.example:9092")
    monkeypatch.setenv("MONGO_URL", "mongodb://mongo.example")

    with start_servers(brief=True) as servers:
        assert servers == Servers("kafka.example:9092", "mongodb://mongo.example")


def test_half_an_environment_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP", "kafka.example:9092")
    monkeypatch.delenv("MONGO_URL", raising=False)

    with pytest.raises(ServersUnavailableError, match="MONGO_URL is not"):
        servers_of_environment()


def test_a_docker_engine_that_is_not_there_is_found_out_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")  # The discard port: nobody listens.
    began = time.monotonic()

    assert not containers.docker_answers()
    assert time.monotonic() - began < 3


@pytest.mark.parametrize("refusal", [None, "no such host"])
def test_containers_are_taken_only_where_the_engine_gets_their_images(
    refusal: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    docker, client, said = import_module("docker"), MagicMock(), list[str]()
    client.images.get.side_effect = docker.errors.ImageNotFound("no such image")
    client.images.pull.side_effect = refusal and docker.errors.APIError(refusal)
    monkeypatch.setattr(docker, "from_env", lambda **_: client)
    monkeypatch.setattr(containers, "docker_answers", lambda: True)

    assert containers.are_to_be_had(said.append) is (refusal is None)
    pulling, *others = said
    assert pulling == f"Docker: pulling {containers.MONGO_IMAGE}"
    assert refusal is None or others == [
        f"Docker: {containers.MONGO_IMAGE} cannot be had ({refusal}), so not in containers"
    ]


def test_a_container_that_ended_is_told_of_at_once_with_the_end_of_its_log() -> None:
    container = MagicMock(image=containers.KAFKA_IMAGE)
    container.get_wrapped_container.return_value = MagicMock(status="exited", logs=lambda **_: b"no room here")

    with pytest.raises(ServersUnavailableError, match=r"apache/kafka:.* ended at its start; .*\nno room here"):
        containers._wait(container, lambda: False)


def eventually(condition: Callable[[], bool], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.05)


def test_who_comes_while_another_downloads_kafka_waits() -> None:
    with filelock.FileLock(LOCK):
        found = subprocess.Popen([sys.executable, "-c", "from worker.servers.kafka import jars; jars()"], cwd=ROOT)
        with pytest.raises(subprocess.TimeoutExpired):
            found.wait(3)

    assert found.wait(60) == 0

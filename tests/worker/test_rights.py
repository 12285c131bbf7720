"""The rights that docs/deploying.md prints, given to a broker that enforces them: they are enough to work with."""

import argparse
import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from confluent_kafka.admin import (  # type: ignore[attr-defined] # its stubs do not say what it exports
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from typing_extensions import override

from tests.support import messages
from tests.support.command_line import Told, run_example, tell
from tests.support.deployment import ROOT, Deployment, wait_until
from worker.servers import LocalKafka, Servers
from worker.servers.kafka import java
from worker.servers.ports import free_port

WORKER, OPERATOR = "partnership-worker", "partnership-operator"
DENIED = KafkaError.TOPIC_AUTHORIZATION_FAILED
RESOURCES = {
    "topic": ResourceType.TOPIC,
    "group": ResourceType.GROUP,
    "transactional_id": ResourceType.TRANSACTIONAL_ID,
}


class _Enforcing(LocalKafka):
    """A broker with TLS where nobody may do what no ACL allows, but for the administrator of the first listener."""

    _PASSWORD = "of the keystore"  # noqa: S105 - it guards nothing

    @property
    def ca_file(self) -> Path:
        """With the authority of its certificate."""
        return self.directory / "ca.pem"

    @property
    def _keystore(self) -> Path:
        return self.directory / "broker.p12"

    @override
    def _prepare(self) -> list[str]:
        self.sasl_port = free_port()
        command = super()._prepare()
        self._make_certificate()
        file = self.directory / "server.properties"
        text = file.read_text()
        for name in ("listeners", "advertised.listeners"):
            text = re.sub(rf"(?m)^({name}=PLAINTEXT[^,\n]*)", rf"\1,SASL_SSL://127.0.0.1:{self.sasl_port}", text)
        text = text.replace("CONTROLLER:PLAINTEXT\n", "CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL\n")
        file.write_text(f"""{text}
sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=\
org.apache.kafka.common.security.scram.ScramLoginModule required;
ssl.keystore.location={self._keystore.as_posix()}
ssl.keystore.password={self._PASSWORD}
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
group.min.session.timeout.ms=2000
""")
        return command

    def _make_certificate(self) -> None:
        """One that signs itself, and is so its own authority: Java's keytool is there in any case."""
        keytool = [str(java().with_name("keytool")), "-keystore", str(self._keystore), "-storepass", self._PASSWORD]
        extensions = ["-ext", "san=ip:127.0.0.1", "-ext", "bc:c=ca:true", "-ext", "ku=digitalSignature,keyCertSign"]
        pair = ["-genkeypair", "-keyalg", "EC", "-dname", "CN=broker", *extensions]
        for arguments in (pair, ["-exportcert", "-rfc", "-file", str(self.ca_file)]):
            subprocess.run([*keytool, *arguments], capture_output=True, timeout=60, check=True)


def printed() -> list[list[str]]:
    """The commands of the page, with its variables filled in, as a shell would split them."""
    page = (ROOT / "docs" / "deploying.md").read_text().partition("### Kafka\n")[2].partition("### MongoDB\n")[0]
    code = "\n".join(line.strip() for line in page.splitlines() if line.startswith("    ")).replace("\\\n", "")
    variables: dict[str, str] = {}
    commands = []
    for line in code.splitlines():
        filled = re.sub(r"\$(\w+)", lambda found: variables[found[1]], line)
        if name := re.fullmatch(r'(\w+)="(.*)"', filled):
            variables[name[1]] = name[2]
        else:
            commands.append(shlex.split(filled))
    return commands


def acls(command: list[str]) -> list[AclBinding]:
    """What kafka-acls.sh would add."""
    parser = argparse.ArgumentParser(exit_on_error=False)
    for name in ("--bootstrap-server", "--command-config", "--allow-principal"):
        parser.add_argument(name, required=True)
    parser.add_argument("--add", action="store_true", required=True)
    parser.add_argument("--cluster", action="store_true")
    parser.add_argument("--resource-pattern-type", default="literal")
    for name in ("--operation", "--topic", "--group", "--transactional-id"):
        parser.add_argument(name, action="append", default=[])
    given = parser.parse_args(command[1:])
    pattern = ResourcePatternType[given.resource_pattern_type.upper()]
    places = [(kind, name, pattern) for option, kind in RESOURCES.items() for name in getattr(given, option)]
    if given.cluster:
        places.append((ResourceType.BROKER, "kafka-cluster", ResourcePatternType.LITERAL))
    operations = [AclOperation[re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).upper()] for name in given.operation]
    return [
        AclBinding(*place, given.allow_principal, "*", operation, AclPermissionType.ALLOW)
        for place in places
        for operation in operations
    ]


@pytest.fixture(scope="module")
def enforcing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Enforcing]:
    """With the users of the page, and all rights that it prints."""
    kafka = _Enforcing(tmp_path_factory.mktemp("enforcing"), brief=True)
    try:
        give_rights(kafka.start())
        yield kafka
    finally:
        kafka.kill()


def give_rights(kafka: _Enforcing) -> None:
    """Makes the users, and carries out what the page says."""
    admin: Any = AdminClient({"bootstrap.servers": kafka.bootstrap, "log_level": 0})
    commands = printed()
    bindings = [binding for command in commands if command[0] == "kafka-acls.sh" for binding in acls(command)]
    users = {binding.principal.removeprefix("User:") for binding in bindings}
    assert users == {WORKER, OPERATOR, "console", "billing", "example-producer", "example-consumer"}
    assert [command[0] for command in commands if command[0] != "kafka-acls.sh"] == ["kafka-configs.sh"]
    scram = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
    made = [UserScramCredentialUpsertion(user, scram, user.encode()) for user in users]
    for done in [*admin.alter_user_scram_credentials(made).values(), *admin.create_acls(bindings).values()]:
        done.result(30)


@pytest.fixture(scope="module")
def guarded(enforcing: _Enforcing, servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A deployment with the page's names and a worker that is at work."""
    deployment = Deployment(
        Servers(f"127.0.0.1:{enforcing.sasl_port}", servers.mongo_url),
        directory=tmp_path_factory.mktemp("rights"),
        overrides={"topic_prefix": "", "group": WORKER, "kafka_ca_file": str(enforcing.ca_file), **user(WORKER)},
    )
    broken = ("tests.support.broken", "kill-between-publish-and-note", "1")
    try:
        killed = deployment.start_worker(*broken, session_timeout_seconds="2", lane_close_seconds="1").wait_ready(60)
        assert by(deployment, OPERATOR, *REGISTER, "--no-wait").code == 0
        killed.wait()
        deployment.start_worker().wait_ready(60)  # it has read the topics, to see what the killed one had published
        yield deployment
    finally:
        for worker in deployment.workers:
            worker.kill()
        deployment.mongo.drop_database(deployment.name)
        deployment.mongo.close()


REGISTER = (
    *("send", "RegisterPartner", "--id", "register", "--subject", "acme", "--partner", "acme"),
    *("--actor", "system:registry:registry:admin", "--set", "name=Acme", "--set", "quota_limit=10"),
    *("--set", "contact_email=desk@acme.example"),
)


def user(name: str) -> dict[str, str]:
    """The settings of one that Kafka knows."""
    return {"kafka_security_protocol": "SASL_SSL", "kafka_username": name, "kafka_password": name}


def by(deployment: Deployment, who: str, *arguments: str, **settings: str) -> Told:
    """A command of this user's."""
    return tell(deployment, *arguments, **{**user(who), **settings})


def client(deployment: Deployment, who: str, **options: Any) -> dict[str, Any]:
    """For librdkafka."""
    sasl = {"sasl.mechanism": "SCRAM-SHA-512", "sasl.username": who, "sasl.password": who}
    tls = {"security.protocol": "SASL_SSL", "ssl.ca.location": deployment.overrides["kafka_ca_file"]}
    return {"bootstrap.servers": deployment.servers.kafka_bootstrap, **tls, **sasl, **options, "log_level": 0}


def produce(deployment: Deployment, who: str, topic: str, value: bytes) -> int | None:
    """Kafka's code for why it does not take a record; None where it does."""
    said: list[Any] = []
    # Without a right to write anywhere an idempotent one ends at its start, and not with the record.
    producer = Producer(client(deployment, who, **{"enable.idempotence": who == "console"}))
    producer.produce(topic, value, b"acme", on_delivery=lambda error, _: said.append(error))
    assert producer.flush(20) == 0
    (error,) = said
    return None if error is None else error.code()


def test_a_command_goes_through_and_each_may_do_what_is_its_own(guarded: Deployment) -> None:
    invite = messages.invite("p-1", "acme")
    slip = messages.cancel("p-1", "acme", "slip").replace(b'"sent in error"', b"[]")

    assert produce(guarded, "console", "partnership.invitation.commands", invite) is None
    assert produce(guarded, "console", "partnership.invitation.commands", slip) is None
    wait_until(lambda: guarded.db.dead_letters.count_documents({}), what="the letter")

    assert "accepted InviteCustomer" in by(guarded, OPERATOR, "journal", "--partnership", "p-1").out
    edit = by(guarded, OPERATOR, "dead-letters", "edit", "slip", "--set", 'data.reason="a slip"', "--yes")
    assert (edit.code, "accepted" in edit.out) == (0, True), edit
    assert "InvitationCancelled" in by(guarded, OPERATOR, "tail", "--from-beginning", "--to-end").out
    assert by(guarded, OPERATOR, "verify").code == 0
    assert by(guarded, OPERATOR, "republish", "--dry-run").code == 0
    found = by(guarded, OPERATOR, "doctor", "--json").json
    assert [line for line in found if line.get("status") in ("problem", "unknown")] == []
    (access,) = [line for line in found if line.get("check") == "access"]
    assert access["status"] == "ok"


@pytest.mark.parametrize("topic", ["partnership.lanes", "partnership.billing.events", "partnership.facts"])
def test_a_producer_writes_to_its_topic_alone(guarded: Deployment, topic: str) -> None:
    assert produce(guarded, "console", topic, b"{}") == DENIED


def test_a_producer_can_leave_no_transaction_open(guarded: Deployment) -> None:
    producer: Any = Producer(client(guarded, "console", **{"transactional.id": "console"}))
    with pytest.raises(KafkaException) as raised:
        producer.init_transactions(20)

    assert raised.value.args[0].code() == KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED


def test_a_consumer_reads_its_topic_and_writes_nowhere(guarded: Deployment) -> None:
    consumer = Consumer(client(guarded, "billing", **{"group.id": "billing", "auto.offset.reset": "earliest"}))
    consumer.subscribe(["partnership.billing.events"])
    wait_until(lambda: consumer.poll(0.2) is None and consumer.assignment(), 20, "the group")
    consumer.close()
    stranger = Consumer(client(guarded, "billing", **{"group.id": "billing"}))
    stranger.subscribe(["partnership.notice.events"])
    error = wait_until(lambda: (record := stranger.poll(0.2)) and record.error(), 20, "the error")
    stranger.close()

    assert error.code() == DENIED
    assert produce(guarded, "billing", "partnership.billing.events", b"{}") == DENIED


def test_whoever_lacks_a_right_is_told_which(guarded: Deployment) -> None:
    nowhere = by(guarded, "billing", *REGISTER)
    elsewhere = by(guarded, "console", *REGISTER)
    unseen = by(guarded, "console", "tail", "--to-end")
    wrong = by(guarded, OPERATOR, "tail", "--to-end", kafka_password="wrong")  # noqa: S106 - it is none

    assert (nowhere.code, elsewhere.code, unseen.code, wrong.code) == (3, 3, 3, 2)
    assert "write to no topic: Write on the one it sends to" in nowhere.err
    assert "a right on the topic partnership.facts: Write to send" in elsewhere.err
    assert "a right on the topic partnership.billing.events and 4 more" in unseen.err
    assert "does not take this user, password or mechanism" in wrong.err


def test_doctor_calls_nothing_missing_or_well_that_it_may_not_see(guarded: Deployment) -> None:
    found = {line["check"]: line for line in by(guarded, "billing", "doctor", "--json").json if "check" in line}
    wrong = by(guarded, OPERATOR, "doctor", kafka_password="wrong")  # noqa: S106 - it is none

    for check in ("topics", "retention", "durability", "topology", "secret", "lanes", "access"):
        assert found[check]["status"] == "unknown", json.dumps(found[check])
    assert "denies this user a right on the topic partnership.binding.commands and 9 more" in found["topics"]["found"]
    assert "Kafka does not take this user" in wrong.out


def test_the_examples_need_no_more_rights_than_the_page_gives_them(guarded: Deployment) -> None:
    sent = run_example(guarded, "produce.py", **user("example-producer"))
    assert sent == Told(0, "sent example-1 and example-2\n", "")
    guarded.wait_decided(["example-1", "example-2"])
    consumed = run_example(guarded, "consume.py", **user("example-consumer"))
    stranger = run_example(guarded, "consume.py", **user("example-producer"))

    assert (consumed.code, consumed.err) == (0, "")
    assert ["partnerships.InvitationSent.v1", "acme-and-globex", "#1"] in map(str.split, consumed.out.splitlines())
    assert stranger.out == ""
    assert "authorization failed" in stranger.err

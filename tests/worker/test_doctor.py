"""`doctor` on real servers: a sound deployment has no problems; each thing is broken, and exactly its check speaks."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from confluent_kafka import Producer
from pymongo.errors import ExecutionTimeout
from typing_extensions import override

from tests.support import load, messages
from tests.support.command_line import tell
from tests.support.deployment import SECRET, Deployment
from tests.support.past import Past
from tests.support.waiting import wait_until
from worker.mongo.collections import INDEXES
from worker.operate.access import access
from worker.operate.doctor.clocks import clocks, kafka_ahead_ms
from worker.operate.doctor.look import Look, Sealed
from worker.operate.doctor.report import Finding, Says, Status
from worker.operate.doctor.run import CHECKS, examine
from worker.servers import Servers
from worker.servers.kafka import LocalKafka
from worker.settings import STAND_INS

HOUR_MS = 3_600_000
OK, WARNING, PROBLEM, UNKNOWN = Status
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def sound(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A worker that runs; an invitation has expired, so the lane log has a command of the worker's own."""
    deployment = Deployment(servers, lanes=3, directory=tmp_path_factory.mktemp("sound"))
    try:
        deployment.make_topics()
        past = Past(deployment)
        past.say(past.at(days=200), messages.register_partner("acme"), messages.invite("old", "acme"))
        deployment.start_worker().wait_ready()
        load.register(deployment)
        deployment.wait_decided(load.produce(deployment, 10))
        wait_until(lambda: _status(deployment, "old") == "expired", what="the deadline")
        deployment.wait_published()
        wait_until(lambda: not _speaking(deployment), 30, "a sound deployment")
        yield deployment
    finally:
        deployment.close()


@pytest.fixture(scope="module")
def stopped(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """One that decided something; then its worker ended, and its lease has run out."""
    deployment = Deployment(servers, lanes=2, directory=tmp_path_factory.mktemp("stopped"))
    try:
        load.register(deployment)
        worker = deployment.start_worker()
        deployment.wait_decided(load.produce(deployment, 10))
        assert worker.terminate() == 0
        deployment.db.leases.update_many({}, {"$set": {"until": LONG_AGO}})
        deployment.operator.wait_memberless(deployment.name)
        yield deployment
    finally:
        deployment.close()


def _status(deployment: Deployment, partnership: str) -> str | None:
    found = deployment.db.partnerships.find_one({"_id": partnership})
    return found["state"]["status"] if found else None


def look(deployment: Deployment, **settings: str) -> list[Finding]:
    async def work() -> list[Finding]:
        async with access(deployment.settings(**settings)) as connected:
            return await examine(connected)

    return asyncio.run(work())


ALWAYS = {"mongodb", "durability", "access"}
"""What is said of one broker, one member of a replica set, and no authorizer."""


def _speaking(deployment: Deployment, **settings: str) -> list[Finding]:
    return [
        finding
        for finding in look(deployment, **settings)
        if finding.status is not OK and not (finding.status is WARNING and finding.check in ALWAYS)
    ]


def alone(findings: list[Finding], check: str, status: Status, found: str, do: str) -> None:
    """Exactly this check speaks, and says what to do."""
    assert [(finding.check, finding.status) for finding in findings] == [(check, status)], findings
    assert found in findings[0].found
    assert do in findings[0].do


# --------------------------------------------------------------------------------------------------- a sound deployment


def test_a_sound_deployment_has_no_problems_and_every_check_has_looked(sound: Deployment) -> None:
    found = look(sound)

    assert [finding for finding in found if finding.status in (PROBLEM, UNKNOWN)] == []
    assert {finding.check for finding in found} == {check.name for check in CHECKS}
    said = {finding.check: finding.found for finding in found}
    assert "1 worker" in said["workers"]
    assert "matches the seals" in said["secret"]
    assert "Kafka's within" in said["clocks"]


def test_the_screen_fits_80_columns_and_warnings_alone_end_with_0(sound: Deployment) -> None:
    told, everything = tell(sound, "doctor"), tell(sound, "doctor", "--all")

    assert (told.code, tell(sound, "doctor", "--strict").code) == (0, 4)
    assert max(len(line) for line in (told.out + everything.out).splitlines()) <= 80
    assert "(--all shows more)" in " ".join(told.out.split())
    assert all(check.name in everything.out for check in CHECKS)


def test_json_has_a_line_for_each_finding(sound: Deployment) -> None:
    told = tell(sound, "doctor", "--json")

    assert {line["check"] for line in told.json} == {check.name for check in CHECKS}
    assert {"check", "status", "found", "do", "numbers"} == set(told.json[0])


def _other(deployment: Deployment) -> Any:
    """Another program's producer, for transactions."""
    options = {"bootstrap.servers": deployment.servers.kafka_bootstrap, "transactional.id": f"{deployment.name}-other"}
    producer: Any = Producer({**options, "log_level": 0})
    producer.init_transactions(30)
    return producer


def test_marks_of_transactions_are_no_backlog(sound: Deployment) -> None:
    producer = _other(sound)
    for topic, partition in ((messages.FACTS, 0), ("partnership.lanes", 1)):
        producer.begin_transaction()
        producer.produce(sound.topic(topic), b"taken back", partition=partition)
        producer.flush(30)
        producer.abort_transaction(30)

    assert _speaking(sound) == []
    assert sound.operator.ends("partnership.lanes")[1] > sound.db.lanes.find_one({"_id": 1})["stored"]  # type: ignore[index]


def test_a_producers_open_transaction_hides_what_others_wrote_behind_it(sound: Deployment) -> None:
    before = sound.operator.ends(messages.FACTS)[1]
    producer = _other(sound)
    producer.begin_transaction()
    try:
        producer.produce(sound.topic(messages.FACTS), b"not finished", partition=1)
        producer.flush(30)
        sound.produce(messages.FACTS, messages.register_partner("behind-it"), partition=1)
        found = _speaking(sound)
        told = tell(sound, "doctor", "--json")
    finally:
        producer.abort_transaction(30)

    what = "at most 2 records hidden by a transaction that stays open, the oldest for "
    alone(found, "intake", PROBLEM, what, "A transaction that stays open")
    assert found[0].found.endswith(f": partnership.facts[1] from offset {before}")
    (line,) = [line for line in told.json if line["check"] == "intake"]
    assert line["numbers"].pop("oldest_seconds") >= 3
    assert line["numbers"] == {"partnership.facts[1]": 2, "start of partnership.facts[1]": before}
    assert told.code == 4
    wait_until(lambda: sound.db.partners.find_one({"_id": "behind-it"}), what="the command behind it")
    wait_until(lambda: not _speaking(sound), 30, "all to be well again")


def test_transactions_that_end_soon_hide_nothing(sound: Deployment) -> None:
    producer, stop = _other(sound), threading.Event()

    def one_after_another() -> None:
        while not stop.is_set():
            producer.begin_transaction()
            producer.produce(sound.topic(messages.FACTS), b"taken back", partition=0)
            producer.flush(30)
            stop.wait(0.3)
            producer.abort_transaction(30)

    with ThreadPoolExecutor(1) as beside:
        going_on = beside.submit(one_after_another)
        found = _speaking(sound)
        stop.set()
        going_on.result(60)

    assert found == []


# --------------------------------------------------------------------------------------------------------------- topics


@pytest.mark.parametrize(
    ("topic", "config", "check", "status", "found", "do"),
    [
        ("quota.events", {"cleanup_policy": "compact"}, "topics", PROBLEM, "cleanup.policy=compact", "Set it to del"),
        ("lanes", {"max_message_bytes": "1000000"}, "topics", PROBLEM, "max.message.bytes", "Set it to 2097152"),
        ("facts", {"message_timestamp_type": "CreateTime"}, "topics", PROBLEM, "CreateTime", "LogAppendTime"),
        ("notice.events", {"retention_ms": str(1440 * HOUR_MS)}, "retention", PROBLEM, "61.0 days", "retention.ms"),
        ("notice.events", {"segment_ms": str(600 * HOUR_MS)}, "retention", PROBLEM, "32.0 days", "segment.ms"),
        ("notice.events", {"retention_ms": "-1"}, "retention", PROBLEM, "for ever", "retention.ms"),
        ("lanes", {"retention_ms": str(5 * HOUR_MS)}, "retention", WARNING, "0.2 days", "retention.ms to 604800000"),
        ("facts", {"retention_bytes": "1000000"}, "retention", WARNING, "retention.bytes", "-1"),
    ],
)
def test_a_topic_with_wrong_settings(
    sound: Deployment, topic: str, config: dict[str, str], check: str, status: Status, found: str, do: str
) -> None:
    name = f"partnership.{topic}"
    before = {
        "cleanup_policy": "delete",
        "max_message_bytes": "2097152",
        "message_timestamp_type": "LogAppendTime",
        "retention_ms": str(7 * 24 * HOUR_MS),
        "retention_bytes": "-1",
        "segment_ms": str(24 * HOUR_MS),
    }
    sound.operator.configure(name, **config)
    try:
        findings = _speaking(sound)
    finally:
        sound.operator.configure(name, **{key: before[key] for key in config})

    alone(findings, check, status, found, do)
    assert _speaking(sound) == []


def test_a_topic_whose_replicas_may_lead_uncleanly(sound: Deployment) -> None:
    sound.operator.configure("partnership.lanes", unclean_leader_election_enable="true")
    found = look(sound)
    sound.operator.configure("partnership.lanes", unclean_leader_election_enable="false")

    said = [finding for finding in found if "unclean" in finding.found]
    assert [(finding.check, finding.status) for finding in said] == [("durability", WARNING)]
    assert said[0].numbers["topics"] == [sound.topic("partnership.lanes")]


def test_a_deployment_where_nobody_ever_started(sound: Deployment) -> None:
    found = {
        (finding.check, finding.status): finding
        for finding in _speaking(sound, topic_prefix="nobody.", mongo_database="nobody")
    }

    assert ("topics", PROBLEM) in found
    assert "11 topics not there" in found["topics", PROBLEM].found
    assert "no collection" in found["indexes", PROBLEM].found
    assert "no worker ever started here" in found["topology", PROBLEM].found
    assert not [name for name in sound.operator.admin.list_topics(timeout=10).topics if name.startswith("nobody.")]


# ------------------------------------------------------------------------------------------------------------- MongoDB


def test_an_index_that_is_gone_and_one_that_is_another(sound: Deployment) -> None:
    sound.db.journal.drop_index("history")
    gone = _speaking(sound)
    sound.db.journal.create_index([("subject", 1)], name="history")
    other = _speaking(sound)
    sound.db.journal.drop_index("history")
    sound.db.journal.create_indexes(INDEXES["journal"])

    alone(gone, "indexes", PROBLEM, "journal.history", "Start a worker again")
    alone(other, "indexes", PROBLEM, "another index than this release's: journal.history", "Drop it")
    assert _speaking(sound) == []


def test_partitions_that_are_not_those_of_the_first_start(sound: Deployment) -> None:
    name = "partitions.partnership-quota-events"
    sound.db.topology.update_one({"_id": "topology"}, {"$inc": {name: 3}})
    found = _speaking(sound)
    sound.db.topology.update_one({"_id": "topology"}, {"$inc": {name: -3}})

    alone(found, "topology", PROBLEM, "quota.events had 5 partitions and has 2", "Go back")


# ------------------------------------------------------------------------------------------------------ this process


def test_a_number_of_lanes_that_is_not_the_deployments(sound: Deployment) -> None:
    alone(_speaking(sound, lanes="7"), "settings", WARNING, "7 here, and this deployment has 3", "Set it to 3")


def test_another_secret_than_the_workers(sound: Deployment) -> None:
    alone(_speaking(sound, secret=SECRET[::-1]), "secret", PROBLEM, "another secret", "Use the workers'")


def test_a_seal_that_nobody_of_us_made(sound: Deployment) -> None:
    sound.produce("partnership.lanes", messages.invite("f", "acme", "~f"), headers=[("~signature", b"f")], partition=0)

    alone(_speaking(sound), "secret", WARNING, "another seal than ours", "who may write")

    sound.produce("partnership.lanes", *[messages.invite("f", "acme", "~f")] * 1000, partition=0)
    wait_until(lambda: not _speaking(sound), 30, "the forged one to be out of sight")


def test_a_seal_that_a_producer_wrote_says_nothing_of_ours(sound: Deployment) -> None:
    came_by_intake = [("~signature", b"f"), ("~source", b"partnership.invitation.commands:0:1:1")]
    sound.produce("partnership.lanes", messages.invite("g", "acme", "~g"), headers=came_by_intake, partition=0)

    assert not _speaking(sound)


def test_a_policy_file_with_a_mistake(sound: Deployment, tmp_path: Any) -> None:
    file = tmp_path / "policy.json"
    file.write_text('{"version": "2", "retention_dyas": 20}')
    found = {finding.check: finding for finding in _speaking(sound, policy_file=str(file))}

    assert found.keys() == {"settings", "retention"}, "whether notices are kept too long, the policy says"
    assert (found["settings"].status, found["retention"].status) == (PROBLEM, UNKNOWN)
    assert "did you mean retention_days?" in found["settings"].found


def test_without_the_secret_all_else_is_looked_at(sound: Deployment) -> None:
    found = {finding.check: finding.status for finding in _speaking(sound, secret=STAND_INS["secret"])}

    assert found == {"settings": WARNING, "secret": UNKNOWN}


# -------------------------------------------------------------------------------------------------------- what waits


def test_an_overdue_deadline(sound: Deployment) -> None:
    due = datetime.now(tz=UTC) - timedelta(hours=5)
    sound.db.partnerships.update_one({"_id": "p-1"}, {"$set": {"next_due_at": due}})  # of which the scheduler sees none
    found = _speaking(sound)
    sound.db.partnerships.update_one({"_id": "p-1"}, {"$set": {"next_due_at": None}})

    alone(found, "deadlines", PROBLEM, "1 deadline is overdue, p-1's by 5 h", "explain p-1")


def test_a_stalled_termination_waits_for_the_platform(sound: Deployment) -> None:
    before = sound.db.partnerships.find_one({"_id": "p-1"})
    assert before is not None
    state = {"state.status": "ending", "state.stage": "stalled"}
    sound.db.partnerships.update_one({"_id": "p-1"}, {"$set": state})
    found = _speaking(sound)
    sound.db.partnerships.replace_one({"_id": "p-1"}, before)

    alone(found, "platform", WARNING, "1 terminations are stalled", "--status ending")


def test_an_open_dead_letter_with_one_behind_it(deploy: Callable[..., Deployment]) -> None:
    deployment = deploy(lanes=1)
    deployment.make_topics()
    deployment.start_worker().wait_ready()
    broken = messages.command("CancelInvitation", "broken", "p-1", "acme", messages.SYSTEM, reason=["no", "text"])
    commands = messages.register_partner("acme"), messages.invite("p-1", "acme"), broken, messages.cancel("p-1", "acme")
    deployment.produce(messages.FACTS, *commands, partition=0)
    wait_until(lambda: deployment.db.dead_letters.count_documents({}) == 2, what="the letters")

    wait_until(lambda: len(_speaking(deployment)) == 1, 30, "the rest to be well")
    (found,) = _speaking(deployment)
    assert found.found.startswith("1 open, the oldest for ")
    assert "1 partnership or partner is blocked by them, 1 command wait" in found.found
    alone([found], "dead-letters", PROBLEM, "", "dead-letters list")
    assert tell(deployment, "doctor").code == 4


def test_one_that_blocks_nobody_is_a_warning(deploy: Callable[..., Deployment]) -> None:
    deployment = deploy(lanes=1)
    deployment.make_topics()
    deployment.start_worker().wait_ready()
    deployment.produce(messages.FACTS, b"not JSON")
    wait_until(lambda: deployment.db.dead_letters.count_documents({}), what="the letter")

    wait_until(lambda: [f.check for f in _speaking(deployment)] == ["dead-letters"], 30, "the rest to be well")
    alone(_speaking(deployment), "dead-letters", WARNING, "0 partnerships or partners are blocked", "list")


def test_so_many_letters_that_it_takes_too_long_to_say_who_waits_are_told_all_the_same(
    deploy: Callable[..., Deployment], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def too_long(_: object) -> int:
        raise ExecutionTimeout("operation exceeded time limit")

    deployment = deploy(lanes=1)
    deployment.make_topics()
    deployment.start_worker().wait_ready()
    deployment.produce(messages.FACTS, b"not JSON")
    wait_until(lambda: deployment.db.dead_letters.count_documents({}), what="the letter")
    monkeypatch.setattr("worker.operate.doctor.waiting._blocked", too_long)
    wait_until(lambda: [f.check for f in _speaking(deployment)] == ["dead-letters"], 30, "the rest to be well")
    alone(_speaking(deployment), "dead-letters", PROBLEM, "1 open; many are blocked by them", "list")


# --------------------------------------------------------------------------------------------------------- no worker


def test_nobody_works_and_nothing_waits(stopped: Deployment) -> None:
    found = _speaking(stopped)

    assert [(finding.check, finding.status) for finding in found] == [("workers", PROBLEM), ("scheduler", PROBLEM)]
    assert "`deadlines`, `redaction`" in found[1].found
    assert "no worker is at work" in found[0].found  # one that waits for a right runs, and is in no group
    assert "partnership-worker run" in found[0].do
    assert "its log says what it waits for (a right?)" in found[0].do


@contextmanager
def besides(deployment: Deployment, **settings: str) -> Iterator[Callable[[], list[Finding]]]:
    """What speaks besides the checks that say that nobody works."""
    yield lambda: [f for f in _speaking(deployment, **settings) if f.check not in ("workers", "scheduler")]


def test_what_a_stopped_worker_left_undecided_and_not_taken_in(deploy: Callable[..., Deployment]) -> None:
    deployment = deploy(lanes=2)
    load.register(deployment)
    deployment.produce("partnership.lanes", messages.invite("p", "partner-1"), partition=1)

    with besides(deployment, mongo_database=deployment.name) as found:
        said = {finding.check: finding for finding in found()}

    assert "at most 1 record to decide" in said["lanes"].found
    assert "lane 1" in said["lanes"].found
    assert f"at most {len(load.PARTNERS)} records to take in" in said["intake"].found
    assert said["lanes"].status is said["intake"].status is PROBLEM
    assert "Start one" in said["lanes"].do


def test_what_is_decided_and_not_published(stopped: Deployment) -> None:
    stopped.db.lanes.update_one({"_id": 0}, {"$inc": {"published": -2}})
    with besides(stopped) as found:
        findings = found()
    stopped.db.lanes.update_one({"_id": 0}, {"$inc": {"published": 2}})

    alone(findings, "publishing", PROBLEM, "2 decided and not published in 1 lane: 0", "A worker publishes it")


def test_a_purge_whose_traces_are_left(stopped: Deployment) -> None:
    stopped.db.journal.update_one({"_id": "invite-p-1"}, {"$set": {"redaction": "due", "at": LONG_AGO}})
    with besides(stopped) as found:
        findings = found()
    stopped.db.journal.update_one({"_id": "invite-p-1"}, {"$unset": {"redaction": ""}})

    alone(findings, "redaction", PROBLEM, "1 purges have traces", "redaction waits")


def test_an_offset_that_is_beyond_what_mongodb_has_stored(stopped: Deployment) -> None:
    (stored,) = [lane["stored"] for lane in stopped.db.lanes.find({"_id": 1})]
    stopped.operator.set_offsets(stopped.name, "partnership.lanes", {1: stored + 5})
    with besides(stopped) as found:
        findings = found()
    stopped.operator.set_offsets(stopped.name, "partnership.lanes", {1: stored})

    alone(findings, "logs", PROBLEM, f"Kafka has {stored + 5} as published", "bring the two together first")
    (finding,) = [each for each in findings if each.check == "logs"]
    assert finding.numbers == {"lane": 1, "published": stored + 5, "stored": stored}


def test_records_that_were_deleted_before_they_were_read(stopped: Deployment) -> None:
    """The last of this deployment: nothing mends it."""
    stopped.produce("partnership.lanes", *[b"never read"] * 3, partition=0)
    stopped.produce(messages.FACTS, *[b"never read"] * 4, partition=0)
    ends = stopped.operator.ends("partnership.lanes")[0], stopped.operator.ends(messages.FACTS)[0]
    stopped.operator.delete_records("partnership.lanes", {0: ends[0]})
    stopped.operator.delete_records(messages.FACTS, {0: ends[1] - 1})

    with besides(stopped) as found:
        said = [finding for finding in found() if finding.check == "logs"]

    assert [finding.status for finding in said] == [PROBLEM, PROBLEM]
    assert "partnership.facts[0]: 3 records expired unread" in said[0].found
    assert "lane 0: 3 records expired unread" in said[1].found
    assert "Find out what is missing" in said[1].do


# ------------------------------------------------------------------------------------------------------ servers away


@pytest.mark.parametrize(
    ("variable", "check", "others"), [("kafka_bootstrap", "kafka", "topics"), ("mongo_url", "mongodb", "indexes")]
)
def test_a_server_that_is_away_is_said_once_and_the_other_one_is_looked_at(
    sound: Deployment, variable: str, check: str, others: str
) -> None:
    nobody = {"kafka_bootstrap": "127.0.0.1:9", "mongo_url": "mongodb://127.0.0.1:9/?replicaSet=rs0"}[variable]

    async def work() -> list[Finding]:
        settings = sound.settings(request_timeout_seconds="2").model_copy(
            update={variable: nobody if variable == "kafka_bootstrap" else type(sound.settings().secret)(nobody)}
        )
        async with access(settings) as connected:
            return await examine(connected)

    found = asyncio.run(work())

    assert [finding.check for finding in found if finding.status is PROBLEM] == [check]
    assert {finding.check: finding.status for finding in found}[others] is UNKNOWN
    assert any(finding.status is OK for finding in found)


# ------------------------------------------------------------------------------------------------- clocks and access


def sealed(sent: str, appended_ms: int, kind: str = "DeadlineReached") -> Sealed:
    value = f'{{"type": "partnerships.{kind}.v1", "time": "{sent}"}}'
    return Sealed(appended_ms, b"", value.encode())


def test_kafkas_clock_by_the_deadlines_that_came(sound: Deployment) -> None:
    second = "1970-01-01T00:00:01.000Z"

    assert kafka_ahead_ms([sealed(second, 900), sealed(second, 1200), sealed(second, 0, "EndForSwitch")]) == -100
    assert kafka_ahead_ms([Sealed(5, b"", b"what?"), Sealed(5, b"", b"[]")]) is None


@pytest.mark.parametrize(("ahead", "status"), [(100, OK), (-5000, WARNING), (90_000, PROBLEM)])
def test_clocks_that_are_apart(sound: Deployment, ahead: float, status: Status) -> None:
    async def work() -> list[Finding]:
        async with access(sound.settings()) as connected:
            return await clocks(Look(connected, kafka_down="not asked", clock_ms=(ahead, 20)), Says("clocks"))

    (found,) = asyncio.run(work())
    assert found.status is status
    assert status is OK or f"{abs(ahead) / 1000:.1f} s {'ahead' if ahead > 0 else 'behind'}" in found.found


class _Guarded(LocalKafka):
    """A broker with an authorizer, where everybody who is not known may do what no ACL speaks of."""

    @override
    def _prepare(self) -> list[str]:
        command = super()._prepare()
        authorizer = "org.apache.kafka.metadata.authorizer.StandardAuthorizer"
        with (self.directory / "server.properties").open("a") as file:
            file.write(f"\nauthorizer.class.name={authorizer}\nsuper.users=User:ANONYMOUS\n")
        return command


@pytest.mark.parametrize(
    ("principals", "status", "found"),
    [
        ([], WARNING, "no ACL lets anybody append"),
        (["User:worker", "User:olga"], OK, "User:olga, User:worker only"),
        (["User:worker", "User:*"], PROBLEM, "everybody may append"),
    ],
)
def test_who_may_append_to_the_lane_log(
    servers: Servers, guarded: LocalKafka, tmp_path: Any, principals: list[str], status: Status, found: str
) -> None:
    deployment = Deployment(Servers(guarded.bootstrap, servers.mongo_url), directory=tmp_path)
    try:
        deployment.make_topics()
        deployment.operator.allow_writing("partnership.lanes", principals)

        def said() -> Finding | None:  # brokers hear of ACLs a moment later
            (found_now,) = (finding for finding in look(deployment) if finding.check == "access")
            return found_now if found_now.status is status else None

        assert found in wait_until(said, 20, f"{status}").found
    finally:
        deployment.close()


@pytest.fixture(scope="module")
def guarded(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalKafka]:
    kafka = _Guarded(tmp_path_factory.mktemp("guarded"))
    kafka.launch()
    kafka.wait_until_ready()
    yield kafka
    kafka.kill()

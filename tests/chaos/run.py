"""One run: servers, facts, load and faults; then peace, and the judgement."""

import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import psutil
from confluent_kafka import Consumer, TopicPartition

from contracts.topics import COMMAND_TOPICS, TOPICS, TopicName
from tests.chaos.cluster import Cluster, cluster
from tests.chaos.commands import POISON_SHARE, Commands, beginning
from tests.chaos.deployment import QUICK, ChaosDeployment
from tests.chaos.faults import FAULTS, Fault, Schedule
from tests.chaos.fleet import Fleet
from tests.chaos.judge import Findings, accounting, deadlines, documents, journal, letters
from tests.chaos.judge.offsets import OffsetWatch
from tests.chaos.ledger import ENTRIES, LETTERS, MOVED, SENT, Table
from tests.chaos.load import Load
from tests.chaos.trio import Trio, trio
from tests.chaos.witness import Witness
from tests.chaos.world import World
from tests.support.waiting import wait_until

MEMORY_MB_MAX = 600.0
LATE_PACKETS = timedelta(seconds=2)
RECOVERY_SECONDS_MAX = 90.0
BACKLOG_PER_SECOND_MIN = 150.0
"""Recovery is from faults; what the load has left behind takes its own time."""


@dataclass(frozen=True)
class Plan:
    """What a run is made of; everything but the time follows from the seed."""

    seed: int
    seconds: float
    commands: int
    workers: int = 3
    lanes: int = 6
    pause_seconds: float = 1.0
    poison_share: float = POISON_SHARE
    hot_partner: float = 0.0
    faults: bool = True
    table: tuple[Fault, ...] = FAULTS
    three: bool = False
    disks: bool = False
    """Small ones for the servers; then the table has faults that fill them."""
    partitions: bool = False
    """Of the network between the three; then the table has such faults."""
    before: Path | None = None
    """A checkout of the release before this one, with its virtual environment."""
    broken: str = ""
    recovery_seconds: float = RECOVERY_SECONDS_MAX


@dataclass
class Report:
    """What came of it."""

    findings: Findings = field(default_factory=Findings)
    faults: Counter[str] = field(default_factory=Counter)
    figures: dict[str, Any] = field(default_factory=dict)


def run(plan: Plan, say: Callable[[str], None], logs: Path) -> Report:
    """All of it, on servers of its own."""
    if plan.three:
        with trio(say, partitions=plan.partitions) as three:
            return run_on(three, plan, say, logs)
    with cluster(say, disks=plan.disks) as servers:
        return run_on(servers, plan, say, logs)


def run_on(servers: Cluster | Trio, plan: Plan, say: Callable[[str], None], logs: Path) -> Report:
    """The same on servers that are there. The workers' logs go to `logs`."""
    report = Report()
    with tempfile.TemporaryDirectory(prefix="partnership-chaos-ledger-") as directory:
        overrides = {**QUICK, "replication_factor": "3" if plan.three else "1"}
        deployment = ChaosDeployment(
            servers.servers,
            plan.lanes,
            overrides=overrides,
            directory=logs,
            worker_environment=servers.worker_environment,
        )
        try:
            with _Run(servers, deployment, plan, Path(directory), say, report) as running:
                running.go()
        finally:
            deployment.close()
    return report


class _Run:
    def __init__(
        self,
        servers: Cluster | Trio,
        deployment: ChaosDeployment,
        plan: Plan,
        directory: Path,
        say: Callable[[str], None],
        report: Report,
    ) -> None:
        self.servers, self.deployment, self.plan, self.say = servers, deployment, plan, say
        self.report, self.findings = report, report.findings
        self.sent_file = directory / "sent.sqlite"
        self.sent = Table(self.sent_file, SENT)
        self.seen = Table(directory / "seen.sqlite", MOVED, LETTERS, ENTRIES)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.sent.connection.close()
        self.seen.connection.close()

    def go(self) -> None:
        plan, deployment = self.plan, self.deployment
        self._make_topics()
        prefix = deployment.topic("")
        load = Load(self.servers.servers.kafka_bootstrap, prefix, self.sent)
        witness = Witness(self.servers.servers.kafka_bootstrap, prefix, self.seen)
        fleet = Fleet(deployment, plan.workers, plan.broken)
        world = World(self.servers, deployment, fleet, before=plan.before)
        offsets = OffsetWatch(world)
        witness.expecting = lambda: load.running
        schedule = Schedule(world, plan.seed, plan.pause_seconds, plan.table)
        try:
            facts = list(beginning())
            load.send(iter(facts))
            if not plan.broken:
                wait_until(fleet.ready, 90, "the workers")
                deployment.wait_decided([item.cid for item in facts], 90)
            else:
                time.sleep(8)
            self.say(f"{len(facts)} facts decided; load and faults begin")
            began = time.monotonic()
            commands = Commands(plan.seed, deployment.secrets, plan.poison_share, plan.hot_partner)
            speed = plan.commands / plan.seconds if plan.seconds else 0.0
            load.start(iter(commands), plan.commands, speed)
            if plan.faults:
                schedule.start()
            self._wait(load, schedule, witness, began)
            schedule.stop()
            load.stop()
            peace = time.monotonic()
            backlog = load.acknowledged - deployment.db.journal.count_documents({})  # estimates forget at a SIGKILL
            recovered = self._recover(fleet, offsets, backlog)
            self.report.figures |= {
                "commands": load.acknowledged,
                "seconds": round(peace - began, 1),
                "backlog at the last fault": backlog,
                "seconds to recover": round(recovered - peace, 1),
                "longest stall in seconds": round(witness.timing.longest_stall, 1),
                "worker starts": fleet.starts,
                "peak memory of the workers in MB": [round(size) for size in fleet.memory_mb()],
                "looks at the offsets": offsets.looks,
            }
            self._wait_for_deadlines()
            self._leaks_alive(fleet)
            self.say("waiting for the witness")
            wait_until(lambda: witness.caught_up(self._ends()), 600, "the witness")
        finally:
            schedule.stop()
            load.stop()
            fleet.close()
            offsets.close()
            witness.close()
        self.report.faults = Counter(schedule.struck)
        self.report.figures |= {"steps that were not reached": schedule.missed}
        self.findings.add("leaks", *fleet.unasked, *load.failures, *schedule.failures)
        self.findings.add("offsets", *offsets.findings)
        self._leaks_afterwards(schedule.ended)
        self._judge(witness)

    def _make_topics(self) -> None:
        if isinstance(self.servers, Trio):
            self.servers.make_lonely_topic(self.deployment.topic(""))
        self.deployment.make_topics()

    def _wait(self, load: Load, schedule: Schedule, witness: Witness, began: float) -> None:
        """Until the time is over and all is sent."""
        told = began
        while time.monotonic() - began < self.plan.seconds or load.running:
            time.sleep(0.2)
            if time.monotonic() - told > 15:
                told = time.monotonic()
                decided = self.deployment.db.journal.estimated_document_count()
                self.say(
                    f"{told - began:.0f} s: {load.acknowledged} sent, {decided} decided, "
                    f"{sum(witness.events.values())} events seen, {len(schedule.struck)} faults"
                )

    # Peace --------------------------------------------------------------------------------------------------------

    def _recover(self, fleet: Fleet, offsets: OffsetWatch, backlog: int) -> float:
        """Until no record waits, in intake or in a lane."""
        try:
            bound = self.plan.recovery_seconds + backlog / BACKLOG_PER_SECOND_MIN
            wait_until(lambda: self._no_lag(offsets), bound, "lag 0")
            wait_until(fleet.ready, self.plan.recovery_seconds, "readiness")
        except AssertionError as error:
            self.findings.add("recovery", str(error))
        return time.monotonic()

    def _no_lag(self, offsets: OffsetWatch) -> bool:
        try:
            committed = {place[1:]: offset for place, offset in offsets.committed().items()}
            lanes = list(self.deployment.db.lanes.find())
            last = self._lasts([*COMMAND_TOPICS, TopicName.LANES])
        except Exception:  # noqa: BLE001 - a server that has just come back may not answer yet
            return False
        taken = all(
            committed.get(place, 0) > offset for place, offset in last.items() if TopicName.LANES not in place[0]
        )
        stored = {(self.deployment.topic(TopicName.LANES), lane["_id"]): lane for lane in lanes}
        decided = all(
            place in stored and stored[place]["stored"] > offset
            for place, offset in last.items()
            if TopicName.LANES in place[0]
        )
        return taken and decided and all(lane["published"] == lane["stored"] for lane in lanes)

    def _ends(self) -> dict[tuple[str, int], int]:
        streams = [name for name, row in TOPICS.items() if "worker" in row.producer]
        return self._lasts(streams)

    def _lasts(self, names: list[Any]) -> dict[tuple[str, int], int]:
        """The last offset of each partition that a reader is given; control records at the end are not."""
        consumer = Consumer(
            {
                "bootstrap.servers": self.servers.servers.kafka_bootstrap,
                "group.id": f"{self.deployment.name}-lasts",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "isolation.level": "read_committed",
                "auto.offset.reset": "earliest",
                "log_level": 0,
                "fetch.wait.max.ms": 10,
            }
        )
        try:
            places = []
            topics = consumer.list_topics(timeout=10).topics
            for name in map(self.deployment.topic, names):
                for partition in topics[name].partitions:
                    low, high = consumer.get_watermark_offsets(TopicPartition(name, partition), timeout=10)
                    if high > low:
                        places.append(TopicPartition(name, partition, max(low, high - 50)))
            consumer.assign(places)
            last: dict[tuple[str, int], int] = {}
            ended = 0
            until = time.monotonic() + 15
            while ended < len(places):
                for message in consumer.consume(1000, timeout=0.5):
                    error: Any = message.error()
                    if error is None:
                        last[message.topic() or "", message.partition() or 0] = message.offset() or 0
                    else:
                        ended += 1
                if time.monotonic() > until:
                    raise TimeoutError("the ends of the topics")
            return last
        finally:
            consumer.close()

    def _wait_for_deadlines(self) -> None:
        try:
            wait_until(lambda: deadlines.outstanding(self.deployment.db) == 0, 60, "the deadlines")
            self.deployment.wait_published(30)
            time.sleep(1)
        except AssertionError:
            return  # the check says it

    # Leaks --------------------------------------------------------------------------------------------------------

    def _leaks_alive(self, fleet: Fleet) -> None:
        for size in fleet.memory_mb():
            if size > MEMORY_MB_MAX:
                self.findings.add("leaks", f"a worker has {size:.0f} MB")
        open_lanes = 0
        for slot in fleet.slots:
            if slot.running and slot.worker:
                open_lanes += _gauge(slot.worker.health_port, 'lanes{state="open"}')
        if open_lanes != self.plan.lanes:
            self.findings.add("leaks", f"{open_lanes} lanes are open, not {self.plan.lanes}")

    def _leaks_afterwards(self, calm_since: datetime | None) -> None:
        left = _processes_of(self.deployment.topic(""))
        if left:
            self.findings.add("leaks", f"processes left over: {[_command(pid) for pid in left]}")
        # A connection that a fault held back may begin one that its worker has long given up: MongoDB ends it.
        calm = calm_since + LATE_PACKETS if calm_since else datetime.min.replace(tzinfo=UTC)
        begun = [_transaction_began(operation) for operation in self._transactions()]
        if leaked := sum(began > calm for began in begun):
            self.findings.add("leaks", f"{leaked} transactions of MongoDB are open")

    def _transactions(self) -> Iterator[dict[str, Any]]:
        """Those that are open now, also where nobody has a request under way."""
        stages = [
            {"$currentOp": {"allUsers": True, "idleSessions": True}},
            {"$match": {"transaction.parameters.autocommit": False}},
        ]
        yield from self.deployment.mongo.admin.aggregate(stages)

    # Judgement ----------------------------------------------------------------------------------------------------

    def _judge(self, witness: Witness) -> None:
        self.say("judging")
        db, findings = self.deployment.db, self.findings
        expected = journal.read(db, self.seen)
        figures = journal.compare(db, expected, witness, findings)
        self.seen.connection.execute("ATTACH DATABASE ? AS ledger", (str(self.sent_file),))
        self.seen.connection.execute("CREATE TEMP VIEW sent AS SELECT * FROM ledger.sent")
        self.seen.connection.execute("PRAGMA temp_store=FILE")
        accounting.check(self.seen.connection, findings)
        settled = letters.check(db, self.seen, findings)
        figures["deadlines"] = deadlines.check(db, witness, findings)
        figures["documents folded"] = documents.check_fold(db, findings)
        documents.check_quota(db, witness, findings)
        figures["reordered"] = findings.counts["sequence"] + findings.counts["order"]
        outcomes = self.seen.connection.execute("SELECT outcome, COUNT(*) FROM entries GROUP BY 1")
        self.report.figures |= {**figures, "outcomes": dict(outcomes.fetchall()), "dead letters": settled}


def _processes_of(prefix: str) -> set[int]:
    """The workers of this deployment, and whatever they have started."""
    found = set()
    for process in psutil.process_iter(["pid", "environ", "status"]):
        environment = process.info["environ"] or {}
        if environment.get("PARTNERSHIP_TOPIC_PREFIX") == prefix and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.add(process.info["pid"])
    return found


def _transaction_began(operation: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(operation["transaction"]["startWallClockTime"])


def _command(pid: int) -> str:
    try:
        return " ".join(psutil.Process(pid).cmdline())[:200]
    except psutil.Error:
        return str(pid)


def _gauge(port: int, name: str) -> int:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as page:
            lines = page.read().decode().splitlines()
    except OSError:
        return 0
    return next((int(float(line.split()[-1])) for line in lines if line.startswith(name)), 0)

"""What goes wrong: one table. A fault is a function of the world and the dice; it returns when it is over."""

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from pymongo.errors import PyMongoError

from tests.chaos.disks import full
from tests.chaos.faults_of_people import change_secret, older_beside, two_operators, wait_ready
from tests.chaos.steps import BATCH, OPENING
from tests.chaos.world import World, pause

Strike = Callable[[World, random.Random], bool]
"""Returns whether it came to pass: an order to stop at a step that is never reached does not count."""

WAIT_FOR_STEP_SECONDS = 6.0
APP = "partnership-worker"


@dataclass(frozen=True)
class Fault:
    """One row. `alone`: nothing else goes wrong meanwhile."""

    name: str
    weight: int
    strike: Strike
    alone: bool = False


# Workers --------------------------------------------------------------------------------------------------------------


def kill_worker(world: World, dice: random.Random) -> bool:
    world.fleet.kill(world.slot(dice))
    return True


def kill_all_workers(world: World, dice: random.Random) -> bool:
    for slot in world.fleet.slots:
        world.fleet.kill(slot)
    return True


def freeze_worker(world: World, dice: random.Random) -> bool:
    """A zombie: it sleeps through its session, wakes up, and believes that it owns its lanes."""
    with world.fleet.asleep(world.slot(dice)):
        pause(world.beyond_session * dice.uniform(0.8, 1.3))
    return True


def hiccup(world: World, dice: random.Random) -> bool:
    with world.fleet.asleep(world.slot(dice)):
        pause(dice.uniform(0.2, 2.0))
    return True


def terminate_worker(world: World, dice: random.Random) -> bool:
    world.fleet.terminate(world.slot(dice))
    return True


def terminate_in_batch(world: World, dice: random.Random) -> bool:
    return _at_step(world, dice, dice.choice(list(BATCH)), "term", 0)


def roll(world: World, dice: random.Random) -> bool:
    """A rolling restart: one after the other, each ready before the next one goes."""
    with world.fleet_lock:
        for slot in world.fleet.slots:
            world.fleet.terminate(slot)
            wait_ready(world)
    return True


def storm(world: World, dice: random.Random) -> bool:
    """A rebalance storm: workers leave and join each second."""
    with world.fleet_lock:
        for _ in range(dice.randrange(4, 8)):
            slot = world.slot(dice)
            dice.choice([world.fleet.kill, world.fleet.terminate])(slot)
            pause(1.0)
    return True


def kill_at_step(world: World, dice: random.Random) -> bool:
    return _at_step(world, dice, dice.choice(list(BATCH)), "kill", 0)


def freeze_at_step(world: World, dice: random.Random) -> bool:
    return _at_step(world, dice, dice.choice(list(BATCH)), "freeze", world.beyond_session)


def kill_in_opening(world: World, dice: random.Random) -> bool:
    return _at_opening(world, dice, "kill", 0)


def freeze_in_opening(world: World, dice: random.Random) -> bool:
    return _at_opening(world, dice, "freeze", world.beyond_session)


def slow_opening(world: World, dice: random.Random) -> bool:
    """Slower than the session time-out."""
    return _at_opening(world, dice, "slow", world.beyond_session)


def _at_step(world: World, dice: random.Random, step: str, what: str, seconds: float) -> bool:
    slot = world.slot(dice)
    world.fleet.order(slot, step, what, seconds)
    obeyed = world.fleet.wait_obeyed(slot, WAIT_FOR_STEP_SECONDS)
    if obeyed and what == "freeze":
        pause(seconds)
        world.fleet.wake(slot)
    return obeyed


def _at_opening(world: World, dice: random.Random, what: str, seconds: float) -> bool:
    """Another worker is killed, so that this one has lanes to open."""
    step = dice.choice(list(OPENING))
    first, second = dice.sample(world.fleet.slots, 2)
    world.fleet.order(first, step, what, seconds)
    dice.choice([world.fleet.kill, world.fleet.terminate])(second)
    obeyed = world.fleet.wait_obeyed(first, WAIT_FOR_STEP_SECONDS * 2)
    if obeyed and what == "freeze":
        pause(seconds)
        world.fleet.wake(first)
    return obeyed


# Servers --------------------------------------------------------------------------------------------------------------


def kill_broker(world: World, dice: random.Random) -> bool:
    with world.kafka_lock, world.broker_gone():
        world.one.kafka.kill()
        pause(dice.choice([0, 0, 1, 4, 9]))
        world.one.kafka.start()
    return True


def freeze_broker(world: World, dice: random.Random) -> bool:
    with world.kafka_lock, world.broker_gone():
        world.one.kafka.suspend()
        pause(dice.uniform(0.5, 9))
        world.one.kafka.resume()
    return True


def kill_database(world: World, dice: random.Random) -> bool:
    with world.mongo_lock:
        world.one.mongo.kill()
        pause(dice.choice([0, 0, 1, 4, 9]))
        world.one.mongo.start()
    return True


def freeze_database(world: World, dice: random.Random) -> bool:
    with world.mongo_lock:
        world.one.mongo.suspend()
        pause(dice.uniform(0.5, 9))
        world.one.mongo.resume()
    return True


def kill_everything(world: World, dice: random.Random) -> bool:
    """A power cut."""
    with world.kafka_lock, world.mongo_lock, world.broker_gone():
        world.one.mongo.kill()
        world.one.kafka.kill()
        for slot in world.fleet.slots:
            world.fleet.kill(slot)
        world.one.mongo.launch()
        world.one.kafka.launch()
        world.one.mongo.wait_until_ready()
        world.one.kafka.wait_until_ready()
    return True


# The net --------------------------------------------------------------------------------------------------------------


def _port(world: World, dice: random.Random) -> int:
    return dice.choice([world.one.kafka.proxied, world.one.mongo_proxied])


def cut(world: World, dice: random.Random) -> bool:
    world.one.proxy.order("cut", _port(world, dice))
    return True


def delay(world: World, dice: random.Random) -> bool:
    port = _port(world, dice)
    world.one.proxy.order("delay", port, dice.uniform(0.02, 0.4))
    pause(dice.uniform(1, 5))
    world.one.proxy.order("heal", port)
    return True


def stall(world: World, dice: random.Random) -> bool:
    """Connections that stay open, over which nothing comes."""
    port = _port(world, dice)
    world.one.proxy.order("stall", port)
    pause(dice.uniform(1, 8))
    world.one.proxy.order("heal", port)
    if dice.random() < 0.5:
        world.one.proxy.order("cut", port)
    return True


def refuse(world: World, dice: random.Random) -> bool:
    port = _port(world, dice)
    world.one.proxy.order("refuse", port)
    pause(dice.uniform(1, 8))
    world.one.proxy.order("heal", port)
    return True


# What a server answers ------------------------------------------------------------------------------------------------


def transient_error(world: World, dice: random.Random) -> bool:
    command = dice.choice(["insert", "update", "find", "commitTransaction"])
    return _fail(
        world, dice.randrange(1, 6), failCommands=[command], errorCode=112, errorLabels=["TransientTransactionError"]
    )


def unknown_commit(world: World, dice: random.Random) -> bool:
    """The transaction is committed, or is not; nobody says so."""
    if dice.random() < 0.5:
        return _fail(world, dice.randrange(1, 8), failCommands=["commitTransaction"], closeConnection=True)
    wrong = {"code": 91, "errmsg": "replication is being shut down", "errorLabels": ["UnknownTransactionCommitResult"]}
    return _fail(world, dice.randrange(1, 8), failCommands=["commitTransaction"], writeConcernError=wrong)


def database_error(world: World, dice: random.Random) -> bool:
    command = dice.choice(["killSessions", "findAndModify", "update", "hello", "find", "insert", "abortTransaction"])
    return _fail(world, dice.randrange(1, 5), failCommands=[command], closeConnection=True)


def _fail(world: World, times: int, **data: object) -> bool:
    with world.mongo_lock:
        try:
            with world.mongo_admin() as client:
                client.admin.command(
                    {"configureFailPoint": "failCommand", "mode": {"times": times}, "data": {**data, "appName": APP}}
                )
        except PyMongoError:
            return False
    pause(1.0)
    return True


def broker_disk(world: World, dice: random.Random) -> bool:
    with world.kafka_lock, world.broker_gone():
        with full(world.one.kafka.directory):
            pause(dice.uniform(3, 12))
        world.one.kafka.start()
    return True


def database_disk(world: World, dice: random.Random) -> bool:
    with world.mongo_lock:
        with full(world.one.mongo.directory):
            pause(dice.uniform(3, 12))
        world.one.mongo.start()
    return True


def tiny_topic(world: World, dice: random.Random) -> bool:
    """An event topic takes nothing for a while: a send fails inside of a transaction that aiokafka would commit."""
    topic = dice.choice(["partnership.lifecycle.events", "partnership.quota.events", "partnership.rejections"])
    with world.kafka_lock, world.fleet_lock:
        if not world.fleet.ready():  # one that starts meanwhile rightly refuses such a topic, and ends
            return False
        operator = world.deployment.operator
        operator.configure(topic, max_message_bytes="300")
        try:
            pause(dice.uniform(1.5, 4))
        finally:
            operator.configure(topic, max_message_bytes="1048576")
    return True


# The group ------------------------------------------------------------------------------------------------------------


def forget_offsets(world: World, dice: random.Random) -> bool:
    """Kafka forgets the groups with all their offsets while no worker runs."""
    with world.fleet_lock, world.kafka_lock:
        world.fleet.hold()
        try:
            group = world.fleet.settings.get("group", world.deployment.name)
            for name in (group, f"{group}-intake"):
                world.deployment.operator.wait_forgotten(name)
        finally:
            world.offsets_touched_at = time.monotonic()
            world.fleet.go_on()
    return True


def rename_group(world: World, dice: random.Random) -> bool:
    """All workers come again under another name: no offsets, other transactional ids, nobody to fence."""
    with world.fleet_lock, world.kafka_lock:
        world.fleet.hold()
        world.fleet.settings["group"] = f"{world.deployment.name}-{dice.randrange(10**6)}"
        world.fleet.go_on()
    return True


FAULTS = (
    Fault("kill -9 of a worker", 14, kill_worker),
    Fault("kill -9 of all workers", 3, kill_all_workers),
    Fault("worker asleep beyond its session", 6, freeze_worker),
    Fault("worker asleep for a moment", 4, hiccup),
    Fault("SIGTERM of a worker", 5, terminate_worker),
    Fault("SIGTERM at a step of a batch", 8, terminate_in_batch),
    Fault("rolling restart", 2, roll),
    Fault("rebalance storm", 2, storm),
    Fault("kill -9 at a step of a batch", 24, kill_at_step),
    Fault("worker asleep at a step of a batch", 12, freeze_at_step),
    Fault("kill -9 at a step of an opening", 10, kill_in_opening),
    Fault("worker asleep at a step of an opening", 5, freeze_in_opening),
    Fault("opening slower than the session", 5, slow_opening),
    Fault("kill -9 of the broker", 8, kill_broker),
    Fault("broker asleep", 4, freeze_broker),
    Fault("kill -9 of the database", 8, kill_database),
    Fault("database asleep", 4, freeze_database),
    Fault("kill -9 of everything", 2, kill_everything),
    Fault("connections cut", 10, cut),
    Fault("connections slow", 6, delay),
    Fault("connections stalled", 6, stall),
    Fault("connections refused", 5, refuse),
    Fault("MongoDB: TransientTransactionError", 7, transient_error),
    Fault("MongoDB: UnknownTransactionCommitResult", 7, unknown_commit),
    Fault("MongoDB: an error", 6, database_error),
    Fault("event topic with a tiny max.message.bytes", 3, tiny_topic, alone=True),
    Fault("two operators at the same letters", 6, two_operators),
    Fault("a worker of the release before this one", 4, older_beside),
    Fault("a step of another secret", 3, change_secret),
    Fault("group's offsets deleted", 1, forget_offsets, alone=True),
    Fault("group renamed", 1, rename_group, alone=True),
)

DISKS = (
    Fault("the broker's disk full", 8, broker_disk),
    Fault("the database's disk full", 8, database_disk),
    *FAULTS,
)


class Schedule:
    """Faults by the seed, for as long as it is not told to stop; now and then two at once."""

    OVERLAP = 0.2

    def __init__(self, world: World, seed: int, pause_seconds: float, table: tuple[Fault, ...] = FAULTS) -> None:
        self.struck: list[str] = []
        self.missed = 0
        self.failures: list[str] = []
        self.ended: datetime | None = None
        """When the last fault was over."""
        self._world = world
        self._dice = random.Random(f"faults {seed}")
        self._pause_seconds = pause_seconds
        self._table = table
        self._stop = threading.Event()
        self._running: list[threading.Thread] = []
        self._thread = threading.Thread(target=self._run, name="faults")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End it; all that is broken is mended when this returns."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        for thread in self._running:
            thread.join()

    def _run(self) -> None:
        bag: list[Fault] = []
        while not self._stop.is_set():
            if not bag:  # every kind before any comes as often as chance would have it
                bag = self._bag()
            fault = bag.pop()
            dice = random.Random(self._dice.random())
            thread = threading.Thread(target=self._strike, args=(fault, dice), name=fault.name)
            if fault.alone:
                self._join()
            self._running.append(thread)
            thread.start()
            if fault.alone or self._dice.random() > self.OVERLAP:
                self._join()
            self._stop.wait(self._dice.expovariate(1 / self._pause_seconds))
        self._join()

    def _bag(self) -> list[Fault]:
        faults = [fault for fault in self._table for _ in range(fault.weight)]
        self._dice.shuffle(faults)
        return faults

    def _join(self) -> None:
        for thread in self._running:
            thread.join()
        self._running.clear()

    def _strike(self, fault: Fault, dice: random.Random) -> None:
        try:
            came = fault.strike(self._world, dice)
        except Exception as error:  # noqa: BLE001 - a fault that cannot be made is to be seen, not to end the run
            self.failures.append(f"{fault.name}: {error!r}")
            return
        finally:
            self.ended = datetime.now(UTC)
        if came:
            self.struck.append(fault.name)
        else:
            self.missed += 1

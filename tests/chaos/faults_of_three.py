"""What goes wrong where there are three of each: leaders and primaries change, an event topic has no leader."""

import random

from pymongo.errors import PyMongoError

from tests.chaos.faults import FAULTS, Fault
from tests.chaos.network import Host
from tests.chaos.world import World, pause


def kill_one_broker(world: World, dice: random.Random) -> bool:
    with world.kafka_lock, world.broker_gone():
        broker = dice.choice(world.three.brokers)
        broker.kill()
        pause(dice.choice([0, 2, 5]))
        broker.start()
    return True


def freeze_one_broker(world: World, dice: random.Random) -> bool:
    """Longer than the controller waits: it is fenced, and comes back believing that it leads."""
    with world.kafka_lock, world.broker_gone():
        broker = dice.choice(world.three.brokers)
        broker.suspend()
        pause(dice.uniform(2, 9))
        broker.resume()
    return True


def leaderless(world: World, dice: random.Random) -> bool:
    """An event partition has no leader for longer than a request may take."""
    with world.kafka_lock, world.broker_gone():
        broker = dice.choice(world.three.brokers[1:])
        broker.kill()
        pause(world.request_seconds * 2.5)
        broker.start()
    return True


def step_down(world: World, dice: random.Random) -> bool:
    with world.mongo_lock:
        try:
            with world.three.primary().client() as client:
                client.admin.command({"replSetStepDown": 5, "secondaryCatchUpPeriodSecs": 3, "force": True})
        except PyMongoError:
            return False
        world.three.primary()
    return True


def kill_primary(world: World, dice: random.Random) -> bool:
    with world.mongo_lock:
        member = world.three.primary()
        member.kill()
        pause(dice.choice([0, 2, 5]))
        member.start()
        world.three.primary()
    return True


def kill_secondary(world: World, dice: random.Random) -> bool:
    with world.mongo_lock:
        member = world.three.secondary(dice)
        member.kill()
        pause(dice.choice([0, 2, 5]))
        member.start()
    return True


def freeze_primary(world: World, dice: random.Random) -> bool:
    """It sleeps, another one is elected, it wakes up: what it had not replicated is rolled back."""
    with world.mongo_lock:
        member = world.three.primary()
        member.suspend()
        pause(dice.uniform(1, 7))
        member.resume()
        pause(1)
    return True


def broker_apart(world: World, dice: random.Random) -> bool:
    """A broker and the two others do not hear each other: for some time two lead the same partitions."""
    with world.kafka_lock, world.broker_gone():
        brokers = [broker.host for broker in world.three.brokers]
        _keep_apart(world, dice, dice.choice(brokers), brokers)
    return True


def primary_apart(world: World, dice: random.Random) -> bool:
    """Two primaries, of which the former one takes writes that it has to take back."""
    with world.mongo_lock:
        _keep_apart(world, dice, world.three.primary().host, [member.host for member in world.three.members])
        world.three.primary()
    return True


def secondary_apart(world: World, dice: random.Random) -> bool:
    with world.mongo_lock:
        _keep_apart(world, dice, world.three.secondary(dice).host, [member.host for member in world.three.members])
    return True


def _keep_apart(world: World, dice: random.Random, one: Host, hosts: list[Host]) -> None:
    """One from the others of these."""
    assert world.three.network is not None
    with world.three.network.apart(one, [host for host in hosts if host != one], dice):
        pause(dice.uniform(2, 15))


PARTITIONS = (
    Fault("a broker apart from the others", 10, broker_apart),
    Fault("the primary apart from the others", 10, primary_apart),
    Fault("a secondary apart from the others", 2, secondary_apart),
)

OWN = (
    Fault("one broker of three killed", 12, kill_one_broker),
    Fault("one broker of three asleep", 6, freeze_one_broker),
    Fault("an event partition without a leader", 3, leaderless),
    Fault("primary stepped down", 10, step_down),
    Fault("primary killed", 8, kill_primary),
    Fault("secondary killed", 4, kill_secondary),
    Fault("primary asleep", 5, freeze_primary),
)

OF_WORKERS = tuple(fault for fault in FAULTS if "worker" in fault.name or " step of " in fault.name)
THREE = (*OWN, *OF_WORKERS)
APART = (*PARTITIONS, *THREE)

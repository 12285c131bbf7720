"""What a fault can reach: servers, proxy, workers; and whom it must not meet at the same time."""

import random
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from pymongo import MongoClient

from tests.chaos.cluster import Cluster
from tests.chaos.deployment import SESSION_SECONDS, ChaosDeployment
from tests.chaos.fleet import Fleet, Slot


@dataclass
class World:
    """One for a run."""

    cluster: Cluster
    deployment: ChaosDeployment
    fleet: Fleet
    kafka_lock: threading.Lock = field(default_factory=threading.Lock)
    mongo_lock: threading.Lock = field(default_factory=threading.Lock)
    fleet_lock: threading.Lock = field(default_factory=threading.Lock)
    kafka_killed_at: float = 0.0
    offsets_touched_at: float = 0.0
    notes: list[str] = field(default_factory=list)

    def slot(self, dice: random.Random) -> Slot:
        return dice.choice(self.fleet.slots)

    def mongo_admin(self) -> MongoClient[dict[str, Any]]:
        """To the mongod itself."""
        return MongoClient("127.0.0.1", self.cluster.mongo.port, directConnection=True, serverSelectionTimeoutMS=10_000)

    @property
    def beyond_session(self) -> float:
        """Longer than the group waits for a silent worker."""
        return SESSION_SECONDS * 1.6


def pause(seconds: float) -> None:
    time.sleep(seconds)

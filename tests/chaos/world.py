"""What a fault can reach: servers, proxy, workers; and whom it must not meet at the same time."""

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from tests.chaos.cluster import Cluster
from tests.chaos.deployment import QUICK, SESSION_SECONDS, ChaosDeployment
from tests.chaos.fleet import Fleet, Slot
from tests.chaos.trio import Trio


@dataclass
class World:
    """One for a run."""

    cluster: Cluster | Trio
    deployment: ChaosDeployment
    fleet: Fleet
    kafka_lock: threading.Lock = field(default_factory=threading.Lock)
    mongo_lock: threading.Lock = field(default_factory=threading.Lock)
    fleet_lock: threading.Lock = field(default_factory=threading.Lock)
    kafka_killed_at: float = 0.0
    offsets_touched_at: float = 0.0
    before: Path | None = None
    """A checkout of the release before this one."""
    notes: list[str] = field(default_factory=list)

    @property
    def one(self) -> Cluster:
        """Where there is one broker and one mongod."""
        assert isinstance(self.cluster, Cluster)
        return self.cluster

    @property
    def three(self) -> Trio:
        """Where there are three of each."""
        assert isinstance(self.cluster, Trio)
        return self.cluster

    @contextmanager
    def broker_gone(self) -> Iterator[None]:
        """What a broker says of offsets meanwhile, and shortly afterwards, is not judged."""
        self.kafka_killed_at = float("inf")
        try:
            yield
        finally:
            self.kafka_killed_at = time.monotonic()

    def slot(self, dice: random.Random) -> Slot:
        return dice.choice(self.fleet.slots)

    def mongo_admin(self) -> MongoClient[dict[str, Any]]:
        """To the mongod itself."""
        return MongoClient("127.0.0.1", self.one.mongo.port, directConnection=True, serverSelectionTimeoutMS=10_000)

    @property
    def request_seconds(self) -> float:
        """How long the workers wait for one exchange."""
        return float(QUICK["request_timeout_seconds"])

    @property
    def beyond_session(self) -> float:
        """Longer than the group waits for a silent worker."""
        return SESSION_SECONDS * 1.6


def pause(seconds: float) -> None:
    time.sleep(seconds)

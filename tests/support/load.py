"""Load for tests that break things meanwhile: invitations that are cancelled, from a thread, with librdkafka."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.support import messages
from tests.support.deployment import Deployment
from tests.support.waiting import wait_until

PARTNERS = [f"partner-{number}" for number in range(8)]


def register(deployment: Deployment) -> None:
    """Topics, and the partners of the load; waits for no worker."""
    deployment.make_topics()
    deployment.produce(
        messages.FACTS, *(messages.register_partner(partner, quota_limit=1_000_000) for partner in PARTNERS)
    )


def life(number: int, tag: str = "p") -> tuple[bytes, bytes]:
    """One partnership: invited, and cancelled."""
    partner = PARTNERS[number % len(PARTNERS)]
    return messages.invite(f"{tag}-{number}", partner), messages.cancel(f"{tag}-{number}", partner)


def ids(count: int, tag: str = "p") -> list[str]:
    """The command ids of so many lives."""
    return [f"{verb}-{tag}-{number}" for number in range(count) for verb in ("invite", "cancel")]


def produce(deployment: Deployment, count: int, tag: str = "p") -> list[str]:
    """So many lives at once. Returns their command ids."""
    for number in range(count):
        for value in life(number, tag):
            deployment.enqueue(messages.INVITATION, value, key=f"{tag}-{number}".encode())
    deployment.flush()
    return ids(count, tag)


@dataclass
class Load:
    """Partnerships that keep coming until `stop`."""

    deployment: Deployment
    every_seconds: float = 0.02
    tag: str = "p"
    count: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        while not self._stop.wait(self.every_seconds):
            for value in life(self.count, self.tag):
                self.deployment.enqueue(messages.INVITATION, value, key=f"{self.tag}-{self.count}".encode())
            self.count += 1

    def wait_for_more(self, lives: int) -> None:
        """Until so many more were sent."""
        goal = self.count + lives
        wait_until(lambda: self.count >= goal, what="load")

    def stop(self) -> list[str]:
        """End the load; returns the ids of the commands that were sent."""
        self._stop.set()
        return ids(self.count, self.tag)


@contextmanager
def loaded(deployment: Deployment, every_seconds: float = 0.02) -> Iterator[Load]:
    """Load in the background for as long as the block lasts; all of it is acknowledged afterwards."""
    load = Load(deployment, every_seconds)
    thread = threading.Thread(target=load.run, name="load")
    thread.start()
    try:
        yield load
    finally:
        load.stop()
        thread.join()
        deployment.flush()

"""The competitors, each on a deployment of its own that begins with the same documents and the same commands."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

from rich.console import Console

from tests.bench import latency, workload
from tests.bench.lives import NEW, Life
from tests.bench.meter import Speed, speed, wait_for
from tests.support.deployment import Deployment
from worker.servers import Servers, start_servers

LANES = 12
"""The default of the settings."""

USUAL_WORKERS = 8
"""For each topic. More of them do not help: they meet at the largest partners."""

USUAL_SHARE = 8
"""The usual handler gets an eighth of the commands: it is asked for its speed, not for patience."""

COPIED = ("partners", "customers", "partnerships")


class Backlog(NamedTuple):
    """A deployment whose commands wait: how many, and how many entries a journal has when all are decided."""

    deployment: Deployment
    commands: int
    entries: int


@contextmanager
def on_own_servers(partnerships: int, console: Console) -> Iterator["Bench"]:
    """A bench, and servers that are its own."""
    with start_servers(progress=console.print) as servers:
        bench = Bench(servers, partnerships, console)
        try:
            yield bench
        finally:
            bench.close()


class Bench:
    """One run. What partnerships have behind them the worker itself made, once."""

    def __init__(self, servers: Servers, partnerships: int, console: Console) -> None:
        self.servers = servers
        self.partnerships = partnerships
        self.lanes = LANES
        self.console = console
        self.base = self._made()

    def close(self) -> None:
        self.base.close()

    def _made(self, **overrides: str) -> Deployment:
        options = {
            "topic_partitions": str(LANES),
            "session_timeout_seconds": "60",
            "lane_close_seconds": "4",
            **overrides,
        }
        return Deployment(self.servers, lanes=self.lanes, overrides=options)

    @contextmanager
    def deployment(self, **overrides: str) -> Iterator[Deployment]:
        """With topics and nothing else; gone afterwards, so that nobody is slower for those before it."""
        deployment = self._made(**overrides)
        try:
            deployment.make_topics()
            yield deployment
        finally:
            deployment.close()

    def prepare(self) -> None:
        """Partners, customers, and the partnerships that are not new. This also warms the servers up."""
        self.console.print("what was before")
        worker = self.base.start_worker().wait_ready()
        journal, entries = self.base.db.journal, 0
        for say in (workload.parties, workload.bonds):
            entries += _send(self.base, say(self._lives()))[1]
            wait_for(lambda: int(journal.estimated_document_count()) >= entries)  # noqa: B023 - waits here and now
        worker.terminate()
        bound = sum(workload.stage_of(life) is not NEW for life in self._lives())
        found = self.base.db.partnerships.count_documents({"state.status": "active"})
        assert found == bound, f"{found} partnerships are bound, not {bound}"

    def _lives(self) -> Iterator[Life]:
        return workload.lives(self.partnerships, self.base.secrets)

    @contextmanager
    def backlog(self, partnerships: int, *, hot: bool = False, **overrides: str) -> Iterator[Backlog]:
        """A deployment with what was before, and commands that wait."""
        with self.deployment(**overrides) as deployment:
            self._documents(deployment)
            commands = workload.commands(workload.lives(partnerships, deployment.secrets, hot=hot))
            yield Backlog(deployment, *_send(deployment, commands))

    def _documents(self, deployment: Deployment) -> None:
        """What every competitor begins with."""
        for name in COPIED:
            self.base.db[name].aggregate([{"$out": {"db": deployment.name, "coll": name}}])

    # Competitors --------------------------------------------------------------------------------------------------

    @contextmanager
    def worker(
        self, count: int = 1, before: Callable[[Deployment], None] | None = None, **overrides: str
    ) -> Iterator[tuple[Deployment, Speed, dict[str, float]]]:
        """Drain the backlog. What came of it is there for as long as the block lasts."""
        self.console.print(f"worker: {count} process(es) {overrides or ''}")
        with self.deployment(**overrides) as deployment, ExitStack() as asleep:
            self._documents(deployment)
            if before is not None:
                before(deployment)
            commands = workload.commands(workload.lives(self.partnerships, deployment.secrets))
            there = deployment.db.journal.estimated_document_count()
            begun = time.monotonic()
            workers = [deployment.start_worker() for _ in range(count)]
            for worker in workers:
                worker.wait_ready()
            ready = time.monotonic() - begun
            # All of them have their lanes, and all of the backlog is there when they begin.
            for worker in workers:
                asleep.enter_context(deployment.asleep(worker))
            _, entries = _send(deployment, commands)
            asleep.close()
            found = speed(self.servers, workers, deployment.db.journal, entries, there, ready=True)
            deployment.wait_published()
            figures = {"rss_mb": max(worker.peak_mb() for worker in workers), "ready_seconds": ready}
            for worker in workers:
                worker.terminate()
            yield deployment, found, figures

    def usual(self) -> Speed:
        """The usual handler, on fewer commands."""
        self.console.print(f"usual handler: {USUAL_WORKERS} at once for each topic")
        with self.backlog(self.partnerships // USUAL_SHARE) as (deployment, _, entries):
            process = deployment.start_worker("tests.bench.usual", str(USUAL_WORKERS))
            found = speed(self.servers, [process], deployment.db.inbox, entries)
            process.terminate()
            return found

    def floor(self, decided: Deployment) -> Speed:
        """The writes of that worker, once more."""
        self.console.print("floor")
        with self.deployment() as deployment:
            self._documents(deployment)
            writer = deployment.start_worker("tests.bench.floor", decided.name)
            entries = decided.db.journal.estimated_document_count()
            found = speed(self.servers, [writer], deployment.db.journal, entries)
            assert writer.process.wait(60) == 0, writer.log
            return found

    def latency(self, speeds: dict[str, float], half_load: str | None = None) -> dict[str, float]:
        """From append to visible event, in milliseconds, at each of these commands a second, and at half load."""
        at = [f"{value:.0f} a second" for value in speeds.values()] + ["half load"] * (half_load is not None)
        self.console.print(f"latency at {', '.join(at)}")
        with self.deployment() as deployment:
            worker = deployment.start_worker().wait_ready()
            figures = latency.measure(deployment, speeds, half_load)
            worker.terminate()
            return figures


def _send(deployment: Deployment, sent: Iterable[workload.Sent]) -> tuple[int, int]:
    """Send them all; answers with their number, and how many of them are different."""
    count, different = 0, set()
    for topic, key, value in sent:
        deployment.enqueue(topic, value, key=key.encode())
        count += 1
        different.add(hash(value))
    deployment.flush()
    return count, len(different)

"""What the worker counts and measures, for Prometheus. No ids of parties in labels."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector

from worker.failures import Fate
from worker.journal import Outcome
from worker.release import version

SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 15)
OUTCOMES = (*Outcome, "repeated", "without_effect")
FATES = (Fate.REOPEN, Fate.YIELD, Fate.HALVE)
"""Those of a lane that starts again."""

PLACES = ("intake", "lane")


class Metrics:
    """One set for a worker; its registry is its own, so that several can live in one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.intake = Counter("intake_records", "Records moved to the lane log", ["topic"], registry=self.registry)
        self.outcomes = Counter("lane_outcomes", "Records by how they ended", ["outcome"], registry=self.registry)
        self.reopened = Counter("lane_reopened", "Lanes that started again", ["fate"], registry=self.registry)
        self.halved = Counter("lane_batches_halved", "Batches that were not stored as a whole", registry=self.registry)
        self.recoveries = Counter("lane_recoveries", "Openings that published from the journal", registry=self.registry)
        self.gaps = Counter("stale_batches", "Batches refused by a cursor", ["where"], registry=self.registry)
        self.batch_records = Histogram(
            "lane_batch_records", "Records in a batch", buckets=(1, 5, 20, 100, 250, 500, 1000), registry=self.registry
        )
        self.store_seconds = Histogram(
            "lane_store_seconds", "Load, decide and store a batch", buckets=SECONDS, registry=self.registry
        )
        self.publish_seconds = Histogram(
            "lane_publish_seconds", "Publish a batch", buckets=SECONDS, registry=self.registry
        )
        self.ready = Gauge("ready", "1 while the worker is ready", registry=self.registry)
        self.lanes = Gauge("lanes", "Lanes of this worker by state", ["state"], registry=self.registry)
        self.waiting = Gauge("lane_waiting_records", "Records that arrived and are not decided", registry=self.registry)
        self.release = Info("release", "Which release this worker is", registry=self.registry)
        self.release.info({"version": version()})
        ProcessCollector(registry=self.registry)
        # From 0 on: of a series that begins with 1, as the first dead letter would, Prometheus sees no increase.
        for counter, labels in (
            (self.outcomes, OUTCOMES),
            (self.reopened, [fate.name for fate in FATES]),
            (self.gaps, PLACES),
        ):
            for label in labels:
                counter.labels(label)

    def batch(self, outcomes: dict[str, int], store_seconds: float, publish_seconds: float) -> None:
        """Count a batch that is published."""
        for outcome, count in outcomes.items():
            self.outcomes.labels(outcome).inc(count)
        self.batch_records.observe(sum(outcomes.values()))
        self.store_seconds.observe(store_seconds)
        self.publish_seconds.observe(publish_seconds)

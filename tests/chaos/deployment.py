"""The deployment of a chaos run: the workers come through the proxy, everybody else goes past it."""

from dataclasses import dataclass, field

from typing_extensions import override

from tests.chaos.steps import ORDERS_VARIABLE
from tests.support.deployment import Deployment

SESSION_SECONDS = 4.0
QUICK = {
    "session_timeout_seconds": str(SESSION_SECONDS),
    "lane_close_seconds": "2",
    "request_timeout_seconds": "5",
    "transaction_timeout_seconds": "6",
    "stall_seconds": "40",
    "shutdown_seconds": "10",
    "topic_partitions": "2",
    "failing_partnerships_max": "1000",
}
"""Short times, so that many faults fit into a run."""


@dataclass
class ChaosDeployment(Deployment):
    """`worker_environment` goes over what the others use."""

    worker_environment: dict[str, str] = field(default_factory=dict)

    @override
    def environment(self, **overrides: str) -> dict[str, str]:
        orders = overrides.pop("orders", "")
        return {**super().environment(**overrides), **self.worker_environment, ORDERS_VARIABLE: orders}

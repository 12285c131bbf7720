"""All checks, side by side, each within a bound: one that fails or hangs does not stop the others."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from aiokafka.errors import KafkaError
from pymongo.errors import OperationFailure, PyMongoError

from worker.failures import codes_of, describe
from worker.operate.access import Access
from worker.operate.doctor import clocks, cluster, database, flow, own, waiting
from worker.operate.doctor.look import Look, looking
from worker.operate.doctor.report import Finding, Says
from worker.operate.errors import CannotOperate, denied

CHECK_SECONDS = 10.0

UNAUTHORIZED = {13, 18}
"""MongoDB's codes for what this user may not do."""

KAFKA, MONGO = "kafka", "mongo"


class Check(NamedTuple):
    """One thing to look at: its name, which servers it needs, and how."""

    name: str
    needs: tuple[str, ...]
    look: Callable[[Look, Says], Awaitable[list[Finding]]]


# What others follow from comes first.
CHECKS = (
    Check("kafka", (), cluster.brokers),
    Check("mongodb", (), database.replica_set),
    Check("workers", (KAFKA,), flow.workers),
    Check("settings", (), own.settings),
    Check("release", (MONGO,), own.release),
    Check("indexes", (MONGO,), database.indexes),
    Check("topics", (KAFKA,), cluster.promises),
    Check("retention", (KAFKA,), cluster.retention),
    Check("durability", (KAFKA,), cluster.durability),
    Check("access", (KAFKA,), cluster.access),
    Check("topology", (KAFKA, MONGO), database.same_topology),
    Check("clocks", (MONGO,), clocks.clocks),
    Check("secret", (KAFKA,), own.secret),
    Check("logs", (KAFKA, MONGO), flow.logs),
    Check("lanes", (KAFKA, MONGO), flow.lanes),
    Check("publishing", (MONGO,), flow.publishing),
    Check("intake", (KAFKA, MONGO), flow.intake),
    Check("dead-letters", (MONGO,), waiting.dead_letters),
    Check("deadlines", (MONGO,), waiting.deadlines),
    Check("scheduler", (MONGO,), waiting.scheduler),
    Check("redaction", (MONGO,), waiting.redaction),
    Check("platform", (MONGO,), waiting.platform),
)


async def examine(access: Access) -> list[Finding]:
    """Look at everything. At least one finding for each check, in the order of the table."""
    async with looking(access) as look:
        found = await asyncio.gather(*(_look(check, look) for check in CHECKS))
    return [finding for findings in found for finding in findings]


async def _look(check: Check, look: Look) -> list[Finding]:
    says = Says(check.name)
    down = {KAFKA: look.kafka_down, MONGO: look.mongo_down and f"MongoDB does not answer ({look.mongo_down})"}
    for server in check.needs:
        if (why := down[server]) is not None:
            return [says.unknown(f"not looked at: {why}")]
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            return await check.look(look, says)
    except Exception as error:  # noqa: BLE001 - the other checks go on
        return [says.unknown(f"could not look: {_why(error)}")]


def _why(error: Exception) -> str:
    match error:
        case CannotOperate():
            return " ".join(str(error).split())
        case TimeoutError():
            return f"no answer within {CHECK_SECONDS:.0f} s"
        case OperationFailure() if codes_of(error) & UNAUTHORIZED:
            return "MongoDB does not let this user do it"
        case PyMongoError():
            return f"MongoDB says {describe(error)}"
        case KafkaError():
            what = denied(error)
            return what[0] if what else f"Kafka says {type(error).__name__}"
        case _:
            return f"a defect, {describe(error)}"

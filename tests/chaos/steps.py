"""Where a worker can be told to stop: every step of a batch and of an opening. Patched in from outside.

An order is a file, `<step> <what> <seconds>`, which the worker looks for at each step; it is obeyed once. The
production code knows nothing of this.
"""

import asyncio
import os
import signal
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

import worker.lane
import worker.storing
from worker.deadlines import Scheduler
from worker.intake import Intake
from worker.kafka import Batches
from worker.lane import Lane
from worker.mongo.store import Store
from worker.publications import Publications, SharedPublisher
from worker.publisher import Publisher
from worker.storing import Storing
from worker.visible import Sought

ORDERS_VARIABLE = "CHAOS_ORDERS"

Place = tuple[Any, str, bool]
"""Owner (a class or a module), name, and whether the step is reached after the call instead of before it."""

BATCH: dict[str, Place] = {
    "decoded": (Storing, "_store_parts", False),
    "loaded": (Store, "load", True),
    "decided": (worker.storing, "decide_batch", True),
    "saved": (Store, "save", True),
    "stored": (Store, "transaction", True),
    "to-publish": (Publisher, "publish", False),
    "begun": (AIOKafkaProducer, "begin_transaction", True),
    "sent": (Batches, "send", True),
    "to-commit": (AIOKafkaProducer, "commit_transaction", False),
    "committed": (AIOKafkaProducer, "commit_transaction", True),
    "published": (Publisher, "publish", True),
    "noted": (Store, "note_published", True),
    "to-be-seen": (Lane, "confirm", False),
    "proved": (SharedPublisher, "prove", True),
    "appended": (Intake, "_append", True),
    "taken": (AIOKafkaConsumer, "commit", True),
    "deadlines-found": (Scheduler, "_append", False),
    "deadlines-sent": (Scheduler, "_append", True),
}
"""The steps of a batch, of intake and of the scheduler; `saved` is inside of the MongoDB transaction."""

OPENING: dict[str, Place] = {
    "to-fence": (Publisher, "start", False),
    "fenced": (Publisher, "start", True),
    "session": (Store, "start_session", True),
    "epoch": (Store, "open_lane", True),
    "checked": (worker.lane, "check_start", True),
    "to-end": (Publications, "end", False),
    "to-end-open": (Publisher, "end_open", False),
    "ended-open": (Publisher, "end_open", True),
    "ended": (Publications, "end", True),
    "asked": (Sought, "missing", True),
    "recovered": (Lane, "_recover", True),
}

STEPS = {**BATCH, **OPENING}


def install() -> None:
    """Patch every step of this process. Fails where a name is gone: then this table is out of date."""
    orders = Path(os.environ[ORDERS_VARIABLE])
    for step, (owner, name, after) in STEPS.items():
        _patch(owner, name, step, orders, after=after)


def _patch(owner: Any, name: str, step: str, orders: Path, *, after: bool) -> None:
    original: Callable[..., Any] = getattr(owner, name)

    @wraps(original)
    async def awaited(*args: Any, **options: Any) -> Any:
        if not after:
            await asyncio.sleep(_obey(step, orders))
        result = await original(*args, **options)
        if after:
            await asyncio.sleep(_obey(step, orders))
        return result

    @wraps(original)
    def called(*args: Any, **options: Any) -> Any:
        result = original(*args, **options)
        _obey(step, orders)
        return result

    setattr(owner, name, awaited if asyncio.iscoroutinefunction(original) else called)


def _obey(step: str, orders: Path) -> float:
    """Do what the order says, if it is for this step. Returns for how long to wait."""
    try:
        wanted, what, seconds = orders.read_text().split()
    except (OSError, ValueError):
        return 0
    if wanted != step:
        return 0
    orders.unlink(missing_ok=True)
    if what == "slow":
        return float(seconds)
    os.kill(os.getpid(), {"kill": signal.SIGKILL, "freeze": signal.SIGSTOP, "term": signal.SIGTERM}[what])
    return 0

"""Ending tasks so that they end."""

import asyncio
from collections.abc import Iterable
from typing import Any

from worker.clock import monotonic_seconds

AGAIN_SECONDS = 0.5


async def cancel(tasks: Iterable["asyncio.Task[Any]"], within: float | None = None) -> None:
    """Cancel tasks until all have ended, or `within` seconds are over.

    Said again until it is heard: asyncio.wait_for of Python 3.11 loses a cancellation that comes as its work ends, and
    PyMongo sends every command through it. With a busy event loop a quarter of them got lost. What a task failed with
    counts as seen.
    """
    until = None if within is None else monotonic_seconds() + within
    running = {task for task in tasks if not task.done()}
    while running:
        left = AGAIN_SECONDS if until is None else min(AGAIN_SECONDS, until - monotonic_seconds())
        if left <= 0:
            return
        for task in running:
            task.cancel()
        ended, running = await asyncio.wait(running, timeout=left)
        for task in ended:
            if not task.cancelled():
                task.exception()

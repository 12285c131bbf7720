"""Ending tasks so that they end."""

import asyncio
from collections.abc import Coroutine, Iterable
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


async def run_out(ending: Coroutine[Any, Any, Any], within: float) -> BaseException | None:
    """Let something end, in a task of its own, and answer with what that failed with; None when all went well.

    aiokafka's stop() waits for tasks that it has just cancelled. Where one of them was asleep it ends as if its caller
    had been cancelled (its issue 647).
    """
    task = asyncio.create_task(ending)
    try:
        _, running = await asyncio.wait({task}, timeout=within)
    finally:
        await cancel([task], within=AGAIN_SECONDS)
    if running:
        return TimeoutError()
    return asyncio.CancelledError() if task.cancelled() else task.exception()


def failure_of(ended: "asyncio.Task[Any]") -> BaseException | None:
    """What a task failed with, if it did: also a cancellation that nobody told it, by which it would be gone unseen."""
    if not ended.cancelled():
        return ended.exception()
    if ended.cancelling():
        return None
    return RuntimeError(f"{ended.get_name()}: ended by a cancellation that nobody asked for")

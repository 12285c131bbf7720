"""What a worker runs in the background ends when it is told to."""

import asyncio

import pytest

from worker.ownership import Tasks


def unexpected(error: BaseException) -> None:
    pytest.fail(f"{error!r}")


def test_a_cancellation_that_gets_lost_is_said_again() -> None:
    """As asyncio.wait_for of Python 3.11 loses one: a worker that drained waited for such a task until its bound."""

    async def deaf() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.Event().wait()

    async def main() -> None:
        tasks = Tasks(unexpected)
        task = tasks.start(deaf(), "deaf")
        await asyncio.sleep(0)
        async with asyncio.timeout(5):
            await tasks.cancel()
        assert task.cancelled()

    asyncio.run(main())


def test_a_task_that_fails_is_reported() -> None:
    reported: list[BaseException] = []

    async def fail() -> None:
        raise ValueError

    async def main() -> None:
        tasks = Tasks(reported.append)
        tasks.start(fail(), "fail")
        await asyncio.sleep(0)
        await tasks.cancel()

    asyncio.run(main())
    assert [type(error) for error in reported] == [ValueError]


def test_a_task_that_ends_as_if_it_had_been_cancelled_is_reported() -> None:
    """Whom it waited for was: the loop that keeps readiness true once ended so, and nobody saw it (seed 3703)."""
    reported: list[BaseException] = []

    async def wait() -> None:
        other = asyncio.ensure_future(asyncio.sleep(60))
        other.cancel()
        await other

    async def main() -> None:
        tasks = Tasks(reported.append)
        await asyncio.wait([tasks.start(wait(), "wait")])
        told = tasks.start(asyncio.sleep(60), "told")
        await asyncio.sleep(0)
        await tasks.cancel()
        assert told.cancelled()

    asyncio.run(main())
    assert [str(error) for error in reported] == ["wait: ended by a cancellation that nobody asked for"]

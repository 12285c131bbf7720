"""Turns of the lanes: few with large batches, more with small ones, and nobody is left out."""

import asyncio

from worker.turns import LARGE_TURNS, SMALL_BATCH, TURNS, Turns

MANY = 500


async def settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def test_large_batches_leave_turns_for_small_ones() -> None:
    async def play() -> None:
        turns, working, taken = Turns(), asyncio.Event(), []

        async def lane(waiting: int) -> None:
            async with turns.turn(waiting, MANY) as records_max:
                taken.append(records_max)
                await working.wait()

        large = [asyncio.create_task(lane(MANY)) for _ in range(TURNS + 1)]
        await settled()
        assert taken == [MANY] * LARGE_TURNS
        small = [asyncio.create_task(lane(SMALL_BATCH)) for _ in range(TURNS)]
        await settled()
        assert taken == [MANY] * LARGE_TURNS + [SMALL_BATCH] * (TURNS - LARGE_TURNS)
        working.set()
        await asyncio.gather(*large, *small)
        assert sorted(taken) == [SMALL_BATCH] * len(small) + [MANY] * len(large)

    asyncio.run(play())


def test_a_halved_batch_stays_halved() -> None:
    async def play() -> None:
        async with Turns().turn(MANY, 1) as records_max:
            assert records_max == 1
        async with Turns().turn(2, 1) as records_max:
            assert records_max == 1

    asyncio.run(play())


def test_a_lane_that_is_cut_off_gives_its_turn_back() -> None:
    async def play() -> None:
        turns = Turns()

        async def lane() -> None:
            async with turns.turn(MANY, MANY):
                await asyncio.sleep(60)

        cut = [asyncio.create_task(lane()) for _ in range(LARGE_TURNS + 2)]  # two of them while they wait
        await settled()
        for task in cut:
            task.cancel()
        await asyncio.gather(*cut, return_exceptions=True)
        async with asyncio.timeout(1):
            async with turns.turn(MANY, MANY), turns.turn(MANY, MANY):
                pass

    asyncio.run(play())

"""Rounds: lanes with little to do share a transaction, and nobody is left out or hurt by another one's trouble."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import SecretStr
from pymongo.errors import AutoReconnect

from tests.support.deployment import SECRET
from worker.failures import Fenced, StopWorker, Unstorable
from worker.rounds import ALONE, LARGE, SMALL_BATCH, Rounds
from worker.settings import Settings

MANY = 500


@dataclass
class Part:
    """What the rounds look at in a lane's part."""

    number: int
    has_orders: bool = False
    items: list[Any] = field(
        default_factory=lambda: [SimpleNamespace(record=SimpleNamespace(key=None, value=b"x", headers=()))]
    )

    @property
    def lane(self) -> Any:
        return SimpleNamespace(lane=self.number)


class Storing:
    """Notes who stores with whom, and holds them until it is told to go on. `errors`: what a round raises."""

    def __init__(self, errors: Sequence[Exception] = ()) -> None:
        self.rounds: list[list[int]] = []
        self.alone_now: list[int] = []
        self.alone_all: list[int] = []
        self.go_on = asyncio.Event()
        self.errors = list(errors)

    async def together(self, _session: object, parts: Sequence[Part]) -> list[int]:
        self.rounds.append([part.number for part in parts])
        await self.go_on.wait()
        if self.errors:
            raise self.errors.pop(0)
        return [part.number for part in parts]

    async def alone(self, part: Part) -> int:
        self.alone_now.append(part.number)
        self.alone_all.append(part.number)
        await self.go_on.wait()
        self.alone_now.remove(part.number)
        return part.number


class Store:
    def __init__(self) -> None:
        self.killed: list[object] = []

    async def start_session(self) -> object:
        return object()

    async def end_session(self, _session: object) -> None:
        return None

    async def kill_session(self, session: object) -> None:
        self.killed.append(session)


class Bench:
    """Rounds whose lanes are numbers."""

    def __init__(self, *errors: Exception) -> None:
        self.storing = Storing(errors)
        nowhere = {"kafka_bootstrap": "127.0.0.1:1", "mongo_url": "mongodb://127.0.0.1:1"}
        settings = Settings(**nowhere, secret=SecretStr(SECRET), batch_records_max=MANY)  # type: ignore[arg-type]
        self.store = Store()
        self.rounds = Rounds(settings, self.store, self.storing)  # type: ignore[arg-type]
        self.taken: dict[int, int] = {}

    def lane(
        self,
        number: int,
        waiting: int = 1,
        records_max: int = MANY,
        *,
        orders: bool = False,
        records: int = 1,
        alone: bool = False,
    ) -> "asyncio.Task[Any]":
        def take(most: int) -> Any:
            self.taken[number] = most
            return Part(
                number, orders, [SimpleNamespace(record=SimpleNamespace(key=None, value=b"x", headers=()))] * records
            )

        return asyncio.create_task(self.rounds.store(waiting, records_max, take, alone=alone))


def played(play: Callable[[], Coroutine[Any, Any, None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(10):
            await play()

    asyncio.run(bounded())


async def settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def test_who_comes_while_a_round_is_stored_shares_the_next_one() -> None:
    async def play() -> None:
        bench = Bench()
        lanes = [bench.lane(0)]
        await settled()
        lanes += [bench.lane(number) for number in (1, 2, 3)]
        await settled()
        assert bench.storing.rounds == [[0]]
        assert bench.taken == {0: SMALL_BATCH}, "records were taken before the round began"
        bench.storing.go_on.set()
        assert await asyncio.gather(*lanes) == [0, 1, 2, 3]
        assert bench.storing.rounds == [[0], [1, 2, 3]]
        assert bench.storing.alone_all == []

    played(play)


def test_a_round_takes_no_more_than_a_batch_may_hold() -> None:
    async def play() -> None:
        bench = Bench()
        bench.storing.go_on.set()
        lanes = [bench.lane(number, records=MANY // 2) for number in range(5)]
        assert await asyncio.gather(*lanes) == [0, 1, 2, 3, 4]
        assert bench.storing.rounds == [[0, 1], [2, 3], [4]]

    played(play)


def test_large_batches_go_alone_and_few_at_once() -> None:
    async def play() -> None:
        bench = Bench()
        large = [bench.lane(number, waiting=MANY) for number in range(LARGE + 2)]
        small = bench.lane(10)
        await settled()
        assert bench.storing.alone_now == list(range(LARGE))
        assert bench.storing.rounds == [[10]], "a small batch waited for large ones"
        bench.storing.go_on.set()
        assert await asyncio.gather(*large, small) == [*range(LARGE + 2), 10]
        assert bench.taken == dict.fromkeys(range(LARGE + 2), MANY) | {10: SMALL_BATCH}

    played(play)


@pytest.mark.parametrize("error", [Unstorable("it"), Fenced("one of them")], ids=lambda error: type(error).__name__)
def test_what_one_lane_does_to_a_round_the_others_do_not_feel(error: Exception) -> None:
    async def play() -> None:
        bench = Bench(error)
        bench.storing.go_on.set()
        lanes = [bench.lane(number) for number in range(ALONE + 2)]
        assert await asyncio.gather(*lanes) == list(range(ALONE + 2))
        assert bench.storing.alone_all == list(range(ALONE + 2))
        assert len(bench.store.killed) == 2, "what the round may have left open still holds the lanes' documents"

    played(play)


@pytest.mark.parametrize("error", [AutoReconnect("unknown"), StopWorker("a bad release")])
def test_what_the_store_has_is_every_lanes_trouble(error: Exception) -> None:
    """The outcome may be unknown: whoever stored it alone then might take it for a repeat, and publish nothing."""

    async def play() -> None:
        bench = Bench(error)
        bench.storing.go_on.set()
        lanes = [bench.lane(number) for number in range(3)]
        assert await asyncio.gather(*lanes, return_exceptions=True) == [error] * 3
        assert bench.storing.alone_all == []
        assert await bench.lane(7) == 7, "the next round suffers from the last one"

    played(play)


def test_a_lane_in_trouble_goes_alone() -> None:
    async def play() -> None:
        bench = Bench()
        bench.storing.go_on.set()
        assert await bench.lane(1, records_max=1, alone=True) == 1
        assert (bench.storing.rounds, bench.storing.alone_all, bench.taken) == ([], [1], {1: 1})

    played(play)


def test_orders_go_alone() -> None:
    async def play() -> None:
        bench = Bench()
        bench.storing.go_on.set()
        lanes = [bench.lane(1, orders=True), bench.lane(2)]
        assert await asyncio.gather(*lanes) == [1, 2]
        assert (bench.storing.rounds, bench.storing.alone_all) == ([[2]], [1])

    played(play)


def test_a_lane_that_is_cut_off_leaves_its_seat() -> None:
    async def play() -> None:
        bench = Bench()
        lanes = [bench.lane(0)]
        await settled()
        lanes += [bench.lane(1), bench.lane(2)]
        await settled()
        for cut in lanes[:2]:  # one of them while it is stored
            cut.cancel()
        await settled()
        bench.storing.go_on.set()
        assert await lanes[2] == 2
        assert bench.storing.rounds == [[0], [2]]
        assert 1 not in bench.taken

    played(play)


def test_a_lane_that_is_cut_off_gives_its_place_among_the_large_back() -> None:
    async def play() -> None:
        bench = Bench()
        cut = [bench.lane(number, waiting=MANY) for number in range(LARGE + 2)]
        await settled()
        for task in cut:
            task.cancel()
        await asyncio.gather(*cut, return_exceptions=True)
        bench.storing.go_on.set()
        assert await asyncio.gather(*(bench.lane(number, waiting=MANY) for number in (7, 8, 9))) == [7, 8, 9]

    played(play)


def test_rounds_that_are_cut_off_leave_no_lane_waiting() -> None:
    async def play() -> None:
        bench = Bench()
        lanes = [bench.lane(0)]
        await settled()
        lanes.append(bench.lane(1))
        await settled()
        await bench.rounds.close()
        for error in await asyncio.gather(*lanes, return_exceptions=True):
            assert isinstance(error, TimeoutError)

    played(play)

"""Turns: which lanes of a worker decide and store now. One interpreter decides; more at once only hold more memory."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

TURNS = 4
"""Lanes that decide and store at the same time: while one waits for MongoDB, another one decides."""

LARGE_TURNS = 2
"""Of these, with a large batch. Some 100,000 objects live for each, until its transaction has ended."""

SMALL_BATCH = 100
"""Records that are no large batch."""


class Turns:
    """Given in the order in which lanes ask, large ones among themselves."""

    def __init__(self) -> None:
        self._all = asyncio.Semaphore(TURNS)
        self._large = asyncio.Semaphore(LARGE_TURNS)

    @asynccontextmanager
    async def turn(self, waiting: int, large: int) -> AsyncIterator[int]:
        """A turn for a lane in which so many records wait: gives how many it may take, at most `large`."""
        if waiting <= SMALL_BATCH:
            async with self._all:
                yield min(SMALL_BATCH, large)
        else:
            async with self._large, self._all:
                yield large

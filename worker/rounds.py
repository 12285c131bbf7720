"""Rounds: which lanes of a worker decide and store now. Lanes with little to do share a MongoDB transaction.

A transaction of one record costs nearly as much as one of fifty, and at a few hundred commands a second twelve lanes
have one or two each. So while a round is stored, lanes whose records arrive line up for the next one, and all of them
go into it. A lane with a long queue has a transaction of its own: it gains nothing by company, which would wait for it.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import NamedTuple

import structlog
from pymongo.errors import PyMongoError

from worker.cancelling import cancel
from worker.failures import Fate, describe, fate_of
from worker.mongo.store import Store
from worker.records import size_of
from worker.settings import Settings
from worker.storing import Part, Stored, Storing

ALONE = 3
"""Lanes with a transaction of their own at the same time: while one waits for MongoDB, another one decides."""

LARGE = 2
"""Of these, with a large batch. Some 100,000 objects live for each, until its transaction has ended."""

SMALL_BATCH = 100
"""Records that are no large batch."""

CUT_SECONDS = 1.0

Take = Callable[[int], Part]
"""Gives a lane's next records, at most so many, when its time has come: what arrived meanwhile is among them."""

log = structlog.get_logger(__name__)


class _Seat(NamedTuple):
    """A lane that waits for a round. No answer (None): its part did not go with others, and should go alone."""

    take: Take
    answer: "asyncio.Future[Stored | None]"


class Rounds:
    """Given in the order in which lanes ask; large batches among themselves."""

    def __init__(self, settings: Settings, store: Store, storing: Storing) -> None:
        self._settings = settings
        self._store = store
        self._storing = storing
        self._alone = asyncio.Semaphore(ALONE)
        self._large = asyncio.Semaphore(LARGE)
        self._seats: list[_Seat] = []
        self._running: asyncio.Task[None] | None = None
        self._session: object | None = None
        self._is_clean = False
        self._starting = asyncio.Lock()

    async def session(self) -> object:
        """That of the rounds, one for as long as there are these, with no transaction open on the server.

        A round that failed may have left one, and so may whoever had this session before: the driver gives used ones
        out again. It would hold the lanes' documents for a minute, also against their opening.
        """
        async with self._starting:
            if self._session is None:
                self._session = await self._store.start_session()
            if not self._is_clean:
                await self._store.kill_session(self._session)
                self._is_clean = True
            return self._session

    async def store(self, waiting: int, records_max: int, take: Take, *, alone: bool = False) -> Stored:
        """Store the next batch of a lane in which so many records wait, at most `records_max` of them.

        `alone`: without others, whom it might hurt: it is in trouble, or looks for a record that cannot be stored.

        Raises:
            What the store raises: then nothing of this lane was stored, or, as with a commit whose outcome is unknown,
            it must open again to know.
        """
        if waiting > SMALL_BATCH:
            async with self._large, self._alone:
                return await self._storing.alone(take(records_max))
        if not alone:
            stored = await self._seated(take)
            if stored is not None:
                return stored
        async with self._alone:
            return await self._storing.alone(take(min(SMALL_BATCH, records_max)))

    async def close(self) -> None:
        """Give the session back. After the lanes have ended; what is under way was for some that were cut off."""
        if self._running is not None:
            await cancel([self._running], within=CUT_SECONDS)
        session, self._session = self._session, None
        if session is not None:
            await self._store.end_session(session)

    async def _seated(self, take: Take) -> Stored | None:
        seat = _Seat(take, asyncio.get_running_loop().create_future())
        self._seats.append(seat)
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._run(), name="rounds")
        try:
            # A lane that is cut off leaves its part to the round: the next opening finds it stored, or shuts it out.
            return await seat.answer
        finally:
            if seat in self._seats:
                self._seats.remove(seat)

    async def _run(self) -> None:
        parts: list[tuple[_Seat, Part]] = []
        failure: Exception = TimeoutError("the rounds were cut off")
        try:
            while self._seats:
                parts = self._next_parts()
                await self._round(parts)
        except Exception as error:  # noqa: BLE001 - a defect ends the worker, by way of the lanes
            failure = error
        finally:  # also where it is cut off: no lane waits for an answer that does not come
            for seat in [seat for seat, _ in parts] + self._seats:
                _answer(seat, failure)

    async def _round(self, parts: list[tuple[_Seat, Part]]) -> None:
        if not parts:
            return
        try:
            found = await self._storing.together(await self.session(), [part for _, part in parts])
        except Exception as error:  # noqa: BLE001 - each of the lanes deals with it
            split = fate_of(error) in (Fate.HALVE, Fate.YIELD)
            if split and len(parts) > 1:
                log.info("lanes store alone", error=describe(error), lanes=[part.lane.lane for _, part in parts])
            self._is_clean = False
            if split:  # they store at once; who opens again asks for the session
                with contextlib.suppress(PyMongoError):
                    await self.session()
            for seat, _ in parts:
                _answer(seat, None if split else error)
        else:
            for (seat, _), stored in zip(parts, found, strict=True):
                _answer(seat, stored)

    def _next_parts(self) -> list[tuple[_Seat, Part]]:
        """Of those that wait, by number and bytes; at least one. Orders go alone."""
        parts: list[tuple[_Seat, Part]] = []
        records = size = 0
        while self._seats and records < self._settings.batch_records_max and size < self._settings.batch_bytes_max:
            seat = self._seats.pop(0)
            try:
                part = seat.take(min(SMALL_BATCH, self._settings.batch_records_max))
            except Exception as error:  # noqa: BLE001 - that lane deals with it
                _answer(seat, error)
                continue
            if part.has_orders:
                _answer(seat, None)
                continue
            parts.append((seat, part))
            records += len(part.items)
            size += sum(size_of(item.record) for item in part.items)
        return parts


def _answer(seat: _Seat, answer: Stored | Exception | None) -> None:
    if seat.answer.done():
        return  # it has its answer, or its lane was cut off
    if isinstance(answer, Exception):
        seat.answer.set_exception(answer)
    else:
        seat.answer.set_result(answer)

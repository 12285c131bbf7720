"""The run: one order for each letter, in their sequence, as fast as is allowed, until they are done or too many fail.

Nothing of it is in memory only. What was ordered stands in the lane log and is carried out whatever becomes of this
process; what was not ordered is untouched. So a run can be interrupted between two orders, and the same job run again
goes on with what is left. Two at once, by two people, are one after the other in the log: the second answer to a letter
says that it was done already.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from typing import Any, NamedTuple

from aiokafka.errors import KafkaError
from pymongo.errors import PyMongoError

from contracts.commands.operating import Answer
from worker.clock import monotonic_seconds
from worker.dead_letters import DISCARDED, OPEN, PARKED, RESOLVED
from worker.kafka import UNAVAILABLE
from worker.letters.keys import keys_of
from worker.mongo.collections import DEAD_LETTERS
from worker.mongo.letters import Letters
from worker.operate.access import Access
from worker.operate.errors import CannotOperate
from worker.operate.letters.job import Action, Chosen, Job
from worker.operate.letters.outcomes import Outcome, of_answer, of_text
from worker.operate.letters.pace import Pace
from worker.operate.orders import LOOK_SECONDS, Answered, Orders, Place, ordering

RATE = 100.0
"""Letters a second: a lane decides many times as much, so its other commands do not notice."""

FAILURES_MAX = 20
"""Letters that still fail: more say that the cause is not mended."""

AT_ONCE = 50
"""Orders under way at a time: what a lane carries out in one store."""

LEAVE_SECONDS = 30.0
"""For what waited behind letters of this run to go through: the lane does it by itself."""

WRONG = (CannotOperate, KafkaError, PyMongoError, TimeoutError, OSError)
"""What ends a run, with its result so far."""


class Ended(StrEnum):
    """Why a run has ended."""

    DONE = "done"
    INTERRUPTED = "interrupted"
    FAILURES = "too_many_failures"
    ERROR = "error"


class Done(NamedTuple):
    """What came of one letter. `order` is the id of its journal entry; without one nothing was ordered."""

    letter: Chosen
    outcome: Outcome
    code: str = ""
    order: str | None = None
    let_go: Mapping[str, int] = {}
    """What waited behind it and was decided with it, by how that ended."""


@dataclass(slots=True)
class Report:
    """The run in numbers.

    `left`: letters that nothing was ordered for, because it ended before their turn. `unanswered`: orders that are in
    the lane log, where a worker finds them when it comes; or may be, where Kafka did not say so.
    """

    chosen: int
    ended: Ended = Ended.DONE
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    let_go: Counter[str] = field(default_factory=Counter)
    """What waited behind them, was not chosen, and was decided with them."""
    continued: int = 0
    """Letters behind which more waited than one store takes: the lane goes on with the rest by itself."""
    orders: int = 0
    left: int = 0
    unanswered: int = 0
    seconds: float = 0.0
    error: Exception | None = None


async def carry_out(
    access: Access,
    by: str,
    job: Job,
    chosen: Sequence[Chosen],
    *,
    plans: Mapping[str, str] | None = None,
    rate: float = RATE,
    failures_max: int = FAILURES_MAX,
    tell: Callable[[Done], None] = lambda _: None,
    stop: asyncio.Event | None = None,
) -> Report:
    """Do the job with these letters, in their sequence, which `choose` has made.

    `plans` by letter id goes into the orders and with them into the journal and the letters. `stop` ends the run
    between two orders. Never more than `failures_max` of these letters fail again: no more orders are under way than
    may still fail.
    """
    run = _Run(access, job, plans or {}, Pace(rate), failures_max, tell, stop or asyncio.Event(), Report(len(chosen)))
    started = monotonic_seconds()
    try:
        async with ordering(access, by) as orders:
            await run.go(orders, chosen)
    except WRONG as error:
        run.report.ended, run.report.error = Ended.ERROR, error
    run.report.left = len(chosen) - run.report.outcomes.total() - run.report.unanswered
    run.report.seconds = monotonic_seconds() - started
    return run.report


@dataclass(slots=True)
class _Run:
    access: Access
    job: Job
    plans: Mapping[str, str]
    pace: Pace
    failures_max: int
    tell: Callable[[Done], None]
    stop: asyncio.Event
    report: Report
    failures: int = 0

    async def go(self, orders: Orders, chosen: Sequence[Chosen]) -> None:
        waiting: list[Chosen] = []
        remaining = iter(chosen)
        while True:
            if self.failures >= self.failures_max:
                self.report.ended = Ended.FAILURES
                break
            some = list(islice(remaining, self.pace.at_once(min(AT_ONCE, self.failures_max - self.failures))))
            if not some:
                break
            if not await self._pause(len(some)):
                self.report.ended = Ended.INTERRUPTED
                break
            waiting += await self._order(orders, some)
        for first in range(0, len(waiting), AT_ONCE):
            await self._follow(waiting[first : first + AT_ONCE])

    async def _pause(self, letters: int) -> bool:
        """Keep the pace; False when the run is to stop."""
        seconds = self.pace.wait_seconds(monotonic_seconds(), letters)
        try:
            async with asyncio.timeout(seconds):
                await self.stop.wait()
        except TimeoutError:
            return True
        return False

    async def _order(self, orders: Orders, some: Sequence[Chosen]) -> list[Chosen]:
        """Order these and wait for the answers. Returns those that wait behind others."""
        letters = await self._now(some)
        waiting: list[Chosen] = []
        given: list[tuple[Chosen, Place]] = []
        for one in some:
            letter = letters.get(one.id)
            if letter is None:
                self._note(Done(one, Outcome.IMPOSSIBLE, Answer.NOT_FOUND))
            elif self.job.action is Action.REPLAY and letter["state"] == PARKED:
                waiting.append(one)
            elif self.job.action is Action.REPLAY and letter["state"] == RESOLVED:
                self._note_followed(_of_history(one, letter))
            else:
                given.append((one, Place.of(letter)))
        if given:
            wanted = [(place, self.job.order(orders.actor, one.id, self.plans.get(one.id, ""))) for one, place in given]
            try:
                ids = await orders.give(wanted)
            except UNAVAILABLE:
                self.report.unanswered += len(given)  # some may be in the log, with nobody to say which
                raise
            self.report.orders += len(ids)
            self.report.unanswered += len(ids)
            for (one, _), answered in zip(given, await orders.wait(ids), strict=True):
                self._note_answer(one, answered)
        return waiting

    def _note_answer(self, one: Chosen, answered: Answered) -> None:
        outcome, code = of_answer(self.job.action, answered.code, answered.result)
        let_go = answered.result.get("let_go", {})
        self.failures += (outcome is Outcome.STILL_FAILING) + let_go.get("failed", 0)
        self.report.let_go.update(let_go)
        self.report.continued += answered.records > 0 and outcome is not Outcome.FORWARDED
        self.report.unanswered -= 1
        self._note(Done(one, outcome, code, answered.order_id, let_go))

    async def _follow(self, some: Sequence[Chosen]) -> None:
        """What came of those that waited: the lane decides them with what they waited for, or they still wait."""
        until = monotonic_seconds() + (0 if self.stop.is_set() else LEAVE_SECONDS)
        store = Letters(self.access.db)
        undecided = list(some)
        while undecided:
            letters = await self._now(undecided)
            leaving = []
            for one in undecided:
                letter = letters.get(one.id)
                if letter is None:
                    self._note(Done(one, Outcome.IMPOSSIBLE, Answer.NOT_FOUND))
                elif letter["state"] != PARKED:
                    self._note_followed(_of_history(one, letter))
                else:
                    keys = keys_of(letter["subject"] or letter["partner"], letter["partner"])
                    first = await store.before(None, keys, letter["offset"], one.id)
                    if first is None and monotonic_seconds() < until:
                        leaving.append(one)
                    else:
                        self._note(Done(one, Outcome.WAITS, first or ""))
            undecided = leaving
            if undecided:
                await asyncio.sleep(LOOK_SECONDS)

    async def _now(self, some: Sequence[Chosen]) -> dict[str, dict[str, Any]]:
        """These letters as they are, without their bodies."""
        fields = {"state": 1, "lane": 1, "offset": 1, "subject": 1, "partner": 1, "history": {"$slice": -1}}
        found = self.access.db[DEAD_LETTERS].find({"_id": {"$in": [one.id for one in some]}}, fields)
        return {letter["_id"]: letter async for letter in found}

    def _note_followed(self, done: Done) -> None:
        """Perhaps it was counted among what was let go; it is one of those that were to be replayed."""
        name = {Outcome.STILL_FAILING: "failed"}.get(done.outcome, str(done.outcome).replace("_", " "))
        if self.report.let_go[name] > 0:
            self.report.let_go[name] -= 1
        self._note(done)

    def _note(self, done: Done) -> None:
        self.report.outcomes[done.outcome] += 1
        self.tell(done)


def _of_history(one: Chosen, letter: dict[str, Any]) -> Done:
    """Of a letter that no order was given for: it went through behind another one, or was settled before."""
    last = next(iter(letter.get("history", ())), None)
    if last is not None and last["action"] == "continue" and one.was_parked:
        return Done(one, *of_text(last["result"]), order=last["order"])
    if letter["state"] == OPEN:  # it was parked, and somebody made it open
        return Done(one, Outcome.WAITS)
    if letter["state"] == DISCARDED:
        return Done(one, Outcome.IMPOSSIBLE, Answer.DISCARDED)
    return Done(one, Outcome.ALREADY_DONE, Answer.ALREADY_RESOLVED)

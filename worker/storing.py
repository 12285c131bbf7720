"""Steps 2 to 4 of a lane in ONE MongoDB transaction: load, decide, store. For one lane, or for several at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from handlers.documents import Partner
from worker.batch import Result, Rules, Wanted, decide_batch
from worker.clock import monotonic_seconds
from worker.decode import Item, is_order
from worker.failures import FailureLimit, Fate, TooManyConflicts, fate_of
from worker.letters.carrying import carry_out_orders
from worker.letters.keys import waits_for
from worker.mongo.store import LaneDocument, Store, joined

CONFLICTS_MAX = 3
"""So often a batch is tried against other lanes before it is halved."""


@dataclass(frozen=True, slots=True)
class Part:
    """What a lane gives to be decided: commands, or orders, and what it knows already.

    `partners` are those that the lane itself stored last. Nobody else writes them, and a lane that another one has
    fenced stores nothing.
    """

    lane: LaneDocument
    session: Any
    items: list[Item]
    partners: Mapping[str, Partner]

    @property
    def has_orders(self) -> bool:
        """Whether they are orders; those share no batch with commands, and no transaction with other lanes."""
        return is_order(self.items[0])


class Stored(NamedTuple):
    """What came of a part, and the partners of this lane as they are stored now."""

    result: Result
    partners: Mapping[str, Partner]


class Storing:
    """What it takes to decide: the store, the rules, and the limit on failing partnerships."""

    def __init__(self, store: Store, rules: Rules, limit: FailureLimit) -> None:
        self._store = store
        self._rules = rules
        self._limit = limit

    async def alone(self, part: Part) -> Stored:
        """Store one lane's part in a transaction of its own. Raises what the store raises."""
        if part.has_orders:
            result = await carry_out_orders(self._store, self._rules, self._limit, part.session, part.lane, part.items)
            self._note(result)
            return Stored(result, {})  # what orders do to partners is not followed
        lone = len(part.items) == 1
        tries = None if lone else CONFLICTS_MAX  # one that meets others has no better chances as less
        try:
            (stored,) = await self._store_parts(part.session, [part], tries)
        except Exception as error:
            if fate_of(error) is not Fate.HALVE or not lone:
                raise
            # The culprit is alone: decided anew, it becomes a dead letter.
            (stored,) = await self._store_parts(part.session, [part], tries, f"{type(error).__name__}")
        return stored

    async def together(self, session: Any, parts: Sequence[Part]) -> list[Stored]:
        """Store several lanes' commands in one transaction: all or nothing. Raises what the store raises."""
        return await self._store_parts(session, parts, CONFLICTS_MAX)

    async def _store_parts(
        self, session: Any, parts: Sequence[Part], tries: int | None, condemned: str | None = None
    ) -> list[Stored]:
        """In the order of the parts: each sees what those before it came to, as of the same instant."""
        wanted = [Wanted.by(part.items) for part in parts]
        partners = [{need.partner_id for need in one.needs if need.partner_id} for one in wanted]
        entry_ids = [entry_id for one in wanted for entry_id in one.entry_ids]
        needs = [need for one in wanted for need in one.needs]
        stored: list[Stored] = []
        attempts = 0

        async def body(session: Any) -> None:
            nonlocal attempts
            attempts += 1
            if tries is not None and attempts > tries:
                msg = f"{tries} conflicts"
                raise TooManyConflicts(msg)
            known: dict[str, Partner] = {}
            if attempts == 1:  # after a conflict nothing is believed
                for part, own in zip(parts, partners, strict=True):
                    known |= {key: part.partners[key] for key in own & part.partners.keys()}
            loaded = await self._store.load(session, entry_ids, needs, known)
            if keys := {key for part in parts if part.lane.blocking for item in part.items for key in waits_for(item)}:
                loaded.blocked = await self._store.letters.blocked(session, keys)
            results = [decide_batch(self._rules, part.lane, loaded, part.items, condemned) for part in parts]
            # Before the store: a bad release must not have stored anything when the worker stops for it.
            subjects = [pair for result in results for pair in result.subjects]
            failures = [result.first_failure for result in results if result.first_failure is not None]
            self._limit.check(monotonic_seconds(), subjects, failures[0] if failures else None)
            await self._store.save(
                session, [result.lane for result in results], joined([result.changes for result in results])
            )
            stored[:] = [
                Stored(result, {key: loaded.partners[key] for key in own & loaded.partners.keys()})
                for result, own in zip(results, partners, strict=True)
            ]

        await self._store.transaction(session, body)
        for one in stored:
            self._note(one.result)
        return stored

    def _note(self, result: Result) -> None:
        self._limit.note(monotonic_seconds(), result.subjects, result.first_failure)
        result.changes = joined([])  # it waits to be published: not with some MB that are stored

"""Orders are carried out and stored: several in one MongoDB transaction, each sees what the one before it did."""

from collections.abc import Sequence
from itertools import groupby

from worker.batch import Result, Rules, Wanted
from worker.clock import monotonic_seconds
from worker.decode import Item, is_order, speaks_to_many
from worker.failures import FailureLimit, Fate, TooManyConflicts, describe, fate_of
from worker.letters.desk import decide_order
from worker.letters.sight import LET_GO_MAX, look
from worker.mongo.store import LaneDocument, Store

ORDERS_MAX = 50
LETTERS_MAX = 200
"""So many orders, and letters decided for them, share a transaction: MongoDB aborts one that takes too long."""

CONFLICTS_MAX = 3


def run_of_a_kind(items: Sequence[Item]) -> list[Item]:
    """The first items up to where commands end and orders begin, or the other way round: they do not share a batch.

    What speaks to many ends it: of each such one follows as much as of a whole batch.
    """
    ordered, found = next(groupby(items, is_order))
    run = list(found)[: ORDERS_MAX if ordered else None]
    return run[: next((number for number, item in enumerate(run, 1) if speaks_to_many(item)), None)]


async def carry_out_orders(
    store: Store, rules: Rules, limit: FailureLimit, session: object, base: LaneDocument, items: Sequence[Item]
) -> Result:
    """Load, decide and store these orders, or as many of them as one transaction should hold.

    Raises what the store raises. A lone order whose outcome MongoDB will not take is tried without what it would let
    go; if that is not it, its letter fails for it.
    """
    tries: list[tuple[int, str | None]] = [(LET_GO_MAX, None)]
    for let_go_max, condemned in tries:
        try:
            return await _store(store, rules, limit, session, base, items, let_go_max, condemned)
        except Exception as error:
            if fate_of(error) is not Fate.HALVE or len(items) > 1 or condemned is not None:
                raise
            tries.append((0, describe(error) if let_go_max == 0 else None))
    raise AssertionError  # the last try answers or raises


async def _store(
    store: Store,
    rules: Rules,
    limit: FailureLimit,
    session: object,
    base: LaneDocument,
    items: Sequence[Item],
    let_go_max: int,
    condemned: str | None,
) -> Result:
    results: list[Result] = []
    attempts = 0

    async def body(session: object) -> None:
        nonlocal attempts
        attempts += 1
        if attempts > CONFLICTS_MAX and len(items) > 1:
            msg = f"{attempts - 1} conflicts"
            raise TooManyConflicts(msg)
        results.clear()
        lane, letters = base, 0
        for item in items:
            sight = await look(store.letters, session, rules.secrets, item, let_go_max)
            letters += len(sight.items)
            if results and letters > LETTERS_MAX:
                break
            wanted = Wanted.by([item, *sight.items])
            loaded = await store.load(session, wanted.entry_ids, wanted.needs)
            results.append(decide_order(rules, lane, loaded, item, sight, condemned))
            so_far = _joined(results)
            limit.check(monotonic_seconds(), so_far.subjects, so_far.first_failure)
            await store.save(session, [results[-1].lane], results[-1].changes)
            lane = results[-1].lane

    await store.transaction(session, body)
    return _joined(results)


def _joined(results: Sequence[Result]) -> Result:
    """What they came to together. Their changes are stored already."""
    outcomes: dict[str, int] = {}
    for result in results:
        for name, count in result.outcomes.items():
            outcomes[name] = outcomes.get(name, 0) + count
    return Result(
        lane=results[-1].lane,
        changes=results[-1].changes,
        records=[record for result in results for record in result.records],
        outcomes=outcomes,
        subjects=[pair for result in results for pair in result.subjects],
        first_failure=next((result.first_failure for result in results if result.first_failure), None),
        buried=[letter for result in results for letter in result.buried],
    )

"""The store of a lane on the real MongoDB, with each driver.

What is saved is what is loaded, a conflict is seen, and who lost the lane changes nothing.
"""

import asyncio
import itertools
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from pymongo.errors import OperationFailure, PyMongoError

from contracts.events.facts import PartnerContact
from contracts.events.invitation import OfferDetails
from contracts.terms import Language
from handlers.documents import Customer, Live, Needs, Partner, Partnership, Quota
from handlers.policy import Policy
from handlers.states import Invited
from worker.failures import Fate, Fenced, StopWorker, fate_of
from worker.mongo import format_in_use
from worker.mongo.client import Client, Driver, connect
from worker.mongo.collections import prepare
from worker.mongo.format_in_use import FORMAT, FormatInUse
from worker.mongo.store import (
    COLLECTION_OF,
    INTERRUPTED,
    NOT_BEGUN,
    Changes,
    Conflict,
    LaneDocument,
    Loaded,
    Store,
    document_to_bson,
    to_bson,
)
from worker.servers import Servers

NOON = datetime(2026, 1, 15, 12, 0, 0, 123_000, tzinfo=UTC)
ENGLISH: Language = "en"
OFFER_RULES = Policy().offer_rules(reserves=True)
PARTNER = Partner(
    id="p1",
    rev=1,
    contact=PartnerContact(name="P", contact_email="p@p.example"),
    language=ENGLISH,
    quota=Quota(limit=2**63 - 1, bound=1, reserved=0),
    sequences={"lifecycle": 1, "quota": 2},
    reported={"status": NOON},
)
CUSTOMER = Customer(
    id="c1", rev=3, legal_name="C \0 Ltd", live=Live(partnership_id="x", partner_id="p1", model="referral")
)
PARTNERSHIP = Partnership(
    id="x", rev=1, partner_id="p1", customer_id="c1", purpose="strategic_ecosystem", model="referral",
    offer=OfferDetails(legal_name="C"), state=Invited(expires_at=NOON, rules=OFFER_RULES, reserved=True),
    open_keys=("email\tp1\tc@c.example",),
)  # fmt: skip
_numbers = itertools.count(1)


class Bench:
    """A store with hands of its own."""

    def __init__(self, client: Client, name: str) -> None:
        self.client, self.name = client, name
        self.db = client[name]
        self.store = Store(client, name)

    async def open(self, lane: int = 0) -> tuple[Any, LaneDocument]:
        session = await self.store.start_session()
        return session, await self.store.open_lane(lane, [session], f"lane-{lane}")

    async def save(self, session: Any, lane: LaneDocument, changes: Changes) -> None:
        await self.within(session, lambda s: self.store.save(s, [lane], changes))

    async def within(self, session: Any, body: Callable[[Any], Awaitable[None]]) -> None:
        """In a transaction that is not run again, so that a conflict is seen."""
        await _started(session)
        try:
            await body(session)
            await session.commit_transaction()
        except BaseException:
            if session.in_transaction:
                await session.abort_transaction()
            raise

    async def load(self, session: Any, *needs: Needs, ids: tuple[str, ...] = ()) -> Loaded:
        return await self.store.load(session, list(ids), needs)


async def _started(session: Any) -> None:
    """PyMongo's answer is awaited, Motor's is not."""
    begun = session.start_transaction()
    if hasattr(begun, "__await__"):
        await begun


@pytest.fixture(params=["pymongo", "motor"])
async def bench(servers: Servers, request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    client = connect(servers.mongo_url, 10, cast("Driver", request.param))
    name = f"store-{os.getpid()}-{next(_numbers)}"
    await prepare(client, name, {"partnership-lanes": 4})
    yield Bench(client, name)
    await client.drop_database(name)
    closed = cast("Any", client.close())
    if closed is not None:
        await closed


def entry(entry_id: str, lane: int, offset: int, digest: bytes | None = b"d" * 16) -> dict[str, Any]:
    fields: dict[str, Any] = {"_id": entry_id, "lane": lane, "offset": offset, "at": NOON, "records": [], "changes": []}
    return fields if digest is None else {**fields, "digest": digest}


def changes(
    *documents: Partner | Customer | Partnership,
    entries: tuple[dict[str, Any], ...] = (),
    letters: tuple[dict[str, Any], ...] = (),
) -> Changes:
    """Each document as it is, in the place of the revision before."""
    by_name: dict[str, list[Any]] = {}
    for document in documents:
        row = (document.id, document.rev - 1, document_to_bson(document))
        by_name.setdefault(COLLECTION_OF[type(document)], []).append(row)
    return Changes([to_bson(e) for e in entries], by_name, [to_bson(letter) for letter in letters])


async def test_a_transaction_whose_session_was_killed_runs_again(bench: Bench) -> None:
    """As whoever opens a lane kills what its former owner worked with, which may be alive."""
    session, lane = await bench.open()
    runs = 0

    async def body(inside: object) -> None:
        nonlocal runs
        runs += 1
        await bench.store.save(inside, [lane], changes(PARTNER, entries=(entry("a", 0, 1),)))

    interrupted = {"failCommands": ["insert"], "errorCode": INTERRUPTED}
    await bench.client.admin.command({"configureFailPoint": "failCommand", "mode": {"times": 1}, "data": interrupted})
    await bench.store.transaction(session, body)
    assert runs == 2
    assert await bench.db.journal.count_documents({}) == 1


async def test_what_was_saved_is_loaded(bench: Bench) -> None:
    session, lane = await bench.open()
    customer = CUSTOMER.but(rev=1)
    saved = changes(PARTNER, customer, PARTNERSHIP, entries=(entry("a", 0, 7), entry("~t:0:1:x", 0, 8, None)))
    await bench.save(session, lane, saved)

    needs = Needs("p1", "x", None, ("email\tp1\tc@c.example", "no such key"))
    loaded = await bench.load(session, needs, Needs("nobody"), ids=("a", "~t:0:1:x", "unknown"))

    assert loaded.partners == {"p1": PARTNER}
    assert loaded.partnerships == {"x": PARTNERSHIP}
    assert loaded.customers == {"c1": customer}, "a partnership's customer is loaded with it"
    assert loaded.offers == {"email\tp1\tc@c.example": {"x"}}
    assert loaded.digests == {"a": b"d" * 16, "~t:0:1:x": b""}


async def test_a_new_lane_has_not_begun(bench: Bench) -> None:
    _, lane = await bench.open(3)

    assert lane == LaneDocument(3, epoch=1, stored=NOT_BEGUN, published=NOT_BEGUN, now_ms=0, producers=("lane-3",))


async def test_a_lane_goes_on_where_it_stopped(bench: Bench) -> None:
    session, lane = await bench.open()
    await bench.save(session, LaneDocument(0, lane.epoch, stored=12, published=9, now_ms=77), changes())

    _, again = await bench.open()

    assert again == LaneDocument(0, lane.epoch + 1, stored=12, published=9, now_ms=77, producers=("lane-0",))


async def test_a_document_that_somebody_else_changed_is_a_conflict_and_saves_nothing(bench: Bench) -> None:
    session, lane = await bench.open()
    await bench.save(session, lane, changes(PARTNER))
    await bench.save(session, lane, changes(PARTNER.but(rev=2)))

    with pytest.raises(Conflict) as conflict:
        await bench.save(session, lane, changes(PARTNER.but(rev=2, negative_records=9), entries=(entry("a", 0, 1),)))

    assert conflict.value.has_error_label("TransientTransactionError"), "the driver would not run it again"
    assert (await bench.db.partners.find_one({"_id": "p1"}))["negative_records"] == 0  # type: ignore[index]
    assert await bench.db.journal.count_documents({}) == 0


async def test_a_document_that_somebody_else_made_is_a_conflict(bench: Bench) -> None:
    session, lane = await bench.open()
    await bench.save(session, lane, changes(PARTNER))

    with pytest.raises(Conflict):
        await bench.save(session, lane, changes(PARTNER))


async def test_a_command_id_that_another_lane_has_entered_is_a_conflict(bench: Bench) -> None:
    here, lane = await bench.open(0)
    there, other = await bench.open(1)
    await bench.save(here, lane, changes(entries=(entry("same", 0, 5),)))

    with pytest.raises(Conflict):
        await bench.save(there, other, changes(entries=(entry("same", 1, 8),)))

    assert (await bench.db.journal.find_one({"_id": "same"}))["lane"] == 0  # type: ignore[index]


async def test_a_transaction_is_run_again_after_a_conflict(bench: Bench) -> None:
    """Two lanes meet at one customer: the second one sees what the first one wrote."""
    session, lane = await bench.open(0)
    other, other_lane = await bench.open(1)
    await bench.save(session, lane, changes(CUSTOMER.but(rev=1)))
    seen = []

    async def body(inside: Any) -> None:
        customer = (await bench.load(inside, Needs(customer_id="c1"))).customers["c1"]
        seen.append(customer.rev)
        if len(seen) == 1:
            await bench.save(other, other_lane, changes(customer.but(rev=customer.rev + 1)))
        await bench.store.save(inside, [lane], changes(customer.but(rev=customer.rev + 1)))

    await bench.store.transaction(session, body)

    assert seen == [1, 2]
    assert (await bench.db.customers.find_one({"_id": "c1"}))["rev"] == 3  # type: ignore[index]


async def test_who_lost_the_lane_stores_nothing(bench: Bench) -> None:
    """The former owner is not dead, only slow: another one has opened the lane since."""
    slow, lane = await bench.open()
    quick, mine = await bench.open()
    fresh = await bench.store.start_session()

    with pytest.raises(Fenced) as fenced:
        await bench.save(fresh, lane, changes(PARTNER, entries=(entry("a", 0, 1),)))

    assert fate_of(fenced.value) is Fate.YIELD
    assert await bench.db.partners.count_documents({}) == 0
    with pytest.raises(Fenced):
        await bench.store.note_published(lane, 99, {})
    await bench.save(quick, mine, changes(PARTNER))
    await bench.store.end_session(slow)


async def test_opening_a_lane_frees_what_the_former_owner_holds(bench: Bench) -> None:
    """An open transaction of a dead worker would hold its documents for a minute."""
    dead, lane = await bench.open()
    await _started(dead)
    await bench.store.save(dead, [lane], changes(PARTNER, entries=(entry("a", 0, 1),)))

    async with asyncio.timeout(5):
        session, mine = await bench.open()
        await bench.save(session, mine, changes(PARTNER, entries=(entry("a", 0, 1),)))

    with pytest.raises((OperationFailure, PyMongoError)):
        await dead.commit_transaction()
    assert await bench.db.partners.count_documents({}) == 1


async def test_what_is_not_published_comes_in_log_order(bench: Bench) -> None:
    session, lane = await bench.open()
    offsets = [9, 3, 250, 4, 8, *range(300, 700)]
    mine = tuple(entry(f"e{offset}", 0, offset) for offset in offsets)
    await bench.save(session, lane, changes(entries=(*mine, entry("other", 1, 5))))

    found = [e["offset"] async for e in bench.store.unpublished(0, 4, 650)]

    assert found == [4, 8, 9, 250, *range(300, 650)]


async def test_topology_is_fixed_for_life(bench: Bench) -> None:
    await prepare(bench.client, bench.name, {"partnership-lanes": 4})

    with pytest.raises(
        StopWorker, match=r"partnership-lanes had 4 partitions and has 5.*Go back to the number of before"
    ):
        await prepare(bench.client, bench.name, {"partnership-lanes": 5})


async def test_a_topic_that_is_new_in_this_release_is_no_change(bench: Bench) -> None:
    await prepare(bench.client, bench.name, {"partnership-lanes": 4, "partnership-new": 2})


async def test_a_topic_of_a_later_release_is_no_change_either(bench: Bench) -> None:
    await prepare(bench.client, bench.name, {"partnership-lanes": 4, "partnership-later": 2})
    await prepare(bench.client, bench.name, {"partnership-lanes": 4})


async def test_who_has_a_lane_stores_nothing_more_once_a_later_release_begins(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor may it have the lane again: also one that took it in the very moment has it no more."""
    await FormatInUse(bench.client, bench.name).claim()
    session, lane = await bench.open()

    with monkeypatch.context() as later:
        later.setattr(format_in_use, "FORMAT", FORMAT + 1)
        await FormatInUse(bench.client, bench.name).claim()
        another, its_lane = await bench.open(1)
        await FormatInUse(bench.client, bench.name).claim()  # as its other workers do: it takes nothing from them
        await bench.save(another, replace(its_lane, stored=1), changes())

    with pytest.raises(Fenced):
        await bench.save(session, replace(lane, stored=1), changes())
    with pytest.raises(StopWorker, match="A later release has written"):
        await bench.open()


async def test_who_was_killed_as_it_raised_the_format_has_the_next_one_take_the_lanes_away(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    await FormatInUse(bench.client, bench.name).claim()
    session, lane = await bench.open()
    await bench.db.topology.update_one({"_id": "format"}, {"$set": {"number": FORMAT + 1}})  # and no more than that

    monkeypatch.setattr(format_in_use, "FORMAT", FORMAT + 1)
    await FormatInUse(bench.client, bench.name).claim()

    with pytest.raises(Fenced):
        await bench.save(session, replace(lane, stored=1), changes())


async def test_several_workers_may_prepare_at_once(bench: Bench) -> None:
    name = f"{bench.name}-b"
    try:
        await asyncio.gather(*(prepare(bench.client, name, {"lanes": 1}) for _ in range(5)))
    finally:
        await bench.client.drop_database(name)


async def test_a_lone_mongod_is_refused_with_what_to_do() -> None:
    class Admin:
        async def command(self, _: str) -> dict[str, Any]:
            return {"isWritablePrimary": True, "ok": 1.0}

    class Alone:
        admin = Admin()

    with pytest.raises(StopWorker, match=r"no replica set.*--replSet"):
        await prepare(cast("Client", Alone()), "any", {})

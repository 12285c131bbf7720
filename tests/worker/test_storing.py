"""Several lanes in one MongoDB transaction, on the real one: all or nothing, each on what those before it came to."""

import itertools
import os
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiokafka import ConsumerRecord

from contracts.topics import TopicName
from handlers.policy import Policy
from tests.support import messages
from worker.batch import Rules
from worker.decode import decode
from worker.failures import FailureLimit, Fenced, StopWorker
from worker.mongo.client import connect
from worker.mongo.collections import prepare
from worker.mongo.store import Changes, Conflict, LaneDocument, Store, joined, to_bson
from worker.secrets import Secrets
from worker.servers import Servers
from worker.storing import CONFLICTS_MAX, Part, Storing

SECRETS = Secrets("0123456789abcdef0123456789abcdef")
LANES = 3
_numbers = itertools.count(1)


class Bench:
    """A store, and lanes that are open in it."""

    def __init__(self, store: Store, db: Any, session: Any) -> None:
        self.store, self.db, self.session = store, db, session
        rules = Rules(Policy(), SECRETS, LANES, dict.fromkeys(TopicName, LANES))
        self.storing = Storing(store, rules, FailureLimit(20, 0.5, 60))

    async def open(self, lane: int) -> LaneDocument:
        document = await self.store.open_lane(lane, [self.session], f"lane-{lane}")
        return await self.store.start_at(document, 0)

    def part(self, lane: LaneDocument, *values: bytes, **partners: Any) -> Part:
        """These commands, as they stand in the lane's log from its next offset on."""
        items = [
            decode(
                ConsumerRecord("lanes", lane.lane, offset, 1_767_225_600_000, 1, None, value, None, 0, 0, ()), SECRETS
            )
            for offset, value in enumerate(values, lane.stored)
        ]
        return Part(lane, self.session, items, partners)

    async def ids(self) -> list[str]:
        return sorted([entry["_id"] async for entry in self.db.journal.find({}, {"_id": 1})])

    async def stored(self) -> list[int]:
        return [lane["stored"] async for lane in self.db.lanes.find().sort("_id")]


@pytest.fixture
async def bench(servers: Servers) -> AsyncIterator[Bench]:
    client = connect(servers.mongo_url, 10)
    name = f"storing-{os.getpid()}-{next(_numbers)}"
    await prepare(client, name, {"partnership-lanes": LANES})
    store = Store(client, name)
    session = await store.start_session()
    yield Bench(store, client[name], session)
    await store.end_session(session)
    await client.drop_database(name)
    await client.close()


async def test_lanes_that_meet_at_a_customer_decide_one_after_the_other(bench: Bench) -> None:
    lanes = [await bench.open(number) for number in range(LANES)]
    found = await bench.storing.together(
        bench.session,
        [
            bench.part(lanes[0], messages.report_customer("c", "first", as_of="2026-01-01T00:00:00Z")),
            bench.part(lanes[1], messages.report_customer("c", "second", as_of="2026-01-01T00:00:01Z")),
            bench.part(lanes[2], messages.register_partner("acme")),
        ],
    )
    assert (await bench.db.customers.find_one({"_id": "c"}))["rev"] == 2
    entries = {entry["_id"]: entry async for entry in bench.db.journal.find()}
    assert {key: (entry["lane"], [change["rev"] for change in entry["changes"]]) for key, entry in entries.items()} == {
        "first": (0, [1]),
        "second": (1, [2]),
        "register-acme": (2, [1]),
    }
    assert await bench.stored() == [1, 1, 1]
    assert [one.result.outcomes for one in found] == [{"accepted": 1}] * LANES
    assert [sorted(one.partners) for one in found][2] == ["acme"]
    assert "acme" not in found[0].partners, "a lane remembers another lane's partner"
    assert all(not one.result.changes.entries for one in found), "what is stored stays in memory"


async def test_a_lane_that_was_lost_takes_all_of_the_round_with_it_and_alone_nobody_else(bench: Bench) -> None:
    lost, kept = await bench.open(0), await bench.open(1)
    await bench.open(0)  # somebody else
    parts = [bench.part(lost, messages.register_partner("a")), bench.part(kept, messages.register_partner("b"))]
    with pytest.raises(Fenced, match="one of the lanes 0"):
        await bench.storing.together(bench.session, parts)
    assert (await bench.ids(), await bench.stored()) == ([], [0, 0])
    with pytest.raises(Fenced, match="lane 0 "):
        await bench.storing.alone(parts[0])
    await bench.storing.alone(parts[1])
    assert (await bench.ids(), await bench.stored()) == (["register-b"], [0, 1])


async def test_what_a_lane_knew_of_its_partners_is_believed_once(bench: Bench) -> None:
    """After a conflict all is read again: what was known may be what the conflict was about."""
    lane = await bench.open(0)
    (first,) = await bench.storing.together(bench.session, [bench.part(lane, messages.register_partner("acme"))])
    known = dict(first.partners)
    await bench.db.partners.update_one({"_id": "acme"}, {"$set": {"rev": 7}})
    part = bench.part(first.result.lane, messages.invite("p", "acme"), **known)
    await bench.storing.together(bench.session, [part])
    assert (await bench.db.partners.find_one({"_id": "acme"}))["rev"] == 8


async def test_a_round_gives_up_on_conflicts_so_that_its_lanes_try_alone(bench: Bench) -> None:
    lane, tries = await bench.open(0), 0

    async def crowded(*_: object) -> None:
        nonlocal tries
        tries += 1
        msg = "customers"
        raise Conflict(msg)

    bench.store.save = crowded  # type: ignore[method-assign,assignment]
    with pytest.raises(Exception, match=f"{CONFLICTS_MAX} conflicts"):
        await bench.storing.together(bench.session, [bench.part(lane, messages.register_partner("a"))])
    assert tries == CONFLICTS_MAX


async def test_the_failures_of_all_lanes_count_before_anything_is_stored(bench: Bench) -> None:
    def broken(*_: object) -> Any:
        msg = "a bad release"
        raise ValueError(msg)

    rules = Rules(Policy(), SECRETS, LANES, dict.fromkeys(TopicName, LANES), decide=broken)
    storing = Storing(bench.store, rules, FailureLimit(3, 0.5, 60))
    lanes = [await bench.open(number) for number in range(LANES)]
    parts = [bench.part(lane, messages.invite(f"p{lane.lane}", f"partner-{lane.lane}")) for lane in lanes]
    with pytest.raises(StopWorker, match="3 different partnerships"):
        await storing.together(bench.session, parts)
    assert (await bench.ids(), await bench.stored()) == ([], [0] * LANES)


def test_joined_changes_have_the_first_rev_and_the_last_state() -> None:
    def change(rev: int, key: str = "c") -> Changes:
        return Changes([], {"customers": [(key, rev, to_bson({"rev": rev + 1}))]}, [])

    found = joined([change(4), change(0, "d"), change(5)]).documents["customers"]
    assert {(key, rev, document["rev"]) for key, rev, document in found} == {("c", 4, 6), ("d", 0, 1)}

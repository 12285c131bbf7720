"""Every query of a working worker uses an index and reads little more than it finds, however full the database is.

MongoDB's profiler keeps what was really executed, with the plan and what it read: so no query is forgotten here. The
database is full of others' documents, and the worker does all that it can do: it decides, recovers, fires deadlines,
lets parked commands go, publishes again, and redacts.
"""

import asyncio
import re
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support import load, messages
from tests.support.command_line import tell
from tests.support.deployment import Deployment
from tests.support.orders import give, letter, republish
from tests.support.past import Past
from tests.support.waiting import wait_until
from worker.mongo.client import connect
from worker.mongo.collections import CUSTOMERS, DEAD_LETTERS, JOURNAL, PARTNERS, PARTNERSHIPS, prepare
from worker.servers import Servers

FILL = 4000
"""Documents of others in each collection."""

READ_FOR_NOTHING_MAX = 200
"""Documents, or keys of an index, that one operation may read beyond those that it finds: an id that is not there costs
a key, and a batch here asks for 50 at once. A bad plan reads thousands."""

PROFILE_BYTES = 128_000_000
APP = "partnership-worker"
BIG = (PARTNERS, CUSTOMERS, PARTNERSHIPS, JOURNAL, DEAD_LETTERS)
"""Those that grow. Of `lanes` there are as many documents as lanes, of `leases` two."""

HOT_PATH = {
    (PARTNERS, "_id_"): "load",
    (CUSTOMERS, "_id_"): "load",
    (PARTNERSHIPS, "_id_"): "load",
    (PARTNERSHIPS, "open_offers"): "is there another open offer to the same customer",
    (PARTNERSHIPS, "live_of_partner"): "an agreement changes: the partner's live partnerships",
    (PARTNERSHIPS, "due_of_partner"): "deadlines",
    (PARTNERSHIPS, "of_customer"): "a purge: the customer's other partnerships",
    (PARTNERSHIPS, "opened_by"): "a customer looks at its list",
    (JOURNAL, "_id_"): "which ids are known",
    (JOURNAL, "log_order"): "recovery: what is stored and not published",
    (JOURNAL, "redactions"): "purges whose traces are still there",
    (JOURNAL, "history"): "what is to be redacted",
    (JOURNAL, "about"): "copies of it in orders",
    (JOURNAL, "republished"): "what orders have published again",
    (DEAD_LETTERS, "_id_"): "orders",
    (DEAD_LETTERS, "blocks"): "what is blocked, and what waits",
    (DEAD_LETTERS, "queue"): "what waits behind a partner's letter",
    (DEAD_LETTERS, "of_subject"): "letters that are to be redacted",
}
"""Each has to be met, or this test has lost what it looks at."""


def others(kind: str) -> Iterator[dict[str, Any]]:
    """Documents that nobody asks for, of every sort that an index tells apart."""
    now = datetime.now(tz=UTC)
    for n in range(FILL):
        key, place = f"other-{n}", {"lane": n % 2, "offset": 10_000_000 + n}
        documents: dict[str, dict[str, Any]] = {
            PARTNERS: {"_id": key, "rev": 1},
            CUSTOMERS: {"_id": key, "rev": 1},
            PARTNERSHIPS: {
                "_id": key,
                "rev": 1,
                "partner_id": f"other-partner-{n % 50}",
                "customer_id": f"other-customer-{n % 500}",
                "open_keys": [f"email\tother-partner-{n % 50}\tx@{key}.example"],
                "state": {"status": ("invited", "active", "ended")[n % 3], "opened_by": f"other-customer-{n % 500}"},
                "next_due_at": now + timedelta(days=1 + n % 300),
            },
            JOURNAL: {
                "_id": key,
                **place,
                "subject": f"other-{n % 300}",
                "at": now - timedelta(seconds=n),
                "redacted": "partnership",
                "about": [f"other-{n % 300}"],
                "republished": [f"other-{n}:0"],
                "records": [],
                "changes": [],
            },
            DEAD_LETTERS: {
                "_id": key,
                **place,
                "state": ("open", "parked", "resolved", "discarded")[n % 4],
                "subject": f"other-{n % 300}",
                "partner": f"other-partner-{n % 50}",
                "blocks": f"subject:other-{n % 300}",
                "command_id": key,
            },
        }
        yield documents[kind]


def fill(deployment: Deployment) -> None:
    """As after some years; from here on MongoDB keeps what is done, and with which plan."""

    async def make() -> None:
        client = connect(deployment.servers.mongo_url, 10)
        await prepare(client, deployment.name, {"partnership-lanes": deployment.lanes})
        await client.close()

    asyncio.run(make())
    deployment.db.topology.drop()  # the worker knows its own
    for name in BIG:
        deployment.db[name].insert_many(others(name))
    deployment.db.create_collection("system.profile", capped=True, size=PROFILE_BYTES)
    deployment.db.command("profile", 2)


def work(deployment: Deployment) -> None:
    """All that a worker does, in one lane."""
    past = Past(deployment)
    customer = {**messages.CUSTOMER_USER, "party_id": "zephyr"}
    ended = past.say(
        past.at(days=200),
        messages.register_partner("p-old"),
        messages.invite("old", "p-old"),
        messages.open_invitation("old", "p-old", past.token("old"), "zephyr"),
        messages.verify_identity("old", "p-old", "zephyr"),
        messages.command("DeclineInvitation", "decline-old", "old", "p-old", customer, reason="no need"),
    )
    load.register(deployment)
    sent = load.produce(deployment, 200)
    dying = deployment.start_worker("tests.support.broken", "kill-between-store-and-publish", "4")
    assert dying.wait() == -signal.SIGKILL
    deployment.start_worker()
    deployment.wait_decided([*ended, *sent])
    partner = load.PARTNERS[0]
    facts = messages.report_customer("carla")
    token = deployment.secrets.token("invitation", "bound", 1)
    dates = {"as_of": "2026-01-01T00:00:00Z", "ends_at": "2099-01-01T00:00:00Z"}
    agreed = messages.command("UpdateAgreement", "agreed", partner, partner, messages.SYSTEM, **dates)
    deployment.produce(messages.FACTS, facts, partition=0)
    deployment.wait_decided(["standing-carla"])
    bound = [
        messages.invite("bound", partner),
        messages.open_invitation("bound", partner, token, "carla"),
        messages.verify_identity("bound", partner, "carla"),
        messages.accept("bound", partner, "carla"),
    ]
    deployment.produce(messages.INVITATION, *bound, partition=0)
    deployment.wait_decided(["accept-bound"])
    deployment.produce(messages.FACTS, agreed, partition=0)
    deployment.wait_decided(["agreed"])
    wait_until(
        lambda: deployment.db.partnerships.find_one({"agreement_ends_at": {"$gt": datetime(2098, 1, 1, tzinfo=UTC)}}),
        30,
        "its end",
    )
    # One letter of a partnership and one of a whole partner, with what waits behind them.
    unknown = messages.command("Unheard", "unheard", "stuck", partner, messages.SYSTEM)
    behind = [messages.invite("stuck", partner), messages.cancel("stuck", partner)]
    deployment.produce(messages.INVITATION, unknown, *behind, partition=0)
    deployment.wait_decided(["cancel-stuck"])
    of_partner = messages.register_partner(load.PARTNERS[1], "wrong", quota_limit={"$gt": 0})
    deployment.produce(messages.FACTS, of_partner, partition=0)
    wait_until(lambda: deployment.db.dead_letters.find_one({"command_id": "wrong"}), 30, "the partner's letter")
    deployment.produce(messages.INVITATION, *load.life(1, "waiting"), partition=0)
    deployment.wait_decided(["cancel-waiting-1"])
    for letter_id in ("unheard", "wrong"):
        give(deployment, "discard", letter(deployment, letter_id)["_id"], reason="a test")
    wait_until(lambda: not deployment.db.dead_letters.count_documents({"offset": {"$lt": FILL}, "state": "parked"}), 30)
    assert tell(deployment, "list", "--for", "customer:carla", "--json").code == 0
    assert republish(deployment, sent[0]).codes == {}
    wait_until(lambda: deployment.db.journal.find_one({"traces_gone": True}), 60, "the redaction")


Operation = dict[str, Any]
"""One that was executed, as the profiler tells it."""


@pytest.fixture(scope="module")
def executed(servers: Servers) -> Iterator[list[Operation]]:
    """What the worker and operators did to the collections that grow, with the names of the `indexes` it took."""
    deployment = Deployment(servers, lanes=1, overrides={"batch_records_max": "50"})
    try:
        deployment.make_topics()
        fill(deployment)
        work(deployment)
        deployment.db.command("profile", 0)
        named = {name: _named(deployment.db[name].index_information()) for name in BIG}
        wanted = {"appName": APP, "planSummary": {"$exists": True}}
        found = []
        for operation in deployment.db["system.profile"].find(wanted):
            collection = operation["ns"].partition(".")[2]
            if collection in BIG:
                plan = operation["planSummary"].replace("IDHACK", "{ _id: 1 }")
                taken = {named[collection][keys] for keys in re.findall(r"{[^}]*}", plan)}
                found.append({**operation, "collection": collection, "indexes": taken})
        yield found
    finally:
        deployment.close()


def _named(indexes: Any) -> dict[str, str]:
    """An index as a plan writes it → its name."""
    return {
        "{ " + ", ".join(f"{field}: {way}" for field, way in index["key"]) + " }": name
        for name, index in indexes.items()
    }


def _told(operation: Operation) -> str:
    command = operation["command"]
    asked = command.get("filter") or command.get("query") or command.get("q") or command.get("pipeline")
    return f"{operation['op']} {operation['collection']} {asked}: {operation['planSummary']}"


def test_no_collection_that_grows_is_read_as_a_whole(executed: list[Operation]) -> None:
    assert [_told(operation) for operation in executed if not operation["indexes"]] == []


def test_little_more_is_read_than_is_found(executed: list[Operation]) -> None:
    def read_for_nothing(operation: Operation) -> int:
        found = operation.get("nreturned", 0) + operation.get("nMatched", 0)
        return int(max(operation["docsExamined"], operation["keysExamined"]) - found)

    assert [_told(each) for each in executed if read_for_nothing(each) > READ_FOR_NOTHING_MAX] == []


@pytest.mark.parametrize(("collection", "index"), HOT_PATH)
def test_each_index_of_the_hot_path_was_needed(executed: list[Operation], collection: str, index: str) -> None:
    taken = [index in operation["indexes"] for operation in executed if operation["collection"] == collection]

    assert any(taken), f"nobody asked for: {HOT_PATH[collection, index]}"

"""The collections, their indexes, and the topology that is fixed for life."""

import contextlib
from typing import Any

from pymongo import ASCENDING, IndexModel
from pymongo.errors import CollectionInvalid, DuplicateKeyError, OperationFailure

from worker.clock import from_milliseconds
from worker.failures import StopWorker
from worker.mongo.client import Client

PARTNERS = "partners"
CUSTOMERS = "customers"
PARTNERSHIPS = "partnerships"
JOURNAL = "journal"
DEAD_LETTERS = "dead_letters"
LANES = "lanes"
TOPOLOGY = "topology"
LEASES = "leases"
DEADLINES_LEASE = "deadlines"
REDACTION_LEASE = "redaction"

BLOCKING: dict[str, Any] = {"blocks": {"$gt": ""}}
"""The dead letters that somebody waits for."""

NAMED: dict[str, Any] = {"command_id": {"$gt": ""}}
"""The dead letters whose command's id could be read."""

A_DATE: dict[str, Any] = {"$type": "date"}
A_TEXT: dict[str, Any] = {"$type": "string"}
"""In the filters of two partial indexes. MongoDB uses such an index only for a query that says the same."""

FORMER_INDEXES = {JOURNAL: ["lane_order", "redaction"], PARTNERSHIPS: ["of_partner", "due"]}
"""Those of releases before this one that would stand in the way, or are of no use any more."""

INDEXES: dict[str, list[IndexModel]] = {
    PARTNERS: [],
    CUSTOMERS: [],
    PARTNERSHIPS: [
        # The rule "no second open offer to the same customer": the keys are empty once an offer is closed.
        IndexModel([("open_keys", ASCENDING)], name="open_offers", sparse=True),
        # The live partnerships of a partner, so many at a time, when its agreement changes.
        IndexModel([(name, ASCENDING) for name in ("partner_id", "state.status", "_id")], name="live_of_partner"),
        # A customer's own, for its views, and when it goes with the last of them.
        IndexModel([("customer_id", ASCENDING)], name="of_customer", sparse=True),
        # Those that a customer has opened and is not known to be the right one for yet.
        IndexModel(
            [("state.opened_by", ASCENDING)], name="opened_by", partialFilterExpression={"state.opened_by": A_TEXT}
        ),
        # What the scheduler looks for, but for some partners.
        IndexModel(
            [("next_due_at", ASCENDING), ("partner_id", ASCENDING)],
            name="due_of_partner",
            partialFilterExpression={"next_due_at": A_DATE},
        ),
    ],
    JOURNAL: [
        # Recovery reads a lane's entries between two offsets, in their order. A replay decides several letters at one
        # offset; those have a `step`.
        IndexModel([("lane", ASCENDING), ("offset", ASCENDING), ("step", ASCENDING)], name="log_order", unique=True),
        # History of one partnership.
        IndexModel([("subject", ASCENDING), ("at", ASCENDING)], name="history"),
        # Orders that hold copies of letters about others, which a purge has to find.
        IndexModel([("about", ASCENDING)], name="about", sparse=True),
        # Which orders published a record again; only orders have the field.
        IndexModel([("republished", ASCENDING)], name="republished", sparse=True),
        # Purges whose traces are still there.
        IndexModel(
            [("redaction", ASCENDING), ("_id", ASCENDING)],
            name="redactions",
            partialFilterExpression={"redaction": {"$exists": True}},
        ),
    ],
    DEAD_LETTERS: [
        # In the order in which they are replayed and exported, each read once.
        IndexModel([("state", ASCENDING), ("lane", ASCENDING), ("offset", ASCENDING)], name="log_order"),
        # The same for those that failed alike. It holds all that an overview of many shows, so that no body is read.
        IndexModel(
            [(name, ASCENDING) for name in ("state", "fingerprint", "lane", "offset", "at", "subject")], name="groups"
        ),
        # A letter of a command that could not be read has an id of its own; people have the command's.
        IndexModel([("command_id", ASCENDING)], name="of_command", partialFilterExpression=NAMED),
        # Who waits for what, in log order; only those that somebody waits for.
        IndexModel([("blocks", ASCENDING), ("offset", ASCENDING)], name="blocks", partialFilterExpression=BLOCKING),
        IndexModel([("partner", ASCENDING), ("offset", ASCENDING)], name="queue", partialFilterExpression=BLOCKING),
        # What a purge has to find.
        IndexModel([("subject", ASCENDING)], name="of_subject"),
    ],
    LANES: [],
    LEASES: [],
    TOPOLOGY: [],
}

NAMESPACE_EXISTS = 48


async def prepare(client: Client, database: str, topology: dict[str, int]) -> None:
    """Make what is missing: collections (a transaction should not), indexes, and the topology document.

    Raises:
        StopWorker: when MongoDB has no replica set, or lanes or partitions are not what they were.
    """
    hello = await client.admin.command("hello")
    if "setName" not in hello and hello.get("msg") != "isdbgrid":
        msg = "MongoDB is no replica set, so it has no transactions. Start mongod with --replSet and run rs.initiate()."
        raise StopWorker(msg)
    db = client[database]
    existing = set(await db.list_collection_names())
    for name, indexes in INDEXES.items():
        if name not in existing:
            try:
                await db.create_collection(name)
            except CollectionInvalid:
                pass  # another worker was quicker
            except OperationFailure as error:
                if error.code != NAMESPACE_EXISTS:
                    raise
        if indexes:
            await db[name].create_indexes(indexes)
        for former in FORMER_INDEXES.get(name, ()):
            # After the new ones: until those are there a worker of the release before needs it. Looked for first: to
            # drop one waits for every open transaction, and a killed worker's is open for 60 s.
            if former in await db[name].index_information():
                with contextlib.suppress(OperationFailure):  # another worker was quicker
                    await db[name].drop_index(former)
    await _make_leases(db[LEASES])
    await _check_topology(db[TOPOLOGY], topology)


async def _make_leases(leases: Any) -> None:
    """Leases that are nobody's. Taking one asks for the server's time, which MongoDB does not allow in an upsert."""
    for name in (DEADLINES_LEASE, REDACTION_LEASE):
        with contextlib.suppress(DuplicateKeyError):
            await leases.insert_one({"_id": name, "owner": "", "until": from_milliseconds(0)})


async def _check_topology(collection: Any, topology: dict[str, int]) -> None:
    try:
        await collection.insert_one({"_id": "topology", "partitions": topology})
    except DuplicateKeyError:
        pass
    else:
        return
    stored = (await collection.find_one({"_id": "topology"}))["partitions"]
    new = {f"partitions.{name}": count for name, count in topology.items() if name not in stored}
    if new:  # topics that a later release brought
        await collection.update_one({"_id": "topology"}, {"$set": new})
    # Of a later release's topics this one knows nothing.
    changed = {name: (stored[name], count) for name, count in topology.items() if stored.get(name, count) != count}
    if changed:
        lines = ", ".join(f"{name} had {was} partitions and has {now}" for name, (was, now) in sorted(changed.items()))
        msg = (
            f"The topology is fixed for life: {lines}. A partner's commands would be decided in two lanes, or its "
            "events published out of order. Go back to the number of before (`lanes`, or the topic's partitions)."
        )
        raise StopWorker(msg)

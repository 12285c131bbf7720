"""MongoDB: a majority that can vote, the indexes that queries need, and the numbers that never change."""

from typing import Any

from pymongo import IndexModel
from pymongo.errors import OperationFailure

from contracts.topics import COMMAND_TOPICS, TOPICS, TopicName
from worker.mongo.collections import INDEXES
from worker.operate.doctor.look import Look, topics, topology
from worker.operate.doctor.report import Finding, Says, count, some

VERSION_MIN = 6
MEMBERS_MIN = 3
TRANSACTION_SECONDS_MIN = 30
"""A batch is one transaction; MongoDB aborts what lives longer than its limit."""

HEALTHY_STATES = {"PRIMARY", "SECONDARY", "ARBITER"}
MATTERS = ("key", "unique", "sparse", "partialFilterExpression")
"""Of an index: what makes it another one."""


async def replica_set(look: Look, says: Says) -> list[Finding]:
    """Does it answer, with transactions, and would it survive the loss of a member?"""
    if look.mongo_down is not None:
        return [
            says.problem(
                f"MongoDB does not answer ({look.mongo_down})",
                "Is it up, has it a primary, and is MONGO_URL right? Workers wait for it meanwhile.",
            )
        ]
    client, hello = look.access.client, look.hello
    version = (await client.admin.command("buildInfo"))["version"]
    found = []
    if int(version.partition(".")[0]) < VERSION_MIN:
        found.append(says.warning(f"MongoDB {version} is older than what is tested", f"Use {VERSION_MIN}.0 or newer."))
    if hello.get("msg") == "isdbgrid":
        return found or [says.ok(f"MongoDB {version}, by mongos; its shards were not looked at", version=version)]
    if "setName" not in hello:
        return [
            *found,
            says.problem("MongoDB is no replica set: no transactions", "Start it with --replSet and rs.initiate()."),
        ]
    members = [*hello["hosts"], *hello.get("arbiters", ())]
    found += await _members(look, says, members)
    seconds = await _parameter(look, "transactionLifetimeLimitSeconds")
    if seconds is not None and seconds < TRANSACTION_SECONDS_MIN:
        text = f"transactionLifetimeLimitSeconds is {seconds}: a large batch may be aborted, again and again"
        found.append(says.warning(text, "Set it to 60, MongoDB's default."))
    more = {"version": version, "members": members, "transaction_seconds": seconds}
    return found or [says.ok(f"MongoDB {version}, {count(len(members), 'member')}, a majority is there", **more)]


async def _members(look: Look, says: Says, members: list[str]) -> list[Finding]:
    found = []
    if len(look.hello["hosts"]) < MEMBERS_MIN:
        found.append(
            says.warning(
                f"the replica set has {count(len(look.hello['hosts']), 'member')} with data",
                "Use 3: with fewer, the loss of one stops every lane, or loses what was decided.",
                members=members,
            )
        )
    try:
        status = await look.access.client.admin.command("replSetGetStatus")
    except OperationFailure:
        return found  # this user may not see it; that there is a primary is known
    ill = [
        f"{member['name']} is {member['stateStr']}"
        for member in status["members"]
        if member["stateStr"] not in HEALTHY_STATES or member.get("health") != 1
    ]
    if ill:
        found.append(says.warning(some(ill), "Bring it back: without a majority nothing is decided."))
    return found


async def _parameter(look: Look, name: str) -> int | None:
    try:
        return int((await look.access.client.admin.command({"getParameter": 1, name: 1}))[name])
    except OperationFailure:
        return None


async def indexes(look: Look, says: Says) -> list[Finding]:
    """Is each index there, and as this release makes it?"""
    existing = set(await look.access.db.list_collection_names())
    missing = [name for name in INDEXES if name not in existing]
    if missing:
        do = "A worker makes them at its start. Is PARTNERSHIP_MONGO_DATABASE the workers'?"
        return [says.problem(f"no collection {some(missing)} in {look.access.settings.mongo_database}", do)]
    gone, other = [], []
    for collection, wanted in INDEXES.items():
        there = await look.access.db[collection].index_information()
        for index in wanted:
            name = f"{collection}.{index.document['name']}"
            if index.document["name"] not in there:
                gone.append(name)
            elif _facts_of(there[index.document["name"]]) != _facts_of(index):
                other.append(name)
    found = []
    if gone:
        do = "Start a worker again: it makes what is missing. Until then queries read whole collections."
        found.append(says.problem(f"no index {some(gone)}", do, missing=gone))
    if other:
        do = "Drop it and start a worker again, which makes it anew; meanwhile queries are slow."
        found.append(says.problem(f"another index than this release's: {some(other)}", do, differing=other))
    return found or [says.ok(f"{sum(map(len, INDEXES.values()))} indexes are there")]


def _facts_of(index: IndexModel | dict[str, Any]) -> dict[str, Any]:
    fields = index.document if isinstance(index, IndexModel) else index
    key = fields["key"].items() if hasattr(fields["key"], "items") else fields["key"]
    found = {name: fields.get(name) for name in MATTERS}
    return found | {"key": [(name, int(order)) for name, order in key], "unique": bool(found["unique"])}


async def same_topology(look: Look, says: Says) -> list[Finding]:
    """Are the numbers of partitions still those of the first start?"""
    stored, there = await look.once(topology), await look.once(topics)
    if stored is None:
        do = "A worker writes it at its first start. Is PARTNERSHIP_MONGO_DATABASE the workers'?"
        return [says.problem("MongoDB has no topology document: no worker ever started here", do)]
    changed = []
    for topic in TOPICS:
        partitions = len(there.get(look.name(topic), {"partitions": ()})["partitions"])
        was = stored.get(topic.replace(".", "-"))
        if topic not in COMMAND_TOPICS and was is not None and partitions not in (0, was):
            changed.append(f"{look.name(topic)} had {was} partitions and has {partitions}")
    lanes = stored.get(TopicName.LANES.replace(".", "-"), 0)
    if changed:
        do = "Workers refuse to start: a partner's events would stand in two places. Go back to the old number."
        return [says.problem(some(changed), do)]
    return [says.ok(f"{count(lanes, 'lane')}, as at the first start", lanes=lanes)]

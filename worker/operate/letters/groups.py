"""Dead letters grouped by how they failed: what an operator looks at first when there are many."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from worker.dead_letters import OPEN
from worker.mongo.client import awaited
from worker.mongo.collections import DEAD_LETTERS
from worker.operate.access import Access
from worker.operate.letters.find import Filter


@dataclass(frozen=True, slots=True)
class Group:
    """Letters in one state that failed alike: by one reason, of one type of command, with one error."""

    fingerprint: str
    state: str
    reason: str
    type: str | None
    error: str
    letters: int
    partnerships: int
    """How many different subjects; what could not be read has none."""
    oldest: datetime
    newest: datetime
    sample: str
    """The id of the oldest."""


@dataclass(frozen=True, slots=True)
class Overview:
    """The groups that matter most, and how many there are of all."""

    groups: list[Group]
    more: int
    """Groups that are not among them."""
    letters: dict[str, int]
    """State → letters."""


async def overview(access: Access, wanted: Filter, limit: int) -> Overview:
    """The groups of those that fit, the most important first.

    Open ones come before those that only wait for them (parked) or are done with; then what hurts most partnerships.
    Where the filter is by state, fingerprint, time or partnership only, no letter is read for it but the samples.
    """
    query = await wanted.query(access)
    found = await awaited(access.db[DEAD_LETTERS].aggregate(steps(query, limit), allowDiskUse=True))
    (counted,) = await found.to_list(None)
    letters = {row["_id"]: row["letters"] for row in counted["states"]}
    groups = [await _with_sample(access, query, row) for row in counted["first"]]
    return Overview(groups, sum(row["groups"] for row in counted["states"]) - len(groups), letters)


def steps(query: dict[str, Any], limit: int) -> list[dict[str, Any]]:
    """The aggregation. Its one memory that grows is the set of a group's subjects."""
    return [
        {"$match": query},
        {
            "$group": {
                "_id": {"fingerprint": "$fingerprint", "state": "$state"},
                "letters": {"$sum": 1},
                "subjects": {"$addToSet": {"$ifNull": ["$subject", "$$REMOVE"]}},
                "oldest": {"$min": {"at": "$at", "lane": "$lane", "offset": "$offset"}},
                "newest": {"$max": "$at"},
            }
        },
        {"$set": {"subjects": {"$size": "$subjects"}, "waits": {"$ne": ["$_id.state", OPEN]}}},
        {
            "$facet": {
                "first": [{"$sort": {"waits": 1, "subjects": -1, "letters": -1, "_id": 1}}, {"$limit": limit}],
                "states": [{"$group": {"_id": "$_id.state", "groups": {"$sum": 1}, "letters": {"$sum": "$letters"}}}],
            }
        },
    ]


async def _with_sample(access: Access, query: dict[str, Any], row: dict[str, Any]) -> Group:
    of_group = {"$and": [{**row["_id"], **row["oldest"]}, query]}
    letter = await access.db[DEAD_LETTERS].find_one(of_group, {"reason": 1, "type": 1, "error": 1})
    letter = letter or {"_id": "", "reason": "", "type": None, "error": "settled meanwhile"}
    return Group(
        **row["_id"],
        reason=letter["reason"],
        type=letter["type"],
        error=letter["error"],
        letters=row["letters"],
        partnerships=row["subjects"],
        oldest=row["oldest"]["at"],
        newest=row["newest"],
        sample=letter["_id"],
    )

"""Dead letters found: one by its id, or those that fit a filter, in the order in which they are to be decided."""

import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from worker.dead_letters import DISCARDED, OPEN, PARKED, RESOLVED
from worker.mongo.collections import DEAD_LETTERS, LANES, PARTNERSHIPS
from worker.operate.access import Access
from worker.operate.errors import WrongRequest

Letter = dict[str, Any]

AT_ONCE = 50
"""Whole letters held at once: each can have a body of a megabyte."""

PARTS_AT_ONCE = 1000
"""The same for letters without bodies."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which letters; what is None or empty is not asked for."""

    ids: tuple[str, ...] = ()
    """Of letters or of their commands; each has to be there."""
    reason: str | None = None
    type: str | None = None
    """A command's name or its whole wire type, known to this release or not."""
    fingerprint: str | None = None
    partner: str | None = None
    customer: str | None = None
    """Its own facts, and the commands of its partnerships."""
    partnership: str | None = None
    """The command's subject."""
    topic: str | None = None
    """Where they came from: with or without the deployment's prefix, or short (`invitation`)."""
    states: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    """Dead letters since, and before."""

    async def query(self, access: Access) -> dict[str, Any]:
        """As MongoDB understands it.

        Raises:
            WrongRequest: one of the ids is not there.
        """
        found: dict[str, Any] = {
            name: value
            for name, value in {
                "reason": self.reason,
                "fingerprint": self.fingerprint,
                "partner": self.partner,
                "subject": self.partnership,
            }.items()
            if value is not None
        }
        if self.ids:
            letters = [await find_letter(access, wanted, {"_id": 1}) for wanted in self.ids]
            found["_id"] = {"$in": [letter["_id"] for letter in letters]}
        if self.type is not None:
            found["type"] = self.type if "." in self.type else re.compile(rf"\.{re.escape(self.type)}\.v\d+$")
        if self.topic is not None:
            found["source.topic"] = {"$in": _topics(access.settings.topic_prefix, self.topic)}
        # Also where every state is wanted: by it the index is used that needs no bodies.
        found["state"] = {"$in": list(self.states or (OPEN, PARKED, RESOLVED, DISCARDED))}
        if self.since or self.until:
            bounds = {"$gte": self.since, "$lt": self.until}
            found["at"] = {name: value for name, value in bounds.items() if value}
        if self.customer is None:
            return found
        own = access.db[PARTNERSHIPS].find({"customer_id": self.customer}, {"_id": 1})
        subjects = [self.customer, *[partnership["_id"] async for partnership in own]]
        return {"$and": [found, {"subject": {"$in": subjects}}]}


def _topics(prefix: str, name: str) -> list[str]:
    long = f"partnership.{name}"
    return [name, *(f"{prefix}{each}" for each in (name, long, f"{long}.commands"))]


async def find_letter(access: Access, letter_id: str, fields: Mapping[str, int] | None = None) -> Letter:
    """A letter by its own id, or by that of its command.

    Raises:
        WrongRequest: there is none, or several have that command's id.
    """
    letters = access.db[DEAD_LETTERS]
    found: Letter | None = await letters.find_one({"_id": letter_id}, fields)
    if found is not None:
        return found
    of_command = await letters.find({"command_id": letter_id}, fields).limit(3).to_list(None)
    if not of_command:
        raise WrongRequest(f"There is no dead letter {letter_id}: `dead-letters list` shows those that are there.")
    if len(of_command) > 1:
        ids = " and ".join(letter["_id"] for letter in of_command[:2])
        raise WrongRequest(f"Several dead letters are of the command {letter_id}: name one, such as {ids}.")
    (only,) = of_command
    return dict(only)


async def letters(
    access: Access, wanted: Filter, *, fields: Mapping[str, int] | None = None, limit: int | None = None
) -> AsyncIterator[Letter]:
    """Those that fit, in log order: by lane and offset. In bounded memory, and each is read once.

    `fields` is MongoDB's projection, without bodies. Each page is looked for anew, so a caller may take hours between
    two letters, and what was settled meanwhile does not come.
    """
    query = await wanted.query(access)
    left = limit
    async for lane in access.db[LANES].find({}, {"_id": 1}).sort("_id", 1):
        offset, seen = -1, list[str]()
        while left is None or left > 0:
            size = AT_ONCE if fields is None else PARTS_AT_ONCE
            size = size if left is None else min(size, left)
            # An edited letter has the place of the first one, so a place can have several.
            behind = {"lane": lane["_id"], "offset": {"$gte": offset}, "_id": {"$nin": seen}}
            found = access.db[DEAD_LETTERS].find({"$and": [query, behind]}, fields and {**fields, **_place(fields)})
            page: list[Letter] = await found.sort("offset", 1).limit(size).to_list(None)
            for letter in page:
                seen = [letter["_id"]] if letter["offset"] > offset else [*seen, letter["_id"]]
                offset = letter["offset"]
                yield letter
            left = left if left is None else left - len(page)
            if len(page) < size:
                break


def _place(fields: Mapping[str, int]) -> dict[str, int]:
    """What the next page begins with."""
    return {"offset": 1} if any(fields.values()) else {}


async def count(access: Access, wanted: Filter) -> int:
    """How many fit."""
    found: int = await access.db[DEAD_LETTERS].count_documents(await wanted.query(access))
    return found

"""What was decided of a partnership although it came after a letter: deciding the letter now turns their order."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

from worker.mongo.collections import DEAD_LETTERS, JOURNAL
from worker.mongo.letters import Letter
from worker.operate.access import Access

LOOKED_AT = 20
"""Of the newest decisions of a partnership."""

CAME_LOOSE = {"release", "reopen"}
"""After these a letter may block and have been overtaken all the same."""


class Later(NamedTuple):
    """A command that overtook it."""

    command_id: str
    type: str
    at: datetime


async def later_commands(access: Access, session: Any, letters: Iterable[Letter | None]) -> dict[str, Later]:
    """By letter: the newest later command of its partnership that changed something."""
    found: dict[str, Later] = {}
    for letter in letters:
        if letter is not None and letter["subject"] is not None and _may_be_overtaken(letter):
            later = await _later(access, session, letter)
            if later is not None:
                found[letter["_id"]] = later
    return found


def _may_be_overtaken(letter: Letter) -> bool:
    """Nothing passes one that blocks, unless it did not block for a while."""
    return "blocks" not in letter or any(done["action"] in CAME_LOOSE for done in letter.get("history", ()))


async def _later(access: Access, session: Any, letter: Letter) -> Later | None:
    query = {
        "subject": letter["subject"],
        "lane": letter["lane"],
        "offset": {"$gt": letter["offset"]},
        "command_id": {"$ne": letter["command_id"]},
        "changes.0": {"$exists": True},
    }
    fields = {"command_id": 1, "type": 1, "at": 1, "replay_of": 1}
    entries = access.db[JOURNAL].find(query, fields, session=session).sort("at", -1).limit(LOOKED_AT)
    rows = await entries.to_list(None)
    # A replayed letter is decided where its order stands in the log; what counts is where it came.
    replayed = [row["replay_of"] for row in rows if "replay_of" in row]
    came_later = {"_id": {"$in": replayed, "$ne": letter["_id"]}, "offset": {"$gt": letter["offset"]}}
    after = await access.db[DEAD_LETTERS].distinct("_id", came_later, session=session) if replayed else []
    for row in rows:
        if "replay_of" not in row or row["replay_of"] in after:
            return Later(row["command_id"], row["type"], row["at"])
    return None

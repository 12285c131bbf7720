"""Dead letters in MongoDB, as a lane sees them: what is blocked, what waits behind what, and what becomes of them."""

from collections.abc import AsyncIterator, Iterable
from typing import Any, NamedTuple

from bson.raw_bson import RawBSONDocument
from pymongo import ReplaceOne

from worker.mongo.collections import DEAD_LETTERS, JOURNAL

Letter = dict[str, Any]


class Waiting(NamedTuple):
    """What may go through once nothing stands before it, in log order; `more` if that is not all."""

    letters: list[Letter]
    more: bool


class Letters:
    """Reads and writes in the session of a lane's transaction."""

    def __init__(self, db: Any) -> None:
        self._letters = db[DEAD_LETTERS]
        self._journal = db[JOURNAL]

    async def blocked(self, session: Any, keys: Iterable[str]) -> set[str]:
        """Those of these keys that a dead letter blocks."""
        return set(await self._letters.distinct("blocks", {"blocks": {"$in": list(keys)}}, session=session))

    async def find(self, session: Any, letter_id: str) -> Letter | None:
        """One letter, whole."""
        found: Letter | None = await self._letters.find_one({"_id": letter_id}, session=session)
        return found

    async def before(self, session: Any, keys: Iterable[str], offset: int, but: str) -> str | None:
        """The first letter that blocks one of these keys from a lower offset; None where there is none."""
        query = {"blocks": {"$in": list(keys)}, "offset": {"$lt": offset}, "_id": {"$ne": but}}
        found = await self._letters.find_one(query, {"_id": 1}, sort=[("offset", 1)], session=session)
        return found["_id"] if found else None

    async def waiting(
        self, session: Any, blocks: str, partner: str, but: str, letters_max: int, bytes_max: int
    ) -> Waiting:
        """What waits behind `blocks` of this partner and could be decided if the letter `but` were out of the way.

        An open letter holds what comes behind it, a partner's holds all behind it. Reads along the log until there
        are enough, and at least one.
        """
        whole = f"partner:{partner}"
        query: dict[str, Any] = {"_id": {"$ne": but}}
        if blocks == whole:
            query |= {"partner": partner, "blocks": {"$gt": ""}}
        else:
            query |= {"blocks": {"$in": [blocks, whole]}}
        held: set[str] = set()
        ids: list[str] = []
        size = 0
        more = False
        async for row in self._queue(session, query):
            if row["blocks"] == whole and (row["state"] == "open" or blocks != whole):
                break
            if row["state"] == "open":
                held.add(row["blocks"])
                if row["blocks"] == blocks:
                    break
            elif row["blocks"] not in held:
                size += row["size"]
                more = len(ids) >= letters_max or bool(ids and size > bytes_max)
                if more:
                    break
                ids.append(row["_id"])
        found = self._letters.find({"_id": {"$in": ids}}, session=session).sort("offset", 1) if ids else None
        return Waiting(await found.to_list(None) if found is not None else [], more)

    def _queue(self, session: Any, query: dict[str, Any]) -> AsyncIterator[Letter]:
        """These letters in log order: what each blocks, its state and its size."""
        fields = {"blocks": 1, "state": 1, "size": {"$bsonSize": "$$ROOT"}}
        found: AsyncIterator[Letter] = self._letters.find(query, fields, session=session).sort("offset", 1)
        return found

    async def entries(self, session: Any, entry_ids: Iterable[str]) -> list[dict[str, Any]]:
        """Journal entries, in their log order, for publishing them again."""
        found = self._journal.find({"_id": {"$in": list(entry_ids)}}, session=session)
        entries: list[dict[str, Any]] = await found.sort([("offset", 1), ("step", 1)]).to_list(None)
        return entries

    async def republished(self, session: Any, names: Iterable[str], since: int) -> dict[str, dict[str, Any]]:
        """Record → the last order, from this offset of its lane on, that published it again."""
        query = {"republished": {"$in": list(names)}, "offset": {"$gte": since}}
        fields = {"republished": 1, "at": 1, "actor": 1}
        found: dict[str, dict[str, Any]] = {}
        async for order in self._journal.find(query, fields, session=session).sort("offset", 1):
            found |= dict.fromkeys(order["republished"], order)
        return found

    async def save(self, session: Any, new: list[RawBSONDocument], kept: list[tuple[str, RawBSONDocument]]) -> int:
        """Write new letters, and those that changed. Answers how many of these it found."""
        if new:
            await self._letters.insert_many(new, session=session)
        if not kept:
            return 0
        operations: list[Any] = [ReplaceOne({"_id": key}, letter) for key, letter in kept]
        result = await self._letters.bulk_write(operations, ordered=False, session=session)
        return int(result.matched_count)

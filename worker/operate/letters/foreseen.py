"""The store of a dry run: what MongoDB holds, and laid over it what was decided since and is stored nowhere."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from bson import decode
from typing_extensions import override

from handlers.documents import Customer, Partner, Partnership
from worker.batch import Wanted
from worker.decode import Readable
from worker.letters.keys import keys_of
from worker.letters.sight import item_of
from worker.mongo.client import Client
from worker.mongo.letters import Letter, Letters
from worker.mongo.store import (
    COLLECTION_OF,
    NONE,
    UTC_AWARE,
    Changes,
    LaneDocument,
    Store,
    Unread,
    document_of,
)
from worker.secrets import Secrets

D = TypeVar("D", Partner, Customer, Partnership)
QUEUED_MAX = 5_000
"""Letters that block, held to look at who waits for whom."""

PLANNED = "~plan:"
"""Ids of a plan's own orders begin so. No journal has them."""

STATE = ("state", "blocks", "replays", "reason", "error", "command_id", "type", "subject", "partner")
"""What a decision changes in a letter, and the next one may look at."""


class ForeseenLetters(Letters):
    """Dead letters as they would be."""

    def __init__(self, db: Any) -> None:
        super().__init__(db)
        self.over: dict[str, Letter] = {}
        self._ahead: dict[str, Letter] = {}
        self._rows: list[Letter] = []
        self._rows_of: set[str] = set()

    async def look_ahead(self, session: Any, ids: list[str]) -> list[Letter]:
        """Read these in one go; each is asked for soon, and once."""
        found = self._letters.find({"_id": {"$in": ids}}, session=session)
        self._ahead = {letter["_id"]: letter async for letter in found}
        return list(self._ahead.values())

    async def look_at_queues(self, session: Any, keys: set[str]) -> None:
        """Read in one go who blocks these, if they are not too many."""
        self._rows, self._rows_of = [], set()
        fields = {"blocks": 1, "state": 1, "offset": 1, "size": {"$bsonSize": "$$ROOT"}}
        found = self._letters.find({"blocks": {"$in": list(keys)}}, fields, session=session)
        rows = await found.sort("offset", 1).limit(QUEUED_MAX).to_list(None)
        if len(rows) < QUEUED_MAX:
            self._rows, self._rows_of = rows, keys

    def peek(self, letter_id: str) -> Letter | None:
        """One of those, as it would be."""
        found = self._ahead.get(letter_id)
        return found and self._as_it_would_be(found)

    def _as_it_would_be(self, letter: Letter) -> Letter:
        over = self.over.get(letter["_id"])
        if over is None:
            return letter
        return {name: value for name, value in letter.items() if name != "blocks"} | over

    @override
    async def find(self, session: Any, letter_id: str) -> Letter | None:
        found = self._ahead.pop(letter_id, None) or await super().find(session, letter_id)
        return found and self._as_it_would_be(found)

    @override
    async def before(self, session: Any, keys: Iterable[str], offset: int, but: str) -> str | None:
        wanted = set(keys)
        async for row in self._blocking(session, wanted, {"offset": {"$lt": offset}, "_id": {"$ne": but}}):
            if row["offset"] >= offset:
                break
            if row["_id"] != but and self.over.get(row["_id"], row).get("blocks") in wanted:
                return str(row["_id"])
        return None

    async def _blocking(self, session: Any, keys: set[str], more: dict[str, Any]) -> AsyncIterator[Letter]:
        """Who blocks one of these keys in MongoDB, in log order."""
        if keys <= self._rows_of:
            for row in self._rows:
                if row["blocks"] in keys:
                    yield row
        else:
            query = {"blocks": {"$in": list(keys)}, **more}
            async for row in self._letters.find(query, {"blocks": 1, "offset": 1}, session=session).sort("offset", 1):
                yield row

    @override
    async def _queue(self, session: Any, query: dict[str, Any]) -> AsyncIterator[Letter]:
        keys = set(query["blocks"].get("$in", ()))
        known = keys and keys <= self._rows_of
        rows = self._blocking(session, keys, {}) if known else super()._queue(session, query)
        async for row in rows:
            over = self.over.get(row["_id"], row)
            if "blocks" in over and row["_id"] != query["_id"]["$ne"]:
                yield row | {"state": over["state"], "blocks": over["blocks"]}


class Happened(NamedTuple):
    """What a decision made of one letter."""

    letter_id: str
    text: str
    error: str


class Foreseen(Store):
    """A store that reads in a session of MongoDB's snapshots, and keeps to itself what it is given.

    `worker.letters.carrying.carry_out_orders` runs on it unchanged. What MongoDB alone would refuse, such as too deep a
    nesting, it cannot foresee; a document above 16 MB it can.
    """

    def __init__(self, client: Client, database: str) -> None:
        super().__init__(client, database)
        self.letters: ForeseenLetters = ForeseenLetters(self._db)
        self.entries: list[dict[str, Any]] = []
        self.happened: list[Happened] = []
        self.forget()

    def forget(self) -> None:
        """Back to what MongoDB holds: what comes next has nothing to do with what came before."""
        self.letters.over.clear()
        self._digests: dict[str, bytes] = {}
        self._over: dict[str, dict[str, bytes]] = {name: {} for name in COLLECTION_OF.values()}
        self._offers: dict[str, set[str]] = {}
        self._known: dict[str, dict[str, Any]] = {name: {} for name in COLLECTION_OF.values()}
        self._known_offers: set[str] = set()
        self._known_entries: dict[str, bytes | None] = {}
        self.take()

    def take(self) -> tuple[list[dict[str, Any]], list[Happened]]:
        """The journal entries and letters of the decisions since the last time."""
        taken = self.entries, self.happened
        self.entries, self.happened = [], []
        return taken

    @override
    async def transaction(self, session: Any, body: Callable[[Any], Awaitable[None]]) -> None:
        await body(session)

    @override
    async def save(self, session: Any, lanes: Sequence[LaneDocument], changes: Changes) -> None:
        for raw in changes.entries:
            entry = decode(raw.raw, UTC_AWARE)
            self._digests[entry["_id"]] = entry.get("digest") or b""
            self.entries.append(entry)
        for name, documents in changes.documents.items():
            for key, _, document in documents:
                self._over[name][key] = bytes(document.raw)
                if name == COLLECTION_OF[Partnership]:
                    for offer in decode(document.raw)["open_keys"]:
                        self._offers.setdefault(offer, set()).add(key)
        errors: dict[str, str] = {}
        for raw in [*changes.letters, *(letter for _, letter in changes.kept_letters)]:
            letter = decode(raw.raw, UTC_AWARE)
            self.letters.over[letter["_id"]] = {name: letter[name] for name in STATE if name in letter}
            if edited := letter.get("edited_from"):
                errors[edited] = letter["error"]
            elif history := letter.get("history"):
                error = errors.get(letter["_id"], letter["error"])
                self.happened.append(Happened(letter["_id"], history[-1]["result"], error))

    async def look_ahead(self, session: Any, ids: list[str], secrets: Secrets, lane_log: str) -> None:
        """Read in a few queries what orders about these letters would ask for one by one."""
        self._known = {name: {} for name in COLLECTION_OF.values()}
        self._known_offers = set()
        found = await self.letters.look_ahead(session, ids)
        items = [item_of(letter, secrets, lane_log) for letter in found]
        named = [(letter["subject"], letter["partner"]) for letter in found if letter["partner"]]
        messages = [item.decoded.message for item in items if isinstance(item.decoded, Readable)]
        pairs = {*named, *((message.subject, message.partner_id) for message in messages)}
        await self.letters.look_at_queues(
            session, {key for subject, partner in pairs for key in keys_of(subject or partner, partner)}
        )
        wanted = Wanted.by(items)
        entries = dict.fromkeys(wanted.entry_ids, None) | await super().digests(session, wanted.entry_ids)
        offers = {key for need in wanted.needs for key in need.offer_keys}
        partnerships = {need.partnership_id for need in wanted.needs} | {subject for subject, _ in named}
        loaded = await self._know(session, Partnership, partnerships, {"open_keys": offers})
        await self._know(session, Partner, {partner for _, partner in pairs})
        customers = {need.customer_id for need in wanted.needs} | {one.customer_id for one in loaded.values()}
        await self._know(session, Customer, customers)
        self._known_entries, self._known_offers = entries, offers

    async def _know(
        self, session: Any, kind: type[D], ids: set[str | None], others: Mapping[str, set[str]] = NONE
    ) -> dict[str, D | Unread]:
        wanted = {key for key in ids if key}
        found = await super()._documents(session, kind, wanted, others)
        self._known[COLLECTION_OF[kind]] = {**dict.fromkeys(wanted), **found}
        return found

    @override
    async def digests(self, session: Any, entry_ids: list[str]) -> dict[str, bytes]:
        asked = [key for key in entry_ids if key not in self._known_entries and not key.startswith(PLANNED)]
        known = {key: digest for key in entry_ids if (digest := self._known_entries.get(key)) is not None}
        found = known | (await super().digests(session, asked) if asked else {})
        return found | {key: self._digests[key] for key in entry_ids if key in self._digests}

    @override
    async def _documents(
        self, session: Any, kind: type[D], ids: set[str], others: Mapping[str, set[str]] = NONE
    ) -> dict[str, D | Unread]:
        name = COLLECTION_OF[kind]
        known, offers = self._known[name], others.get("open_keys", set())
        if ids <= known.keys() and offers <= self._known_offers:
            found = {
                key: document
                for key, document in known.items()
                if document is not None and (key in ids or (offers and not offers.isdisjoint(document.open_keys)))
            }
        else:
            found = await super()._documents(session, kind, ids, others)
        over = self._over[name]
        for key in over.keys() & (ids | found.keys()).union(*(self._offers.get(offer, ()) for offer in offers)):
            found[key] = document_of(kind, decode(over[key], UTC_AWARE))
        return found

"""The store of a lane: load what commands need, save what was decided, and know where it stopped."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from bson import encode
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pydantic import ValidationError
from pymongo import InsertOne, ReplaceOne, ReturnDocument, UpdateOne
from pymongo.errors import BulkWriteError, OperationFailure, PyMongoError

from handlers.documents import LIVE_AT_ONCE, Customer, Needs, Partner, Partnership
from worker.decode import problems_of
from worker.failures import Fenced, UnreadableDocument, Unstorable, codes_of
from worker.journal import entry_of, republished
from worker.lease import Lease
from worker.mongo.client import Client, awaited
from worker.mongo.collections import CUSTOMERS, JOURNAL, LANES, PARTNERS, PARTNERSHIPS
from worker.mongo.format_in_use import FormatInUse
from worker.mongo.letters import Letters

Document = Partner | Customer | Partnership
COLLECTION_OF: dict[type[Document], str] = {Partner: PARTNERS, Customer: CUSTOMERS, Partnership: PARTNERSHIPS}
D = TypeVar("D", Partner, Customer, Partnership)
UTC_AWARE: CodecOptions[dict[str, Any]] = CodecOptions(tz_aware=True)
DUPLICATE_KEY = 11000
INTERRUPTED = 11601
DOCUMENT_BYTES_MAX = 16_777_216
LIVE_STATUSES = ("active", "suspended", "ending")
NONE: Mapping[str, set[str]] = {}
NOBODY: Mapping[str, Partner] = {}
LOADED_DOCUMENTS_MAX = 10_000
"""Documents in the first answer to a query; more come with further ones."""
NOT_BEGUN = -1
"""Offset of a lane that has never decided anything: only such a one may begin wherever its log begins."""


class Conflict(PyMongoError):
    """Somebody else changed what this transaction read. Carries the label by which the driver runs it again."""

    def __init__(self, what: str) -> None:
        super().__init__(what, error_labels=["TransientTransactionError"])


@dataclass(frozen=True, slots=True)
class LaneDocument:
    """Where a lane stands: written in each store, so that it is exactly as true as the documents.

    `stored` is the next offset of the lane log to be decided; what comes of all below `published` is seen by readers of
    the topics, what comes of the next ones may be; `now_ms` is the time of the last decision; `epoch` rises with each
    opening and is in the filter of each store. `marks` say where on the topics the lane's publications up to
    `published` ended (`mark_of`).
    """

    lane: int
    epoch: int
    stored: int
    published: int
    now_ms: int
    marks: dict[str, int] = field(default_factory=dict)
    blocking: int = 0
    """How many dead letters of this lane somebody waits for. With none, the usual case, nobody asks for them."""
    producers: tuple[str, ...] = ()
    """The transactional ids of all who may have a transaction under way: the owner's, and until they are ended those of
    former ones."""


@dataclass(frozen=True, slots=True)
class Unread:
    """In the place of a document that cannot be read. It is there, and its offer with it."""

    error: UnreadableDocument
    open_keys: tuple[str, ...]
    customer_id: None = None


@dataclass(slots=True)
class Loaded:
    """What one batch of commands can see: known command ids with their digests, and documents by id."""

    digests: dict[str, bytes]
    partners: dict[str, Partner]
    customers: dict[str, Customer]
    partnerships: dict[str, Partnership]
    offers: dict[str, set[str]]
    live: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    """The next live partnerships of a partner, by it and the one they come after (handlers.documents.Needs)."""
    blocked: set[str] = field(default_factory=set)
    """What dead letters block of what these commands wait for (worker/letters/keys.py)."""
    unread: dict[tuple[type[Document], str], UnreadableDocument] = field(default_factory=dict)
    """Documents that are there and cannot be read: not absent, and nothing is decided without them."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What batches write, encoded already. Documents carry the `rev` that they must still have (0: none yet)."""

    entries: list[RawBSONDocument]
    documents: dict[str, list[tuple[str, int, RawBSONDocument]]]
    letters: list[RawBSONDocument]
    kept_letters: list[tuple[str, RawBSONDocument]] = field(default_factory=list)
    """Those that were there already, as they are now."""


def joined(parts: Sequence[Changes]) -> Changes:
    """What batches that were decided one after another write together: of each document its last state."""
    documents: dict[str, dict[str, tuple[str, int, RawBSONDocument]]] = {}
    for part in parts:
        for name, rows in part.documents.items():
            known = documents.setdefault(name, {})
            for key, rev, document in rows:
                known[key] = (key, known[key][1] if key in known else rev, document)
    return Changes(
        [entry for part in parts for entry in part.entries],
        {name: list(rows.values()) for name, rows in documents.items()},
        [letter for part in parts for letter in part.letters],
        [row for part in parts for row in part.kept_letters],
    )


def to_bson(document: dict[str, Any]) -> RawBSONDocument:
    """The bytes that are stored, made once.

    Raises:
        Unstorable: above MongoDB's limit. The driver would let 16 KiB more pass, and the server refuse the whole batch.
        OverflowError, BSONError: what has no place in BSON.
    """
    data = encode(document, codec_options=UTC_AWARE)
    if len(data) > DOCUMENT_BYTES_MAX:
        raise Unstorable(f"a document of {len(data)} bytes")
    return RawBSONDocument(data)


def document_to_bson(document: Document) -> RawBSONDocument:
    """A document as it is stored: its id is MongoDB's `_id`."""
    fields = document.model_dump()
    return to_bson({"_id": fields.pop("id"), **fields})


def document_of(kind: type[D], fields: dict[str, Any]) -> D:
    """A document as it was stored.

    Raises:
        UnreadableDocument: this release cannot read it.
    """
    try:
        return kind.model_validate({**fields, "id": fields["_id"]})
    except ValidationError as error:
        raise UnreadableDocument(kind.__name__, fields["_id"], problems_of(error)) from error


def _found(kind: type[D], fields: dict[str, Any]) -> D | Unread:
    try:
        return document_of(kind, fields)
    except UnreadableDocument as error:
        keys = fields.get("open_keys")
        return Unread(error, tuple(key for key in keys if isinstance(key, str)) if isinstance(keys, list) else ())


def _read(loaded: Loaded, kind: type[D], found: dict[str, D | Unread]) -> dict[str, D]:
    """Those that can be read; the others are noted."""
    read: dict[str, D] = {}
    for key, document in found.items():
        if isinstance(document, Unread):
            loaded.unread[kind, key] = document.error
        else:
            read[key] = document
    return read


def _lost(lanes: Sequence[LaneDocument]) -> str:
    epochs = ", ".join(f"{lane.lane} (this one's epoch was {lane.epoch})" for lane in lanes)
    return f"another owner has lane {epochs}" if len(lanes) == 1 else f"another owner has one of the lanes {epochs}"


class Store:
    """All that the lanes do with MongoDB. One for a worker; a session for each opening of a lane, and for rounds."""

    def __init__(self, client: Client, database: str) -> None:
        self._client = client
        self._db = client[database]
        self._format = FormatInUse(client, database)
        self.letters = Letters(self._db)

    async def start_session(self) -> Any:
        """A session for transactions, one after another."""
        return await awaited(self._client.start_session())

    async def kill_session(self, session: Any) -> None:
        """End what a session may have left open on the server; it can be used further."""
        await self._kill([session.session_id["id"]])

    async def _kill(self, ids: Iterable[Any]) -> None:
        await self._client.admin.command({"killSessions": [{"id": key} for key in ids]})

    def lease(self, name: str) -> Lease:
        """A lease of this name."""
        return Lease(self._db, name)

    async def end_session(self, session: Any) -> None:
        """Give a session back. Without MongoDB it cannot be said, and ends by itself."""
        with contextlib.suppress(PyMongoError):
            await session.end_session()

    async def open_lane(self, lane: int, sessions: Sequence[Any], producer: str) -> LaneDocument:
        """Shut the former owner out and take the lane, with the sessions that will work for it, and who opens it.

        The first session is the lane's own, the others it shares with lanes that are open.

        Its sessions first: an open transaction of a killed worker holds its documents for 60 s, this one's too. One
        that is alive runs its transaction again, and sees there that the lane is not its own any more. Then the epoch:
        a store of a worker that is not dead but slow fails from then on.

        Raises:
            StopWorker: a later release has written here.
        """
        lanes = self._db[LANES]
        own = [session.session_id["id"] for session in sessions]
        former = await lanes.find_one({"_id": lane})
        if former and (others := [key for key in former.get("sessions", ()) if key not in own[1:]]):
            await self._kill(others)  # not those that open lanes share; the lane's own may be an old one once more
        found: Any = await lanes.find_one_and_update(
            {"_id": lane},
            {
                "$inc": {"epoch": 1},
                "$set": {"sessions": own},
                "$addToSet": {"producers": producer},
                "$setOnInsert": {"stored": NOT_BEGUN, "published": NOT_BEGUN, "now_ms": 0},
            },
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
        await self._format.check()  # after it was taken: a later release that begins now takes it away
        return LaneDocument(
            lane,
            found["epoch"],
            found["stored"],
            found["published"],
            found["now_ms"],
            found.get("marks", {}),
            found.get("blocking", 0),
            tuple(found["producers"]),
        )

    async def start_at(self, lane: LaneDocument, offset: int) -> LaneDocument:
        """Note where a new lane begins."""
        await self._update_lane(lane, {"stored": offset, "published": offset})
        return replace(lane, stored=offset, published=offset)

    async def check_owner(self, lane: LaneDocument) -> None:
        """See that nobody opened the lane after this document was read. Raises Fenced."""
        await self._update_lane(lane, {"epoch": lane.epoch})

    async def note_producers(self, lane: LaneDocument, producers: Sequence[str]) -> None:
        """Note who may publish from now on. The others cannot any more."""
        await self._update_lane(lane, {"producers": list(producers)})

    async def note_published(self, lane: LaneDocument, offset: int, marks: dict[str, int]) -> LaneDocument:
        """Note what was published, where no store is coming to do it."""
        await self._update_lane(lane, {"published": offset, "marks": marks})
        return replace(lane, published=offset, marks=marks)

    async def transaction(self, session: Any, body: Callable[[Any], Awaitable[None]]) -> None:
        """Run `body(session)` in one transaction; it runs again from scratch after a conflict, as the driver says.

        Also where somebody killed the session (`open_lane`): then the lane may be another one's, and the body sees it.
        """

        async def until_killed(session: Any) -> None:
            try:
                await body(session)
            except OperationFailure as error:
                if error.code == INTERRUPTED:
                    raise Conflict("the session was killed") from error
                raise

        await session.with_transaction(until_killed)

    async def load(
        self, session: Any, entry_ids: list[str], needs: Iterable[Needs], known: Mapping[str, Partner] = NOBODY
    ) -> Loaded:
        """Read what these commands need, in at most five queries; two for most batches.

        `known` are partners that the lane itself stored last, and need not be read: nobody else writes them.
        """
        partners: set[str] = set()
        partnerships: set[str] = set()
        customers: set[str] = set()
        keys: set[str] = set()
        pages: set[tuple[str, str]] = set()
        for need in needs:
            if need.partner_id:
                partners.add(need.partner_id)
            if need.partnership_id:
                partnerships.add(need.partnership_id)
            if need.customer_id:
                customers.add(need.customer_id)
            keys.update(need.offer_keys)
            if need.live_after is not None and need.partner_id:
                pages.add((need.partner_id, need.live_after))

        loaded = Loaded(
            digests=await self.digests(session, entry_ids),
            partners={key: known[key] for key in partners & known.keys()},
            customers={},
            partnerships={},
            offers={},
            live={page: await self._live(session, *page) for page in pages},
        )
        found = await self._documents(session, Partnership, partnerships, {"open_keys": keys})
        for partnership_id, partnership in found.items():
            if partnership.customer_id:
                customers.add(partnership.customer_id)
            for key in partnership.open_keys:
                loaded.offers.setdefault(key, set()).add(partnership_id)
        loaded.partnerships = _read(loaded, Partnership, found)
        unknown = await self._documents(session, Partner, partners - known.keys())
        loaded.partners |= _read(loaded, Partner, unknown)
        loaded.customers = _read(loaded, Customer, await self._documents(session, Customer, customers))
        return loaded

    async def _live(self, session: Any, partner_id: str, after: str) -> tuple[str, ...]:
        query = {"partner_id": partner_id, "state.status": {"$in": list(LIVE_STATUSES)}, "_id": {"$gt": after}}
        found = self._db[PARTNERSHIPS].find(query, {"_id": 1}, session=session, batch_size=LIVE_AT_ONCE)
        return tuple([one["_id"] for one in await found.sort("_id").limit(LIVE_AT_ONCE).to_list(None)])

    async def digests(self, session: Any, entry_ids: list[str]) -> dict[str, bytes]:
        """The digests of those ids that the journal knows; empty bytes for entries that are no command's."""
        found = await self._find(session, JOURNAL, {"_id": {"$in": entry_ids}}, {"digest": 1})
        return {entry["_id"]: entry.get("digest") or b"" for entry in found}

    async def save(self, session: Any, lanes: Sequence[LaneDocument], changes: Changes) -> None:
        """Write what these lanes decided: their documents first, so that who lost one of them changes nothing.

        Raises:
            Fenced: a lane has another owner.
            Conflict: a document is not what it was when it was loaded.
        """
        mine: list[Any] = [
            UpdateOne(
                {"_id": lane.lane, "epoch": lane.epoch},
                {
                    "$set": {
                        "stored": lane.stored,
                        "published": lane.published,
                        "now_ms": lane.now_ms,
                        "marks": lane.marks,
                        "blocking": lane.blocking,
                    }
                },
            )
            for lane in lanes
        ]
        written = await self._db[LANES].bulk_write(mine, ordered=False, session=session)
        if written.matched_count != len(mine):
            raise Fenced(_lost(lanes))
        try:
            if changes.entries:
                await self._db[JOURNAL].insert_many(changes.entries, ordered=True, session=session)
            for name, documents in changes.documents.items():
                operations: list[Any] = [
                    ReplaceOne({"_id": key, "rev": rev}, document) if rev else InsertOne(document)
                    for key, rev, document in documents
                ]
                result = await self._db[name].bulk_write(operations, ordered=False, session=session)
                if result.matched_count + result.inserted_count != len(operations):
                    raise Conflict(name)
            if changes.letters or changes.kept_letters:
                found = await self.letters.save(session, changes.letters, changes.kept_letters)
                if found != len(changes.kept_letters):
                    raise Conflict("dead letters")
        except BulkWriteError as error:
            if DUPLICATE_KEY in codes_of(error):
                raise Conflict("inserted meanwhile") from error
            raise

    async def unpublished(self, lane: int, first: int, end: int) -> AsyncIterator[dict[str, Any]]:
        """A lane's journal entries from `first` up to, not including, `end`, in log order; with what orders sent."""
        query = {"lane": lane, "offset": {"$gte": first, "$lt": end}}
        fields = {"records": 1, "republished": 1, "at": 1, "offset": 1}
        async for entry in self._db[JOURNAL].find(query, fields).sort([("offset", 1), ("step", 1)]).batch_size(200):
            if names := entry.get("republished"):
                originals = await self.letters.entries(None, {entry_of(name) for name in names})
                entry["records"] = [record for _, record in republished(entry["_id"], originals, set(names))]
            yield entry

    async def _update_lane(self, lane: LaneDocument, fields: dict[str, Any]) -> None:
        result = await self._db[LANES].update_one({"_id": lane.lane, "epoch": lane.epoch}, {"$set": fields})
        if not result.matched_count:
            raise Fenced(_lost([lane]))

    async def _documents(
        self, session: Any, kind: type[D], ids: set[str], others: Mapping[str, set[str]] = NONE
    ) -> dict[str, D | Unread]:
        """Those with these ids, and those with one of these values in another field."""
        wanted = [{name: {"$in": list(values)}} for name, values in {"_id": ids, **others}.items() if values]
        if not wanted:
            return {}
        found = await self._find(session, COLLECTION_OF[kind], {"$or": wanted} if len(wanted) > 1 else wanted[0])
        return {fields["_id"]: _found(kind, fields) for fields in found}

    async def _find(
        self,
        session: Any,
        collection: str,
        query: dict[str, Any],
        fields: dict[str, int] | None = None,
    ) -> list[dict[str, Any]]:
        # All of it in the first answer: by default that holds 101, and each of the others would wait for a second one.
        found = self._db[collection].find(query, fields, session=session, batch_size=LOADED_DOCUMENTS_MAX)
        return await found.to_list(None)

"""The floor: what MongoDB and Kafka allow here. The same journal entries, documents and events, decided by nobody.

Reads what the worker stored for the same commands, makes the batches anew, and then writes them with the worker's own
store and publisher: as many lanes, one MongoDB transaction for each full batch, each batch published while the next is
stored, with those of other lanes that wait, as the worker does. What only the worker needs is not written: no command
goes through a lane log, nothing is read. Run as `python -m tests.bench.floor FROM_DATABASE`, on the documents that the
worker began with.
"""

import asyncio
import sys
from typing import Any

import uvloop
from bson import encode
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient

from contracts.topics import TopicName
from worker.journal import records_of
from worker.mongo.client import connect
from worker.mongo.collections import CUSTOMERS, PARTNERS, PARTNERSHIPS, prepare
from worker.mongo.store import Changes, LaneDocument, Store
from worker.publications import Publications, SharedPublisher
from worker.records import Outgoing
from worker.secrets import Secrets
from worker.settings import Settings, load_settings
from worker.topics import prepare_topics

Batch = tuple[int, Changes, list[Outgoing]]


def batches(settings: Settings, source: str) -> dict[int, list[Batch]]:
    """The worker's batches, as bytes. Documents are written as often as the worker wrote them: once for each batch."""
    client: MongoClient[dict[str, Any]] = MongoClient(settings.mongo_url.get_secret_value(), tz_aware=True)
    db = client[source]
    final = {name: {d["_id"]: d for d in db[name].find()} for name in (PARTNERS, CUSTOMERS, PARTNERSHIPS)}
    made: dict[int, list[Batch]] = {}
    for lane in range(settings.lanes):
        entries = list(db.journal.find({"lane": lane}).sort("offset", 1))
        for start in range(0, len(entries), settings.batch_records_max):
            part = entries[start : start + settings.batch_records_max]
            revs: dict[tuple[str, str], list[int]] = {}
            for change in (change for entry in part for change in entry["changes"]):
                revs.setdefault((change["kind"], change["id"]), []).append(change["rev"])
            documents: dict[str, list[tuple[str, int, RawBSONDocument]]] = {}
            for (kind, key), (first, *_) in revs.items():
                raw = RawBSONDocument(encode({**final[kind][key], "rev": revs[kind, key][-1]}))
                documents.setdefault(kind, []).append((key, first - 1, raw))
            records = [record for entry in part for record in records_of(entry)]
            changes = Changes([RawBSONDocument(encode(entry)) for entry in part], documents, [])
            made.setdefault(lane, []).append((part[-1]["offset"] + 1, changes, records))
    client.close()
    return made


async def lane(store: Store, publisher: SharedPublisher, number: int, made: list[Batch]) -> None:
    session = await store.start_session()
    document = await store.open_lane(number, [session], publisher.id)
    publishing: asyncio.Future[Any] = asyncio.ensure_future(asyncio.sleep(0))
    for stored, changes, records in made:
        document = LaneDocument(number, document.epoch, stored, document.stored, 0)

        async def body(session: Any, document: LaneDocument = document, changes: Changes = changes) -> None:
            await store.save(session, [document], changes)

        await store.transaction(session, body)
        await publishing
        publishing = asyncio.ensure_future(publisher.publish(records))
    await publishing
    await store.end_session(session)


async def main(source: str) -> None:
    settings = load_settings()
    made = batches(settings, source)
    client = connect(settings.mongo_url.get_secret_value(), settings.request_timeout_seconds)
    await prepare_topics(settings)
    await prepare(client, settings.mongo_database, {TopicName.LANES.value.replace(".", "-"): settings.lanes})
    store = Store(client, settings.mongo_database)
    publications = Publications(settings, Secrets.of(settings), store)
    publisher = await publications.current()
    await asyncio.gather(*(lane(store, publisher, number, own) for number, own in made.items()))
    await publications.close()
    await client.close()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1]))

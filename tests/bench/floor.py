"""The floor: what MongoDB and Kafka allow here. The same journal entries, documents and events, decided by nobody.

Reads what the worker stored for the same commands, makes the batches anew, and then writes them with the worker's own
store and publisher: as many lanes, one MongoDB and one Kafka transaction for each batch. Only the writing is timed. Run
as `python -m tests.bench.floor FROM_DATABASE SINCE_OFFSETS`, prints one line of JSON.
"""

import asyncio
import json
import sys
import time
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
from worker.publisher import Publisher
from worker.records import Outgoing
from worker.secrets import Secrets
from worker.settings import Settings, load_settings
from worker.topics import prepare_topics

Batch = tuple[int, Changes, list[Outgoing]]


def batches(settings: Settings, source: str, since: dict[int, int]) -> dict[int, list[Batch]]:
    """The worker's batches, as bytes. Documents are written as often as the worker wrote them: once for each batch."""
    client: MongoClient[dict[str, Any]] = MongoClient(settings.mongo_url.get_secret_value(), tz_aware=True)
    db = client[source]
    final = {name: {d["_id"]: d for d in db[name].find()} for name in (PARTNERS, CUSTOMERS, PARTNERSHIPS)}
    made: dict[int, list[Batch]] = {}
    for lane, first in since.items():
        known: dict[tuple[str, str], int] = {}
        entries = list(db.journal.find({"lane": lane, "offset": {"$gte": first}}).sort("offset", 1))
        for start in range(0, len(entries), settings.batch_records_max):
            part = entries[start : start + settings.batch_records_max]
            last = {(c["kind"], c["id"]): c["rev"] for entry in part for c in entry["changes"]}
            documents: dict[str, list[tuple[str, int, RawBSONDocument]]] = {}
            for (kind, key), rev in last.items():
                before = known.get((kind, key), 0)
                known[(kind, key)] = rev
                raw = RawBSONDocument(encode({**final[kind][key], "rev": rev}))
                documents.setdefault(kind, []).append((key, before, raw))
            records = [record for entry in part for record in records_of(entry)]
            changes = Changes([RawBSONDocument(encode(entry)) for entry in part], documents, [])
            made.setdefault(lane, []).append((part[-1]["offset"] + 1, changes, records))
    client.close()
    return made


async def lane(settings: Settings, store: Store, number: int, todo: list[Batch]) -> None:
    publisher = Publisher(settings, Secrets(settings.secret.get_secret_value()), number)
    await publisher.start()
    session = await store.start_session()
    document = await store.open_lane(number, session)
    for stored, changes, records in todo:
        document = LaneDocument(number, document.epoch, stored, document.stored, 0)

        async def body(session: Any, document: LaneDocument = document, changes: Changes = changes) -> None:
            await store.save(session, document, changes)

        await store.transaction(session, body)
        await publisher.publish(records, stored)
    await store.end_session(session)
    await publisher.stop()


async def main(source: str, since: dict[int, int]) -> None:
    settings = load_settings()
    made = batches(settings, source, since)
    client = connect(settings.mongo_url.get_secret_value(), settings.request_timeout_seconds)
    await prepare_topics(settings)
    await prepare(client, settings.mongo_database, {TopicName.LANES.value.replace(".", "-"): settings.lanes})
    store = Store(client, settings.mongo_database)
    started = time.monotonic()
    await asyncio.gather(*(lane(settings, store, number, todo) for number, todo in made.items()))
    seconds = time.monotonic() - started
    commands = sum(len(changes.entries) for todo in made.values() for _, changes, _ in todo)
    print(json.dumps({"commands": commands, "seconds": seconds}))  # noqa: T201 - the answer
    await client.close()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], {int(k): v for k, v in json.loads(sys.argv[2]).items()}))

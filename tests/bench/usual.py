"""What a good engineer writes with FastStream in a day: the measure of comparison.

One handler for each message, as many workers as help, the same `handlers/`, one MongoDB transaction with an inbox and
the documents, one publish for each event, manual acknowledgement. It decides the same, at least once: an event can be
doubled or, where the process dies after the transaction, lost. Run as `python -m tests.bench.usual WORKERS`.
"""

import asyncio
import contextlib
import logging
import signal
import sys
from typing import Any, TypeVar

import orjson
import uvloop
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka.annotations import KafkaMessage
from pymongo.errors import DuplicateKeyError

from contracts.message import CommandFrame, CommandMessage
from contracts.registry import COMMANDS
from contracts.topics import COMMAND_TOPICS
from handlers.decision import Context
from handlers.documents import Customer, Documents, Partner, Partnership, needs
from handlers.outcome import Outcome, outcome
from handlers.policy import Policy
from worker.clock import from_milliseconds, utc_now
from worker.mongo.client import connect
from worker.mongo.collections import CUSTOMERS, PARTNERS, PARTNERSHIPS
from worker.secrets import Secrets
from worker.settings import load_settings

D = TypeVar("D", Partner, Customer, Partnership)
COLLECTIONS: dict[type, str] = {Partner: PARTNERS, Customer: CUSTOMERS, Partnership: PARTNERSHIPS}


async def main(workers: int) -> None:
    settings = load_settings()
    client = connect(settings.mongo_url.get_secret_value(), settings.request_timeout_seconds)
    db = client[settings.mongo_database]
    secrets, policy = Secrets.of(settings), Policy()
    broker = KafkaBroker(settings.kafka_bootstrap, enable_idempotence=True, log_level=logging.DEBUG)

    async def find(session: Any, kind: type[D], key: str | None) -> D | None:
        found = await db[COLLECTIONS[kind]].find_one({"_id": key}, session=session) if key else None
        return kind.model_validate({**found, "id": found["_id"]}) if found else None

    async def handle(message: KafkaMessage) -> None:
        frame = CommandFrame.model_validate_json(message.body)
        data = COMMANDS[frame.type].model_validate(orjson.loads(message.body)["data"])
        command = CommandMessage(frame.id, frame.subject, frame.partitionkey, data, frame.correlationid)
        results: list[Outcome] = []

        async def transaction(session: Any) -> None:
            results.clear()
            await db.inbox.insert_one({"_id": command.id}, session=session)
            need = needs(command)
            partnership = await find(session, Partnership, need.partnership_id)
            customer_id = need.customer_id or (partnership.customer_id if partnership else None)
            offers = await db.partnerships.find(
                {"open_keys": {"$in": list(need.offer_keys)}}, {"_id": 1}, session=session
            ).to_list()
            before = Documents(
                await find(session, Partner, need.partner_id),
                await find(session, Customer, customer_id),
                partnership,
                tuple(offer["_id"] for offer in offers),
            )
            now = from_milliseconds(message.raw_message.timestamp)  # type: ignore[union-attr]
            result = outcome(before, command, Context(now, policy, secrets.tokens))
            after = result.documents
            for old, new in (
                (before.partner, after.partner),
                (before.customer, after.customer),
                (before.partnership, after.partnership),
            ):
                if new is not None and new is not old:
                    fields = new.model_dump()
                    document = {"_id": fields.pop("id"), **fields}
                    await db[COLLECTIONS[type(new)]].replace_one(
                        {"_id": document["_id"]}, document, upsert=True, session=session
                    )
            results.append(result)

        async with client.start_session() as session:
            with contextlib.suppress(DuplicateKeyError):
                await session.with_transaction(transaction)
        for result in results:
            events = [(event.event, event.subject) for event in result.events]
            if result.rejection:
                events = [(result.rejection, command.subject)]
            for number, (event, subject) in enumerate(events, 1):
                envelope = {
                    "specversion": "1.0",
                    "id": f"{command.id}:{number}",
                    "source": "usual",
                    "type": event.wire_type(),
                    "subject": subject,
                    "time": utc_now(),
                    "data": orjson.Fragment(event.model_dump_json(exclude_none=True)),
                }
                await broker.publish(orjson.dumps(envelope), settings.topic(event.TOPIC), key=subject.encode())
        await message.ack()

    for topic in COMMAND_TOPICS:
        # With acknowledgement by hand each of its workers has partitions of its own, so that their order is kept.
        broker.subscriber(
            settings.topic(topic),
            group_id=f"{settings.group}-usual",
            auto_offset_reset="earliest",
            ack_policy=AckPolicy.MANUAL,
            max_workers=workers,
        )(handle)

    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await broker.start()
    await stop.wait()
    await broker.stop()
    await client.close()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))

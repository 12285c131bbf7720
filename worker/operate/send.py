"""Publishes a command as a producer does, and waits for what becomes of it."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiokafka.errors import KafkaTimeoutError, RequestTimedOutError

from contracts.message import CommandFrame
from worker.clock import monotonic_seconds
from worker.decode import digest_of
from worker.encode import CONTENT_TYPE_HEADER
from worker.mongo.collections import JOURNAL
from worker.operate.access import Access
from worker.operate.commands import check_command, encoded
from worker.operate.errors import NoAnswer
from worker.operate.journal import Entry, entry_of
from worker.operate.texts import command, quoted
from worker.records import Source

LOOK_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Sent:
    """Where a command was appended."""

    command_id: str
    topic: str
    partition: int
    offset: int
    entry_ids: tuple[str, str]
    """Of the journal entry that it gets: its own, or one of its place (dry runs, a reused id)."""
    digest: bytes = field(repr=False, default=b"")
    source: str = ""

    @property
    def whereabouts(self) -> str:
        """Where it is, and how to ask for it later."""
        return (
            f"The command {self.command_id} is on {self.source} and will be decided once a worker runs: "
            f"`{command('journal', self.command_id)}` says what came of it."
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a command. `repeated`: it was decided before, and this is what came of it then."""

    entry: Entry
    repeated: bool
    seconds: float

    @property
    def said(self) -> dict[str, Any]:
        """What a refusal or a dry run's answer says; empty for an accepted command."""
        if self.entry.outcome not in {"refused", "answered"} or not self.entry.said:
            return {}
        return dict(self.entry.said[0].data or {})

    @property
    def is_yes(self) -> bool:
        """Whether it was accepted, or would be."""
        return self.entry.outcome == "accepted" or self.said.get("would") == "accept"


async def publish(access: Access, body: dict[str, Any]) -> Sent:
    """Check a CloudEvent against the contract and append it to its topic.

    Raises:
        WrongRequest: where the worker could not read it. Nothing was sent then.
        NoAnswer: where Kafka does not say whether it took it.
    """
    kind = check_command(body)
    value = encoded(body)
    frame = CommandFrame.model_validate(body)
    topic = access.settings.topic(kind.TOPIC)
    async with access.producer() as producer:
        try:
            async with asyncio.timeout(access.settings.request_timeout_seconds):
                placed = await producer.send_and_wait(
                    topic, value, key=frame.subject.encode(), headers=[CONTENT_TYPE_HEADER]
                )
        except (TimeoutError, KafkaTimeoutError, RequestTimedOutError):
            raise NoAnswer(
                f"Kafka does not say whether it took the command: send it again with --id={quoted(frame.id)}, then it "
                "is decided once."
            ) from None
    place = Source(placed.topic, placed.partition, placed.offset, placed.timestamp)
    return Sent(
        frame.id,
        placed.topic,
        placed.partition,
        placed.offset,
        (frame.id, place.position_id(value)),
        digest_of(frame, body.get("data")),
        f"{placed.topic}:{placed.partition}:{placed.offset}",
    )


async def wait_for_answer(access: Access, sent: Sent, seconds: float) -> Answer:
    """Until the journal says what became of it.

    Raises:
        NoAnswer: after so many seconds. The command is in its topic and will be decided all the same.
    """
    started = monotonic_seconds()
    while monotonic_seconds() < started + seconds:
        query = {"_id": {"$in": list(sent.entry_ids)}}
        answered = entry_for(sent, {entry["_id"]: entry async for entry in access.db[JOURNAL].find(query)})
        if answered is not None:
            entry, repeated = answered
            return Answer(entry_of(entry), repeated=repeated, seconds=monotonic_seconds() - started)
        await asyncio.sleep(LOOK_SECONDS)
    raise NoAnswer(f"No answer within {seconds:g} s: `partnership-worker doctor` says why.")


def entry_for(sent: Sent, found: Mapping[str, dict[str, Any]]) -> tuple[dict[str, Any], bool] | None:
    """The journal entry that says what became of it, among these by id; and whether it was decided before, as that."""
    own, placed = (found.get(entry_id) for entry_id in sent.entry_ids)
    if placed is not None:
        return placed, False
    if own is not None and own["source"] == sent.source:
        return own, False
    if own is not None and own.get("digest") == sent.digest:
        return own, True
    return None

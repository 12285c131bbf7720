"""Exported letters brought into this deployment: their records go to their public topics once more, as they were.

Only a lane writes dead letters (decision 0012), so a letter is not copied. What arrives is what any producer's command
is: decided on the documents of here, parked, or a dead letter of here; and a repeat where its id is known (P2).
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaProducer

from contracts.topics import COMMAND_TOPICS, TopicName
from worker.clock import monotonic_seconds
from worker.decode import Readable
from worker.mongo.collections import JOURNAL
from worker.operate.access import Access
from worker.operate.errors import NoAnswer
from worker.operate.letters.arrivals import IMPORTED_HEADER, Arrival, Fate, judge
from worker.operate.letters.lines import Carried
from worker.operate.send import LOOK_SECONDS, Sent, entry_for
from worker.partitioning import lane_of
from worker.records import Headers, Source, header

IMPORTED_BY_HEADER = "imported-by"
ANSWER_SECONDS = 60.0

WAVE = 200
WAVE_BYTES = 4_194_304
"""So much is under way at once."""


@dataclass(frozen=True, slots=True)
class Brought:
    """One letter after an import. Without `outcome` it was not sent."""

    arrival: Arrival
    outcome: str | None = None
    code: str | None = None
    repeated: bool = False


async def bring(access: Access, letters: Iterable[Carried], by: str, *, unreadable: bool) -> AsyncIterator[Brought]:
    """Send those that are new here, wait until they are decided, and tell of each what came of it.

    Commands of one partner are decided in the order of the letters: on one topic they share a partition, and what
    belongs to another topic waits until they are decided. Each is judged once more right before.

    Raises:
        NoAnswer: no worker has decided them in time. They are on their topics, and the same import may be run again.
    """
    sends = {Fate.NEW, Fate.UNREADABLE} if unreadable else {Fate.NEW}
    counts = await access.partition_counts(COMMAND_TOPICS)
    async with access.producer() as producer:
        wave = _Wave(access, producer, counts, by)
        async for arrival in judge(access, letters, unreadable=unreadable):
            if arrival.fate not in sends or arrival.topic is None:
                yield Brought(arrival)
                continue
            if not wave.has_room_for(arrival):
                for brought in await wave.go():
                    yield brought
            wave.add(arrival)
        for brought in await wave.go():
            yield brought


class _Wave:
    """What goes out together: in order for each partner, however intake takes the topics up."""

    def __init__(self, access: Access, producer: AIOKafkaProducer, counts: Mapping[TopicName, int], by: str) -> None:
        self._access = access
        self._producer = producer
        self._counts = counts
        self._by = by
        self._arrivals: list[Arrival] = []
        self._topics: dict[str, TopicName | None] = {}
        self._bytes = 0

    def has_room_for(self, arrival: Arrival) -> bool:
        """Whether it may go with these."""
        same_topic = self._topics.get(_orderly(arrival), arrival.topic) is arrival.topic
        return same_topic and len(self._arrivals) < WAVE and self._bytes < WAVE_BYTES

    def add(self, arrival: Arrival) -> None:
        """It goes with these."""
        self._arrivals.append(arrival)
        self._topics[_orderly(arrival)] = arrival.topic
        self._bytes += len(arrival.letter.value or b"")

    async def go(self) -> list[Brought]:
        """Send them and wait for what becomes of them. The wave is empty then."""
        arrivals, self._arrivals = self._arrivals, []
        self._topics.clear()
        self._bytes = 0
        async with asyncio.timeout(self._access.settings.request_timeout_seconds):
            futures = [await self._send(arrival) for arrival in arrivals]
            # gather() waits for all of them: none is left to fail unseen.
            results = await asyncio.gather(*futures, return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        sent = [_sent(arrival, placed) for arrival, placed in zip(arrivals, results, strict=True)]
        return await self._answers(arrivals, sent)

    async def _send(self, arrival: Arrival) -> Any:
        assert arrival.topic is not None  # noqa: S101 - what has no topic is not sent
        letter = arrival.letter
        marks: Headers = ((IMPORTED_BY_HEADER, self._by.encode()),)
        if header(letter.headers, IMPORTED_HEADER) is None:
            marks = ((IMPORTED_HEADER, letter.id.encode()), *marks)
        return await self._producer.send(
            self._access.settings.topic(arrival.topic),
            letter.value,
            key=letter.key,
            partition=lane_of(_orderly(arrival), self._counts[arrival.topic]),
            headers=[*letter.headers, *marks],
        )

    async def _answers(self, arrivals: list[Arrival], sent: list[Sent]) -> list[Brought]:
        fields = {"outcome": 1, "code": 1, "source": 1, "digest": 1}
        until = monotonic_seconds() + ANSWER_SECONDS
        while True:
            ids = [entry_id for each in sent for entry_id in each.entry_ids]
            rows = self._access.db[JOURNAL].find({"_id": {"$in": ids}}, fields)
            found = {entry["_id"]: entry async for entry in rows}
            answers = [entry_for(each, found) for each in sent]
            missing = answers.count(None)
            if not missing:
                break
            if monotonic_seconds() > until:
                raise NoAnswer(
                    f"{missing} of {len(sent)} sent letters were not decided within {ANSWER_SECONDS:.0f} s: is a "
                    "worker running? They are on their topics and will be. Import again then: it knows what is decided."
                )
            await asyncio.sleep(LOOK_SECONDS)
        return [
            Brought(arrival, answer[0]["outcome"], answer[0].get("code"), answer[1])
            for arrival, answer in zip(arrivals, answers, strict=True)
            if answer is not None
        ]


def _orderly(arrival: Arrival) -> str:
    """Those with the same are decided in their order: a partner's, else what came from one partition."""
    source = arrival.letter.source
    return arrival.partner or f"{source.topic}:{source.partition}"


def _sent(arrival: Arrival, placed: Any) -> Sent:
    place = Source(placed.topic, placed.partition, placed.offset, placed.timestamp)
    position_id = place.position_id(arrival.letter.value)
    decoded = arrival.item.decoded
    command_id = decoded.message.id if isinstance(decoded, Readable) else position_id
    return Sent(
        command_id,
        placed.topic,
        placed.partition,
        placed.offset,
        (command_id, position_id),
        decoded.digest if isinstance(decoded, Readable) else b"",
        f"{placed.topic}:{placed.partition}:{placed.offset}",
    )

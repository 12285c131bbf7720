"""What the checks share: two connections, and facts that are fetched once, whoever asks for them first."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeVar

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment
from aiokafka.errors import KafkaError, for_code
from aiokafka.protocol.admin import DescribeGroupsRequest, DescribeGroupsRequest_v2
from aiokafka.protocol.metadata import MetadataRequest
from pymongo.errors import OperationFailure

from contracts.topics import COMMAND_TOPICS, TOPICS, TopicName
from worker.clock import monotonic_seconds, utc_now
from worker.failures import codes_of
from worker.mongo.collections import LANES, TOPOLOGY
from worker.operate.access import Access, need_to_see
from worker.operate.errors import NOT_KNOWN, NeedsSettings, not_reached
from worker.records import SIGNATURE_HEADER, SOURCE_HEADER, header

T = TypeVar("T")

CONNECT_SECONDS = 5.0
INTERNAL_TOPICS = ("__consumer_offsets", "__transaction_state")
READ_SECONDS = 4.0

NEWEST_RECORDS = 2000
"""Of the lane log, all lanes together, looked at for what the worker itself appended."""


class _DescribeGroups(DescribeGroupsRequest):  # type: ignore[misc] # aiokafka has no types
    """In version 2: aiokafka 0.14 reads the answer of version 3 as if it were one of version 2."""

    def prepare(self, _versions: object) -> DescribeGroupsRequest_v2:
        return DescribeGroupsRequest_v2(self._groups)


@dataclass(frozen=True, slots=True)
class Range:
    """What a partition holds: from `start` up to, not including, `end`; the end as a `read_committed` reader has it."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Hidden:
    """What an open transaction hides from `read_committed` readers: all from `start` up to, not including, `end`."""

    start: int
    end: int
    since_ms: int | None
    """When the first of it was appended; None: no answer."""


@dataclass(frozen=True, slots=True)
class Group:
    """A consumer group: its state, how many members, and who has which partitions (member's host by partition)."""

    state: str
    members: int
    owners: dict[TopicPartition, str]
    committed: dict[TopicPartition, int]


class Sealed(NamedTuple):
    """A command of the worker's own, with when it was appended and its seal."""

    appended_ms: int
    seal: bytes
    value: bytes


@dataclass(slots=True)
class Look:
    """One look at a deployment."""

    access: Access
    kafka_down: str | None = None
    """Why Kafka cannot be asked."""
    mongo_down: str | None = None
    admin: AIOKafkaAdminClient | None = None
    reader: AIOKafkaConsumer | None = None
    clock_ms: tuple[float, float] = (0.0, 0.0)
    """MongoDB's clock minus this machine's, and by how much that may be wrong."""
    now: datetime = field(default_factory=lambda: datetime(1970, 1, 1, tzinfo=UTC))
    """MongoDB's time when the look began."""
    hello: dict[str, Any] = field(default_factory=dict)
    _facts: dict[Any, asyncio.Task[Any]] = field(default_factory=dict)

    async def once(self, fetch: "Callable[[Look], Awaitable[T]]") -> T:
        """A fact, fetched once. A check that gives up does not take it away from the others."""
        if fetch not in self._facts:
            self._facts[fetch] = asyncio.ensure_future(fetch(self))
        found: T = await asyncio.shield(self._facts[fetch])
        return found

    def name(self, topic: TopicName) -> str:
        """A topic's name in this deployment."""
        return self.access.settings.topic(topic)

    async def close(self) -> None:
        """Let go of what nobody waited for."""
        for task in self._facts.values():
            task.cancel()
        await asyncio.gather(*self._facts.values(), return_exceptions=True)


@asynccontextmanager
async def looking(access: Access) -> AsyncIterator[Look]:
    """Connect to both servers, each within a bound; one that is away is noted."""
    look = Look(access)
    async with AsyncExitStack() as stack:
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await _meet_mongo(look)
        except Exception as error:  # noqa: BLE001 - whatever it is, the checks that need it say so
            unknown = isinstance(error, OperationFailure) and NOT_KNOWN in codes_of(error)
            look.mongo_down = "it does not know this user or password" if unknown else type(error).__name__
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                look.admin = await stack.enter_async_context(access.admin())
                look.reader = await stack.enter_async_context(access.reader())
        except NeedsSettings as error:
            look.kafka_down = str(error)
        except (KafkaError, TimeoutError, OSError) as error:
            look.kafka_down = not_reached(error)
        try:
            yield look
        finally:
            await look.close()


async def _meet_mongo(look: Look) -> None:
    await look.access.client.admin.command("ping")  # so that the next answer is not about connecting
    before, began = utc_now(), monotonic_seconds()
    look.hello = await look.access.client.admin.command("hello")
    took = monotonic_seconds() - began
    look.now = look.hello["localTime"].replace(tzinfo=UTC)  # a command's answer has no time zone; it is UTC
    middle = before.timestamp() + took / 2
    look.clock_ms = (look.now.timestamp() - middle) * 1000, took / 2 * 1000 + 1


# ------------------------------------------------------------------------------------------------ facts, fetched once


async def topics(look: Look) -> dict[str, dict[str, Any]]:
    """Kafka's description of our topics and of its own two, by name; those that are not there are absent.

    Raises:
        TopicAuthorizationFailedError: this user may not see all of ours.
    """
    ours = {look.name(topic) for topic in TOPICS}
    admin: Any = look.admin
    request = MetadataRequest([*ours, *INTERNAL_TOPICS], allow_auto_topic_creation=False)
    answer = await admin._send_request(request)  # noqa: SLF001 - by describe_topics() a broker may make them
    described = answer.to_object()["topics"]
    need_to_see(ours, described)
    return {topic["topic"]: topic for topic in described if not topic["error_code"]}


async def configs(look: Look) -> dict[str, dict[str, str]]:
    """The configuration of those that are there and may be read."""
    there = await look.once(topics)
    assert look.admin is not None  # noqa: S101
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in there]
    found: dict[str, dict[str, str]] = {}
    for response in await look.admin.describe_configs(resources):
        for code, _, _, name, entries in response.resources:
            if code and name not in INTERNAL_TOPICS:
                raise for_code(code)(name)
            if not code:
                found[name] = {entry[0]: entry[1] for entry in entries}
    return found


async def lanes(look: Look) -> dict[int, dict[str, Any]]:
    """The lanes' documents."""
    return {lane["_id"]: lane async for lane in look.access.db[LANES].find()}


async def topology(look: Look) -> dict[str, int] | None:
    """What was written at the first start: partitions by topic, with `-` for `.` in their names."""
    found = await look.access.db[TOPOLOGY].find_one({"_id": "topology"})
    return dict(found["partitions"]) if found else None


async def ranges(look: Look) -> dict[TopicPartition, Range]:
    """What the lane log and the command topics hold."""
    there = await look.once(topics)
    partitions = [
        TopicPartition(look.name(topic), number)
        for topic in (TopicName.LANES, *COMMAND_TOPICS)
        for number in range(len(there.get(look.name(topic), {"partitions": ()})["partitions"]))
    ]
    if not partitions:
        return {}
    assert look.reader is not None  # noqa: S101
    starts = await look.reader.beginning_offsets(partitions)
    ends = await look.reader.end_offsets(partitions)
    return {partition: Range(starts[partition], ends[partition]) for partition in partitions}


async def lane_group(look: Look) -> Group:
    """Who reads the lane log."""
    return await _group(look, look.access.settings.group)


async def intake_group(look: Look) -> Group:
    """Who reads the command topics."""
    return await _group(look, f"{look.access.settings.group}-intake")


async def _group(look: Look, name: str) -> Group:
    admin: Any = look.admin
    coordinator = await admin.find_coordinator(name)
    response = await admin._send_request(_DescribeGroups([name]), coordinator)  # noqa: SLF001 - see _DescribeGroups
    (code, _, state, _, _, members) = response.groups[0]
    if code:
        raise for_code(code)(name)
    owners: dict[TopicPartition, str] = {}
    for _, _, host, _, assignment in members:
        if assignment:
            decoded = ConsumerProtocolMemberAssignment.decode(assignment)
            owners |= dict.fromkeys(decoded.partitions(), host)
    found = await admin.list_consumer_group_offsets(name)
    committed = {partition: at.offset for partition, at in found.items() if at.offset >= 0}
    return Group(state, len(members), owners, committed)


# --------------------------------------------------------------------------------------------------------- reading


async def sealed(look: Look) -> list[Sealed]:
    """The worker's own commands among the newest records of the lane log."""
    log, known = look.name(TopicName.LANES), await look.once(ranges)
    ends = {partition: held for partition, held in known.items() if partition.topic == log and held.end > held.start}
    found: list[Sealed] = []
    if not ends:
        return found
    each = max(1, NEWEST_RECORDS // len(ends))
    until = monotonic_seconds() + READ_SECONDS
    async with look.access.reader() as reader:
        reader.assign(list(ends))
        for partition, held in ends.items():
            reader.seek(partition, max(held.start, held.end - each))
        left = set(ends)
        while left and monotonic_seconds() < until:
            for records in (await reader.getmany(timeout_ms=300)).values():
                for record in records:
                    seal = header(record.headers, SIGNATURE_HEADER)
                    # What came over a command topic has its producer's headers: no seal there says anything of us.
                    if seal is not None and header(record.headers, SOURCE_HEADER) is None:
                        found.append(Sealed(record.timestamp, seal, record.value or b""))
            left -= {partition for partition in left if await reader.position(partition) >= ends[partition].end}
    return found


async def first_records(look: Look, positions: dict[TopicPartition, int]) -> dict[TopicPartition, Any]:
    """The first record at or after each position: None where there are only marks of transactions; absent: no answer.

    Whoever asks has seen that these logs reach beyond the positions.
    """
    if not positions:
        return {}
    known = await look.once(ranges)
    async with look.access.reader() as reader:
        return await _firsts(reader, positions, {partition: known[partition].end for partition in positions})


async def hidden(look: Look, for_seconds: float) -> dict[TopicPartition, Hidden]:
    """What of the command topics has been hidden for so many seconds, and still is."""
    ends = {at: held.end for at, held in (await look.once(ranges)).items() if at.topic != look.name(TopicName.LANES)}
    if not ends:
        return {}
    assert look.reader is not None  # noqa: S101
    async with look.access.reader("read_uncommitted") as reader:
        written = await reader.end_offsets(list(ends))
        behind = [partition for partition, end in ends.items() if written[partition] > end]
        if not behind:
            return {}
        await asyncio.sleep(for_seconds)
        seen = await look.reader.end_offsets(behind)
        starts = {partition: end for partition, end in seen.items() if end < written[partition]}
        firsts = await _firsts(reader, starts, written) if starts else {}
    return {
        partition: Hidden(start, written[partition], record.timestamp if (record := firsts.get(partition)) else None)
        for partition, start in starts.items()
    }


async def _firsts(
    reader: AIOKafkaConsumer, positions: dict[TopicPartition, int], ends: dict[TopicPartition, int]
) -> dict[TopicPartition, Any]:
    found: dict[TopicPartition, Any] = {}
    until = monotonic_seconds() + READ_SECONDS
    reader.assign(list(positions))
    for partition, offset in positions.items():
        reader.seek(partition, offset)
    while len(found) < len(positions) and monotonic_seconds() < until:
        for partition, records in (await reader.getmany(timeout_ms=300, max_records=1)).items():
            found.setdefault(partition, records[0])
        for partition in positions.keys() - found.keys():
            if await reader.position(partition) >= ends[partition]:
                found[partition] = None
        reader.pause(*found)
    return found

"""Topics: make what is missing, and refuse to start where what exists would break a promise."""

from typing import Any

import structlog
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAlreadyExistsError, for_code

from contracts.topics import DAY_MS, TOPICS, Topic, TopicName
from worker.failures import StopWorker
from worker.kafka import client_options, start_client
from worker.settings import Settings

log = structlog.get_logger(__name__)

CREATION_TIMEOUT_MS = 15_000


async def prepare_topics(settings: Settings) -> dict[TopicName, int]:
    """Make and check all topics, and answer with their numbers of partitions.

    Raises:
        StopWorker: with a line for everything that would break a promise.
        KafkaError: when Kafka is not there.
    """
    admin = AIOKafkaAdminClient(**client_options(settings))
    try:
        await admin.start()
        existing = set(await admin.list_topics())
        missing = [topic for topic in TOPICS.values() if settings.topic(topic.name) not in existing]
        if missing:
            await _create(admin, settings, missing)
        partitions = await _partitions(admin, settings)
        configs = await _configs(admin, settings)
    finally:
        await admin.close()
    problems = [
        problem
        for topic in TOPICS.values()
        for problem in broken_promises(
            topic, settings.topic(topic.name), partitions[topic.name], configs[topic.name], settings.lanes
        )
    ]
    if problems:
        raise StopWorker("Topics that would break a promise:\n" + "\n".join(problems))
    return partitions


async def refusing_writes(settings: Settings) -> str | None:
    """A partition that takes no writes now, though it may answer: fewer of its replicas are in sync than it asks for.

    Raises:
        KafkaError: when Kafka is not there.
    """
    names = {settings.topic(name): name for name in TOPICS}
    admin = AIOKafkaAdminClient(**client_options(settings))
    try:
        await start_client(admin)
        described = await admin.describe_topics(list(names))
        configs = await _configs(admin, settings)
    finally:
        await admin.close()
    for topic in described:
        needed = int(configs[names[topic["topic"]]].get("min.insync.replicas", "1"))
        for partition in topic["partitions"]:
            if len(partition["isr"]) < needed:
                place = f"{topic['topic']}[{partition['partition']}]"
                return f"{place} takes no writes, with {len(partition['isr'])} of {needed} replicas in sync"
    return None


def broken_promises(topic: Topic, name: str, partitions: int, config: dict[str, str], lanes: int) -> list[str]:
    """What is wrong with a topic, each with what to do."""
    problems = []
    if topic.partitions == "lanes" and partitions != lanes:
        problems.append(
            f"{name} has {partitions} partitions, the setting `lanes` says {lanes}: set it to {partitions}. The number "
            "cannot change in its life, because a partner belongs to one lane."
        )
    kind = config.get("message.timestamp.type", "CreateTime")
    if topic.log_append_time and kind != "LogAppendTime":
        problems.append(
            f"{name} has message.timestamp.type={kind}: set it to LogAppendTime. The time of a decision is when its "
            "command was appended; a producer's clock could make it late."
        )
    limit = int(config.get("max.message.bytes", "1048588"))
    if limit < topic.max_message_bytes:
        problems.append(
            f"{name} has max.message.bytes={limit}: set it to {topic.max_message_bytes} or more. A decided command "
            "whose event is too large for its topic would stop its lane."
        )
    if "compact" in config.get("cleanup.policy", "delete"):
        problems.append(
            f"{name} has cleanup.policy={config['cleanup.policy']}: set it to delete. Compaction removes records that "
            "nobody has read."
        )
    return problems


async def _create(admin: AIOKafkaAdminClient, settings: Settings, missing: list[Topic]) -> None:
    new = [
        NewTopic(
            settings.topic(topic.name),
            num_partitions=settings.lanes if topic.partitions == "lanes" else settings.topic_partitions,
            replication_factor=settings.replication_factor,
            topic_configs={
                "retention.ms": str(topic.retention_ms),
                "segment.ms": str(DAY_MS),  # what is over goes with its whole segment
                "max.message.bytes": str(topic.max_message_bytes),
                "message.timestamp.type": "LogAppendTime" if topic.log_append_time else "CreateTime",
                "cleanup.policy": "delete",
            },
        )
        for topic in missing
    ]
    response = await admin.create_topics(new, timeout_ms=CREATION_TIMEOUT_MS)
    for name, code, *_ in response.topic_errors:
        error = for_code(code)
        if code and error is not TopicAlreadyExistsError:  # another worker was quicker
            raise error("Create, or Read where it is there", name)
    log.info("topics made", count=len(new))


async def _partitions(admin: AIOKafkaAdminClient, settings: Settings) -> dict[TopicName, int]:
    names = {settings.topic(name): name for name in TOPICS}
    described = await admin.describe_topics(list(names))
    for topic in described:
        if topic["error_code"]:
            raise for_code(topic["error_code"])("Describe", topic["topic"])
    return {names[topic["topic"]]: len(topic["partitions"]) for topic in described}


async def _configs(admin: AIOKafkaAdminClient, settings: Settings) -> dict[TopicName, dict[str, str]]:
    names = {settings.topic(name): name for name in TOPICS}
    responses: list[Any] = await admin.describe_configs(
        [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    )
    configs: dict[TopicName, dict[str, str]] = {}
    for response in responses:
        for code, _, _, name, entries in response.resources:
            if code:
                raise for_code(code)("DescribeConfigs", name)
            configs[names[name]] = {entry[0]: entry[1] for entry in entries}
    return configs

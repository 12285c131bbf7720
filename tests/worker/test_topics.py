"""Topics as the worker makes them, and topics that would break a promise: exit code 3, and what to do."""

from collections.abc import Callable, Iterator

import pytest
from confluent_kafka.admin import (  # type: ignore[attr-defined] # its stubs do not say what it exports
    ConfigResource,
    NewPartitions,
    NewTopic,
)

from contracts.topics import COMMAND_TOPICS, DAY_MS, TOPICS, TopicName
from tests.support import messages
from tests.support.deployment import Deployment
from worker.servers import Servers
from worker.topics import broken_promises

OPERATOR_IS_NEEDED = 3
GOOD = {"message.timestamp.type": "LogAppendTime", "max.message.bytes": "2097152", "cleanup.policy": "delete"}


def create(deployment: Deployment, name: str, partitions: int, config: dict[str, str]) -> None:
    """As an operator who has not read the table."""
    topic = NewTopic(deployment.topic(name), partitions, 1, config=config)
    deployment.operator.admin.create_topics([topic])[topic.topic].result(30)


# ---------------------------------------------------------------------------------------------------------------- made


@pytest.fixture(scope="module")
def made(servers: Servers) -> Iterator[Deployment]:
    deployment = Deployment(servers, lanes=3)
    try:
        deployment.start_worker().wait_ready()
        yield deployment
    finally:
        deployment.close()


@pytest.mark.parametrize("name", TOPICS)
def test_a_topic_is_made_as_the_table_says(made: Deployment, name: TopicName) -> None:
    row = TOPICS[name]
    resource = ConfigResource(ConfigResource.Type.TOPIC, made.topic(name))
    config = {
        key: entry.value for key, entry in made.operator.admin.describe_configs([resource])[resource].result(30).items()
    }
    partitions = made.operator.admin.list_topics(made.topic(name), timeout=10).topics[made.topic(name)].partitions

    assert len(partitions) == (3 if row.partitions == "lanes" else 2)
    assert config["retention.ms"] == str(row.retention_ms)
    assert config["segment.ms"] == str(DAY_MS)
    assert config["max.message.bytes"] == str(row.max_message_bytes)
    assert config["message.timestamp.type"] == ("LogAppendTime" if row.log_append_time else "CreateTime")
    assert config["cleanup.policy"] == "delete"


def test_whatever_decides_about_time_has_the_brokers_time() -> None:
    """A producer's clock must not make a command late."""
    assert all(TOPICS[name].log_append_time for name in (*COMMAND_TOPICS, TopicName.LANES))


# -------------------------------------------------------------------------------------------------------------- refused


@pytest.fixture(scope="module")
def refused(servers: Servers) -> Iterator[tuple[Deployment, str]]:
    """Four topics that are each wrong in one way, and why the worker stopped."""
    deployment = Deployment(servers, lanes=3)
    try:
        create(deployment, TopicName.LANES, 5, GOOD)
        create(deployment, TopicName.FACTS, 1, {**GOOD, "message.timestamp.type": "CreateTime"})
        create(deployment, TopicName.QUOTA_EVENTS, 1, {**GOOD, "cleanup.policy": "compact"})
        create(deployment, TopicName.LIFECYCLE_EVENTS, 1, {**GOOD, "max.message.bytes": "1000"})
        worker = deployment.start_worker()
        assert worker.wait() == OPERATOR_IS_NEEDED, worker.log[-3000:]
        (stopped,) = worker.logged("stopped: an operator is needed")
        yield deployment, stopped["reason"]
    finally:
        deployment.close()


@pytest.mark.parametrize(
    ("name", "what_to_do"),
    [
        (TopicName.LANES, "has 5 partitions, the setting `lanes` says 3: set it to 5"),
        (TopicName.FACTS, "has message.timestamp.type=CreateTime: set it to LogAppendTime"),
        (TopicName.QUOTA_EVENTS, "has cleanup.policy=compact: set it to delete"),
        (TopicName.LIFECYCLE_EVENTS, "has max.message.bytes=1000: set it to 1048576 or more"),
    ],
)
def test_a_topic_that_would_break_a_promise_stops_the_worker_with_what_to_do(
    refused: tuple[Deployment, str], name: TopicName, what_to_do: str
) -> None:
    deployment, reason = refused

    assert f"{deployment.topic(name)} {what_to_do}" in reason


def test_all_that_is_wrong_is_said_at_once_and_nothing_else(refused: tuple[Deployment, str]) -> None:
    assert len(refused[1].splitlines()) == 5  # a headline, and a line for each


def test_nothing_was_decided_before_the_worker_stopped(refused: tuple[Deployment, str]) -> None:
    assert refused[0].db.list_collection_names() == []


def test_a_topic_in_order_breaks_no_promise() -> None:
    assert broken_promises(TOPICS[TopicName.LANES], "lanes", 12, GOOD, 12) == []


def test_compaction_beside_deletion_is_compaction() -> None:
    problems = broken_promises(TOPICS[TopicName.FACTS], "facts", 1, {**GOOD, "cleanup.policy": "compact,delete"}, 12)

    assert len(problems) == 1


# ------------------------------------------------------------------------------------------------------ for life or not


def test_another_number_of_lanes_is_refused_for_life(deploy: Callable[..., Deployment]) -> None:
    """Both the setting and the topic were changed, so only MongoDB remembers."""
    deployment = deploy(lanes=2)
    deployment.start_worker().wait_ready().terminate()
    deployment.operator.admin.delete_topics([deployment.topic(TopicName.LANES)])[
        deployment.topic(TopicName.LANES)
    ].result(30)

    worker = deployment.start_worker(lanes="4")

    assert worker.wait() == OPERATOR_IS_NEEDED, worker.log[-3000:]
    (stopped,) = worker.logged("stopped: an operator is needed")
    assert "partnership-lanes had 2 partitions and has 4" in stopped["reason"]


def test_more_partitions_of_a_public_topic_are_no_harm(deploy: Callable[..., Deployment]) -> None:
    """Producers' teams add some as they please: the table says `any`."""
    deployment = deploy(lanes=2)
    deployment.start_worker().wait_ready().terminate()
    more = NewPartitions(deployment.topic(messages.FACTS), 3)
    deployment.operator.admin.create_partitions([more])[more.topic].result(30)

    deployment.start_worker().wait_ready()
    deployment.produce(messages.FACTS, messages.register_partner("p"), partition=2)

    deployment.wait_decided(["register-p"])

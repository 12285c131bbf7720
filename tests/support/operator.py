"""What operators, and retention, do to a cluster without asking the worker. By librdkafka's admin client."""

from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import Any

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined] # its stubs do not say what it exports
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    OffsetSpec,
    ResourcePatternType,
    ResourceType,
)

from tests.support.waiting import wait_until

AWAY = {KafkaError._TIMED_OUT, KafkaError.COORDINATOR_NOT_AVAILABLE, KafkaError.NOT_COORDINATOR}


class Operator:
    """Topics are named without the deployment's prefix, groups with theirs."""

    def __init__(self, bootstrap: str, prefix: str) -> None:
        self.admin: Any = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
        self._bootstrap = bootstrap
        self._prefix = prefix

    def forget_group(self, group: str) -> bool:
        """Delete a consumer group with its offsets. False while it still has members, or Kafka does not answer.

        In a process of its own: an assertion of librdkafka's (`rd_kafka_enq_once_del_source_return`) once ended the
        process of a long run under faults. Which request it was is not known; this is the one that times out there.
        """
        with ProcessPoolExecutor(1, get_context("spawn")) as apart:
            try:
                return apart.submit(_forget_group, self._bootstrap, group).result()
            except BrokenProcessPool:
                return False

    def wait_forgotten(self, group: str) -> None:
        """Delete a group, once its last member is gone."""
        wait_until(lambda: self.forget_group(group), 60, f"the group {group} to be empty")

    def wait_memberless(self, group: str) -> None:
        """Until offsets can be set by hand."""
        wait_until(lambda: not self.members(group), 30, f"the group {group} to be empty")

    def members(self, group: str) -> int:
        """How many members a group has."""
        return len(self.admin.describe_consumer_groups([group])[group].result(30).members)

    def offsets(self, group: str, topic: str) -> dict[int, int]:
        """What a group has committed on a topic."""
        wanted = ConsumerGroupTopicPartitions(group, self._partitions(topic))
        found = self.admin.list_consumer_group_offsets([wanted])[group].result(30)
        return {place.partition: place.offset for place in found.topic_partitions}

    def set_offsets(self, group: str, topic: str, offsets: dict[int, int]) -> None:
        """As an operator does by hand. The group must have no members."""
        places = [TopicPartition(self._prefix + topic, partition, offset) for partition, offset in offsets.items()]
        self.admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(group, places)])[group].result(30)

    def ends(self, topic: str) -> dict[int, int]:
        """The next offset of each partition."""
        latest: Any = OffsetSpec
        wanted = {place: latest.latest() for place in self._partitions(topic)}
        return {place.partition: found.result(30).offset for place, found in self.admin.list_offsets(wanted).items()}

    def delete_topics(self) -> None:
        """All of the deployment's. A broker with the topics of a hundred tests is a slow one."""
        names = [name for name in self.admin.list_topics(timeout=10).topics if name.startswith(self._prefix)]
        for done in (self.admin.delete_topics(names) if names else {}).values():
            done.result(30)

    def delete_topic(self, topic: str) -> None:
        """With all its records."""
        name = self._prefix + topic
        self.admin.delete_topics([name])[name].result(30)
        wait_until(lambda: name not in self.admin.list_topics(timeout=10).topics, 30, f"{topic} to be gone")

    def delete_records(self, topic: str, before: dict[int, int]) -> None:
        """Truncate a topic's partitions from their beginning, as retention does."""
        places = [TopicPartition(self._prefix + topic, partition, offset) for partition, offset in before.items()]
        for done in self.admin.delete_records(places).values():
            done.result(30)

    def configure(self, topic: str, **config: str) -> None:
        """Change a topic's configuration while it is in use (`_` for `.`)."""
        entries = [
            ConfigEntry(name.replace("_", "."), value, incremental_operation=AlterConfigOpType.SET)
            for name, value in config.items()
        ]
        resource = ConfigResource(ConfigResource.Type.TOPIC, self._prefix + topic, incremental_configs=entries)
        self.admin.incremental_alter_configs([resource])[resource].result(30)

    def allow_writing(self, topic: str, principals: list[str]) -> None:
        """By ACLs, one for each of these users."""
        name, kind = self._prefix + topic, ResourcePatternType.LITERAL
        write, allow = AclOperation.WRITE, AclPermissionType.ALLOW
        made = [AclBinding(ResourceType.TOPIC, name, kind, who, "*", write, allow) for who in principals]
        for done in (self.admin.create_acls(made) if made else {}).values():
            done.result(30)

    def configure_brokers(self, **config: str) -> None:
        """The same for each broker of the cluster."""
        entries = [
            ConfigEntry(name.replace("_", "."), value, incremental_operation=AlterConfigOpType.SET)
            for name, value in config.items()
        ]
        for broker in self.admin.list_topics(timeout=10).brokers:
            resource = ConfigResource(ConfigResource.Type.BROKER, str(broker), incremental_configs=entries)
            self.admin.incremental_alter_configs([resource])[resource].result(30)

    def _partitions(self, topic: str) -> list[TopicPartition]:
        name = self._prefix + topic
        found = self.admin.list_topics(name, timeout=10).topics[name].partitions
        return [TopicPartition(name, partition) for partition in found]


def _forget_group(bootstrap: str, group: str) -> bool:
    admin: Any = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    try:
        admin.delete_consumer_groups([group], request_timeout=10)[group].result(15)
    except TimeoutError:
        return False
    except KafkaException as error:
        code = error.args[0].code()
        if code == KafkaError.NON_EMPTY_GROUP or code in AWAY:
            return False
        if code != KafkaError.GROUP_ID_NOT_FOUND:  # forgotten at an attempt that seemed to fail
            raise
    return True

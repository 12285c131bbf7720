"""The table of topics: what travels on each, and what a topic must be so that the worker can keep its promises."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

DAY_MS = 86_400_000

RECORD_BYTES_MAX = 1_048_576
"""Kafka's usual limit. A command may have 256 KiB (COMMAND_BYTES_MAX); what is larger, up to this, is a dead letter."""

COMMAND_BYTES_MAX = 262_144
"""Above this a record is a dead letter: its events and its journal entry must fit their own limits."""

WRAPPED_RECORD_BYTES_MAX = 2 * RECORD_BYTES_MAX
"""Lane log and dead letters carry a record of the largest size together with headers of ours."""


class TopicName(StrEnum):
    """The names of all topics. A deployment can put a prefix before them."""

    FACTS = "partnership.facts"
    INVITATION_COMMANDS = "partnership.invitation.commands"
    BINDING_COMMANDS = "partnership.binding.commands"
    TERMINATION_COMMANDS = "partnership.termination.commands"
    LANES = "partnership.lanes"
    LIFECYCLE_EVENTS = "partnership.lifecycle.events"
    QUOTA_EVENTS = "partnership.quota.events"
    BILLING_EVENTS = "partnership.billing.events"
    NOTICE_EVENTS = "partnership.notice.events"
    REJECTIONS = "partnership.rejections"
    DEAD_LETTERS = "partnership.dead-letters"


@dataclass(frozen=True, slots=True)
class Topic:
    """One row of the table.

    `partitions` is `any` (the worker creates its default and accepts every number) or `lanes` (as many as there are
    lanes, for life). `retention_ms` is what the worker creates; an operator may choose another one.
    """

    name: TopicName
    carries: str
    key: str
    producer: str
    consumer: str
    partitions: Literal["any", "lanes"]
    retention_ms: int
    max_message_bytes: int
    log_append_time: bool


def _public(name: TopicName, carries: str, key: str = "the same for all commands of a partner") -> Topic:
    return Topic(name, carries, key, "producers", "worker (intake)", "any", 7 * DAY_MS, RECORD_BYTES_MAX, True)  # noqa: FBT003 - a row of a table


def _events(name: TopicName, carries: str, key: str, consumer: str, days: int) -> Topic:
    return Topic(name, carries, key, "worker (lanes)", consumer, "any", days * DAY_MS, RECORD_BYTES_MAX, True)  # noqa: FBT003 - a row of a table


TOPICS: dict[TopicName, Topic] = {
    topic.name: topic
    for topic in (
        _public(TopicName.FACTS, "what other systems report about partners and customers"),
        _public(TopicName.INVITATION_COMMANDS, "invite, resend, open, verify, accept, decline, cancel"),
        _public(TopicName.BINDING_COMMANDS, "activation, upkeep, modifications, suspension, cards"),
        _public(TopicName.TERMINATION_COMMANDS, "check, request, confirm, decide, withdraw, close, reactivate"),
        Topic(
            TopicName.LANES,
            carries="every command in its final order, and the worker's own",
            key="as produced",
            producer="worker (intake, lanes, scheduler)",
            consumer="worker (lanes)",
            partitions="lanes",
            retention_ms=30 * DAY_MS,
            max_message_bytes=WRAPPED_RECORD_BYTES_MAX,
            log_append_time=True,
        ),
        _events(TopicName.LIFECYCLE_EVENTS, "each change of a partnership, partner or customer", "subject", "all", 30),
        _events(TopicName.QUOTA_EVENTS, "QuotaUpdated", "partner", "quota and sales systems", 30),
        _events(TopicName.BILLING_EVENTS, "billing switches, bills, refunds", "partnership", "billing", 30),
        _events(TopicName.NOTICE_EVENTS, "notices, with personal data; checks", "partnership", "notification", 7),
        _events(TopicName.REJECTIONS, "CommandRejected", "subject", "whoever sent the command", 7),
        Topic(
            TopicName.DEAD_LETTERS,
            carries="records that could not be handled, byte for byte",
            key="as produced",
            producer="worker (lanes)",
            consumer="operators",
            partitions="any",
            retention_ms=30 * DAY_MS,
            max_message_bytes=WRAPPED_RECORD_BYTES_MAX,
            log_append_time=True,
        ),
    )
}

COMMAND_TOPICS = (
    TopicName.FACTS,
    TopicName.INVITATION_COMMANDS,
    TopicName.BINDING_COMMANDS,
    TopicName.TERMINATION_COMMANDS,
)
"""All of them are subscribed from the first release on, so that a rolling upgrade never splits them."""

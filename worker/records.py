"""Records on their way: what came from Kafka into a lane, and what a decision sends out."""

import hashlib
import re
from collections.abc import Sequence
from typing import NamedTuple

from aiokafka import ConsumerRecord

from contracts.topics import TopicName

Headers = tuple[tuple[str, bytes | None], ...]

SOURCE_HEADER = "~source"
"""Written by intake: `topic:partition:offset:append time in ms`. Ours is the last of this name; others do not count."""

SOURCE_PATTERN = re.compile(rb"([A-Za-z0-9._-]{1,249}):(\d{1,9}):(\d{1,18}):(\d{1,15})")

EDITED_FROM_HEADER = "~edited-from"
"""The dead letter whose record this is, or corrects: sent on by a lane that it did not belong to."""

TOO_LARGE_HEADER = "~too-large"
"""On what stands for a record that stays where it is (worker/intake.py, record_batch.py): how many bytes it has."""

BATCH_TOO_LARGE, RECORD_BROKEN = b"batch", b"broken"
"""In the place of the number, on what stands for a record of a batch that was not unpacked, and for one that does not
have the lengths that it says (worker/record_batch.py)."""

UNPACKED_BYTES_MAX = 16 * 1024 * 1024
"""Of one record batch once it is unpacked. Producers' batches have at most 1 MB unless they are told otherwise."""

HEADERS_MAX = 1000
"""Headers of a record that is moved, and of a letter that is kept: each costs far more in MongoDB than in Kafka."""

REPUBLISHED_HEADER = "republished"
"""On a record that went out before: the id of the order to publish it again."""

OF_DEADLINE, OF_ORDER, OF_STEP = "~due:", "~order:", "~step:"
"""How the ids of the worker's own commands begin: others' are anybody's, and may not begin with `~`."""

SIGNATURE_HEADER = "~signature"
"""HMAC of the value, on the worker's own commands."""


class Source(NamedTuple):
    """Where a record was first appended: on a public topic, or, for the worker's own commands, in the lane log."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int

    def to_header(self) -> tuple[str, bytes]:
        """The header that carries it through the lane log."""
        return SOURCE_HEADER, f"{self.topic}:{self.partition}:{self.offset}:{self.timestamp_ms}".encode()

    @classmethod
    def of(cls, record: ConsumerRecord) -> "Source":
        """The source of a lane record: what intake wrote, else the record's own place."""
        found = SOURCE_PATTERN.fullmatch(header(record.headers, SOURCE_HEADER) or b"")
        if found is None:
            return cls(record.topic, record.partition, record.offset, record.timestamp)
        topic, *numbers = found.groups()
        return cls(topic.decode(), *map(int, numbers))

    def position_id(self, value: bytes | None) -> str:
        """The id of a journal entry or dead letter that has no command's: `~topic:partition:offset:hash`.

        The hash keeps it apart from a record at the same place of a topic that was deleted and made again.
        """
        digest = hashlib.sha256(value or b"").hexdigest()[:8]
        return f"~{self.topic}:{self.partition}:{self.offset}:{digest}"


class Outgoing(NamedTuple):
    """A record to publish, just as it is kept in the journal, but for the token, which is derived when it goes out."""

    topic: TopicName
    partition: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    token: tuple[str, str, int, str] | None = None
    """(purpose, subject, number, id of the secret) of the HMAC that goes into `data.params.token` of the value."""


def _undotted(topic: TopicName) -> str:
    return topic.value.replace(".", "-")


UNDOTTED = {_undotted(topic): topic for topic in TopicName}


def mark_of(topic: TopicName, partition: int) -> str:
    """The name of a partition in a lane's document, which may have no dot in it."""
    return f"{_undotted(topic)}:{partition}"


def place_of(mark: str) -> tuple[TopicName, int]:
    """The partition that `mark_of` named."""
    name, partition = mark.split(":")
    return UNDOTTED[name], int(partition)


def size_of(record: ConsumerRecord) -> int:
    """The bytes of a record: key, value and headers."""
    size = len(record.key or b"") + len(record.value or b"")
    for name, value in record.headers:
        size += len(name if name.isascii() else name.encode()) + len(value or b"")
    return size


def header(headers: Sequence[tuple[str, bytes | None]], name: str) -> bytes | None:
    """The last header of that name, or None."""
    for key, value in reversed(headers):
        if key == name:
            return value
    return None

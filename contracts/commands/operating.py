"""Operators' orders, in the lane log only: sealed by the operator's process, carried out by the lane of the letter.

Only a lane writes dead letters and publishes events, so two operators, or an operator and a worker, cannot contradict
each other: one order comes after the other, and each leaves a journal entry under its own id that says what came of it.
"""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field, JsonValue, StringConstraints

from contracts.base import LongText
from contracts.message import Command
from contracts.topics import TopicName

LetterId = Annotated[str, StringConstraints(min_length=1, max_length=512)]
"""A command's id, or `~topic:partition:offset:hash` of a record that has none."""

REPUBLISHED_ENTRIES_MAX = 100


class Order(Command):
    """About the engine's own records, not about a partnership."""

    TOPIC: ClassVar[TopicName] = TopicName.LANES

    reason: LongText = ""


class LetterOrder(Order):
    """What is done with one dead letter. `plan` is what the operator was told that it would do."""

    letter_id: LetterId
    plan: LongText = ""


class ReplayDeadLetter(LetterOrder):
    """Decide its bytes anew, as they are, under its own command id. `force` overrides the loop guard."""

    force: bool = False


class EditDeadLetter(LetterOrder):
    """Decide a corrected body in its place, under a new command id. The letter itself stays as it was."""

    body: Annotated[dict[str, JsonValue], Field(max_length=64)]


class DiscardDeadLetter(LetterOrder):
    """It is not to be decided; what waits behind it goes through."""


class ReopenDeadLetter(LetterOrder):
    """A discarded one is open again, and blocks again from then on."""


class ReleaseDeadLetter(LetterOrder):
    """It stays open, but nobody waits for it any longer."""


class ContinueParked(Order):
    """From a lane to itself: what waits behind `blocks` was more than one store takes."""

    blocks: Annotated[str, StringConstraints(min_length=1, max_length=300)]


class Republish(Order):
    """Publish records of these journal entries again, because the topics have lost them.

    `records`: entry → which of its records, by their number in it from 0; all of them where none is named. `seen`: up
    to there, not including it, the orders of the lane log had been published when the caller looked at the topics. What
    was republished since does not go out another time: the caller cannot know of it.
    """

    records: Annotated[
        dict[LetterId, Annotated[tuple[Annotated[int, Field(ge=0, le=1_000_000)], ...], Field(max_length=1000)]],
        Field(min_length=1, max_length=REPUBLISHED_ENTRIES_MAX),
    ]
    seen: Annotated[int, Field(ge=0, lt=2**63)] = 0


class Answer(StrEnum):
    """Why an order had no effect, or another one than was hoped for: the `code` of its journal entry."""

    NOT_FOUND = "NOT_FOUND"
    OTHER_LANE = "OTHER_LANE"
    ALREADY_RESOLVED = "ALREADY_RESOLVED"
    DISCARDED = "DISCARDED"
    NOT_DISCARDED = "NOT_DISCARDED"
    NOT_BLOCKING = "NOT_BLOCKING"
    PARKED = "PARKED"
    LOOP_GUARD = "LOOP_GUARD"
    STILL_FAILING = "STILL_FAILING"
    UNREADABLE = "UNREADABLE"
    REDACTED = "REDACTED"
    ID_TAKEN = "ID_TAKEN"
    NOT_PUBLISHED_YET = "NOT_PUBLISHED_YET"
    ALREADY_REPUBLISHED = "ALREADY_REPUBLISHED"
    TOO_MUCH = "TOO_MUCH"

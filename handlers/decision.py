"""What a decider is given besides the documents, and what it answers."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from contracts.message import Command, Event
from contracts.rejections import RejectionCode
from handlers.policy import Policy


class Context(NamedTuple):
    """All that a decision may depend on besides the documents and the command.

    `now` is the append time of the command's record in the lane log, never below the lane's last (decision 0004), so
    that the same log decides the same. `tokens` are HMACs: (purpose, subject, number) → a text for each of the
    server's secrets that is accepted.
    """

    now: datetime
    policy: Policy
    tokens: Callable[[str, str, int], tuple[str, ...]]


class Internal(NamedTuple):
    """A command that the worker gives itself, for the lane of `partner_id`."""

    command: Command
    subject: str
    partner_id: str


class Accepted(NamedTuple):
    """The command is carried out: these facts follow from it, in this order."""

    events: tuple[Event, ...] = ()
    internal: tuple[Internal, ...] = ()


@dataclass(frozen=True, slots=True)
class Rejected:
    """The rules say no. A refusal is a value; an exception in a decider is a defect and makes a dead letter."""

    code: RejectionCode
    details: dict[str, object] = field(default_factory=dict)


Decision = Accepted | Rejected

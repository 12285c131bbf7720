"""Which records of the lane log share a batch."""

from aiokafka import ConsumerRecord

from contracts.base import to_milliseconds
from contracts.commands.internal import ApplyAgreement, SpreadAgreement
from contracts.commands.operating import ReleaseDeadLetter
from contracts.message import SYSTEM, Command, CommandMessage
from worker.clock import from_milliseconds
from worker.decode import Item, decode
from worker.encode import cloud_event
from worker.letters.carrying import ORDERS_MAX, run_of_a_kind
from worker.records import SIGNATURE_HEADER
from worker.secrets import Secrets

SECRETS = Secrets("0123456789abcdef0123456789abcdef")
APPLY, SPREAD, RELEASE = (
    ApplyAgreement(actor=SYSTEM),
    SpreadAgreement(actor=SYSTEM),
    ReleaseDeadLetter(actor=SYSTEM, letter_id="x"),
)


def items(*commands: Command) -> list[Item]:
    """As intake or a lane puts them into the lane log."""
    return [item(number, command) for number, command in enumerate(commands)]


def item(offset: int, command: Command) -> Item:
    cause = CommandMessage(f"~{offset}", "p", "p", command)
    value = cloud_event(command, f"~{offset}", "p", "p", cause, to_milliseconds(from_milliseconds(0)))
    headers = ((SIGNATURE_HEADER, SECRETS.seal(value)),)
    return decode(ConsumerRecord("lanes", 0, offset, 9, 1, None, value, None, 0, 0, headers), SECRETS)


def shared(*commands: Command) -> int:
    return len(run_of_a_kind(items(*commands)))


def test_what_speaks_to_many_ends_a_batch() -> None:
    """Of each follows a batch of its own: 500 of them, when agreements are renewed, would be 250,000 commands."""
    assert shared(APPLY, APPLY, SPREAD, SPREAD, APPLY) == 3
    assert shared(SPREAD, SPREAD) == 1
    assert shared(APPLY, APPLY) == 2


def test_orders_share_a_batch_with_orders_only() -> None:
    assert shared(APPLY, RELEASE, APPLY) == 1
    assert shared(RELEASE, APPLY) == 1
    assert shared(*[RELEASE] * (ORDERS_MAX + 1)) == ORDERS_MAX

"""What comes of an order about dead letters or the journal. Pure, like the rest of a batch: what it needs is loaded."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import count
from typing import Any, NamedTuple, Protocol

from contracts.commands.operating import (
    Answer,
    ContinueParked,
    DiscardDeadLetter,
    EditDeadLetter,
    LetterOrder,
    ReleaseDeadLetter,
    ReopenDeadLetter,
    ReplayDeadLetter,
    Republish,
)
from contracts.message import CommandMessage
from contracts.topics import TopicName
from worker.dead_letters import DISCARDED, OPEN, PARKED, RESOLVED, Fault, fingerprint_of
from worker.decode import Item, Readable
from worker.encode import CONTENT_TYPE_HEADER
from worker.letters.keys import blocked_by, key_of, keys_of
from worker.letters.republishing import republish
from worker.letters.sight import Sight
from worker.mongo.letters import Letter
from worker.mongo.store import LaneDocument
from worker.partitioning import lane_of
from worker.records import EDITED_FROM_HEADER, Outgoing

REPLAYS_MAX = 5
"""So often a letter is replayed before `force` is needed: a sixth time helps as little, and hides what does not."""

HISTORY_MAX = 50
"""Orders that a letter remembers; the journal has them all."""


class Settled(NamedTuple):
    """What came of a letter that was decided anew; a fault if it is a dead letter still."""

    text: str
    fault: Fault | None = None


class Desk(Protocol):
    """The batch, as far as orders need it."""

    now: datetime
    lane: LaneDocument

    @property
    def lanes(self) -> int:
        """How many lanes there are."""

    def knows(self, command_id: str) -> bool:
        """Whether the journal, or this batch, has this id."""

    def settle_letter(self, letter: Letter, item: Item, step: int, edited_from: str | None) -> Settled:
        """Decide it now; with its journal entry, as a step of the order's."""

    def fail_letter(self, letter: Letter, item: Item, fault: Fault, step: int) -> None:
        """It waited, and fails now that it is decided: on the topic, in the journal, and for the failure limit."""

    def bury_edited(self, letter: Letter, item: Item, fault: Fault, step: int, blocks: str | None) -> None:
        """A new letter, of an edited body that fails, in the place of the old one."""

    def keep(self, letter: Letter, *, blocked: bool) -> None:
        """Store what became of it. `blocked`: whether somebody waited for it before."""

    def continue_later(self, blocks: str, partner: str) -> Outgoing:
        """The lane's order to itself."""

    def answer(
        self,
        answer: Answer | None,
        result: dict[str, Any],
        records: list[Outgoing],
        *,
        about: Iterable[str] = (),
        republished: Sequence[str] = (),
    ) -> None:
        """The order's own entry: with records, copies `about` others (worker/redaction.py), or names of old ones."""


def carry_out(desk: Desk, message: CommandMessage, sight: Sight) -> None:
    """Carry an order out, or say in its journal entry why it has no effect."""
    match message.data:
        case LetterOrder() as order:
            refused = _refusal(desk, order, sight)
            if refused is not None or sight.letter is None:
                result = {"letter": order.letter_id} | ({"waits_for": w} if (w := sight.stands_before) else {})
                desk.answer(refused, result, [])
            else:
                _Work(desk, message, sight, sight.letter).carry_out(order)
        case ContinueParked() as going_on:
            work = _Work(desk, message, sight, {})
            work.let_go(going_on.blocks, message.partner_id)
            work.answer(None)
        case Republish() as wanted:
            republish(desk, message.id, wanted, sight)
        case _:
            msg = f"{message.data.wire_type()} is no order"
            raise TypeError(msg)


def _refusal(desk: Desk, order: LetterOrder, sight: Sight) -> Answer | None:  # noqa: PLR0911 - one for each reason
    letter = sight.letter
    if letter is None:
        return Answer.NOT_FOUND
    if letter["lane"] != desk.lane.lane:
        return Answer.OTHER_LANE
    state = letter["state"]
    if isinstance(order, ReopenDeadLetter) and state != RESOLVED:
        return None if state == DISCARDED else Answer.NOT_DISCARDED
    if state in (RESOLVED, DISCARDED):
        return Answer.ALREADY_RESOLVED if state == RESOLVED else Answer.DISCARDED
    if isinstance(order, ReleaseDeadLetter):
        return Answer.PARKED if state == PARKED else None if "blocks" in letter else Answer.NOT_BLOCKING
    if isinstance(order, DiscardDeadLetter):
        return None
    if sight.stands_before is not None:
        return Answer.PARKED
    if isinstance(order, ReplayDeadLetter) and letter.get("redacted"):
        return Answer.REDACTED
    if isinstance(order, ReplayDeadLetter) and letter.get("replays", 0) >= REPLAYS_MAX and not order.force:
        return Answer.LOOP_GUARD
    return _refusal_of_edit(desk, letter, sight.item) if isinstance(order, EditDeadLetter) else None


def _refusal_of_edit(desk: Desk, letter: Letter, edited: Item | None) -> Answer | None:
    if edited is None or not isinstance(edited.decoded, Readable) or edited.decoded.message.data.dry_run:
        return Answer.UNREADABLE
    new = edited.decoded.message.id
    taken = new == letter["command_id"] or new.startswith("~") or desk.knows(new)
    return Answer.ID_TAKEN if taken else None


class _Work:
    """One order under way: its steps, what still blocks, and what it will answer."""

    def __init__(self, desk: Desk, message: CommandMessage, sight: Sight, letter: Letter) -> None:
        self.desk = desk
        self.message = message
        self.sight = sight
        self.letter = letter
        self.steps: Iterator[int] = count(1)
        self.stuck: set[str] = set()
        self.records: list[Outgoing] = []
        self.about: set[str] = set()
        self.result: dict[str, Any] = {"letter": letter["_id"]} if letter else {}
        self.counts: dict[str, int] = {}

    def carry_out(self, order: LetterOrder) -> None:
        blocks, answer = self.letter.get("blocks"), None
        match order:
            case ReplayDeadLetter():
                answer = self._replay(blocks)
            case EditDeadLetter():
                answer = self._edit(blocks)
            case DiscardDeadLetter():
                self._keep("discard", "discarded", DISCARDED, None)
            case ReleaseDeadLetter():
                self._keep("release", "released", OPEN, None)
            case ReopenDeadLetter():
                again = blocked_by(self.sight.item, self.desk.lane.lane, self.desk.lanes) if self.sight.item else None
                self._keep("reopen", "open again", OPEN, again)
            case _:
                msg = f"{order.wire_type()} is no order about one letter"
                raise TypeError(msg)
        if blocks is not None:
            self.let_go(blocks, self.letter["partner"])
        self.answer(answer)

    def _replay(self, blocks: str | None) -> Answer | None:
        item = self.sight.item
        assert item is not None  # noqa: S101 - it was looked at with its letter
        self.letter["replays"] = self.letter.get("replays", 0) + 1
        if self._belongs_elsewhere(item):
            self._forward(item)
            self._keep("replay", "forwarded to its lane", RESOLVED, None)
            return None
        settled = self.desk.settle_letter(self.letter, item, next(self.steps), None)
        if settled.fault is None:
            self._keep("replay", settled.text, RESOLVED, None)
            return None
        fail(self.letter, item, settled.fault)
        blocks = _widened(blocks, self.letter, settled.fault)
        self._keep("replay", settled.text, OPEN, blocks)
        self._hold(blocks)
        return Answer.STILL_FAILING

    def _edit(self, blocks: str | None) -> Answer | None:
        item = self.sight.item
        assert item is not None and isinstance(item.decoded, Readable)  # noqa: S101, PT018 - else it was refused
        self.letter["edited_to"] = item.decoded.message.id
        if self._belongs_elsewhere(item):
            self._forward(item)
            self._keep("edit", "forwarded to its lane", RESOLVED, None)
            return None
        settled = self.desk.settle_letter(self.letter, item, next(self.steps), self.letter["_id"])
        self._keep("edit", settled.text, RESOLVED, None)
        if settled.fault is None:
            return None
        still = None
        if blocks is not None:
            whole = settled.fault.is_partners
            still = blocked_by(item, self.desk.lane.lane, self.desk.lanes, all_of_partner=whole)
        self.desk.bury_edited(self.letter, item, settled.fault, next(self.steps), still)
        self._hold(still)
        return Answer.STILL_FAILING

    def _belongs_elsewhere(self, item: Item) -> bool:
        decoded = item.decoded
        return isinstance(decoded, Readable) and lane_of(decoded.message.partner_id, self.desk.lanes) != (
            self.desk.lane.lane
        )

    def _forward(self, item: Item) -> None:
        """To the lane of the partner, which could not be read before, or was corrected."""
        assert isinstance(item.decoded, Readable)  # noqa: S101 - its partner was read
        partner = item.decoded.message.partner_id
        headers = (CONTENT_TYPE_HEADER, (EDITED_FROM_HEADER, self.letter["_id"].encode()))
        place = lane_of(partner, self.desk.lanes)
        self.about.add(item.decoded.message.subject)
        self.records.append(Outgoing(TopicName.LANES, place, partner.encode(), item.record.value, headers))

    def let_go(self, blocks: str, partner: str) -> None:
        """What waited goes through in log order, for as long as nothing before it fails."""
        for letter, item in self.sight.waiting:
            if not self.stuck.isdisjoint(_waits_for(letter)):
                self.stuck.add(letter["blocks"])
                continue
            if letter.get("redacted"):
                self._keep("continue", "discarded: a purge took its body", DISCARDED, None, letter)
                continue
            step = next(self.steps)
            settled = self.desk.settle_letter(letter, item, step, None)
            if settled.fault is None:
                self._keep("continue", settled.text, RESOLVED, None, letter)
            else:
                fail(letter, item, settled.fault)
                self.desk.fail_letter(letter, item, settled.fault, next(self.steps))
                still = _widened(letter["blocks"], letter, settled.fault)
                self._keep("continue", settled.text, OPEN, still, letter)
                self._hold(still)
        if self.sight.more and self.stuck.isdisjoint({blocks, f"partner:{partner}"}):
            self.records.append(self.desk.continue_later(blocks, partner))

    def answer(self, answer: Answer | None) -> None:
        if self.counts:
            self.result["let_go"] = self.counts
        self.desk.answer(answer, self.result, self.records, about=self.about)

    def _hold(self, blocks: str | None) -> None:
        if blocks is not None:
            self.stuck.add(blocks)

    def _keep(self, action: str, text: str, state: str, blocks: str | None, waiting: Letter | None = None) -> None:
        """Note what became of a letter, and who did it."""
        letter = self.letter if waiting is None else waiting
        if waiting is None:
            self.result["result"] = text
        else:
            name = text.partition(":")[0]
            self.counts[name] = self.counts.get(name, 0) + 1
        blocked = "blocks" in letter
        letter.pop("blocks", None)
        if blocks is not None:
            letter["blocks"] = blocks
        letter["state"] = state
        letter["settled_at"] = self.desk.now if state in (RESOLVED, DISCARDED) else None
        order = self.message.data
        done = {
            "at": self.desk.now,
            "by": order.actor.user_id,
            "action": action,
            "order": self.message.id,
            "reason": getattr(order, "reason", ""),
            "plan": getattr(order, "plan", "") if waiting is None else "",
            "result": text,
        }
        letter["history"] = [*letter.get("history", ()), done][-HISTORY_MAX:]
        self.desk.keep(letter, blocked=blocked)


def fail(letter: Letter, item: Item, fault: Fault) -> None:
    """What is known of a letter after it failed again. What this release can read of it is noted too."""
    if isinstance(item.decoded, Readable):
        message = item.decoded.message
        letter |= {
            "command_id": message.id,
            "type": message.data.wire_type(),
            "subject": message.subject,
            "partner": message.partner_id,
        }
    letter |= {
        "reason": fault.reason,
        "error": fault.error,
        "fingerprint": fingerprint_of(fault, letter["type"]),
    }


def _widened(blocks: str | None, letter: Letter, fault: Fault) -> str | None:
    """What it blocks now: a document of its partner's that cannot be read holds all of its partnerships."""
    return key_of(None, letter["partner"]) if fault.is_partners and blocks is not None else blocks


def _waits_for(letter: Letter) -> tuple[str, ...]:
    partner = letter["partner"]
    return keys_of(letter["subject"] or partner, partner)

"""An order's batch: it decides letters besides, each as a step of its own at the order's place in the log."""

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from typing_extensions import override

from contracts.commands.operating import Answer, ContinueParked
from contracts.message import SYSTEM, CommandMessage
from handlers.decision import Internal
from worker import journal
from worker.batch import Batch, Result, Rules, takes_its_command_id
from worker.dead_letters import HANDLER_FAILED, Fault, where
from worker.decode import Item, Readable
from worker.letters.orders import Settled, carry_out
from worker.letters.sight import Sight
from worker.mongo.letters import Letter
from worker.mongo.store import LaneDocument, Loaded, to_bson
from worker.records import Outgoing


def decide_order(
    rules: Rules, lane: LaneDocument, loaded: Loaded, item: Item, sight: Sight, condemned: str | None = None
) -> Result:
    """Carry out an order about dead letters or the journal, with all that it decides.

    `condemned`: MongoDB would not take what came of the one letter that is decided; it fails for that.

    Raises:
        Unstorable: when a document cannot be stored; with fewer letters it shows whose.
    """
    desk = Desk(rules, lane, loaded, condemned, item)
    try:
        desk.take_order(sight)
    except Exception as error:  # noqa: BLE001 - a defect must not stop the lane for ever
        desk = Desk(rules, lane, loaded, condemned, item)
        desk.fail_order(where(error))
    return desk.result(item.record.offset + 1)


class Desk(Batch):
    """Where one order is carried out; orders.py says how."""

    def __init__(self, rules: Rules, lane: LaneDocument, loaded: Loaded, condemned: str | None, item: Item) -> None:
        super().__init__(rules, lane, loaded, condemned)
        assert isinstance(item.decoded, Readable)  # noqa: S101 - an order is one
        self._order = item
        self._message: CommandMessage = item.decoded.message
        self._step: dict[str, Any] | None = None
        self._ended = ""
        self._tell_time(item)

    def take_order(self, sight: Sight) -> None:
        """Carry it out; once, however often it comes."""
        if self._message.id in self.loaded.digests:
            self._count("repeated")
        else:
            carry_out(self, self._message, sight)

    def fail_order(self, error: str) -> None:
        """It is a dead letter itself; nobody waits for it."""
        self._bury(self._order.position_id, self._order, Fault(HANDLER_FAILED, error))

    @property
    def lanes(self) -> int:
        """How many there are."""
        return self.rules.lanes

    def knows(self, command_id: str) -> bool:
        """Whether the journal has this id."""
        return command_id in self.loaded.digests

    def settle_letter(self, letter: Letter, item: Item, step: int, edited_from: str | None) -> Settled:
        """As if its record came now, under its own command id: its events have the same ids whenever it is decided."""
        decoded = item.decoded
        entry_id = decoded.message.id if takes_its_command_id(item) else item.position_id  # type: ignore[union-attr]
        known = self.loaded.digests.get(entry_id) if entry_id != letter["_id"] else None
        with self._at(letter["_id"], step, edited_from):
            if known is not None:  # it could not be read at first, and another record has its id by now
                self._ended = "repeated"
                self._repeat(item, known)
                return Settled(self._ended)
            self._ended = "without effect"
            fault = self._settle(entry_id, item)
            return Settled(f"failed: {fault.reason}" if fault else self._ended, fault)

    def fail_letter(self, letter: Letter, item: Item, fault: Fault, step: int) -> None:
        """One that waited: now it is on the topic with its own reason, and counts for the failure limit."""
        self._note_failure(item, fault)
        record, _ = self._letter(letter["_id"], item, fault, None)
        with self._at(letter["_id"], step, None):
            self._enter(letter["_id"], item, journal.Outcome.DEAD_LETTER, [(record, None)], code=fault.reason)

    def bury_edited(self, letter: Letter, item: Item, fault: Fault, step: int, blocks: str | None) -> None:
        """A letter under the corrected body's id, in the place of the first."""
        assert isinstance(item.decoded, Readable)  # noqa: S101 - else the edit was refused
        new_id = item.decoded.message.id
        record, new = self._letter(new_id, item, fault, blocks)
        self.letters.append(to_bson(new | {"edited_from": letter["_id"]}))
        self.blocking += blocks is not None
        with self._at(letter["_id"], step, letter["_id"]):
            self._enter(new_id, item, journal.Outcome.DEAD_LETTER, [(record, None)], code=fault.reason)

    def keep(self, letter: Letter, *, blocked: bool) -> None:
        """Store it, and count whether somebody waits for it."""
        self.kept.append((letter["_id"], to_bson(letter)))
        self.blocking += ("blocks" in letter) - blocked

    def continue_later(self, blocks: str, partner: str) -> Outgoing:
        """The lane's order to itself."""
        command = ContinueParked(actor=SYSTEM, blocks=blocks)
        return self._internal(Internal(command, partner, partner), 1, self._message)

    def answer(
        self,
        answer: Answer | None,
        result: dict[str, Any],
        records: list[Outgoing],
        *,
        about: Iterable[str] = (),
        republished: Sequence[str] = (),
    ) -> None:
        """The order's own entry. Of what goes out again it has the names, not the records."""
        had_effect = answer in (None, Answer.STILL_FAILING)
        outcome = journal.Outcome.ACCEPTED if had_effect else journal.Outcome.REFUSED
        rows: list[tuple[Outgoing, Any]] = [] if republished else [(record, None) for record in records]
        code = answer.value if answer else None
        order = self._message.data
        why = {name: text for name in ("reason", "plan") if (text := getattr(order, name, ""))}
        more: dict[str, Any] = {"result": result, **why}
        if copied := sorted(about):
            more["about"] = copied
        if republished:
            more["republished"] = list(republished)
        self._enter(self._message.id, self._order, outcome, rows, code=code, more=more)
        if republished:
            self.records.extend(records)

    @contextlib.contextmanager
    def _at(self, letter_id: str, step: int, edited_from: str | None) -> Iterator[None]:
        self._step = journal.step(self._order.record.offset, self._message.id, step, letter_id, edited_from)
        try:
            yield
        finally:
            self._step = None

    @override
    def _enter(
        self,
        entry_id: str,
        item: Item,
        result: journal.Outcome,
        records: list[tuple[Outgoing, Any]],
        *,
        code: str | None = None,
        changes: list[dict[str, Any]] | None = None,
        purges: bool = False,
        more: dict[str, Any] | None = None,
    ) -> None:
        step = self._step
        if step is not None:
            more = step
            if not self._is_free(entry_id, item, step):
                entry_id = f"{step['order']}:{step['step']}"
        super()._enter(entry_id, item, result, records, code=code, changes=changes, purges=purges, more=more)
        self._ended = f"{result.value}: {code}" if code else result.value

    def _is_free(self, entry_id: str, item: Item, step: dict[str, Any]) -> bool:
        """Whether the entry may have the command's id. Most often it is taken: by the entry that made it a letter."""
        decoded = item.decoded
        is_commands = isinstance(decoded, Readable) and decoded.message.id == entry_id
        return is_commands and entry_id != step.get("replay_of") and entry_id not in self.loaded.digests

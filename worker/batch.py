"""Step 3 of a lane: decide a batch in log order, and encode all that comes of it. Pure: no await, no clock."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from bson.errors import BSONError

from contracts.base import ID_CHARACTERS_MAX, to_milliseconds
from contracts.commands.internal import DeadlineReached
from contracts.events.closing import PersonalDataPurged
from contracts.events.notice import NoticeSent
from contracts.message import CommandMessage, Event
from contracts.rejections import CommandAnswered, RejectionCode
from contracts.topics import TopicName
from handlers.decision import Context, Internal, Rejected
from handlers.documents import Customer, Documents, Needs, Partner, Partnership, needs
from handlers.outcome import Outcome as Decided
from handlers.outcome import outcome, rejection
from handlers.policy import Policy
from worker import journal
from worker.clock import from_milliseconds
from worker.dead_letters import (
    DOCUMENT_UNREADABLE,
    HANDLER_FAILED,
    NOT_STORABLE,
    PARKED_BEHIND,
    Fault,
    dead_letter,
    where,
)
from worker.decode import Item, Readable, Undecodable
from worker.encode import CONTENT_TYPE_HEADER, RecordTooLarge, cloud_event
from worker.failures import UnreadableDocument, Unstorable
from worker.letters.keys import blocked_by, waits_for
from worker.mongo.store import (
    COLLECTION_OF,
    Changes,
    Document,
    LaneDocument,
    Loaded,
    document_to_bson,
    to_bson,
)
from worker.partitioning import lane_of
from worker.records import OF_DEADLINE, OF_STEP, SIGNATURE_HEADER, Headers, Outgoing, header
from worker.secrets import Secrets

TRACE_HEADER = "traceparent"
TRACE_BYTES_MAX = 128

NOT_ENCODABLE = (OverflowError, BSONError, RecordTooLarge, Unstorable)
"""What encoding a decision raises when it has a value that BSON or a topic cannot take."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What every decision of this worker depends on besides the log and the documents."""

    policy: Policy
    secrets: Secrets
    lanes: int
    partitions: dict[TopicName, int]
    decide: Callable[[Documents, CommandMessage, Context], Decided] = outcome


@dataclass(slots=True)
class Result:
    """What a batch came to: what to store, what to publish then, and what to tell about it."""

    lane: LaneDocument
    changes: Changes
    records: list[Outgoing]
    outcomes: dict[str, int]
    subjects: list[tuple[str, bool]]
    first_failure: str | None
    buried: list[dict[str, Any]]
    """What to log of each dead letter: ids, reason and place, nothing of its body."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a batch must look up: ids that the journal may know, and what each command needs."""

    entry_ids: list[str]
    needs: list[Needs]

    @classmethod
    def by(cls, items: Sequence[Item]) -> "Wanted":
        """What these items want."""
        entry_ids: list[str] = []
        wanted: list[Needs] = []
        for item in items:
            entry_ids.append(item.position_id)
            if isinstance(item.decoded, Readable):
                entry_ids.append(item.decoded.message.id)
                wanted.append(needs(item.decoded.message))
        return cls(entry_ids, wanted)


def decide_batch(
    rules: Rules, lane: LaneDocument, loaded: Loaded, items: Sequence[Item], condemned: str | None = None
) -> Result:
    """Decide the items in their order.

    `condemned` is given with a batch of one that MongoDB would not take: the item becomes a dead letter for it.

    Raises:
        Unstorable: when a document of the batch cannot be stored; a smaller batch finds out whose.
    """
    batch = Batch(rules, lane, loaded, condemned)
    for item in items:
        batch.take(item)
    return batch.result(items[-1].record.offset + 1)


def step_id(number: int, cause_id: str) -> str:
    """The id of a command that follows from another one. `~step` is for these alone: the other id may be anybody's."""
    command_id = f"{OF_STEP}{number}:{cause_id}"
    if len(command_id) <= ID_CHARACTERS_MAX:
        return command_id
    return f"{OF_STEP}{number}:{hashlib.blake2b(cause_id.encode(), digest_size=16).hexdigest()}"


def takes_its_command_id(item: Item) -> bool:
    """Whether its journal entry has the command's id; else it has one made of its place."""
    decoded = item.decoded
    if isinstance(decoded, Undecodable) or decoded.message.data.dry_run:
        return False
    return decoded.internal or not decoded.message.id.startswith("~")


@dataclass(slots=True)
class Batch:
    """One batch under way. What is given to it comes out of `result`, all of it or nothing."""

    rules: Rules
    lane: LaneDocument
    loaded: Loaded
    condemned: str | None
    now: datetime = field(init=False)
    now_ms: int = field(init=False)
    now_text: str = ""
    revs: dict[tuple[type[Document], str], int] = field(default_factory=dict)
    entries: list[Any] = field(default_factory=list)
    letters: list[Any] = field(default_factory=list)
    records: list[Outgoing] = field(default_factory=list)
    outcomes: dict[str, int] = field(default_factory=dict)
    subjects: list[tuple[str, bool]] = field(default_factory=list)
    first_failure: str | None = None
    buried: list[dict[str, Any]] = field(default_factory=list)
    blocking: int = field(init=False)
    kept: list[tuple[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.now_ms = self.lane.now_ms
        self.blocking = self.lane.blocking

    # One record, in six ways to end ---------------------------------------------------------------------------

    def take(self, item: Item) -> None:
        """Bring one record to its end."""
        self._tell_time(item)
        decoded = item.decoded
        entry_id = decoded.message.id if takes_its_command_id(item) else item.position_id  # type: ignore[union-attr]
        known = self.loaded.digests.get(entry_id)
        if item.position_id in self.loaded.digests:
            # Intake moved it twice: its first copy has its outcome under this id, as what was not readable then has.
            self._count("repeated")
        elif known is not None:
            self._repeat(item, known)
        elif self.loaded.blocked and not self.loaded.blocked.isdisjoint(waits_for(item)):
            self._park(entry_id, item)
        else:
            fault = self._settle(entry_id, item)
            if fault is not None:
                self._fail(entry_id, item, fault)

    def _tell_time(self, item: Item) -> None:
        # The public topic's append time: a command that waited for us was not late (P7). Never beyond the lane log's
        # own, whatever a record claims, and never below the lane's last.
        now_ms = max(self.now_ms, min(item.source.timestamp_ms, item.record.timestamp))
        if now_ms != self.now_ms or not self.now_text:
            self.now_ms = now_ms
            self.now = from_milliseconds(now_ms)
            self.now_text = to_milliseconds(self.now)

    def _repeat(self, item: Item, known: bytes) -> None:
        """The same once more; or another body under an id that is taken."""
        decoded = item.decoded
        if isinstance(decoded, Undecodable) or known == decoded.digest:
            self._count("repeated")
        else:
            self._refuse(
                item.position_id, item, decoded, RejectionCode.COMMAND_ID_REUSED, {"first_outcome_stands": True}
            )

    def _settle(self, entry_id: str, item: Item) -> Fault | None:
        """Decide it; or say why it must become a dead letter. A fault hurts its own message only (P6)."""
        decoded = item.decoded
        if isinstance(decoded, Undecodable):
            if decoded.is_own(OF_DEADLINE):  # another release's: it comes again for as long as it is due
                self._count("without_effect")
                return None
            return Fault(decoded.reason.value, decoded.error)
        if self.condemned is not None:
            return Fault(NOT_STORABLE, self.condemned)
        if decoded.message.id.startswith("~") and not decoded.internal:
            self._refuse(entry_id, item, decoded, RejectionCode.NOT_AUTHORIZED, {"reason": "ids with ~ are reserved"})
            return None
        try:
            self._decide(entry_id, item, decoded)
        except Exception as error:  # noqa: BLE001 - a handler's defect is one of them
            return _fault_of(error)
        return None

    def _decide(self, entry_id: str, item: Item, decoded: Readable) -> None:
        message = decoded.message
        before = self._documents(message)
        decided = self.rules.decide(before, message, Context(self.now, self.rules.policy, self.rules.secrets.tokens))
        if decoded.internal and not (decided.events or decided.internal or decided.rejection):
            # A deadline that no longer counts, a late step of a switch. Without an entry: the same may come again and
            # count then.
            self._count("without_effect")
            return
        headers = _trace(item)
        if message.data.dry_run:
            answer = _answer(message, decided)
            record = self._event(answer, f"{entry_id}:1", message.subject, message.partner_id, message, headers)
            self._enter(entry_id, item, journal.Outcome.ANSWERED, [(record, None)])
            return
        if decided.rejection is not None:
            refusal = decided.rejection
            record = self._event(refusal, f"{entry_id}:1", message.subject, message.partner_id, message, headers)
            code = refusal.code.value
            self._enter(entry_id, item, journal.Outcome.REFUSED, [(record, None)], code=code)
        else:
            records: list[tuple[Outgoing, Any]] = []
            for number, event in enumerate(decided.events, 1):
                record = self._event(
                    event.event, f"{entry_id}:{number}", event.subject, event.partner_id, message, headers
                )
                records.append((record, event.event))
            records += [
                (self._internal(internal, number, message), None) for number, internal in enumerate(decided.internal, 1)
            ]
            changed = _changed(before, decided.documents)
            changes = [{"kind": COLLECTION_OF[type(d)], "id": d.id, "rev": d.rev} for d in changed]
            purges = any(type(event.event) is PersonalDataPurged for event in decided.events)
            self._enter(entry_id, item, journal.Outcome.ACCEPTED, records, changes=changes, purges=purges)
            for document in changed:
                self._put(document)
        if message.data.TOPIC is not TopicName.FACTS:  # facts are many and simple: they would dilute the share
            self.subjects.append((message.subject, False))

    def _refuse(
        self, entry_id: str, item: Item, decoded: Readable, code: RejectionCode, details: dict[str, object]
    ) -> None:
        message = decoded.message
        rejected = rejection(Rejected(code, details), message)
        record = self._event(rejected, f"{entry_id}:1", message.subject, message.partner_id, message, _trace(item))
        self._enter(entry_id, item, journal.Outcome.REFUSED, [(record, None)], code=code.value)

    def _fail(self, entry_id: str, item: Item, fault: Fault) -> None:
        if isinstance(item.decoded, Readable) and isinstance(item.decoded.message.data, DeadlineReached):
            entry_id = item.position_id  # its own id stays free: it comes again for as long as it is due
        self._note_failure(item, fault)
        self._bury(entry_id, item, fault)

    def _note_failure(self, item: Item, fault: Fault) -> None:
        """For the limit on failing partnerships: only what could be read is perhaps our fault."""
        if isinstance(item.decoded, Readable):
            message = item.decoded.message
            self.subjects.append((message.partner_id if fault.is_partners else message.subject, True))
            failure = f"{message.data.wire_type()} {message.id} ({fault.reason}: {fault.error})"
            self.first_failure = self.first_failure or failure

    def _park(self, entry_id: str, item: Item) -> None:
        """It waits behind a dead letter of its partnership or partner, so that a replay keeps the order (P6)."""
        if isinstance(item.decoded, Readable) and isinstance(item.decoded.message.data, DeadlineReached):
            self._count("without_effect")  # it comes again once nothing stands before it
        else:
            self._bury(entry_id, item, Fault(PARKED_BEHIND, "an earlier command of its partnership or partner failed"))

    def _bury(self, entry_id: str, item: Item, fault: Fault) -> None:
        blocks = blocked_by(item, self.lane.lane, self.rules.lanes, all_of_partner=fault.is_partners)
        record, letter = self._letter(entry_id, item, fault, blocks)
        self.letters.append(to_bson(letter))
        if blocks is not None:
            self.loaded.blocked.add(blocks)
            self.blocking += 1
        told = ("_id", "reason", "error", "fingerprint", "source", "command_id", "type", "subject", "partner")
        self.buried.append({name.lstrip("_"): letter[name] for name in told})
        self._enter(entry_id, item, journal.Outcome.DEAD_LETTER, [(record, None)], code=fault.reason)

    def _letter(self, letter_id: str, item: Item, fault: Fault, blocks: str | None) -> tuple[Outgoing, dict[str, Any]]:
        partition = self._partition(TopicName.DEAD_LETTERS)
        return dead_letter(letter_id, item, fault, self.lane.lane, partition, self.now, blocks)

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
        rows = [journal.record_to_bson(record, event) for record, event in records]
        entry = journal.entry(
            entry_id, item, self.lane.lane, self.now, result, rows, code, changes, purges=purges, more=more
        )
        self.entries.append(to_bson(entry))
        # Only after everything that can fail: up to here nothing of this batch was touched.
        self.records.extend(record for record, _ in records)
        self.loaded.digests[entry_id] = item.decoded.digest if isinstance(item.decoded, Readable) else b""
        self._count(result.value)

    # Documents ------------------------------------------------------------------------------------------------

    def _documents(self, message: CommandMessage) -> Documents:
        need, loaded = needs(message), self.loaded
        partnership = loaded.partnerships.get(need.partnership_id) if need.partnership_id else None
        customer_id = need.customer_id or (partnership.customer_id if partnership else None)
        if loaded.unread:
            self._need_readable(
                ((Partnership, need.partnership_id), (Partner, need.partner_id), (Customer, customer_id))
            )
        offers = {offer for key in need.offer_keys for offer in loaded.offers.get(key, ())}
        return Documents(
            partner=loaded.partners.get(need.partner_id) if need.partner_id else None,
            customer=loaded.customers.get(customer_id) if customer_id else None,
            partnership=partnership,
            open_offers=tuple(sorted(offers)),
            # As they were stored: what this batch has bound since it began knows the partner's agreement already.
            live_partnerships=() if need.live_after is None else loaded.live[message.partner_id, need.live_after],
        )

    def _need_readable(self, wanted: Iterable[tuple[type[Document], str | None]]) -> None:
        """Raises UnreadableDocument where one of them is there and cannot be read."""
        for kind, key in wanted:
            if key is not None and (kind, key) in self.loaded.unread:
                raise self.loaded.unread[kind, key]

    def _put(self, document: Document) -> None:
        self.revs.setdefault((type(document), document.id), document.rev - 1)
        loaded = self.loaded
        match document:
            case Partner():
                loaded.partners[document.id] = document
            case Customer():
                loaded.customers[document.id] = document
            case Partnership():
                before = loaded.partnerships.get(document.id)
                for key in before.open_keys if before else ():
                    loaded.offers.get(key, set()).discard(document.id)
                for key in document.open_keys:
                    loaded.offers.setdefault(key, set()).add(document.id)
                loaded.partnerships[document.id] = document

    # Records --------------------------------------------------------------------------------------------------

    def _partition(self, topic: TopicName) -> int:
        # By lane, not by key: the events of one partnership stay together all the same, and a transaction has one
        # partition of each topic to mark instead of all of them (decision 0008).
        return self.lane.lane % self.rules.partitions[topic]

    def _event(
        self, event: Event, event_id: str, subject: str, partner_id: str, cause: CommandMessage, headers: Headers
    ) -> Outgoing:
        value = cloud_event(event, event_id, subject, partner_id, cause, self.now_text)
        token = event.token if isinstance(event, NoticeSent) else None
        return Outgoing(
            topic=event.TOPIC,
            partition=self._partition(event.TOPIC),
            key=subject.encode(),
            value=value,
            headers=headers,
            token=(token.purpose, token.subject, token.number, self.rules.secrets.id) if token else None,
        )

    def _internal(self, internal: Internal, number: int, cause: CommandMessage) -> Outgoing:
        command_id = step_id(number, cause.id)
        value = cloud_event(internal.command, command_id, internal.subject, internal.partner_id, cause, self.now_text)
        return Outgoing(
            topic=TopicName.LANES,
            partition=lane_of(internal.partner_id, self.rules.lanes),
            key=internal.partner_id.encode(),
            value=value,
            headers=((SIGNATURE_HEADER, self.rules.secrets.seal(value)),),
        )

    # The end --------------------------------------------------------------------------------------------------

    def result(self, stored: int) -> Result:
        """All of it. Raises Unstorable when a document cannot be stored."""
        documents: dict[str, list[tuple[str, int, Any]]] = {}
        for (kind, key), rev in self.revs.items():
            try:
                encoded = document_to_bson(self._current(kind, key))
            except NOT_ENCODABLE as error:  # whose command made it so, a smaller batch will show
                raise Unstorable(where(error)) from error
            documents.setdefault(COLLECTION_OF[kind], []).append((key, rev, encoded))
        return Result(
            lane=replace(self.lane, stored=stored, now_ms=self.now_ms, blocking=self.blocking),
            changes=Changes(self.entries, documents, self.letters, self.kept),
            records=self.records,
            outcomes=self.outcomes,
            subjects=self.subjects,
            first_failure=self.first_failure,
            buried=self.buried,
        )

    def _current(self, kind: type[Document], key: str) -> Document:
        if kind is Partner:
            return self.loaded.partners[key]
        return self.loaded.customers[key] if kind is Customer else self.loaded.partnerships[key]

    def _count(self, name: str) -> None:
        self.outcomes[name] = self.outcomes.get(name, 0) + 1


def _fault_of(error: Exception) -> Fault:
    if isinstance(error, UnreadableDocument):
        return Fault(DOCUMENT_UNREADABLE, f"{error.kind}: {error.why}", is_partners=error.kind == Partner.__name__)
    return Fault(NOT_STORABLE if isinstance(error, NOT_ENCODABLE) else HANDLER_FAILED, where(error))


def _changed(before: Documents, after: Documents) -> list[Document]:
    pairs: tuple[tuple[Document | None, Document | None], ...] = (
        (before.partner, after.partner),
        (before.customer, after.customer),
        (before.partnership, after.partnership),
    )
    return [new for old, new in pairs if new is not None and new is not old]


def _answer(message: CommandMessage, decided: Decided) -> Event:
    rejection = decided.rejection
    return CommandAnswered(
        actor=message.data.actor,
        command_id=message.id,
        command_type=message.data.wire_type(),
        would="accept" if rejection is None else "refuse",
        events=tuple(event.event.wire_type() for event in decided.events),
        code=rejection.code if rejection else None,
        details=rejection.details if rejection else {},
    )


def _trace(item: Item) -> Headers:
    """The trace that a producer began (W3C traceparent), handed on with everything that came of its command."""
    value = header(item.record.headers, TRACE_HEADER)
    if value is None or len(value) > TRACE_BYTES_MAX:
        return (CONTENT_TYPE_HEADER,)
    return (CONTENT_TYPE_HEADER, (TRACE_HEADER, value))

"""A command's whole outcome: decided, its events numbered and folded, the parties told."""

from typing import NamedTuple, TypeVar, cast

from pydantic import JsonValue

from contracts.message import CommandMessage, Event
from contracts.rejections import EXPLANATIONS, CommandRejected
from handlers.decide import decide
from handlers.decision import Context, Internal, Rejected
from handlers.documents import SEQUENCE_NAMES, Document, Documents
from handlers.evolve import evolve
from handlers.notices import notices


class StampedEvent(NamedTuple):
    """An event with its number and its subject. Its id is the command's with its position."""

    event: Event
    subject: str
    partner_id: str


class Outcome(NamedTuple):
    """What one command leads to. Changed documents have the next `rev`."""

    documents: Documents
    events: tuple[StampedEvent, ...] = ()
    internal: tuple[Internal, ...] = ()
    rejection: CommandRejected | None = None


def outcome(documents: Documents, message: CommandMessage, context: Context) -> Outcome:
    """Decide, number, fold, tell."""
    decision = decide(documents, message, context)
    if isinstance(decision, Rejected):
        return Outcome(documents, rejection=rejection(decision, message))
    stamped: list[StampedEvent] = []
    after = _carry_out(documents, decision.events, message, context, stamped)
    after = _carry_out(after, notices(after, decision.events, message, context.now), message, context, stamped)
    return Outcome(_revised(documents, after), tuple(stamped), decision.internal)


def _carry_out(
    documents: Documents,
    events: tuple[Event, ...],
    message: CommandMessage,
    context: Context,
    stamped: list[StampedEvent],
) -> Documents:
    """Number each event without a gap in its subject and topic, and fold it."""
    for event in events:
        subject = message.partner_id if event.SUBJECT == "partner" else message.subject
        document = _document_of(documents, event)
        last = document.sequences.get(SEQUENCE_NAMES[event.TOPIC], 0) if document else 0
        numbered = event.but(sequence=last + 1, actor=message.data.actor)
        stamped.append(StampedEvent(numbered, subject, message.partner_id))
        documents = evolve(documents, numbered, subject, context.now)
    return documents


def _document_of(documents: Documents, event: Event) -> Document | None:
    match event.SUBJECT:
        case "partner":
            return documents.partner
        case "customer":
            return documents.customer
        case "partnership":
            return documents.partnership


D = TypeVar("D", bound=Document)


def _revised(before: Documents, after: Documents) -> Documents:
    return Documents(
        _next_revision(before.partner, after.partner),
        _next_revision(before.customer, after.customer),
        _next_revision(before.partnership, after.partnership),
        after.open_offers,
        after.live_partnerships,
    )


def _next_revision(before: D | None, after: D | None) -> D | None:
    """Once for each command, however many events changed the document."""
    if after is None or after is before:
        return after
    return after.but(rev=after.rev + 1)


def rejection(rejected: Rejected, message: CommandMessage) -> CommandRejected:
    """A refusal in words, for the person who gave the command."""
    explanation = EXPLANATIONS[rejected.code]
    return CommandRejected(
        actor=message.data.actor,
        command_id=message.id,
        command_type=message.data.wire_type(),
        code=rejected.code,
        message=f"{explanation.sentence} {explanation.advice}",
        details=cast("dict[str, JsonValue]", rejected.details),
        retryable=explanation.retryable,
    )

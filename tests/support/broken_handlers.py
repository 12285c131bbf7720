"""A worker whose handlers are broken on purpose: `python -m tests.support.broken_handlers <how> <whom>`.

The break is patched in from outside; then the worker runs as it always does.
"""

import sys
from collections.abc import Callable
from functools import partial

import worker.app
from contracts.events.facts import PartnerContact
from contracts.message import CommandMessage
from handlers.decision import Context
from handlers.documents import Documents
from handlers.outcome import Outcome, outcome
from worker.__main__ import main as worker_main
from worker.batch import Rules

Decide = Callable[[Documents, CommandMessage, Context], Outcome]
TOO_LARGE = 17_000_000


def raise_for(whom: str) -> Decide:
    """A handler with a defect that one partnership meets."""

    def decide(documents: Documents, message: CommandMessage, context: Context) -> Outcome:
        if message.subject == whom:
            raise ZeroDivisionError(f"the text of an error can hold what was said: {message.data}")
        return outcome(documents, message, context)

    return decide


def raise_at(whom: str) -> Decide:
    """A handler with a defect that one command meets."""

    def decide(documents: Documents, message: CommandMessage, context: Context) -> Outcome:
        if message.id == whom:
            raise KeyError(whom)
        return outcome(documents, message, context)

    return decide


def raise_always(whom: str) -> Decide:
    """A bad release: every partnership whose name begins so fails."""

    def decide(documents: Documents, message: CommandMessage, context: Context) -> Outcome:
        if message.subject.startswith(whom):
            raise LookupError(message.subject)
        return outcome(documents, message, context)

    return decide


def grow(whom: str) -> Decide:
    """An `evolve` that makes a partner's document larger than MongoDB takes."""

    def decide(documents: Documents, message: CommandMessage, context: Context) -> Outcome:
        decided = outcome(documents, message, context)
        partner = decided.documents.partner
        if message.id != whom or partner is None:
            return decided
        contact = PartnerContact.model_construct(name="x" * TOO_LARGE, contact_email="")
        after = Documents(partner.but(contact=contact), decided.documents.customer, decided.documents.partnership)
        return Outcome(after, decided.events, decided.internal, decided.rejection)

    return decide


def overflow(whom: str) -> Decide:
    """An `evolve` that makes an integer which BSON does not have."""

    def decide(documents: Documents, message: CommandMessage, context: Context) -> Outcome:
        decided = outcome(documents, message, context)
        partner = decided.documents.partner
        if message.id != whom or partner is None:
            return decided
        after = Documents(
            partner.but(negative_records=2**64), decided.documents.customer, decided.documents.partnership
        )
        return Outcome(after, decided.events, decided.internal, decided.rejection)

    return decide


BREAKS: dict[str, Callable[[str], Decide]] = {
    "raise-for": raise_for,
    "raise-at": raise_at,
    "raise-always": raise_always,
    "grow": grow,
    "overflow": overflow,
}


if __name__ == "__main__":
    setattr(worker.app, "Rules", partial(Rules, decide=BREAKS[sys.argv[1]](sys.argv[2])))  # noqa: B010 - a patch
    sys.argv = ["worker", "run"]
    worker_main()

"""What comes of an order about a letter, in a plan as in the run: the same words, so that they can be compared."""

from enum import StrEnum
from typing import Any

from contracts.commands.operating import Answer
from worker.operate.letters.job import Action


class Outcome(StrEnum):
    """How it ends for one letter. Their order is that of the screens."""

    ACCEPTED = "accepted"
    ANSWERED = "answered"
    WITHOUT_EFFECT = "without_effect"
    REPEATED = "repeated"
    FORWARDED = "forwarded"
    DISCARDED = "discarded"
    OPEN_AGAIN = "open_again"
    RELEASED = "released"
    ALREADY_DONE = "already_done"
    REFUSED = "refused"
    STILL_FAILING = "still_failing"
    WAITS = "waits"
    LOOP_GUARD = "loop_guard"
    REDACTED = "redacted"
    IMPOSSIBLE = "impossible"
    STOPS_WORKER = "stops_worker"
    """In a plan only: so much of what waits behind it fails that the worker would take it for a bad release."""
    NOT_FORESEEN = "not_foreseen"
    """In a plan only: so many wait before it that they were not all decided."""


WELL = frozenset(list(Outcome)[: list(Outcome).index(Outcome.REFUSED)])
"""After these nothing is left to do."""

MEANINGS = {
    Outcome.ACCEPTED: "decided, and its events go out",
    Outcome.ANSWERED: "a dry run, answered",
    Outcome.WITHOUT_EFFECT: "counts no longer (a deadline, a step of a switch)",
    Outcome.REPEATED: "decided before under the same id; nothing goes out",
    Outcome.FORWARDED: "sent on to the lane of its partner, which decides it",
    Outcome.DISCARDED: "will not be decided",
    Outcome.OPEN_AGAIN: "open again, and blocks what comes from now on",
    Outcome.RELEASED: "stays open, but nobody waits for it",
    Outcome.ALREADY_DONE: "somebody was quicker, or it was done before",
    Outcome.REFUSED: "decided: the rules say no, and a refusal goes out",
    Outcome.STILL_FAILING: "stays a dead letter",
    Outcome.WAITS: "another letter comes first",
    Outcome.LOOP_GUARD: "replayed often and in vain; --force replays it",
    Outcome.REDACTED: "a purge took its body; discard it",
    Outcome.IMPOSSIBLE: "not possible as it is; the code says why",
    Outcome.STOPS_WORKER: "so much behind it fails that the worker would stop",
    Outcome.NOT_FORESEEN: "goes through once many others have; not decided here",
}

OF_TEXT = {
    "accepted": Outcome.ACCEPTED,
    "answered": Outcome.ANSWERED,
    "without effect": Outcome.WITHOUT_EFFECT,
    "repeated": Outcome.REPEATED,
    "forwarded to its lane": Outcome.FORWARDED,
    "discarded": Outcome.DISCARDED,
    "open again": Outcome.OPEN_AGAIN,
    "released": Outcome.RELEASED,
    "refused": Outcome.REFUSED,
    "failed": Outcome.STILL_FAILING,
}
"""By what the lane writes into a letter's history, up to a colon."""

DONE_BEFORE: dict[Action, set[Answer]] = {
    Action.REPLAY: {Answer.ALREADY_RESOLVED},
    Action.EDIT: set(),
    Action.DISCARD: {Answer.DISCARDED},
    Action.REOPEN: {Answer.NOT_DISCARDED},
    Action.RELEASE: {Answer.NOT_BLOCKING, Answer.ALREADY_RESOLVED, Answer.DISCARDED},
}
"""Answers to the second of two operators who want the same. Where the first wanted another thing, it is impossible: a
letter that was decided cannot be discarded, nor reopened, nor decided with another body."""

OF_CODE = {
    Answer.LOOP_GUARD: Outcome.LOOP_GUARD,
    Answer.REDACTED: Outcome.REDACTED,
    Answer.STILL_FAILING: Outcome.STILL_FAILING,
}


def of_text(text: str) -> tuple[Outcome, str]:
    """What a letter's history says, and the code behind it."""
    name, _, code = text.partition(": ")
    return OF_TEXT.get(name, Outcome.IMPOSSIBLE), code


def of_answer(action: Action, code: str | None, result: dict[str, Any]) -> tuple[Outcome, str]:
    """What an order's answer says of its letter, with a code, or the letter that comes first."""
    if code is None or code == Answer.STILL_FAILING:
        return of_text(result.get("result", ""))
    answer = Answer(code)
    if answer in DONE_BEFORE[action]:
        return Outcome.ALREADY_DONE, code
    if answer is Answer.PARKED and "waits_for" in result:
        return Outcome.WAITS, result["waits_for"]
    return OF_CODE.get(answer, Outcome.IMPOSSIBLE), code

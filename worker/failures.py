"""What is done about what went wrong: one table, and the limit that tells a bad release from bad messages."""

from collections import deque
from enum import Enum

from aiokafka.errors import InvalidProducerEpoch, KafkaError, ProducerFenced
from bson.errors import BSONError, InvalidDocument
from pymongo.errors import BulkWriteError, DocumentTooLarge, OperationFailure, PyMongoError

ERROR_CHARACTERS_MAX = 300
ATTEMPTS_QUIET = 3
"""From so many failures in a row on what is tried again keeps a worker from being ready: before, it is a hiccup."""

BECAUSE_OF_THE_MESSAGE = frozenset({2, 9, 22, 10334, 17280, 17419, 17420})
"""MongoDB error codes that a document can cause: BadValue, FailedToParse, InvalidBSON, object or key too large."""


def codes_of(error: OperationFailure) -> set[int]:
    """MongoDB's codes for an error. A bulk write has one of its own, and those that matter in its details."""
    written = (error.details or {}).get("writeErrors", ()) if isinstance(error, BulkWriteError) else ()
    return {code for code in (error.code, *(problem.get("code") for problem in written)) if code is not None}


def describe(error: BaseException) -> str:
    """An error for the log. MongoDB's can hold a whole document, and with it personal data: class and codes only."""
    if isinstance(error, OperationFailure):
        return f"{type(error).__name__}{sorted(codes_of(error))}"
    if isinstance(error, PyMongoError | BSONError):
        return type(error).__name__
    return repr(error)[:ERROR_CHARACTERS_MAX]


class StopWorker(Exception):
    """Nobody but an operator can help: the worker ends with this text and a non-zero exit code. Nothing is lost."""


class Fenced(Exception):
    """Another worker owns this lane now."""


class TooManyConflicts(Exception):
    """The batch met other lanes at the same customers again and again: a smaller one has better chances."""


class Unstorable(Exception):
    """A document or entry of this batch cannot be stored, and will not be at the next try either."""


class UnreadableDocument(Exception):
    """A stored document that this release cannot read: a later one wrote it, or somebody changed it by hand."""

    def __init__(self, kind: str, document_id: str, why: str) -> None:
        super().__init__(
            f"{kind} {document_id} cannot be read ({why}): a later release wrote it, or somebody changed it by hand. "
            'See "What this release cannot read" in docs/operating.md.'
        )
        self.kind = kind
        self.why = why


class Fate(Enum):
    """What becomes of a lane whose batch failed."""

    REOPEN = "start again from what is stored, after a pause"  # a sick dependency, an unknown outcome
    YIELD = "the same after more than a heartbeat: by then a worker that lost the lane knows it"
    HALVE = "the same with half as many records, until the culprit is alone and becomes a dead letter"
    STOP = "end the worker"


def fate_of(error: BaseException) -> Fate:
    """The failures table (P6, P7). What is not in it is a defect of ours: end the worker, crash only."""
    match error:
        case StopWorker():
            return Fate.STOP
        case Unstorable() | TooManyConflicts() | DocumentTooLarge() | InvalidDocument() | BSONError():
            return Fate.HALVE
        case OperationFailure() if codes_of(error) & BECAUSE_OF_THE_MESSAGE:
            return Fate.HALVE
        case Fenced() | ProducerFenced() | InvalidProducerEpoch():
            return Fate.YIELD
        case KafkaError() | PyMongoError() | TimeoutError() | OSError():
            return Fate.REOPEN
        case _:
            return Fate.STOP


FEW = 5
"""Failing partnerships below this say nothing about a share: one of two is 50 %."""


class FailureLimit:
    """Counts the different partnerships that fail after decoding (settings `failing_*`).

    A message that cannot be read is its producer's fault and does not count; a handler that fails on many partnerships
    is ours, and going on would turn a topic into dead letters.
    """

    MEMORY = 10_000
    """Partnerships remembered; older ones are forgotten first, which only makes the limit a little sharper."""

    def __init__(self, partnerships_max: int, share_max: float, window_seconds: float) -> None:
        self._partnerships_max = partnerships_max
        self._share_max = share_max
        self._window_seconds = window_seconds
        self._seen: deque[tuple[float, str, bool]] = deque(maxlen=self.MEMORY)
        self._first: deque[tuple[float, str]] = deque(maxlen=partnerships_max)

    def check(self, now_seconds: float, subjects: list[tuple[str, bool]], first_failure: str | None) -> None:
        """Judge the (subject, failed) pairs of a batch that is decided and not stored.

        Raises:
            StopWorker: when too many different partnerships failed within the window.
        """
        if first_failure is None:
            return
        since = now_seconds - self._window_seconds
        recent = [(subject, failed) for at, subject, failed in self._seen if at >= since] + subjects
        failed = {subject for subject, has_failed in recent if has_failed}
        share = len(failed) / len({subject for subject, _ in recent})
        if len(failed) >= self._partnerships_max or (len(failed) >= FEW and share > self._share_max):
            first = next((text for at, text in self._first if at >= since), first_failure)
            msg = (
                f"{len(failed)} different partnerships ({share:.0%}) failed within {self._window_seconds:.0f} s, "
                f"first {first}. This looks like a bad release, not like bad messages: the batch "
                "was not stored. Run a release that can decide them (the one before; after going back, the later one) "
                "or mend the handler; the commands are still in the lane log and will be decided then."
            )
            raise StopWorker(msg)

    def note(self, now_seconds: float, subjects: list[tuple[str, bool]], first_failure: str | None = None) -> None:
        """Remember the pairs of a batch that is stored, and its first failure."""
        if first_failure is not None:
            self._first.append((now_seconds, first_failure))
        self._seen.extend((now_seconds, subject, failed) for subject, failed in subjects)

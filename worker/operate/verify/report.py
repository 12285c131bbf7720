"""What was looked at, and what differs."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from worker.encode import without_token

TEXT_CHARACTERS_MAX = 200
"""Of what is expected and what is there, in a difference."""

Progress = Callable[[str, int, int], None]
"""Told what is looked at, how much of it is done, and how much there is."""


class Kind(StrEnum):
    """What can be wrong."""

    DOCUMENT_DIFFERS = "document_differs"
    DOCUMENT_MISSING = "document_missing"
    NOT_IN_JOURNAL = "not_in_journal"
    REVISIONS = "revisions"
    CANNOT_FOLD = "cannot_fold"
    RECORD_MISSING = "record_missing"
    RECORD_TWICE = "record_twice"
    RECORD_LATE = "record_late"
    RECORD_DIFFERS = "record_differs"
    RECORD_UNKNOWN = "record_unknown"


EXPLANATIONS = {
    Kind.DOCUMENT_DIFFERS: "a document is not what its events make of it",
    Kind.DOCUMENT_MISSING: "the journal has events of a document that is not there",
    Kind.NOT_IN_JOURNAL: "a document, or its last revisions, of which the journal knows nothing",
    Kind.REVISIONS: "the journal lacks a revision of a document",
    Kind.CANNOT_FOLD: "an entry's events cannot be read or folded",
    Kind.RECORD_MISSING: "the topic lacks what the journal says was published",
    Kind.RECORD_TWICE: "a record is on the topic again, and nobody asked for it",
    Kind.RECORD_LATE: "a record stands behind later ones of its lane",
    Kind.RECORD_DIFFERS: "key, value or headers are not what the journal holds",
    Kind.RECORD_UNKNOWN: "the journal knows nothing of it",
}


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as it should be. `place` is a document or a place on a topic."""

    kind: Kind
    place: str
    entry: str | None
    expected: str
    found: str


@dataclass(slots=True)
class Report:
    """Counts of a whole run; each difference goes to `tell` as it is found, and is not kept."""

    tell: Callable[[Difference], None]
    bodies: bool = False
    """Whether values of records and documents are told, which may be personal."""
    documents: int = 0
    changes: int = 0
    records: int = 0
    repeats_asked_for: int = 0
    """Records that `republish` put there again."""
    expired: int = 0
    """Records that their topic lacks because they are older than its retention."""
    redacted: int = 0
    """Records whose journal entry was redacted since, so that only their digests or ids could be compared."""
    tokens_compared: bool = True
    """False where a token's secret is not known here: then all of a notice but its token was compared."""
    differences: Counter[Kind] = field(default_factory=Counter)
    seconds: float = 0.0

    def differ(
        self,
        kind: Kind,
        place: str,
        entry: str | None,
        expected: str | bytes = "",
        found: str | bytes = "",
        what: str = "value",
    ) -> None:
        """Count a difference and tell it. Bytes are those of a record (of its `what`), and so perhaps personal."""
        self.differences[kind] += 1
        self.tell(Difference(kind, place, entry, self._told(expected, what), self._told(found, what)))

    def _told(self, told: str | bytes, what: str) -> str:
        if isinstance(told, str):
            return short(told)
        if not self.bodies:
            return f"{what} of {len(told):,} bytes"
        return short((without_token(told) or b"").decode("utf-8", "backslashreplace"))

    @property
    def total(self) -> int:
        """How many differences there are."""
        return self.differences.total()


def short(text: str) -> str:
    """A text of a bounded length."""
    return text if len(text) <= TEXT_CHARACTERS_MAX else f"{text[: TEXT_CHARACTERS_MAX - 1]}…"

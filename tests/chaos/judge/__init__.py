"""The judge: what was sent, what the topics say and what MongoDB holds must agree.

For each check there is a worker on which it was seen to fail (tests/chaos/breaks.py).
"""

from dataclasses import dataclass, field

CHECKS = {
    "accounted": "P1: every record ends in exactly one way, the one that was to be expected",
    "once": "P2: no command has two effects",
    "order": "commands of one source partition are decided in their order",
    "published": "P3: every event of the journal is on its topic once, as it stands there, and nothing else is",
    "sequence": "P3: what a consumer sees comes in order, without gaps",
    "fold": "P4: documents are the fold of the journal",
    "quota": "a partner's places are those of its partnerships, and what was published last",
    "deadlines": "P5: every deadline fired, once and not early",
    "letters": "dead letters are complete: entry, document and record, byte for byte",
    "offsets": "committed offsets never go back, nor past what is stored",
    "recovery": "lag 0 within its bound after the last fault",
    "leaks": "no processes, lanes, transactions or memory left over, and no worker ended by itself",
}
SHOWN = 5


@dataclass
class Findings:
    """What each check found; empty is well. Only the first of many are kept."""

    found: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in CHECKS})
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(CHECKS, 0))

    def add(self, check: str, *what: str, count: int | None = None) -> None:
        """Note it; `count` where one text stands for several."""
        self.counts[check] += len(what) if count is None else count
        room = SHOWN - len(self.found[check])
        self.found[check].extend(what[: max(0, room)])

    @property
    def clean(self) -> bool:
        """Nothing at all."""
        return not any(self.counts.values())

    def lines(self) -> list[str]:
        """For people."""
        return [f"{check}: {self.counts[check]}, e.g. {text}" for check, texts in self.found.items() for text in texts]

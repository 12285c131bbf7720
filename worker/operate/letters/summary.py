"""A plan in numbers: groups with a few samples, and what an operator should know before the yes. In bounded memory."""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum

from worker.operate.letters.outcomes import Outcome
from worker.operate.letters.plan import Planned

SAMPLES = 3


class Warn(StrEnum):
    """What makes a letter's turn other than it looks."""

    OVERTAKEN = "overtaken"
    REPLAYED_BEFORE = "replayed_before"
    DECIDED_BEFORE = "decided_before"
    UNREADABLE = "unreadable"
    COMES_LATER = "comes_later"


@dataclass(slots=True)
class Group:
    """Letters of one kind that would end alike."""

    outcome: Outcome
    type: str | None
    code: str
    events: tuple[str, ...]
    count: int = 0
    samples: list[Planned] = field(default_factory=list)


@dataclass(slots=True)
class Summary:
    """What a plan comes to."""

    letters: int = 0
    groups: dict[tuple[Outcome, str | None, str, tuple[str, ...]], Group] = field(default_factory=dict)
    let_go: Counter[Outcome] = field(default_factory=Counter)
    warnings: Counter[Warn] = field(default_factory=Counter)
    examples: dict[Warn, Planned] = field(default_factory=dict)

    def add(self, planned: Planned) -> None:
        """Count one letter in."""
        self.letters += 1
        code = "" if planned.outcome is Outcome.WAITS else planned.code
        key = planned.outcome, planned.type, code, planned.events
        group = self.groups.setdefault(key, Group(*key))
        group.count += 1
        if len(group.samples) < SAMPLES:
            group.samples.append(planned)
        self.let_go.update(planned.let_go)
        for warning in warnings_of(planned):
            self.warnings[warning] += 1
            self.examples.setdefault(warning, planned)

    @property
    def sorted_groups(self) -> list[Group]:
        """Well-ending ones first, as `Outcome` has them; the largest of each first."""
        order = list(Outcome)
        return sorted(self.groups.values(), key=lambda group: (order.index(group.outcome), -group.count))

    @property
    def outcomes(self) -> Counter[Outcome]:
        """How many would end how."""
        found: Counter[Outcome] = Counter()
        for group in self.groups.values():
            found[group.outcome] += group.count
        return found


UNREADABLE = frozenset({"EMPTY", "TOO_LARGE", "NOT_JSON", "NOT_A_CLOUD_EVENT", "UNKNOWN_TYPE", "INVALID_DATA"})


def warnings_of(planned: Planned) -> list[Warn]:
    """What to tell about one letter."""
    found = {
        Warn.OVERTAKEN: planned.later is not None and planned.outcome not in {Outcome.ALREADY_DONE, Outcome.DISCARDED},
        Warn.REPLAYED_BEFORE: planned.replays > 0 and planned.outcome in {Outcome.STILL_FAILING, Outcome.LOOP_GUARD},
        Warn.DECIDED_BEFORE: planned.outcome is Outcome.REPEATED or planned.code == "COMMAND_ID_REUSED",
        Warn.UNREADABLE: planned.outcome is Outcome.STILL_FAILING and planned.code in UNREADABLE,
        Warn.COMES_LATER: planned.outcome is Outcome.WAITS,
    }
    return [warning for warning, is_so in found.items() if is_so]


def told(planned: Planned) -> str:
    """The plan for one letter in a line, as its order carries it into the journal."""
    after = f" behind {planned.behind}" if planned.behind else ""
    events = ", ".join(name.split(".")[1] for name in planned.events if name.count(".") > 1)
    what = ": ".join(filter(None, (planned.outcome.value, planned.code or events)))
    let_go = ", ".join(f"{count} {outcome}" for outcome, count in planned.let_go.items())
    warned = "".join(f"; {warning}" for warning in warnings_of(planned))
    return f"{what}{after}{f'; lets go: {let_go}' if let_go else ''}{warned}"

"""A plan and the result of a run on a screen of 80 columns."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console

from worker.cli.screen import out, rows, safe, span, table, when
from worker.cli.words import short_type
from worker.operate.letters.job import Action
from worker.operate.letters.outcomes import MEANINGS, WELL, Outcome
from worker.operate.letters.run import Done, Ended, Report
from worker.operate.letters.summary import Group, Summary, Warn

INDENT = " " * 9

ENDINGS = {
    Ended.INTERRUPTED: "Interrupted: what was ordered was carried out.",
    Ended.FAILURES: "Stopped: too many failed again (--max-failures).",
    Ended.ERROR: "Stopped by what the last line says.",
}

WILL = {
    Action.REPLAY: "What a replay would do now",
    Action.EDIT: "What this correction would do now",
    Action.DISCARD: "What a discard would do now",
    Action.REOPEN: "What reopening would do now",
    Action.RELEASE: "What a release would do now",
}


def letters(count: int) -> str:
    """`1 letter`, `2,000 letters`."""
    return f"{count:,} letter{'s' * (count != 1)}"


def style_of(outcome: Outcome) -> str:
    """Its colour."""
    return "good" if outcome in WELL else "warn" if outcome is Outcome.REFUSED else "bad"


def named(outcome: str) -> str:
    """As people read it."""
    return outcome.replace("_", " ")


def show_plan(screen: Console, action: Action, summary: Summary, failures_max: int) -> None:
    """What would become of the letters, by kind; what comes along; and what to know before the yes."""
    if not summary.letters:
        screen.print(f"Nothing to {action}: no dead letter fits.")
        return
    screen.print(f"[bold]{letters(summary.letters)}. {WILL[action]}[/] [faint](nothing is stored yet):[/]")
    for group in summary.sorted_groups:
        _show_group(screen, group)
    if summary.let_go:
        screen.print(f"What waits behind them would go through: {_counts(summary.let_go)}.")
    warnings = [*_warnings(summary, failures_max)]
    if warnings:
        screen.print()
        made = table("", "")
        made.show_header = False
        screen.print(rows(made, (("[warn]![/]", safe(warning)) for warning in warnings)))
    screen.print()


def _show_group(screen: Console, group: Group) -> None:
    code = group.code if group.outcome in {Outcome.REFUSED, Outcome.STILL_FAILING, Outcome.IMPOSSIBLE} else ""
    _line(
        screen,
        f"{group.count:>7,}  [{style_of(group.outcome)}]{named(group.outcome):<14}[/] "
        f"{safe(short_type(group.type))}  [{style_of(group.outcome)}]{safe(code)}[/]",
    )
    if group.events and group.outcome is Outcome.ACCEPTED:
        _line(screen, f"{INDENT}[faint]→ {safe(', '.join(short_type(name) for name in group.events))}[/]")
    elif group.samples[0].error:
        _line(screen, f"{INDENT}[faint]{safe(group.samples[0].error)}[/]")
    elif group.outcome is not Outcome.REFUSED:
        _line(screen, f"{INDENT}[faint]{MEANINGS[group.outcome]}[/]")
    names = [f"{sample.name}{f' behind {sample.behind}' if sample.behind else ''}" for sample in group.samples]
    more = ", …" if group.count > len(names) else ""
    _line(screen, f"{INDENT}[name]{safe(', '.join(names))}{more}[/]")


def _line(screen: Console, text: str) -> None:
    screen.print(text, no_wrap=True, overflow="ellipsis")


def _counts(counts: Mapping[Any, int]) -> str:
    return ", ".join(f"{count:,} {named(name)}" for name, count in counts.items())


def _warnings(summary: Summary, failures_max: int) -> Iterator[str]:
    for warning, count in summary.warnings.items():
        first = summary.examples[warning]
        match warning:
            case Warn.OVERTAKEN if first.later is not None:
                command_id, type_, at = first.later
                text = f"{first.name} came before {command_id} ({short_type(type_)}), which was decided {when(at)}"
            case Warn.REPLAYED_BEFORE:
                text = f"{first.name}, {first.replays} time{'s' * (first.replays != 1)} in vain"
            case Warn.DECIDED_BEFORE:
                text = f"the journal knows {first.name}: the first outcome stands"
            case Warn.UNREADABLE:
                text = f"{first.name}: this release cannot read it; edit or discard it"
            case Warn.COMES_LATER:
                text = f"{first.name} waits for {first.behind}: replay, edit, discard or release that first"
            case _:
                continue
        yield f"{named(warning)} ({count:,}): {text}"
    failing = summary.outcomes[Outcome.STILL_FAILING]
    if failing >= failures_max:
        yield (
            f"{failing:,} would fail again, and the run stops after {failures_max}: leave them out with a filter, or "
            "raise --max-failures"
        )


def show_report(
    action: Action, report: Report, problems: Mapping[Outcome, Sequence[Done]], names: Mapping[str, str]
) -> None:
    """What came of a run, with the names of those that did not go well."""
    done = report.outcomes.total()
    out.print(f"[bold]{action.capitalize()}: {letters(done)} in {span(report.seconds)}[/]")
    for outcome in Outcome:
        if count := report.outcomes[outcome]:
            _line(out, f"{count:>7,}  [{style_of(outcome)}]{named(outcome):<14}[/] [faint]{MEANINGS[outcome]}[/]")
            named_ones = problems.get(outcome, ())
            for one in named_ones:
                code = f" behind {names.get(one.code, one.code)}" if outcome is Outcome.WAITS else f" {one.code}"
                _line(out, f"{INDENT}[name]{safe(names.get(one.letter.id, one.letter.id))}[/]{safe(code)}")
            if len(named_ones) < count and named_ones:
                _line(out, f"{INDENT}[faint]… and {count - len(named_ones):,} more; --json names them all[/]")
    if +report.let_go:
        more = ", and the lane goes on with more" if report.continued else ""
        out.print(f"What waited behind them: {_counts(+report.let_go)}{more}.")
    if report.ended is not Ended.DONE:
        out.print(f"[warn]{ENDINGS[report.ended]}[/]")
    if report.unanswered:
        out.print(
            f"{report.unanswered:,} orders are, or may be, in the lane log without an answer yet: a worker finds them. "
            "The same command again does no harm."
        )
    if report.left:
        out.print(f"{letters(report.left)} untouched; the same command goes on with them.")

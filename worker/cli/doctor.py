"""`doctor`: looks at everything that can hurt, and says what to do."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

import typer
from rich.table import Table

from worker.cli.exits import Exit
from worker.cli.operation import AsJson, operate
from worker.cli.screen import out, print_json, safe
from worker.operate.doctor.report import Finding, Status
from worker.operate.doctor.run import examine

app = typer.Typer(add_completion=False)

ORDER = (Status.PROBLEM, Status.WARNING, Status.UNKNOWN)
"""The worst first."""

STYLES = {Status.PROBLEM: "bad", Status.WARNING: "warn", Status.UNKNOWN: "faint", Status.OK: "good"}


@app.command()
def doctor(
    *,
    everything: Annotated[bool, typer.Option("--all", help="Show also each check that is content.")] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="End with 4 for warnings too, and for what could not be looked at.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Look at Kafka, MongoDB, lanes and workers, and say what to do about each finding. Changes nothing.

    0: no problems (perhaps warnings), 4: problems. It takes 20 seconds at most.

    With --json each finding is a line, also those that are ok.
    """
    findings = operate(examine)
    if json:
        print_json(*findings)
    else:
        _show(findings, everything=everything)
    bad = {Status.PROBLEM, Status.WARNING, Status.UNKNOWN} if strict else {Status.PROBLEM}
    raise typer.Exit(Exit.FOUND if any(finding.status in bad for finding in findings) else Exit.OK)


def _show(findings: Sequence[Finding], *, everything: bool) -> None:
    content = [finding for finding in findings if finding.status is Status.OK]
    shown = [finding for status in ORDER for finding in _joined(findings) if finding.status is status]
    lines = Table.grid(padding=(0, 2))
    lines.add_column(no_wrap=True)
    lines.add_column(overflow="fold")
    for finding in [*shown, *(content if everything else ())]:
        text = f"[name]{finding.check}[/]  {safe(finding.found)}"
        lines.add_row(f"[{STYLES[finding.status]}]{finding.status}[/]", text)
        if finding.do:
            lines.add_row("", f"→ {safe(finding.do)}")
    if content and not everything:
        lines.add_row("[good]ok[/]", f"{', '.join(finding.check for finding in content)} [faint](--all shows more)[/]")
    out.print(lines)
    counted = {status: sum(finding.status is status for finding in findings) for status in ORDER}
    told = [_many(number, status) for status, number in counted.items() if number]
    out.print(f"\n{', '.join(told) or '[good]nothing found[/]'}")


def _joined(findings: Sequence[Finding]) -> list[Finding]:
    """What could not be looked at for the same reason as one: a server that is away is behind many checks."""
    found: dict[tuple[str, ...], Finding] = {}
    for finding in findings:
        is_alone = finding.status is not Status.UNKNOWN
        key = (finding.status, finding.check, finding.found) if is_alone else (finding.found, finding.do)
        before = found.get(key)
        found[key] = replace(before, check=f"{before.check}, {finding.check}") if before else finding
    return list(found.values())


def _many(number: int, status: Status) -> str:
    if status is Status.UNKNOWN:
        return f"[faint]{number} not looked at[/]"
    return f"[{STYLES[status]}]{number} {status}{'' if number == 1 else 's'}[/]"

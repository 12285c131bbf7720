"""`verify`: do the documents and the topics hold what the journal says?"""

from dataclasses import asdict
from typing import Annotated

import typer

from worker.cli.exits import Exit
from worker.cli.operation import AsJson, operate
from worker.cli.screen import out, print_json, progress_bar, rows, safe, table
from worker.cli.words import read_topics
from worker.operate.access import Access
from worker.operate.verify.report import EXPLANATIONS, Difference, Report
from worker.operate.verify.run import verify as run_verify
from worker.operate.verify.topics import PUBLISHED_TOPICS

app = typer.Typer(add_completion=False)

Topics = Annotated[
    list[str] | None,
    typer.Option("--topic", help="Only this topic (quota, notice, ...); can repeat."),
]


@app.command()
def verify(
    *,
    documents: Annotated[
        bool, typer.Option("--documents/--no-documents", help="Compare documents with the fold of the journal.")
    ] = True,
    topics: Annotated[bool, typer.Option("--topics/--no-topics", help="Compare the topics with the journal.")] = True,
    topic: Topics = None,
    limit: Annotated[int, typer.Option(min=0, help="So many differences are shown; all are counted.")] = 20,
    bodies: Annotated[
        bool, typer.Option("--bodies", help="With the values that differ, which may be personal data.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Compare documents and topics with the journal, while workers may run. 0: all is well, 4: differences.

    Only what the lanes have published is judged, and only what the topics' retention has left. With --json each
    difference is a line, and the last line is the summary.
    """
    wanted = read_topics(topic, PUBLISHED_TOPICS)
    shown = 0

    def tell(difference: Difference) -> None:
        nonlocal shown
        shown += 1
        if shown > limit:
            return
        if json:
            print_json(difference)
        else:
            _show(difference)

    async def work(access: Access) -> Report:
        with progress_bar("verify") as progress:
            return await run_verify(
                access,
                tell=tell,
                progress=progress,
                documents=documents,
                topics=wanted if topics else (),
                bodies=bodies,
            )

    report = operate(work)
    if json:
        print_json({"summary": _summary(report)})
    else:
        _show_summary(report, limit)
    raise typer.Exit(Exit.FOUND if report.total else Exit.OK)


def _summary(report: Report) -> dict[str, object]:
    fields = {name: value for name, value in asdict(report).items() if name not in {"tell", "bodies"}}
    return fields | {"differences": {str(kind): count for kind, count in report.differences.items()}}


def _show(difference: Difference) -> None:
    entry = f"  entry {difference.entry}" if difference.entry else ""
    out.print(f"[bad]{difference.kind}[/] {safe(difference.place)}{safe(entry)}")
    out.print(f"  expected  {safe(difference.expected)}", style="faint")
    out.print(f"  found     {safe(difference.found)}", style="faint")


def _show_summary(report: Report, limit: int) -> None:
    if report.total > limit:
        out.print(f"… and {report.total - limit:,} more (--limit shows more)", style="faint")
    if report.total and limit and not report.bodies:
        out.print("Values may be personal data: --bodies shows them.", style="faint")
    if report.total:
        out.print()
        found = sorted(report.differences.items(), key=lambda pair: -pair[1])
        out.print(
            rows(table(">differences", "kind", "which means"), ([f"{n:,}", k, EXPLANATIONS[k]] for k, n in found))
        )
        out.print()
    verdict = "[bad]differences[/]" if report.total else "[good]all is well[/]"
    out.print(
        f"{verdict}: {report.documents:,} documents from {report.changes:,} changes, {report.records:,} records on the "
        f"topics, in {report.seconds:.1f} s"
    )
    if report.repeats_asked_for:
        out.print(f"{report.repeats_asked_for:,} records are there again because republish put them", style="faint")
    if report.expired:
        out.print(f"{report.expired:,} records are gone because their topic keeps them no longer", style="faint")
    if report.redacted:
        out.print(f"{report.redacted:,} records belong to redacted entries: only digest or id compared", style="faint")
    if not report.tokens_compared:
        why = "of secrets that are not known here (PARTNERSHIP_SECRET, PARTNERSHIP_SECOND_SECRET)"
        out.print(f"Tokens in notices were not compared where they are {why}", style="warn")

"""What the person sees: plain lines of text, coloured by topic on a terminal, made for 80 columns."""

import asyncio
import sys
from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from contracts.topics import TopicName

COLUMNS_MAX = 100  # On a wider screen the milliseconds would stand too far from their event.
LABEL_COLUMNS = 11
TIME_COLUMNS = 7
SLOW_SECONDS = 10  # Somebody had to do something first.

STYLES: dict[TopicName, tuple[str, str]] = {
    TopicName.LIFECYCLE_EVENTS: ("lifecycle", "green"),
    TopicName.QUOTA_EVENTS: ("quota", "yellow"),
    TopicName.BILLING_EVENTS: ("billing", "magenta"),
    TopicName.NOTICE_EVENTS: ("notice", "blue"),
    TopicName.REJECTIONS: ("refused", "red"),
    TopicName.DEAD_LETTERS: ("dead letter", "bold red"),
}
"""The topics that the demo reads, each with its label and colour."""


class Screen:
    """Everything is printed here. `fast` leaves out the pauses that let a person read along."""

    def __init__(self, *, fast: bool = False) -> None:
        if hasattr(sys.stdout, "reconfigure"):
            sys.stdout.reconfigure(errors="replace")  # A terminal without arrows shows question marks.
        self._console = Console(highlight=False)
        self._console.width = min(self._console.width, COLUMNS_MAX)
        self._fast = fast
        self._scenes = 0

    async def pause(self, seconds: float) -> None:
        """Let the person read."""
        if not self._fast:
            await asyncio.sleep(seconds)

    def progress(self, line: str) -> None:
        """What goes on before the story."""
        self._console.print(Text(line, style="dim"))

    def legend(self) -> None:
        """The topics and their colours."""
        line = Text("Events by topic: ")
        for label, style in STYLES.values():
            line.append(f" {label} ", style)
        line.append("\nAt the right: from publishing the command until a consumer could see the event.")
        self._console.print(line)

    def scene(self, title: str, about: str) -> None:
        """A heading, and a sentence about what is to be seen."""
        self._scenes += 1
        self._console.print()
        self._console.rule(Text(f"{self._scenes}  {title}", style="bold"), align="left", style="dim")
        self._console.print(Text(about, style="dim"))

    def command(self, sentence: str, kind: str) -> None:
        """Somebody says something."""
        row = Table.grid(expand=True, padding=(0, 1))
        row.add_column(ratio=1)
        row.add_column(justify="right", no_wrap=True)
        row.add_row(Text(f"▸ {sentence}", style="bold"), Text(kind, style="cyan"))
        self._console.print(row)

    def event(self, topic: TopicName, kind: str, words: str, seconds: float) -> None:
        """Something came of it."""
        label, style = STYLES[topic]
        text = Text(kind, style).append(f" · {words}", "default")
        self._row(
            Text(label, style), text, f"{seconds * 1000:.0f} ms" if seconds < SLOW_SECONDS else f"{seconds:.0f} s"
        )

    def note(self, sentence: str) -> None:
        """A remark between events."""
        row = Table.grid(padding=(0, 1))
        row.add_column(width=LABEL_COLUMNS + 2)
        row.add_column()
        row.add_row("", Text(sentence, style="dim"))
        self._console.print(row)

    def fact(self, mark: str, sentence: str, style: str = "default") -> None:
        """Something that is no event, but to be seen."""
        row = Table.grid(padding=(0, 1))
        row.add_column(no_wrap=True)
        row.add_column()
        row.add_row(Text(mark, style), Text(sentence, style))
        self._console.print(row)

    @property
    def coloured(self) -> bool:
        """Whether it shows colours."""
        return self._console.color_system is not None and not self._console.no_color

    def shell(self, command: str, said: str) -> None:
        """A command that an operator types, and what it says."""
        self._console.print(Text(f"$ {command}", "bold cyan"))
        for line in Text.from_ansi(said).split("\n"):
            self._console.print(Text("  ").append_text(line), soft_wrap=True)

    def table(self, columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
        """A small table."""
        table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold", border_style="dim")
        for column in columns:
            table.add_column(column)
        for row in rows:
            table.add_row(*map(Text, row))
        self._console.print()
        self._console.print(table)

    def line(self, text: str = "", style: str = "default") -> None:
        """One line as it is, also where the screen is narrower."""
        self._console.print(Text(text, style), soft_wrap=True)

    def _row(self, label: Text, text: Text, time: str) -> None:
        row = Table.grid(expand=True, padding=(0, 1))
        row.add_column(width=LABEL_COLUMNS + 2, no_wrap=True)
        row.add_column(ratio=1)
        row.add_column(width=TIME_COLUMNS, justify="right", no_wrap=True)
        row.add_row(Text("  ").append_text(label), text, Text(time, style="dim"))
        self._console.print(row)

"""What producers wrote, on an operator's screen: it steers neither the terminal nor the shell."""

import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from contracts.topics import TopicName
from tests.support.deployment import ROOT
from worker.cli.exits import Exit
from worker.cli.journal import _show_in_full, _show_line
from worker.cli.letters.list import Flat, _show_groups, _show_letters
from worker.cli.letters.words import say_next
from worker.cli.operation import fail
from worker.cli.screen import print_json, safe
from worker.cli.tail import _show as show_event
from worker.operate.journal import Entry, Said
from worker.operate.letters.groups import Group, Overview
from worker.operate.send import Sent
from worker.operate.tail import Seen
from worker.operate.texts import command

NAMES = (
    "x; touch /tmp/pwned #",
    "$(touch /tmp/pwned)",
    "-n",
    "--yes",
    "a b",
    "it's",
    "`x`",
    "a\nb",
    "\x1b[8m\\'",
    "p-1",
)
STEERING = "\x1b]52;c;Y3VybCBldmls\x07\x1b[2J\x00\x7f\x9b2J\u202e\u2066\nopen  nothing to do\r"
STORED = f"[bold]it's{STEERING}[/]"
OBEYED = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
NOW = datetime(2026, 11, 25, tzinfo=UTC)

ENTRY = Entry(
    STORED, NOW, "accepted", STORED, STORED, STORED, STORED, STORED,
    {"kind": STORED, "user_id": STORED, "party_id": STORED}, 0, 1, STORED, reason=STORED, plan=STORED,
    said=[Said("partnership.lifecycle.events", STORED, STORED, 1, STORED, {"why": STORED})],
)  # fmt: skip
GROUP = Group("0123", "open", STORED, STORED, STORED, 1, 1, NOW, NOW, STORED)
LETTER = {"_id": STORED, "state": "open", "reason": STORED, "type": STORED, "subject": STORED, "at": NOW}
EVENT = {"type": STORED, "subject": STORED, "id": STORED, "data": {"status": STORED}}


def modules(part: str) -> list[Path]:
    return sorted((ROOT / "worker" / part).rglob("*.py"))


def words_of(line: str) -> list[str]:
    """What a shell makes of a line that was copied into it."""
    script = f'partnership-worker() {{ printf "%s\\0" "$@"; }}; {line}'
    told = subprocess.run(["/bin/bash", "-c", script], capture_output=True, check=True, env={"LC_ALL": "C.UTF-8"})
    return told.stdout.decode().split("\0")[:-1]


@pytest.mark.parametrize("name", NAMES)
def test_a_suggested_command_is_one_command_about_one_id_wherever_it_is_copied(name: str) -> None:
    dashes = ["--"] if name.startswith("-") else []

    assert words_of(command("dead-letters show", name)) == ["dead-letters", "show", *dashes, name]


def test_what_to_do_next_is_quoted_however_long_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    long = "x; touch /tmp/pwned #" * 9

    say_next("One letter, and what can be done:", "show", long)

    assert words_of(capsys.readouterr().out.splitlines()[1]) == ["dead-letters", "show", long]


def test_a_command_without_an_answer_is_named_quoted() -> None:
    sent = Sent("x; reboot", "t", 0, 5, ("x", "y"), source="t:0:5")

    assert "`partnership-worker journal 'x; reboot'`" in sent.whereabouts


def test_no_suggestion_is_put_together_by_hand() -> None:
    sources = {path: path.read_text(encoding="utf-8") for name in ("cli", "operate") for path in modules(name)}

    assert [path for path, text in sources.items() if re.search(r"partnership-worker [a-z -]*\{", text)] == []


@pytest.mark.parametrize(
    "show",
    [
        lambda: _show_letters(Flat([LETTER], 1)),
        lambda: _show_groups(Overview([GROUP], 0, {"open": 1})),
        lambda: _show_line(ENTRY),
        lambda: _show_in_full(ENTRY, bodies=True),
        lambda: show_event(Seen(TopicName.LIFECYCLE_EVENTS, 0, 1, NOW, EVENT)),
        lambda: say_next("Next:", "show", STORED),
        lambda: fail(STORED, Exit.USAGE),
        lambda: print_json({"id": STORED}),
    ],
)
def test_what_is_stored_is_shown_and_not_obeyed(show: Any, capsys: pytest.CaptureFixture[str]) -> None:
    show()

    told = capsys.readouterr()
    assert OBEYED.findall(told.out + told.err) == []
    assert not any(line.startswith("open  nothing") for line in told.out.splitlines()), "a line of its own"
    assert "[bold]it" in told.out + told.err


def test_a_body_of_several_lines_keeps_them() -> None:
    assert safe("a\n\tb\x1b[2J", lines=True) == "a\n\tb\\u001b[2J"


def test_every_screen_shows_stored_text_by_the_same_way() -> None:
    with_markup = [path.name for path in modules("cli") if "rich.markup" in path.read_text(encoding="utf-8")]

    assert with_markup == ["screen.py"]

"""Files of an operator: what is edited, and what is exported; nobody else reads them, and no work is lost."""

import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import typer

from tests.support.nobody import telling  # noqa: F401 - a fixture
from worker.cli.letters import edit as edit_screen
from worker.cli.letters.export import _target
from worker.operate.letters.job import Job

EVENT = {
    "specversion": "1.0",
    "type": "partnerships.CancelInvitation.v1",
    "subject": "p",
    "partitionkey": "a",
    "data": {"actor": {"kind": "partner", "party_id": "a", "user_id": "u"}},
}
LETTER = {"_id": "x", "command_id": "x", "value": orjson.dumps({**EVENT, "id": "x", "source": "s"})}
EDIT = ("dead-letters", "edit", "x")


@pytest.fixture
def edited(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """What is to be decided in the place of a letter, by somebody at a terminal."""
    body: dict[str, Any] = {}

    def plan(_: Any, job: Job, __: Any) -> tuple[list[Any], dict[str, str]]:
        body.update(job.body or {})
        return [], {}

    monkeypatch.setattr("worker.cli.asking.attended", lambda: True)
    monkeypatch.setattr(edit_screen, "operate", lambda _: LETTER)
    monkeypatch.setattr(edit_screen, "plan", plan)
    yield body
    for left in Path(tempfile.gettempdir()).glob("dead-letter-*.json"):
        left.unlink()


def editor(tmp_path: Path, script: str) -> str:
    path = tmp_path / "editor"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def test_a_field_is_set_in_the_file_that_is_given(tell: Any, edited: dict[str, Any], tmp_path: Path) -> None:
    whole = {**EVENT, "id": "mended", "source": "of the file"}

    file = tmp_path / "mended.json"
    file.write_bytes(orjson.dumps(whole))

    told = tell(*EDIT, "--file", str(file), "--set", "data.reason=a slip", "--dry-run")

    assert told.code == 0
    assert (edited["source"], edited["data"]["reason"]) == ("of the file", "a slip")


@pytest.mark.parametrize("command", ["/nowhere/editor", "false"])
def test_without_an_editor_that_works_it_says_what_else_there_is(
    tell: Any, edited: dict[str, Any], command: str
) -> None:
    told = tell(*EDIT, "--dry-run", EDITOR=command)

    assert (told.code, told.out, told.err.count("\n")) == (2, "", 1)
    assert "give --set or --file" in told.err
    assert "is kept" not in told.err


def test_what_was_written_is_kept_where_it_cannot_be_used(tell: Any, edited: dict[str, Any], tmp_path: Path) -> None:
    told = tell(*EDIT, "--dry-run", EDITOR=editor(tmp_path, 'echo "an hour of work" > "$1"'))

    assert (told.code, told.err.count("\n")) == (2, 2)
    kept = Path(told.err.partition("What you wrote is kept: --file=")[2].strip())
    assert kept.read_text() == "an hour of work\n"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


@pytest.mark.parametrize(("how", "code"), [(("--dry-run",), 0), (("--yes",), 4), (("--yes",), 5), (("--yes",), 0)])
def test_what_was_written_is_thrown_away_once_it_was_decided_so(
    tell: Any, edited: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: tuple[str, ...], code: int
) -> None:
    def run(*_: Any) -> None:
        raise typer.Exit(code)

    monkeypatch.setattr(edit_screen, "run", run)
    told = tell(*EDIT, *how, EDITOR=editor(tmp_path, 'sed -i \'s/"s"/"mended"/\' "$1"'))

    assert (told.code, edited["source"]) == (code, "mended")
    is_decided = code == 0 and "--yes" in how
    assert ("What you wrote is kept" in told.err) is not is_decided
    assert bool([*Path(tempfile.gettempdir()).glob("dead-letter-*.json")]) is not is_decided


def test_an_export_follows_no_link_and_takes_nobodys_file(tmp_path: Path) -> None:
    file, victim = tmp_path / "out.jsonl", tmp_path / "victim"
    victim.write_text("mine")
    (tmp_path / "out.jsonl.part").symlink_to(victim)

    with _target(file) as target:
        target.write(b"personal")

    assert (victim.read_text(), file.is_symlink(), file.read_text()) == ("mine", False, "personal")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_an_export_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(TimeoutError), _target(tmp_path / "out.jsonl"):
        raise TimeoutError

    assert [*tmp_path.iterdir()] == []

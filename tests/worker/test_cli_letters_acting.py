"""`dead-letters replay`, `edit`, `discard`, `reopen`, `release` on the command line: plan, question, run, result."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import messages
from tests.support.command_line import tell
from tests.support.deployment import ROOT, Deployment
from tests.support.orders import letter
from tests.support.waiting import wait_until
from worker.servers import Servers

OLDER = ("tests.support.older_release", "CancelInvitation", "nobody")
NAMES = ("a", "b", "c", "d", "e", "f", "g", "h", "i", *(f"many-{n}" for n in range(20)))


@pytest.fixture(scope="module")
def running(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Invitations whose cancellations an older release could not read. A good one runs."""
    deployment = Deployment(servers, lanes=1, directory=tmp_path_factory.mktemp("acting"))
    try:
        deployment.make_topics()
        worker = deployment.start_worker(*OLDER)
        values = [message(name, "acme") for name in NAMES for message in (messages.invite, messages.cancel)]
        again = messages.cancel("b", "acme", "cancel-b-again")
        unreadable = json.dumps({**json.loads(messages.cancel("j", "acme", "typo")), "type": "CancelInvitatoin"})
        deployment.produce(
            messages.FACTS, messages.register_partner("acme"), *values, again, unreadable.encode(), partition=0
        )
        wait_until(lambda: deployment.db.dead_letters.count_documents({}) == len(NAMES) + 2, 60, "the dead letters")
        deployment.wait_published()
        worker.kill()
        deployment.start_worker().wait_ready(60)
        yield deployment
    finally:
        deployment.close()


@pytest.fixture
def attended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody sits at the terminal."""
    monkeypatch.setattr("worker.cli.asking.attended", lambda: True)


def state(deployment: Deployment, command_id: str) -> str:
    return str(letter(deployment, command_id)["state"])


# -------------------------------------------------------------------------------------------------------------- replay


def test_a_dry_run_shows_what_each_would_do_within_80_columns_and_changes_nothing(running: Deployment) -> None:
    told = tell(running, "dead-letters", "replay", "cancel-b", "cancel-b-again", "typo", "--dry-run")

    assert told.code == 0
    assert "3 letters. What a replay would do now" in told.out
    assert "accepted       CancelInvitation" in told.out
    assert "→ InvitationCancelled, QuotaUpdated" in told.out
    assert "refused        CancelInvitation  NOT_ALLOWED_IN_STATUS" in told.out
    assert "still failing  CancelInvitatoin  UNKNOWN_TYPE" in told.out
    assert "unreadable (1): typo" in told.out
    assert max(map(len, told.out.splitlines())) <= 80
    assert state(running, "cancel-b") == state(running, "cancel-b-again") == "open"


def test_without_a_terminal_and_a_yes_it_does_nothing_and_says_so_in_a_line(running: Deployment) -> None:
    told = tell(running, "dead-letters", "replay", "cancel-a")

    assert (told.code, told.out) == (2, "")
    assert told.err == "Nobody is there to be asked: --yes does without, --dry-run shows the plan alone.\n"
    assert state(running, "cancel-a") == "open"


def test_all_of_them_have_to_be_asked_for(running: Deployment) -> None:
    for command in ("replay", "discard", "release"):
        told = tell(running, "dead-letters", command, "--yes", *(() if command == "replay" else ("--why", "x")))
        assert (told.code, told.err.splitlines()) == (
            2,
            [f"Which letters? Name ids or filters, or --all to {command} every one."],
        )


def test_a_no_leaves_everything_and_a_yes_replays_it(running: Deployment, attended: None) -> None:
    no = tell(running, "dead-letters", "replay", "cancel-a", typed="n\n")
    assert (no.code, state(running, "cancel-a")) == (0, "open")
    assert "Nothing was done." in no.err

    yes = tell(running, "dead-letters", "replay", "cancel-a", "--why", "mended", "--as", "olga", typed="y\n")

    assert (yes.code, state(running, "cancel-a")) == (0, "resolved")
    assert "Replay: 1 letter in" in yes.out
    (done,) = letter(running, "cancel-a")["history"]
    assert (done["by"], done["reason"], done["result"]) == ("olga", "mended", "accepted")
    assert done["plan"] == "accepted: InvitationCancelled, QuotaUpdated, NoticeSent, NoticeSent"


def test_the_second_time_it_was_done_already(running: Deployment) -> None:
    first = tell(running, "dead-letters", "replay", "cancel-c", "--yes", "--json")
    second = tell(running, "dead-letters", "replay", "cancel-c", "--yes", "--json")

    assert [told.json[0]["outcome"] for told in (first, second)] == ["accepted", "already_done"]
    assert (first.code, second.code) == (0, 0)


def test_what_is_refused_or_fails_again_is_named_and_ends_with_4(running: Deployment) -> None:
    told = tell(running, "dead-letters", "replay", "cancel-b", "cancel-b-again", "typo", "--yes")

    assert told.code == 4
    assert "cancel-b-again NOT_ALLOWED_IN_STATUS" in told.out
    assert "typo UNKNOWN_TYPE" in told.out


def test_json_is_a_line_for_each_letter_and_a_summary_last(running: Deployment) -> None:
    planned = tell(running, "dead-letters", "replay", "cancel-d", "cancel-e", "--dry-run", "--json")
    done = tell(running, "dead-letters", "replay", "cancel-d", "cancel-e", "--yes", "--json")

    assert [line["outcome"] for line in planned.json[:-1]] == ["accepted"] * 2
    assert planned.json[-1]["summary"] == {"letters": 2, "outcomes": {"accepted": 2}, "let_go": {}}
    assert [line["letter"] for line in done.json[:-1]] == [line["letter"] for line in planned.json[:-1]]
    assert (done.json[-1]["summary"]["outcomes"], done.json[-1]["summary"]["ended"]) == ({"accepted": 2}, "done")
    assert "What a replay would do now" in done.err


def test_where_nothing_fits_there_is_nothing_to_do(running: Deployment) -> None:
    told = tell(running, "dead-letters", "replay", "--partner", "nobody", "--yes")
    assert (told.code, told.out) == (0, "Nothing to replay: no dead letter fits.\n")


def test_ctrl_c_stops_between_two_orders_and_the_same_command_goes_on(running: Deployment) -> None:
    """A process of its own, so that the signal is a real one."""
    ids = [f"cancel-many-{number}" for number in range(20)]
    command = [sys.executable, "-m", "worker", "dead-letters", "replay", *ids, "--yes", "--json", "--rate", "2"]
    process = subprocess.Popen(
        command, cwd=ROOT, env=running.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    first = process.stdout.readline()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)

    lines = [json.loads(line) for line in [first, *out.splitlines()]]
    summary = lines[-1]["summary"]
    assert (process.returncode, summary["ended"]) == (130, "interrupted")
    assert "Stopping: what is ordered is carried out." in err
    done = {line["letter"] for line in lines[:-1]}
    assert 0 < len(done) == summary["orders"] == 20 - summary["left"] < 20
    assert {
        one["_id"] for one in running.db.dead_letters.find({"command_id": {"$in": ids}, "state": "resolved"})
    } == done

    rest = tell(running, "dead-letters", "replay", *ids, "--yes", "--json")
    assert rest.json[-1]["summary"]["outcomes"] == {"already_done": len(done), "accepted": 20 - len(done)}


# -------------------------------------------------------------------------------------------- discard, reopen, release


def test_a_discard_needs_a_reason_and_reopen_takes_it_back(running: Deployment) -> None:
    without = tell(running, "dead-letters", "discard", "cancel-f", "--yes")
    assert (without.code, without.err) == (2, "Why? Give --why TEXT: it is kept with what a discard does.\n")

    discarded = tell(running, "dead-letters", "discard", "cancel-f", "--yes", "--why", "sent twice")
    assert (discarded.code, state(running, "cancel-f")) == (0, "discarded")

    reopened = tell(running, "dead-letters", "reopen", "cancel-f", "--yes", "--why", "it was not")
    assert (reopened.code, state(running, "cancel-f")) == (0, "open")
    assert [(done["action"], done["reason"]) for done in letter(running, "cancel-f")["history"]] == [
        ("discard", "sent twice"),
        ("reopen", "it was not"),
    ]


def test_a_partners_letters_are_released_as_one(running: Deployment) -> None:
    told = tell(running, "dead-letters", "release", "--partnership", "i", "--yes", "--why", "the customer waits")

    assert (told.code, state(running, "cancel-i")) == (0, "open")
    assert "released" in told.out
    assert "blocks" not in letter(running, "cancel-i")
    again = tell(running, "dead-letters", "release", "--partnership", "i", "--yes", "--why", "again")
    assert again.out == "Nothing to release: no dead letter fits.\n"


# ---------------------------------------------------------------------------------------------------------------- edit


def test_an_edit_is_shown_decided_and_linked_both_ways(running: Deployment, attended: None) -> None:
    told = tell(
        running,
        "dead-letters",
        "edit",
        "cancel-h",
        "--set",
        "data.reason=sent by mistake",
        "--why",
        "typo",
        typed="y\n",
    )

    assert told.code == 0
    assert '-    "reason": "sent in error"' in told.out
    assert '+    "reason": "sent by mistake"' in told.out
    assert "What this correction would do now" in told.out
    original = letter(running, "cancel-h")
    new = original["edited_to"]
    assert new.startswith("cancel-h-edit-")
    assert (original["state"], json.loads(original["value"])["id"]) == ("resolved", "cancel-h")
    entry = running.db.journal.find_one({"_id": new})
    assert entry is not None
    assert (entry["outcome"], entry["edited_from"]) == ("accepted", original["_id"])


def test_an_editor_edits_and_the_new_type_is_what_is_planned(
    running: Deployment, attended: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nsed -i "s/CancelInvitatoin/partnerships.ResendInvitation.v1/" "$1"\n')
    editor.chmod(0o755)
    monkeypatch.setenv("EDITOR", str(editor))

    told = tell(running, "dead-letters", "edit", "typo", "--dry-run")

    assert told.code == 0
    assert "ResendInvitation" in told.out.split("What this correction", 1)[1]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ((), "Nobody is there to edit it: give --set or --file.\n"),
        (("--set", "nonsense"), "'nonsense' is not PATH=VALUE\n"),
        (("--set", "data.reason=x"), "There is no command CancelInvitatoin: did you mean CancelInvitation?\n"),
        (("--set", "type=CancelInvitatoin"), "There is no command CancelInvitatoin: did you mean CancelInvitation?\n"),
        (("--file", "/nowhere.json"), "/nowhere.json: No such file or directory\n"),
    ],
)
def test_what_cannot_be_edited_so_is_said_in_a_line(running: Deployment, options: tuple[str, ...], says: str) -> None:
    told = tell(running, "dead-letters", "edit", "typo", "--yes", *options)
    assert (told.code, told.out, told.err) == (2, "", says)


def test_an_edit_that_changes_nothing_is_none(running: Deployment) -> None:
    told = tell(running, "dead-letters", "edit", "cancel-g", "--set", "data.reason=sent in error", "--yes")
    assert (told.code, told.err) == (2, "Nothing was changed: `dead-letters replay` decides it as it is.\n")

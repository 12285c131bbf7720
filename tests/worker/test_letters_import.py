"""`dead-letters export` of one deployment and `import` into another: on real servers, and never twice."""

import base64
import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.support import messages
from tests.support.command_line import Told, tell
from tests.support.deployment import ROOT, Deployment
from tests.support.fold import assert_documents_are_the_fold
from tests.support.waiting import wait_until
from worker.operate.letters import bring
from worker.servers import Servers

BINDING = "partnership.binding.commands"
TRACE = [("traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"), ("empty", None)]
PARTNER = {**messages.PARTNER_USER, "party_id": "acme"}
WAITED = [
    "invite-p-1",
    "hide-p-1",
    "cancel-p-1",
    "show-p-1",
    "invite-p-2",
]
"""In the order in which they came to the lane, over two topics."""


def unreadable(value: bytes) -> bytes:
    return json.dumps({**json.loads(value), "type": "partnerships.NobodyKnows.v1"}).encode()


@pytest.fixture(scope="module")
def there(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Where letters come from: a record of the partner that nobody can read, and what waits behind it; some bytes."""
    deployment = Deployment(servers, lanes=1, directory=tmp_path_factory.mktemp("there"))
    try:
        deployment.make_topics()
        worker = deployment.start_worker()
        deployment.produce(messages.FACTS, messages.register_partner("acme"))
        deployment.wait_decided(["register-acme"])
        poison = unreadable(messages.register_partner("acme", "poison"))
        deployment.produce(messages.FACTS, poison, key=b"a key \xff", headers=TRACE)
        hide = messages.command("HidePartnership", "hide-p-1", "p-1", "acme", PARTNER)
        show = messages.command("ShowPartnership", "show-p-1", "p-1", "acme", PARTNER)
        values = [
            (messages.INVITATION, messages.invite("p-1", "acme")),
            (BINDING, hide),
            (messages.INVITATION, messages.cancel("p-1", "acme")),
            (BINDING, show),
            (messages.INVITATION, messages.invite("p-2", "acme")),
        ]
        for number, (topic, value) in enumerate(values, 2):
            wait_until(lambda: deployment.db.dead_letters.count_documents({}) == number - 1, what="its turn")  # noqa: B023 - called at once
            deployment.produce(topic, value, partition=number % 2)
        deployment.produce(messages.INVITATION, b"\x00\xff bytes", partition=1)
        wait_until(lambda: deployment.db.dead_letters.count_documents({}) == 7, what="seven letters")
        deployment.wait_published()
        worker.terminate()
        yield deployment
    finally:
        deployment.close()


@pytest.fixture
def exported(there: Deployment, tmp_path: Path) -> Path:
    file = tmp_path / "letters.jsonl"
    assert tell(there, "dead-letters", "export", "--file", str(file)).code == 0
    return file


@pytest.fixture
def parked(there: Deployment, tmp_path: Path) -> Path:
    """Without what they waited for, which somebody has seen to."""
    file = tmp_path / "parked.jsonl"
    assert tell(there, "dead-letters", "export", "--state", "parked", "--file", str(file)).code == 0
    return file


@pytest.fixture
def here(deploy: Callable[..., Deployment]) -> Deployment:
    """A fresh one, which knows the partner."""
    deployment = deploy(lanes=1)
    deployment.make_topics()
    deployment.start_worker()
    deployment.produce(messages.FACTS, messages.register_partner("acme"))
    deployment.wait_decided(["register-acme"])
    return deployment


def bring_in(deployment: Deployment, file: Path, *arguments: str) -> Told:
    return tell(deployment, "dead-letters", "import", str(file), *arguments)


def fates(deployment: Deployment, file: Path, *arguments: str) -> dict[str, int]:
    """What the plan says."""
    told = bring_in(deployment, file, "--dry-run", "--json", *arguments)
    assert told.code == 0
    found: dict[str, int] = told.json[-1]["summary"]["fates"]
    return found


def rewrite(file: Path, change: Callable[[dict[str, Any]], dict[str, Any] | None]) -> Path:
    """Another file, each line changed or left out."""
    lines = [change(json.loads(line)) for line in file.read_text().splitlines()]
    changed = file.with_name("changed.jsonl")
    changed.write_text("".join(json.dumps(line) + "\n" for line in lines if line is not None))
    return changed


def ends(deployment: Deployment) -> list[dict[int, int]]:
    return [deployment.operator.ends(topic) for topic in (messages.FACTS, messages.INVITATION, BINDING)]


def arrived(here: Deployment, stored: dict[str, Any]) -> list[Any]:
    """The records of a letter of another deployment on its topic here."""
    topic = next(
        topic for topic in (messages.FACTS, messages.INVITATION, BINDING) if topic in stored["source"]["topic"]
    )
    return [record for record in here.read(topic) if record.value() == stored["value"]]


# -------------------------------------------------------------------------------------------------------------- export


def test_an_export_has_every_byte_and_what_people_read(there: Deployment, exported: Path) -> None:
    lines = {line["id"]: line for line in map(json.loads, exported.read_text().splitlines())}

    for stored in there.db.dead_letters.find():
        line = lines.pop(stored["_id"])
        assert base64.b64decode(line["value"]) == stored["value"]
        assert (line["key"] and base64.b64decode(line["key"])) == stored["key"]
        headers = [[name, None if value is None else base64.b64decode(value)] for name, value in line["headers"]]
        assert headers == stored["headers"]
        assert (line["state"], line["reason"], line["fingerprint"]) == tuple(
            stored[name] for name in ("state", "reason", "fingerprint")
        )
        assert line.get("body") == (None if b"\xff" in stored["value"] else json.loads(stored["value"]))
    assert lines == {}
    assert exported.stat().st_mode & 0o777 == 0o600


def test_an_export_is_in_log_order_and_filtered_and_goes_to_stdout(there: Deployment) -> None:
    told = tell(there, "dead-letters", "export", "--state", "parked")

    assert [line["command_id"] for line in told.json] == WAITED
    assert "5 letters written; what producers sent may be personal data." in told.err
    assert tell(there, "dead-letters", "export", "--reason", "NOTHING").code == 4


def test_an_export_overwrites_nothing(there: Deployment, exported: Path) -> None:
    before = exported.read_bytes()
    told = tell(there, "dead-letters", "export", "--file", str(exported))
    nowhere = tell(there, "dead-letters", "export", "--file", str(exported / "no" / "where"))

    assert (told.code, told.err.count("\n"), exported.read_bytes()) == (2, 1, before)
    assert (nowhere.code, nowhere.err.count("\n")) == (2, 1)
    assert [path.name for path in exported.parent.iterdir()] == [exported.name]


def test_whoever_has_seen_enough_may_close_the_pipe(there: Deployment) -> None:
    command = f"{sys.executable} -m worker dead-letters export | head -c 10; exit ${{PIPESTATUS[0]}}"
    told = subprocess.run(
        ["/bin/bash", "-c", command], env=there.environment(), cwd=ROOT, capture_output=True, check=False, timeout=60
    )

    assert told.stdout == b'{"id":"~' + told.stdout[8:]
    assert b"Traceback" not in told.stderr
    assert b"does not answer" not in told.stderr


# -------------------------------------------------------------------------------------------------------------- import


def test_all_is_decided_there_in_its_order_and_once(there: Deployment, here: Deployment, parked: Path) -> None:
    assert fates(here, parked) == {"new": 5}

    told = bring_in(here, parked, "--yes", "--as", "olga")

    assert "5 letters sent:" in told.out
    here.wait_published()
    entries = list(here.db.journal.find({"_id": {"$in": WAITED}}).sort("offset", 1))
    assert [entry["_id"] for entry in entries] == WAITED
    assert [entry["outcome"] for entry in entries if entry["_id"] != "show-p-1"] == ["accepted"] * 4
    for stored in there.db.dead_letters.find({"state": "parked"}):
        (record,) = arrived(here, stored)
        assert record.key() == stored["key"]
        assert record.headers() == [("imported-from", stored["_id"].encode()), ("imported-by", b"olga")]

    sent = ends(here)
    again = bring_in(here, parked, "--yes")

    assert fates(here, parked) == {"decided": 5}
    assert (again.code, ends(here)) == (0, sent)
    assert "Nothing to send." in again.out
    here.judge()
    assert_documents_are_the_fold(here.db)


def test_what_belongs_to_another_topic_waits_until_the_ones_before_are_decided(
    there: Deployment, here: Deployment, parked: Path
) -> None:
    """Whichever worker takes up which partition, and how late: the lane has the one before the other is sent."""
    bring_in(here, parked, "--yes")

    stored = [there.db.dead_letters.find_one({"_id": name}) for name in WAITED]
    in_lane = {record.value(): record.timestamp()[1] for record in here.read("partnership.lanes")}
    records = [record for each in stored if each is not None for record in arrived(here, each)]
    for before, after in pairwise(records):
        assert before.topic() != after.topic()
        assert in_lane[before.value()] <= after.timestamp()[1]
    assert len({record.partition() for record in records}) == 1, "and on one topic they have one partition"


def test_what_cannot_be_read_comes_when_asked_for_and_is_known_the_second_time(
    there: Deployment, here: Deployment, exported: Path
) -> None:
    assert fates(here, exported) == {"unreadable": 2, "behind": 5}

    told = bring_in(here, exported, "--yes", "--unreadable", "--json")

    assert told.code == 4
    assert told.json[-1]["summary"]["sent"] == 7
    original = there.db.dead_letters.find_one({"command_id": "poison"})
    letter = here.db.dead_letters.find_one({"command_id": "poison"})
    assert original is not None
    assert letter is not None
    assert letter["value"] == original["value"]
    assert letter["key"] == original["key"]
    assert letter["headers"][:2] == original["headers"]
    assert letter["headers"][2] == ["imported-from", original["_id"].encode()]
    # It holds its partner here too, so what came behind it waits.
    assert here.db.dead_letters.count_documents({"state": "parked"}) == 5
    assert fates(here, exported, "--unreadable") == {"letter": 7}
    sent = ends(here)
    assert bring_in(here, exported, "--yes", "--unreadable").code == 0
    assert ends(here) == sent

    # And from there on to a third one, or back, it is the same letter still.
    assert tell(here, "dead-letters", "export", "--file", str(exported.with_name("back"))).code == 0
    assert fates(there, exported.with_name("back")) == {"letter": 7}


def test_what_is_known_here_is_not_sent(there: Deployment, exported: Path) -> None:
    assert fates(there, exported) == {"letter": 7}
    there.db.dead_letters.update_one({"command_id": "poison"}, {"$set": {"state": "discarded"}})
    try:
        assert fates(there, exported) == {"letter": 6, "decided": 1}
    finally:
        there.db.dead_letters.update_one({"command_id": "poison"}, {"$set": {"state": "open"}})


def test_another_command_under_the_same_id_stands(here: Deployment, parked: Path) -> None:
    here.produce(messages.INVITATION, messages.invite("p-1", "acme", legal_name="Somebody else"))
    here.wait_decided(["invite-p-1"])

    assert fates(here, parked) == {"new": 4, "taken": 1}


@pytest.mark.parametrize(
    ("change", "fate"),
    [
        ({"state": "resolved"}, "settled"),
        ({"state": "discarded"}, "settled"),
        ({"redacted": True, "value": None}, "redacted"),
        ({"type": "partnerships.DeadlineReached.v1"}, "own"),
        ({"source": {"topic": "x.partnership.lanes", "partition": 0, "offset": 1}}, "new"),
    ],
)
def test_what_is_not_to_be_decided_is_not_sent(
    here: Deployment, exported: Path, change: dict[str, Any], fate: str
) -> None:
    only = rewrite(exported, lambda line: {**line, **change} if line["command_id"] == "invite-p-2" else None)

    assert fates(here, only) == {fate: 1}


def test_a_dry_run_is_not_asked_again(here: Deployment, exported: Path) -> None:
    body = json.loads(messages.invite("p-7", "acme"))
    body["data"]["dry_run"] = True
    value = base64.b64encode(json.dumps(body).encode()).decode()
    only = rewrite(exported, lambda line: {**line, "value": value} if line["command_id"] == "invite-p-2" else None)

    assert fates(here, only) == {"dry_run": 1}


def test_what_is_older_than_what_was_decided_here_is_said(here: Deployment, parked: Path) -> None:
    here.produce(messages.INVITATION, messages.invite("p-1", "acme", "another-invitation"))
    here.wait_decided(["another-invitation"])

    summary = bring_in(here, parked, "--dry-run", "--json").json[-1]["summary"]

    assert (summary["fates"]["new"], summary["late"]) == (5, 4)
    assert "4 letters to send are older" in bring_in(here, parked, "--dry-run").out


def test_a_refusal_is_told_and_has_an_exit_code(here: Deployment, exported: Path) -> None:
    only = rewrite(exported, lambda line: line if line["command_id"] == "cancel-p-1" else None)

    told = bring_in(here, only, "--yes")

    assert told.code == 4
    assert "1 refused NOT_FOUND" in told.out
    assert "partnership-worker journal --outcome refused" in told.out


def test_from_stdin_and_the_plan_fits_80_columns(here: Deployment, exported: Path) -> None:
    told = tell(here, "dead-letters", "import", "-", "--dry-run", typed=exported.read_bytes())

    assert "2  not sent  this release cannot read it" in told.out
    assert "5  not sent  waits behind one that is not sent" in told.out
    assert "--unreadable sends those too" in told.out
    assert max(map(len, told.out.splitlines())) <= 80
    assert here.db.journal.count_documents({}) == 1


def test_without_a_worker_it_says_that_it_may_be_run_again(
    here: Deployment, parked: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bring, "ANSWER_SECONDS", 1.0)
    with here.asleep(here.workers[0]):
        told = bring_in(here, parked, "--yes")

    assert (told.code, told.err.count("\n")) == (5, 1)
    assert "Import again then" in told.err
    wait_until(lambda: here.db.journal.find_one({"_id": "invite-p-1"}) is not None, 60, "the first one")
    assert bring_in(here, parked, "--yes").code in (0, 4)
    assert fates(here, parked) == {"decided": 5}
    here.wait_published()
    here.judge()


def test_what_is_no_export_is_one_line(here: Deployment, exported: Path) -> None:
    broken = exported.with_name("broken.jsonl")
    broken.write_text(exported.read_text().splitlines()[0] + '\n{"id": "x", "value": "no base64!"}\n')

    for file, why in ((broken, "Line 2 is no exported letter: "), (exported.with_name("none"), "No such file")):
        told = bring_in(here, file, "--yes")
        assert (told.code, told.err.count("\n")) == (2, 1)
        assert why in told.err
    assert here.db.journal.count_documents({}) == 1, "nothing was sent"


def test_nothing_is_sent_without_a_yes(here: Deployment, parked: Path) -> None:
    unasked = bring_in(here, parked)
    ours, theirs = pty.openpty()
    os.write(ours, b"n\n")
    command = [sys.executable, "-m", "worker", "dead-letters", "import", str(parked)]
    asked = subprocess.run(
        command, env=here.environment(), cwd=ROOT, stdin=theirs, capture_output=True, text=True, check=False, timeout=60
    )
    os.close(ours)
    os.close(theirs)

    assert (unasked.code, unasked.err.count("\n")) == (2, 1)
    assert "--yes" in unasked.err
    assert "Send 5 letters? [y/N]" in asked.stderr
    assert (asked.returncode, "Nothing was done." in asked.stderr) == (0, True)
    assert here.db.journal.count_documents({}) == 1

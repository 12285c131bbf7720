"""`send`, `journal` and `tail` on a running worker."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from contracts.registry import COMMANDS
from tests.support import messages
from tests.support.command_line import Told, tell
from tests.support.deployment import Deployment
from worker.servers import Servers

ACTOR = ("--actor", "partner:acme:paula:admin")
CANCEL = ("--subject", "p-1", "--partner", "acme", *ACTOR, "--set", "reason=sent in error")


@pytest.fixture(scope="module")
def running(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A worker, a partner, an open invitation, and a record that cannot be read."""
    deployment = Deployment(servers, directory=tmp_path_factory.mktemp("commands"))
    try:
        deployment.make_topics()
        deployment.start_worker().wait_ready()
        deployment.produce(messages.FACTS, messages.register_partner("acme"))
        deployment.wait_decided(["register-acme"])
        deployment.produce(messages.INVITATION, b"not JSON", messages.invite("p-1", "acme"))
        deployment.wait_decided(["invite-p-1"])
        yield deployment
    finally:
        deployment.close()


def file_of(path: Any, body: dict[str, Any]) -> str:
    path.write_text(json.dumps(body))
    return str(path)


# ---------------------------------------------------------------------------------------------------------------- send


def test_a_command_from_flags_is_decided_and_its_events_are_shown(running: Deployment) -> None:
    fields = json.loads(messages.invite("p-flags", "acme"))["data"]
    del fields["actor"]
    settings = [part for name, value in fields.items() for part in ("--set", f"{name}={value}")]

    told = tell(running, "send", "invitecustomer", "--subject", "p-flags", "--partner", "acme", *ACTOR, *settings)

    assert told.code == 0
    assert "accepted" in told.out
    assert "InvitationSent" in told.out
    assert running.db.partnerships.find_one({"_id": "p-flags"}) is not None


def test_a_command_from_a_file_and_again_from_stdin(running: Deployment, tmp_path: Any) -> None:
    event = json.loads(messages.invite("p-file", "acme", "from-file"))

    first = tell(running, "send", "--file", file_of(tmp_path / "event.json", event), "--json")
    again = tell(running, "send", "--file", "-", "--json", typed=json.dumps(event))

    assert [(told.code, told.json[0]["repeated"]) for told in (first, again)] == [(0, False), (0, True)]
    assert again.json[0]["entry"]["said"][0]["type"] == "partnerships.InvitationSent.v1"


def test_a_dry_run_says_what_would_come_of_it_and_changes_nothing(running: Deployment) -> None:
    told = tell(running, "send", "CancelInvitation", *CANCEL, "--dry-run")
    refused = tell(running, "send", "CancelInvitation", *CANCEL, "--dry-run", "--subject", "nobody")

    assert (told.code, refused.code) == (0, 4)
    assert "would accept" in told.out
    assert "InvitationCancelled" in told.out
    assert "would refuse" in refused.out
    assert running.db.partnerships.find_one({"_id": "p-1"})["state"]["status"] == "invited"  # type: ignore[index]


def test_a_refusal_is_shown_with_what_to_do(running: Deployment) -> None:
    told = tell(running, "send", "CancelInvitation", *CANCEL, "--subject", "nobody", "--id", "cancel-nobody")

    assert told.code == 4
    assert "NOT_FOUND" in told.out
    assert "Check the" in told.out


def test_an_id_that_is_taken_by_another_body_is_refused(running: Deployment) -> None:
    told = tell(running, "send", "CancelInvitation", *CANCEL, "--id", "invite-p-1", "--json")

    assert told.code == 4
    assert told.json[0]["entry"]["code"] == "COMMAND_ID_REUSED"


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("CancelInvitation", "--subject", "p-1", "--partner", "acme"), "actor: Field required"),
        (("CancelInvitation", *ACTOR), "--subject and --partner"),
        (("CancelInvitatoin", *CANCEL), "did you mean CancelInvitation?"),
        (("CancelInvitation", *CANCEL, "--id", "~mine"), "the worker's own"),
        (("CancelInvitation", *CANCEL, "--actor", "paula"), "partner:acme:paula:admin"),
        (("DeadlineReached", *CANCEL), "There is no command"),
        (("--file", "/nowhere.json"), "No such file"),
        (("CancelInvitation", *CANCEL, "--set", "reason"), "NAME=VALUE"),
    ],
)
def test_what_the_contract_does_not_allow_is_not_sent(
    running: Deployment, arguments: tuple[str, ...], why: str
) -> None:
    before = running.operator.ends(messages.INVITATION)

    told = tell(running, "send", *arguments)

    assert (told.code, told.err.count("\n")) == (2, 1)
    assert why in told.err
    assert running.operator.ends(messages.INVITATION) == before


def test_without_a_worker_the_answer_is_said_to_come_later(running: Deployment) -> None:
    with running.asleep(running.workers[0]):
        told = tell(running, "send", "CancelInvitation", *CANCEL, "--subject", "late", "--timeout", "0.5")
        unasked = tell(running, "send", "CancelInvitation", *CANCEL, "--subject", "later", "--no-wait", "--json")

    assert told.code == 5
    assert "will be decided once a worker runs" in told.err
    assert (unasked.code, unasked.json[0].keys()) == (0, {"command_id", "source"})
    running.wait_decided([unasked.json[0]["command_id"]])


def test_each_command_of_the_contract_is_listed_and_described(tmp_path: Path) -> None:
    nowhere = Deployment(Servers("127.0.0.1:9", "mongodb://127.0.0.1:9/?replicaSet=rs0"), directory=tmp_path)
    listed = tell(nowhere, "send", "--list", "--json").json
    shown = tell(nowhere, "send", "RequestTermination", "--describe")
    example = tell(nowhere, "send", "RequestTermination", "--example")
    nowhere.mongo.close()

    assert len(listed) == len(COMMANDS)
    assert all(line["what"] for line in listed)
    assert "category" in shown.out
    assert json.loads(example.out)["type"] == "partnerships.RequestTermination.v1"


# ------------------------------------------------------------------------------------------------------------- journal


def lines(told: Told) -> list[str]:
    return [line["id"] for line in told.json]


@pytest.mark.parametrize(
    ("arguments", "ids"),
    [
        (("--partnership", "p-1", "--type", "InviteCustomer"), ["invite-p-1"]),
        (("--partner", "acme", "--type", "partnerships.RegisterPartner.v1"), ["register-acme"]),
        (("--actor", "registry"), ["register-acme"]),
        (("--outcome", "accepted", "--type", "RegisterPartner"), ["register-acme"]),
        (("--type", "RegisterPartner", "--since", "1h"), ["register-acme"]),
        (("--type", "RegisterPartner", "--until", "1h"), []),
        (("--type", "RegisterPartner", "--since", "2999-01-01"), []),
        (("invite-p-1", "--outcome", "accepted"), ["invite-p-1"]),
        (("nobody-gave-this",), []),
    ],
)
def test_the_journal_is_grepped(running: Deployment, arguments: tuple[str, ...], ids: list[str]) -> None:
    told = tell(running, "journal", *arguments, "--json")

    assert lines(told) == ids
    assert told.code == (0 if ids else 4)


def test_a_dead_letter_is_found_by_its_reason(running: Deployment) -> None:
    told = tell(running, "journal", "--code", "NOT_JSON", "--json")

    assert [line["outcome"] for line in told.json] == ["dead_letter"]


def test_one_command_is_shown_in_full_and_bodies_only_when_asked_for(running: Deployment) -> None:
    told = tell(running, "journal", "invite-p-1")
    bodies = tell(running, "journal", "invite-p-1", "--bodies")

    assert "partners acme to rev" in told.out
    assert "QuotaUpdated" in told.out
    assert "it@p-1.example" not in told.out
    assert "it@p-1.example" in bodies.out


def test_lines_fit_80_columns(running: Deployment) -> None:
    told = tell(running, "journal")

    assert len(told.out.splitlines()) > 3
    assert max(map(len, told.out.splitlines())) <= 80


def test_a_wrong_time_is_one_line(running: Deployment) -> None:
    from worker.cli.times import read_time  # noqa: PLC0415 - what typer does with its error is in test_cli_frame

    with pytest.raises(Exception, match="90s, 15m, 2h, 3d"):
        read_time("yesterday")


# ---------------------------------------------------------------------------------------------------------------- tail


def test_events_are_followed_and_filtered(running: Deployment) -> None:
    told = tell(running, "tail", "--from-beginning", "--to-end", "--partnership", "p-1", "--json")
    quota = tell(running, "tail", "--from-beginning", "--to-end", "--topic", "quota", "--json")
    sent = tell(running, "tail", "--from-beginning", "-n", "1", "--type", "InvitationSent")

    assert {line["event"]["subject"] for line in told.json} == {"p-1"}
    assert {line["topic"] for line in told.json} >= {"partnership.lifecycle.events", "partnership.notice.events"}
    assert [line["event"]["id"] for line in quota.json] == [
        event["id"] for event in running.events("partnership.quota.events")
    ]
    assert "InvitationSent p-" in sent.out
    assert len(sent.out.splitlines()) == 1

"""Logs hold ids and numbers only: no name, address, reason or body, no secret and no token, whatever goes wrong.

One run at the most talkative level: a whole life, refusals, dead letters, and a handler that fails with the command in
its error's text.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from handlers.documents import Partner
from tests.support import messages
from tests.support.deployment import SECRET, Deployment, WorkerProcess
from tests.support.domain import facts, token
from tests.support.tale import Tale
from tests.support.waiting import wait_until
from worker.failures import UnreadableDocument
from worker.logs import as_a_warning
from worker.mongo.store import document_of
from worker.servers import Servers

PERSONAL = {
    "legal_name": "Wunderlich-Kuechen GmbH",
    "contact_person": "Adelheid Wunderlich",
    "email": "adelheid@wunderlich.example",
    "phone": "+49 89 47110815",
    "requirements": "our oven controllers in your cloud",
    "estimated_volume": "12345 EUR a month",
    "terms": "as agreed with Mr Zwackelmann",
}
OTHERS = ["Partner Pumuckl Ltd", "desk@pumuckl.example", "because Adelheid left us", "never-guess-this-token"]
WORDS = [*PERSONAL.values(), *OTHERS, "Wunderlich", "Pumuckl", "Zwackelmann", "Adelheid", "47110815"]


@dataclass
class Run:
    """What was said, and the log of the worker that heard it."""

    log: str
    token: str
    worker: WorkerProcess


@pytest.fixture(scope="module")
def run(servers: Servers) -> Iterator[Run]:
    deployment = Deployment(servers, overrides={"log_level": "debug"})
    try:
        deployment.make_topics()
        worker = deployment.start_worker("tests.support.broken_handlers", "raise-for", "leaky").wait_ready()
        with Tale(deployment) as tale:
            secret_token = _live(tale)
        assert worker.terminate() == 0
        yield Run(worker.log, secret_token, worker)
    finally:
        deployment.close()


def _live(tale: Tale) -> str:
    """A life with everything that must not be told; returns the token of its invitation."""
    partner = messages.register_partner("p", name="Partner Pumuckl Ltd", contact_email="desk@pumuckl.example")
    invitation = messages.invite("deal", "p", **PERSONAL)
    assert tale.say(partner, invitation, facts("c", "p")) == ["accepted"] * 3
    secret_token = token(tale, "deal")
    guess = messages.open_invitation("deal", "p", "never-guess-this-token", "c", "guess")
    opened = messages.open_invitation("deal", "p", secret_token, "c")
    verified = json.loads(messages.verify_identity("deal", "p", "c"))
    identity = {"legal_name": PERSONAL["legal_name"], "registered_email": PERSONAL["email"]}
    verified["data"] |= identity
    answers = tale.say(guess, opened, json.dumps(verified).encode(), messages.accept("deal", "p", "c"))
    assert answers == ["TOKEN_INVALID", "accepted", "accepted", "accepted"]
    declined = messages.command(
        "DeclineInvitation", "no", "deal", "p", {**messages.CUSTOMER_USER, "party_id": "c"}, reason=OTHERS[2]
    )
    tale.say(declined)
    # A handler that fails with the command's data in its text; and bytes that are no command but hold a person's data.
    assert tale.say(messages.invite("leaky", "p", **PERSONAL)) == ["HANDLER_FAILED"]
    for value in (invitation[:-30], messages.invite("x", "p", "y" * 200, **PERSONAL), json.dumps(PERSONAL).encode()):
        tale.deployment.produce(messages.INVITATION, value, key=PERSONAL["email"].encode(), partition=0)
    headers = [("x-contact", PERSONAL["email"].encode())]
    tale.deployment.produce(messages.INVITATION, b"{", headers=headers, partition=0)
    tale.settle("p")
    return secret_token


@pytest.mark.parametrize("word", WORDS)
def test_no_personal_data_is_logged(run: Run, word: str) -> None:
    assert word not in run.log


def test_neither_the_secret_nor_a_token_is_logged(run: Run) -> None:
    assert SECRET not in run.log
    assert run.token not in run.log


def test_every_line_is_json_with_an_event_a_level_and_a_time(run: Run) -> None:
    lines = [json.loads(line) for line in run.log.splitlines()]

    assert lines
    assert all({"event", "level", "timestamp"} <= line.keys() for line in lines)


def test_lanes_are_named(run: Run) -> None:
    assert {line["lane"] for line in run.worker.logged("lane is open")} == {0, 1}


def test_a_healthy_run_logs_nothing_worse_than_a_warning(run: Run) -> None:
    worse = [line for line in map(json.loads, run.log.splitlines()) if line["level"] in ("error", "critical")]

    assert worse == []


def test_a_dead_letter_is_logged_with_its_id_and_reason(run: Run) -> None:
    """Whoever looks for a command that had no effect finds it by its id."""
    assert "invite-leaky" in run.log
    assert "HANDLER_FAILED" in run.log


def test_an_error_of_mongodb_does_not_bring_its_document_into_the_log(deploy: Callable[..., Deployment]) -> None:
    """Its errors quote the operation or the document. Here an index makes MongoDB refuse one: a name is no place."""
    deployment = deploy(lanes=1)
    worker = deployment.start_worker().wait_ready()
    deployment.db.partners.create_index({"contact.name": "2dsphere"})

    partner = messages.register_partner("p", name="Wunderlich", contact_email="a@wunderlich.example")
    deployment.produce(messages.FACTS, partner)
    wait_until(lambda: worker.logged("lane starts again"), what="a lane that starts again")

    assert "underlich" not in worker.log


def test_what_cannot_be_read_is_not_in_the_error() -> None:
    """A stored document, after a rollback or an edit by hand: its dead letters and the log have the error."""
    with pytest.raises(UnreadableDocument) as found:
        document_of(Partner, {"_id": "p", "contact": {"contact_email": ["alice@secret.example"]}, "language": "en"})

    assert "contact.contact_email" in str(found.value)
    assert "alice" not in str(found.value)


@pytest.mark.parametrize(
    ("logger", "level", "told"),
    [
        ("aiokafka.consumer.group_coordinator", "error", "warning"),
        ("aiokafka.conn", "warning", "warning"),
        ("asyncio", "error", "error"),
    ],
)
def test_what_aiokafka_tries_again_is_no_error(logger: str, level: str, told: str) -> None:
    assert as_a_warning(None, "", {"event": "e", "level": level, "logger": logger})["level"] == told


def test_nor_is_what_the_worker_says_itself_another_level() -> None:
    assert as_a_warning(None, "", {"event": "e", "level": "error"})["level"] == "error"

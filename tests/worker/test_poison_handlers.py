"""P6 from the inside: what a defect of a handler, or a document that cannot be stored, does to whom.

The broken workers are those of tests/support/broken_handlers.py. The commands wait before the worker starts, so that
good and bad ones are in one batch.
"""

from collections.abc import Callable

import pytest
from bson import encode

from tests.support import messages
from tests.support.deployment import Deployment, WorkerProcess
from tests.support.fold import assert_documents_are_the_fold
from tests.support.waiting import wait_until

DOCUMENT_BYTES_MAX = 16 * 1024 * 1024
OPERATOR_IS_NEEDED = 3
LETTERS = "partnership.dead-letters"
PARTNERS = [f"p-{number}" for number in range(12)]
MODULE = "tests.support.broken_handlers"


@pytest.fixture
def waiting(deploy: Callable[..., Deployment]) -> Deployment:
    """Twelve partners with an invitation each, in one partition, before a worker is there."""
    deployment = deploy(lanes=1)
    deployment.make_topics()
    registrations = [messages.register_partner(partner) for partner in PARTNERS]
    invitations = [messages.invite(f"offer-{partner}", partner) for partner in PARTNERS]
    deployment.produce(messages.FACTS, *registrations, *invitations, partition=0)
    return deployment


def outcomes(deployment: Deployment, seconds: float = 40) -> dict[str, str]:
    """Command id → outcome, or the reason of the dead letter, once all 24 are decided."""
    journal = deployment.db.journal
    wait_until(lambda: journal.count_documents({}) == 2 * len(PARTNERS), seconds, "deciding all")
    deployment.wait_published()
    return {entry["_id"]: entry.get("code", entry["outcome"]) for entry in journal.find()}


def assert_only(culprit: str, reason: str, worker: WorkerProcess, deployment: Deployment) -> None:
    """That command is one dead letter for this reason, and all the others are accepted."""
    found = outcomes(deployment)
    assert {key: code for key, code in found.items() if code != "accepted"} == {culprit: reason}
    (letter,) = deployment.db.dead_letters.find()
    assert (letter["_id"], letter["reason"], letter["state"]) == (culprit, reason, "open")
    (record,) = deployment.read(LETTERS)
    assert dict(record.headers())["dead-letter-id"] == culprit.encode()
    worker.wait_ready()
    deployment.judge()


def test_a_handler_that_fails_on_one_partnership_hurts_no_other(waiting: Deployment) -> None:
    """What is said about it is the error's class and place, and not its text, which quotes the command."""
    worker = waiting.start_worker(MODULE, "raise-for", "offer-p-5")

    assert_only("invite-offer-p-5", "HANDLER_FAILED", worker, waiting)
    assert_documents_are_the_fold(waiting.db)
    (letter,) = waiting.db.dead_letters.find()
    assert letter["error"].startswith("ZeroDivisionError at broken_handlers.py:")
    assert "the text of an error" not in letter["error"] + worker.log


def test_a_release_that_fails_everywhere_stops_before_it_stores(waiting: Deployment) -> None:
    """Exit code 3, with a command to look at; the good release then decides everything as if nothing had been."""
    broken = waiting.start_worker(MODULE, "raise-always", "")
    assert broken.wait() == OPERATOR_IS_NEEDED, broken.log[-4000:]
    (stopped,) = broken.logged("stopped: an operator is needed")
    assert "partnerships.RegisterPartner.v1 register-p-0 (HANDLER_FAILED: LookupError" in stopped["reason"]
    assert "bad release" in stopped["reason"]
    assert_nothing_was_poured_out(waiting)
    assert waiting.db.journal.count_documents({}) == 0

    waiting.start_worker()

    assert set(outcomes(waiting).values()) == {"accepted"}
    assert_documents_are_the_fold(waiting.db)
    waiting.judge()


def assert_nothing_was_poured_out(deployment: Deployment) -> None:
    assert deployment.db.dead_letters.count_documents({}) == 0
    assert deployment.read(LETTERS) == []


def test_too_many_failing_partnerships_stop_the_worker_although_most_go_well(waiting: Deployment) -> None:
    """By count, whatever their share. The first one is named."""
    broken = waiting.start_worker(
        MODULE, "raise-always", "offer-", failing_partnerships_max="10", failing_share_max="1"
    )

    assert broken.wait() == OPERATOR_IS_NEEDED, broken.log[-4000:]
    (stopped,) = broken.logged("stopped: an operator is needed")
    assert "partnerships.InviteCustomer.v1 invite-offer-p-0 (HANDLER_FAILED: LookupError" in stopped["reason"]
    assert_nothing_was_poured_out(waiting)


def test_one_failing_partnership_less_than_the_limit_is_dead_letters(waiting: Deployment) -> None:
    worker = waiting.start_worker(
        MODULE, "raise-always", "offer-", failing_partnerships_max="13", failing_share_max="1"
    )

    assert list(outcomes(waiting).values()).count("HANDLER_FAILED") == 12
    assert len(waiting.read(LETTERS)) == 12
    worker.wait_ready()


@pytest.mark.parametrize("how", ["grow", "overflow"])
def test_a_document_that_cannot_be_stored_hurts_its_own_command_only(waiting: Deployment, how: str) -> None:
    """The batch is halved until the culprit is alone; what shared its batch is decided."""
    worker = waiting.start_worker(MODULE, how, "invite-offer-p-5")

    assert_only("invite-offer-p-5", "NOT_STORABLE", worker, waiting)
    assert worker.logged("batch halved")
    assert not worker.logged("lane starts again")
    assert_documents_are_the_fold(waiting.db)


def test_a_stored_document_at_its_limit_refuses_to_grow_and_nothing_else(waiting: Deployment) -> None:
    """As a document that grew over years would: here it is there already, with 20 bytes to go to 16 MB."""
    former = waiting.start_worker()
    outcomes(waiting)
    former.terminate()  # a lane remembers the partners that it wrote, and takes nobody else's hand in them into account
    document = waiting.db.partners.find_one({"_id": "p-3"})
    assert document is not None
    document["sequences"][""] = 1
    room = DOCUMENT_BYTES_MAX - len(encode(document)) - 20
    document["sequences"]["x" * room] = document["sequences"].pop("")
    waiting.db.partners.replace_one({"_id": "p-3"}, document)
    worker = waiting.start_worker()

    report = {"as_of": "2026-01-01T00:00:00Z", "negative_records": 1, "quota_limit": 7}
    for partner in PARTNERS:
        waiting.enqueue(
            messages.FACTS,
            messages.command("ReportPartnerStanding", f"report-{partner}", partner, partner, messages.SYSTEM, **report),
            partition=0,
        )
    waiting.flush()

    waiting.wait_decided([f"report-{partner}" for partner in PARTNERS])
    found = {e["_id"]: e.get("code", e["outcome"]) for e in waiting.db.journal.find({"_id": {"$regex": "^report"}})}
    assert {key: code for key, code in found.items() if code != "accepted"} == {"report-p-3": "NOT_STORABLE"}
    worker.wait_ready()
    waiting.judge()

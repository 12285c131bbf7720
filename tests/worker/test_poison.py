"""P6 and P1: a bad record hurts nobody but itself, and ends as exactly one outcome.

All of them lie between good commands of other partners, in one partition, and wait there before the worker starts, so
that they are batches. Then intake's offsets are set back, so that everything comes a second time.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.support import messages
from tests.support.deployment import Deployment
from tests.support.fold import assert_documents_are_the_fold
from tests.support.poison import POISONS, Poison
from tests.support.waiting import wait_until
from worker.servers import Servers

LETTERS = "partnership.dead-letters"
REFUSALS = "partnership.rejections"


@dataclass
class Aftermath:
    """What the journal, the letters and the topics hold after the first delivery, and after the second one."""

    sources: dict[str, str]
    good_ids: list[str]
    entries: list[dict[str, Any]]
    letters: list[dict[str, Any]]
    records: list[Any]
    refusals: list[dict[str, Any]]
    second: "Aftermath | None" = None

    def entry(self, name: str) -> dict[str, Any]:
        """The one journal entry of a poison."""
        found = [entry for entry in self.entries if entry["source"] == self.sources[name]]
        assert len(found) == 1, f"{name}: {len(found)} journal entries"
        return found[0]

    def letters_of(self, entry: dict[str, Any]) -> list[dict[str, Any]]:
        return [letter for letter in self.letters if letter["_id"] == entry["_id"]]

    def records_of(self, entry: dict[str, Any]) -> list[Any]:
        wanted = ("dead-letter-id", entry["_id"].encode())
        return [record for record in self.records if wanted in record.headers()]


@pytest.fixture(scope="module")
def aftermath(servers: Servers) -> Iterator[Aftermath]:
    deployment = Deployment(servers)
    try:
        deployment.make_topics()
        good_ids = []
        for number, poison in enumerate(POISONS.values()):
            before = messages.register_partner(f"good-{number}")
            after = messages.invite(f"offer-{number}", f"good-{number}")
            deployment.enqueue(messages.FACTS, before, partition=0)
            deployment.enqueue(messages.FACTS, poison.value, poison.key, poison.headers, 0)
            deployment.enqueue(messages.FACTS, after, partition=0)
            good_ids += [f"register-good-{number}", f"invite-offer-{number}"]
        deployment.flush()
        topic = deployment.topic(messages.FACTS)
        sources = {name: f"{topic}:0:{3 * number + 1}" for number, name in enumerate(POISONS)}

        first = _run(deployment, sources, good_ids, len(POISONS) * 3)
        deployment.operator.set_offsets(f"{deployment.name}-intake", messages.FACTS, {0: 0})
        first.second = _run(deployment, sources, good_ids, len(POISONS) * 6)
        assert_documents_are_the_fold(deployment.db)
        yield first
    finally:
        deployment.close()


def _run(deployment: Deployment, sources: dict[str, str], good_ids: list[str], records: int) -> Aftermath:
    """A worker from its start to its end, with so many records in the lane log to decide."""
    worker = deployment.start_worker()

    def done() -> bool:
        assert worker.process.poll() is None, worker.log[-4000:]
        return bool(sum(lane["published"] for lane in deployment.db.lanes.find()) >= records)

    wait_until(done, 40, "publication of all")
    assert worker.terminate() == 0, worker.log[-4000:]
    journal = list(deployment.db.journal.find())
    letters = list(deployment.db.dead_letters.find())
    return Aftermath(sources, good_ids, journal, letters, deployment.read(LETTERS), deployment.events(REFUSALS))


def test_all_good_commands_around_them_are_decided(aftermath: Aftermath) -> None:
    outcomes = {entry["_id"]: entry["outcome"] for entry in aftermath.entries}

    assert {outcomes.get(command_id) for command_id in aftermath.good_ids} == {"accepted"}


@pytest.mark.parametrize("name", POISONS)
def test_each_ends_as_exactly_one_outcome(aftermath: Aftermath, name: str) -> None:
    poison, entry = POISONS[name], aftermath.entry(name)
    refusals = [event for event in aftermath.refusals if event["id"] == f"{entry['_id']}:1"]
    letters, records = aftermath.letters_of(entry), aftermath.records_of(entry)

    assert (entry["outcome"], entry.get("code")) == (poison.outcome, poison.code)
    assert entry["_id"].startswith("~") is not poison.under_own_id
    expected = {"dead_letter": (1, 1, 0), "refused": (0, 0, 1), "accepted": (0, 0, 0)}[poison.outcome]
    assert (len(letters), len(records), len(refusals)) == expected


@pytest.mark.parametrize("name", [name for name, poison in POISONS.items() if poison.outcome == "dead_letter"])
def test_a_dead_letter_is_the_record_byte_for_byte(aftermath: Aftermath, name: str) -> None:
    poison, entry = POISONS[name], aftermath.entry(name)
    (letter,), (record,) = aftermath.letters_of(entry), aftermath.records_of(entry)
    headers = poison.headers or []

    assert (letter["key"], letter["value"]) == (poison.key, poison.value)
    assert [tuple(header) for header in letter["headers"]] == headers
    assert (record.key(), record.value()) == (poison.key, poison.value)
    assert record.headers()[: len(headers)] == headers
    assert letter["state"] == "open"
    assert letter["reason"] == poison.code


def test_what_is_said_about_a_dead_letter_does_not_quote_it(aftermath: Aftermath) -> None:
    """The error says which field and which rule; a value may be personal data."""
    letters = {letter["_id"]: letter for letter in aftermath.letters}
    said = letters[aftermath.entry("an integer of 10^24")["_id"]]["error"]

    assert "quota_limit" in said
    assert "1000000000" not in said


def test_a_forged_source_changes_nothing(aftermath: Aftermath) -> None:
    assert aftermath.entry("a forged source")["source"] == aftermath.sources["a forged source"]


def test_a_second_delivery_changes_nothing(aftermath: Aftermath) -> None:
    """Everything comes again from the same places: one letter each, one entry each, nothing published."""
    second = aftermath.second
    assert second is not None

    assert second.entries == aftermath.entries
    assert second.letters == aftermath.letters
    assert len(second.records) == len(aftermath.records)
    assert len(second.refusals) == len(aftermath.refusals)


def test_an_unreadable_record_keeps_what_could_be_read_of_it(aftermath: Aftermath) -> None:
    """So that an operator can find whose it was."""
    (letter,) = aftermath.letters_of(aftermath.entry("an operator in the data"))

    assert (letter["command_id"], letter["partner"]) == ("id-op-data", "p-op-data")
    assert json.loads(letter["value"])["type"] == letter["type"]


def test_the_list_of_poisons_has_each_reason(aftermath: Aftermath) -> None:
    def codes(poison: Poison) -> str | None:
        return poison.code if poison.outcome == "dead_letter" else None

    found = {codes(poison) for poison in POISONS.values()} - {None}
    assert found == {"EMPTY", "TOO_LARGE", "NOT_JSON", "NOT_A_CLOUD_EVENT", "UNKNOWN_TYPE", "INVALID_DATA"}

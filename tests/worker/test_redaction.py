"""After a purge nothing personal is left in MongoDB, and the documents are the fold of the journal still (R98, P4).

Everything that anybody wrote about the customer in these stories has `zz-` in it, so that the whole database can be
searched for it.
"""

import asyncio
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from contracts.topics import TopicName
from tests.support import messages
from tests.support.deployment import SECRET, Deployment
from tests.support.domain import PLATFORM_USER, facts
from tests.support.fold import assert_documents_are_the_fold
from tests.support.orders import give, republish
from tests.support.past import Past
from tests.support.waiting import wait_until
from worker.mongo.client import connect
from worker.operate.access import access
from worker.operate.verify.report import Difference
from worker.operate.verify.run import verify
from worker.partitioning import lane_of
from worker.redaction import Redactor
from worker.secrets import Secrets

MARK = "zz-"
COMPANY = {
    "legal_name": "zz-Zephyr GmbH",
    "contact_person": "zz-Carla Quill",
    "email": "zz-carla@zephyr.example",
    "phone": "zz-+49 30 123456",
    "requirements": "zz-20 servers",
    "estimated_volume": "zz-much",
    "terms": "zz-as agreed with Carla",
}
REASON = "zz-Carla did not pay"


def strings(value: Any) -> Iterator[str]:
    """Every text in a document, names of fields and binary data included."""
    match value:
        case str():
            yield value
        case bytes():
            yield value.decode("utf-8", "replace")
        case dict():
            for name, inner in value.items():
                yield name
                yield from strings(inner)
        case list():
            for inner in value:
                yield from strings(inner)
        case _:
            yield repr(value)


def traces(deployment: Deployment) -> list[str]:
    """Where in the whole database something personal is found."""
    return [
        f"{name} {document['_id']}: {text[:80]}"
        for name in deployment.db.list_collection_names()
        for document in deployment.db[name].find()
        for text in strings(document)
        if MARK in text
    ]


def verified(partnership: str, customer: str) -> bytes:
    data = {
        "customer_id": customer,
        "legal_name": COMPANY["legal_name"],
        "registered_email": "zz-office@zephyr.example",
        "registered_phone": "zz-+49 30 99",
        "admin_contact": "zz-Carl Quill",
        "passed": True,
    }
    command = "RecordIdentityVerification"
    return messages.command(
        command, f"verify-{partnership}", partnership, partner_of(partnership), messages.SYSTEM, **data
    )


def partner_of(partnership: str) -> str:
    return f"partner-of-{partnership}"


def on(command: str, partnership: str, actor: dict[str, Any], number: int = 1, **data: Any) -> bytes:
    command_id = f"{command}-{partnership}-{number}"
    return messages.command(command, command_id, partnership, partner_of(partnership), actor, **data)


def offered(past: Past, partnership: str, customer: str, **ago: float) -> list[str]:
    """Invited, opened and verified."""
    moment, partner = past.at(**ago), partner_of(partnership)
    return past.say(
        moment,
        messages.register_partner(partner),
        messages.invite(partnership, partner, model="reseller", **COMPANY),
        messages.open_invitation(partnership, partner, past.token(partnership), customer),
        verified(partnership, customer),
    )


def declined(past: Past, partnership: str, customer: str, **ago: float) -> list[str]:
    actor = {**messages.CUSTOMER_USER, "party_id": customer}
    return past.say(past.at(**ago), on("DeclineInvitation", partnership, actor, reason=REASON))


def lived_and_ended(past: Past, partnership: str, customer: str, **ago: float) -> list[str]:
    """Bound, kept up, suspended, ended by the platform, billed and closed: all that is left is the retention."""
    moment, partner = past.at(**ago), partner_of(partnership)
    its_partner = {**messages.PARTNER_USER, "party_id": partner}
    changes = {"contact_person": "zz-Clara Quill", "phone": "zz-+49 30 654321"}
    contacts = {"assigned_contact": "zz-Paul", "support_contact": "zz-Sue", "management_team": ["zz-Pat"]}
    business: dict[str, Any] = {"period": "2026-01", "amount": 100, "currency": "EUR", "orders": 3}
    period = {"starts_at": "2026-01-01T00:00:00Z", "ends_at": "2026-02-01T00:00:00Z"}
    return past.say(
        moment,
        facts(customer, partner, as_of=moment),
        messages.accept(partnership, partner, customer),
        on("UpdateCustomerInfo", partnership, its_partner, changes=changes),
        on("AssignContacts", partnership, its_partner, contacts=contacts),
        on("RecordBusinessData", partnership, messages.SYSTEM, **business),
        on("SuspendPartnership", partnership, PLATFORM_USER, reason=REASON),
        on("RequestTermination", partnership, PLATFORM_USER, category="policy_violation", reason=REASON),
        on("RecordClosingStep", partnership, messages.SYSTEM, 1, step="billing", outcome="done"),
        on("RecordClosingStep", partnership, messages.SYSTEM, 2, step="data", outcome="done"),
        on("RecordFinalBill", partnership, messages.SYSTEM, amount=5, currency="EUR", period=period),
        on("ConfirmFinalBill", partnership, {**messages.CUSTOMER_USER, "party_id": customer}),
        # What cannot be read is kept as it came, and goes too.
        messages.command("ReportCustomerStanding", "unreadable", customer, customer, messages.SYSTEM, as_of="zz-never"),
    )


def told(deployment: Deployment) -> list[str]:
    """The life of one customer with two partners; both partnerships are over for long enough to be purged."""
    past = Past(deployment)
    ids = [
        *offered(past, "first", "zephyr", days=200),
        *declined(past, "first", "zephyr", days=199),
        *offered(past, "second", "zephyr", days=100),
        *lived_and_ended(past, "second", "zephyr", days=99),
    ]
    return [one for one in ids if one != "unreadable"]


def purged(deployment: Deployment) -> bool:
    return deployment.db.partnerships.count_documents({"state.status": "purged"}) == 2


def is_clean(deployment: Deployment) -> bool:
    return purged(deployment) and deployment.db.journal.count_documents({"traces_gone": True}) == 2


def differences(deployment: Deployment) -> list[Difference]:
    found: list[Difference] = []

    async def compare() -> None:
        async with access(deployment.settings()) as connected:
            await verify(connected, tell=found.append)

    asyncio.run(compare())
    return found


def judge(deployment: Deployment) -> None:
    """Nothing personal anywhere, the fold holds, and the journal says of each record what was published."""
    deployment.wait_published()
    assert traces(deployment) == []
    assert assert_documents_are_the_fold(deployment.db) == 5
    deployment.judge()
    assert differences(deployment) == []
    redacted = {
        record["topic"] for entry in deployment.db.journal.find() for record in entry["records"] if "digest" in record
    }
    assert redacted == {TopicName.NOTICE_EVENTS, TopicName.DEAD_LETTERS}


@pytest.mark.requirement("R58", "R98")
def test_after_the_purge_nothing_personal_is_left_and_a_repeat_is_a_repeat(deploy: Callable[..., Deployment]) -> None:
    deployment = deploy()
    deployment.make_topics()
    ids = told(deployment)
    deployment.start_worker()
    deployment.wait_decided(ids)
    entries = {e["_id"]: e for e in deployment.db.journal.find()}
    assert {entries[one]["outcome"] for one in ids} == {"accepted"}, [entries[o] for o in ids if "code" in entries[o]]

    wait_until(lambda: is_clean(deployment), 60, "the purge and its redaction")

    judge(deployment)
    assert deployment.db.dead_letters.count_documents({"command_id": "unreadable", "redacted": True}) == 1
    again = messages.invite("second", partner_of("second"), model="reseller", **COMPANY)
    other = messages.invite("second", partner_of("second"), model="referral", **COMPANY)
    deployment.produce(messages.INVITATION, again, other, key=b"any", partition=0)
    wait_until(lambda: deployment.db.journal.count_documents({"code": "COMMAND_ID_REUSED"}) == 1, 30, "the refusal")
    assert deployment.db.journal.count_documents({"command_id": "invite-second"}) == 2


@pytest.mark.requirement("R98")
def test_a_worker_killed_in_the_middle_of_a_redaction_leaves_the_rest_to_the_next(
    deploy: Callable[..., Deployment],
) -> None:
    deployment = deploy()
    deployment.make_topics()
    told(deployment)
    broken = deployment.start_worker("tests.support.broken", "kill-in-redaction", "3")
    wait_until(lambda: broken.process.poll() is not None, 60, "the kill")
    assert purged(deployment)
    assert deployment.db.journal.count_documents({"redacted": {"$exists": True}}) > 0
    assert traces(deployment), "all done already: this was not the middle"
    assert_documents_are_the_fold(deployment.db)
    deployment.db.leases.update_many({}, {"$set": {"owner": "", "until": datetime(2026, 1, 1, tzinfo=UTC)}})

    deployment.start_worker()

    wait_until(lambda: is_clean(deployment), 60, "the redaction")
    judge(deployment)


@pytest.mark.requirement("R98")
def test_what_is_not_published_yet_is_left_alone(deploy: Callable[..., Deployment]) -> None:
    """Recovery publishes from the journal: as long as an entry may be needed for it, it stays as it was decided."""
    deployment = deploy()
    deployment.make_topics()
    told(deployment)
    broken = deployment.start_worker("tests.support.broken", "kill-in-redaction", "1")
    wait_until(lambda: broken.process.poll() is not None, 60, "the kill")
    before = {entry["_id"]: entry for entry in deployment.db.journal.find()}
    journal, lanes = deployment.db.journal, deployment.db.lanes
    assert not any("redacted" in entry for entry in before.values())

    lanes.update_many({}, {"$set": {"published": 0}})
    assert look(deployment) == [0]
    assert {entry["_id"]: entry for entry in journal.find()} == before

    lanes.update_many({}, [{"$set": {"published": "$stored"}}])  # as after the next opening
    # Two, or one where the other one's lane was slower than the kill: that one's is left to a worker.
    due = journal.count_documents({"redaction": "due"})
    assert look(deployment) == [due]
    assert due > 0
    assert journal.count_documents({"traces_gone": True}) == due
    deployment.db.leases.update_many({}, {"$set": {"owner": "", "until": datetime(2026, 1, 1, tzinfo=UTC)}})
    deployment.start_worker()
    wait_until(lambda: is_clean(deployment), 60, "the redaction of both")
    assert traces(deployment) == []
    assert json.loads(journal.find_one({"_id": "invite-first"})["records"][0]["value"])["id"] == "invite-first:1"  # type: ignore[index]


def look(deployment: Deployment, times: int = 1) -> list[int]:
    """As a worker does that holds the lease."""

    async def looks() -> list[int]:
        client = connect(deployment.servers.mongo_url, 10)
        try:
            redactor = Redactor(Secrets(SECRET), client, deployment.name)
            return [await redactor.look() for _ in range(times)]
        finally:
            await client.close()

    return asyncio.run(looks())


@pytest.mark.requirement("R98")
def test_a_purge_that_cannot_be_redacted_stands_in_nobodys_way(
    deploy: Callable[..., Deployment], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And one with many letters takes them a few at a time."""
    deployment = deploy()
    deployment.make_topics()
    told(deployment)
    worker = deployment.start_worker()
    wait_until(lambda: is_clean(deployment), 60, "the purge and its redaction")
    deployment.wait_published()
    assert worker.terminate() == 0
    journal, letters = deployment.db.journal, deployment.db.dead_letters
    journal.update_many({"traces_gone": True}, {"$set": {"redaction": "due"}, "$unset": {"traces_gone": ""}})
    for name in (" first", "~~last"):
        journal.insert_one({"_id": name, "redaction": "due", "records": [], "lane": -1, "offset": ord(name[0])})
    letter = letters.find_one_and_delete({"command_id": "unreadable"}, {"redacted": 0})
    assert letter is not None
    letters.insert_many([{**letter, "_id": f"unreadable-{number}", "value": MARK} for number in range(5)])
    monkeypatch.setattr("worker.redaction.AT_ONCE", 1)
    monkeypatch.setattr("worker.redaction.LETTERS_AT_ONCE", 2)

    assert look(deployment, 5) == [0, 1, 1, 0, 0]  # the last one: from the first on again

    assert [entry["_id"] for entry in journal.find({"redaction": "due"})] == [" first", "~~last"]
    assert letters.count_documents({"redacted": True}) == 5
    assert traces(deployment) == []


@pytest.mark.requirement("R98")
def test_what_a_later_release_wrote_waits_for_it_and_holds_nothing_else(deploy: Callable[..., Deployment]) -> None:
    deployment = deploy()
    deployment.make_topics()
    told(deployment)
    worker = deployment.start_worker()
    wait_until(lambda: is_clean(deployment), 60, "the purge and its redaction")
    deployment.wait_published()
    assert worker.terminate() == 0
    journal = deployment.db.journal
    purge = journal.find_one_and_update({"traces_gone": True}, {"$set": {"redaction": "due"}})
    assert purge is not None
    place = {name: purge[name] for name in ("subject", "lane", "offset", "at")} | {"changes": []}
    said = {"topic": "partnership.lifecycle.events", "value": b'{"type":"partnerships.Dreamt.v1","data":{}}'}
    handed_on = {"topic": "partnership.dead-letters", "value": MARK.encode(), "headers": []}
    for number, (name, record) in enumerate({"later": said, "ours": handed_on}.items(), 98):
        journal.insert_one({**place, "_id": name, "step": number, "records": [{"partition": 0, "key": b"", **record}]})

    assert look(deployment) == [0]

    assert journal.count_documents({"_id": purge["_id"], "redaction": "due"}) == 1
    assert journal.count_documents({"_id": "later", "redacted": {"$exists": True}}) == 0
    assert traces(deployment) == []


@pytest.mark.requirement("R98")
def test_copies_that_operators_made_go_too(deploy: Callable[..., Deployment]) -> None:
    """Of a letter that named nobody until it was corrected, for another lane; and of what was published again."""
    deployment = deploy(lanes=4)
    deployment.make_topics()
    deployment.start_worker()
    deployment.produce(messages.FACTS, f"invite {COMPANY['email']}".encode(), partition=0)
    wait_until(lambda: deployment.db.dead_letters.count_documents({}), 60, "the letter")
    (lost,) = deployment.db.dead_letters.find()
    far = next(name for name in map("p{}".format, range(99)) if lane_of(name, 4) != lost["lane"])
    deployment.produce(messages.FACTS, messages.register_partner(far), partition=0)
    deployment.wait_decided([f"register-{far}"])
    give(deployment, "edit", lost["_id"], body=json.loads(messages.invite("first", far, **COMPANY)))
    deployment.wait_decided(["invite-first"])
    deployment.wait_published()
    assert republish(deployment, "invite-first").codes == {}
    deployment.produce(messages.INVITATION, messages.cancel("first", far), partition=0)
    deployment.wait_decided(["cancel-first"])
    assert len({trace.split(":")[0] for trace in traces(deployment)}) > 4

    due = datetime(2026, 1, 1, tzinfo=UTC)
    deployment.db.partnerships.update_one({"_id": "first"}, {"$set": {"state.purge_at": due, "next_due_at": due}})
    wait_until(lambda: deployment.db.journal.count_documents({"traces_gone": True}) == 1, 60, "the redaction")

    assert traces(deployment) == []
    deployment.wait_published()
    again = republish(deployment, "invite-first")
    assert (again.redacted, again.already) == (1, 2), "its notice; the other events hold ids only, and came again"
    deployment.wait_published()
    assert differences(deployment) == []

"""A later release was here, or works beside this one: nothing it wrote is lost, and what it means stops nobody else."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest
from aiokafka import ConsumerRecord

from contracts.base import to_milliseconds
from contracts.topics import TopicName
from handlers.policy import Policy
from tests.support import messages
from tests.support.command_line import tell
from tests.support.deployment import SECRET, Deployment
from tests.support.orders import give
from tests.support.tale import Tale
from tests.support.waiting import wait_until
from worker.batch import Result, Rules, decide_batch
from worker.cli.exits import Exit
from worker.clock import from_milliseconds
from worker.decode import decode
from worker.mongo.format_in_use import FORMAT
from worker.mongo.store import LaneDocument, Loaded
from worker.records import OF_DEADLINE, OF_ORDER, OF_STEP, SIGNATURE_HEADER
from worker.redaction import record_without_traces
from worker.secrets import Secrets

SECRETS = Secrets(SECRET)
UNREADABLE = "DOCUMENT_UNREADABLE"
LATER = {"$set": {"number": FORMAT + 1}}
OF_FORMAT = {"_id": "format"}


# ------------------------------------------------------------------------------------------ a format of a later release


def test_no_worker_starts_where_a_later_release_has_written(deploy: Callable[..., Deployment]) -> None:
    deployment = deploy(lanes=1)
    running = deployment.start_worker().wait_ready()
    assert deployment.db.topology.find_one(OF_FORMAT) == {"_id": "format", "number": FORMAT, "fenced": FORMAT}

    deployment.db.topology.update_one(OF_FORMAT, LATER)

    assert running.wait() == Exit.OPERATOR, "who runs sees it within a second"
    other = deployment.start_worker()
    assert other.wait() == Exit.OPERATOR
    said = str(other.logged("stopped: an operator is needed"))
    assert f"in format {FORMAT + 1}; this one knows {FORMAT}" in said
    told = tell(deployment, "doctor")
    assert "a later release has written here" in told.out
    assert told.code == Exit.FOUND


# ---------------------------------------------------------------------------------------- a document of a later release


def test_what_cannot_be_read_hurts_its_own_partnership_only(deploy: Callable[..., Deployment]) -> None:
    deployment = deploy(lanes=1)
    deployment.start_worker(failing_partnerships_max="2").wait_ready()
    with Tale(deployment) as tale:
        tale.say(
            messages.register_partner("p"), *(messages.invite(name, "p", email=f"{name}@x.example") for name in "ab")
        )
        deployment.db.partnerships.update_one({"_id": "a"}, {"$set": {"state.status": "dreaming"}})

        assert tale.say(
            messages.cancel("a", "p"),
            messages.cancel("b", "p"),
            messages.invite("c", "p", email="a@x.example"),
            messages.decline("a", "p"),
        ) == [UNREADABLE, "accepted", "DUPLICATE_OPEN_INVITATION", "PARKED_BEHIND"]
        letter = deployment.db.dead_letters.find_one({"reason": UNREADABLE})
        assert letter is not None
        assert letter["error"].startswith("Partnership: state: ")
        shown = tell(deployment, "show", "a")
        assert shown.code == Exit.OPERATOR
        assert "Partnership a cannot be read" in shown.err

        deployment.db.partnerships.update_one({"_id": "a"}, {"$set": {"state.status": "invited"}})
        assert give(deployment, "replay", letter["_id"]).code is None
        assert deployment.db.partnerships.count_documents({"_id": "a", "state.status": "cancelled"}) == 1
    deployment.judge()


def test_a_partner_that_cannot_be_read_is_one_dead_letter_and_all_of_its_partnerships_wait(
    deploy: Callable[..., Deployment],
) -> None:
    deployment = deploy(lanes=1)
    first = deployment.start_worker().wait_ready()
    offers = [f"offer-{number}" for number in range(6)]
    with Tale(deployment) as tale:
        tale.say(*(messages.register_partner(name) for name in "pq"))
        tale.say(*(messages.invite(offer, "p") for offer in offers), messages.invite("other", "q"))
        assert first.terminate() == 0
        deployment.db.partners.update_one({"_id": "p"}, {"$set": {"quota.limit": "all of them"}})

        worker = deployment.start_worker(failing_partnerships_max="2").wait_ready()
        outcomes = tale.say(*(messages.cancel(offer, "p") for offer in offers), messages.cancel("other", "q"))
        assert outcomes == [UNREADABLE, *["PARKED_BEHIND"] * 5, "accepted"]
        assert {letter["blocks"] for letter in deployment.db.dead_letters.find({"state": "open"})} == {"partner:p"}

        # Dry runs wait for nothing: each fails for itself, and all for the one partner.
        dry = [_dry_run(offer) for offer in offers]
        deployment.produce(messages.INVITATION, *dry, partition=0)
        letters = deployment.db.dead_letters
        wait_until(lambda: letters.count_documents({}) == 2 * len(offers), what="the dry runs")

        # Let go, the next one fails in its place, and the others wait on behind that.
        assert give(deployment, "release", "cancel-offer-0").code is None
        assert letters.count_documents({"state": "parked"}) == 4
        assert [letter["_id"] for letter in letters.find({"blocks": "partner:p", "state": "open"})] == [
            "cancel-offer-1"
        ]
        assert worker.is_ready()
    deployment.judge()


def _dry_run(offer: str) -> bytes:
    actor = {**messages.PARTNER_USER, "party_id": "p"}
    return messages.command("CancelInvitation", f"try-{offer}", offer, "p", actor, reason="by mistake", dry_run=True)


def test_too_many_that_cannot_be_read_are_a_release_that_was_taken_back(deploy: Callable[..., Deployment]) -> None:
    """Nothing is stored then: the release that can read them decides the same commands."""
    deployment = deploy(lanes=1)
    worker = deployment.start_worker(failing_partnerships_max="1").wait_ready()
    with Tale(deployment) as tale:
        tale.say(messages.register_partner("p"), *(messages.invite(name, "p") for name in "abc"))
        deployment.db.partnerships.update_many({}, {"$set": {"state.status": "dreaming"}})
        deployment.produce(messages.INVITATION, *(messages.cancel(name, "p") for name in "abc"), partition=0)

        assert worker.wait() == Exit.OPERATOR
        assert UNREADABLE in str(worker.logged("stopped: an operator is needed"))
        assert deployment.db.dead_letters.count_documents({}) == 0

        deployment.db.partnerships.update_many({}, {"$set": {"state.status": "invited"}})
        deployment.start_worker()
        tale.wait_decided(*(f"cancel-{name}" for name in "abc"))
    assert deployment.db.partnerships.count_documents({"state.status": "cancelled"}) == 3
    deployment.judge()


# ------------------------------------------------------------------------------------------ commands of a later release


def decided(value: dict[str, Any], *, sealed: bool = True) -> Result:
    """What a lane makes of this record of the lane log."""
    body = orjson.dumps({"specversion": "1.0", "source": "s", "subject": "x", "partitionkey": "p", **value})
    headers = ((SIGNATURE_HEADER, SECRETS.seal(body)),) if sealed else ()
    record = ConsumerRecord("partnership.lanes", 0, 5, 9, 1, None, body, None, 0, 0, headers)
    rules = Rules(Policy(), SECRETS, 1, dict.fromkeys(TopicName, 1))
    return decide_batch(rules, LaneDocument(0, 1, 5, 5, 0), Loaded({}, {}, {}, {}, {}), [decode(record, SECRETS)])


SOON = {"type": "partnerships.DeadlineReached.v2", "data": {"what": "a campaign's end"}}
KIND = {
    "type": "partnerships.DeadlineReached.v1",
    "data": {
        "kind": "campaign_end",
        "due_at": to_milliseconds(from_milliseconds(0)),
        "sequence": 1,
        "actor": {"kind": "system", "party_id": "w", "user_id": "w"},
    },
}


@pytest.mark.parametrize("deadline", [SOON, KIND])
def test_a_deadline_of_a_later_release_has_no_effect_and_comes_again(deadline: dict[str, Any]) -> None:
    """P5. A dead letter would hold its partnership, and nobody would send it again."""
    result = decided({"id": f"{OF_DEADLINE}x:campaign_end", **deadline})

    assert result.outcomes == {"without_effect": 1}
    assert (result.changes.entries, result.changes.letters) == ([], [])
    assert decided({"id": f"{OF_DEADLINE}x:campaign_end", **deadline}, sealed=False).outcomes == {"dead_letter": 1}


@pytest.mark.parametrize(
    ("beginning", "sealed", "holds"), [(OF_ORDER, True, False), (OF_ORDER, False, True), (OF_STEP, True, True)]
)
def test_an_order_of_a_later_release_holds_nobody(beginning: str, holds: bool, *, sealed: bool) -> None:  # noqa: FBT001
    """It would have changed no partnership. A step that this one cannot read would have: that one waits for it."""
    result = decided({"id": f"{beginning}1", "type": "partnerships.Rearrange.v1", "data": {}}, sealed=sealed)

    assert result.outcomes == {"dead_letter": 1}
    assert result.lane.blocking == holds


# -------------------------------------------------------------------------------------------- traces of a later release


def event(name: str, **data: Any) -> dict[str, Any]:
    body = {"type": f"partnerships.{name}.v1", "data": {"sequence": 1, **data}}
    return record(TopicName.LIFECYCLE_EVENTS, body) | {"private": {"reason": "zz"}}


def record(topic: TopicName, body: dict[str, Any]) -> dict[str, Any]:
    return {"topic": topic, "partition": 0, "key": b"x", "value": orjson.dumps(body)}


def test_what_is_personal_in_an_event_of_a_later_release_is_not_for_this_one_to_say() -> None:
    held = {"partner_id": "p", "customer_id": "c", "status": "active", "stage": "activation_done"}
    assert "private" not in record_without_traces(event("LegalHoldPlaced", **held), SECRETS, customer_gone=True)
    for unknown in ({"campaign": "zz"}, {"actor": {"kind": "system", "party_id": "w", "user_id": "w", "name": "zz"}}):
        with pytest.raises(ValueError, match=r"LegalHoldPlaced\.v1 has fields that this release does not know"):
            record_without_traces(event("LegalHoldPlaced", **held, **unknown), SECRETS, customer_gone=True)


@pytest.mark.parametrize(
    ("command", "stays"), [("DeadlineReached", True), ("InviteCustomer", False), ("InviteCampaign", False)]
)
def test_of_a_body_that_an_order_handed_on_only_the_workers_own_stays(command: str, *, stays: bool) -> None:
    before = record(TopicName.LANES, {"type": f"partnerships.{command}.v1", "data": {"email": "zz"}})
    after = record_without_traces(before, SECRETS, customer_gone=True)
    assert (after == before) is stays
    assert stays or (after["value"] is None and after["digest"])


def test_a_private_part_that_this_release_does_not_know_is_not_passed_over() -> None:
    seen = event("InvitationOpened", partner_id="p", stage="opened")
    with pytest.raises(ValueError, match="fields that this release does not know"):
        record_without_traces(seen, SECRETS, customer_gone=True)

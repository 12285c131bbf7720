"""One partner, then another (R24 to R27): two lanes and their own commands, through Kafka.

MongoDB's change stream shows every state that the documents were ever in: the customer is handed over, never without a
partner and never with two.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from confluent_kafka import Producer

from tests.support import messages
from tests.support.deployment import Deployment
from tests.support.domain import bind, facts, offer
from tests.support.tale import Tale, told
from tests.support.waiting import wait_until
from worker.partitioning import lane_of
from worker.servers import Servers

LANES = 4
LIVE = ("active", "suspended", "ending")
ENDED = ["PartnershipTerminated", "QuotaUpdated", "FinalBillRequested", "DataRetentionStarted"]


@pytest.fixture(scope="module")
def tale(servers: Servers) -> Iterator[Tale]:
    with told(servers, lanes=LANES) as running:
        yield running
        running.deployment.wait_published()
        running.deployment.judge()


def in_lane(name: str, lane: int) -> str:
    """A name that belongs to this lane."""
    return next(full for n in range(999) if lane_of(full := f"{name}-{n}", LANES) == lane)


def internal(tale: Tale, command: str, cause: str) -> dict[str, Any]:
    """The journal entry of one of the worker's own commands, by the kind and the command that caused it."""
    kind = f"partnerships.{command}.v1"
    journal = tale.deployment.db.journal
    found: dict[str, Any] = wait_until(lambda: journal.find_one({"type": kind, "_id": {"$regex": f"{cause}$"}}))
    return found


@contextmanager
def history(deployment: Deployment, customer: str) -> Iterator[list[tuple[str | None, int]]]:
    """(whom the customer is with, how many of its partnerships live), after each change; filled at the block's end."""
    states: list[tuple[str | None, int]] = []
    live: dict[str, str] = {p["_id"]: p["state"]["status"] for p in deployment.db.partnerships.find()}
    document = deployment.db.customers.find_one({"_id": customer})
    assert document is not None
    partner = document["live"]["partner_id"]
    with deployment.db.watch(full_document="default") as stream:
        yield states
        deployment.db.fences.insert_one({})
        while (change := stream.next())["ns"]["coll"] != "fences":
            written = change.get("fullDocument") or {}
            if change["ns"]["coll"] == "customers" and written["_id"] == customer:
                partner = written["live"] and written["live"]["partner_id"]
            elif change["ns"]["coll"] == "partnerships" and written["customer_id"] == customer:
                live[written["_id"]] = written["state"]["status"]
            else:
                continue
            mine = [p["_id"] for p in deployment.db.partnerships.find({"customer_id": customer}, {"_id": 1})]
            states.append((partner, sum(live.get(name) in LIVE for name in mine)))


@pytest.mark.requirement("R22", "R24", "R26", "R27", "R30")
def test_a_switch_between_two_lanes_hands_the_customer_over(tale: Tale) -> None:
    old, new, customer = in_lane("old", 0), in_lane("new", 1), in_lane("customer", 2)
    bind(tale, "first", old, customer)
    tale.say(messages.register_partner(new))
    offer(tale, "second", new, customer)
    assert tale.names("verify-second") == ["IdentityVerified", "PartnershipStatusChecked", "SwitchPrompted"]
    assert tale.say(messages.accept("second", new, customer, "not-confirmed")) == ["SWITCH_CONFIRMATION_REQUIRED"]
    # What the customer has open with the old partner is known; with the new one it has nothing yet.

    with history(tale.deployment, customer) as states:
        accepted = messages.accept("second", new, customer, switch_confirmed=True)
        assert tale.say(accepted) == ["accepted"]
        ended, completed = (
            internal(tale, "EndForSwitch", "accept-second"),
            internal(tale, "CompleteSwitch", "accept-second"),
        )

    assert tale.names("accept-second") == ["InvitationAccepted", "SwitchStarted"]
    assert (ended["lane"], tale.names(ended["_id"])) == (0, ENDED)
    bound = ["PartnershipBound", "QuotaUpdated", "BillingSwitched", "SwitchCompleted"]
    assert (completed["lane"], tale.names(completed["_id"])) == (1, bound)
    billing = tale.event(completed["_id"], "BillingSwitched")
    assert (billing["from_partner_id"], billing["to_partner_id"]) == (old, new)
    assert (states[0][0], states[-1][0]) == (old, new)
    assert {partner for partner, _ in states} == {old, new}
    assert max(count for _, count in states) == 1
    tale.check()


def test_a_switch_that_is_blocked_leaves_everything_as_it_was_and_the_offer_open(tale: Tale) -> None:
    """The block comes right behind the acceptance, in one Kafka transaction, and so into the same batch."""
    old, new = in_lane("blocked-old", 0), in_lane("blocked-new", 1)
    customer = in_lane("blocked-customer", 1)
    bind(tale, "kept", old, customer)
    tale.say(messages.register_partner(new))
    offer(tale, "wanted", new, customer)
    blocking = facts(customer, command_id="arrears", account_in_arrears=True)

    with history(tale.deployment, customer) as states:
        at_once(tale, messages.accept("wanted", new, customer, switch_confirmed=True), blocking)
        tale.wait_decided("accept-wanted", "arrears")
        ended, aborted = internal(tale, "EndForSwitch", "accept-wanted"), internal(tale, "AbortSwitch", "accept-wanted")

    assert tale.names("accept-wanted") == ["InvitationAccepted", "SwitchStarted"]
    assert tale.event(ended["_id"], "SwitchBlocked")["items"] == ["ACCOUNT_IN_ARREARS"]
    assert tale.names(aborted["_id"]) == ["SwitchAborted"]
    assert {partner for partner, _ in states} == {old}
    assert tale.deployment.db.customers.find_one({"_id": customer})["switch"] is None  # type: ignore[index]
    tale.check()

    paid = facts(customer, old, command_id="paid")
    again = messages.accept("wanted", new, customer, "accept-again", switch_confirmed=True)
    assert tale.say(paid, again) == ["accepted"] * 2
    internal(tale, "CompleteSwitch", "accept-again")
    tale.check()


def test_a_customer_of_two_offers_is_bound_once(tale: Tale) -> None:
    """Both acceptances are under way at once, in two lanes: they meet at the customer's document."""
    one, two, customer = in_lane("one", 0), in_lane("two", 1), "courted"
    tale.say(messages.register_partner(one), messages.register_partner(two), facts(customer, one, two))
    offer(tale, "offer-one", one, customer)
    offer(tale, "offer-two", two, customer)

    at_once(tale, messages.accept("offer-one", one, customer), messages.accept("offer-two", two, customer))
    tale.wait_decided("accept-offer-one", "accept-offer-two")

    assert sorted(tale.outcome(f"accept-offer-{name}") for name in ("one", "two")) == [
        "SWITCH_CONFIRMATION_REQUIRED",
        "accepted",
    ]
    tale.check()


def at_once(tale: Tale, *values: bytes) -> None:
    """By a producer with transactions of its own: a reader sees all of them in the same instant."""
    servers = tale.deployment.servers.kafka_bootstrap
    producer = Producer(
        {"bootstrap.servers": servers, "log_level": 0, "transactional.id": f"{tale.deployment.name}-producer"}
    )
    producer.init_transactions(30)
    producer.begin_transaction()
    for value in values:
        producer.produce(tale.deployment.topic(messages.INVITATION), value, partition=0)
    producer.commit_transaction(30)

"""One secret for all workers, and how it is changed: no link that is out is refused, no command is a dead letter."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.support import load, messages
from tests.support.deployment import SECRET, Deployment
from tests.support.domain import token
from tests.support.tale import Tale
from worker.cli.exits import Exit
from worker.encode import without_token
from worker.journal import digest_of_value, published_digest
from worker.operate.access import access
from worker.operate.errors import NeedsSettings
from worker.operate.orders import ordering
from worker.operate.verify.run import verify
from worker.secrets import Secrets

NEW = SECRET[::-1]
FIRST = {"secret": SECRET, "second_secret": NEW}
"""What all workers get first when the secret is changed; then this, and the new one alone at last."""
THEN = {"secret": NEW, "second_secret": SECRET}
LAST = {"secret": NEW}

KILLED = -9
BATCHES_OF_FEW = {"batch_records_max": "10"}


def _open(tale: Tale, name: str, link: str) -> str:
    (outcome,) = tale.say(messages.open_invitation(name, "p", link, f"customer-of-{name}"))
    return outcome


def test_a_worker_with_another_secret_refuses_to_start(deploy: Callable[..., Deployment]) -> None:
    deployment = deploy(lanes=1)
    first = deployment.start_worker().wait_ready()

    other = deployment.start_worker(**LAST)

    assert other.wait() == Exit.OPERATOR
    assert "PARTNERSHIP_SECRET is not the one" in str(other.logged("stopped: an operator is needed"))
    assert first.is_ready()


@pytest.mark.timeout(300)
def test_links_that_are_out_open_while_the_secret_is_changed(deploy: Callable[..., Deployment]) -> None:
    """Worker by worker, each step while another one runs with the settings of the step before."""
    deployment = deploy(lanes=2)
    running = deployment.start_worker().wait_ready()
    with Tale(deployment) as tale:
        tale.say(messages.register_partner("p"), *(messages.invite(name, "p") for name in ("a", "b", "c")))
        for number, settings in enumerate((FIRST, THEN)):
            following = deployment.start_worker(**settings).wait_ready()
            assert running.terminate() == 0, "it worked on until it was told to stop"
            running = following
            assert _open(tale, "ab"[number], token(tale, "ab"[number])) == "accepted"
        tale.say(messages.invite("new", "p"))
        assert token(tale, "new") == Secrets(NEW).token("invitation", "new", 1)
        assert _open(tale, "new", token(tale, "new")) == "accepted"

        following = deployment.start_worker(**LAST).wait_ready()
        assert running.terminate() == 0
        following.wait_ready()  # again, with what it has taken over
        assert _open(tale, "c", token(tale, "c")) == "TOKEN_INVALID"
        assert deployment.start_worker().wait() == Exit.OPERATOR, "nobody goes back to the old one alone"
    assert deployment.db.dead_letters.count_documents({}) == 0
    deployment.judge()


def test_a_running_worker_that_does_not_accept_the_new_one_ends(deploy: Callable[..., Deployment]) -> None:
    """The first step was left out: what the new worker seals would be dead letters in the old one's lanes."""
    deployment = deploy(lanes=2)
    old = deployment.start_worker().wait_ready()

    new = deployment.start_worker(**THEN)

    assert old.wait() == Exit.OPERATOR
    new.wait_ready()
    load.register(deployment)
    deployment.wait_decided(load.produce(deployment, 20))
    assert deployment.db.dead_letters.count_documents({}) == 0


@pytest.mark.parametrize("how", ["kill-between-store-and-publish", "kill-between-publish-and-note"])
def test_what_a_crash_left_goes_out_once_and_with_the_token_it_had(deploy: Callable[..., Deployment], how: str) -> None:
    """Made anew with the new secret it would look as if it had never gone out."""
    deployment = deploy(lanes=1, overrides=BATCHES_OF_FEW)
    load.register(deployment)
    sent = load.produce(deployment, 40)
    assert deployment.start_worker("tests.support.broken", how, "3").wait() == KILLED
    before = {json.loads(r["value"])["subject"] for r in _stored_notices(deployment)}

    deployment.start_worker(**THEN).wait_ready()
    deployment.wait_decided(sent)

    deployment.judge()
    for event in deployment.events("partnership.notice.events"):
        name, link = event["subject"], event["data"]["params"].get("token")
        assert link is None or link == Secrets(SECRET if name in before else NEW).token("invitation", name, 1)
    assert 0 < len(before) < len(sent)


@pytest.mark.parametrize("forget", ["retired", "of the release before"])
def test_nor_is_it_doubled_where_nobody_knows_its_secret_any_more(
    deploy: Callable[..., Deployment], forget: str
) -> None:
    """It is known by all of it but its token."""
    deployment = deploy(lanes=1, overrides=BATCHES_OF_FEW)
    load.register(deployment)
    sent = load.produce(deployment, 40)
    assert deployment.start_worker("tests.support.broken", "kill-between-publish-and-note", "3").wait() == KILLED
    deployment.db.topology.delete_one({"_id": "secret"})
    if forget != "retired":
        for entry in deployment.db.journal.find():
            records = [{k: v for k, v in record.items() if k != "token_secret"} for record in entry["records"]]
            deployment.db.journal.update_one({"_id": entry["_id"]}, {"$set": {"records": records}})

    deployment.start_worker(**(LAST if forget == "retired" else THEN)).wait_ready()
    deployment.wait_decided(sent)

    deployment.judge()


def test_an_order_is_sealed_with_what_all_workers_believe(deploy: Callable[..., Deployment]) -> None:
    """An operator may have the new secret before the workers do."""
    deployment = deploy(lanes=1)
    deployment.start_worker(**FIRST).wait_ready()

    async def sealed_with() -> str:
        async with access(deployment.settings(**THEN)) as connected, ordering(connected, "olga") as orders:
            return orders.secret_id

    assert asyncio.run(sealed_with()) == Secrets(SECRET).id
    value = b"a command"
    assert Secrets(SECRET).is_sealed(value, Secrets(NEW, SECRET).seal(value, Secrets(SECRET).id))
    assert not Secrets(SECRET).is_sealed(value, Secrets(NEW, SECRET).seal(value))


def test_what_was_published_with_either_is_known_again(deploy: Callable[..., Deployment]) -> None:
    """By `verify`: with both secrets all of it, with one of them all but the tokens of the other."""
    deployment = deploy(lanes=1)
    load.register(deployment)
    sent = load.produce(deployment, 5)
    worker = deployment.start_worker()
    deployment.wait_decided(sent)
    assert worker.terminate() == 0
    worker = deployment.start_worker(**THEN).wait_ready()
    deployment.wait_decided(load.produce(deployment, 5, tag="q"))
    assert worker.terminate() == 0

    async def differences(**settings: str) -> int:
        async with access(deployment.settings(**settings)) as connected:
            return (await verify(connected, tell=lambda _: None, documents=False)).total

    for settings in (THEN, LAST, {}):
        assert asyncio.run(differences(**settings)) == 0


def test_a_digest_is_without_the_token_where_nobody_can_make_it_any_more() -> None:
    value = b'{"data":{"params":{"company":"x"}}}'
    record: dict[str, Any] = {"topic": "partnership.notice.events", "partition": 0, "key": b"k", "value": value}
    record |= {"token": ["invitation", "a", 1], "token_secret": Secrets(SECRET).id}

    with_it = published_digest(record, Secrets(NEW, SECRET))
    without = published_digest(record, Secrets(NEW))

    assert with_it == published_digest(record, Secrets(SECRET))
    assert with_it[1]
    assert without == (digest_of_value(without_token(value)), False)
    assert published_digest({**record, "digest": without[0]}, Secrets(SECRET)) == without


def test_an_order_with_another_secret_is_not_sent(deploy: Callable[..., Deployment]) -> None:
    """It would become a dead letter, and whoever gave it would wait for an answer that never comes."""
    deployment = deploy(lanes=1)
    deployment.start_worker().wait_ready()

    async def give(secret: str) -> None:
        async with access(deployment.settings(secret=secret)) as connected, ordering(connected, "olga"):
            pass

    asyncio.run(give(SECRET))
    with pytest.raises(NeedsSettings, match="not the workers'"):
        asyncio.run(give(NEW))


def _stored_notices(deployment: Deployment) -> list[dict[str, Any]]:
    return [record for entry in deployment.db.journal.find() for record in entry["records"] if "token" in record]

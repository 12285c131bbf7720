"""One report about a partner's agreement reaches each of its partnerships that live, and no other (R41)."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from handlers.documents import LIVE_AT_ONCE
from tests.support import messages
from tests.support.domain import bind, facts, offer, platform_orders
from tests.support.tale import Tale, name_of, told
from tests.support.waiting import wait_until
from worker.servers import Servers

LIVE = ["agree-1", "agree-2"]


@pytest.fixture(scope="module")
def tale(servers: Servers) -> Iterator[Tale]:
    with told(servers, lanes=2) as running:
        yield running
        running.deployment.wait_published()
        running.deployment.judge()


def update_agreement(partner: str, command_id: str, **data: object) -> bytes:
    as_of = datetime.now(UTC).isoformat()
    return messages.command("UpdateAgreement", command_id, partner, partner, messages.SYSTEM, as_of=as_of, **data)


def subjects_of(tale: Tale, event: str) -> list[str]:
    """Whom an event was published about, in the order in which it was heard."""
    tale.listen()
    return [heard["subject"] for heard in tale.heard.values() if name_of(heard) == event]


@pytest.mark.requirement("R35", "R41")
def test_an_agreements_end_reaches_the_partnerships_that_live_and_ends_them(tale: Tale) -> None:
    bind(tale, LIVE[0], "agree-p", "agree-c1")
    for name, customer in ((LIVE[1], "agree-c2"), ("agree-over", "agree-c3")):
        tale.say(facts(customer, "agree-p"))
        offer(tale, name, "agree-p", customer)
        assert tale.say(messages.accept(name, "agree-p", customer)) == ["accepted"]
    assert tale.say(platform_orders("agree-over", "agree-p")) == ["accepted"]
    assert tale.say(messages.invite("agree-open", "agree-p")) == ["accepted"]
    bind(tale, "other", "other-p", "other-c")

    far = (datetime.now(UTC) + timedelta(days=60)).isoformat()
    assert tale.say(update_agreement("agree-p", "far", ends_at=far)) == ["accepted"]
    assert tale.names("far") == ["AgreementUpdated"]
    wait_until(lambda: len(subjects_of(tale, "PartnershipAgreementUpdated")) >= len(LIVE), what="two agreements")
    assert tale.say(update_agreement("agree-p", "the-same", ends_at=far)) == ["accepted"]
    soon = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
    assert tale.say(update_agreement("agree-p", "soon", ends_at=soon)) == ["accepted"]
    wait_until(lambda: len(subjects_of(tale, "AgreementExpired")) >= len(LIVE), what="two ends")

    assert sorted(subjects_of(tale, "PartnershipAgreementUpdated")) == sorted([*LIVE, *LIVE])
    assert sorted(subjects_of(tale, "AgreementExpired")) == LIVE
    statuses = {found["_id"]: found["state"]["status"] for found in tale.deployment.db.partnerships.find()}
    assert statuses == {
        LIVE[0]: "terminated",
        LIVE[1]: "terminated",
        "agree-over": "terminated",
        "agree-open": "invited",
        "other": "active",
    }
    ended = tale.deployment.db.partnerships.find_one({"_id": LIVE[0]})
    assert ended is not None
    assert (ended["state"]["by"], ended["state"]["category"]) == ("platform", "agreement_expired")
    tale.check()


@pytest.mark.requirement("R41")
def test_a_partner_may_have_more_partnerships_than_one_decision_can_speak_to(servers: Servers) -> None:
    """To all at once, 35,000 of them made a journal entry above 16 MB, and so a dead letter."""
    with told(servers, lanes=2) as tale:
        deployment = tale.deployment
        bind(tale, "agree-many", "many-p", "many-c")
        one = deployment.db.partnerships.find_one({"_id": "agree-many"})
        assert one is not None
        others = 2 * LIVE_AT_ONCE + 1
        deployment.db.partnerships.insert_many([one | {"_id": f"agree-{number:05}"} for number in range(others)])

        far = datetime.now(UTC).replace(microsecond=0) + timedelta(days=60)
        assert tale.say(update_agreement("many-p", "far", ends_at=far.isoformat())) == ["accepted"]
        wait_until(lambda: deployment.db.partnerships.count_documents({"agreement_ends_at": far}) > others, 60)
        deployment.wait_published()

        updated = subjects_of(tale, "PartnershipAgreementUpdated")
        assert sorted(updated) == sorted(deployment.db.partnerships.distinct("_id"))
        assert not deployment.db.dead_letters.count_documents({})

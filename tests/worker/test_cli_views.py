"""`show`, `list`, `history`, `explain` over what a worker has decided; one screen of 80 columns each."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.support import messages
from tests.support.command_line import Told, tell
from tests.support.deployment import Deployment
from tests.support.domain import PLATFORM_USER, facts
from tests.support.past import Past
from tests.support.waiting import wait_until
from worker.cli.views import sparkline
from worker.servers import Servers

PARTNER = {**messages.PARTNER_USER, "party_id": "acme"}
CUSTOMER = {**messages.CUSTOMER_USER, "party_id": "zephyr"}


def on(command: str, subject: str, actor: dict[str, Any], number: int = 1, **data: Any) -> bytes:
    return messages.command(command, f"{command}-{subject}-{number}", subject, "acme", actor, **data)


def bound(past: Past, name: str, customer: str) -> list[bytes]:
    return [
        facts(customer, "acme", as_of=past.begun),
        messages.invite(name, "acme", model="reseller"),
        messages.open_invitation(name, "acme", past.token(name), customer),
        messages.verify_identity(name, "acme", customer),
        messages.accept(name, "acme", customer),
    ]


@pytest.fixture(scope="module")
def world(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A bond with business, one that is about to end, an open offer, one behind a dead letter, one that is overdue."""
    deployment = Deployment(servers, lanes=1, directory=tmp_path_factory.mktemp("views"))
    try:
        deployment.make_topics()
        past = Past(deployment)
        months = [("2026-01", 100), ("2026-02", 400), ("2026-03", 800)]
        past.say(
            past.begun,
            messages.register_partner("acme"),
            *bound(past, "bond", "zephyr"),
            *(
                on("RecordBusinessData", "bond", messages.SYSTEM, n, period=p, amount=a, currency="EUR", orders=n)
                for n, (p, a) in enumerate(months, 1)
            ),
            on("AssignContacts", "bond", PARTNER, contacts={"assigned_contact": "Paula [Sales]"}),
            *bound(past, "leaving", "yarrow"),
            on("RequestTermination", "leaving", PLATFORM_USER, category="policy_violation", reason="against the rules"),
            messages.invite("offer", "acme"),
            messages.invite("stuck", "acme"),
            on("CancelInvitation", "stuck", PARTNER, reason=["not", "a", "text"]),
            on("CancelInvitation", "stuck", PARTNER, 2, reason="sent in error"),
            messages.invite("overdue", "acme"),
        )
        worker = deployment.start_worker()
        deployment.wait_decided(["invite-overdue"])
        wait_until(lambda: deployment.db.dead_letters.count_documents({}) == 2, what="dead letters")
        assert worker.terminate() == 0
        past_due = past.at(days=1)
        deployment.db.partnerships.update_one({"_id": "overdue"}, {"$set": {"state.expires_at": past_due}})
        yield deployment
    finally:
        deployment.close()


def fits(told: Told) -> Told:
    assert told.code == 0, told.err
    assert max(map(len, told.out.splitlines())) <= 80, told.out
    return told


@pytest.mark.requirement("R34", "R35", "R36", "R71", "R117")
def test_show_tells_how_a_partnership_stands(world: Deployment) -> None:
    screen = fits(tell(world, "show", "bond")).out
    for part in (
        "Active · activation pending",
        "acme Ltd (acme)",
        "Paula [Sales]",
        "▂▅█ 2026-01 to 2026-03",
        "800 EUR",
    ):
        assert part in screen, screen
    (card,) = tell(world, "show", "bond", "--for", "customer:zephyr", "--json").json
    assert "RequestTermination" in card["case_actions"]
    assert card["waiting_on"][0]["what"] == "activation"
    assert "SuspendPartnership" in tell(world, "show", "bond", "--json").json[0]["case_actions"]


def test_what_the_two_sides_wrote_is_shown_to_them_with_bodies(world: Deployment) -> None:
    asked = ("show", "offer", "--for", "partner:acme")
    assert "20 servers" not in tell(world, *asked).out + tell(world, *asked, "--json").out
    assert "20 servers" in fits(tell(world, *asked, "--bodies")).out
    assert tell(world, *asked, "--bodies", "--json").json[0]["offer"]["requirements"] == "20 servers"
    assert "20 servers" not in tell(world, "show", "offer", "--bodies").out


def test_nobody_sees_what_is_none_of_its_business(world: Deployment) -> None:
    for command in ("show", "history", "explain"):
        told = tell(world, command, "bond", "--for", "customer:yarrow")
        assert told.code == 2
        assert "There is no partnership bond that customer yarrow sees" in told.err
    assert "say platform, partner:ID or customer:ID" in tell(world, "list", "--for", "zephyr").err


@pytest.mark.requirement("R36", "R71", "R127")
def test_list_is_the_viewers_own_with_its_counters(world: Deployment) -> None:
    screen = fits(tell(world, "list")).out
    assert [line.split()[0] for line in screen.splitlines()[1:6]] == ["bond", "leaving", "offer", "overdue", "stuck"]
    assert "Open offers that wait for an answer: 3." in screen
    *rows, last = tell(world, "list", "--for", "customer:zephyr", "--json").json
    assert [row["id"] for row in rows] == ["bond"]
    assert last == {"summary": {"open_offers": 0, "hidden": 0}}
    *rows, last = tell(world, "list", "--for", "partner:acme", "--status", "invited", "-n", "2", "--json").json
    assert [row["id"] for row in rows] == ["offer", "overdue"]
    assert last["summary"]["open_offers"] == 0, "these are its own offers"
    assert "there are invited," in tell(world, "list", "--status", "open").err


@pytest.mark.requirement("R98", "R116", "R119")
def test_what_is_purged_is_on_nobodys_list(world: Deployment) -> None:
    """Nor among what is hidden: nobody could show it again."""
    partnerships = world.db.partnerships
    offer = partnerships.find_one({"_id": "offer"})
    assert offer is not None
    gone = {"state": {"status": "purged", "purged_at": datetime(2026, 1, 1, tzinfo=UTC)}, "hidden_by": ["partner"]}
    partnerships.insert_one({**offer, **gone, "_id": "gone"})
    try:
        for options in ((), ("--hidden",)):
            *rows, last = tell(world, "list", "--for", "partner:acme", *options, "--json").json
            assert "gone" not in [row["id"] for row in rows]
            assert last["summary"]["hidden"] == 0
        assert "gone" in [row["id"] for row in tell(world, "list", "--json").json[:-1]], "the platform sees all"
    finally:
        partnerships.delete_one({"_id": "gone"})


@pytest.mark.requirement("R73", "R117")
def test_history_is_the_operation_log(world: Deployment) -> None:
    screen = fits(tell(world, "history", "leaving")).out
    assert "PartnershipTerminated" in screen
    assert "PartnershipStatusChecked by system registry → invited, verified" in screen
    mine = [line["what"] for line in tell(world, "history", "bond", "--for", "customer:zephyr", "--json").json]
    assert mine[:2] == ["InvitationSent", "NoticeSent"]
    assert "QuotaUpdated" not in mine
    newest = tell(world, "history", "bond", "-n", "1", "--json").json
    assert [line["what"] for line in newest] == ["NoticeSent"]


def test_explain_says_why_a_partnership_waits(world: Deployment) -> None:
    assert "Nothing stands in its way." in fits(tell(world, "explain", "bond")).out
    stuck = fits(tell(world, "explain", "stuck")).out
    assert "CancelInvitation-stuck-1 of it failed (INVALID_DATA), and 1 waits behind it." in " ".join(stuck.split())
    assert "partnership-worker dead-letters show CancelInvitation-stuck-1" in stuck
    overdue = " ".join(fits(tell(world, "explain", "overdue")).out.split())
    assert "The deadline invitation_reminder came at" in overdue
    assert "is not done: billing" in fits(tell(world, "explain", "leaving")).out
    (because,) = tell(world, "explain", "stuck", "--json").json
    assert [obstacle["what"] for obstacle in because["obstacles"]] == ["dead_letter"]
    assert because["card"]["id"] == "stuck"
    assert because["undecided"] < 50


def test_a_sparkline_has_a_bar_for_each_amount() -> None:
    assert sparkline([]) == ""
    assert sparkline([5]) == "█"
    assert sparkline([0, 0]) == "▁▁"
    assert sparkline([-100, 0, 100]) in ("▁▄█", "▁▅█")

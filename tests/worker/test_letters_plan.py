"""A plan is what then happens: each letter is decided dry, by the lane's own code, and then replayed by a worker."""

import asyncio
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from tests.support import messages
from tests.support.broken_handlers import raise_always, raise_at, raise_for
from tests.support.deployment import Deployment
from tests.support.fold import assert_documents_are_the_fold
from tests.support.letters import chosen, plan, run
from tests.support.orders import give, letter, states
from tests.support.waiting import wait_until
from worker.operate.access import access
from worker.operate.letters.find import Filter
from worker.operate.letters.job import Action, Job
from worker.operate.letters.outcomes import Outcome
from worker.operate.letters.plan import Planned
from worker.operate.letters.run import Done, Ended, Report
from worker.operate.letters.summary import Warn, told, warnings_of
from worker.operate.orders import Place, ordering
from worker.partitioning import lane_of
from worker.servers import Servers

pytestmark = pytest.mark.timeout(240)
OLDER = "tests.support.older_release"
BROKEN = "tests.support.broken_handlers"
DISCARD = Job(Action.DISCARD, "no use")


def unreadable(command: bytes) -> bytes:
    return json.dumps({**json.loads(command), "type": "partnerships.NobodyKnows.v1"}).encode()


def ends(story: Deployment, found: Sequence[Planned | Done]) -> dict[str, tuple[Outcome, str]]:
    """Command id → how it ends, and the code."""
    names = {letter["_id"]: letter["command_id"] for letter in story.db.dead_letters.find()}
    return {names[one.letter.id]: (one.outcome, names.get(one.code, one.code)) for one in found}


def everything_stored(deployment: Deployment) -> dict[str, list[Any]]:
    names = set(deployment.db.list_collection_names()) - {"leases", "lanes"}  # the worker is at them all the time
    return {name: sorted(map(str, deployment.db[name].find())) for name in names}


def wait_for(deployment: Deployment, entries: int) -> None:
    wait_until(lambda: deployment.db.journal.count_documents({}) >= entries, 60, f"{entries} journal entries")
    deployment.wait_published()


@dataclass
class Story:
    """A plan of everything, and the run of it."""

    deployment: Deployment
    planned: list[Planned]
    told: list[Done]
    report: Report
    before: dict[str, list[Any]]
    after_plan: dict[str, list[Any]]

    def plan_of(self, command_id: str) -> Planned:
        wanted = letter(self.deployment, command_id)["_id"]
        return next(one for one in self.planned if one.letter.id == wanted)


@pytest.fixture(scope="module")
def story(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """An older release left letters of every kind; a good one runs, when all is planned and then replayed."""
    deployment = Deployment(servers, directory=tmp_path_factory.mktemp("plan"))
    try:
        leave_letters(deployment)
        before = everything_stored(deployment)
        planned = plan(deployment)
        after = everything_stored(deployment)
        texts = {one.letter.id: told(one) for one in planned}
        done, report = run(deployment, [one.letter for one in planned], plans=texts)
        yield Story(deployment, planned, done, report, before, after)
    finally:
        deployment.close()


def leave_letters(deployment: Deployment) -> None:
    deployment.make_topics()
    worker = deployment.start_worker(OLDER, "CancelInvitation", "fails")
    deployment.produce(
        messages.FACTS, *map(messages.register_partner, ("acme", "blue")), *messages_of_each_kind(), partition=0
    )
    # A record in a lane that is not its partner's: it blocks nobody there.
    elsewhere = next(name for name in map("p{}".format, range(99)) if lane_of(name, 2) == 1)
    deployment.produce("partnership.lanes", messages.cancel("lost", elsewhere, "cancel-lost"), partition=0)
    wait_for(deployment, 23)
    for overtaken in ("cancel-seen", "cancel-late", "cancel-other"):
        give(deployment, "release", overtaken)
    worker.kill()
    deployment.db.dead_letters.update_one({"command_id": "cancel-purged"}, {"$set": {"redacted": True, "value": None}})
    deployment.db.dead_letters.update_one({"command_id": "cancel-often"}, {"$set": {"replays": 5}})
    deployment.start_worker()
    other = messages.command("CancelInvitation", "cancel-other", "other", "acme", messages.SYSTEM, reason="another")
    deployment.produce(messages.FACTS, messages.cancel("seen", "acme"), resend("late"), other, partition=0)
    deployment.wait_decided(["cancel-seen", "resend-late", "cancel-other"])
    give(deployment, "discard", "cancel-discarded")


def resend(partnership: str, command_id: str | None = None) -> bytes:
    actor = {**messages.PARTNER_USER, "party_id": "acme"}
    return messages.command("ResendInvitation", command_id or f"resend-{partnership}", partnership, "acme", actor)


def messages_of_each_kind() -> list[bytes]:
    """Twenty of them; 'cancel' cannot be read by the older release, and its handlers fail on 'fails'."""
    dry = {**json.loads(messages.cancel("dry", "acme", "cancel-dry"))}
    dry["data"]["dry_run"] = True
    return [
        *(messages.invite(name, "acme") for name in ("twice", "seen", "late", "other", "purged")),
        messages.cancel("twice", "acme", "cancel-1"),
        messages.cancel("twice", "acme", "cancel-2"),
        resend("twice"),
        messages.cancel("seen", "acme"),
        messages.cancel("late", "acme"),
        messages.cancel("other", "acme"),
        messages.cancel("nobody", "acme", "cancel-nobody"),
        json.dumps(dry).encode(),
        unreadable(messages.cancel("poison", "blue", "poison")),
        messages.cancel("poison", "blue", "behind-poison"),
        messages.invite("fails", "acme"),
        messages.cancel("fails", "acme", "cancel-fails"),
        messages.cancel("purged", "acme"),
        messages.cancel("often", "acme"),
        messages.cancel("discarded", "acme"),
    ]


EXPECTED = {
    "cancel-1": (Outcome.ACCEPTED, ""),
    "cancel-2": (Outcome.REFUSED, "NOT_ALLOWED_IN_STATUS"),
    "resend-twice": (Outcome.REFUSED, "NOT_ALLOWED_IN_STATUS"),
    "cancel-seen": (Outcome.REPEATED, ""),
    "cancel-late": (Outcome.ACCEPTED, ""),
    "cancel-other": (Outcome.REFUSED, "COMMAND_ID_REUSED"),
    "cancel-nobody": (Outcome.REFUSED, "NOT_FOUND"),
    "cancel-dry": (Outcome.ANSWERED, ""),
    "poison": (Outcome.STILL_FAILING, "UNKNOWN_TYPE"),
    "behind-poison": (Outcome.WAITS, "poison"),
    "invite-fails": (Outcome.ACCEPTED, ""),
    "cancel-fails": (Outcome.ACCEPTED, ""),
    "cancel-purged": (Outcome.REDACTED, "REDACTED"),
    "cancel-often": (Outcome.LOOP_GUARD, "LOOP_GUARD"),
    "cancel-lost": (Outcome.FORWARDED, ""),
}


def test_of_every_kind_the_plan_is_what_then_happens(story: Story) -> None:
    foreseen = ends(story.deployment, story.planned)
    assert foreseen == EXPECTED
    assert ends(story.deployment, story.told) == foreseen
    assert (story.report.left, story.report.ended) == (0, Ended.DONE)


def test_a_plan_stores_nothing(story: Story) -> None:
    assert story.after_plan == story.before


def test_the_events_of_a_plan_are_those_that_go_out(story: Story) -> None:
    """Of each letter, whether it was replayed itself or went through behind another."""
    replayed = story.deployment.db.journal.find({"replay_of": {"$exists": True}})
    went_out = {
        entry["command_id"]: tuple(json.loads(record["value"])["type"] for record in entry["records"])
        for entry in replayed
    }
    assert len(went_out) == 9
    assert {command: story.plan_of(command).events for command in went_out} == went_out


def test_what_waits_behind_another_is_told_with_its_command(story: Story) -> None:
    behind = {command: story.plan_of(command).behind for command in EXPECTED}
    assert {command: before for command, before in behind.items() if before} == {
        "resend-twice": "cancel-2",
        "behind-poison": "poison",
    }


def test_a_letter_that_was_overtaken_is_told_with_what_overtook_it(story: Story) -> None:
    later = {command: found.command_id for command in EXPECTED if (found := story.plan_of(command).later)}
    assert later == {"cancel-late": "resend-late"}
    assert Warn.OVERTAKEN in warnings_of(story.plan_of("cancel-late"))


def test_what_an_operator_has_to_know_is_warned_of(story: Story) -> None:
    warned = {command: set(warnings_of(story.plan_of(command))) - {Warn.OVERTAKEN} for command in EXPECTED}
    assert {command: found for command, found in warned.items() if found} == {
        "cancel-seen": {Warn.DECIDED_BEFORE},
        "cancel-other": {Warn.DECIDED_BEFORE},
        "cancel-often": {Warn.REPLAYED_BEFORE},
        "poison": {Warn.UNREADABLE},
        "behind-poison": {Warn.COMES_LATER},
    }


def test_who_when_why_plan_and_result_stand_in_letter_and_journal(story: Story) -> None:
    done = letter(story.deployment, "cancel-2")["history"][-1]
    order = story.deployment.db.journal.find_one({"_id": done["order"]})
    assert order is not None
    assert (done["by"], done["action"], done["reason"]) == ("olga", "replay", "mended")
    assert done["plan"] == "refused: NOT_ALLOWED_IN_STATUS"
    assert done["result"] == "refused: NOT_ALLOWED_IN_STATUS"
    assert (order["actor"]["user_id"], order["at"], order["reason"], order["plan"]) == (
        "olga",
        done["at"],
        "mended",
        done["plan"],
    )
    assert order["result"]["result"] == done["result"]


def test_a_run_keeps_what_the_engine_promises(story: Story) -> None:
    story.deployment.judge()
    assert_documents_are_the_fold(story.deployment.db)
    blocking = story.deployment.db.dead_letters.count_documents({"blocks": {"$exists": True}})
    assert sum(lane["blocking"] for lane in story.deployment.db.lanes.find()) == blocking


# ------------------------------------------------------------------------------------------------- smaller situations


@pytest.fixture
def failed(deploy: Callable[..., Deployment]) -> Deployment:
    """A release failed on p-1's invitation; two cancellations wait behind it. No worker runs."""
    deployment = deploy(lanes=1)
    deployment.make_topics()
    worker = deployment.start_worker(BROKEN, "raise-for", "p-1")
    deployment.produce(messages.FACTS, messages.register_partner("acme"), partition=0)
    commands = [messages.invite("p-1", "acme"), *(messages.cancel("p-1", "acme", name) for name in ("c-1", "c-2"))]
    deployment.produce(messages.FACTS, *commands, partition=0)
    wait_for(deployment, 4)
    worker.kill()
    return deployment


ONLY_FIRST = Filter(ids=("invite-p-1",))


def test_what_waits_and_was_not_chosen_is_counted_as_it_would_end(failed: Deployment) -> None:
    (planned,) = plan(failed, wanted=ONLY_FIRST)
    assert planned.let_go == {Outcome.ACCEPTED: 1, Outcome.REFUSED: 1}

    failed.start_worker().wait_ready(60)
    (done,), _ = run(failed, chosen(failed, wanted=ONLY_FIRST))

    assert done.let_go == {"accepted": 1, "refused": 1}


def test_under_the_release_that_failed_the_plan_says_so_with_the_error(failed: Deployment) -> None:
    planned = plan(failed, decide=raise_for("p-1"))
    assert [(one.outcome, one.code) for one in planned] == [
        (Outcome.STILL_FAILING, "HANDLER_FAILED"),
        (Outcome.WAITS, "invite-p-1"),
        (Outcome.WAITS, "invite-p-1"),
    ]
    assert planned[0].error.startswith("ZeroDivisionError at broken_handlers.py:")

    failed.start_worker(BROKEN, "raise-for", "p-1").wait_ready(60)
    told, _ = run(failed, [one.letter for one in planned])

    assert [(one.outcome, one.code) for one in told] == [(one.outcome, one.code) for one in planned]


def test_one_that_waits_and_would_fail_holds_the_rest(failed: Deployment) -> None:
    planned = plan(failed, decide=raise_at("c-1"))
    assert [one.outcome for one in planned] == [Outcome.ACCEPTED, Outcome.STILL_FAILING, Outcome.WAITS]

    failed.start_worker(BROKEN, "raise-at", "c-1").wait_ready(60)
    told, _ = run(failed, [one.letter for one in planned])

    assert [one.outcome for one in told] == [one.outcome for one in planned]
    assert states(failed) == {"invite-p-1": "resolved", "c-1": "open", "c-2": "parked"}


def test_discards_go_backwards_so_that_none_of_them_lets_another_go(failed: Deployment) -> None:
    planned = plan(failed, DISCARD)
    assert [(one.letter.id, one.outcome, one.let_go.total()) for one in planned] == [
        (name, Outcome.DISCARDED, 0) for name in ("c-2", "c-1", "invite-p-1")
    ]

    failed.start_worker().wait_ready(60)
    told, _ = run(failed, [one.letter for one in planned], DISCARD)

    assert [one.outcome for one in told] == [Outcome.DISCARDED] * 3
    assert set(states(failed).values()) == {"discarded"}
    assert failed.db.partnerships.find_one({"_id": "p-1"}) is None


@pytest.mark.parametrize(("action", "state"), [(Action.DISCARD, "discarded"), (Action.RELEASE, "open")])
def test_a_discard_or_release_of_the_first_lets_the_rest_go(failed: Deployment, action: Action, state: str) -> None:
    (planned,) = plan(failed, Job(action, "no use"), ONLY_FIRST)
    assert planned.let_go == {Outcome.REFUSED: 2}, "there is no invitation to cancel"

    failed.start_worker().wait_ready(60)
    (done,), _ = run(failed, [planned.letter], Job(action, "no use"))

    assert done.let_go == {"refused": 2}
    assert states(failed) == {"invite-p-1": state, "c-1": "resolved", "c-2": "resolved"}


def test_a_plan_warns_before_what_waits_would_stop_the_worker(deploy: Callable[..., Deployment]) -> None:
    """A partner's letter holds six partnerships; a release that fails on them all takes itself for a bad one."""
    deployment = deploy(lanes=1)
    deployment.make_topics()
    deployment.produce(messages.FACTS, messages.register_partner("acme"), partition=0)
    poison = unreadable(messages.register_partner("acme", "poison"))
    deployment.produce(messages.FACTS, poison, *(messages.invite(f"p-{n}", "acme") for n in range(6)), partition=0)
    worker = deployment.start_worker()
    wait_for(deployment, 8)
    worker.kill()
    first = Filter(ids=("poison",))

    (well,) = plan(deployment, DISCARD, first)
    (planned,) = plan(deployment, DISCARD, first, raise_always("p-"))
    assert (well.outcome, well.let_go) == (Outcome.DISCARDED, {Outcome.ACCEPTED: 6})
    assert (planned.outcome, planned.let_go) == (Outcome.STOPS_WORKER, {})

    broken = deployment.start_worker(BROKEN, "raise-always", "p-").wait_ready(60)
    asyncio.run(order(deployment, planned))
    assert broken.wait() == 3


async def order(deployment: Deployment, planned: Planned) -> None:
    async with access(deployment.settings()) as connected, ordering(connected, "olga") as orders:
        await orders.give([(Place(planned.letter.lane), DISCARD.order(orders.actor, planned.letter.id))])


def test_more_than_one_store_lets_go_is_planned_and_followed_to_its_end(deploy: Callable[..., Deployment]) -> None:
    """A partner's registration failed, 110 commands wait behind it: one replay, and the lane goes on by itself."""
    deployment = deploy(lanes=1)
    deployment.make_topics()
    worker = deployment.start_worker(BROKEN, "raise-for", "acme")
    names = [f"p-{number}" for number in range(55)]
    values = [value for name in names for value in (messages.invite(name, "acme"), messages.cancel(name, "acme"))]
    deployment.produce(messages.FACTS, messages.register_partner("acme"), *values, partition=0)
    wait_for(deployment, 111)
    worker.kill()

    planned = plan(deployment)
    assert [(one.outcome, one.behind) for one in planned] == [
        (Outcome.ACCEPTED, None),
        *[(Outcome.ACCEPTED, "register-acme")] * 110,
    ]

    deployment.start_worker().wait_ready(60)
    told, report = run(deployment, [one.letter for one in planned])

    assert {one.letter: one.outcome for one in told} == {one.letter: one.outcome for one in planned}
    assert (report.orders, report.continued, +report.let_go) == (1, 1, {})

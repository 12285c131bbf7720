"""A run of many replays: in order, once, by two people, interrupted and resumed, stopped when it does not help."""

import asyncio
from collections import Counter
from collections.abc import Callable
from itertools import groupby

import pytest

from tests.support import messages
from tests.support.deployment import Deployment
from tests.support.fold import assert_documents_are_the_fold
from tests.support.letters import REPLAY, chosen, run
from tests.support.orders import give, letter
from tests.support.waiting import wait_until
from worker.operate.access import access
from worker.operate.letters.job import Action, Chosen, Job
from worker.operate.letters.outcomes import Outcome
from worker.operate.letters.pace import Pace
from worker.operate.letters.run import Done, Ended, Report, carry_out
from worker.operate.orders import Orders

OLDER = ("tests.support.older_release", "InviteCustomer", "nobody")
PARTNERS = ("acme", "blue", "coral", "dune")
LIFECYCLE = "partnership.lifecycle.events"
ORDERS = {"type": "partnerships.ReplayDeadLetter.v1"}


@pytest.fixture
def leave(deploy: Callable[..., Deployment]) -> Callable[[int], Deployment]:
    """An older release cannot read so many invitations of four partners, in two lanes. It is gone then."""

    def leave(letters: int) -> Deployment:
        deployment = deploy(lanes=2)
        deployment.make_topics()
        worker = deployment.start_worker(*OLDER)
        deployment.produce(messages.FACTS, *map(messages.register_partner, PARTNERS), partition=0)
        values = [messages.invite(f"p-{n}", PARTNERS[n % len(PARTNERS)]) for n in range(letters)]
        for value in values:
            deployment.enqueue(messages.INVITATION, value, partition=0)
        deployment.flush()
        wait_until(lambda: deployment.db.dead_letters.count_documents({}) == letters, 90, "the dead letters")
        deployment.wait_decided(f"register-{partner}" for partner in PARTNERS)
        worker.kill()
        return deployment

    return leave


def orders_given(deployment: Deployment) -> int:
    return deployment.db.journal.count_documents(ORDERS)


def invited(deployment: Deployment) -> dict[str, list[int]]:
    """By partner, the numbers of its partnerships in the order of their events."""
    events = [e for e in deployment.judge() if e["type"] == "partnerships.InvitationSent.v1"]
    events.sort(key=lambda event: str(event["partitionkey"]))
    return {
        partner: [int(event["subject"].removeprefix("p-")) for event in some]
        for partner, some in groupby(events, lambda event: event["partitionkey"])
    }


@pytest.mark.timeout(420)  # twelve hundred orders, one by one
def test_more_than_a_thousand_are_replayed_once_and_in_their_order(leave: Callable[[int], Deployment]) -> None:
    deployment = leave(1_200)
    deployment.start_worker().wait_ready(60)

    told, report = run(deployment, chosen(deployment), rate=10_000, failures_max=1_000)

    assert report.outcomes == {Outcome.ACCEPTED: 1_200}
    assert (report.orders, report.left, len(told)) == (1_200, 0, 1_200)
    assert invited(deployment) == {partner: list(range(n, 1_200, 4)) for n, partner in enumerate(PARTNERS)}
    assert_documents_are_the_fold(deployment.db)


def test_two_operators_at_once_do_each_letter_once(leave: Callable[[int], Deployment]) -> None:
    """Each letter is somebody's, and already done for the other; neither of them takes that for a failure."""
    deployment = leave(60)
    deployment.start_worker().wait_ready(60)
    letters = chosen(deployment)
    told: dict[str, list[Done]] = {"olga": [], "otto": []}

    async def both() -> tuple[Report, Report]:
        async with access(deployment.settings()) as one, access(deployment.settings()) as other:
            return await asyncio.gather(
                carry_out(one, "olga", REPLAY, letters, tell=told["olga"].append),
                carry_out(other, "otto", REPLAY, letters, tell=told["otto"].append),
            )

    reports = asyncio.run(both())

    assert [report.ended for report in reports] == [Ended.DONE, Ended.DONE]
    total = reports[0].outcomes + reports[1].outcomes
    assert total == {Outcome.ACCEPTED: 60, Outcome.ALREADY_DONE: 60}
    accepted = Counter(done.letter.id for some in told.values() for done in some if done.outcome is Outcome.ACCEPTED)
    assert set(accepted.values()) == {1}
    assert {partner: len(numbers) for partner, numbers in invited(deployment).items()} == dict.fromkeys(PARTNERS, 15)


def test_an_interrupted_run_leaves_the_rest_untouched_and_the_next_one_goes_on(
    leave: Callable[[int], Deployment],
) -> None:
    deployment = leave(60)
    deployment.start_worker().wait_ready(60)
    letters = chosen(deployment)

    async def interrupted() -> Report:
        stop = asyncio.Event()
        async with access(deployment.settings()) as connected:
            return await carry_out(connected, "olga", REPLAY, letters, tell=lambda _: stop.set(), stop=stop)

    report = asyncio.run(interrupted())
    deployment.wait_published()

    assert report.ended is Ended.INTERRUPTED
    assert report.orders == report.outcomes[Outcome.ACCEPTED] == orders_given(deployment) == 60 - report.left
    untouched = list(deployment.db.dead_letters.find({"state": "open"}))
    assert len(untouched) == report.left > 0
    assert not any(one.get("history") or one.get("replays") for one in untouched)

    again, rest = run(deployment, letters)

    assert rest.outcomes == {Outcome.ALREADY_DONE: 60 - report.left, Outcome.ACCEPTED: report.left}
    assert rest.orders == report.left, "what is done is seen beforehand"
    assert [done.outcome for done in again].count(Outcome.ACCEPTED) == report.left
    invited(deployment)


@pytest.mark.parametrize("most", [1, 7])
def test_a_run_stops_when_so_many_fail_again(leave: Callable[[int], Deployment], most: int) -> None:
    """Exactly so many were tried; the rest has not even been counted."""
    deployment = leave(30)
    deployment.start_worker(*OLDER).wait_ready(60)

    _, report = run(deployment, chosen(deployment), failures_max=most)

    assert (report.ended, report.left) == (Ended.FAILURES, 30 - most)
    assert report.outcomes == {Outcome.STILL_FAILING: most}
    assert orders_given(deployment) == most
    assert deployment.db.dead_letters.count_documents({"replays": 1}) == most


def test_what_waits_behind_a_replay_and_fails_counts_too(deploy: Callable[..., Deployment]) -> None:
    deployment = deploy(lanes=1)
    deployment.make_topics()
    worker = deployment.start_worker("tests.support.broken_handlers", "raise-for", "p-0")
    deployment.produce(messages.FACTS, messages.register_partner("acme"), partition=0)
    values = [messages.invite("p-0", "acme"), messages.cancel("p-0", "acme", "fails")]
    deployment.produce(messages.FACTS, *values, messages.cancel("p-0", "acme", "later"), partition=0)
    deployment.wait_decided(["invite-p-0", "fails", "later"])
    worker.kill()
    deployment.start_worker("tests.support.broken_handlers", "raise-at", "fails").wait_ready(60)
    letters = chosen(deployment)

    _, report = run(deployment, letters, failures_max=1)

    assert report.let_go == {"failed": 1}
    assert report.outcomes == {Outcome.ACCEPTED: 1}
    assert (report.ended, report.left) == (Ended.FAILURES, 2)


def test_the_loop_guard_counts_and_force_overrides_it(leave: Callable[[int], Deployment]) -> None:
    deployment = leave(1)
    deployment.start_worker(*OLDER).wait_ready(60)
    letters = chosen(deployment)

    tries = [run(deployment, letters)[1].outcomes for _ in range(6)]
    forced = run(deployment, letters, Job(Action.REPLAY, "once more", force=True))[1].outcomes

    failing, guarded = Counter({Outcome.STILL_FAILING: 1}), Counter({Outcome.LOOP_GUARD: 1})
    assert tries == [failing] * 5 + [guarded]
    assert forced == failing
    assert letter(deployment, "invite-p-0")["replays"] == 6


def test_without_a_worker_a_run_ends_with_what_it_knows(
    leave: Callable[[int], Deployment], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The orders are in the log, and a worker carries them out when it comes."""
    deployment = leave(30)
    monkeypatch.setattr(Orders.wait, "__defaults__", (1.0,))

    _, report = run_without_waiting(deployment, chosen(deployment))

    assert (report.ended, report.unanswered, report.left) == (Ended.ERROR, 20, 10)
    assert "is a worker running?" in str(report.error)
    deployment.start_worker()
    wait_until(lambda: orders_given(deployment) == 20, 60, "the orders")
    deployment.wait_published()
    assert deployment.db.dead_letters.count_documents({"state": "resolved"}) == 20


def run_without_waiting(deployment: Deployment, letters: list[Chosen]) -> tuple[list[Done], Report]:
    told: list[Done] = []

    async def work() -> Report:
        async with access(deployment.settings()) as connected:
            return await carry_out(connected, "olga", REPLAY, letters, tell=told.append)

    return told, asyncio.run(work())


# ------------------------------------------------------------------------------------------------------------ the pace


@pytest.mark.parametrize(("rate", "at_once"), [(0.5, 1), (3, 1), (20, 10), (100, 50), (10_000, 50)])
def test_no_more_are_given_together_than_half_a_second_allows(rate: float, at_once: int) -> None:
    assert Pace(rate).at_once(50) == at_once


def test_a_pace_gives_no_more_than_its_rate_and_does_not_catch_up_after_a_pause() -> None:
    pace, clock, given = Pace(20), 100.0, list[float]()
    for number in range(40):
        if number == 20:
            clock += 60  # the lane was away for a minute
        clock += pace.wait_seconds(clock, 10)
        given += [clock] * 10

    for start in given:
        assert sum(start <= moment < start + 1 for moment in given) <= 20
    assert len(given) == 400


def test_a_run_keeps_its_rate(leave: Callable[[int], Deployment]) -> None:
    """By the append times of its orders: never many at once, whatever the machine is busy with."""
    deployment = leave(30)
    deployment.start_worker().wait_ready(60)

    run(deployment, chosen(deployment), rate=10)

    times = sorted(entry["at"].timestamp() for entry in deployment.db.journal.find(ORDERS))
    assert len(times) == 30
    assert max(sum(start <= moment < start + 1 for moment in times) for start in times) <= 20


def test_a_second_copy_of_what_an_older_release_could_not_read_is_no_second_letter(
    leave: Callable[[int], Deployment],
) -> None:
    """Intake may move a record twice, and between the copies the release changes. A discard would let the second go."""
    deployment = leave(1)
    deployment.operator.wait_memberless(f"{deployment.name}-intake")
    deployment.operator.set_offsets(f"{deployment.name}-intake", messages.INVITATION, {0: 0})
    deployment.produce(messages.INVITATION, messages.cancel("p-0", PARTNERS[0]), partition=0)
    deployment.start_worker()
    deployment.wait_decided(["cancel-p-0"])
    assert deployment.db.dead_letters.count_documents({}) == 2, "the invitation, and the cancellation behind it"

    run(deployment, chosen(deployment))

    kinds = [event["type"].split(".")[1] for event in deployment.judge() if event["topic"] == LIFECYCLE]
    assert kinds[len(PARTNERS) :] == ["InvitationSent", "InvitationCancelled"]
    assert set(deployment.db.dead_letters.distinct("state")) == {"resolved"}


def test_a_second_copy_of_what_was_discarded_is_not_decided(leave: Callable[[int], Deployment]) -> None:
    """The discard was the end of the record, also of the copy that this release could read."""
    deployment = leave(1)
    found = deployment.db.dead_letters.find_one()
    assert found is not None
    worker = deployment.start_worker().wait_ready(60)
    give(deployment, "discard", found["_id"], reason="it came too late")
    worker.terminate()
    deployment.operator.wait_memberless(f"{deployment.name}-intake")
    deployment.operator.set_offsets(f"{deployment.name}-intake", messages.INVITATION, {0: 0})
    deployment.produce(messages.INVITATION, messages.cancel("p-0", PARTNERS[0]), partition=0)

    deployment.start_worker()
    deployment.wait_decided(["cancel-p-0"])

    assert [event["topic"] for event in deployment.judge() if event["topic"] == LIFECYCLE] == [LIFECYCLE] * len(
        PARTNERS
    )
    assert deployment.db.journal.find_one({"_id": "cancel-p-0"}, {"outcome": 1})["outcome"] == "refused"  # type: ignore[index]

"""`republish`: what topics lost comes back from the journal, once, whoever asks for it and however often."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contracts.commands.operating import Republish
from contracts.topics import TopicName
from tests.support import load, messages
from tests.support.command_line import Told, tell
from tests.support.deployment import Deployment
from worker.journal import digest_of_value
from worker.operate.access import access
from worker.operate.orders import Place, ordering
from worker.operate.republish.missing import plan_missing
from worker.operate.republish.plan import Selection
from worker.operate.republish.run import Done, carry_out
from worker.operate.verify import walk
from worker.servers import Servers

LIVES = 20
LIFECYCLE, QUOTA = TopicName.LIFECYCLE_EVENTS, TopicName.QUOTA_EVENTS
DAY_MS = 86_400_000
YES = ("--yes", "--reason", "a broker lost its disk", "--as", "olga")


@pytest.fixture
def history(deploy: Callable[..., Deployment]) -> Iterator[Deployment]:
    """Invitations that were cancelled, a refusal and two dead letters, in three lanes. At the end all must be well."""
    deployment = deploy(lanes=3)
    load.register(deployment)
    deployment.start_worker()
    deployment.produce(messages.INVITATION, b"not JSON", b"not JSON", messages.invite("lost", "nobody"))
    deployment.wait_decided([*load.produce(deployment, LIVES), "invite-lost"])
    yield deployment
    told = tell(deployment, "verify", "--json")
    assert (told.code, told.json) == (0, [{"summary": told.json[-1]["summary"]}])


def lose(deployment: Deployment, *topics: TopicName) -> None:
    """The topics are made anew: somebody deleted them."""
    worker = deployment.workers[-1]
    assert worker.terminate() == 0
    for topic in topics:
        deployment.operator.delete_topic(topic)
    deployment.make_topics()
    deployment.start_worker().wait_ready()


def bodies(deployment: Deployment, topic: TopicName) -> list[Any]:
    return [(record.key(), record.value()) for record in deployment.read(topic)]


def marks(deployment: Deployment, topic: TopicName) -> Counter[bytes | None]:
    """Which orders put the records there; None: nobody had to."""
    return Counter(dict(record.headers() or []).get("republished") for record in deployment.read(topic))


def assert_in_order(deployment: Deployment, topic: TopicName) -> None:
    """The events of one subject follow each other, among what was published again."""
    last: dict[str, int] = {}
    for record in deployment.read(topic):
        if "republished" in dict(record.headers() or []):
            event = json.loads(record.value())
            assert event["data"]["sequence"] == last.get(event["subject"], 0) + 1, event["subject"]
            last[event["subject"]] = event["data"]["sequence"]
    assert last


def plan(told: Told) -> Any:
    return next(line["plan"] for line in told.json if "plan" in line)


def done(told: Told) -> Any:
    return next(line["done"] for line in told.json if "done" in line)


def test_topics_that_were_made_anew_are_filled_again_once_and_in_order(history: Deployment) -> None:
    topics = (LIFECYCLE, TopicName.DEAD_LETTERS)
    before = {topic: bodies(history, topic) for topic in topics}
    lose(history, *topics)

    looked = tell(history, "republish", "--dry-run", "--json")
    assert (looked.code, plan(looked)["records"]) == (4, {topic: len(before[topic]) for topic in sorted(topics)})
    assert sum("missing" in line for line in looked.json) == sum(map(len, before.values()))
    assert bodies(history, LIFECYCLE) == [], "a dry run does nothing"

    told = tell(history, "republish", "--json", *YES)
    assert (told.code, done(told)["records"], done(told)["codes"]) == (0, sum(map(len, before.values())), {})
    for topic in topics:
        assert sorted(bodies(history, topic)) == sorted(before[topic])
        assert None not in marks(history, topic)
    assert_in_order(history, LIFECYCLE)
    assert tell(history, "verify").code == 0

    again = tell(history, "republish", "--json", *YES)
    assert (again.code, plan(again)["records"], len(again.json)) == (0, {}, 1)
    assert len(bodies(history, LIFECYCLE)) == len(before[LIFECYCLE])


def test_what_is_lost_once_more_comes_once_more(history: Deployment) -> None:
    before = bodies(history, QUOTA)
    for _ in range(2):
        lose(history, QUOTA)
        assert done(tell(history, "republish", "--json", *YES))["records"] == len(before)

        assert sorted(bodies(history, QUOTA)) == sorted(before)
        assert_in_order(history, QUOTA)
        assert tell(history, "verify").code == 0


def test_more_than_is_held_in_memory(history: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walk, "PENDING_MAX", 5)
    lose(history, LIFECYCLE)
    history.produce(messages.INVITATION, messages.invite("newer", "partner-1"))
    history.wait_decided(["invite-newer"])

    assert tell(history, "republish", "--json", *YES).code == 0
    assert tell(history, "verify").code == 0


def test_only_what_was_chosen(history: Deployment) -> None:
    before = bodies(history, LIFECYCLE)
    lose(history, LIFECYCLE, QUOTA)
    hour = datetime.now(tz=UTC) - timedelta(hours=1)

    def looked(*options: str) -> Any:
        return plan(tell(history, "republish", "--dry-run", "--json", *options))["records"]

    assert looked("invite-p-1") == {LIFECYCLE: 1, QUOTA: 1}
    assert looked("--partnership", "p-1", "--topic", "lifecycle") == {LIFECYCLE: 2}
    assert looked("--since", f"{hour:%Y-%m-%dT%H:%M}", "--topic", "quota") == {QUOTA: 2 * LIVES + len(load.PARTNERS)}
    assert looked("--until", f"{hour:%Y-%m-%dT%H:%M}") == {}

    told = tell(history, "republish", "--partnership", "p-1", "--json", *YES)
    assert (done(told)["records"], told.json[-1]["left"]["records"]) == (4, {})
    assert [json.loads(value)["subject"] for _, value in bodies(history, LIFECYCLE)] == ["p-1"] * 2
    assert tell(history, "republish", *YES).code == 0
    assert len(bodies(history, LIFECYCLE)) == len(before)


def test_of_two_who_saw_the_same_gap_the_second_is_told(history: Deployment) -> None:
    before = bodies(history, LIFECYCLE)
    lose(history, LIFECYCLE)

    async def work() -> tuple[Done, Done]:
        async with access(history.settings()) as connected:
            plans = [await plan_missing(connected, Selection()) for _ in range(2)]
            return (
                await carry_out(connected, plans[0], "olga", "first"),
                await carry_out(connected, plans[1], "otto", "at the same time"),
            )

    first, second = asyncio.run(work())

    assert (first.records, first.already) == (len(before), 0)
    assert (second.records, second.already, second.by) == (0, len(before), "olga")
    assert second.codes == {"ALREADY_REPUBLISHED": second.orders}
    assert second.at is not None
    assert sorted(bodies(history, LIFECYCLE)) == sorted(before)


def test_both_at_once_publish_everything_once_between_them(history: Deployment) -> None:
    before = bodies(history, LIFECYCLE)
    lose(history, LIFECYCLE)

    async def work() -> list[Done]:
        async with access(history.settings()) as connected:
            plans = [await plan_missing(connected, Selection()) for _ in range(2)]
            return await asyncio.gather(*(carry_out(connected, each, f"o-{n}", "") for n, each in enumerate(plans)))

    both = asyncio.run(work())

    assert sum(each.records for each in both) == sum(each.already for each in both) == len(before)
    assert sorted(bodies(history, LIFECYCLE)) == sorted(before)


def test_what_retention_took_is_gone_and_not_lost(history: Deployment) -> None:
    history.operator.delete_records(LIFECYCLE, history.operator.ends(LIFECYCLE))
    history.produce(messages.INVITATION, messages.invite("newer", "partner-1"))
    history.wait_decided(["invite-newer"])

    silent = tell(history, "republish", *YES)
    named = tell(history, "republish", "--partnership", "p-1", *YES)
    assert (silent.code, named.code) == (0, 0)
    assert "nothing is missing" in silent.out
    assert "begin behind their first record; what lay before is not missed" in silent.out
    assert "2 more are gone because topics keep them no longer" in named.out

    told = tell(history, "republish", "--partnership", "p-1", "--also-expired", "--json", *YES)
    again = tell(history, "republish", "--partnership", "p-1", "--also-expired", "--json", *YES)
    assert (told.code, done(told)["records"], plan(again)["records"]) == (0, 2, {})
    assert tell(history, "republish", "--partnership", "p-1", "--dry-run").code == 0
    assert [json.loads(value)["subject"] for _, value in bodies(history, LIFECYCLE)].count("p-1") == 2


def test_what_is_older_than_the_retention_is_not_missed_on_a_topic_made_anew(history: Deployment) -> None:
    long_ago = datetime.now(tz=UTC) - timedelta(days=40)
    old = history.db.journal.find_one({"_id": "register-partner-1"})
    assert old is not None
    history.db.journal.update_one({"_id": old["_id"]}, {"$set": {"at": long_ago}})
    lose(history, LIFECYCLE)
    told = tell(history, "republish", "--json", *YES)

    assert (told.code, plan(told)["expired"]) == (0, 1)
    assert f"register-{load.PARTNERS[1]}" not in {json.loads(v)["causationid"] for _, v in bodies(history, LIFECYCLE)}
    assert "1 records are gone because their topic keeps them no longer" in tell(history, "verify").out


def test_what_is_there_goes_out_again_only_when_that_is_said(history: Deployment) -> None:
    before = bodies(history, LIFECYCLE)

    assert "nothing is missing" in tell(history, "republish", "invite-p-1", *YES).out
    assert bodies(history, LIFECYCLE) == before
    told = tell(history, "republish", "invite-p-1", "--topic", "lifecycle", "--even-if-present", "--json", *YES)

    assert (told.code, done(told)["records"]) == (0, 1)
    assert len(bodies(history, LIFECYCLE)) == len(before) + 1
    assert "1 records are there again because republish put them" in tell(history, "verify").out


def test_a_redacted_record_cannot_come_again_and_the_lane_says_so(history: Deployment) -> None:
    entry = history.db.journal.find_one({"_id": "invite-p-1"})
    assert entry is not None
    number, record = next((n, r) for n, r in enumerate(entry["records"]) if r["topic"] == LIFECYCLE)
    fields = {f"records.{number}.digest": digest_of_value(record["value"]), f"records.{number}.value": b"{}"}
    history.db.journal.update_one({"_id": "invite-p-1"}, {"$set": fields})
    before = bodies(history, LIFECYCLE)
    lose(history, LIFECYCLE)

    told = tell(history, "republish", "--json", *YES)
    assert (told.code, plan(told)["redacted"], done(told)["records"]) == (4, 1, len(before) - 1)
    assert told.json[-1]["left"]["redacted"] == 1

    async def order() -> str | None:
        async with access(history.settings()) as connected, ordering(connected, "olga") as orders:
            wanted = Republish(actor=orders.actor, records={"invite-p-1": (number,)})
            return (await orders.carry_out(Place(entry["lane"]), wanted)).code

    assert asyncio.run(order()) == "REDACTED"
    assert b"{}" not in [value for _, value in bodies(history, LIFECYCLE)]

    whole = {f"records.{number}.digest": ""}
    history.db.journal.update_one({"_id": "invite-p-1"}, {"$set": {f"records.{number}.value": record["value"]}})
    history.db.journal.update_one({"_id": "invite-p-1"}, {"$unset": whole})
    assert tell(history, "republish", *YES).code == 0


@pytest.mark.parametrize("how", ["kill-between-store-and-publish", "kill-between-publish-and-note"])
def test_a_crash_in_the_midst_costs_nothing_and_doubles_nothing(history: Deployment, how: str) -> None:
    before = bodies(history, LIFECYCLE)
    lose(history, LIFECYCLE)
    assert history.workers[-1].terminate() == 0
    broken = history.start_worker("tests.support.broken", how, "1")
    broken.wait_ready()

    async def give() -> None:
        async with access(history.settings()) as connected:
            plan = await plan_missing(connected, Selection())
            async with ordering(connected, "olga") as orders:
                for lane, records in plan.orders():
                    wanted = Republish(actor=orders.actor, records=records, seen=plan.seen[lane])
                    await orders.give([(Place(lane), wanted)])

    asyncio.run(give())
    broken.wait()
    history.start_worker().wait_ready()
    history.wait_published()
    assert tell(history, "republish", *YES).code == 0

    assert sorted(bodies(history, LIFECYCLE)) == sorted(before)
    assert_in_order(history, LIFECYCLE)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("invite-p-1",), "--reason"),
        (("nobody-gave-this", "--dry-run"), "no entry nobody-gave-this"),
        (("--partnership", "nobody", "--dry-run"), "no entry of nobody"),
        (("--even-if-present", "--dry-run"), "Name entries or a partnership"),
        (("--topic", "facts", "--dry-run"), "there is no topic facts"),
    ],
)
def test_what_makes_no_sense_is_one_line(sound: Deployment, arguments: tuple[str, ...], why: str) -> None:
    told = tell(sound, "republish", *arguments)

    assert told.code == 2
    assert why in told.err.replace("\n", " ")


def test_where_nobody_can_be_asked_yes_is_needed(sound: Deployment) -> None:
    told = tell(sound, "republish", "register-partner-1", "--even-if-present", "--reason", "a test")

    assert (told.code, told.err.count("\n")) == (2, 1)
    assert "--yes does without" in told.err


@pytest.fixture(scope="module")
def sound(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    deployment = Deployment(servers, lanes=1, directory=tmp_path_factory.mktemp("sound"))
    try:
        load.register(deployment)
        deployment.start_worker()
        deployment.wait_decided([f"register-{partner}" for partner in load.PARTNERS])
        yield deployment
    finally:
        deployment.close()

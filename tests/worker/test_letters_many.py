"""A hundred thousand dead letters in the store: what MongoDB has to look at for an operator, by its own profiler."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.command_line import tell
from tests.support.deployment import Deployment
from worker.mongo.collections import DEAD_LETTERS, INDEXES, LANES
from worker.operate.access import access
from worker.operate.letters.find import Filter, letters
from worker.servers import Servers

MANY = 100_000
GROUPS = 20
OF_A_GROUP = MANY // GROUPS
LANES_OF_MANY = 4
pytestmark = pytest.mark.timeout(300)  # they have to be written first

NOW = datetime.now(tz=UTC)


def made(number: int) -> dict[str, Any]:
    """The parked ones wait behind the open ones of their partnerships."""
    group = number % GROUPS
    return {
        "_id": f"~partnership.facts:0:{number}:0badcafe",
        "state": "parked" if group % 4 == 3 else "open",
        "at": NOW - timedelta(seconds=MANY - number),
        "reason": f"REASON_{group}",
        "error": "field: what is wrong with it",
        "fingerprint": f"{group:012x}",
        "lane": number % LANES_OF_MANY,
        "offset": number // LANES_OF_MANY,
        "source": {"topic": "partnership.facts", "partition": 0, "offset": number},
        "command_id": f"command-{number}",
        "type": "partnerships.InviteCustomer.v1",
        "subject": f"partnership-{number % (OF_A_GROUP + group)}",
        "partner": f"partner-{number % 1000}",
        "key": b"key",
        "value": b"x" * 400,
        "headers": [],
    }


@pytest.fixture(scope="module")
def many(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    deployment = Deployment(servers, lanes=LANES_OF_MANY, directory=tmp_path_factory.mktemp("many"))
    try:
        collection = deployment.db[DEAD_LETTERS]
        deployment.db[LANES].insert_many([{"_id": lane} for lane in range(LANES_OF_MANY)])
        for first in range(0, MANY, 10_000):
            collection.insert_many([made(number) for number in range(first, first + 10_000)], ordered=False)
        collection.create_indexes(INDEXES[DEAD_LETTERS])
        yield deployment
    finally:
        deployment.close()


@contextmanager
def profiled(deployment: Deployment) -> Iterator[Counter[str]]:
    """What the operations of this block examined: documents, keys, plans that read the whole collection."""
    seen: Counter[str] = Counter()
    deployment.db.command("profile", 2)
    yield seen
    deployment.db.command("profile", 0)
    for line in deployment.db["system.profile"].find({"ns": f"{deployment.name}.{DEAD_LETTERS}"}):
        seen["operations"] += 1
        seen["documents"] += line.get("docsExamined", 0)
        seen["keys"] += line.get("keysExamined", 0)
        seen["whole"] += "COLLSCAN" in line.get("planSummary", "")
        seen["sorted in memory"] += line.get("hasSortStage", False)
    deployment.db["system.profile"].drop()


@pytest.mark.parametrize("arguments", [(), ("--state", "any"), ("--since", "3h"), ("--state", "open")])
def test_groups_are_counted_without_reading_a_letter_but_the_samples(
    many: Deployment, arguments: tuple[str, ...]
) -> None:
    with profiled(many) as seen:
        told = tell(many, "dead-letters", "list", "-n", "10", "--json", *arguments)

    assert len(told.json) == 11
    assert 10 <= seen["documents"] <= 20, seen
    assert seen["whole"] == 0
    assert seen["keys"] <= MANY + 100


def test_a_partner_s_and_a_partnership_s_are_found_by_an_index(many: Deployment) -> None:
    with profiled(many) as seen:
        told = tell(many, "dead-letters", "list", "--partnership", "partnership-7", "--json")

    assert told.code == 0
    assert seen["whole"] == 0
    assert seen["documents"] < 100, seen


def test_of_those_that_failed_alike_no_more_are_read_than_are_shown(many: Deployment) -> None:
    with profiled(many) as seen:
        told = tell(many, "dead-letters", "list", "--fingerprint", f"{6:012x}", "--json")

    assert told.json[-1] == {"summary": {"letters": OF_A_GROUP}}
    assert seen["whole"] == 0
    assert seen["documents"] <= 20, seen


def test_a_command_s_letter_is_found_by_its_id(many: Deployment) -> None:
    with profiled(many) as seen:
        told = tell(many, "dead-letters", "show", "command-777", "--json")

    assert told.json[0]["id"] == "~partnership.facts:0:777:0badcafe"
    assert (seen["whole"], seen["documents"] <= 2) == (0, True), seen


async def test_all_are_walked_through_in_log_order_and_each_is_read_once(many: Deployment) -> None:
    place, number = (-1, -1), 0
    with profiled(many) as seen:
        async with access(many.settings()) as connected:
            wanted = Filter(states=("open", "parked"))
            async for letter in letters(connected, wanted, fields={"lane": 1, "offset": 1}):
                assert (letter["lane"], letter["offset"]) > place
                place, number = (letter["lane"], letter["offset"]), number + 1

    assert number == MANY
    assert seen["documents"] <= MANY * 1.05, seen
    assert (seen["whole"], seen["sorted in memory"]) == (0, 0), seen

"""The group's offsets are not the truth: lost, reset backwards or under another name, nothing goes out again.

What contradicts the documents instead (set forwards, a restored database) stops the worker, with the numbers.
"""

from collections.abc import Callable

import pytest

from tests.support import load, messages
from tests.support.deployment import Deployment
from tests.support.waiting import wait_until

LANES = "partnership.lanes"
OPERATOR_NEEDED = 3


def run_once(deployment: Deployment, lives: int = 30) -> None:
    """A worker decides, and stops in good order."""
    load.register(deployment)
    sent = load.produce(deployment, lives)
    worker = deployment.start_worker()
    deployment.wait_decided(sent)
    assert worker.terminate() == 0


def delete_groups(deployment: Deployment) -> None:
    for group in (deployment.name, f"{deployment.name}-intake"):
        deployment.operator.wait_forgotten(group)


def reset_backwards(deployment: Deployment) -> None:
    for group, topic in ((deployment.name, LANES), (f"{deployment.name}-intake", messages.INVITATION)):
        deployment.operator.wait_memberless(group)
        deployment.operator.set_offsets(group, topic, dict.fromkeys(deployment.operator.offsets(group, topic), 0))


def rename(deployment: Deployment) -> None:
    deployment.overrides["group"] = f"{deployment.name}-renamed"


def no_lag(deployment: Deployment) -> bool:
    """Whether the group's offsets are where the lanes are, as a monitor of consumer lag wants to see it."""
    stored = {lane["_id"]: lane["stored"] for lane in deployment.db.lanes.find()}
    group = deployment.overrides.get("group", deployment.name)
    return deployment.operator.offsets(group, LANES) == stored


def test_the_groups_offsets_follow_the_work(deploy: Callable[..., Deployment]) -> None:
    """They are committed beside it, so somewhat later; and all of them before a worker leaves."""
    deployment = deploy(overrides={"batch_records_max": "20"})
    load.register(deployment)
    worker = deployment.start_worker()
    deployment.wait_decided(load.produce(deployment, 30))
    wait_until(lambda: no_lag(deployment), 10, "offsets that say what is done")

    before = deployment.db.journal.estimated_document_count()
    load.produce(deployment, 1000, tag="more")
    wait_until(lambda: deployment.db.journal.estimated_document_count() > before + 100, 30, "the middle of the work")
    assert worker.terminate() == 0

    assert no_lag(deployment)


@pytest.mark.parametrize("lose_offsets", [delete_groups, reset_backwards, rename])
def test_nothing_goes_out_again_whatever_happens_to_the_offsets(
    deploy: Callable[..., Deployment], lose_offsets: Callable[[Deployment], None]
) -> None:
    deployment = deploy()
    run_once(deployment)
    before = deployment.judge()
    marks = [lane["marks"] for lane in deployment.db.lanes.find().sort("_id", 1)]
    lose_offsets(deployment)

    deployment.start_worker().wait_ready()
    wait_until(lambda: no_lag(deployment), 10, "offsets that say what is done")
    assert [lane["marks"] for lane in deployment.db.lanes.find().sort("_id", 1)] == marks
    more = load.produce(deployment, 5, tag="afterwards")
    deployment.wait_decided(more)

    after = deployment.judge()
    assert len({(event["topic"], event["id"]) for event in after} - {(e["topic"], e["id"]) for e in before}) > 0


def test_offsets_set_forwards_stop_the_worker(deploy: Callable[..., Deployment]) -> None:
    """Taken at their word, they would skip commands that nobody has decided."""
    deployment = deploy(lanes=1)
    run_once(deployment)
    deployment.operator.wait_memberless(deployment.name)
    load.produce(deployment, 5, tag="undecided")
    stored = deployment.db.lanes.find_one()["stored"]  # type: ignore[index]
    deployment.operator.set_offsets(deployment.name, LANES, {0: stored + 7})

    worker = deployment.start_worker()

    assert worker.wait() == OPERATOR_NEEDED
    reason = worker.logged("stopped: an operator is needed")[0]["reason"]
    assert f"below {stored + 7} was published" in reason
    assert f"only up to {stored}" in reason


def test_a_database_restored_to_an_earlier_day_stops_the_worker(deploy: Callable[..., Deployment]) -> None:
    """The events are out, their documents are gone: deciding on would contradict what was published."""
    deployment = deploy(lanes=1)
    run_once(deployment)
    deployment.mongo.drop_database(deployment.name)

    worker = deployment.start_worker()

    assert worker.wait() == OPERATOR_NEEDED
    assert "MongoDB has lost something" in worker.logged("stopped: an operator is needed")[0]["reason"]
    assert deployment.db.journal.count_documents({}) == 0
    # However often it is started: an opening has to end all that are named there.
    assert len(deployment.db.lanes.find_one()["producers"]) == 1  # type: ignore[index]

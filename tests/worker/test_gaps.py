"""A stale batch begins beyond what was read last; taking it would skip what lies between. Real jumps must be passed.

aiokafka hands such batches over after rebalances, rarely; so the worker of tests/support/broken.py makes them: it drops
a batch on its way to intake or to a lane, once, and the next one then begins too late.
"""

from collections.abc import Callable

import pytest

from tests.support import load, messages
from tests.support.deployment import Deployment
from tests.support.transactions import produce_in_transactions


@pytest.mark.parametrize("where", ["intake", "lane"])
def test_a_batch_that_begins_too_late_skips_nothing(deploy: Callable[..., Deployment], where: str) -> None:
    deployment = deploy(lanes=1)
    load.register(deployment)
    worker = deployment.start_worker("tests.support.broken", f"stale-batches-in-{where}", "5").wait_ready()
    with load.loaded(deployment) as running:
        # A batch that is missing shows at the next one, so more must come than are dropped.
        running.wait_for_more(300)
    deployment.wait_decided(running.stop())

    gaps = worker.logged("gap before a batch")
    assert gaps, "no batch was stale"
    assert {line["where"] for line in gaps} == {where}
    assert not any(line["real"] for line in gaps)
    deployment.judge()


@pytest.mark.parametrize("topic", [messages.INVITATION, "partnership.lanes"])
def test_the_control_records_of_transactions_are_passed(deploy: Callable[..., Deployment], topic: str) -> None:
    """Each committed or aborted transaction leaves one offset that no reader sees, and an aborted one its records."""
    deployment = deploy(lanes=1)
    load.register(deployment)
    worker = deployment.start_worker().wait_ready()

    produce_in_transactions(deployment, topic, lives=6)
    deployment.wait_decided(load.ids(12, "committed"))

    assert any(line["real"] for line in worker.logged("gap before a batch"))
    assert deployment.db.journal.count_documents({"_id": {"$regex": "aborted"}}) == 0
    deployment.judge()
    worker.wait_ready()

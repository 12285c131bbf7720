"""The programs of docs/examples do what README says: one sends two commands, the other prints what comes of them."""

from collections.abc import Callable

from tests.support.command_line import Told, run_example
from tests.support.deployment import Deployment

SAID = ["PartnerRegistered", "QuotaUpdated", "InvitationSent", "NoticeSent"]


def test_the_examples_run_and_print_what_came_of_their_commands(deploy_own: Callable[..., Deployment]) -> None:
    # On servers of this test alone: the examples use the topics' own names, and yours may be in use.
    deployment = deploy_own(overrides={"topic_prefix": ""})
    deployment.start_worker().wait_ready()

    assert run_example(deployment, "produce.py") == Told(0, "sent example-1 and example-2\n", "")
    deployment.wait_decided(["example-1", "example-2"])

    consumed = run_example(deployment, "consume.py", "3")

    assert (consumed.code, consumed.err, "gap" in consumed.out) == (0, "", False)
    assert [kind for kind in SAID if f"partnerships.{kind}.v1" not in consumed.out] == []

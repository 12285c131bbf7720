"""The programs of docs/examples do what README says: one sends two commands, the other prints what comes of them."""

import os
import subprocess
import sys
from collections.abc import Callable

from tests.support.deployment import ROOT, Deployment

EXAMPLES = ROOT / "docs" / "examples"
SAID = ["PartnerRegistered", "QuotaUpdated", "InvitationSent", "NoticeSent"]


def test_the_examples_run_and_print_what_came_of_their_commands(deploy_own: Callable[..., Deployment]) -> None:
    # On servers of this test alone: the examples use the topics' own names, and yours may be in use.
    deployment = deploy_own(overrides={"topic_prefix": ""})
    deployment.start_worker().wait_ready()

    def run(program: str, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, str(EXAMPLES / program), *arguments],
            env={**os.environ, "KAFKA_BOOTSTRAP": deployment.servers.kafka_bootstrap},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return done.stdout

    assert run("produce.py") == "sent example-1 and example-2\n"
    deployment.wait_decided(["example-1", "example-2"])

    printed = run("consume.py", "3")

    assert "gap" not in printed
    assert [kind for kind in SAID if f"partnerships.{kind}.v1" not in printed] == []

"""Every command can be tried: a dry run is answered with what the core would decide, and changes nothing."""

from collections.abc import Iterator
from typing import Any

import pytest

from contracts.registry import COMMANDS
from tests.situations import command
from tests.states import NAMES, outcome_of
from tests.story import Enter
from tests.support import messages
from tests.support.domain import bind
from tests.support.tale import Tale, told
from tests.support.waiting import wait_until
from worker.servers import Servers

DOCUMENTS = ("partners", "customers", "partnerships")
OTHERWISE = {"RecordNotificationOutcome": {"notice_id": "accept-p1-c1:partner"}}
"""What has other ids here than in the situations."""


@pytest.fixture(scope="module")
def tale(servers: Servers) -> Iterator[Tale]:
    """In which p1 and c1 are bound, as in the situation `active`."""
    with told(servers, lanes=2) as running:
        bind(running, "p1-c1", "p1", "c1")
        running.deployment.wait_published()
        running.listen()
        yield running
        running.deployment.judge()


def tried(name: str, tag: str, **more: Any) -> bytes:
    """The command as a dry run, by somebody who may give it."""
    step = command(name)
    send = step.send if isinstance(step, Enter) else step
    data = send.command.model_dump(mode="json", exclude_unset=True, exclude={"actor"}) | OTHERWISE.get(name, {})
    actor = send.command.actor.model_dump(mode="json")
    return messages.command(
        name, f"{tag}-{name}", send.subject, send.partner_id, actor, **{**data, "dry_run": True, **more}
    )


def answers(tale: Tale, tag: str, **more: Any) -> dict[str, dict[str, Any]]:
    """What each command is answered, once all of them are, and that nothing else came of them."""
    heard_before = set(tale.heard)
    for name in NAMES:
        tale.deployment.enqueue(str(COMMANDS[f"partnerships.{name}.v1"].TOPIC), tried(name, tag, **more), partition=0)
    tale.deployment.flush()

    def all_answered() -> bool:
        tale.listen()
        return len(tale.heard) >= len(heard_before) + len(NAMES)

    wait_until(all_answered, what="answers")
    new = [event for key, event in tale.heard.items() if key not in heard_before]
    assert {event["type"] for event in new} == {"partnerships.CommandAnswered.v1"}
    return {event["data"]["command_id"].removeprefix(f"{tag}-"): event["data"] for event in new}


def state_of(tale: Tale) -> list[Any]:
    return [list(tale.deployment.db[name].find().sort("_id")) for name in DOCUMENTS]


def test_each_command_is_answered_as_it_would_be_decided(tale: Tale) -> None:
    before = state_of(tale)

    said = answers(tale, "dry")

    would = {name: answer["code"] if answer["would"] == "refuse" else "ok" for name, answer in said.items()}
    assert would.pop("SubmitVerificationCode") == "NOT_AUTHORIZED", "it would tell which code is right"
    assert would == {name: str(outcome_of(name, "active")) for name in NAMES if name != "SubmitVerificationCode"}
    assert all(answer["events"] for answer in said.values() if answer["would"] == "accept")
    assert state_of(tale) == before
    tale.check()


def test_who_has_not_seen_the_latest_version_is_told_so_whatever_the_command(tale: Tale) -> None:
    said = answers(tale, "stale", expected_version=999)

    assert {name: answer["code"] for name, answer in said.items()} == dict.fromkeys(NAMES, "VERSION_CONFLICT")
    assert all(answer["details"]["current_version"] > 0 for answer in said.values())

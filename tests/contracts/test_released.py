"""What was released stays: later releases read it, and what they say anew the one before can read (decision 0016)."""

import copy
import json
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from tests.released import Json, changes, contract, contract_file, folded, lives_file, noted, releases

ADVICE = """
Has the release before it in what it reads, or is FORMAT (worker/mongo/format_in_use.py) raised? Then put the line into
tests/contracts/released/since.txt with the reason: docs/decisions/0016-readers-first.md."""


@cache
def today() -> Json:
    return json.loads(json.dumps(contract()))  # type: ignore[no-any-return]


@cache
def frozen(release: str) -> Json:
    return json.loads(contract_file(release).read_text(encoding="utf-8"))  # type: ignore[no-any-return]


@cache
def lives(release: str) -> Json:
    return json.loads(lives_file(release).read_text(encoding="utf-8"))  # type: ignore[no-any-return]


def test_a_release_is_frozen() -> None:
    assert releases(), "make freeze"


@pytest.mark.parametrize("release", releases())
def test_nothing_that_was_read_or_promised_is_gone(release: str) -> None:
    assert changes(frozen(release), today()).breaks == []


def test_what_is_new_is_noted() -> None:
    assert changes(frozen(releases()[-1]), today()).new == sorted(noted()), ADVICE


@pytest.mark.parametrize(("release", "story"), [(release, story) for release in releases() for story in lives(release)])
def test_what_happened_then_makes_the_same_documents_now(release: str, story: str) -> None:
    """P4: else `verify` would find every stored document wrong, and a document that is read is not as its fold is.

    A field that is new since then has its default.
    """
    life = lives(release)[story]
    now = folded(life)
    assert now.keys() == life["documents"].keys()
    for name, then in life["documents"].items():
        assert _of(then, now[name]) == {**then, "rev": 0}, name  # the number of writes is no event's


def _of(then: Any, now: Any) -> Any:
    """As much of it as there was then."""
    if isinstance(then, dict) and isinstance(now, dict):
        return {key: _of(value, now.get(key)) for key, value in then.items()}
    if isinstance(then, list) and isinstance(now, list) and len(then) == len(now):
        return [_of(*pair) for pair in zip(then, now, strict=True)]
    return now


# -------------------------------------------------------------------------------------- the comparison sees each change


def model(name: str, change: Callable[[Json], object]) -> Callable[[Json], object]:
    return lambda of: change(of["models"][name])


def without(*path: str) -> Callable[[Json], object]:
    def remove(of: Json) -> None:
        *way, last = path
        for step in way:
            of = of[step]
        del of[last]

    return remove


def given(*path: Any) -> Callable[[Json], object]:
    def put(of: Json) -> None:
        *way, last, value = path
        for step in way:
            of = of[step]
        of[last] = value

    return put


def inside(name: str, find: Callable[[Json], Json]) -> Callable[[Json], object]:
    """Other values in a map that has them by the pattern of its keys."""

    def put(of: Json) -> None:
        found = find(of["properties"][name])
        found.update({key: {"type": "integer"} for key in found})

    return put


CHANGES = {
    "a command": (without("read", "partnerships.HidePartnership.v1"), "HidePartnership.v1 is new"),
    "a field that may be left out": (
        model("HidePartnership", given("required", ["actor", "route"])),
        "HidePartnership.v1.route may be left out now",
    ),
    "a field": (model("HidePartnership", without("properties", "dry_run")), "HidePartnership.v1.dry_run is new"),
    "a state": (
        lambda of: of["models"]["Partnership"]["properties"]["state"]["oneOf"].pop(),
        "partnership.state: Purged is new",
    ),
    "a value": (
        lambda of: of["models"]["Role"]["enum"].remove("viewer"),
        ".actor.role: viewer is new",
    ),
    "a bound": (model("Actor", given("properties", "user_id", "maxLength", 127)), "maxLength 127 became 128"),
    "a topic": (lambda of: of["topics"].remove("partnership.rejections"), "topic partnership.rejections is new"),
    "a rule": (without("policy", "notice_days"), "policy: notice_days is new"),
}
"""What was not there yet, and so is new today. The other way round it is gone."""


@pytest.mark.parametrize("name", CHANGES)
def test_an_addition_is_told_and_its_removal_breaks(name: str) -> None:
    take, told = CHANGES[name]
    before = copy.deepcopy(today())
    take(before)

    added = changes(before, today())
    assert added.breaks == []
    assert any(line.endswith(told) for line in added.new), added
    removed = changes(today(), before)
    assert removed.new == []
    assert removed.breaks


BREAKS = {
    "a field that is needed": (
        model("HidePartnership", given("required", ["actor", "route"])),
        "HidePartnership.v1.route is needed now",
    ),
    "what is meant where a field is left out": (
        model("HidePartnership", given("properties", "route", "default", "assisted_phone")),
        "route: default self_service became assisted_phone",
    ),
    "the values of a map": (
        model("Customer", inside("partners_submissions", lambda field: field["patternProperties"])),
        "array became integer",
    ),
    "the values of another map": (
        model("NoticeSent", given("properties", "params", "additionalProperties", {"type": "integer"})),
        "string became integer",
    ),
    "the frame of all commands": (model("CommandFrame", given("properties", "id", "type", "integer")), "string became"),
    "another type": (model("Actor", given("properties", "user_id", "type", "integer")), "string became integer"),
    "a promise": (
        lambda of: of["promised"]["partnerships.QuotaUpdated.v1"][""].remove("limit"),
        "QuotaUpdated.v1: limit is not promised any more",
    ),
    "a default of the policy": (given("policy", "notice_days", 31), "another default of notice_days"),
    "an index": (
        lambda of: of["indexes"]["journal.log_order"].pop("unique"),
        "index journal.log_order is another one under the same name",
    ),
}


@pytest.mark.parametrize("name", BREAKS)
def test_a_break_is_told(name: str) -> None:
    make, told = BREAKS[name]
    after = copy.deepcopy(today())
    make(after)

    found = changes(today(), after)
    assert found.new == []
    assert [line for line in found.breaks if told in line] == found.breaks, found
    assert found.breaks

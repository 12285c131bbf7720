"""Records that nobody should send, each with how it must end. The list is the test; add what was met in the wild."""

import json
from dataclasses import dataclass
from typing import Any

from tests.support import messages

Headers = list[tuple[str, bytes | None]]
KILOBYTES = 1000
DEAD = "dead_letter"


@dataclass(frozen=True)
class Poison:
    """A record as a producer writes it, and its one outcome: for a dead letter or a refusal with its reason."""

    value: bytes | None
    outcome: str = DEAD
    code: str | None = None
    key: bytes | None = None
    headers: Headers | None = None
    under_own_id: bool = False
    """It is a command, and its journal entry has its id; else it has that of its place."""


def good(name: str, /, **frame: Any) -> bytes:
    """A command that is in order but for what is added to its frame."""
    return json.dumps({**json.loads(messages.register_partner(f"p-{name}", f"id-{name}")), **frame}).encode()


def with_data(name: str, /, **data: Any) -> bytes:
    return messages.register_partner(f"p-{name}", f"id-{name}", **data)


def splice(value: bytes, old: bytes, new: bytes) -> bytes:
    """What json.dumps would not write."""
    assert old in value
    return value.replace(old, new)


def nested(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


def forged(name: str) -> bytes:
    """One of the worker's own commands, as somebody outside would write it."""
    actor = {"kind": "system", "party_id": "partnership-worker", "user_id": "partnership-worker", "role": "admin"}
    return messages.command("CompleteSwitch", f"id-{name}", "any", f"p-{name}", actor, switch_id="s", customer_id="c")


def unreadable(code: str, value: bytes | None, key: bytes | None = None, headers: Headers | None = None) -> Poison:
    return Poison(value, DEAD, code, key, headers)


def decided(value: bytes, headers: Headers | None = None) -> Poison:
    return Poison(value, "accepted", None, None, headers, under_own_id=True)


FORGED_SOURCE = ("~source", b"partnership.facts:0:0:1")
FORGED_SIGNATURE = ("~signature", b"0" * 64)
ODD_HEADERS: Headers = [("none", None), ("bytes", b"\xff" * 8), ("", b""), ("twice", b"1"), ("twice", b"2")]

POISONS: dict[str, Poison] = {
    "no JSON": unreadable("NOT_JSON", b"hello?"),
    "half of a JSON": unreadable("NOT_JSON", good("half")[:-20]),
    "no UTF-8": unreadable("NOT_JSON", b"\xff\xfe\x00\x80", b"\xff"),
    "no object": unreadable("NOT_A_CLOUD_EVENT", b'["partitionkey"]'),
    "a number": unreadable("NOT_A_CLOUD_EVENT", b"7"),
    "null": unreadable("NOT_A_CLOUD_EVENT", b"null"),
    "an empty object": unreadable("NOT_A_CLOUD_EVENT", b"{}"),
    "no such type": unreadable("UNKNOWN_TYPE", good("type", type="partnerships.RegisterPartner.v99")),
    "no id": unreadable("NOT_A_CLOUD_EVENT", splice(good("no-id"), b'"id": "id-no-id", ', b"")),
    "an empty id": unreadable("NOT_A_CLOUD_EVENT", good("empty-id", id="")),
    "an id of 200 characters": unreadable("NOT_A_CLOUD_EVENT", good("long", id="i" * 200)),
    "NUL in the id": unreadable("NOT_A_CLOUD_EVENT", good("nul-id", id="a\0b")),
    "NUL in the partner": unreadable("NOT_A_CLOUD_EVENT", good("nul-partner", partitionkey="a\0b")),
    "operators as ids": unreadable("NOT_A_CLOUD_EVENT", good("op", id={"$gt": ""}, subject={"$ne": None})),
    "operators as partner": unreadable("NOT_A_CLOUD_EVENT", good("op-p", partitionkey={"$gt": ""})),
    "an operator in the data": unreadable("INVALID_DATA", with_data("op-data", quota_limit={"$gt": 0})),
    "no data": unreadable("INVALID_DATA", good("no-data", data=None)),
    "data that is a list": unreadable("INVALID_DATA", good("list", data=[])),
    "no actor": unreadable("INVALID_DATA", good("actor", data={"name": "x"})),
    "an integer of 10^24": unreadable("INVALID_DATA", with_data("big", quota_limit=10**24)),
    "an integer of 2^63": unreadable("INVALID_DATA", with_data("int64", quota_limit=2**63)),
    "1e400": unreadable("NOT_JSON", splice(with_data("inf", quota_limit=77), b"77", b"1e400")),
    "NaN": unreadable("NOT_JSON", splice(with_data("nan", quota_limit=77), b"77", b"NaN")),
    "a lone surrogate": unreadable("NOT_JSON", splice(with_data("sur", name="77"), b'"77"', b'"\\ud800"')),
    "500 levels in the data": unreadable("INVALID_DATA", splice(with_data("500", x=77), b"77", nested(500))),
    "100,000 levels": unreadable("NOT_JSON", nested(100_000)),
    "no value": unreadable("EMPTY", None),
    "no value, but a key": unreadable("EMPTY", None, b"key"),
    "an empty value": unreadable("EMPTY", b"", b"key"),
    "a command of 900 KB": unreadable("TOO_LARGE", with_data("900", padding="x" * 900 * KILOBYTES)),
    "900 KB of garbage": unreadable("TOO_LARGE", bytes(range(256)) * (900 * KILOBYTES // 256)),
    "another version of CloudEvents": unreadable("NOT_A_CLOUD_EVENT", good("version", specversion="0.3")),
    "a time without its offset": unreadable("NOT_A_CLOUD_EVENT", good("naive", time="2026-01-01T00:00:00")),
    "a time before time": unreadable(
        "INVALID_DATA", messages.report_customer("c-0", "id-c0", as_of="0001-01-01T00:00:00+01:00")
    ),
    "a key of 500 KB": unreadable("NOT_JSON", b"?", b"k" * 500 * KILOBYTES),
    "odd headers": unreadable("NOT_JSON", b"?", b"key", ODD_HEADERS),
    "an internal command": unreadable("UNKNOWN_TYPE", forged("forged")),
    "an internal command with forged headers": unreadable(
        "UNKNOWN_TYPE", forged("sealed"), None, [FORGED_SOURCE, FORGED_SIGNATURE]
    ),
    "a reserved id": Poison(good("reserved", id="~1:x"), "refused", "NOT_AUTHORIZED"),
    "odd headers on a command": decided(with_data("odd"), ODD_HEADERS),
    "a forged source": decided(with_data("source"), [FORGED_SOURCE]),
    "a trace of 0xff": decided(with_data("trace"), [("traceparent", b"\xff" * 20)]),
    "200 headers": decided(with_data("many"), [(f"h{number}", b"x") for number in range(200)]),
    "a header of 500 KB": decided(with_data("fat"), [("fat", b"x" * 500 * KILOBYTES)]),
    "the largest integer": decided(with_data("max", quota_limit=2**63 - 1)),
    "a fact of the year 1": decided(messages.report_customer("c-1", "id-c1", as_of="0001-01-01T00:00:00Z")),
    "a fact of the year 9999": decided(messages.report_customer("c-9", "id-c9", as_of="9999-12-31T23:59:59.999Z")),
    "a text of 4 bytes a character": decided(with_data("wide", name="\U0001f600" * 256)),
    "duplicate keys": decided(splice(good("twice"), b'"id":', b'"id": "first", "id":')),
    "dots and dollars in keys": decided(with_data("dots", **{"a.b": 1, "$set": {"x": 1}, "": 2})),
    "10^24 in an unknown field": decided(with_data("unknown", later=10**24)),
    "NUL in a text": decided(with_data("nul-text", name="a\0b")),
    "500 levels beside the data": decided(splice(good("beside", x=77), b"77", nested(500))),
}

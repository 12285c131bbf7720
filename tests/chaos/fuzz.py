"""Records that nobody should send: the list of poisons with new names, and valid commands that were damaged."""

import json
import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tests.support import messages
from tests.support.poison import POISONS, Headers, nested

if TYPE_CHECKING:
    from tests.chaos.commands import Item

SMALL_BYTES = 20_000
"""The large ones of the list are rare: a run is to meet many, not to carry gigabytes."""

HOSTILE: list[Any] = [
    {"$gt": ""},
    {"$ne": None},
    {"$where": "sleep(1000)"},
    ["$gt"],
    "$" * 3,
    "a.b.c",
    "\u202e\u0000\ufeff",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467" * 50,
    "e\u0301" * 64,
    "x" * 129,
    "x" * 5000,
    "",
    " ",
    "~1:taken",
    "../../etc/passwd",
    "'; db.dropDatabase(); '",
    0,
    -1,
    2**31,
    2**53 + 1,
    2**63 - 1,
    2**63,
    -(2**63) - 1,
    10**30,
    1e308,
    -0.0,
    True,
    None,
    [],
    {},
    [[]],
    {"": {"": ""}},
    {"a.b": 1, "$set": {"x": 1}},
    {"__proto__": {"x": 1}},
    "9999-12-31T23:59:59.999Z",
    "0001-01-01T00:00:00+14:00",
    "2026-02-30T00:00:00Z",
]

RAW: list[Callable[[random.Random], bytes]] = [
    lambda dice: dice.randbytes(dice.randrange(1, 300)),
    lambda dice: b"\xef\xbb\xbf{}",
    lambda dice: b"{" * dice.randrange(1, 2000),
    lambda dice: nested(dice.randrange(1, 3000)),
    lambda dice: b'{"partitionkey": "' + dice.randbytes(20).hex().encode() + b'"',
    lambda dice: b'{"id": "\\ud800", "partitionkey": "u-%d"}' % dice.randrange(10**9),
    lambda dice: b"\x00" * dice.randrange(1, 100),
    lambda dice: b"1e%d" % dice.randrange(1, 10_000),
    lambda dice: b'"' + "\u2028".encode() * dice.randrange(1, 50) + b'"',
]


class Fuzzer:
    """Makes poison with subjects and partners of its own, so that it blocks nobody else."""

    def __init__(self, seed: int) -> None:
        self._count = 0
        self._seed = seed
        self._small = [p for p in POISONS.values() if len(p.value or b"") + len(p.key or b"") < SMALL_BYTES]
        self._all = list(POISONS.values())

    def item(self, dice: random.Random) -> "Item":
        """One record."""
        from tests.chaos.commands import Item  # noqa: PLC0415 - each needs the other

        self._count += 1
        topic = dice.choice([messages.FACTS, messages.INVITATION, messages.TERMINATION, "partnership.binding.commands"])
        roll = dice.random()
        name = f"z{self._seed}-{self._count}"
        if roll < 0.25:
            poison = dice.choice(self._all if dice.random() < 0.02 else self._small)
            value, key, headers = poison.value, poison.key, list(poison.headers or [])
        elif roll < 0.45:
            value, key, headers = dice.choice(RAW)(dice), dice.choice([None, b"", b"\xff", b"key"]), []
        else:
            value, key, headers = self._damaged(name, dice), name.encode(), []
        if dice.random() < 0.2:
            headers += self._headers(dice)
        return Item(topic, value, key, "fuzz", _id_of(value), "any", headers, dice.choice([-1, 0, 1]))

    def _damaged(self, name: str, dice: random.Random) -> bytes:
        partner, maker = f"zp-{name}", dice.randrange(5)
        value = [
            lambda: messages.register_partner(partner, f"id-{name}"),
            lambda: messages.invite(f"zs-{name}", partner, f"id-{name}"),
            lambda: messages.accept(f"zs-{name}", partner, f"zc-{name}", f"id-{name}"),
            lambda: messages.report_customer(f"zc-{name}", f"id-{name}"),
            lambda: messages.verify_identity(f"zs-{name}", partner, f"zc-{name}", f"id-{name}"),
        ][maker]()
        if dice.random() < 0.2:
            return _bytes_damaged(value, dice)
        body = json.loads(value)
        for _ in range(dice.randrange(1, 4)):
            _damage(body, dice)
        return json.dumps(body, ensure_ascii=dice.random() < 0.5).encode("utf-8", "surrogatepass")

    def _headers(self, dice: random.Random) -> Headers:
        names = ["~source", "~signature", "traceparent", "content-type", "dead-letter-id", "", "x" * 300, "\u00e9"]
        values = [None, b"", b"\xff" * 20, b"partnership.facts:0:0:1", b"0" * 64, b"x" * 3000, dice.randbytes(40)]
        return [(dice.choice(names), dice.choice(values)) for _ in range(dice.randrange(1, 6))]


def _damage(body: Any, dice: random.Random) -> None:
    """One field, anywhere, becomes something else, goes, or is joined by another one."""
    at = body
    while isinstance(at, dict) and at:
        key = dice.choice(list(at))
        if isinstance(at[key], dict) and at[key] and dice.random() < 0.8:
            at = at[key]
            continue
        match dice.randrange(4):
            case 0:
                del at[key]
            case 1:
                at[dice.choice(["$set", "a.b", "", "x" * 200, "\u0000"])] = dice.choice(HOSTILE)
            case _:
                at[key] = dice.choice(HOSTILE)
        return


def _bytes_damaged(value: bytes, dice: random.Random) -> bytes:
    damaged = bytearray(value)
    for _ in range(dice.randrange(1, 6)):
        place = dice.randrange(len(damaged))
        match dice.randrange(3):
            case 0:
                damaged[place] = dice.randrange(256)
            case 1:
                del damaged[place : place + dice.randrange(1, 20)]
            case _:
                damaged[place:place] = dice.randbytes(3)
        if not damaged:
            break
    return bytes(damaged)


def _id_of(value: bytes | None) -> str:
    """The command's id, where it has one to read."""
    try:
        found = json.loads(value or b"")["id"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
    return found if isinstance(found, str) and "\0" not in found and not _has_surrogates(found) else ""


def _has_surrogates(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)

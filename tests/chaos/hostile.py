"""What bad records are made of: values, names of fields, headers, and bytes."""

import random
from collections.abc import Callable
from typing import Any

from tests.support.poison import nested

Bytes = Callable[[random.Random], bytes]

OPERATORS: list[Any] = [
    {"$gt": ""},
    {"$ne": None},
    {"$in": []},
    {"$regex": ".*"},
    {"$where": "sleep(1000)"},
    {"$expr": {"$function": {"body": "function() {while (true) {}}", "args": [], "lang": "js"}}},
    {"$or": [{}, {"a": 1}]},
    {"$set": {"state.status": "active"}},
    ["$gt", ""],
    "$$ROOT",
    "$where",
]

HOSTILE: list[Any] = [
    *OPERATORS,
    "$" * 3,
    "a.b.c",
    "\u202e\u0000\ufeff",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467" * 50,
    "e\u0301" * 64,
    "Z" + "\u0335" * 100,
    "\uffff\ufffe",
    "\ud800",
    "I\u0307\u0131\u1e9e\u01c5",
    "x" * 129,
    "x" * 5000,
    "x" * 70_000,
    "",
    " ",
    "~1:taken",
    "../../etc/passwd",
    "'; db.dropDatabase(); '",
    "{{7*7}}${jndi:ldap://x}%n",
    "\r\nX-Header: 1",
    0,
    -1,
    2**31,
    2**53 + 1,
    2**63 - 1,
    2**63,
    -(2**63) - 1,
    10**30,
    10**4000,
    1e308,
    5e-324,
    -0.0,
    True,
    None,
    [],
    {},
    [[]],
    [None] * 5000,
    {str(number): number for number in range(2000)},
    {"": {"": ""}},
    {"a.b": 1, "$set": {"x": 1}},
    {"__proto__": {"x": 1}, "__class__": "x"},
    "9999-12-31T23:59:59.999Z",
    "9999-12-31T23:59:59.999-14:00",
    "0001-01-01T00:00:00+14:00",
    "2026-02-30T00:00:00Z",
    "2016-12-31T23:59:60Z",
    "1e9",
]

KEYS = ["$set", "$where", "a.b", ".", "$", "", " ", "x" * 200, "\u0000", "_id", "id", "data", "__proto__", "\u202eid"]
"""Names of fields."""

SPLICES: list[Bytes] = [
    lambda dice: nested(dice.choice([10, 90, 120, 254, 256, 500, 1000, 1024, 20_000])),
    lambda dice: b'{"a":' * 300 + b"1" + b"}" * 300,
    lambda dice: b"9" * dice.choice([19, 20, 400, 5000]),
    lambda dice: b"1e%d" % dice.choice([18, 19, 308, 309, 10**9]),
    lambda dice: b"-0",
    lambda dice: b"0." + b"1" * 2000,
    lambda dice: b"NaN",
    lambda dice: b"-Infinity",
    lambda dice: b"'single'",
    lambda dice: b'"\\ud800"',
    lambda dice: b'"\\u0000"',
    lambda dice: b'"\xff"',
    lambda dice: b'"\xc0\x80"',
    lambda dice: b'1, "id": "twice-%d", "type": "twice"' % dice.randrange(10**9),
    lambda dice: b"1} garbage {",
    lambda dice: b"/* */ 1",
]
"""Instead of a value, in a text that is JSON up to here."""

RAW: list[Bytes] = [
    lambda dice: dice.randbytes(dice.randrange(1, 300)),
    lambda dice: b"\xef\xbb\xbf{}",
    lambda dice: b"{" * dice.randrange(1, 2000),
    lambda dice: nested(dice.randrange(1, 3000)),
    lambda dice: b'{"partitionkey": "' + dice.randbytes(20).hex().encode() + b'"',
    lambda dice: b'{"id": "\\ud800", "partitionkey": "u-%d"}' % dice.randrange(10**9),
    lambda dice: b"\x00" * dice.randrange(1, 100),
    lambda dice: b"1e%d" % dice.randrange(1, 10_000),
    lambda dice: b'"' + "\u2028".encode() * dice.randrange(1, 50) + b'"',
    lambda dice: '{"specversion": "1.0"}'.encode(dice.choice(["utf-16", "utf-32", "utf-7", "cp037"])),
    lambda dice: b"\x1f\x8b\x08" + dice.randbytes(40),
    lambda dice: b"\x00\x00\x00\x00\x01" + dice.randbytes(40),
    lambda dice: b'{"partitionkey": {"$gt": ""}, "subject": ["%d"]}' % dice.randrange(10**9),
]

HEADER_NAMES = ["~source", "~signature", "~edited-from", "traceparent", "content-type", "dead-letter-id", "", "x" * 300]
HEADER_NAMES += ["dead-letter-reason", "imported-from", "\u00e9", "\u202e", "$gt", "a.b"]
HEADER_VALUES: list[bytes | None] = [None, b"", b"\xff" * 20, b"partnership.facts:0:0:1", b"0" * 64, b"x" * 3000, b"\0"]
HEADER_VALUES += ["\u202e\U0001f600".encode(), b"00-" + b"0" * 32 + b"-" + b"0" * 16 + b"-01", b"x" * 20_000]

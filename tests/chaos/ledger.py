"""What was sent, and what was seen of it: SQLite files, so that a million commands need little memory."""

import hashlib
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

Headers = Iterable[tuple[str, bytes | None]]

SENT = """
CREATE TABLE IF NOT EXISTS sent (
    topic TEXT, partition INTEGER, offset INTEGER,
    kind TEXT, cid TEXT, body INTEGER, expect TEXT, bytes INTEGER,
    PRIMARY KEY (topic, partition, offset)
) WITHOUT ROWID
"""
MOVED = """
CREATE TABLE IF NOT EXISTS moved (
    topic TEXT, partition INTEGER, offset INTEGER, lane INTEGER, lane_offset INTEGER, bytes INTEGER
)
"""
LETTERS = "CREATE TABLE IF NOT EXISTS letters (id TEXT, bytes INTEGER)"
ENTRIES = """
CREATE TABLE IF NOT EXISTS entries (
    id TEXT PRIMARY KEY, topic TEXT, partition INTEGER, offset INTEGER,
    lane INTEGER, lane_offset INTEGER, outcome TEXT, code TEXT,
    step INTEGER, letter TEXT, subject TEXT
) WITHOUT ROWID
"""


class Sent(NamedTuple):
    """One record as it lies on a public topic, and how it must end."""

    topic: str
    partition: int
    offset: int
    kind: str
    cid: str
    body: int
    expect: str
    bytes: int


class Table:
    """Rows that are only added, in one thread, many at a time."""

    ROWS = 2000

    def __init__(self, file: Path, *schemas: str) -> None:
        self.connection = sqlite3.connect(file, check_same_thread=False)
        self.connection.execute("PRAGMA journal_mode=WAL")
        self.connection.execute("PRAGMA synchronous=OFF")
        for schema in schemas:
            self.connection.execute(schema)
        self._rows: dict[str, list[tuple[Any, ...]]] = {}

    def add(self, table: str, row: tuple[Any, ...]) -> None:
        rows = self._rows.setdefault(table, [])
        rows.append(row)
        if len(rows) >= self.ROWS:
            self.flush()

    def flush(self) -> None:
        for table, rows in self._rows.items():
            if rows:
                places = ",".join("?" * len(rows[0]))
                self.connection.executemany(f"INSERT INTO {table} VALUES ({places})", rows)  # noqa: S608 - names of ours
                rows.clear()
        self.connection.commit()


def number(*parts: bytes | None) -> int:
    """64 bits that stand for these bytes; None and empty differ."""
    digest = hashlib.blake2b(digest_size=8)
    for part in parts:
        digest.update(b"-" if part is None else b"%d:%b" % (len(part), part))
    return int.from_bytes(digest.digest(), "big", signed=True)


def bytes_of(key: bytes | None, value: bytes | None, headers: Headers) -> int:
    """What a record carries."""
    return number(key, value, *(part for name, content in headers for part in (name.encode(), content)))

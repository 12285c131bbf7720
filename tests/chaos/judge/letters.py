"""Dead letters: an entry, a document and a record for each, with the bytes that were sent."""

from collections import Counter
from sqlite3 import Connection
from typing import Any

from pymongo.database import Database

from tests.chaos.judge import Findings
from tests.chaos.ledger import Table, bytes_of, number


def check(db: Database[dict[str, Any]], table: Table, findings: Findings) -> dict[str, int]:
    """Returns how many there are, by their states."""
    connection: Connection = table.connection
    connection.execute(
        "CREATE TABLE buried (id TEXT, topic TEXT, partition INTEGER, offset INTEGER, whole INTEGER, record INTEGER)"
    )
    states = Counter[str]()
    for letter in db.dead_letters.find({}):
        states[letter["state"]] += 1
        source = letter["source"]
        whole = bytes_of(letter["key"], letter["value"], letter["headers"])
        row = (letter["_id"], source["topic"], source["partition"], source["offset"], whole)
        table.add("buried", (*row, number(letter["key"], letter["value"])))
    table.flush()
    for text, query in (
        (
            "an entry without its document",
            """SELECT e.id FROM entries e LEFT JOIN buried b ON b.id = COALESCE(e.letter, e.id)
            WHERE e.outcome = 'dead_letter' AND b.id IS NULL""",
        ),
        (
            "a document without its entry",
            "SELECT b.id FROM buried b LEFT JOIN entries e USING (id) WHERE e.id IS NULL",
        ),
        (
            "not the bytes that were sent",
            "SELECT b.id FROM buried b JOIN sent s USING (topic, partition, offset) WHERE b.whole <> s.bytes",
        ),
        (
            "a document without its record",
            "SELECT b.id FROM buried b LEFT JOIN letters l USING (id) WHERE l.id IS NULL",
        ),
        (
            "another record than the document",
            "SELECT b.id FROM buried b JOIN letters l USING (id) WHERE b.record <> l.bytes",
        ),
        (
            "not a record for each time that it became one",  # what was parked is said again once it fails
            """SELECT l.id FROM (SELECT id, COUNT(*) AS times FROM letters GROUP BY id) l JOIN (
                SELECT COALESCE(letter, id) AS id, COUNT(*) AS times FROM entries
                WHERE outcome = 'dead_letter' GROUP BY 1
            ) e USING (id) WHERE l.times <> e.times""",
        ),
        ("a record without a document", "SELECT l.id FROM letters l LEFT JOIN buried b USING (id) WHERE b.id IS NULL"),
    ):
        findings.add("letters", *(f"{text}: {row[0]}" for row in connection.execute(query).fetchmany(100)))
    return dict(states)

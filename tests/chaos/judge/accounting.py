"""P1, P2 and the order: each record that was sent, found again in the lane log and in the journal."""

from sqlite3 import Connection

from tests.chaos.judge import Findings

SHOWN_MAX = 100

PREPARE = """
CREATE INDEX moved_place ON moved (topic, partition, offset);
CREATE INDEX entries_place ON entries (topic, partition, offset);
CREATE TABLE firsts AS
    SELECT s.topic, s.partition, s.offset, s.kind, s.cid, s.body, s.expect, s.bytes AS sent_bytes,
        s.topic || ':' || s.partition || ':' || s.offset || ' ' || s.kind || ' ' || s.cid AS name,
        m.lane, MIN(m.lane_offset) AS lane_offset, MAX(m.lane) - MIN(m.lane) AS lanes_differ,
        MAX(m.bytes) AS moved_bytes, MIN(m.bytes) = MAX(m.bytes) AS same_bytes
    FROM sent s LEFT JOIN moved m USING (topic, partition, offset)
    GROUP BY s.topic, s.partition, s.offset;
CREATE INDEX firsts_place ON firsts (topic, partition, offset);
CREATE TABLE winners AS
    SELECT cid, topic, partition, offset, body, expect, lane, lane_offset FROM (
        SELECT *, ROW_NUMBER() OVER (PARTITION BY cid ORDER BY lane_offset) AS place
        FROM firsts WHERE kind = 'command' AND lane_offset IS NOT NULL
    ) WHERE place = 1;
CREATE INDEX winners_cid ON winners (cid);
"""
"""`firsts`: a row for each record that was sent, with its first place in the lane log. `winners`: of the records with
one command id the one that comes first there, and so decides."""

QUERIES = (
    ("accounted", "lost before the lane log", "SELECT name FROM firsts WHERE lane_offset IS NULL"),
    (
        "accounted",
        "changed on its way to the lane log",
        "SELECT name FROM firsts WHERE moved_bytes <> sent_bytes OR NOT same_bytes",
    ),
    (
        "accounted",
        "in the lane log, but never sent",
        """SELECT m.topic || ':' || m.partition || ':' || m.offset FROM moved m
        LEFT JOIN sent s USING (topic, partition, offset) WHERE s.topic IS NULL""",
    ),
    (
        "accounted",
        "a command without an outcome",
        """SELECT w.cid FROM winners w LEFT JOIN entries e ON e.id = w.cid LEFT JOIN entries own
        ON (own.topic, own.partition, own.offset) = (w.topic, w.partition, w.offset)
        WHERE e.id IS NULL AND own.id IS NULL""",
    ),
    (
        "accounted",
        "another outcome than the one to be expected",
        """SELECT w.cid || ': ' || e.outcome || ' ' || COALESCE(e.code, '') || ', not ' || w.expect
        FROM winners w JOIN entries e ON e.id = w.cid
        WHERE w.expect NOT IN ('any', e.outcome) AND COALESCE(e.code, '') <> 'PARKED_BEHIND'""",
    ),
    (
        "accounted",
        "a reused id that was not refused",
        """SELECT f.name FROM firsts f JOIN winners w USING (cid) LEFT JOIN entries e
        ON (e.topic, e.partition, e.offset) = (f.topic, f.partition, f.offset)
        WHERE f.kind = 'command' AND f.body <> w.body AND COALESCE(e.code, '') <> 'COMMAND_ID_REUSED'""",
    ),
    (
        "accounted",
        "a dry run that was not answered",
        """SELECT f.name FROM firsts f LEFT JOIN entries e
        ON (e.topic, e.partition, e.offset) = (f.topic, f.partition, f.offset)
        WHERE f.kind = 'dry' AND COALESCE(e.outcome, '') <> 'answered'""",
    ),
    (
        "accounted",
        "a bad record without an outcome",
        """SELECT f.name FROM firsts f LEFT JOIN entries e
        ON (e.topic, e.partition, e.offset) = (f.topic, f.partition, f.offset)
        LEFT JOIN entries own ON own.id = f.cid AND f.cid <> ''
        LEFT JOIN firsts w ON (w.topic, w.partition, w.offset) = (own.topic, own.partition, own.offset)
        WHERE f.kind = 'fuzz' AND e.id IS NULL AND COALESCE(w.body, f.body + 1) <> f.body""",
    ),
    (
        "accounted",
        "a command that could be read, and failed",
        "SELECT id || ' ' || code FROM entries WHERE code IN ('HANDLER_FAILED', 'NOT_STORABLE')",
    ),
    (
        "accounted",
        "an outcome of nothing that was sent",
        """SELECT e.id FROM entries e LEFT JOIN sent s USING (topic, partition, offset)
        WHERE s.topic IS NULL AND e.topic NOT LIKE '%partnership.lanes'""",
    ),
    (
        "once",
        "a repeat that was decided again",
        """SELECT f.name FROM firsts f JOIN winners w USING (cid) JOIN entries e
        ON (e.topic, e.partition, e.offset) = (f.topic, f.partition, f.offset) JOIN entries first
        ON (first.topic, first.partition, first.offset) = (w.topic, w.partition, w.offset)
        WHERE f.kind = 'command' AND f.body = w.body AND first.outcome <> 'dead_letter'
        AND COALESCE(e.code, '') NOT IN ('PARKED_BEHIND', 'UNKNOWN_TYPE')
        AND (f.topic, f.partition, f.offset) <> (w.topic, w.partition, w.offset)""",
    ),
    (
        "once",
        # A second copy that the release before this one cannot read becomes a letter of its own: it cannot know better.
        "one record with two entries, or decided twice",
        """SELECT e.topic || ':' || e.partition || ':' || e.offset || ' ' || MIN(e.id) || ' ' || MAX(e.id)
        FROM entries e JOIN sent s USING (topic, partition, offset)
        GROUP BY e.topic, e.partition, e.offset
        HAVING SUM(e.outcome <> 'dead_letter') > 1 OR SUM(e.step IS NULL) > 1
        AND MAX(IIF(e.step IS NULL, e.lane_offset, -1)) > MAX(IIF(e.code = 'UNKNOWN_TYPE', e.lane_offset, -1))""",
    ),
    ("order", "copies in two lanes", "SELECT name FROM firsts WHERE lanes_differ <> 0"),
    (
        "order",
        "decided by another record than the first of the lane log that could be read",
        """SELECT w.cid || ' at ' || e.offset FROM winners w JOIN entries e ON e.id = w.cid
        LEFT JOIN entries own ON (own.topic, own.partition, own.offset) = (w.topic, w.partition, w.offset)
        WHERE (e.topic, e.partition, e.offset) <> (w.topic, w.partition, w.offset) AND own.id IS NULL""",
    ),
    (
        "order",
        "what waited behind a letter, not in the order of the lane log",
        """SELECT id FROM (
            SELECT e.id, f.lane_offset, LAG(f.lane_offset) OVER (
                PARTITION BY e.lane, e.subject ORDER BY e.lane_offset, COALESCE(e.step, 0)
            ) AS before
            FROM entries e JOIN firsts f USING (topic, partition, offset)
            WHERE f.kind = 'command' AND e.outcome IN ('accepted', 'refused')
            AND COALESCE(e.code, '') <> 'COMMAND_ID_REUSED'
        ) WHERE lane_offset < before""",
    ),
    (
        "order",
        "overtaken on its way to the lane log",
        """SELECT name FROM (
            SELECT name, lane_offset,
                LAG(lane_offset) OVER (PARTITION BY topic, partition, lane ORDER BY offset) AS before
            FROM firsts
        ) WHERE lane_offset < before""",
    ),
)
"""Check, what is wrong, and the rows that say where."""


def check(connection: Connection, findings: Findings) -> None:
    """All of it, in SQL."""
    connection.executescript(PREPARE)
    for name, text, query in QUERIES:
        rows = connection.execute(query).fetchmany(SHOWN_MAX)
        findings.add(name, *(f"{text}: {row[0]}" for row in rows))

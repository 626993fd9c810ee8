"""The outbox file as SQL: tables of version 2, and how a file of version 1 becomes one.

One row of `alerts` is one revision of one event. Its states, in order:

    committed       the row is there
    sent            lane and seq are given: it was handed to a connection, or is about to be
    acknowledged    acked = 1: the broker has it
    received        done = 1: everybody whose word counts has it

Pages of 1 kB, because a commit writes every page that it touches whole: half the bytes of the usual 4 kB
pages (16 instead of 32 kB an alert, measured).
"""

from __future__ import annotations

APPLICATION_ID = 0x41474F42  # "AGOB": tells our file from anybody else's database
SCHEMA_VERSION = 2
PAGE_BYTES = 1024

_SIDE_TABLES = """
CREATE TABLE IF NOT EXISTS open_events (
    event_id TEXT PRIMARY KEY,
    alert_id INTEGER NOT NULL REFERENCES alerts (id)
) STRICT, WITHOUT ROWID;
CREATE TABLE receipts (
    alert_id INTEGER NOT NULL,
    receiver TEXT NOT NULL,
    PRIMARY KEY (alert_id, receiver)
) STRICT, WITHOUT ROWID;
CREATE TABLE counters (
    name TEXT PRIMARY KEY,
    number INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO counters VALUES ('live', 0), ('historical', 0);
CREATE TABLE identity (numbering TEXT NOT NULL) STRICT;
CREATE TABLE boots (
    boot_id TEXT PRIMARY KEY,
    offset_s REAL NOT NULL,
    state TEXT NOT NULL,
    error_ms REAL,
    since_s REAL
) STRICT, WITHOUT ROWID;
CREATE TABLE service_hours (
    hour INTEGER PRIMARY KEY AUTOINCREMENT,
    last_id INTEGER NOT NULL
) STRICT;
"""

CREATE = f"""
CREATE TABLE alerts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id TEXT NOT NULL,
    revision INTEGER NOT NULL,
    topic TEXT NOT NULL,
    phase TEXT NOT NULL CHECK (phase IN ('start', 'update', 'end')),
    alert_json BLOB NOT NULL,
    sent_utc TEXT,
    boot_id TEXT NOT NULL DEFAULT '',
    monotonic_s REAL NOT NULL DEFAULT 0,
    utc_offset_s REAL NOT NULL DEFAULT 0,
    lane TEXT CHECK (lane IN ('live', 'historical')),
    seq INTEGER,
    acked INTEGER NOT NULL DEFAULT 0,
    done INTEGER NOT NULL DEFAULT 0,
    UNIQUE (event_id, revision)
) STRICT;
CREATE INDEX alerts_undelivered ON alerts (id) WHERE done = 0;
{_SIDE_TABLES}
"""

# sent_utc meant "the broker has it", which was all that a file of version 1 knew of delivery.
FROM_VERSION_1 = f"""
ALTER TABLE alerts ADD COLUMN boot_id TEXT NOT NULL DEFAULT '';
ALTER TABLE alerts ADD COLUMN monotonic_s REAL NOT NULL DEFAULT 0;
ALTER TABLE alerts ADD COLUMN utc_offset_s REAL NOT NULL DEFAULT 0;
ALTER TABLE alerts ADD COLUMN lane TEXT CHECK (lane IN ('live', 'historical'));
ALTER TABLE alerts ADD COLUMN seq INTEGER;
ALTER TABLE alerts ADD COLUMN acked INTEGER NOT NULL DEFAULT 0;
ALTER TABLE alerts ADD COLUMN done INTEGER NOT NULL DEFAULT 0;
UPDATE alerts SET acked = 1, done = 1 WHERE sent_utc IS NOT NULL;
DROP INDEX alerts_unsent;
CREATE INDEX alerts_undelivered ON alerts (id) WHERE done = 0;
{_SIDE_TABLES}
"""

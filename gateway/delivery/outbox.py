"""Alerts on disk: an alert exists once its row is committed here, and leaves when the broker has it.

The only file of the alert path that knows sqlite3. One row is one revision of one event. WAL with
synchronous FULL: when commit() returns, the row survives a crash and, as far as the disk keeps its word, a
power cut. A row's id is its sequence number: it counts up by one with every commit and is never used again.

One Outbox is one connection and belongs to the thread that opened it; pipeline and publisher have one each.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from gateway.delivery.outbox_fault import OutboxError, OutboxFault, outbox_error
from gateway.delivery.set_aside import SetAside, move_aside

APPLICATION_ID = 0x41474F42  # "AGOB": tells our file from anybody else's database
SCHEMA_VERSION = 1
LONGEST_WAIT_FOR_LOCK_S = 5.0

_SCHEMA = f"""
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS alerts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id TEXT NOT NULL,
    revision INTEGER NOT NULL,
    topic TEXT NOT NULL,
    phase TEXT NOT NULL CHECK (phase IN ('start', 'update', 'end')),
    alert_json BLOB NOT NULL,
    sent_utc TEXT,
    UNIQUE (event_id, revision)
) STRICT;
CREATE INDEX IF NOT EXISTS alerts_unsent ON alerts (id) WHERE sent_utc IS NULL;
CREATE TABLE IF NOT EXISTS open_events (
    event_id TEXT PRIMARY KEY,
    alert_id INTEGER NOT NULL REFERENCES alerts (id)
) STRICT, WITHOUT ROWID;
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {SCHEMA_VERSION};
COMMIT;
"""

_HEADER = b"SQLite format 3\0"
_COLUMNS = "id, event_id, revision, topic, phase, alert_json"


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """One committed revision. row_id is its sequence number."""

    row_id: int
    event_id: str
    revision: int
    topic: str
    phase: str
    alert_json: bytes


class Outbox:
    """One connection to the outbox file. `set_aside` says what open() had to move away, else None."""

    def __init__(self, connection: sqlite3.Connection, path: Path, set_aside: SetAside | None) -> None:
        self._connection = connection
        self.path = path
        self.set_aside = set_aside

    @classmethod
    def open(cls, path: Path, *, check: bool = True, durable: bool = True) -> Outbox:
        """Open or create. Raises OutboxError.

        check: read the whole file first, as once per start; a damaged one is set aside, never deleted.
        durable=False leaves out the sync of each commit: enough for marking what was sent, as losing such a
        mark only sends an alert twice.
        """
        set_aside: SetAside | None = None
        damage = _damage(path) if check else None
        if damage is not None:
            set_aside = move_aside(path, damage)
        return cls(_open(path, durable=durable), path, set_aside)

    def commit(self, alert_json: bytes, event_id: str, revision: int, topic: str, phase: str) -> int | None:
        """Store one revision durably. Raises OutboxError.

        The revision's sequence number, or None when the same revision of this event was already there.
        """
        with self._transaction() as cursor:
            known = cursor.execute(
                "SELECT 1 FROM alerts WHERE event_id = ? AND revision = ?", (event_id, revision)
            ).fetchone()
            if known:  # asked first: an ignored INSERT might still use up a sequence number
                return None
            cursor.execute(
                "INSERT INTO alerts (event_id, revision, topic, phase, alert_json) VALUES (?, ?, ?, ?, ?)",
                (event_id, revision, topic, phase, alert_json),
            )
            row_id = cursor.lastrowid
            assert row_id is not None
            _follow_event(cursor, row_id, event_id, phase)
        return row_id

    def unsent(self, limit: int, after_id: int = 0) -> list[OutboxRow]:
        """At most `limit` rows the broker has not taken yet, in order of commit, with ids above after_id."""
        return self._rows(
            f"SELECT {_COLUMNS} FROM alerts WHERE sent_utc IS NULL AND id > ? ORDER BY id LIMIT ?",
            after_id,
            limit,
        )

    def unsent_count(self) -> int:
        with _named(self.path):
            (count,) = self._connection.execute(
                "SELECT count(*) FROM alerts WHERE sent_utc IS NULL"
            ).fetchone()
        return int(count)

    def mark_sent(self, row_ids: Sequence[int], utc: datetime) -> None:
        """The broker has taken these rows. Raises OutboxError."""
        stamp = _stamp(utc)
        with self._transaction() as cursor:
            cursor.executemany(
                "UPDATE alerts SET sent_utc = ? WHERE id = ?", [(stamp, row) for row in row_ids]
            )

    def open_events(self) -> list[OutboxRow]:
        """The latest revision of each event that has not ended: after a restart, orphans to be ended."""
        return self._rows(
            f"SELECT {_COLUMNS} FROM alerts WHERE id IN (SELECT alert_id FROM open_events) ORDER BY id"
        )

    def prune(self, sent_before: datetime, limit: int = 500) -> int:
        """Delete at most `limit` of the oldest rows sent before; how many. An open event keeps its row."""
        with self._transaction() as cursor:
            cursor.execute(
                "DELETE FROM alerts WHERE id IN (SELECT id FROM alerts WHERE sent_utc < ?"
                " AND id NOT IN (SELECT alert_id FROM open_events) ORDER BY id LIMIT ?)",
                (_stamp(sent_before), limit),
            )
            return cursor.rowcount

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> Outbox:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _rows(self, query: str, *values: int) -> list[OutboxRow]:
        with _named(self.path):
            return [OutboxRow(*row) for row in self._connection.execute(query, values)]

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Cursor]:
        with _named(self.path):
            cursor = self._connection.cursor()
            # IMMEDIATE: the lock is waited for here, never in the middle, where waiting could not help.
            cursor.execute("BEGIN IMMEDIATE")
            try:
                yield cursor
                cursor.execute("COMMIT")
            finally:
                if self._connection.in_transaction:
                    self._connection.rollback()
                cursor.close()


def _follow_event(cursor: sqlite3.Cursor, row_id: int, event_id: str, phase: str) -> None:
    """Keep open_events true inside the same transaction. An end is final: nothing opens that event again."""
    if phase == "end":
        cursor.execute("DELETE FROM open_events WHERE event_id = ?", (event_id,))
        return
    ended = cursor.execute(
        "SELECT 1 FROM alerts WHERE event_id = ? AND phase = 'end'", (event_id,)
    ).fetchone()
    if not ended:
        cursor.execute(
            "INSERT INTO open_events VALUES (?, ?)"
            " ON CONFLICT (event_id) DO UPDATE SET alert_id = excluded.alert_id",
            (event_id, row_id),
        )


def _damage(path: Path) -> str | None:
    """What is wrong with the file at `path`, None when it is whole or not there. Changes nothing on disk.

    Read-only, because a plain connection to a damaged file may clear away the WAL that belongs to it.
    """
    with _named(path):
        try:
            with path.open("rb") as file:
                header = file.read(len(_HEADER))
            wal = path.with_name(path.name + "-wal")
            if not header and not (wal.exists() and wal.stat().st_size):
                return None
        except FileNotFoundError:
            return None
        except OSError as problem:
            raise OutboxError(OutboxFault.UNAVAILABLE, path, detail=str(problem)) from problem
        if header != _HEADER:
            return "it does not start like a database" if header else "it is empty, its WAL is not"
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=LONGEST_WAIT_FOR_LOCK_S
        )
        try:
            (verdict,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
        except sqlite3.DatabaseError as problem:
            if outbox_error(_name(problem), "", path).fault is not OutboxFault.DAMAGED:
                raise
            return str(problem)
        finally:
            connection.close()
    return None if verdict == "ok" else " ".join(str(verdict).split())


def _open(path: Path, *, durable: bool) -> sqlite3.Connection:
    with _named(path):
        connection = sqlite3.connect(path, timeout=LONGEST_WAIT_FOR_LOCK_S, isolation_level=None)
        try:
            _prepare(connection, path, durable=durable)
        except BaseException:
            connection.close()
            raise
    return connection


def _prepare(connection: sqlite3.Connection, path: Path, *, durable: bool) -> None:
    application_id, version, tables = (
        connection.execute(query).fetchone()[0]
        for query in ("PRAGMA application_id", "PRAGMA user_version", "SELECT count(*) FROM sqlite_schema")
    )
    if tables and application_id != APPLICATION_ID:
        raise OutboxError(OutboxFault.FOREIGN, path)
    if version > SCHEMA_VERSION:
        detail = f"version {version}, this program knows {SCHEMA_VERSION}"
        raise OutboxError(OutboxFault.NEWER, path, detail=detail)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
    if not tables:
        connection.executescript(_SCHEMA)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """sqlite3's errors become OutboxErrors that name the file and the way out."""
    try:
        yield
    except sqlite3.Error as problem:
        if isinstance(problem, sqlite3.ProgrammingError | sqlite3.IntegrityError):
            raise  # misuse by our own code, nothing a technician could mend
        raise outbox_error(_name(problem), str(problem), path) from problem


def _name(problem: sqlite3.Error) -> str:
    """SQLite's own name of the error; errors of the Python module itself have none."""
    return str(getattr(problem, "sqlite_errorname", ""))


def _stamp(utc: datetime) -> str:
    """Fixed width, so that text order is time order."""
    return utc.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

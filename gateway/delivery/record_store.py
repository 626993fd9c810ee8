"""What waits beside alerts for a path: comings and goings, hourly coverage, levels. A store of its own.

Bounded by bytes and by age in hours of service, never by the wall clock. What is shed for want of room is the
oldest of the least important: levels, then coverage, then comings and goings; alerts are in another file and
are never shed. Without a sync of each commit: a power cut may cost the last seconds, a crash costs nothing.

Nothing in it is worth a stop: a damaged file is made anew, and a file that cannot be opened is tried again
with each use.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from gateway.delivery.outbox_fault import OutboxError, OutboxFault
from gateway.delivery.outbox_file import named_errors
from gateway.delivery.state_board import Rank

APPLICATION_ID = 0x41475243  # "AGRC"
LONGEST_WAIT_FOR_LOCK_S = 0.2  # alerts wait as long

_CREATE = """
CREATE TABLE IF NOT EXISTS records (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    rank INTEGER NOT NULL,
    hour INTEGER NOT NULL,
    topic TEXT NOT NULL,
    payload BLOB NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS records_by_rank ON records (rank, id);
CREATE TABLE IF NOT EXISTS service (hours INTEGER NOT NULL) STRICT;
INSERT INTO service SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM service);
"""


@dataclass(frozen=True, slots=True)
class Record:
    """One message that waits, sent with QoS 1 and not retained, kept until the broker has it."""

    topic: str
    payload: bytes
    rank: Rank


@dataclass(frozen=True, slots=True)
class StoredRecord:
    record_id: int
    record: Record


class RecordStore:
    """One connection, one thread. shed: records that went for want of room or by age."""

    def __init__(self, path: Path, most_bytes: int) -> None:
        self._path = path
        self._most_bytes = most_bytes
        self._connection: sqlite3.Connection | None = None
        self._bytes = 0
        self.shed = 0

    @classmethod
    def open(cls, path: Path, most_bytes: int) -> RecordStore:
        """Open or create. Raises nothing: what is wrong with the file, each use of it says."""
        store = cls(path, most_bytes)
        with suppress(OutboxError), store._transaction():
            pass
        return store

    def put(self, records: Sequence[Record]) -> None:
        """Store them, shedding what there is no room for. Raises OutboxError; then none is stored."""
        with self._transaction() as cursor:
            (hour,) = cursor.execute("SELECT hours FROM service").fetchone()
            cursor.executemany(
                "INSERT INTO records (rank, hour, topic, payload) VALUES (?, ?, ?, ?)",
                [(int(one.rank), hour, one.topic, one.payload) for one in records],
            )
            size, shed = self._bytes + sum(len(one.payload) for one in records), 0
            while size > self._most_bytes and (gone := _shed_one(cursor)) is not None:
                size -= gone
                shed += 1
        self._bytes, self.shed = size, self.shed + shed

    def next(self) -> StoredRecord | None:
        """The oldest of the most important. Raises OutboxError."""
        with self._transaction(writing=False) as cursor:
            row = cursor.execute(
                "SELECT id, topic, payload, rank FROM records ORDER BY rank, id LIMIT 1"
            ).fetchone()
        return None if row is None else StoredRecord(row[0], Record(row[1], row[2], Rank(row[3])))

    def delete(self, record_id: int) -> None:
        """The broker has it. Raises OutboxError."""
        with self._transaction() as cursor:
            gone = cursor.execute(
                "DELETE FROM records WHERE id = ? RETURNING length(payload)", (record_id,)
            ).fetchall()
        self._bytes -= sum(size for (size,) in gone)

    def count_hour(self, keep_hours: int) -> None:
        """One more hour of service; what is older than keep_hours goes. Raises OutboxError."""
        with self._transaction() as cursor:
            cursor.execute("UPDATE service SET hours = hours + 1")
            gone = cursor.execute(
                "DELETE FROM records WHERE hour < (SELECT hours FROM service) - ? RETURNING length(payload)",
                (keep_hours,),
            ).fetchall()
        self._bytes -= sum(size for (size,) in gone)
        self.shed += len(gone)

    @property
    def waiting_bytes(self) -> int:
        return self._bytes

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @contextmanager
    def _transaction(self, *, writing: bool = True) -> Iterator[sqlite3.Cursor]:
        """All or nothing. Raises OutboxError; a file that turns out to be damaged is made anew next time."""
        try:
            with named_errors(self._path):
                connection = self._connected()
                cursor = connection.cursor()
                cursor.execute("BEGIN IMMEDIATE" if writing else "BEGIN")
                try:
                    yield cursor
                    cursor.execute("COMMIT")
                finally:
                    if connection.in_transaction:
                        connection.rollback()
                    cursor.close()
        except OutboxError as problem:
            if problem.fault is OutboxFault.DAMAGED:
                self._discard()
            raise

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            try:
                self._connection = _opened(self._path)
            except OutboxError as problem:
                if problem.fault is not OutboxFault.DAMAGED:
                    raise
                self._discard()
                self._connection = _opened(self._path)
            (self._bytes,) = self._connection.execute(
                "SELECT ifnull(sum(length(payload)), 0) FROM records"
            ).fetchone()
        return self._connection

    def _discard(self) -> None:
        self.close()
        try:
            for tail in ("-wal", "-shm", ""):
                self._path.with_name(self._path.name + tail).unlink(missing_ok=True)
        except OSError as problem:
            raise OutboxError(OutboxFault.UNAVAILABLE, self._path, detail=str(problem)) from problem


def _shed_one(cursor: sqlite3.Cursor) -> int | None:
    """The size of the oldest of the least important, which is gone now; None without any."""
    gone = cursor.execute(
        "DELETE FROM records WHERE id = (SELECT min(id) FROM records"
        " WHERE rank = (SELECT max(rank) FROM records)) RETURNING length(payload)"
    ).fetchone()
    return None if gone is None else int(gone[0])


def _opened(path: Path) -> sqlite3.Connection:
    with named_errors(path):
        connection = sqlite3.connect(path, timeout=LONGEST_WAIT_FOR_LOCK_S, isolation_level=None)
        try:
            (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            (application_id,) = connection.execute("PRAGMA application_id").fetchone()
            if tables and application_id != APPLICATION_ID:
                raise OutboxError(OutboxFault.FOREIGN, path)
            (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            if verdict != "ok":
                raise OutboxError(OutboxFault.DAMAGED, path, detail=" ".join(str(verdict).split()))
            connection.execute("PRAGMA page_size = 1024")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.executescript(_CREATE)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        except BaseException:
            connection.close()
            raise
    return connection

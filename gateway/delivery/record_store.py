"""What waits beside alerts for a path: comings and goings, hourly coverage, levels. A store of its own.

Bounded by bytes and by age in hours of service, never by the wall clock. What is shed for want of room is the
oldest of the least important: levels, then coverage, then comings and goings; alerts are in another file and
are never shed. Without a sync of each commit: a power cut may cost the last seconds, a crash costs nothing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.delivery.outbox_fault import OutboxError, OutboxFault
from gateway.delivery.outbox_file import named_errors
from gateway.delivery.state_board import Rank

APPLICATION_ID = 0x41475243  # "AGRC"
LONGEST_WAIT_FOR_LOCK_S = 5.0

_CREATE = """
CREATE TABLE IF NOT EXISTS records (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    rank INTEGER NOT NULL,
    hour INTEGER NOT NULL,
    topic TEXT NOT NULL,
    payload BLOB NOT NULL
) STRICT;
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

    def __init__(self, connection: sqlite3.Connection, path: Path, most_bytes: int) -> None:
        self._connection = connection
        self._path = path
        self._most_bytes = most_bytes
        self.shed = 0
        (self._bytes,) = connection.execute("SELECT ifnull(sum(length(payload)), 0) FROM records").fetchone()

    @classmethod
    def open(cls, path: Path, most_bytes: int) -> RecordStore:
        """Open or create;

        a damaged file is made anew, as nothing in it is worth a stop. Raises OutboxError.
        """
        try:
            return cls(_opened(path), path, most_bytes)
        except OutboxError as problem:
            if problem.fault is not OutboxFault.DAMAGED:
                raise
        for tail in ("-wal", "-shm", ""):
            path.with_name(path.name + tail).unlink(missing_ok=True)
        return cls(_opened(path), path, most_bytes)

    def put(self, records: Sequence[Record]) -> None:
        """Store them, shedding what there is no room for. Raises OutboxError; then none is stored."""
        with named_errors(self._path):
            (hour,) = self._connection.execute("SELECT hours FROM service").fetchone()
            self._connection.executemany(
                "INSERT INTO records (rank, hour, topic, payload) VALUES (?, ?, ?, ?)",
                [(int(one.rank), hour, one.topic, one.payload) for one in records],
            )
            self._bytes += sum(len(one.payload) for one in records)
            while self._bytes > self._most_bytes and self._shed_one():
                pass
            self._connection.commit()

    def next(self) -> StoredRecord | None:
        """The oldest of the most important. Raises OutboxError."""
        with named_errors(self._path):
            row = self._connection.execute(
                "SELECT id, topic, payload, rank FROM records ORDER BY rank, id LIMIT 1"
            ).fetchone()
        return None if row is None else StoredRecord(row[0], Record(row[1], row[2], Rank(row[3])))

    def delete(self, record_id: int) -> None:
        """The broker has it. Raises OutboxError."""
        with named_errors(self._path):
            gone = self._connection.execute(
                "DELETE FROM records WHERE id = ? RETURNING length(payload)", (record_id,)
            ).fetchall()
            self._connection.commit()
            self._bytes -= sum(size for (size,) in gone)

    def count_hour(self, keep_hours: int) -> None:
        """One more hour of service; what is older than keep_hours goes. Raises OutboxError."""
        with named_errors(self._path):
            self._connection.execute("UPDATE service SET hours = hours + 1")
            gone = self._connection.execute(
                "DELETE FROM records WHERE hour < (SELECT hours FROM service) - ? RETURNING length(payload)",
                (keep_hours,),
            ).fetchall()
            self._connection.commit()
            self._bytes -= sum(size for (size,) in gone)
            self.shed += len(gone)

    @property
    def waiting_bytes(self) -> int:
        return int(self._bytes)

    def close(self) -> None:
        self._connection.close()

    def _shed_one(self) -> bool:
        gone = self._connection.execute(
            "DELETE FROM records WHERE id = (SELECT id FROM records ORDER BY rank DESC, id LIMIT 1)"
            " RETURNING length(payload)"
        ).fetchall()
        self._bytes -= sum(size for (size,) in gone)
        self.shed += len(gone)
        return bool(gone)


def _opened(path: Path) -> sqlite3.Connection:
    with named_errors(path):
        connection = sqlite3.connect(path, timeout=LONGEST_WAIT_FOR_LOCK_S)
        try:
            (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            (application_id,) = connection.execute("PRAGMA application_id").fetchone()
            if tables and application_id != APPLICATION_ID:
                raise OutboxError(OutboxFault.FOREIGN, path)
            connection.execute("PRAGMA page_size = 1024")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.executescript(_CREATE)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        except BaseException:
            connection.close()
            raise
    return connection

"""Alerts on disk: an alert exists once its row is committed here, and leaves when the control room has it.

One row is one revision of one event. WAL with synchronous FULL: when commit() returns, the row survives a
crash and, as far as the disk keeps its word, a power cut. Numbers are given when a row is first taken for
sending: each lane counts up by one, so that a receiver sees what is missing, and a live alert that overtakes
the backlog leaves no hole. Nothing here is ordered or expired by the wall clock.

One Outbox is one connection and belongs to the thread that opened it; pipeline and publisher have one each.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.contract.vocabulary import ClockState, Lane
from gateway.delivery.outbox_fault import OutboxError
from gateway.delivery.outbox_file import named_errors, open_checked
from gateway.delivery.set_aside import SetAside
from gateway.time_labels import BootOffset

_COLUMNS = (
    "id, event_id, revision, topic, phase, alert_json, boot_id, monotonic_s, utc_offset_s, lane, seq, done"
)
_LANES = {None: None, "live": Lane.LIVE, "historical": Lane.HISTORICAL}


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """One committed revision. lane and seq: None until it is first taken for sending.

    boot_id, monotonic_s: when it was committed, on the clock of that boot. utc_offset_s: UTC minus monotonic
    as they stood then, which is what the times in alert_json were made with.
    """

    row_id: int
    event_id: str
    revision: int
    topic: str
    phase: str
    alert_json: bytes
    boot_id: str = ""
    monotonic_s: float = 0.0
    utc_offset_s: float = 0.0
    lane: Lane | None = None
    seq: int | None = None
    delivered: bool = False


@dataclass(frozen=True, slots=True)
class RowKey:
    """A row without its payload, for queues."""

    row_id: int
    event_id: str
    revision: int
    phase: str
    boot_id: str
    monotonic_s: float


class Outbox:
    """One connection to the outbox file. `set_aside` says what open() had to move away, else None."""

    def __init__(self, connection: sqlite3.Connection, path: Path, set_aside: SetAside | None) -> None:
        self._connection = connection
        self.path = path
        self.set_aside = set_aside
        (self.numbering,) = connection.execute("SELECT numbering FROM identity").fetchone()
        """Names this file; its sequences mean nothing to another."""

    @classmethod
    def open(cls, path: Path, *, check: bool = True, durable: bool = True) -> Outbox:
        """Open or create. Raises OutboxError.

        check: read the whole file first, as once per start; a damaged one is set aside, never deleted.
        durable=False leaves out the sync of each commit: enough for marking what was delivered, as losing
        such a mark only sends an alert twice.
        """
        connection, set_aside = open_checked(path, check=check, durable=durable)
        return cls(connection, path, set_aside)

    def commit(
        self,
        alert_json: bytes,
        event_id: str,
        revision: int,
        topic: str,
        phase: str,
        *,
        boot_id: str = "",
        monotonic_s: float = 0.0,
        utc_offset_s: float = 0.0,
    ) -> int | None:
        """Store one revision durably. Raises OutboxError.

        Its row id, or None when the same revision of this event was already there.
        """
        with self._transaction() as cursor:
            known = cursor.execute(
                "SELECT 1 FROM alerts WHERE event_id = ? AND revision = ?", (event_id, revision)
            ).fetchone()
            if known:  # asked first: an ignored INSERT might still use up an id
                return None
            cursor.execute(
                "INSERT INTO alerts (event_id, revision, topic, phase, alert_json, boot_id, monotonic_s,"
                " utc_offset_s) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (event_id, revision, topic, phase, alert_json, boot_id, monotonic_s, utc_offset_s),
            )
            row_id = cursor.lastrowid
            assert row_id is not None
            _follow_event(cursor, row_id, event_id, phase)
        return row_id

    def unnumbered(self, after_id: int, limit: int) -> list[RowKey]:
        """Undelivered rows above after_id that have no lane yet, in order of commit."""
        return self._keys("done = 0 AND lane IS NULL AND id > ? ORDER BY id LIMIT ?", after_id, limit)

    def give_numbers(self, lanes: Sequence[tuple[int, Lane]]) -> None:
        """Put these rows (ids, in order of commit) into lanes and number them. Raises OutboxError."""
        with self._transaction() as cursor:
            last = {lane: self._last(cursor, lane) for lane in Lane}
            for row_id, lane in lanes:
                last[lane] += 1
                cursor.execute(
                    "UPDATE alerts SET lane = ?, seq = ? WHERE id = ?", (lane.value, last[lane], row_id)
                )
            cursor.executemany(
                "UPDATE counters SET number = ? WHERE name = ?",
                [(number, lane.value) for lane, number in last.items()],
            )

    def last_numbers(self) -> dict[Lane, int]:
        """The last number given in each lane, 0 before the first."""
        with named_errors(self.path):
            return {lane: self._last(self._connection, lane) for lane in Lane}

    def lanes_in_use(self, event_ids: Iterable[str]) -> dict[str, Lane]:
        """Event id -> lane, of those events that have numbered rows which are not delivered yet."""
        found: dict[str, Lane] = {}
        with named_errors(self.path):
            for event_id in event_ids:
                row = self._connection.execute(
                    "SELECT lane FROM alerts WHERE event_id = ? AND done = 0 AND lane IS NOT NULL LIMIT 1",
                    (event_id,),
                ).fetchone()
                if row is not None:
                    found[event_id] = Lane(row[0])
        return found

    def undelivered(self, lane: Lane, after_id: int, limit: int) -> list[RowKey]:
        """Rows of a lane that not everybody has yet, in order, with ids above after_id."""
        return self._keys("done = 0 AND lane = ? AND id > ? ORDER BY id LIMIT ?", lane.value, after_id, limit)

    def undelivered_count(self) -> int:
        with named_errors(self.path):
            (count,) = self._connection.execute("SELECT count(*) FROM alerts WHERE done = 0").fetchone()
        return int(count)

    def row(self, row_id: int) -> OutboxRow | None:
        """The whole row, None when it is no longer kept."""
        rows = self._rows(f"SELECT {_COLUMNS} FROM alerts WHERE id = ?", row_id)
        return rows[0] if rows else None

    def numbered(self, lane: Lane, first: int, last: int) -> list[RowKey]:
        """The rows that are still kept of these numbers of a lane, delivered or not."""
        return self._keys("lane = ? AND seq BETWEEN ? AND ? ORDER BY id", lane.value, first, last)

    def mark_acknowledged(self, row_ids: Iterable[int], *, delivered: bool) -> None:
        """The broker has these rows; delivered: its word is all that counts. Raises OutboxError."""
        change = "acked = 1, done = 1" if delivered else "acked = 1"
        with self._transaction() as cursor:
            cursor.executemany(f"UPDATE alerts SET {change} WHERE id = ?", [(row,) for row in row_ids])

    def mark_received(
        self, receipts: Sequence[tuple[str, int, str]], receivers: frozenset[str]
    ) -> dict[tuple[str, int], bool]:
        """Receivers (event id, revision, receiver) have these revisions. Raises OutboxError.

        (event id, revision) -> whether all of `receivers` have it now; nothing for a revision not kept.
        """
        told: dict[tuple[str, int], bool] = {}
        with self._transaction() as cursor:
            for event_id, revision, receiver in receipts:
                found = cursor.execute(
                    "SELECT id, done FROM alerts WHERE event_id = ? AND revision = ?", (event_id, revision)
                ).fetchone()
                if found is None:
                    continue
                row_id, done = found
                told[event_id, revision] = bool(done) or _received(cursor, row_id, receiver, receivers)
        return told

    def receivers_of(self, row_id: int) -> frozenset[str]:
        """Who has told already to have an undelivered row; only kept where several receivers are named."""
        with named_errors(self.path):
            found = self._connection.execute("SELECT receiver FROM receipts WHERE alert_id = ?", (row_id,))
            return frozenset(name for (name,) in found)

    def open_events(self) -> list[OutboxRow]:
        """The latest revision of each event that has not ended: after a restart, orphans to be ended."""
        return self._rows(
            f"SELECT {_COLUMNS} FROM alerts WHERE id IN (SELECT alert_id FROM open_events) ORDER BY id"
        )

    def open_event_ids(self) -> frozenset[str]:
        with named_errors(self.path):
            return frozenset(one for (one,) in self._connection.execute("SELECT event_id FROM open_events"))

    def remember_boot(self, boot: BootOffset) -> None:
        """UTC minus monotonic of a boot, kept while there are rows of that boot. Raises OutboxError."""
        values = (boot.boot_id, boot.offset_s, boot.state.value, boot.error_ms, boot.since_s)
        with self._transaction() as cursor:
            cursor.execute("REPLACE INTO boots VALUES (?, ?, ?, ?, ?)", values)
            cursor.execute(
                "DELETE FROM boots WHERE boot_id NOT IN (SELECT boot_id FROM alerts) AND boot_id <> ?",
                (boot.boot_id,),
            )

    def boots(self) -> dict[str, BootOffset]:
        """What is known of the clocks of this boot and earlier ones, by boot id."""
        with named_errors(self.path):
            found = self._connection.execute("SELECT boot_id, offset_s, state, error_ms, since_s FROM boots")
            return {row[0]: BootOffset(row[0], row[1], ClockState(row[2]), *row[3:]) for row in found}

    def count_hour(self) -> None:
        """One more hour of service is over: what `prune` counts age by. Raises OutboxError."""
        with self._transaction() as cursor:
            cursor.execute("INSERT INTO service_hours (last_id) SELECT ifnull(max(id), 0) FROM alerts")

    def prune(self, keep_hours: int, keep_rows: int, limit: int = 500) -> int:
        """Delete at most `limit` of the oldest delivered rows; how many. Raises OutboxError.

        They go when they are older than keep_hours of service or when keep_rows newer ones are kept. Until
        then a request to send again can be answered. An open event keeps its row.
        """
        with self._transaction() as cursor:
            cursor.execute(
                "DELETE FROM alerts WHERE id IN (SELECT id FROM alerts WHERE done = 1 AND id <= max("
                " ifnull((SELECT last_id FROM service_hours WHERE hour = "
                "  (SELECT max(hour) FROM service_hours) - ?), 0),"
                " ifnull((SELECT max(id) FROM alerts), 0) - ?)"
                " AND id NOT IN (SELECT alert_id FROM open_events) ORDER BY id LIMIT ?)",
                (keep_hours, keep_rows, limit),
            )
            gone = cursor.rowcount
            if gone:
                cursor.execute("DELETE FROM receipts WHERE alert_id NOT IN (SELECT id FROM alerts)")
            cursor.execute(
                "DELETE FROM service_hours WHERE hour < (SELECT max(hour) FROM service_hours) - ?",
                (keep_hours,),
            )
            return gone

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> Outbox:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _last(self, cursor: sqlite3.Cursor | sqlite3.Connection, lane: Lane) -> int:
        (number,) = cursor.execute("SELECT number FROM counters WHERE name = ?", (lane.value,)).fetchone()
        return int(number)

    def _keys(self, where: str, *values: int | str) -> list[RowKey]:
        columns = "id, event_id, revision, phase, boot_id, monotonic_s"
        query = f"SELECT {columns} FROM alerts WHERE {where}"
        with named_errors(self.path):
            return [RowKey(*row) for row in self._connection.execute(query, values)]

    def _rows(self, query: str, *values: int) -> list[OutboxRow]:
        with named_errors(self.path):
            found = self._connection.execute(query, values).fetchall()
        return [_row(*row) for row in found]

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Cursor]:
        with named_errors(self.path):
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


def _row(*columns: Any) -> OutboxRow:
    lane, seq, done = columns[9:]
    return OutboxRow(*columns[:9], lane=_LANES[lane], seq=seq, delivered=bool(done))  # type: ignore[misc]


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


def _received(cursor: sqlite3.Cursor, row_id: int, receiver: str, receivers: frozenset[str]) -> bool:
    """Note one receiver's word; whether all have given theirs. The last one needs no row of its own."""
    told = {name for (name,) in cursor.execute("SELECT receiver FROM receipts WHERE alert_id = ?", (row_id,))}
    told.add(receiver)
    if receivers <= told:
        cursor.execute("UPDATE alerts SET acked = 1, done = 1 WHERE id = ?", (row_id,))
        cursor.execute("DELETE FROM receipts WHERE alert_id = ?", (row_id,))
        return True
    cursor.execute("INSERT OR IGNORE INTO receipts VALUES (?, ?)", (row_id, receiver))
    return False


__all__ = ["Outbox", "OutboxError", "OutboxRow", "RowKey"]

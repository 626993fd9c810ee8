"""What the receiver has, on disk: this room's store, and only what is in it may be confirmed to a gateway.

One row is one revision of one event, in the order in which they were committed. WAL with synchronous FULL:
when commit() returns, everything in it survives a crash and, as far as the disk keeps its word, a power cut.
An event is named by site, gateway and event id together, so that no gateway can speak for another. Bounded
by counts: revisions go with the oldest ended events, what is left of those (that they ended) stays longer.

One Ledger is one connection and belongs to one thread at a time.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from control_room.changes import Ignored, Step
from control_room.ledger_file import IN_MEMORY, SetAside, StoreLock, named_errors, open_checked
from control_room.numbers import LaneKey, LaneRecord, Span
from control_room.revisions import Known, judge
from gateway.contract.encoding import BadPayload, decode
from gateway.contract.types import Alert
from gateway.contract.vocabulary import Lane, Phase

KEEP_ENDED = 20_000  # ended events whose revisions are kept
KEEP_NAMES = 10  # times as many are remembered by name, so that a late repetition does not show them again
MOST_OPEN = 10_000
_PRUNE_EVERY = 50  # commits
_NAME_ONLY = 0  # revision_id of an ended event whose revisions have gone


@dataclass(frozen=True, slots=True)
class Entry:
    """One revision to be kept: what was read, and the payload as it came."""

    alert: Alert
    payload: bytes


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a committed revision meant. first: nothing was known of its event. row_id: None: it was there."""

    meaning: Step | Ignored
    first: bool
    row_id: int | None


@dataclass(frozen=True, slots=True)
class Unhandled:
    """A revision that was committed and perhaps not shown.

    age_s: None when it is of an earlier boot. tries: how often it was handed over again already, in vain.
    """

    row_id: int
    entry: Entry
    first: bool
    age_s: float | None
    tries: int


class Ledger:
    """One connection to the store. `set_aside` says what open() had to move away, else None."""

    def __init__(
        self, connection: sqlite3.Connection, path: Path, lock: StoreLock | None, set_aside: SetAside | None
    ) -> None:
        self._connection = connection
        self._lock = lock
        self._commits = 0
        self.path = path
        self.set_aside = set_aside

    @classmethod
    def open(cls, path: Path | None) -> Ledger:
        """Open or create; None: in memory, for those who only look. Raises LedgerError."""
        if path is None:
            connection, _ = open_checked(IN_MEMORY)
            return cls(connection, IN_MEMORY, None, None)
        lock = StoreLock(path)
        try:
            connection, set_aside = open_checked(path)
        except BaseException:
            lock.release()
            raise
        return cls(connection, path, lock, set_aside)

    def commit(
        self,
        entries: Sequence[Entry],
        lanes: Iterable[LaneRecord] = (),
        forgotten: Iterable[LaneKey] = (),
        *,
        boot_id: str = "",
        now_s: float = 0.0,
    ) -> list[Verdict]:
        """Keep all of these durably, or none: one verdict for each entry, in their order. Raises LedgerError.

        boot_id, now_s: the machine's boot and its monotonic clock, from which unhandled() knows an age.
        """
        with self._transaction() as cursor:
            verdicts = [_keep(cursor, entry, boot_id, now_s) for entry in entries]
            for record in lanes:
                missing = json.dumps([[span.first, span.last] for span in record.missing])
                cursor.execute(
                    "REPLACE INTO lanes VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (*_lane(record.key), record.met, record.highest, missing),
                )
            cursor.executemany(
                "DELETE FROM lanes WHERE site = ? AND gateway = ? AND numbering = ? AND lane = ?",
                [_lane(key) for key in forgotten],
            )
            if self._commits % _PRUNE_EVERY == 0:
                _prune(cursor)
        self._commits += 1
        return verdicts

    def mark_handled(self, row_ids: Iterable[int]) -> None:
        """These were shown. Raises LedgerError.

        Not synced: losing this mark in a power cut only has them shown again, marked as such.
        """
        with self._unsynced(), self._transaction() as cursor:
            cursor.executemany("UPDATE revisions SET handled = 1 WHERE id = ?", [(row,) for row in row_ids])

    def mark_tried(self, row_id: int) -> None:
        """This one is about to be handed over once more; not synced. Raises LedgerError."""
        with self._unsynced(), self._transaction() as cursor:
            cursor.execute("UPDATE revisions SET handled = handled - 1 WHERE id = ?", (row_id,))

    def unhandled(self, boot_id: str, now_s: float) -> list[Unhandled]:
        """What was committed before a crash and perhaps never shown, in order."""
        found = self._rows(
            "SELECT id, alert_json, boot_id, committed_s, -handled, id = (SELECT min(id) FROM revisions AS r"
            " WHERE r.site = revisions.site AND r.gateway = revisions.gateway"
            " AND r.event_id = revisions.event_id) FROM revisions WHERE handled <= 0 ORDER BY id"
        )
        told = []
        for row_id, payload, boot, committed_s, tries, first in found:
            alert = decode(payload, Alert)
            if not isinstance(alert, BadPayload):
                age_s = now_s - committed_s if boot_id and boot == boot_id else None
                told.append(Unhandled(row_id, Entry(alert, payload), bool(first), age_s, tries))
        return told

    def open_events(self) -> list[Alert]:
        """The latest revision of each event that has not ended, the longest known first."""
        found = self._rows(
            "SELECT alert_json FROM revisions WHERE id IN"
            " (SELECT revision_id FROM events WHERE ended_number IS NULL) ORDER BY id"
        )
        alerts = (decode(payload, Alert) for (payload,) in found)
        return [alert for alert in alerts if not isinstance(alert, BadPayload)]

    def open_ids(self, site: str, gateway: str) -> set[str]:
        """Ids of the open events of one gateway, but for those that it could not store itself."""
        name = (site, gateway)
        return {one.event_id for one in self.open_events() if (one.site, one.gateway) == name and one.durable}

    def close_events(self, site: str, gateway: str, event_ids: Iterable[str]) -> None:
        """These are over although their end never came. Raises LedgerError."""
        with self._transaction() as cursor:
            for event_id in event_ids:
                cursor.execute(
                    "UPDATE events SET ended_number = (SELECT ifnull(max(ended_number), 0) + 1 FROM events)"
                    " WHERE site = ? AND gateway = ? AND event_id = ? AND ended_number IS NULL",
                    (site, gateway, event_id),
                )

    def known(self, site: str, gateway: str, event_id: str) -> Known | None:
        """What is known of one event."""
        with named_errors(self.path):
            return _known(self._connection.cursor(), (site, gateway, event_id))

    def revisions(self) -> list[tuple[str, str, str, int, str]]:
        """Site, gateway, event id, revision and phase of all that is kept, in order of commit."""
        return self._rows("SELECT site, gateway, event_id, revision, phase FROM revisions ORDER BY id")

    def lanes(self) -> list[LaneRecord]:
        """How far each lane has come, in the order in which they were met."""
        found = self._rows(
            "SELECT site, gateway, numbering, lane, met, highest, missing FROM lanes ORDER BY met"
        )
        return [
            LaneRecord(
                LaneKey(site, gateway, numbering, Lane(lane)),
                met,
                highest,
                tuple(Span(first, last) for first, last in json.loads(missing)),
            )
            for site, gateway, numbering, lane, met, highest, missing in found
        ]

    def note_contact(self, paths: Iterable[str], boot_id: str, now_s: float) -> None:
        """These lines are up now; not synced. Raises LedgerError."""
        with self._unsynced(), self._transaction() as cursor:
            rows = [(path, boot_id, now_s) for path in paths]
            cursor.executemany("REPLACE INTO contact VALUES (?, ?, ?)", rows)

    def last_contact(self, path: str, boot_id: str) -> float | None:
        """When this line was last up, on the monotonic clock; None when nobody knows (another boot)."""
        found = self._rows("SELECT at_s FROM contact WHERE path = ? AND boot_id = ?", path, boot_id)
        return float(found[0][0]) if found and boot_id else None

    def close(self) -> None:
        self._connection.close()
        if self._lock is not None:
            self._lock.release()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _rows(self, query: str, *values: str) -> list[tuple[Any, ...]]:
        with named_errors(self.path):
            return self._connection.execute(query, values).fetchall()

    @contextmanager
    def _unsynced(self) -> Iterator[None]:
        with named_errors(self.path):
            self._connection.execute("PRAGMA synchronous = NORMAL")
            try:
                yield
            finally:
                self._connection.execute("PRAGMA synchronous = FULL")

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Cursor]:
        with named_errors(self.path):
            cursor = self._connection.cursor()
            cursor.execute("BEGIN IMMEDIATE")
            try:
                yield cursor
                cursor.execute("COMMIT")
            finally:
                if self._connection.in_transaction:
                    self._connection.rollback()
                cursor.close()


def _keep(cursor: sqlite3.Cursor, entry: Entry, boot_id: str, now_s: float) -> Verdict:
    alert = entry.alert
    event = (alert.site, alert.gateway, alert.event_id)
    known = _known(cursor, event)
    meaning = judge(alert, known)
    row_id = None
    if isinstance(meaning, Step) or known is None or _still_kept(cursor, event):
        row_id = _add(cursor, entry, boot_id, now_s, handled=isinstance(meaning, Ignored))
    if isinstance(meaning, Step) and row_id is not None:
        _move_on(cursor, event, alert, known, row_id)
    return Verdict(meaning, known is None, row_id)


def _add(cursor: sqlite3.Cursor, entry: Entry, boot_id: str, now_s: float, *, handled: bool) -> int | None:
    """The row's id, None when this revision was there already."""
    alert = entry.alert
    cursor.execute(
        "INSERT OR IGNORE INTO revisions (site, gateway, event_id, revision, phase, numbering, lane, seq,"
        " boot_id, committed_s, handled, alert_json) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(alert.site, alert.gateway, alert.event_id, alert.revision, alert.phase.value),
            *(alert.numbering, alert.lane.value, alert.seq, boot_id, now_s, int(handled), entry.payload),
        ),
    )
    return cursor.lastrowid if cursor.rowcount == 1 else None


def _still_kept(cursor: sqlite3.Cursor, event: tuple[str, str, str]) -> bool:
    """Whether the revisions of this event are still there, not only its name."""
    query = "SELECT revision_id FROM events WHERE site = ? AND gateway = ? AND event_id = ?"
    found = cursor.execute(query, event).fetchone()
    return found is not None and found[0] != _NAME_ONLY


def _known(cursor: sqlite3.Cursor, event: tuple[str, str, str]) -> Known | None:
    found = cursor.execute(
        "SELECT revision, ended_number FROM events WHERE site = ? AND gateway = ? AND event_id = ?", event
    ).fetchone()
    return None if found is None else Known(found[0], found[1] is not None)


def _move_on(
    cursor: sqlite3.Cursor, event: tuple[str, str, str], alert: Alert, known: Known | None, row_id: int
) -> None:
    revision = alert.revision if known is None else max(alert.revision, known.revision)
    ended = None
    if alert.phase is Phase.END:
        (ended,) = cursor.execute("SELECT ifnull(max(ended_number), 0) + 1 FROM events").fetchone()
    cursor.execute("REPLACE INTO events VALUES (?, ?, ?, ?, ?, ?)", (*event, revision, row_id, ended))


def _prune(cursor: sqlite3.Cursor) -> None:
    """By count, never by clock: the oldest ended events go, and the oldest open ones beyond all reason."""
    (newest,) = cursor.execute("SELECT ifnull(max(ended_number), 0) FROM events").fetchone()
    old = f"ended_number <= {newest - KEEP_ENDED} AND revision_id > {_NAME_ONLY}"
    too_many = (
        "revision_id IN (SELECT revision_id FROM events WHERE ended_number IS NULL"
        f" ORDER BY revision_id DESC LIMIT -1 OFFSET {MOST_OPEN})"
    )
    for which in (old, too_many):
        cursor.execute(
            "DELETE FROM revisions WHERE handled = 1 AND (site, gateway, event_id) IN"
            f" (SELECT site, gateway, event_id FROM events WHERE {which})"
        )
    cursor.execute(f"UPDATE events SET revision_id = {_NAME_ONLY} WHERE {old}")
    cursor.execute(f"DELETE FROM events WHERE {too_many}")
    cursor.execute("DELETE FROM events WHERE ended_number <= ?", (newest - KEEP_ENDED * KEEP_NAMES,))


def _lane(key: LaneKey) -> tuple[str, str, str, str]:
    return key.site, key.gateway, key.numbering, key.lane.value

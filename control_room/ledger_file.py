"""Opening the receiver's store: whole or set aside, ours or refused, one receiver at a time."""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from control_room.ledger_error import LedgerError, LedgerFault, ledger_error

APPLICATION_ID = 0x4147524C  # "AGRL": tells our file from anybody else's database
SCHEMA_VERSION = 1
PAGE_BYTES = 1024  # a commit writes every page that it touches whole
IN_MEMORY = Path(":memory:")
_WAIT_FOR_LOCK_S = 5.0
_HEADER = b"SQLite format 3\0"

SCHEMA = """
CREATE TABLE events (
    site TEXT NOT NULL,
    gateway TEXT NOT NULL,
    event_id TEXT NOT NULL,
    revision INTEGER NOT NULL,
    revision_id INTEGER NOT NULL,
    ended_number INTEGER,
    PRIMARY KEY (site, gateway, event_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX events_ended ON events (ended_number) WHERE ended_number IS NOT NULL;
CREATE INDEX events_kept ON events (ended_number) WHERE ended_number IS NOT NULL AND revision_id > 0;
CREATE INDEX events_open ON events (revision_id) WHERE ended_number IS NULL;
CREATE TABLE revisions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    site TEXT NOT NULL,
    gateway TEXT NOT NULL,
    event_id TEXT NOT NULL,
    revision INTEGER NOT NULL,
    phase TEXT NOT NULL CHECK (phase IN ('start', 'update', 'end')),
    numbering TEXT,
    lane TEXT NOT NULL,
    seq INTEGER,
    boot_id TEXT NOT NULL,
    committed_s REAL NOT NULL,
    handled INTEGER NOT NULL,
    alert_json BLOB NOT NULL,
    UNIQUE (site, gateway, event_id, revision, phase)
) STRICT;
CREATE INDEX revisions_unhandled ON revisions (id) WHERE handled <= 0;
CREATE TABLE lanes (
    site TEXT NOT NULL,
    gateway TEXT NOT NULL,
    numbering TEXT NOT NULL,
    lane TEXT NOT NULL,
    met INTEGER NOT NULL,
    highest INTEGER NOT NULL,
    missing TEXT NOT NULL,
    PRIMARY KEY (site, gateway, numbering, lane)
) STRICT, WITHOUT ROWID;
CREATE TABLE contact (path TEXT PRIMARY KEY, boot_id TEXT NOT NULL, at_s REAL NOT NULL) STRICT, WITHOUT ROWID
"""


@dataclass(frozen=True, slots=True)
class SetAside:
    """A damaged store was found and moved out of the way, never deleted."""

    kept_as: Path
    problem: str

    def __str__(self) -> str:
        return (
            f"{self.kept_as}: the store was damaged ({self.problem}) and a new one was started. "
            f"What gateways still keep comes again, marked as old; what was shown before may be shown again"
        )


class StoreLock:
    """One receiver at a time on one store; the lock goes with the process, however that ends."""

    def __init__(self, store: Path) -> None:
        """Raises LedgerError: another receiver has it, or the folder cannot be written to."""
        try:
            self._descriptor = os.open(store.with_name(store.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as problem:
            raise LedgerError(LedgerFault.UNAVAILABLE, store, str(problem)) from problem
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as problem:
            self.release()
            raise LedgerError(LedgerFault.BUSY, store) from problem

    def release(self) -> None:
        os.close(self._descriptor)


def open_checked(path: Path) -> tuple[sqlite3.Connection, SetAside | None]:
    """A connection to the store, made if need be, and what had to be set aside. Raises LedgerError."""
    damage = None if path == IN_MEMORY else _damage(path)
    set_aside = None if damage is None else _move_aside(path, damage)
    with named_errors(path):
        # Opened by whoever starts the receiver, used by its own thread alone.
        connection = sqlite3.connect(
            path, timeout=_WAIT_FOR_LOCK_S, isolation_level=None, check_same_thread=False
        )
        try:
            _prepare(connection, path)
        except BaseException:
            connection.close()
            raise
    return connection, set_aside


@contextmanager
def named_errors(path: Path) -> Iterator[None]:
    """sqlite3's errors become LedgerErrors that name the file and the way out."""
    try:
        yield
    except sqlite3.Error as problem:
        if isinstance(problem, sqlite3.ProgrammingError | sqlite3.IntegrityError):
            raise  # misuse by our own code
        raise ledger_error(_name(problem), str(problem), path) from problem


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    application_id, version, tables = (
        int(connection.execute(query).fetchone()[0])
        for query in ("PRAGMA application_id", "PRAGMA user_version", "SELECT count(*) FROM sqlite_schema")
    )
    if tables and application_id != APPLICATION_ID:
        raise LedgerError(LedgerFault.FOREIGN, path)
    if version > SCHEMA_VERSION:
        detail = f"version {version}, this program knows {SCHEMA_VERSION}"
        raise LedgerError(LedgerFault.NEWER, path, detail)
    connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")  # holds for a new file only
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    if tables:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statement in SCHEMA.split(";"):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.rollback()


def _damage(path: Path) -> str | None:
    """What is wrong with the file at `path`, None when it is whole or not there. Changes nothing on disk.

    Read-only, because a plain connection to a damaged file may clear away the WAL that belongs to it.
    """
    with named_errors(path):
        try:
            with path.open("rb") as file:
                header = file.read(len(_HEADER))
            wal = path.with_name(path.name + "-wal")
            has_wal = wal.exists() and wal.stat().st_size > 0
            if not header and not has_wal:
                return None
        except FileNotFoundError:
            return None
        except OSError as problem:
            raise LedgerError(LedgerFault.UNAVAILABLE, path, str(problem)) from problem
        if not header:
            return "it is empty, its WAL is not"
        # A power cut during a checkpoint may spoil the first page here while it is whole in the WAL.
        if header != _HEADER and not has_wal:
            return "it does not start like a database"
        uri = f"{path.absolute().as_uri()}?mode=ro"
        with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=_WAIT_FOR_LOCK_S)) as connection:
            try:
                (verdict,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
            except sqlite3.DatabaseError as problem:
                if ledger_error(_name(problem), "", path).fault is not LedgerFault.DAMAGED:
                    raise
                return str(problem)
    return None if verdict == "ok" else " ".join(str(verdict).split())


def _move_aside(path: Path, problem: str) -> SetAside:
    """Rename a database together with its WAL, so that the pair can still be read."""
    number = 1
    while (kept_as := path.with_name(f"{path.stem}.damaged-{number}{path.suffix}")).exists():
        number += 1
    try:
        for tail in ("-wal", "-shm", ""):  # the file itself last: after half a job, the next start finds it
            part = path.with_name(path.name + tail)
            if part.exists():
                part.rename(kept_as.with_name(kept_as.name + tail))
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise LedgerError(LedgerFault.UNAVAILABLE, path, str(error)) from error
    return SetAside(kept_as, problem)


def _name(problem: sqlite3.Error) -> str:
    """SQLite's own name of the error; errors of the Python module itself have none."""
    return str(getattr(problem, "sqlite_errorname", ""))

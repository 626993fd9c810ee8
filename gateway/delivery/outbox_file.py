"""Opening the outbox file: whole or set aside, ours or refused, of this version or brought to it."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gateway.delivery.outbox_fault import OutboxError, OutboxFault, outbox_error
from gateway.delivery.outbox_schema import APPLICATION_ID, CREATE, FROM_VERSION_1, PAGE_BYTES, SCHEMA_VERSION
from gateway.delivery.set_aside import SetAside, move_aside

LONGEST_WAIT_FOR_LOCK_S = 5.0
"""At opening, where nothing else can be done yet."""
LOCK_PATIENCE_MS = 500
"""Later: more than a commit of the other thread takes, and no more, since an alert waits for it."""
_HEADER = b"SQLite format 3\0"


def open_checked(path: Path, *, check: bool, durable: bool) -> tuple[sqlite3.Connection, SetAside | None]:
    """A connection to the file at `path`, made if need be, and what had to be set aside.

    Raises OutboxError.
    """
    set_aside: SetAside | None = None
    damage = _damage(path) if check else None
    if damage is not None:
        set_aside = move_aside(path, damage)
    with named_errors(path):
        connection = sqlite3.connect(path, timeout=LONGEST_WAIT_FOR_LOCK_S, isolation_level=None)
        try:
            _prepare(connection, path, durable=durable)
            connection.execute(f"PRAGMA busy_timeout = {LOCK_PATIENCE_MS}")
        except BaseException:
            connection.close()
            raise
    return connection, set_aside


@contextmanager
def named_errors(path: Path) -> Iterator[None]:
    """sqlite3's errors become OutboxErrors that name the file and the way out."""
    try:
        yield
    except sqlite3.Error as problem:
        if isinstance(problem, sqlite3.ProgrammingError | sqlite3.IntegrityError):
            raise  # misuse by our own code, nothing a technician could mend
        raise outbox_error(_name(problem), str(problem), path) from problem


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
            raise OutboxError(OutboxFault.UNAVAILABLE, path, detail=str(problem)) from problem
        if not header:
            return "it is empty, its WAL is not"
        # A power cut during a checkpoint may spoil the first page here while it is whole in the WAL.
        if header != _HEADER and not has_wal:
            return "it does not start like a database"
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


def _prepare(connection: sqlite3.Connection, path: Path, *, durable: bool) -> None:
    application_id, version, tables = _facts(connection)
    if tables and application_id != APPLICATION_ID:
        raise OutboxError(OutboxFault.FOREIGN, path)
    if version > SCHEMA_VERSION:
        detail = f"version {version}, this program knows {SCHEMA_VERSION}"
        raise OutboxError(OutboxFault.NEWER, path, detail=detail)
    connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")  # holds for a new file only
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
    if version < SCHEMA_VERSION:
        _bring_up(connection)


def _bring_up(connection: sqlite3.Connection) -> None:
    """Make the tables of this version, or turn those of an older one into them, all or nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        _, version, tables = _facts(connection)  # another thread may have been quicker
        if version < SCHEMA_VERSION:
            for statement in (FROM_VERSION_1 if tables else CREATE).split(";"):
                connection.execute(statement)
            connection.execute("INSERT INTO identity VALUES (?)", (secrets.token_hex(8),))
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.rollback()


def _facts(connection: sqlite3.Connection) -> tuple[int, int, int]:
    """Application id, schema version, number of tables and indexes."""
    application_id, version, tables = (
        connection.execute(query).fetchone()[0]
        for query in ("PRAGMA application_id", "PRAGMA user_version", "SELECT count(*) FROM sqlite_schema")
    )
    return int(application_id), int(version), int(tables)


def _name(problem: sqlite3.Error) -> str:
    """SQLite's own name of the error; errors of the Python module itself have none."""
    return str(getattr(problem, "sqlite_errorname", ""))

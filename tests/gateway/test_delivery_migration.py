"""An outbox of version 1 becomes one of version 2, all or nothing, and what waited in it is sent."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest

from gateway.contract.vocabulary import Lane
from gateway.delivery import outbox_file
from gateway.delivery.outbox import Outbox, OutboxRow, RowKey
from gateway.delivery.outbox_fault import OutboxError

VERSION_1 = """
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
PRAGMA application_id = 0x41474F42;
PRAGMA user_version = 1;
COMMIT;
"""
"""As version 0.1.0 of the program made it."""

ROWS = [
    (3, "a", 0, "t/a", "start", b"{}", "2026-05-01T12:00:00.000Z"),
    (4, "a", 1, "t/a", "end", b"{}", "2026-05-01T12:00:04.000Z"),
    (5, "b", 0, "t/b", "start", b'{"b": 0}', "2026-05-01T12:01:00.000Z"),
    (6, "b", 1, "t/b", "update", b'{"b": 1}', None),
    (7, "c", 0, "t/c", "start", b'{"c": 0}', None),
]


def version_1(path: Path) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.executescript(VERSION_1)
    connection.executemany("INSERT INTO alerts VALUES (?, ?, ?, ?, ?, ?, ?)", ROWS)
    connection.executemany("INSERT INTO open_events VALUES (?, ?)", [("b", 6), ("c", 7)])
    connection.close()


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "outbox.db"
    version_1(path)
    return path


def test_what_had_left_is_delivered_and_what_waited_is_sent(old: Path) -> None:
    with Outbox.open(old) as outbox:
        assert outbox.set_aside is None
        assert outbox.unnumbered(0, 10) == [
            RowKey(6, "b", 1, "update", "", 0.0),
            RowKey(7, "c", 0, "start", "", 0.0),
        ]
        assert outbox.row(6) == OutboxRow(6, "b", 1, "t/b", "update", b'{"b": 1}')
        sent = outbox.row(5)
        assert sent is not None
        assert sent.delivered
        assert [row.row_id for row in outbox.open_events()] == [6, 7]


def test_it_goes_on_with_the_next_id_and_counts_lanes_from_one(old: Path) -> None:
    with Outbox.open(old) as outbox:
        assert outbox.commit(b"{}", "c", 1, "t/c", "end", boot_id="boot-2", monotonic_s=5.0) == 8
        outbox.give_numbers([(6, Lane.HISTORICAL), (7, Lane.HISTORICAL), (8, Lane.LIVE)])
        assert outbox.last_numbers() == {Lane.LIVE: 1, Lane.HISTORICAL: 2}
        assert outbox.mark_received([("b", 1, "room")], frozenset({"room"})) == {("b", 1): True}
        assert outbox.prune(keep_hours=0, keep_rows=0) == 3  # 3, 4 and 5; b is still open by row 6
        assert outbox.commit(b"{}", "a", 1, "t/a", "end") == 9


def test_a_second_opening_changes_nothing(old: Path) -> None:
    with Outbox.open(old) as outbox:
        numbering = outbox.numbering
        outbox.give_numbers([(6, Lane.LIVE)])
    with Outbox.open(old) as again:
        assert again.numbering == numbering
        assert [row.row_id for row in again.undelivered(Lane.LIVE, 0, 10)] == [6]
        assert again._connection.execute("SELECT count(*) FROM identity").fetchone() == (1,)


def test_it_looks_like_a_new_file_of_version_2(old: Path, tmp_path: Path) -> None:
    with Outbox.open(old), Outbox.open(tmp_path / "new.db"):
        pass

    def columns(path: Path) -> dict[str, list[tuple[str, str]]]:
        with sqlite3.connect(path) as reader:
            tables = [
                name for (name,) in reader.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
            ]
            return {
                table: sorted(row[1:3] for row in reader.execute(f"PRAGMA table_info({table})"))
                for table in tables
            }

    def indexes(path: Path) -> set[str]:
        with sqlite3.connect(path) as reader:
            return {name for (name,) in reader.execute("SELECT name FROM sqlite_schema WHERE type = 'index'")}

    assert columns(old) == columns(tmp_path / "new.db")
    assert indexes(old) == indexes(tmp_path / "new.db")


def test_a_migration_that_fails_leaves_version_1_as_it_was(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = outbox_file.FROM_VERSION_1
    monkeypatch.setattr(outbox_file, "FROM_VERSION_1", whole + "; UPDATE nowhere SET x = 1")
    with pytest.raises(OutboxError):
        Outbox.open(old)
    with sqlite3.connect(old) as reader:
        assert reader.execute("PRAGMA user_version").fetchone() == (1,)
        assert reader.execute("SELECT * FROM alerts ORDER BY id").fetchall() == ROWS
        assert reader.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'counters'").fetchone() == (0,)
    monkeypatch.setattr(outbox_file, "FROM_VERSION_1", whole)
    with Outbox.open(old) as outbox:
        assert [row.row_id for row in outbox.unnumbered(0, 10)] == [6, 7]


def test_two_threads_that_open_it_at_once_migrate_it_once(old: Path) -> None:
    numberings: list[str] = []
    failed: list[BaseException] = []
    start = threading.Barrier(4)

    def use() -> None:
        start.wait()
        try:
            with Outbox.open(old, check=False) as outbox:
                numberings.append(outbox.numbering)
        except OutboxError as problem:
            failed.append(problem)

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failed == []
    assert len(numberings) == 4
    assert len(set(numberings)) == 1

"""The outbox: order, duplicates, open events, marks and pruning."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.delivery.outbox import Outbox, OutboxRow

NOON = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    with Outbox.open(tmp_path / "outbox.db") as opened:
        yield opened


def add(outbox: Outbox, event_id: str, revision: int, phase: str = "update") -> int | None:
    payload = f'{{"event_id": "{event_id}", "revision": {revision}}}'.encode()
    return outbox.commit(payload, event_id, revision, f"t/{event_id}", phase)


def test_a_row_comes_back_as_it_was_committed(outbox: Outbox) -> None:
    assert outbox.commit(b'{"a": 1}', "ev-1", 0, "aggression/v1/s/g/event/scream", "start") == 1
    assert outbox.unsent(10) == [
        OutboxRow(1, "ev-1", 0, "aggression/v1/s/g/event/scream", "start", b'{"a": 1}')
    ]


def test_sequence_numbers_count_up_by_one_over_events_and_duplicates(outbox: Outbox) -> None:
    ids = [
        add(outbox, event, revision) for event, revision in (("a", 0), ("b", 0), ("a", 0), ("a", 1), ("a", 1))
    ]
    assert ids == [1, 2, None, 3, None]
    assert [row.row_id for row in outbox.unsent(10)] == [1, 2, 3]


def test_a_sequence_number_is_never_used_again(outbox: Outbox) -> None:
    first = add(outbox, "a", 0, "start")
    last = add(outbox, "a", 1, "end")
    assert first
    assert last
    outbox.mark_sent([first, last], NOON)
    assert outbox.prune(NOON + timedelta(days=1)) == 2
    assert add(outbox, "b", 0) == last + 1


def test_unsent_is_in_order_bounded_and_can_be_continued(outbox: Outbox) -> None:
    for revision in range(7):
        add(outbox, "a", revision)
    assert [row.revision for row in outbox.unsent(3)] == [0, 1, 2]
    assert [row.revision for row in outbox.unsent(3, after_id=3)] == [3, 4, 5]
    assert outbox.unsent_count() == 7


def test_a_marked_row_is_not_sent_again(outbox: Outbox) -> None:
    for revision in range(4):
        add(outbox, "a", revision)
    outbox.mark_sent([1, 3], NOON)
    assert [row.row_id for row in outbox.unsent(10)] == [2, 4]


def test_open_events_are_those_without_an_end(outbox: Outbox) -> None:
    add(outbox, "a", 0, "start")
    add(outbox, "b", 0, "start")
    add(outbox, "a", 1, "update")
    add(outbox, "b", 1, "end")
    assert [(row.event_id, row.revision, row.phase) for row in outbox.open_events()] == [("a", 1, "update")]


def test_an_end_is_final(outbox: Outbox) -> None:
    add(outbox, "a", 0, "start")
    add(outbox, "a", 1, "end")
    add(outbox, "a", 2, "update")
    assert outbox.open_events() == []


def test_open_events_survive_a_restart(tmp_path: Path) -> None:
    with Outbox.open(tmp_path / "outbox.db") as before:
        add(before, "a", 0, "start")
    with Outbox.open(tmp_path / "outbox.db") as after:
        assert [row.event_id for row in after.open_events()] == ["a"]
        assert after.set_aside is None


def test_prune_takes_only_old_sent_rows_of_closed_events_and_no_more_than_asked(outbox: Outbox) -> None:
    for event in "abcde":
        add(outbox, event, 0, "start")
        if event != "e":
            add(outbox, event, 1, "end")
    outbox.mark_sent([row.row_id for row in outbox.unsent(6)], NOON)  # a, b, c
    outbox.mark_sent([7], NOON + timedelta(hours=2))
    outbox.mark_sent([9], NOON)  # the start of e, still open
    assert outbox.prune(NOON + timedelta(hours=1), limit=4) == 4
    assert outbox.prune(NOON + timedelta(hours=1), limit=4) == 2
    assert outbox.prune(NOON + timedelta(hours=1), limit=4) == 0
    assert [row.event_id for row in outbox.open_events()] == ["e"]
    assert [row.row_id for row in outbox.unsent(10)] == [8]


def test_two_connections_see_each_others_rows(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    with Outbox.open(path) as pipeline, Outbox.open(path, check=False, durable=False) as publisher:
        add(pipeline, "a", 0)
        assert [row.row_id for row in publisher.unsent(10)] == [1]
        publisher.mark_sent([1], NOON)
        assert pipeline.unsent_count() == 0


def test_many_threads_with_a_connection_each_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    Outbox.open(path).close()

    def write(event_id: str) -> None:
        with Outbox.open(path, check=False) as mine:
            for revision in range(20):
                add(mine, event_id, revision)
                mine.mark_sent([row.row_id for row in mine.unsent(1)], NOON)

    threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    with sqlite3.connect(path) as reader:
        rows = reader.execute("SELECT id, event_id, revision FROM alerts ORDER BY id").fetchall()
    assert [row[0] for row in rows] == list(range(1, 81))
    assert sorted(row[1:] for row in rows) == [(name, revision) for name in "abcd" for revision in range(20)]


def test_an_outbox_used_from_another_thread_is_misuse(outbox: Outbox) -> None:
    caught: list[BaseException] = []

    def use() -> None:
        try:
            outbox.unsent(1)
        except sqlite3.ProgrammingError as misuse:
            caught.append(misuse)

    thread = threading.Thread(target=use)
    thread.start()
    thread.join(10)
    assert len(caught) == 1


def test_an_unknown_phase_is_misuse_and_leaves_nothing(outbox: Outbox) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        add(outbox, "a", 0, "paused")
    assert outbox.unsent_count() == 0
    assert add(outbox, "a", 0, "start") == 1


@pytest.mark.parametrize(("durable", "level"), [(True, 2), (False, 1)])
def test_every_commit_is_synced_unless_it_only_marks(tmp_path: Path, durable: bool, level: int) -> None:
    with Outbox.open(tmp_path / "outbox.db", durable=durable) as opened:
        connection = opened._connection
        assert connection.execute("PRAGMA synchronous").fetchone() == (level,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)

"""The outbox: order, duplicates, open events, marks, hours of service, boots. Numbers and receipts apart."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest

from gateway.contract.vocabulary import ClockState, Lane
from gateway.delivery.outbox import Outbox, OutboxRow, RowKey
from gateway.delivery.outbox_fault import OutboxError, OutboxFault
from gateway.time_labels import BootOffset
from tests.support.waiting import DEADLINE_S

Done = TypeVar("Done")


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    with Outbox.open(tmp_path / "outbox.db") as opened:
        yield opened


def add(
    outbox: Outbox, event_id: str, revision: int, phase: str = "update", boot_id: str = "boot-1"
) -> int | None:
    payload = f'{{"event_id": "{event_id}", "revision": {revision}}}'.encode()
    return outbox.commit(payload, event_id, revision, f"t/{event_id}", phase, boot_id=boot_id)


def waiting(outbox: Outbox) -> list[int]:
    """Ids of rows that nobody has numbered yet."""
    return [row.row_id for row in outbox.unnumbered(0, 1000)]


def deliver(outbox: Outbox, *row_ids: int) -> None:
    outbox.mark_acknowledged(row_ids, delivered=True)


def patiently(act: Callable[[], Done]) -> Done:
    """What `act` gives, asked again while another thread locks the file: then nothing was half done."""
    give_up_s = time.monotonic() + DEADLINE_S
    while True:
        try:
            return act()
        except OutboxError as problem:
            if problem.fault is not OutboxFault.BUSY or time.monotonic() > give_up_s:
                raise


def kept(outbox: Outbox) -> list[int]:
    return [row for (row,) in outbox._connection.execute("SELECT id FROM alerts ORDER BY id")]


def test_a_row_comes_back_as_it_was_committed(outbox: Outbox) -> None:
    topic = "aggression/v1/s/g/event/scream"
    made = {"boot_id": "boot-7", "monotonic_s": 12.5, "utc_offset_s": 1.75e9}
    assert outbox.commit(b'{"a": 1}', "ev-1", 0, topic, "start", **made) == 1  # type: ignore[arg-type]
    assert outbox.row(1) == OutboxRow(1, "ev-1", 0, topic, "start", b'{"a": 1}', "boot-7", 12.5, 1.75e9)
    assert outbox.unnumbered(0, 10) == [RowKey(1, "ev-1", 0, "start", "boot-7", 12.5)]
    assert outbox.row(2) is None


def test_ids_count_up_by_one_over_events_and_duplicates(outbox: Outbox) -> None:
    ids = [
        add(outbox, event, revision) for event, revision in (("a", 0), ("b", 0), ("a", 0), ("a", 1), ("a", 1))
    ]
    assert ids == [1, 2, None, 3, None]
    assert waiting(outbox) == [1, 2, 3]


def test_an_id_is_never_used_again(outbox: Outbox) -> None:
    add(outbox, "a", 0, "start")
    add(outbox, "a", 1, "end")
    deliver(outbox, 1, 2)
    assert outbox.prune(keep_hours=1000, keep_rows=0) == 2
    assert add(outbox, "b", 0) == 3


def test_waiting_rows_are_in_order_bounded_and_can_be_continued(outbox: Outbox) -> None:
    for revision in range(7):
        add(outbox, "a", revision)
    assert [row.revision for row in outbox.unnumbered(0, 3)] == [0, 1, 2]
    assert [row.revision for row in outbox.unnumbered(3, 3)] == [3, 4, 5]
    assert outbox.undelivered_count() == 7


def test_a_delivered_row_is_not_offered_again(outbox: Outbox) -> None:
    for revision in range(4):
        add(outbox, "a", revision)
    outbox.give_numbers([(row_id, Lane.LIVE) for row_id in (1, 2, 3, 4)])
    deliver(outbox, 1, 3)
    assert [row.row_id for row in outbox.undelivered(Lane.LIVE, 0, 10)] == [2, 4]
    assert [row.row_id for row in outbox.undelivered(Lane.LIVE, 2, 10)] == [4]
    row = outbox.row(3)
    assert row is not None
    assert row.delivered


def test_the_brokers_word_alone_does_not_deliver(outbox: Outbox) -> None:
    add(outbox, "a", 0)
    outbox.give_numbers([(1, Lane.LIVE)])
    outbox.mark_acknowledged([1], delivered=False)
    assert [row.row_id for row in outbox.undelivered(Lane.LIVE, 0, 10)] == [1]
    assert outbox.undelivered_count() == 1
    assert outbox._connection.execute("SELECT acked, done FROM alerts").fetchall() == [(1, 0)]


def test_open_events_are_those_without_an_end(outbox: Outbox) -> None:
    add(outbox, "a", 0, "start")
    add(outbox, "b", 0, "start")
    add(outbox, "a", 1, "update")
    add(outbox, "b", 1, "end")
    assert [(row.event_id, row.revision, row.phase) for row in outbox.open_events()] == [("a", 1, "update")]
    assert outbox.open_event_ids() == {"a"}


def test_an_end_is_final(outbox: Outbox) -> None:
    add(outbox, "a", 0, "start")
    add(outbox, "a", 1, "end")
    add(outbox, "a", 2, "update")
    assert outbox.open_events() == []
    assert outbox.open_event_ids() == frozenset()


def test_open_events_survive_a_restart(tmp_path: Path) -> None:
    with Outbox.open(tmp_path / "outbox.db") as before:
        add(before, "a", 0, "start")
    with Outbox.open(tmp_path / "outbox.db") as after:
        assert [row.event_id for row in after.open_events()] == ["a"]
        assert after.set_aside is None


# Tidying up.


def test_prune_takes_only_delivered_rows_of_closed_events_and_no_more_than_asked(outbox: Outbox) -> None:
    for event in "abcde":
        add(outbox, event, 0, "start")
        if event != "e":
            add(outbox, event, 1, "end")
    deliver(outbox, 1, 2, 3, 4, 5, 6, 7, 9)  # not 8, the end of d; 9 is the start of e, still open
    assert outbox.prune(keep_hours=1000, keep_rows=0, limit=4) == 4
    assert kept(outbox) == [5, 6, 7, 8, 9]
    assert outbox.prune(keep_hours=1000, keep_rows=0, limit=4) == 3
    assert outbox.prune(keep_hours=1000, keep_rows=0, limit=4) == 0
    assert kept(outbox) == [8, 9]
    assert [row.event_id for row in outbox.open_events()] == ["e"]
    assert waiting(outbox) == [8]


@pytest.mark.parametrize(("keep_rows", "left"), [(100, 10), (10, 10), (9, 9), (3, 3), (0, 0)])
def test_delivered_rows_are_kept_by_count(outbox: Outbox, keep_rows: int, left: int) -> None:
    for number in range(10):
        add(outbox, str(number), 0, "end")
    deliver(outbox, *range(1, 11))
    outbox.prune(keep_hours=1000, keep_rows=keep_rows)
    assert kept(outbox) == list(range(11 - left, 11))


def test_delivered_rows_are_kept_by_hours_of_service_whatever_the_clock_says(outbox: Outbox) -> None:
    add(outbox, "a", 0, "end")
    deliver(outbox, 1)
    outbox.count_hour()
    add(outbox, "b", 0, "end")
    deliver(outbox, 2)
    outbox.count_hour()
    assert outbox.prune(keep_hours=2, keep_rows=1000) == 0
    outbox.count_hour()
    assert outbox.prune(keep_hours=2, keep_rows=1000) == 1  # of a, three hours are over; of b, two
    assert kept(outbox) == [2]
    outbox.count_hour()
    assert outbox.prune(keep_hours=2, keep_rows=1000) == 1
    assert kept(outbox) == []


def test_hours_of_service_count_on_after_a_restart_and_are_bounded(tmp_path: Path) -> None:
    for _ in range(20):
        with Outbox.open(tmp_path / "outbox.db") as opened:
            opened.count_hour()
            opened.prune(keep_hours=3, keep_rows=1000)
    with Outbox.open(tmp_path / "outbox.db") as opened:
        hours = opened._connection.execute("SELECT hour FROM service_hours ORDER BY hour").fetchall()
    assert hours == [(17,), (18,), (19,), (20,)]


def test_hours_never_shed_what_is_not_delivered(outbox: Outbox) -> None:
    add(outbox, "a", 0, "end")
    for _ in range(500):
        outbox.count_hour()
    assert outbox.prune(keep_hours=1, keep_rows=0) == 0
    assert waiting(outbox) == [1]


# Boots.


def test_what_is_known_of_a_boot_is_kept_while_there_are_rows_of_it(outbox: Outbox) -> None:
    first = BootOffset("boot-1", 1.75e9, ClockState.SYNCED, 12.5, 40.0)
    second = BootOffset("boot-2", 1.76e9, ClockState.UNSYNCED, None, None)
    add(outbox, "a", 0, "end", boot_id="boot-1")
    outbox.remember_boot(first)
    outbox.remember_boot(second)
    assert outbox.boots() == {"boot-1": first, "boot-2": second}
    better = BootOffset("boot-2", 1.76e9 + 3600, ClockState.SYNCED, 8.0, 99.0)
    outbox.remember_boot(better)
    assert outbox.boots() == {"boot-1": first, "boot-2": better}
    deliver(outbox, 1)
    outbox.prune(keep_hours=1000, keep_rows=0)
    outbox.remember_boot(better)
    assert outbox.boots() == {"boot-2": better}


# Several connections.


def test_two_connections_see_each_others_rows(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    with Outbox.open(path) as pipeline, Outbox.open(path, check=False, durable=False) as publisher:
        add(pipeline, "a", 0)
        assert waiting(publisher) == [1]
        deliver(publisher, 1)
        assert pipeline.undelivered_count() == 0
        assert pipeline.numbering == publisher.numbering


def test_many_threads_with_a_connection_each_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    Outbox.open(path).close()

    def write(event_id: str) -> None:
        with Outbox.open(path, check=False) as mine:
            for revision in range(20):
                row_id = patiently(partial(add, mine, event_id, revision))
                assert row_id is not None
                patiently(partial(mine.give_numbers, [(row_id, Lane.LIVE)]))
                patiently(partial(deliver, mine, row_id))

    threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(2 * DEADLINE_S)
    with sqlite3.connect(path) as reader:
        rows = reader.execute("SELECT id, event_id, revision, seq FROM alerts ORDER BY id").fetchall()
    assert [row[0] for row in rows] == list(range(1, 81))
    assert sorted(row[1:3] for row in rows) == [(name, revision) for name in "abcd" for revision in range(20)]
    assert sorted(row[3] for row in rows) == list(range(1, 81))  # no number was given twice


def test_an_outbox_used_from_another_thread_is_misuse(outbox: Outbox) -> None:
    caught: list[BaseException] = []

    def use() -> None:
        try:
            outbox.undelivered_count()
        except sqlite3.ProgrammingError as misuse:
            caught.append(misuse)

    thread = threading.Thread(target=use)
    thread.start()
    thread.join(10)
    assert len(caught) == 1


def test_an_unknown_phase_is_misuse_and_leaves_nothing(outbox: Outbox) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        add(outbox, "a", 0, "paused")
    assert outbox.undelivered_count() == 0
    assert add(outbox, "a", 0, "start") == 1


@pytest.mark.parametrize(("durable", "level"), [(True, 2), (False, 1)])
def test_every_commit_is_synced_unless_it_only_marks(tmp_path: Path, durable: bool, level: int) -> None:
    with Outbox.open(tmp_path / "outbox.db", durable=durable) as opened:
        connection = opened._connection
        assert connection.execute("PRAGMA synchronous").fetchone() == (level,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA page_size").fetchone() == (1024,)

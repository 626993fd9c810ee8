"""Numbers and receipts in the outbox: each lane counts by itself, over restarts, kills and full disks."""

from __future__ import annotations

import os
import select
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from gateway.contract.vocabulary import Lane
from gateway.delivery.outbox import Outbox
from gateway.delivery.outbox_fault import OutboxError, OutboxFault

CHILD_DEADLINE_S = 60.0
ROOM, DESK = "room", "desk"


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    with Outbox.open(tmp_path / "outbox.db") as opened:
        yield opened


def add(outbox: Outbox, *events: str) -> None:
    """One row an event."""
    for event in events:
        assert outbox.commit(b"{}", event, 0, "t", "end") is not None


def numbers(outbox: Outbox, lane: Lane) -> list[tuple[int, int]]:
    """(row id, number) of a lane."""
    return numbers_of(outbox._connection, lane)


def numbers_of(connection: sqlite3.Connection, lane: Lane) -> list[tuple[int, int]]:
    return connection.execute(
        "SELECT id, seq FROM alerts WHERE lane = ? ORDER BY id", (lane.value,)
    ).fetchall()


def test_each_lane_counts_up_by_one_from_one(outbox: Outbox) -> None:
    add(outbox, "a", "b", "c", "d", "e")
    assert outbox.last_numbers() == {Lane.LIVE: 0, Lane.HISTORICAL: 0}
    outbox.give_numbers([(1, Lane.HISTORICAL), (2, Lane.LIVE), (3, Lane.HISTORICAL)])
    outbox.give_numbers([(4, Lane.LIVE), (5, Lane.HISTORICAL)])
    assert numbers(outbox, Lane.LIVE) == [(2, 1), (4, 2)]
    assert numbers(outbox, Lane.HISTORICAL) == [(1, 1), (3, 2), (5, 3)]
    assert outbox.last_numbers() == {Lane.LIVE: 2, Lane.HISTORICAL: 3}
    assert outbox.unnumbered(0, 10) == []
    assert [row.row_id for row in outbox.undelivered(Lane.HISTORICAL, 1, 10)] == [3, 5]
    row = outbox.row(5)
    assert row is not None
    assert (row.lane, row.seq) == (Lane.HISTORICAL, 3)


def test_a_number_is_not_used_again_after_a_restart_or_when_its_row_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    with Outbox.open(path) as before:
        numbering = before.numbering
        add(before, "a", "b")
        before.give_numbers([(1, Lane.LIVE), (2, Lane.LIVE)])
        before.mark_acknowledged([1, 2], delivered=True)
        assert before.prune(keep_hours=0, keep_rows=0) == 2
    with Outbox.open(path) as after:
        assert after.numbering == numbering
        add(after, "c")
        after.give_numbers([(3, Lane.LIVE)])
        assert numbers(after, Lane.LIVE) == [(3, 3)]


def test_another_file_counts_under_another_name(tmp_path: Path) -> None:
    names = set()
    for number in range(20):
        with Outbox.open(tmp_path / f"{number}.db") as opened:
            names.add(opened.numbering)
    assert len(names) == 20
    assert all(len(name) == 16 and int(name, 16) >= 0 for name in names)


def test_a_damaged_file_is_followed_by_one_with_another_name(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    with Outbox.open(path) as before:
        numbering = before.numbering
    path.write_bytes(b"no database" * 500)
    with Outbox.open(path) as after:
        assert after.set_aside is not None
        assert after.numbering != numbering


def test_rows_are_found_by_their_numbers(outbox: Outbox) -> None:
    add(outbox, *"abcdef")
    outbox.give_numbers([(number, Lane.LIVE if number % 2 else Lane.HISTORICAL) for number in range(1, 7)])
    outbox.mark_acknowledged([3], delivered=True)

    def found(lane: Lane, first: int, last: int) -> list[int]:
        return [row.row_id for row in outbox.numbered(lane, first, last)]

    assert found(Lane.LIVE, 1, 3) == [1, 3, 5]
    assert found(Lane.HISTORICAL, 2, 99) == [4, 6]
    assert found(Lane.LIVE, 4, 9) == []


def test_lanes_in_use_are_those_of_undelivered_numbered_rows(outbox: Outbox) -> None:
    add(outbox, *"abcd")
    outbox.give_numbers([(1, Lane.LIVE), (2, Lane.HISTORICAL), (3, Lane.HISTORICAL)])
    outbox.mark_acknowledged([3], delivered=True)
    outbox.mark_acknowledged([1], delivered=False)
    assert outbox.lanes_in_use("abcdz") == {"a": Lane.LIVE, "b": Lane.HISTORICAL}
    assert outbox.lanes_in_use("b") == {"b": Lane.HISTORICAL}


def test_a_full_disk_gives_no_numbers_at_all(outbox: Outbox) -> None:
    for number in range(400):
        add(outbox, f"{number:0100d}")
    connection = outbox._connection
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(OutboxError, match="disk is full") as caught:
        outbox.give_numbers([(row_id, Lane.HISTORICAL) for row_id in range(1, 401)])
    assert caught.value.fault is OutboxFault.FULL
    assert outbox.last_numbers() == {Lane.LIVE: 0, Lane.HISTORICAL: 0}
    assert len(outbox.unnumbered(0, 1000)) == 400
    connection.execute("PRAGMA max_page_count = 100000")
    outbox.give_numbers([(row_id, Lane.HISTORICAL) for row_id in range(1, 401)])
    assert [seq for _, seq in numbers(outbox, Lane.HISTORICAL)] == list(range(1, 401))


# Receipts.


def received(outbox: Outbox, receiver: str, *events: str, names: frozenset[str]) -> list[tuple[str, bool]]:
    told = outbox.mark_received([(event, 0, receiver) for event in events], names)
    return [(event, told[event, 0]) for event in events if (event, 0) in told]


def test_one_receivers_word_delivers_where_one_is_named(outbox: Outbox) -> None:
    add(outbox, "a", "b")
    assert received(outbox, ROOM, "b", names=frozenset({ROOM})) == [("b", True)]
    assert [row.row_id for row in outbox.unnumbered(0, 10)] == [1]
    assert outbox._connection.execute("SELECT count(*) FROM receipts").fetchone() == (0,)


def test_all_receivers_named_have_to_tell_in_any_order_and_over_restarts(tmp_path: Path) -> None:
    path, names = tmp_path / "outbox.db", frozenset({ROOM, DESK, "tower"})
    with Outbox.open(path) as opened:
        add(opened, "a", "b")
        assert received(opened, DESK, "a", names=names) == [("a", False)]
    with Outbox.open(path) as opened:
        assert received(opened, DESK, "a", names=names) == [("a", False)]  # again: counts once
        assert received(opened, ROOM, "a", "b", names=names) == [("a", False), ("b", False)]
        assert opened.receivers_of(1) == {DESK, ROOM}
    with Outbox.open(path) as opened:
        assert received(opened, "tower", "a", names=names) == [("a", True)]
        assert opened.undelivered_count() == 1
        assert opened.receivers_of(1) == frozenset()
        assert opened.receivers_of(2) == {ROOM}


def test_receipts_in_one_go_are_taken_together(outbox: Outbox) -> None:
    names = frozenset({ROOM, DESK})
    add(outbox, "a", "b")
    told = outbox.mark_received(
        [("a", 0, ROOM), ("b", 0, DESK), ("a", 0, DESK), ("a", 7, DESK), ("z", 0, ROOM)], names
    )
    assert told == {("a", 0): True, ("b", 0): False}


def test_a_late_receipt_for_what_is_delivered_says_so(outbox: Outbox) -> None:
    names = frozenset({ROOM, DESK})
    add(outbox, "a")
    outbox.mark_acknowledged([1], delivered=True)
    assert received(outbox, ROOM, "a", names=names) == [("a", True)]
    assert outbox._connection.execute("SELECT count(*) FROM receipts").fetchone() == (0,)


def test_a_receiver_that_is_no_longer_named_holds_nothing_up(outbox: Outbox) -> None:
    add(outbox, "a")
    assert received(outbox, ROOM, "a", names=frozenset({ROOM, DESK})) == [("a", False)]
    assert received(outbox, ROOM, "a", names=frozenset({ROOM})) == [("a", True)]


def test_receipts_of_rows_that_are_pruned_go_with_them(outbox: Outbox) -> None:
    names = frozenset({ROOM, DESK})
    add(outbox, "a", "b")
    received(outbox, ROOM, "a", "b", names=names)
    outbox.mark_acknowledged([1], delivered=True)
    outbox.prune(keep_hours=0, keep_rows=0)
    assert outbox._connection.execute("SELECT alert_id FROM receipts").fetchall() == [(2,)]


def test_a_full_disk_takes_all_receipts_or_none(outbox: Outbox) -> None:
    names = frozenset({ROOM, DESK})
    events = [f"{number:032x}" for number in range(200)]
    add(outbox, *events)
    connection = outbox._connection
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")
    receipts = [(event, 0, ROOM) for event in events]
    with pytest.raises(OutboxError, match="disk is full"):
        outbox.mark_received(receipts, names)
    assert connection.execute("SELECT count(*) FROM receipts").fetchone() == (0,)
    connection.execute("PRAGMA max_page_count = 100000")
    assert set(outbox.mark_received(receipts, names).values()) == {False}


# Kill -9 at any moment.

COUNTER = """
import os, sys
from pathlib import Path
from random import Random
from gateway.contract.vocabulary import Lane
from gateway.delivery.outbox import Outbox
chance = Random(int(sys.argv[2]))
store = Outbox.open(Path(sys.argv[1]))
sender = Outbox.open(Path(sys.argv[1]), check=False, durable=False)
number = store.undelivered_count() + 10**6 * int(sys.argv[2])
while True:
    for _ in range(chance.randint(1, 5)):
        store.commit(b"x" * 300, f"ev-{number}", 0, "t", "end")
        number += 1
    rows = sender.unnumbered(0, 100)
    sender.give_numbers([(row.row_id, chance.choice(list(Lane))) for row in rows])
    last = sender.last_numbers()
    os.write(1, b"%d %d\\n" % (last[Lane.LIVE], last[Lane.HISTORICAL]))
    sender.mark_received([(row.event_id, row.revision, "room") for row in rows], frozenset({"room"}))
"""


def count_until_killed(path: Path, seed: int, rounds: int) -> tuple[int, int]:
    """Let a process number rows, kill -9 it after some rounds; the last numbers it told."""
    child = subprocess.Popen(
        [sys.executable, "-c", COUNTER, str(path), str(seed)],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    assert child.stdout is not None
    told = b""
    while told.count(b"\n") < rounds:
        ready, _, _ = select.select([child.stdout], [], [], CHILD_DEADLINE_S)
        assert ready, "the counter went silent"
        told += os.read(child.stdout.fileno(), 65536)
    child.send_signal(signal.SIGKILL)
    told += child.stdout.read()
    child.wait(CHILD_DEADLINE_S)
    child.stdout.close()
    live, historical = told[: told.rindex(b"\n")].split(b"\n")[-1].split()
    return int(live), int(historical)


def test_kill_9_neither_skips_nor_repeats_a_number(tmp_path: Path) -> None:
    path, chance = tmp_path / "outbox.db", Random(31)
    for lap in range(6):
        told = dict(zip(Lane, count_until_killed(path, lap, chance.randint(1, 40)), strict=True))
        with sqlite3.connect(path) as reader:
            counters = dict(reader.execute("SELECT name, number FROM counters").fetchall())
            for lane in Lane:
                given = [seq for _, seq in numbers_of(reader, lane)]
                assert counters[lane.value] >= told[lane]
                assert given == list(range(1, counters[lane.value] + 1))

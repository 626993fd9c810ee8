"""The receiver's store on disks that lie, fill up, refuse and tear, and under kill -9."""

from __future__ import annotations

import os
import resource
import select
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections import deque
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from control_room.ledger import Entry, Ledger
from control_room.ledger_error import LedgerError, LedgerFault
from gateway.contract.encoding import encode
from tests.support.alerts import story

CHILD_DEADLINE_S = 60.0
WRITER = """
import os, sys
from pathlib import Path
from control_room.ledger import Entry, Ledger
from gateway.contract.encoding import encode
from tests.support.alerts import story
ledger = Ledger.open(Path(sys.argv[1]))
number = int(sys.argv[2])
while True:
    ledger.commit([Entry(story(one), encode(story(one))) for one in (number, number + 1)])
    os.write(1, b"%d\\n" % (number + 1))
    number += 2
"""


def add(ledger: Ledger, number: int) -> None:
    ledger.commit([Entry(story(number), encode(story(number)))])


def numbers(ledger: Ledger) -> list[int]:
    return [int(event_id, 16) * 4 + revision for _, _, event_id, revision, _ in ledger.revisions()]


def in_child(work: Callable[[], None]) -> int:
    """Run work() in a forked child; its exit status (0: done, 9: raised)."""
    pid = os.fork()
    if pid == 0:
        status = 9
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def write_until_killed(path: Path, first: int, witnessed: int) -> int:
    """Let a process commit, kill -9 it once so many commits came out of it; the last number it told."""
    child = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), str(first)],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    assert child.stdout is not None
    told = b""
    while told.count(b"\n") < witnessed:
        ready, _, _ = select.select([child.stdout], [], [], CHILD_DEADLINE_S)
        assert ready, "the writer went silent"
        told += os.read(child.stdout.fileno(), 65536)
    child.send_signal(signal.SIGKILL)
    told += child.stdout.read()
    child.wait(CHILD_DEADLINE_S)
    child.stdout.close()
    return int(told[: told.rindex(b"\n")].split(b"\n")[-1])


def test_kill_9_loses_nothing_committed_and_halves_no_commit(tmp_path: Path) -> None:
    path, chance, following = tmp_path / "room.db", Random(20), 0
    for _ in range(6):
        last = write_until_killed(path, following, chance.randint(1, 40))
        with Ledger.open(path) as ledger:
            assert ledger.set_aside is None
            found = numbers(ledger)
            assert found == list(range(len(found)))
            assert len(found) in (last + 1, last + 3)
            assert len(ledger.open_events()) == (len(found) % 4 != 0)
        following = len(found)


@pytest.fixture
def torn(tmp_path: Path) -> tuple[Path, Path, list[int]]:
    """A store with its WAL as a power cut might leave them, and the WAL's size after each commit."""
    path, cut = tmp_path / "room.db", tmp_path / "cut"
    cut.mkdir()
    with Ledger.open(path) as ledger:
        for number in range(8):
            add(ledger, number)
        ledger._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        sizes = []
        for number in range(8, 20):
            add(ledger, number)
            sizes.append(path.with_name("room.db-wal").stat().st_size)
        for name in ("room.db", "room.db-wal"):
            shutil.copy(tmp_path / name, cut / name)
    return cut / "room.db", cut / "room.db-wal", sizes


def test_a_wal_torn_anywhere_keeps_every_commit_before_the_tear(torn: tuple[Path, Path, list[int]]) -> None:
    path, wal, sizes = torn
    database, whole, chance = path.read_bytes(), wal.read_bytes(), Random(4)
    anywhere = (chance.randrange(len(whole)) for _ in range(40))
    for place in sorted({0, 1, 31, 32, *sizes, *(size - 1 for size in sizes), *anywhere}):
        path.write_bytes(database)
        wal.write_bytes(whole[:place])
        with Ledger.open(path) as ledger:
            assert ledger.set_aside is None
            assert numbers(ledger) == list(range(8 + sum(size <= place for size in sizes)))


@pytest.mark.parametrize("damage", ["not a database", "cut in half", "pages overwritten"])
def test_a_damaged_store_is_set_aside_whole_and_a_new_one_started(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "room.db"
    with Ledger.open(path) as ledger:
        for number in range(100):
            add(ledger, number)
    good = path.read_bytes()
    bad = {
        "not a database": b"this is no database" * 1000,
        "cut in half": good[: len(good) // 2],
        "pages overwritten": good[:8192] + Random(6).randbytes(len(good) - 8192),
    }[damage]
    for time in (1, 2):
        path.write_bytes(bad)
        with Ledger.open(path) as ledger:
            assert ledger.set_aside is not None
            assert ledger.set_aside.kept_as == tmp_path / f"room.damaged-{time}.db"
            assert ledger.set_aside.kept_as.read_bytes() == bad
            assert "damaged" in str(ledger.set_aside)
            add(ledger, 0)
        with Ledger.open(path) as again:
            assert again.set_aside is None
            assert numbers(again) == [0]


def test_another_programs_database_and_a_newer_store_are_refused_and_left_alone(tmp_path: Path) -> None:
    foreign, newer = tmp_path / "foreign.db", tmp_path / "newer.db"
    with sqlite3.connect(foreign) as other:
        other.execute("CREATE TABLE recipes (name TEXT)")
    Ledger.open(newer).close()
    with sqlite3.connect(newer) as other:
        other.execute("PRAGMA user_version = 99")
    for path, fault in ((foreign, LedgerFault.FOREIGN), (newer, LedgerFault.NEWER)):
        before = path.read_bytes()
        with pytest.raises(LedgerError) as caught:
            Ledger.open(path)
        assert caught.value.fault is fault
        assert path.read_bytes() == before
        with pytest.raises(LedgerError) as again:  # the lock went with the failure
            Ledger.open(path)
        assert again.value.fault is fault


def test_a_full_disk_is_said_and_nothing_is_half_done(tmp_path: Path) -> None:
    path = tmp_path / "room.db"
    with Ledger.open(path) as ledger:
        add(ledger, 0)
        pages = ledger._connection.execute("PRAGMA page_count").fetchone()[0]
        ledger._connection.execute(f"PRAGMA max_page_count = {pages}")
        batch = [Entry(story(number), encode(story(number))) for number in range(1, 40)]
        with pytest.raises(LedgerError, match="disk is full") as caught:
            ledger.commit(batch)
        assert caught.value.fault is LedgerFault.FULL
        assert str(path) in str(caught.value)
        assert "Free space" in str(caught.value)
        assert numbers(ledger) == [0]
        ledger._connection.execute("PRAGMA max_page_count = 100000")
        ledger.commit(batch)
        assert numbers(ledger) == list(range(40))


def test_a_disk_error_is_said_and_what_was_committed_stays(tmp_path: Path) -> None:
    path = tmp_path / "room.db"

    def fill_to_the_limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        ledger = Ledger.open(path)
        for number in range(10):
            add(ledger, number)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
        with pytest.raises(LedgerError) as caught:
            deque((add(ledger, number) for number in range(10, 1000)), maxlen=0)
        assert caught.value.fault in (LedgerFault.DISK_ERROR, LedgerFault.FULL), caught.value

    assert in_child(fill_to_the_limit) == 0
    with Ledger.open(path) as ledger:
        found = numbers(ledger)
        assert ledger.set_aside is None
        assert found == list(range(len(found)))
        assert len(found) >= 10


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="cannot be opened or made") as caught:
        Ledger.open(tmp_path / "missing" / "room.db")
    assert caught.value.fault is LedgerFault.UNAVAILABLE

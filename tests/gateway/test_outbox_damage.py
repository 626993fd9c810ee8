"""The outbox on disks that lie, fill up, refuse and tear, and under kill -9."""

from __future__ import annotations

import os
import random
import resource
import select
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.delivery.outbox import Outbox
from gateway.delivery.outbox_fault import OutboxError, OutboxFault

CHILD_DEADLINE_S = 60.0


def add(outbox: Outbox, number: int, size: int = 200) -> int | None:
    """Alert `number`: events of four revisions, the last of which ends the event."""
    event, revision = divmod(number, 4)
    phase = ("start", "update", "update", "end")[revision]
    return outbox.commit(b"x" * size, f"ev-{event}", revision, "t", phase)


def numbers(outbox: Outbox) -> list[int]:
    return [int(row.event_id[3:]) * 4 + row.revision for row in outbox.unnumbered(0, 100_000)]


def in_child(work: object) -> int:
    """Run work() in a forked child; its exit status (0: done, 9: raised)."""
    pid = os.fork()
    if pid == 0:
        status = 9
        try:
            work()  # type: ignore[operator]
            status = 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


# Kill -9.

WRITER = """
import os, sys
from pathlib import Path
from gateway.delivery.outbox import Outbox
outbox = Outbox.open(Path(sys.argv[1]))
number = int(sys.argv[2])
while True:
    event, revision = divmod(number, 4)
    phase = ("start", "update", "update", "end")[revision]
    outbox.commit(b"x" * 300, f"ev-{event}", revision, "t", phase)
    os.write(1, b"%d\\n" % number)
    number += 1
"""


def write_until_killed(path: Path, first: int, witnessed: int) -> int:
    """Let a process commit, kill -9 it once `witnessed` commits came out of it; the last number it told."""
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


def test_kill_9_loses_no_committed_alert(tmp_path: Path) -> None:
    path, chance, following = tmp_path / "outbox.db", random.Random(20), 0
    for _ in range(8):
        last = write_until_killed(path, following, chance.randint(1, 60))
        with Outbox.open(path) as outbox:
            assert outbox.set_aside is None
            found = numbers(outbox)
            # Everything told is there; at most the one commit that was under way is there untold.
            assert found == list(range(len(found)))
            assert last + 1 <= len(found) <= last + 2
            still_open = [] if len(found) % 4 == 0 else [f"ev-{found[-1] // 4}"]
            assert [row.event_id for row in outbox.open_events()] == still_open
        following = len(found)


# Torn tails.


@pytest.fixture
def torn(tmp_path: Path) -> tuple[Path, Path, list[int]]:
    """A database with its WAL as a power cut might leave them, and the WAL's size after each commit."""
    path, cut = tmp_path / "outbox.db", tmp_path / "cut"
    cut.mkdir()
    with Outbox.open(path) as outbox:
        for number in range(8):
            add(outbox, number)
        outbox._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        sizes = []
        for number in range(8, 20):
            add(outbox, number)
            sizes.append(path.with_name("outbox.db-wal").stat().st_size)
        for name in ("outbox.db", "outbox.db-wal"):
            shutil.copy(tmp_path / name, cut / name)
    return cut / "outbox.db", cut / "outbox.db-wal", sizes


def test_a_wal_torn_anywhere_keeps_every_commit_before_the_tear(torn: tuple[Path, Path, list[int]]) -> None:
    path, wal, sizes = torn
    database, whole, chance = path.read_bytes(), wal.read_bytes(), random.Random(4)
    anywhere = (chance.randrange(len(whole)) for _ in range(60))
    for place in sorted({0, 1, 31, 32, *sizes, *(size - 1 for size in sizes), *anywhere}):
        path.write_bytes(database)
        wal.write_bytes(whole[:place])
        with Outbox.open(path) as outbox:
            assert outbox.set_aside is None
            assert numbers(outbox) == list(range(8 + sum(size <= place for size in sizes)))


def test_a_wal_garbled_anywhere_keeps_every_commit_before_it(torn: tuple[Path, Path, list[int]]) -> None:
    path, wal, sizes = torn
    database, whole, chance = path.read_bytes(), wal.read_bytes(), random.Random(5)
    for _ in range(60):
        place = chance.randrange(len(whole))
        garbled = bytearray(whole)
        garbled[place] ^= chance.randrange(1, 256)
        path.write_bytes(database)
        wal.write_bytes(garbled)
        with Outbox.open(path) as outbox:
            found = numbers(outbox)
            assert outbox.set_aside is None
            assert found == list(range(len(found)))
            assert len(found) >= 8 + sum(size <= place for size in sizes)


# Damaged files.


def filled(path: Path, alerts: int = 200) -> bytes:
    with Outbox.open(path) as outbox:
        for number in range(alerts):
            add(outbox, number)
    return path.read_bytes()


@pytest.mark.parametrize("damage", ["not a database", "cut in half", "pages overwritten"])
def test_a_damaged_file_is_set_aside_whole_and_a_new_one_started(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "outbox.db"
    good = filled(path)
    bad = {
        "not a database": b"this is no database" * 1000,
        "cut in half": good[: len(good) // 2],
        "pages overwritten": good[:8192] + random.Random(6).randbytes(len(good) - 8192),
    }[damage]
    path.write_bytes(bad)
    with Outbox.open(path) as outbox:
        assert outbox.set_aside is not None
        assert outbox.set_aside.kept_as.read_bytes() == bad
        assert outbox.set_aside.kept_as.parent == tmp_path
        assert "damaged" in str(outbox.set_aside)
        assert add(outbox, 0) == 1
    with Outbox.open(path) as again:
        assert again.set_aside is None
        assert numbers(again) == [0]


def test_the_wal_goes_aside_with_its_database(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    filled(path)
    path.write_bytes(b"no database" * 500)
    path.with_name("outbox.db-wal").write_bytes(b"its wal")
    with Outbox.open(path) as outbox:
        assert outbox.set_aside is not None
        kept = outbox.set_aside.kept_as
        assert kept.with_name(kept.name + "-wal").read_bytes() == b"its wal"
        assert add(outbox, 0) == 1


def test_an_emptied_file_does_not_cost_its_wal(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    path.touch()
    path.with_name("outbox.db-wal").write_bytes(b"committed alerts")
    with Outbox.open(path) as outbox:
        assert outbox.set_aside is not None
        kept = outbox.set_aside.kept_as
        assert kept.with_name(kept.name + "-wal").read_bytes() == b"committed alerts"


def test_an_empty_file_is_a_new_outbox(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    path.touch()
    with Outbox.open(path) as outbox:
        assert outbox.set_aside is None
        assert add(outbox, 0) == 1


def test_another_programs_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE recipes (name TEXT)")
    before = path.read_bytes()
    with pytest.raises(OutboxError, match="another program") as caught:
        Outbox.open(path)
    assert caught.value.fault is OutboxFault.FOREIGN
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["outbox.db"]


def test_a_newer_file_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    filled(path, 1)
    with sqlite3.connect(path) as newer:
        newer.execute("PRAGMA user_version = 99")
    with pytest.raises(OutboxError, match="newer version"):
        Outbox.open(path)
    assert path.exists()


# Disks that refuse.


def test_a_full_disk_is_said_and_nothing_is_half_done(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    with Outbox.open(path) as outbox:
        add(outbox, 0)
        pages = outbox._connection.execute("PRAGMA page_count").fetchone()[0]
        outbox._connection.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(OutboxError, match="disk is full") as caught:
            add(outbox, 1, size=100_000)
        assert caught.value.fault is OutboxFault.FULL
        assert str(path) in str(caught.value)
        assert "Free space" in str(caught.value)
        assert numbers(outbox) == [0]
        outbox._connection.execute("PRAGMA max_page_count = 100000")
        assert add(outbox, 1, size=100_000) == 2  # goes on once there is room, with the next number


def test_a_disk_error_is_said_and_what_was_committed_stays(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"

    def fill_to_the_limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        outbox = Outbox.open(path)
        for number in range(10):
            add(outbox, number)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
        with pytest.raises(OutboxError) as caught:
            deque((add(outbox, number) for number in range(10, 1000)), maxlen=0)
        assert caught.value.fault in (OutboxFault.DISK_ERROR, OutboxFault.FULL), caught.value

    assert in_child(fill_to_the_limit) == 0
    with Outbox.open(path) as outbox:
        found = numbers(outbox)
        assert outbox.set_aside is None
        assert found == list(range(len(found)))
        assert len(found) >= 10


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that a dropped user id can reach, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="outbox-"))
    folder.chmod(0o755)
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


def drop_rights() -> None:
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)


def test_no_right_to_make_the_file_is_said(open_folder: Path) -> None:
    open_folder.chmod(0o555)

    def work() -> None:
        drop_rights()
        with pytest.raises(OutboxError, match="cannot be opened or made") as caught:
            Outbox.open(open_folder / "outbox.db")
        assert "writable by the service" in str(caught.value)

    assert in_child(work) == 0


def test_a_read_only_file_is_said(open_folder: Path) -> None:
    path = open_folder / "outbox.db"
    filled(path, 3)
    path.chmod(stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH)
    open_folder.chmod(0o555)

    def work() -> None:
        drop_rights()
        with pytest.raises(OutboxError) as caught:
            add(Outbox.open(path), 3)
        assert caught.value.fault in (OutboxFault.READ_ONLY, OutboxFault.UNAVAILABLE), caught.value
        assert str(path) in str(caught.value)

    assert in_child(work) == 0


def test_a_file_kept_locked_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.delivery.outbox_file.LONGEST_WAIT_FOR_LOCK_S", 0.01)
    path = tmp_path / "outbox.db"
    with Outbox.open(path) as outbox:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(OutboxError, match="locked") as caught:
            add(outbox, 0)
        assert caught.value.fault is OutboxFault.BUSY
        other.execute("ROLLBACK")
        other.close()
        assert add(outbox, 0) == 1
        outbox.mark_acknowledged([1], delivered=True)


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(OutboxError, match="cannot be opened or made"):
        Outbox.open(tmp_path / "missing" / "outbox.db")

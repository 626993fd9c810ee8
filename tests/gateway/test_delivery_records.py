"""Records: kept by importance, bounded by bytes and hours of service, and no trouble for anything else."""

from __future__ import annotations

import os
import resource
import signal
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from gateway.delivery.broker_link import PRIMARY, Acknowledged, LinkPhase, LinkState, Token
from gateway.delivery.outbox_fault import OutboxError, OutboxFault
from gateway.delivery.path import Path as BrokerPath
from gateway.delivery.record_store import Record, RecordStore
from gateway.delivery.side_mail import MOST_UNSAVED, RecordMail
from gateway.delivery.state_board import Rank
from tests.support.courier_world import ScriptedLink

LIFECYCLE, HEALTH, TELEMETRY = Rank.LIFECYCLE, Rank.HEALTH, Rank.TELEMETRY
PLENTY = 1_000_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "records.db"


@pytest.fixture
def store(path: Path) -> Iterator[RecordStore]:
    opened = RecordStore.open(path, PLENTY)
    yield opened
    opened.close()


def record(name: str, rank: Rank = TELEMETRY, size: int = 10) -> Record:
    return Record(f"t/{name}", name.encode().ljust(size, b"."), rank)


def names(store: RecordStore) -> str:
    """Everything that waits, in order of sending, taken out."""
    found = ""
    while (stored := store.next()) is not None:
        found += stored.record.payload.decode().rstrip(".")
        store.delete(stored.record_id)
    return found


def of(path: Path, query: str) -> list[tuple[object, ...]]:
    with sqlite3.connect(path) as reader:
        return reader.execute(query).fetchall()


def test_the_most_important_leaves_first_and_the_oldest_of_those(store: RecordStore) -> None:
    store.put([record("a"), record("b", HEALTH), record("c", LIFECYCLE)])
    store.put([record("d"), record("e", LIFECYCLE), record("f", HEALTH)])
    assert names(store) == "cebfad"


def test_a_record_comes_back_as_it_was_put(store: RecordStore) -> None:
    given = Record("aggression/v1/s/g/record/level", b'{"x": 1}', LIFECYCLE)
    store.put([given])
    stored = store.next()
    assert stored is not None
    assert stored.record == given
    assert store.next() == stored  # until it is deleted
    store.delete(stored.record_id)
    assert store.next() is None


def test_records_survive_a_restart_with_their_order_and_their_size(path: Path) -> None:
    before = RecordStore.open(path, PLENTY)
    before.put([record("a", size=100), record("b", LIFECYCLE, size=50)])
    before.close()
    after = RecordStore.open(path, PLENTY)
    assert after.waiting_bytes == 150
    assert names(after) == "ba"
    assert after.waiting_bytes == 0
    after.close()


def test_what_there_is_no_room_for_goes_the_least_important_and_oldest_first(path: Path) -> None:
    store = RecordStore.open(path, most_bytes=50)
    store.put([record("a"), record("b", HEALTH), record("c", LIFECYCLE), record("d"), record("e", HEALTH)])
    assert store.waiting_bytes == 50
    store.put([record("f", LIFECYCLE)])  # a goes
    store.put([record("g")])  # d goes
    store.put([record("h", LIFECYCLE), record("i", LIFECYCLE)])  # g, then b
    assert (store.shed, store.waiting_bytes) == (4, 50)
    assert names(store) == "cfhie"
    store.close()


def test_a_newcomer_may_be_the_least_important_itself(path: Path) -> None:
    store = RecordStore.open(path, most_bytes=20)
    store.put([record("a", LIFECYCLE), record("b", LIFECYCLE)])
    store.put([record("c")])
    assert (store.shed, names(store)) == (1, "ab")
    store.put([record("huge", LIFECYCLE, size=100)])
    assert (store.shed, store.next(), store.waiting_bytes) == (2, None, 0)
    store.close()


def test_what_is_older_than_so_many_hours_of_service_goes(path: Path) -> None:
    store = RecordStore.open(path, PLENTY)
    store.put([record("a", LIFECYCLE)])
    store.count_hour(keep_hours=2)
    store.put([record("b")])
    store.count_hour(keep_hours=2)
    assert store.shed == 0
    store.close()
    store = RecordStore.open(path, PLENTY)  # hours count on
    store.count_hour(keep_hours=2)
    assert (store.shed, store.waiting_bytes) == (1, 10)
    assert names(store) == "b"
    store.close()


@pytest.mark.parametrize("seed", range(10))
def test_whatever_is_put_the_bounds_hold_and_the_rest_is_in_order(path: Path, seed: int) -> None:
    chance, most = Random(seed), 2000
    store = RecordStore.open(path, most)
    waiting: list[tuple[Rank, int, Record]] = []
    count, sent = 0, []
    for _ in range(150):
        if chance.random() < 0.6:
            batch = []
            for _ in range(chance.randint(1, 4)):
                count += 1
                batch.append(record(f"{count:04d}", chance.choice(list(Rank)), chance.randint(4, 200)))
                waiting.append((batch[-1].rank, count, batch[-1]))
            store.put(batch)
            while sum(len(one.payload) for _, _, one in waiting) > most:
                worst = max(rank for rank, _, _ in waiting)
                waiting.remove(next(one for one in waiting if one[0] is worst))
        elif (stored := store.next()) is not None:
            store.delete(stored.record_id)
            best = min(waiting, key=lambda one: one[:2])
            waiting.remove(best)
            sent.append(stored.record)
            assert stored.record == best[2]
        assert store.waiting_bytes == sum(len(one.payload) for _, _, one in waiting) <= most
    assert store.shed + len(sent) + len(waiting) == count
    store.close()


# Files and disks that are not as they should be.


@pytest.mark.parametrize(
    "damage", ["no database", "cut in half", "pages overwritten", "an inner page", "empty"]
)
def test_a_damaged_file_is_made_anew(path: Path, damage: str) -> None:
    store = RecordStore.open(path, PLENTY)
    store.put([record(f"{number}", size=500) for number in range(200)])
    store.close()
    good = path.read_bytes()
    garbage = Random(6).randbytes(len(good))
    path.write_bytes(
        {
            "no database": b"this is no database" * 1000,
            "cut in half": good[: len(good) // 2],
            "pages overwritten": good[:2048] + garbage[2048:],
            "an inner page": good[:20480] + garbage[20480:21504] + good[21504:],
            "empty": b"",
        }[damage]
    )
    store = RecordStore.open(path, PLENTY)
    store.put([record("a")])
    assert names(store) == "a"
    assert store.waiting_bytes == 0
    store.close()


def test_damage_that_shows_while_it_runs_is_told_once_and_then_made_anew(path: Path) -> None:
    store = RecordStore.open(path, PLENTY)
    store.put([record(f"{number}", size=500) for number in range(200)])
    other = sqlite3.connect(path)
    other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    other.close()
    size = path.stat().st_size
    path.write_bytes(path.read_bytes()[:1024] + b"\xff" * (size - 1024))
    with pytest.raises(OutboxError) as caught:
        names(store)
    assert caught.value.fault is OutboxFault.DAMAGED
    store.put([record("a")])
    assert names(store) == "a"
    store.close()


def test_another_programs_database_is_left_alone_and_said_with_each_use(path: Path) -> None:
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE recipes (name TEXT)")
    before = path.read_bytes()
    store = RecordStore.open(path, PLENTY)
    for _ in range(2):
        with pytest.raises(OutboxError, match="another program") as caught:
            store.put([record("a")])
        assert caught.value.fault is OutboxFault.FOREIGN
        assert str(path) in str(caught.value)
    with pytest.raises(OutboxError, match="another program"):
        store.next()
    store.close()
    assert path.read_bytes() == before


def test_a_file_that_can_not_be_made_yet_is_made_once_it_can(tmp_path: Path) -> None:
    path = tmp_path / "later" / "records.db"
    store = RecordStore.open(path, PLENTY)
    with pytest.raises(OutboxError, match="cannot be opened or made"):
        store.put([record("a")])
    path.parent.mkdir()
    store.put([record("b")])
    assert names(store) == "b"
    store.close()


def test_a_full_disk_takes_all_of_a_batch_or_nothing_and_sheds_nothing_for_it(path: Path) -> None:
    store = RecordStore.open(path, most_bytes=30_000)
    store.put([record("a", size=10_000), record("b", size=10_000)])
    connection = store._connection
    assert connection is not None
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")
    batch = [record("c", size=9_000), record("d", size=9_000)]
    for _ in range(3):
        with pytest.raises(OutboxError, match="disk is full"):
            store.put(batch)
        assert (store.waiting_bytes, store.shed) == (20_000, 0)
    connection.execute("PRAGMA max_page_count = 100000")
    store.put(batch)
    assert (store.shed, store.waiting_bytes) == (1, 28_000)
    assert names(store) == "bcd"
    store.close()


def test_a_disk_that_takes_nothing_takes_no_deletion_either_and_loses_no_record(path: Path) -> None:
    """In a child, as its file size is limited."""

    def work() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        store = RecordStore.open(path, PLENTY)
        store.put([record(name) for name in "abc"])
        stored = store.next()
        assert stored is not None
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
        with pytest.raises(OutboxError):
            store.delete(stored.record_id)
        with pytest.raises(OutboxError):
            store.put([record("d", size=50_000)])
        assert store.waiting_bytes == 30
        assert store.next() == stored
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        store.delete(stored.record_id)
        assert names(store) == "bc"

    pid = os.fork()
    if pid == 0:
        status = 9
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_a_kill_costs_no_record_and_leaves_a_file_that_opens(path: Path) -> None:
    pid = os.fork()
    if pid == 0:
        store = RecordStore.open(path, PLENTY)
        store.put([record(name) for name in "abc"])
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)
    store = RecordStore.open(path, PLENTY)
    assert names(store) == "abc"
    store.close()


def test_a_store_without_the_index_gets_it(path: Path) -> None:
    store = RecordStore.open(path, PLENTY)
    store.close()
    with sqlite3.connect(path) as older:
        older.execute("DROP INDEX records_by_rank")
    store = RecordStore.open(path, PLENTY)
    store.put([record("a")])
    store.close()
    assert of(path, "SELECT name FROM sqlite_schema WHERE type = 'index'") == [("records_by_rank",)]


# The way out.


class Mail:
    """A record mail on one scripted path."""

    def __init__(self, store: RecordStore) -> None:
        self.link = ScriptedLink(PRIMARY, connected=True, generation=1)
        self.path = BrokerPath(PRIMARY, self.link, "mqtt://broker")  # type: ignore[arg-type]
        self.path.changed(LinkState(LinkPhase.CONNECTED, 1, "mqtt://broker"), 0.0)
        self.mail = RecordMail(store)
        self.now_s = 0.0

    def send(self, most_rank: Rank | None = None) -> str:
        """What leaves now."""
        self.mail.send(self.path, most_rank, self.now_s)
        return "".join(one.payload.decode().rstrip(".") for one in self._take())

    def _take(self) -> list[object]:
        taken = list(self.link.pipe)
        self.link.pipe.clear()
        if taken:
            self.last = taken[-1].token
        return taken  # type: ignore[return-value]

    def acknowledge(self) -> bool:
        self.path.acknowledged(Acknowledged(self.last, 0), self.now_s)
        return self.mail.acknowledged(self.last, self.now_s)


class Refusing(RecordStore):
    """While `refuses` is set, writing fails as on a full disk."""

    refuses = False

    def put(self, records: object) -> None:
        self._maybe()
        super().put(records)  # type: ignore[arg-type]

    def delete(self, record_id: int) -> None:
        self._maybe()
        super().delete(record_id)

    def _maybe(self) -> None:
        if self.refuses:
            raise OutboxError(OutboxFault.FULL, self._path)


@pytest.fixture
def refusing(path: Path) -> Iterator[Refusing]:
    opened = Refusing.open(path, PLENTY)
    assert isinstance(opened, Refusing)
    yield opened
    opened.close()


def test_one_record_at_a_time_and_it_is_deleted_with_the_brokers_answer(store: RecordStore) -> None:
    out = Mail(store)
    out.mail.keep([record("a"), record("b", LIFECYCLE)], 0.0)
    assert out.send() == "b"
    assert out.send() == ""
    assert out.path.unanswered == 1
    assert not out.mail.acknowledged(Token(1, 999), 0.0)
    assert out.acknowledge()
    assert not out.acknowledge()
    assert out.send() == "a"
    assert out.acknowledge()
    assert out.send() == ""
    assert (out.mail.published, store.waiting_bytes) == (2, 0)


def test_a_record_waits_for_states_that_matter_more(store: RecordStore) -> None:
    out = Mail(store)
    out.mail.keep([record("a", HEALTH)], 0.0)
    assert out.send(LIFECYCLE) == ""
    assert out.send(HEALTH) == "a"
    out.acknowledge()
    out.mail.keep([record("b", HEALTH)], 0.0)
    assert out.send(TELEMETRY) == "b"


def test_a_lost_connection_sends_the_record_again(store: RecordStore) -> None:
    out = Mail(store)
    out.mail.keep([record("a")], 0.0)
    assert out.send() == "a"
    out.mail.lost("backup")
    assert out.send() == ""
    out.mail.lost(PRIMARY)
    assert out.send() == "a"


def test_a_record_too_large_for_the_broker_does_not_block_the_others(store: RecordStore) -> None:
    out = Mail(store)
    out.link.maximum_packet_size = 100
    out.mail.keep([record("huge", LIFECYCLE, size=5000), record("a")], 0.0)
    sent = "".join(out.send() for _ in range(3))
    assert sent == "a"
    out.acknowledge()
    assert store.next() is None


def test_records_the_disk_does_not_take_wait_in_memory_and_stand_as_a_fault(refusing: Refusing) -> None:
    out = Mail(refusing)
    refusing.refuses = True
    out.mail.keep([record("a")], 5.0)
    out.mail.keep([record("b", LIFECYCLE)], 6.0)
    assert out.mail.fault is not None
    assert (out.mail.fault[0].fault, out.mail.fault[1]) == (OutboxFault.FULL, 5.0)
    refusing.refuses = False
    out.mail.keep([], 7.0)
    assert out.mail.fault is None
    assert (out.send(), out.acknowledge(), out.send()) == ("b", True, "a")


def test_memory_is_bounded_and_the_least_important_goes_first(refusing: Refusing) -> None:
    out = Mail(refusing)
    refusing.refuses = True
    for number in range(MOST_UNSAVED):
        out.mail.keep([record(f"{number}", TELEMETRY if number % 2 else LIFECYCLE)], 0.0)
    out.mail.keep([record("x", LIFECYCLE), record("y", HEALTH)], 0.0)
    assert out.mail.dropped == out.mail.shed == 2
    refusing.refuses = False
    out.mail.keep([], 0.0)
    assert of(refusing._path, "SELECT count(*) FROM records WHERE rank = 2") == [(MOST_UNSAVED // 2 - 2,)]
    assert of(refusing._path, "SELECT topic FROM records WHERE rank = 2 ORDER BY id LIMIT 1") == [("t/5",)]


def test_what_the_disk_does_not_let_go_is_not_sent_over_and_over(refusing: Refusing) -> None:
    out = Mail(refusing)
    out.mail.keep([record("a"), record("b")], 0.0)
    assert out.send() == "a"
    refusing.refuses = True
    assert out.acknowledge()
    for _ in range(5):
        out.now_s += 1.0
        assert out.send() == ""
    assert out.mail.fault is not None
    refusing.refuses = False
    assert out.send() == "b"
    assert out.mail.fault is None


def test_hours_of_a_disk_that_takes_nothing_are_no_trouble(path: Path) -> None:
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE recipes (name TEXT)")
    out = Mail(RecordStore.open(path, PLENTY))
    out.mail.count_hour(10, 3.0)
    assert out.send() == ""
    assert out.mail.fault is not None
    assert (out.mail.fault[0].fault, out.mail.fault[1]) == (OutboxFault.FOREIGN, 3.0)

"""Receipts on their way to the disk, and faults in words for people."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.contract.types import Text
from gateway.contract.vocabulary import Confirm, Lane
from gateway.delivery import path_faults
from gateway.delivery.broker_link import LinkPhase, LinkState, Token
from gateway.delivery.disk_watch import DiskWatch
from gateway.delivery.outbox import Outbox
from gateway.delivery.outbox_fault import OutboxError, OutboxFault
from gateway.delivery.path_faults import (
    PathFault,
    disk_fault,
    link_faults,
    receiver_faults,
    records_fault,
    unreceived_faults,
)
from gateway.delivery.receipt_book import ReceiptBook
from gateway.delivery.receivers import ReceiverSight
from gateway.delivery.selftest import SelftestSchedule
from gateway.delivery.window import DeliveryWindow, WindowRules
from tests.support.alerts import alert, commit
from tests.support.courier_world import receipt

ROOM = "room"


class Books:
    """A receipt book over an outbox whose disk may refuse, and a window that has sent some rows."""

    def __init__(self, folder: Path, *names: str, rows: int = 5) -> None:
        self.outbox = Outbox.open(folder / "outbox.db", durable=False)
        self.window = DeliveryWindow(WindowRules(receivers=frozenset(names), most_in_flight=16))
        self.tests = SelftestSchedule(0.0, 0.0)
        self.book = ReceiptBook(self.outbox, self.window, self.tests, names, 2.0, 10.0)
        self.book.connected(0.0)
        for number in range(rows):
            row_id = commit(self.outbox, alert(number))
            assert row_id is not None
            self.outbox.give_numbers([(row_id, Lane.LIVE)])
        self.send(0.0)

    def send(self, now_s: float) -> list[int]:
        self.window.add(Lane.LIVE, self.outbox.undelivered(Lane.LIVE, self.window.after_id[Lane.LIVE], 100))
        sent = []
        while (candidate := self.window.next_row()) is not None:
            token = Token(1, len(sent) + round(1000 * now_s))
            self.window.sent(token, candidate, now_s)
            self.window.acknowledged(token, 0, now_s)
            sent.append(candidate.row.row_id)
        return sent

    def refuse(self, refuses: bool) -> None:
        if refuses:

            def mark(*_: object) -> dict[tuple[str, int], bool]:
                raise OutboxError(OutboxFault.FULL, self.outbox.path)

            self.outbox.mark_received = mark  # type: ignore[method-assign]
        else:
            del self.outbox.mark_received


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Books]:
    made = Books(tmp_path, ROOM)
    yield made
    made.outbox.close()


def test_receipts_are_noted_together_and_counted_once_everybody_told(books: Books) -> None:
    assert books.book.receipt(receipt(ROOM, alert(0), alert(1)), 1.0)
    assert books.book.receipt(receipt(ROOM, alert(1), alert(99)), 1.0)
    assert books.outbox.undelivered_count() == 5
    assert books.book.note(1.0) == 2
    assert books.outbox.undelivered_count() == 3
    assert books.window.to_mark == ()
    assert books.book.note(1.0) == 0


def test_a_stranger_is_nobody(books: Books) -> None:
    assert not books.book.receipt(receipt("stranger", alert(0)), 1.0)
    assert books.book.note(1.0) == 0
    assert books.outbox.undelivered_count() == 5


def test_what_the_disk_refused_is_noted_with_the_next_call(books: Books) -> None:
    books.refuse(True)
    for number in range(3):
        books.book.receipt(receipt(ROOM, alert(number)), 1.0)
        with pytest.raises(OutboxError):
            books.book.note(1.0)
    assert books.window.to_mark == (1, 2, 3)
    books.refuse(False)
    assert books.book.note(2.0) == 3
    assert books.window.to_mark == ()
    assert books.outbox.undelivered_count() == 2


def test_receipts_that_had_to_be_forgotten_are_asked_for_by_sending_again(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.delivery.receipt_book.MOST_UNNOTED", 2)
    books.refuse(True)
    for number in range(5):
        books.book.receipt(receipt(ROOM, alert(number)), 1.0)
        with pytest.raises(OutboxError):
            books.book.note(1.0)
    books.refuse(False)
    assert books.book.note(2.0) == 2
    assert books.send(2.0) == [1, 2, 3]
    books.book.receipt(receipt(ROOM, *(alert(number) for number in range(5))), 3.0)
    books.book.note(3.0)
    assert books.outbox.undelivered_count() == 0


def test_a_receipt_ends_a_test_once_everybody_has_told(tmp_path: Path) -> None:
    books = Books(tmp_path, ROOM, "desk")
    books.tests.begun(alert(0).event_id, 1, "2026-05-01T12:00:00.000Z", 0.0)
    books.book.receipt(receipt(ROOM, alert(0)), 1.0)
    books.book.note(1.0)
    assert books.tests.last is not None
    assert books.tests.last.took_s is None
    books.book.receipt(receipt("desk", alert(0)), 2.5)
    books.book.note(2.5)
    assert books.tests.last.took_s == 2.5
    health = books.book.health((), 2.5)
    assert health.last_test is not None
    assert (health.last_test.took_ms, health.confirm) == (2500, Confirm.RECEIPT)
    books.outbox.close()


def test_health_counts_what_each_receiver_lacks_from_the_first_moment(tmp_path: Path) -> None:
    books = Books(tmp_path, ROOM, "desk")
    books.book.receipt(receipt("desk", alert(0), alert(1)), 1.0)
    counted = {one.receiver: (one.answers, one.unreceived) for one in books.book.health((), 1.0).receivers}
    assert counted == {ROOM: (False, 5), "desk": (True, 3)}
    books.outbox.close()


def test_the_fault_of_what_is_not_received_stands_since_it_was_seen(books: Books) -> None:
    assert list(books.book.faults(10.0)) == [
        PathFault("receiver_silent", ROOM, 0.0, next(iter(books.book.faults(10.0))).message)
    ]
    since = {fault.code: fault.since_s for fault in books.book.faults(10.5)}
    assert since == {"receiver_silent": 0.0, "alert_not_received": 10.5}
    since = {fault.code: fault.since_s for fault in books.book.faults(60.0)}
    assert since["alert_not_received"] == 10.5
    books.book.receipt(receipt(ROOM, *(alert(number) for number in range(5))), 61.0)
    assert list(books.book.faults(61.0)) == []


# The disk.


def test_a_failure_of_the_disk_stands_from_the_first_to_a_round_without() -> None:
    watch, path = DiskWatch(), Path("outbox.db")
    first, second = OutboxError(OutboxFault.FULL, path), OutboxError(OutboxFault.DISK_ERROR, path)
    for now_s, problem in ((1.0, first), (2.0, second)):
        with watch.watching(now_s):
            raise problem
        with watch.watching(now_s):
            pass
        watch.round_over(now_s)
        assert watch.fault == (first, 1.0)
    watch.round_over(3.0)
    assert watch.fault is None


def test_only_what_the_disk_says_is_taken_for_a_failure_of_the_disk() -> None:
    watch = DiskWatch()
    with pytest.raises(ValueError, match="ours"), watch.watching(1.0):
        raise ValueError("ours")
    assert watch.fault is None


# Words.


def state(phase: LinkPhase, **fields: object) -> LinkState:
    return LinkState(phase, 1, "mqtts://broker:8883", **fields)  # type: ignore[arg-type]


def assert_speaks(text: Text) -> None:
    """Dutch and English, neither empty nor the same, and no English in the Dutch."""
    assert text.en
    assert text.nl
    assert text.en != text.nl
    assert not {"the", "and", "cannot", "disk", "is full"} & set(text.nl.split())


def test_a_link_is_a_fault_until_it_is_connected_and_hears() -> None:
    def codes(*states: LinkState) -> list[str]:
        return [fault.code for fault in link_faults(((one, 3.0) for one in states), 4.0)]

    assert codes(state(LinkPhase.CONNECTED), state(LinkPhase.STOPPED)) == []
    assert codes(state(LinkPhase.CONNECTED, hears=False)) == ["receipts_refused"]
    down = set(LinkPhase) - {LinkPhase.CONNECTED, LinkPhase.STOPPED}
    assert codes(*(state(phase) for phase in down)) == ["broker_lost"] * len(down)


def test_what_lasts_less_than_a_second_is_no_fault() -> None:
    connecting = [(state(LinkPhase.CONNECTING), 3.0)]
    assert list(link_faults(connecting, 3.9)) == []
    assert [fault.code for fault in link_faults(connecting, 4.0)] == ["broker_lost"]


def test_each_attempt_to_connect_is_the_same_fault() -> None:
    faults = [
        next(link_faults([(state(LinkPhase.UNREACHABLE, detail="refused", retry_in_s=retry_s), 3.0)], 4.0))
        for retry_s in (1.0, 17.0)
    ]
    assert faults[0] == faults[1]
    assert "refused" in faults[0].message.nl


@pytest.mark.parametrize("fault", list(OutboxFault), ids=lambda fault: fault.name)
def test_every_failure_of_the_disk_has_words_in_both_languages(fault: OutboxFault) -> None:
    problem = OutboxError(fault, Path("/data/outbox.db"), detail="")
    for said in (disk_fault(problem, 1.0), records_fault(problem, 1.0)):
        assert said.where == "/data/outbox.db"
        assert problem.what in said.message.en
        assert problem.what_nl in said.message.nl
        assert_speaks(said.message)


def test_every_other_fault_has_words_in_both_languages_and_its_place() -> None:
    silent = ReceiverSight(ROOM, 4.0, heard=True)
    faults = [
        *receiver_faults([silent, ReceiverSight("desk", None, heard=True)]),
        *unreceived_faults({ROOM: 3, "desk": 0}, {ROOM: 5.0}),
        *link_faults([(state(phase), 6.0) for phase in LinkPhase], 7.0),
        *link_faults([(state(LinkPhase.CONNECTED, hears=False), 6.0)], 7.0),
        path_faults.stranger_fault("mistyped", 6.5),
        path_faults.test_fault(7.0),
    ]
    assert [(fault.code, fault.where, fault.since_s) for fault in faults[:2]] == [
        ("receiver_silent", ROOM, 4.0),
        ("alert_not_received", ROOM, 5.0),
    ]
    for fault in faults:
        assert_speaks(fault.message)

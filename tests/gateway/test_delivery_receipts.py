"""The window with receivers: what they have not told of goes again, ever later, and nothing is forgotten."""

from __future__ import annotations

from itertools import pairwise

import pytest

from gateway.contract.vocabulary import Lane
from gateway.delivery.broker_link import Token
from gateway.delivery.outbox import RowKey
from gateway.delivery.window import Candidate, DeliveryWindow, Outcome, WindowRules

NOT_AUTHORISED = 0x87
ROOM, DESK = "room", "desk"


def rows(events: str, first: int = 1) -> list[RowKey]:
    """One row for each letter, revisions counted per event."""
    return [
        RowKey(first + at, event, events[:at].count(event), "update", "boot-1", 0.0)
        for at, event in enumerate(events)
    ]


class Sending:
    """A window and the one who empties it; `now_s` is its clock."""

    def __init__(self, *receivers: str, **rules: float) -> None:
        given = {"most_in_flight": 8, **rules}
        named = frozenset(receivers or (ROOM,))
        self.window = DeliveryWindow(WindowRules(receivers=named, **given))  # type: ignore[arg-type]
        self.now_s = 0.0
        self.flying: dict[int, Token] = {}
        self._messages = 0

    def add(self, events: str, lane: Lane = Lane.LIVE, first: int = 1) -> None:
        self.window.add(lane, rows(events, first))

    def send(self, now_s: float | None = None) -> list[int]:
        """Send what may go; the row ids."""
        self.now_s = self.now_s if now_s is None else now_s
        self.window.release_due(self.now_s)
        return [candidate.row.row_id for candidate in self._sendings()]

    def _sendings(self) -> list[Candidate]:
        found = []
        while (candidate := self.window.next_row()) is not None:
            self._messages += 1
            token = Token(1, self._messages)
            self.flying[candidate.row.row_id] = token
            self.window.sent(token, candidate, self.now_s)
            found.append(candidate)
        return found

    def acknowledge(self, *row_ids: int, reason: int = 0) -> list[Outcome]:
        return [
            self.window.acknowledged(self.flying.pop(row_id), reason, self.now_s)[0] for row_id in row_ids
        ]

    def through(self, now_s: float | None = None) -> list[int]:
        """Send and have the broker acknowledge until nothing more goes."""
        everything: list[int] = []
        while sent := self.send(now_s):
            everything += sent
            self.acknowledge(*sent)
        return everything


def test_the_brokers_word_is_not_delivery() -> None:
    sending = Sending()
    sending.add("a")
    assert sending.through() == [1]
    assert sending.window.to_mark == ()
    assert not sending.window.idle
    assert sending.window.told("a", 0, ROOM) == 1
    assert sending.window.to_mark == (1,)
    sending.window.marked((1,))
    assert sending.window.idle
    assert sending.send(1e6) == []


def test_every_receiver_has_to_tell() -> None:
    sending = Sending(ROOM, DESK)
    sending.add("a")
    sending.through()
    assert sending.window.told("a", 0, ROOM) is None
    assert sending.window.told("a", 0, ROOM) is None
    assert sending.send(10.0) == [1]
    assert sending.window.told("a", 0, DESK) == 1


def test_somebody_elses_word_does_not_count() -> None:
    sending = Sending(ROOM)
    sending.add("a")
    sending.through()
    assert sending.window.told("a", 0, "stranger") is None
    assert sending.window.told("b", 0, ROOM) is None
    assert sending.window.told("a", 1, ROOM) is None
    assert sending.send(10.0) == [1]


def test_a_receipt_may_be_quicker_than_the_broker() -> None:
    sending = Sending()
    sending.add("a")
    sending.send()
    assert sending.window.told("a", 0, ROOM) == 1
    assert sending.acknowledge(1) == [Outcome.ACCEPTED]
    sending.window.marked((1,))
    assert sending.window.idle
    assert sending.window.next_due_s() is None


def test_what_is_not_received_goes_again_after_ten_seconds_then_at_doubling_intervals() -> None:
    sending = Sending(most_retry_s=100.0)
    sending.add("a")
    sending.through()
    sent_s = [0.0]
    for _ in range(6):
        due_s = sending.window.next_due_s()
        assert due_s is not None
        assert sending.through(due_s - 0.001) == []
        assert sending.through(due_s) == [1]
        sent_s.append(due_s)
    waits = [later - earlier for earlier, later in pairwise(sent_s)]
    assert waits == [10.0, 20.0, 40.0, 80.0, 100.0, 100.0]


def test_the_wait_counts_from_the_sending_and_starts_with_the_brokers_answer() -> None:
    sending = Sending()
    sending.add("a")
    sending.send(5.0)
    assert sending.window.next_due_s() is None  # in flight: the connection's business
    sending.now_s = 7.0
    sending.acknowledge(1)
    assert sending.window.next_due_s() == 15.0


def test_when_everything_due_was_released_nothing_is_due_before_later() -> None:
    sending = Sending()
    sending.add("abc")
    sending.through()
    sending.window.release_due(10.0)
    assert sending.window.next_due_s() is None
    assert sending.send(10.0) == [1, 2, 3]
    sending.acknowledge(1, 2, 3)
    assert sending.window.next_due_s() == 30.0


def test_what_is_not_received_goes_before_a_newer_revision_of_its_event() -> None:
    sending = Sending()
    sending.add("a")
    sending.through()
    sending.window.add(Lane.LIVE, [RowKey(2, "a", 1, "end", "boot-1", 0.0)])
    assert sending.through(10.0) == [1, 2]


def test_what_is_not_received_lets_live_alerts_of_other_events_pass() -> None:
    sending = Sending(most_in_flight=2)
    sending.add("abc")
    sending.through()
    sending.add("xyz", first=11)
    assert sending.through(10.0) == [11, 12, 13, 1, 2, 3]


def test_what_is_not_received_goes_live_first_and_in_order_of_commit() -> None:
    sending = Sending()
    sending.add("ab", Lane.HISTORICAL, first=1)
    sending.add("cd", Lane.LIVE, first=3)
    assert sorted(sending.through()) == [1, 2, 3, 4]
    assert sending.through(10.0) == [3, 4, 1, 2]


def test_two_revisions_that_are_due_go_one_after_the_other() -> None:
    sending = Sending()
    sending.add("aa")
    assert sending.through() == [1, 2]
    assert sending.send(10.0) == [1]
    sending.acknowledge(1)
    assert sending.send() == [2]


def test_a_receipt_between_due_and_sending_saves_the_sending() -> None:
    sending = Sending()
    sending.add("ab")
    sending.through()
    sending.window.release_due(10.0)
    assert sending.window.told("a", 0, ROOM) == 1
    assert sending.through(10.0) == [2]


def test_a_receiver_that_is_back_gets_everything_at_once() -> None:
    sending = Sending()
    sending.add("abc")
    sending.through()
    sending.through(10.0)
    sending.now_s = 15.0
    assert sending.window.told("b", 0, ROOM) == 2
    sending.window.all_due(15.0)
    assert sending.through(15.0) == [1, 3]


def test_a_receiver_that_is_back_is_not_sent_what_is_on_its_way() -> None:
    sending = Sending()
    sending.add("ab")
    sending.send(0.0)
    sending.acknowledge(1)
    sending.window.all_due(1.0)
    assert sending.through(1.0) == []  # the one a moment old, the other in flight
    sending.acknowledge(2)
    assert sending.through(1.9) == []
    assert sending.through(2.0) == [1]  # it had come too early, and does not wait for its next time
    assert sending.through(9.9) == []
    assert sending.through(10.0) == [2]


def test_what_was_sent_again_just_before_a_receiver_is_back_does_not_wait_for_its_doubled_time() -> None:
    sending = Sending()
    sending.add("a")
    sending.through(0.0)
    assert sending.through(10.0) == [1]
    sending.window.all_due(11.0)
    assert sending.through(11.9) == []
    assert sending.through(12.0) == [1]


# A backlog.


def test_a_backlog_goes_at_the_pace_of_the_receivers() -> None:
    sending = Sending(most_unreceived=5)
    sending.add("abcdefgh", Lane.HISTORICAL)
    assert sending.through() == [1, 2, 3, 4, 5]
    assert not sending.window.wants_rows(Lane.HISTORICAL)
    sending.window.told("c", 0, ROOM)
    assert sending.through() == [6]
    for event in "abdef":
        sending.window.told(event, 0, ROOM)
    assert sending.through() == [7, 8]


def test_live_alerts_do_not_wait_for_a_backlogs_receipts() -> None:
    sending = Sending(most_unreceived=2)
    sending.add("abc", Lane.HISTORICAL)
    assert sending.through() == [1, 2]
    sending.add("xyzuvw", first=11)
    assert sending.through() == [11, 12, 13, 14, 15, 16]


def test_a_backlogs_rows_are_sent_again_while_it_waits() -> None:
    sending = Sending(most_unreceived=2)
    sending.add("abc", Lane.HISTORICAL)
    sending.through()
    assert sending.through(10.0) == [1, 2]


# Bounds.


def test_a_full_window_still_sends_again_what_was_not_received(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.delivery.window.MOST_IN_PLAY", 3)
    sending = Sending()
    sending.add("abcde")
    assert sending.through() == [1, 2, 3]
    assert sending.through(10.0) == [1, 2, 3]
    for event in "abc":
        sending.window.told(event, 0, ROOM)
    assert sending.through(11.0) == [4, 5]


def test_marks_that_cannot_be_written_stop_what_is_new() -> None:
    sending = Sending()
    window = sending.window
    for number in range(1000):
        window.add(Lane.LIVE, [RowKey(number + 1, f"e{number}", 0, "end", "boot-1", 0.0)])
        sending.through()
        window.told(f"e{number}", 0, ROOM)
    sending.add("z", first=2000)
    assert sending.through() == []
    window.marked([1])
    assert sending.through() == [2000]


# Asked again.


def again(sending: Sending, events: str, first: int = 1, lane: Lane = Lane.LIVE) -> int:
    return sending.window.ask_again(lane, rows(events, first))


def test_a_delivered_row_that_is_asked_for_goes_once_and_is_not_waited_for() -> None:
    sending = Sending()
    assert again(sending, "ab") == 2
    assert sending.send() == [1, 2]
    assert sending.window.to_mark == ()
    sending.acknowledge(1, 2)
    assert sending.window.idle
    assert sending.window.next_due_s() is None


@pytest.mark.parametrize("reason", [0, NOT_AUTHORISED])
def test_an_undelivered_row_that_is_asked_for_is_still_sent_until_it_is_received(reason: int) -> None:
    sending = Sending()
    sending.add("a")
    sending.through()
    again(sending, "a")
    assert sending.send(1.0) == [1]
    sending.acknowledge(1, reason=reason)
    assert sending.window.next_due_s() == 10.0
    assert sending.through(10.0) == [1]
    assert sending.window.told("a", 0, ROOM) == 1


def test_a_copy_that_is_asked_for_may_be_on_its_way_when_the_next_one_is_due() -> None:
    sending = Sending()
    sending.add("a")
    sending.through()
    again(sending, "a")
    assert sending.send(9.0) == [1]
    assert sending.send(10.0) == []
    sending.acknowledge(1)
    assert sending.through(10.5) == [1]
    assert sending.window.next_due_s() == 30.5


def test_what_is_asked_for_waits_for_live_alerts_and_goes_before_a_backlog() -> None:
    sending = Sending(most_in_flight=1)
    sending.add("bcd", Lane.HISTORICAL, first=21)
    sending.add("xy", first=11)
    again(sending, "a")
    assert sending.through() == [11, 12, 1, 21, 22, 23]


def test_what_is_asked_for_waits_for_its_events_revision_in_flight() -> None:
    sending = Sending()
    sending.window.add(Lane.LIVE, [RowKey(2, "a", 1, "update", "boot-1", 0.0)])
    assert sending.send() == [2]
    again(sending, "a")
    assert sending.send() == []
    sending.acknowledge(2)
    assert sending.send() == [1]


def test_what_is_asked_for_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.delivery.window.MOST_AGAIN", 3)
    sending = Sending()
    assert again(sending, "abcde") == 3
    assert sending.through() == [1, 2, 3]


def test_what_is_asked_for_and_refused_is_left_to_whoever_asked() -> None:
    sending = Sending()
    again(sending, "a")
    sending.send()
    assert sending.acknowledge(1, reason=NOT_AUTHORISED) == [Outcome.REFUSED]
    assert sending.window.idle
    assert sending.through(1e6) == []


# Refused, put back, forgotten.


def test_a_refused_repetition_is_read_again_from_the_outbox() -> None:
    sending = Sending(first_refused_s=1.0)
    sending.add("a")
    sending.through()
    sending.send(10.0)
    assert sending.acknowledge(1, reason=NOT_AUTHORISED) == [Outcome.REFUSED]
    sending.window.release_due(11.0)
    assert sending.window.wants_rows(Lane.LIVE)
    sending.add("a")
    assert sending.send(11.0) == [1]


@pytest.mark.parametrize("asked", [True, False])
def test_an_older_revision_that_goes_again_does_not_free_the_one_that_was_refused(asked: bool) -> None:
    sending = Sending(first_refused_s=20.0)
    sending.add("aaa")
    assert sending.send() == [1]
    sending.acknowledge(1)
    assert sending.send() == [2]
    sending.acknowledge(2, reason=NOT_AUTHORISED)
    if asked:
        again(sending, "a")
    assert set(sending.through(10.0)) == {1}
    assert sending.through(19.9) == []
    sending.window.release_due(20.0)
    assert sending.window.wants_rows(Lane.LIVE)
    sending.add("aaa")
    assert sending.through(20.0) == [1, 2, 3], "what nobody confirmed yet goes before what came after it"


def test_what_was_not_received_goes_before_a_newer_revision_of_its_event() -> None:
    """A receiver that was away must not meet the end of an event before its start."""
    sending = Sending()
    sending.add("a")
    assert sending.through(0.0) == [1]
    sending.window.add(Lane.LIVE, rows("aab", 1)[1:])
    assert sending.through(1.0) == [2, 3], "a receipt may still be on the way"
    sending.window.add(Lane.LIVE, [RowKey(4, "a", 2, "update", "boot-1", 0.0)])
    assert sending.through(5.0) == [1, 2, 4]
    sending.window.told("a", 0, ROOM)
    sending.window.told("a", 1, ROOM)
    sending.window.add(Lane.LIVE, [RowKey(5, "a", 3, "end", "boot-1", 0.0)])
    assert sending.through(9.0) == [4, 5]


def test_a_repetition_that_could_not_be_sent_goes_first_again() -> None:
    sending = Sending()
    sending.add("ab")
    sending.through()
    again(sending, "z", first=9)
    sending.window.release_due(10.0)
    for _ in range(2):
        candidate = sending.window.next_row()
        assert candidate is not None
        assert (candidate.row.row_id, candidate.attempt) == (1, 1)
        sending.window.put_back(candidate)
    assert sending.through(10.0) == [1, 2, 9]


def test_a_row_that_turns_out_to_be_delivered_is_out_of_play() -> None:
    sending = Sending()
    sending.add("a")
    sending.through()
    sending.window.release_due(10.0)
    candidate = sending.window.next_row()
    assert candidate is not None
    sending.window.forget(candidate)
    assert sending.window.idle
    assert sending.window.told("a", 0, ROOM) is None


def test_a_lost_connection_starts_over_with_the_oldest() -> None:
    sending = Sending()
    sending.add("ab")
    sending.through()
    sending.window.start_over()
    assert sending.window.next_due_s() is None
    sending.add("ab")
    assert sending.through(1.0) == [1, 2]
    assert sending.window.next_due_s() == 11.0  # the first of new attempts


# What is known of it.


def test_what_a_receiver_has_not_told_of_in_time_is_counted() -> None:
    sending = Sending(ROOM, DESK)
    sending.add("ab")
    sending.through(0.0)
    sending.add("c", first=3)
    sending.through(8.0)
    sending.window.told("a", 0, DESK)
    assert sending.window.unreceived(5.0, 10.0) == {ROOM: 0, DESK: 0}
    assert sending.window.unreceived(11.0, 10.0) == {ROOM: 2, DESK: 1}
    assert sending.window.unreceived(19.0, 10.0) == {ROOM: 3, DESK: 2}
    sending.through(20.0)  # sent again: late all the same
    assert sending.window.unreceived(20.0, 10.0) == {ROOM: 3, DESK: 2}


def test_what_the_broker_has_is_told_to_the_outbox_once_when_receipts_take_their_time() -> None:
    sending = Sending()
    sending.add("ab")
    sending.through()
    sending.window.told("b", 0, ROOM)
    assert sending.window.to_mark_acknowledged(4.9, after_s=5.0) == ()
    assert sending.window.to_mark_acknowledged(5.0, after_s=5.0) == (1,)
    assert sending.window.to_mark_acknowledged(50.0, after_s=5.0) == ()


# Rows that the disk did not number.


def unnumbered(sending: Sending, events: str, first: int = 1) -> None:
    sending.window.add_unnumbered(rows(events, first))


def test_a_row_without_a_number_leaves_all_the_same() -> None:
    sending = Sending()
    unnumbered(sending, "ab")
    assert sending.through() == [1, 2]
    assert sending.through(10.0) == [1, 2]  # and is sent again
    assert sending.window.told("a", 0, ROOM) == 1


def test_a_row_without_a_number_may_be_offered_again_and_again() -> None:
    sending = Sending()
    for _ in range(3):
        unnumbered(sending, "ab")
    assert sending.send() == [1, 2]
    unnumbered(sending, "abc")
    assert sending.send() == [3]
    sending.acknowledge(1, 2, 3)
    sending.window.told("a", 0, ROOM)
    unnumbered(sending, "abc")
    assert sending.send() == []  # delivered, though the outbox does not know


def test_a_row_that_gets_its_number_while_it_waits_goes_once_by_its_lane() -> None:
    sending = Sending(most_in_flight=1)
    unnumbered(sending, "abc")
    assert sending.send() == [1]
    sending.window.read_again()
    sending.add("abc")
    sending.acknowledge(1)
    assert sending.through() == [2, 3]
    sending.window.read_again()
    assert sending.through() == []

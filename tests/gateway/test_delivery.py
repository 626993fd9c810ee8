"""What goes out next: order, one revision of an event at a time, refusals, lost connections. No broker."""

from __future__ import annotations

from random import Random

import pytest

from gateway.delivery.broker_link import NO_MATCHING_SUBSCRIBERS, Token
from gateway.delivery.outbox import OutboxRow
from gateway.delivery.window import DeliveryWindow, Outcome

NOT_AUTHORISED = 0x87


def rows(*events: str) -> list[OutboxRow]:
    """One row for each letter, revisions counted per event."""
    count: dict[str, int] = {}
    made = []
    for row_id, event in enumerate("".join(events), start=1):
        revision = count.get(event, 0)
        count[event] = revision + 1
        made.append(OutboxRow(row_id, event, revision, f"t/{event}", "update", b"{}"))
    return made


def send_all(window: DeliveryWindow, now_s: float = 0.0, generation: int = 1) -> list[int]:
    """Send until the window says wait; the ids, which are also the message ids."""
    sent = []
    while (row := window.next_row()) is not None:
        window.sent(Token(generation, row.row_id), row, now_s)
        sent.append(row.row_id)
    return sent


def test_rows_leave_in_order_up_to_the_limit() -> None:
    window = DeliveryWindow(3)
    window.add(rows("abcde"))
    assert send_all(window) == [1, 2, 3]
    assert window.acknowledged(Token(1, 2), 0, 0.0) is Outcome.ACCEPTED
    assert send_all(window) == [4]
    assert window.in_flight == 3


@pytest.mark.parametrize("limit", [0, 17, -1])
def test_the_limit_has_bounds(limit: int) -> None:
    with pytest.raises(ValueError, match="1 to 16"):
        DeliveryWindow(limit)


def test_the_broker_may_allow_fewer() -> None:
    window = DeliveryWindow(8)
    window.limit(2)
    window.add(rows("abcde"))
    assert send_all(window) == [1, 2]
    window.limit(0)
    window.acknowledged(Token(1, 1), 0, 0.0)
    window.acknowledged(Token(1, 2), 0, 0.0)
    assert send_all(window) == [3]


def test_the_next_revision_waits_for_the_answer_and_all_behind_it_wait_too() -> None:
    window = DeliveryWindow(8)
    window.add(rows("aabc"))
    assert send_all(window) == [1]
    assert not window.wants_rows
    window.acknowledged(Token(1, 1), 0, 0.0)
    assert send_all(window) == [2, 3, 4]


def test_nobody_listening_counts_as_taken_by_the_broker() -> None:
    window = DeliveryWindow(1)
    window.add(rows("a"))
    send_all(window)
    assert window.acknowledged(Token(1, 1), NO_MATCHING_SUBSCRIBERS, 0.0) is Outcome.ACCEPTED_UNHEARD
    assert window.to_mark == (1,)


def test_a_row_is_only_done_once_it_is_marked() -> None:
    window = DeliveryWindow(2)
    window.add(rows("ab"))
    send_all(window)
    window.acknowledged(Token(1, 2), 0, 0.0)
    window.acknowledged(Token(1, 1), 0, 0.0)
    assert window.to_mark == (1, 2)
    assert not window.idle
    window.connection_lost()
    window.add(rows("ab"))  # the outbox could not be told, so it still offers them
    assert send_all(window) == []
    window.marked((1, 2))
    assert window.idle


def test_a_refused_row_holds_its_event_back_and_no_other() -> None:
    window = DeliveryWindow(4, first_retry_s=1.0)
    window.add(rows("abab"))
    assert send_all(window) == [1, 2]
    assert window.acknowledged(Token(1, 1), NOT_AUTHORISED, 10.0) is Outcome.REFUSED
    window.acknowledged(Token(1, 2), 0, 10.0)
    assert send_all(window) == [4]
    assert window.to_mark == (2,)
    assert window.next_due_s() == 11.0
    window.release_due(10.9)
    assert not window.wants_rows or window.after_id == 4
    window.release_due(11.0)
    assert window.after_id == 0
    window.add([row for row in rows("abab") if row.row_id != 2])
    assert send_all(window, 11.0) == [1]
    window.acknowledged(Token(1, 1), 0, 11.0)
    assert send_all(window, 11.0) == [3]


def test_refusals_are_tried_again_ever_more_slowly() -> None:
    window = DeliveryWindow(1, first_retry_s=1.0, most_retry_s=5.0)
    now_s, waits = 0.0, []
    for _ in range(5):
        window.add(rows("a"))
        send_all(window, now_s)
        window.acknowledged(Token(1, 1), NOT_AUTHORISED, now_s)
        due_s = window.next_due_s()
        assert due_s is not None
        waits.append(due_s - now_s)
        now_s = due_s
        window.release_due(now_s)
    assert waits == [1.0, 2.0, 4.0, 5.0, 5.0]


def test_a_lost_connection_sends_what_was_not_acknowledged_again_from_the_first() -> None:
    window = DeliveryWindow(4)
    window.add(rows("abcd"))
    send_all(window)
    window.acknowledged(Token(1, 2), 0, 0.0)
    window.marked((2,))
    window.connection_lost()
    assert window.after_id == 0
    window.add([row for row in rows("abcd") if row.row_id != 2])
    assert send_all(window, generation=2) == [1, 3, 4]
    assert window.acknowledged(Token(1, 3), 0, 0.0) is Outcome.STALE
    assert window.in_flight == 3


def test_a_row_that_could_not_be_sent_goes_first_again() -> None:
    window = DeliveryWindow(2)
    window.add(rows("ab"))
    row = window.next_row()
    assert row is not None
    window.put_back(row)
    assert send_all(window) == [1, 2]


def test_silence_is_measured_from_the_first_unanswered_row() -> None:
    window = DeliveryWindow(2)
    assert window.oldest_in_flight_s(100.0) == 0.0
    window.add(rows("ab"))
    send_all(window, 10.0)
    assert window.oldest_in_flight_s(25.0) == 15.0


def test_too_many_refusals_stop_the_lane_until_one_may_be_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("gateway.delivery.window.MOST_HELD", 3)
    window = DeliveryWindow(1, first_retry_s=1.0)
    window.add(rows("abcde"))
    for row_id in (1, 2, 3):
        assert send_all(window) == [row_id]
        window.acknowledged(Token(1, row_id), NOT_AUTHORISED, 0.0)
    assert send_all(window) == []
    assert not window.wants_rows
    window.release_due(1.0)
    window.add(rows("abcde"))
    assert send_all(window, 1.0) == [1]


def test_too_many_rows_that_cannot_be_marked_stop_the_lane(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.delivery.window.MOST_UNMARKED", 2)
    window = DeliveryWindow(1)
    window.add(rows("abc"))
    for row_id in (1, 2):
        assert send_all(window) == [row_id]
        window.acknowledged(Token(1, row_id), 0, 0.0)
    assert send_all(window) == []
    window.marked((1,))
    assert send_all(window) == [3]


class Broker:
    """A model of outbox, network and broker under a seeded script of faults."""

    def __init__(self, seed: int) -> None:
        self.chance = Random(seed)
        self.window = DeliveryWindow(self.chance.randint(1, 16), first_retry_s=1.0, most_retry_s=8.0)
        self.rows: list[OutboxRow] = []
        self.sent_marks: set[int] = set()
        self.delivered: list[OutboxRow] = []
        self.pipe: list[tuple[Token, OutboxRow]] = []
        self.answers: list[tuple[Token, int]] = []
        self.now_s, self.generation, self.next_id = 0.0, 1, 1

    def commit(self) -> None:
        event = self.chance.choice("abcdef")
        revision = sum(row.event_id == event for row in self.rows)
        self.rows.append(OutboxRow(len(self.rows) + 1, event, revision, "t", "update", b""))

    def pump(self) -> None:
        """What the publisher does in a round."""
        self.window.marked(self.window.to_mark)
        self.window.release_due(self.now_s)
        while True:
            row = self.window.next_row()
            if row is not None:
                token = Token(self.generation, self.next_id)
                self.next_id += 1
                self.window.sent(token, row, self.now_s)
                self.pipe.append((token, row))
                continue
            unsent = [
                row
                for row in self.rows
                if row.row_id not in self.sent_marks and row.row_id > self.window.after_id
            ]
            if not self.window.wants_rows or not unsent:
                return
            self.window.add(unsent[:5])

    def process(self, refusing: bool) -> None:
        """The broker takes the next packet."""
        token, row = self.pipe.pop(0)
        if refusing and self.chance.random() < 0.3:
            self.answers.append((token, NOT_AUTHORISED))
            return
        self.delivered.append(row)
        self.answers.append((token, 0))

    def answer(self) -> None:
        token, reason = self.answers.pop(0)
        before = set(self.window.to_mark)
        self.window.acknowledged(token, reason, self.now_s)
        self.sent_marks |= set(self.window.to_mark) - before

    def lose(self) -> None:
        self.pipe.clear()
        self.answers.clear()
        self.generation += 1
        self.window.connection_lost()

    def run(self, steps: int, *, refusing: bool, losing: bool) -> None:
        for _ in range(steps):
            self.now_s += 0.1
            action = self.chance.random()
            if action < 0.25 and len(self.rows) < 60:
                self.commit()
            if action > 0.97 and losing:
                self.lose()
            self.pump()
            if self.pipe and self.chance.random() < 0.7:
                self.process(refusing)
            if self.answers and self.chance.random() < 0.7:
                self.answer()
            assert self.window.in_flight <= 16
        self.now_s += 100.0
        for _ in range(1000):
            self.now_s += 1.0
            self.pump()
            while self.pipe:
                self.process(refusing=False)
            while self.answers:
                self.answer()


def first_seen(delivered: list[OutboxRow]) -> list[OutboxRow]:
    return list(dict.fromkeys(delivered))


@pytest.mark.parametrize("seed", range(40))
def test_whatever_happens_every_row_arrives_and_events_keep_their_order(seed: int) -> None:
    model = Broker(seed)
    model.run(400, refusing=True, losing=True)
    assert set(model.delivered) == set(model.rows)
    assert model.sent_marks == {row.row_id for row in model.rows}
    for event in "abcdef":
        revisions = [row.revision for row in first_seen(model.delivered) if row.event_id == event]
        assert revisions == sorted(revisions)


@pytest.mark.parametrize("seed", range(40, 60))
def test_as_long_as_nothing_is_refused_all_rows_first_arrive_in_order_of_commit(seed: int) -> None:
    model = Broker(seed)
    model.run(400, refusing=False, losing=True)
    assert first_seen(model.delivered) == model.rows

"""What goes out next: order, lanes, one revision of an event at a time, refusals. No broker, no receivers."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import pytest

from gateway.contract.vocabulary import Lane
from gateway.delivery.broker_link import NO_MATCHING_SUBSCRIBERS, Token
from gateway.delivery.outbox import RowKey
from gateway.delivery.window import Candidate, DeliveryWindow, Outcome, WindowRules

NOT_AUTHORISED = 0x87


def rows(*events: str, first: int = 1) -> list[RowKey]:
    """One row for each letter, revisions counted per event."""
    count: dict[str, int] = {}
    made = []
    for row_id, event in enumerate("".join(events), start=first):
        revision = count.get(event, 0)
        count[event] = revision + 1
        made.append(RowKey(row_id, event, revision, "update", "boot-1", 0.0))
    return made


def window_of(most_in_flight: int, **rules: float) -> DeliveryWindow:
    return DeliveryWindow(WindowRules(most_in_flight=most_in_flight, **rules))  # type: ignore[arg-type]


def send_all(window: DeliveryWindow, now_s: float = 0.0, generation: int = 1) -> list[int]:
    """Send until the window says wait; the ids, which are also the message ids."""
    sent = []
    while (candidate := window.next_row()) is not None:
        window.sent(Token(generation, candidate.row.row_id), candidate, now_s)
        sent.append(candidate.row.row_id)
    return sent


def answer(window: DeliveryWindow, row_id: int, reason: int = 0, now_s: float = 0.0) -> Outcome:
    return window.acknowledged(Token(1, row_id), reason, now_s)[0]


def test_rows_leave_in_order_up_to_the_limit() -> None:
    window = window_of(3)
    window.add(Lane.LIVE, rows("abcde"))
    assert send_all(window) == [1, 2, 3]
    assert answer(window, 2) is Outcome.ACCEPTED
    assert send_all(window) == [4]
    assert window.in_flight == 3


def test_an_answer_names_its_row() -> None:
    window = window_of(3)
    window.add(Lane.LIVE, rows("a"))
    send_all(window)
    assert window.acknowledged(Token(1, 1), 0, 0.0) == (
        Outcome.ACCEPTED,
        Candidate(rows("a")[0], Lane.LIVE),
    )
    assert window.acknowledged(Token(1, 1), 0, 0.0) == (Outcome.STALE, None)


@pytest.mark.parametrize("limit", [0, 17, -1])
def test_the_limit_has_bounds(limit: int) -> None:
    with pytest.raises(ValueError, match="1 to 16"):
        WindowRules(most_in_flight=limit)


def test_the_broker_may_allow_fewer() -> None:
    window = window_of(8)
    window.limit(2)
    window.add(Lane.LIVE, rows("abcde"))
    assert send_all(window) == [1, 2]
    window.limit(0)
    answer(window, 1)
    answer(window, 2)
    assert send_all(window) == [3]


def test_the_next_revision_waits_for_the_answer_and_all_behind_it_wait_too() -> None:
    window = window_of(8)
    window.add(Lane.LIVE, rows("aabc"))
    assert send_all(window) == [1]
    assert not window.wants_rows(Lane.LIVE)
    answer(window, 1)
    assert send_all(window) == [2, 3, 4]


def test_nobody_listening_counts_as_taken_by_the_broker() -> None:
    window = window_of(1)
    window.add(Lane.LIVE, rows("a"))
    send_all(window)
    assert answer(window, 1, NO_MATCHING_SUBSCRIBERS) is Outcome.ACCEPTED_UNHEARD
    assert window.to_mark == (1,)


def test_a_row_is_only_done_once_it_is_marked() -> None:
    window = window_of(2)
    window.add(Lane.LIVE, rows("ab"))
    send_all(window)
    answer(window, 2)
    answer(window, 1)
    assert window.to_mark == (1, 2)
    assert not window.idle
    window.start_over()
    window.add(Lane.LIVE, rows("ab"))  # the outbox could not be told, so it still offers them
    assert send_all(window) == []
    window.marked((1, 2))
    assert window.idle


# Two lanes.


def test_live_rows_go_before_a_backlog_whenever_they_come() -> None:
    window = window_of(2)
    window.add(Lane.HISTORICAL, rows("abcd"))
    assert send_all(window) == [1]  # one place is kept free
    window.add(Lane.LIVE, rows("xyz", first=11))
    assert send_all(window) == [11]
    answer(window, 1)
    assert send_all(window) == [12]
    answer(window, 11)
    answer(window, 12)
    assert send_all(window) == [13, 2]


@pytest.mark.parametrize("most", range(2, 17))
def test_a_backlog_never_takes_the_last_place_in_flight(most: int) -> None:
    window = window_of(most)
    window.add(Lane.HISTORICAL, rows("abcdefghijklmnopqrst"))
    assert len(send_all(window)) == most - 1
    window.add(Lane.LIVE, rows("z", first=100))
    assert send_all(window) == [100]


def test_with_one_place_a_backlog_still_moves() -> None:
    window = window_of(1)
    window.add(Lane.HISTORICAL, rows("ab"))
    assert send_all(window) == [1]
    answer(window, 1)
    assert send_all(window) == [2]


def test_lanes_are_read_each_by_itself() -> None:
    window = window_of(4)
    window.add(Lane.LIVE, rows("ab", first=5))
    window.add(Lane.HISTORICAL, rows("cd"))
    assert window.after_id == {Lane.LIVE: 6, Lane.HISTORICAL: 2}
    assert not window.wants_rows(Lane.LIVE)
    assert not window.wants_rows(Lane.HISTORICAL)
    send_all(window)
    answer(window, 5)
    assert window.wants_rows(Lane.LIVE)


def test_a_live_event_in_flight_does_not_hold_up_the_backlog() -> None:
    window = window_of(4)
    window.add(Lane.LIVE, rows("aa", first=5))
    window.add(Lane.HISTORICAL, rows("cd"))
    assert send_all(window) == [5, 1, 2]


# Refusals and lost connections.


def test_a_refused_row_holds_its_event_back_and_no_other() -> None:
    window = window_of(4, first_refused_s=1.0)
    window.add(Lane.LIVE, rows("abab"))
    assert send_all(window) == [1, 2]
    assert answer(window, 1, NOT_AUTHORISED, 10.0) is Outcome.REFUSED
    answer(window, 2, 0, 10.0)
    assert send_all(window, 10.0) == [4]
    assert window.to_mark == (2,)
    assert window.next_due_s() == 11.0
    window.release_due(10.9)
    assert window.after_id[Lane.LIVE] == 4
    window.release_due(11.0)
    assert window.after_id[Lane.LIVE] == 0
    window.add(Lane.LIVE, [row for row in rows("abab") if row.row_id != 2])
    assert send_all(window, 11.0) == [1]
    answer(window, 1, 0, 11.0)
    assert send_all(window, 11.0) == [3]


def test_refusals_are_tried_again_ever_more_slowly() -> None:
    window = window_of(1, first_refused_s=1.0, most_refused_s=5.0)
    now_s, waits = 0.0, []
    for _ in range(5):
        window.add(Lane.LIVE, rows("a"))
        send_all(window, now_s)
        answer(window, 1, NOT_AUTHORISED, now_s)
        due_s = window.next_due_s()
        assert due_s is not None
        waits.append(due_s - now_s)
        now_s = due_s
        window.release_due(now_s)
    assert waits == [1.0, 2.0, 4.0, 5.0, 5.0]


def test_what_is_held_back_is_something_left_to_send() -> None:
    window = window_of(1)
    window.add(Lane.LIVE, rows("a"))
    send_all(window)
    answer(window, 1, NOT_AUTHORISED)
    assert not window.idle


def test_a_lost_connection_sends_what_was_not_acknowledged_again_from_the_first() -> None:
    window = window_of(4)
    window.add(Lane.LIVE, rows("abcd"))
    send_all(window)
    answer(window, 2)
    window.marked((2,))
    window.start_over()
    assert window.after_id == {Lane.LIVE: 0, Lane.HISTORICAL: 0}
    window.add(Lane.LIVE, [row for row in rows("abcd") if row.row_id != 2])
    assert send_all(window, generation=2) == [1, 3, 4]
    assert answer(window, 3) is Outcome.STALE
    assert window.in_flight == 3


def test_a_new_connection_tries_what_the_last_one_refused() -> None:
    window = window_of(4)
    window.add(Lane.LIVE, rows("a"))
    send_all(window)
    answer(window, 1, NOT_AUTHORISED)
    window.start_over()
    assert window.next_due_s() is None
    window.add(Lane.LIVE, rows("a"))
    assert send_all(window, generation=2) == [1]


@pytest.mark.parametrize("lane", list(Lane))
def test_a_row_that_could_not_be_sent_goes_first_again(lane: Lane) -> None:
    window = window_of(3)
    window.add(lane, rows("ab"))
    candidate = window.next_row()
    assert candidate is not None
    window.put_back(candidate)
    assert send_all(window) == [1, 2]


def test_silence_is_measured_from_the_first_unanswered_row() -> None:
    window = window_of(2)
    assert window.oldest_in_flight_s(100.0) == 0.0
    window.add(Lane.LIVE, rows("ab"))
    send_all(window, 10.0)
    assert window.oldest_in_flight_s(25.0) == 15.0


def test_silence_is_measured_for_each_path() -> None:
    window = window_of(2)
    window.add(Lane.LIVE, rows("ab"))
    for path, now_s in (("primary", 10.0), ("backup", 20.0)):
        candidate = window.next_row()
        assert candidate is not None
        window.sent(Token(1, candidate.row.row_id, path), candidate, now_s)
    assert window.oldest_in_flight_s(25.0, "primary") == 15.0
    assert window.oldest_in_flight_s(25.0, "backup") == 5.0
    assert window.in_flight_on("backup") == 1
    window.acknowledged(Token(1, 2, "backup"), 0, 25.0)
    assert window.in_flight_on("backup") == 0
    assert window.oldest_in_flight_s(25.0, "backup") == 0.0


def test_too_many_refusals_stop_the_lane_until_one_may_be_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("gateway.delivery.window.MOST_HELD", 3)
    window = window_of(1, first_refused_s=1.0)
    window.add(Lane.LIVE, rows("abcde"))
    for row_id in (1, 2, 3):
        assert send_all(window) == [row_id]
        answer(window, row_id, NOT_AUTHORISED)
    assert send_all(window) == []
    assert not window.wants_rows(Lane.LIVE)
    window.release_due(1.0)
    window.add(Lane.LIVE, rows("abcde"))
    assert send_all(window, 1.0) == [1]


def test_too_many_rows_that_cannot_be_marked_stop_the_lane(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.delivery.window.MOST_UNMARKED", 2)
    window = window_of(1)
    window.add(Lane.LIVE, rows("abc"))
    for row_id in (1, 2):
        assert send_all(window) == [row_id]
        answer(window, row_id)
    assert send_all(window) == []
    window.marked((1,))
    assert send_all(window) == [3]


class Broker:
    """A model of outbox, network and broker under a seeded script of faults; PUBACK is delivery."""

    def __init__(self, seed: int) -> None:
        self.chance = Random(seed)
        self.window = window_of(self.chance.randint(1, 16), first_refused_s=1.0, most_refused_s=8.0)
        self.rows: dict[Lane, list[RowKey]] = {lane: [] for lane in Lane}
        self.count = 0
        self.marked: set[int] = set()
        self.delivered: list[RowKey] = []
        self.pipe: list[tuple[Token, RowKey]] = []
        self.answers: list[tuple[Token, int]] = []
        self.now_s, self.generation, self.next_id = 0.0, 1, 1

    def commit(self) -> None:
        lane = self.chance.choice(list(Lane))
        event = self.chance.choice("abcd" if lane is Lane.LIVE else "xyz")
        self.count += 1
        revision = sum(row.event_id == event for row in self.rows[lane])
        self.rows[lane].append(RowKey(self.count, event, revision, "update", "boot-1", 0.0))

    def pump(self) -> None:
        """What the publisher does in a round."""
        self.window.marked(self.window.to_mark)
        self.window.release_due(self.now_s)
        while True:
            for lane in Lane:
                if self.window.wants_rows(lane):
                    self.window.add(lane, self._undelivered(lane)[:5])
            candidate = self.window.next_row()
            if candidate is None:
                return
            token = Token(self.generation, self.next_id)
            self.next_id += 1
            self.window.sent(token, candidate, self.now_s)
            self.pipe.append((token, candidate.row))

    def _undelivered(self, lane: Lane) -> Sequence[RowKey]:
        after = self.window.after_id[lane]
        return [row for row in self.rows[lane] if row.row_id not in self.marked and row.row_id > after]

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
        self.marked |= set(self.window.to_mark) - before

    def lose(self) -> None:
        self.pipe.clear()
        self.answers.clear()
        self.generation += 1
        self.window.start_over()

    def run(self, steps: int, *, refusing: bool, losing: bool) -> None:
        for _ in range(steps):
            self.now_s += 0.1
            action = self.chance.random()
            if action < 0.25 and self.count < 60:
                self.commit()
            if action > 0.97 and losing:
                self.lose()
            self.pump()
            if self.pipe and self.chance.random() < 0.7:
                self.process(refusing)
            if self.answers and self.chance.random() < 0.7:
                self.answer()
            assert self.window.in_flight <= 16
        for _ in range(300):
            self.now_s += 1.0
            self.pump()
            while self.pipe:
                self.process(refusing=False)
            while self.answers:
                self.answer()
            if len(self.marked) == self.count:
                return

    def all_rows(self) -> list[RowKey]:
        return [row for lane in Lane for row in self.rows[lane]]


def first_seen(delivered: list[RowKey]) -> list[RowKey]:
    return list(dict.fromkeys(delivered))


@pytest.mark.parametrize("seed", range(40))
def test_whatever_happens_every_row_arrives_and_events_keep_their_order(seed: int) -> None:
    model = Broker(seed)
    model.run(400, refusing=True, losing=True)
    assert set(model.delivered) == set(model.all_rows())
    assert model.marked == {row.row_id for row in model.all_rows()}
    for event in "abcdxyz":
        revisions = [row.revision for row in first_seen(model.delivered) if row.event_id == event]
        assert revisions == sorted(revisions)


@pytest.mark.parametrize("seed", range(40, 60))
def test_as_long_as_nothing_is_refused_each_lane_first_arrives_in_order_of_commit(seed: int) -> None:
    model = Broker(seed)
    model.run(400, refusing=False, losing=True)
    first = first_seen(model.delivered)
    for lane in Lane:
        assert [row for row in first if row in model.rows[lane]] == model.rows[lane]

"""One way to a broker: states one at a time and again after a loss, heartbeats, answers, and how it looks."""

from __future__ import annotations

import pytest

from gateway.delivery.broker_link import PRIMARY, Acknowledged, LinkPhase, LinkState, Token
from gateway.delivery.path import Path, Posting
from gateway.delivery.state_board import Rank, StateMessage
from tests.support.courier_world import Posted, ScriptedLink

REFUSED = 0x87


class Way:
    """A path on a scripted link, with a clock."""

    def __init__(self, receive_maximum: int = 20) -> None:
        self.link = ScriptedLink(PRIMARY, receive_maximum)
        self.path = Path(PRIMARY, self.link, "mqtt://broker")  # type: ignore[arg-type]
        self.now_s = 0.0
        self.beats = 0

    def connect(self) -> None:
        self.link.connected = True
        self.link.generation += 1
        self.link.pipe.clear()
        self.link.unanswered.clear()
        self._told(LinkPhase.CONNECTED)

    def lose(self) -> None:
        self.link.connected = False
        self._told(LinkPhase.LOST)

    def _told(self, phase: LinkPhase) -> None:
        most = self.link.receive_maximum
        state = LinkState(phase, self.link.generation, "mqtt://broker", receive_maximum=most)
        self.path.changed(state, self.now_s)

    def state(self, topic: str, payload: bytes = b"x", qos: int = 1, rank: Rank = Rank.HEALTH) -> None:
        self.path.board.put(StateMessage(topic, payload, qos, rank))

    def send(self) -> list[Posted]:
        """One round; what went into the pipe."""
        self.path.send_beat("beat", self._beat, 2.0, self.now_s)
        self.path.send_own(self.now_s)
        posted = list(self.link.pipe)
        self.link.pipe.clear()
        return posted

    def _beat(self) -> bytes:
        self.beats += 1
        return b"%d" % self.beats

    def answer(self, *posted: Posted, reason: int = 0) -> None:
        for one in posted:
            self.link.unanswered.discard(one.token)
            assert self.path.acknowledged(Acknowledged(one.token, reason), self.now_s)


def topics(posted: list[Posted]) -> list[str]:
    return [one.topic for one in posted if one.topic != "beat"]


def test_states_go_one_at_a_time_so_that_none_stands_long_before_an_alert() -> None:
    way = Way()
    way.connect()
    for topic in "abc":
        way.state(topic)
    sent = way.send()
    assert topics(sent) == ["a"]
    assert topics(way.send()) == []
    way.answer(*sent)
    assert topics(way.send()) == ["b"]
    assert not way.path.idle


def test_a_state_in_flight_on_a_lost_connection_goes_again_in_its_latest_form() -> None:
    way = Way()
    way.connect()
    way.state("a", b"old")
    way.send()
    way.state("a", b"new")
    way.lose()
    way.connect()
    sent = [one for one in way.send() if one.topic == "a"]
    assert [(one.payload, one.retained) for one in sent] == [(b"new", True)]
    way.answer(*sent)
    assert topics(way.send()) == []


def test_a_new_connection_gets_every_state() -> None:
    way = Way()
    way.connect()
    for topic in "ab":
        way.state(topic)
        way.answer(*way.send())
    way.lose()
    way.connect()
    first = way.send()
    way.answer(*first)
    assert topics(first) + topics(way.send()) == ["a", "b"]


def test_a_state_that_the_broker_refuses_or_cannot_take_is_counted_and_left() -> None:
    way = Way()
    way.connect()
    way.link.maximum_packet_size = 100
    way.state("refused")
    way.state("large", b"x" * 1000)
    way.state("fine")
    sent = way.send()
    way.answer(*(one for one in sent if one.topic == "refused"), reason=REFUSED)
    assert topics(way.send()) == ["fine"]
    assert way.path.counts.states_refused == 2


def test_a_heartbeat_comes_at_once_then_at_its_interval_and_never_two_at_a_time() -> None:
    way = Way()
    assert way.path.next_beat_s() is None
    way.connect()
    assert way.path.next_beat_s() == 0.0
    (beat,) = way.send()
    assert (beat.payload, beat.retained, beat.qos) == (b"1", False, 1)
    assert way.path.next_beat_s() is None
    way.now_s = 10.0
    assert way.send() == []  # the first one is not answered
    way.answer(beat)
    assert way.path.next_beat_s() == 2.0
    assert [one.payload for one in way.send()] == [b"2"]


def test_a_new_connection_beats_at_once() -> None:
    way = Way()
    way.connect()
    way.send()
    way.now_s = 0.5
    way.lose()
    assert way.path.next_beat_s() is None
    way.connect()
    assert way.path.next_beat_s() == 0.5
    assert [one.payload for one in way.send()] == [b"2"]


def test_answers_go_before_states_and_are_lost_with_the_connection() -> None:
    way = Way()
    way.connect()
    way.state("a")
    for number in range(3):
        way.path.put_answer(Posting("answer", b"%d" % number))
    assert topics(way.send()) == ["answer", "answer", "answer", "a"]
    way.path.put_answer(Posting("answer", b"late"))
    way.lose()
    way.connect()
    assert "answer" not in topics(way.send())


def test_nothing_goes_beyond_what_the_broker_allows() -> None:
    way = Way(receive_maximum=2)
    way.connect()
    for number in range(3):
        way.path.put_answer(Posting("answer", b"%d" % number))
    way.state("a")
    sent = way.send()
    assert [one.topic for one in sent] == ["beat", "answer"]
    assert way.path.room == 0
    way.answer(sent[1])
    assert way.path.room == 1
    assert topics(way.send()) == ["answer"]


def test_levels_need_no_answer_of_the_broker() -> None:
    way = Way(receive_maximum=2)
    way.connect()
    way.answer(*way.send())
    way.state("level", qos=0)
    (sent,) = way.send()
    assert way.path.unanswered == 0
    way.answer(sent)  # written
    assert way.path.idle


def test_answers_of_an_earlier_connection_are_history() -> None:
    way = Way()
    way.connect()
    (beat,) = way.send()
    way.lose()
    way.connect()
    way.send()
    assert not way.path.acknowledged(Acknowledged(beat.token, 0), 0.0)
    assert not way.path.acknowledged(Acknowledged(Token(2, 99), 0), 0.0)
    assert way.path.unanswered == 1


@pytest.mark.parametrize(("alert_s", "silent_s"), [(0.0, 7.0), (3.0, 7.0), (9.0, 9.0), (50.0, 10.0)])
def test_a_broker_is_silent_as_long_as_it_owes_something_and_gives_nothing(
    alert_s: float, silent_s: float
) -> None:
    way = Way()
    way.connect()
    way.now_s = 3.0
    way.send()  # its heartbeat
    way.now_s = 10.0
    assert way.path.silent_s(alert_s, way.now_s) == silent_s


def test_a_broker_that_owes_nothing_is_not_silent() -> None:
    way = Way()
    way.connect()
    way.answer(*way.send())
    assert way.path.silent_s(0.0, 1000.0) == 0.0


def test_any_answer_is_a_sign_of_life() -> None:
    way = Way()
    way.connect()
    (beat,) = way.send()
    way.now_s = 8.0
    way.answer(beat)
    assert way.path.silent_s(8.0, 8.0) == 0.0
    assert way.path.silent_s(9.0, 9.0) == 1.0


def test_a_path_is_good_since_it_was_last_down_or_silent() -> None:
    way = Way()

    def good_since_s(silent_s: float = 0.0) -> float | None:
        return way.path.sight(silent_s, 2.0, way.now_s).good_since_s

    assert good_since_s() is None
    way.now_s = 1.0
    way.connect()
    way.now_s = 5.0
    assert good_since_s() == 1.0
    assert good_since_s(2.0) == 1.0
    assert good_since_s(2.1) is None
    way.now_s = 6.0
    assert good_since_s() == 6.0
    way.lose()
    assert good_since_s() is None

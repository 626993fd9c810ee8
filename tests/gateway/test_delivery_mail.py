"""What reaches the publisher from other threads, and alerts that no disk took: bounded, in order, counted."""

from __future__ import annotations

import threading

import pytest

from gateway.contract.encoding import decode, encode
from gateway.contract.topics import DELIVERY, TopicKind
from gateway.contract.types import Alert
from gateway.delivery.broker_link import Acknowledged, Heard, LinkPhase, LinkState, Token
from gateway.delivery.mailbox import MOST_HEARD, MOST_RECORDS, MOST_UNSTORED, Mailbox
from gateway.delivery.path import Path
from gateway.delivery.record_store import Record
from gateway.delivery.side_mail import UnstoredAlerts
from gateway.delivery.state_board import Rank, StateBoard, StateMessage, rank_of
from tests.support.alerts import TOPICS, alert, story
from tests.support.courier_world import ScriptedLink
from tests.support.waiting import DEADLINE_S


def heard(number: int) -> Heard:
    return Heard("primary", TOPICS.receipt, b"%d" % number, False)


def record(number: int) -> Record:
    return Record("t", b"%d" % number, Rank.TELEMETRY)


def test_everything_comes_once_and_in_order() -> None:
    mailbox = Mailbox()
    for number in range(3):
        mailbox.put(heard(number))
        mailbox.put_record(record(number))
        mailbox.put_unstored(alert(number))
        mailbox.put(Acknowledged(Token(1, number), 0))
    mail = mailbox.take(0.0)
    assert mail.heard == tuple(heard(number) for number in range(3))
    assert mail.records == tuple(record(number) for number in range(3))
    assert mail.unstored == tuple(alert(number) for number in range(3))
    assert [one.token.message_id for one in mail.answers if isinstance(one, Acknowledged)] == [0, 1, 2]
    empty = mailbox.take(0.0)
    assert (empty.heard, empty.records, empty.unstored, empty.answers) == ((), (), (), ())


def test_what_others_say_is_bounded_and_what_is_dropped_is_counted() -> None:
    mailbox = Mailbox()
    for number in range(MOST_HEARD + 3):
        mailbox.put(heard(number))
    assert len(mailbox.take(0.0).heard) == MOST_HEARD
    assert mailbox.heard_dropped == 3
    mailbox.put(heard(7))
    assert mailbox.take(0.0).heard == (heard(7),)


def test_records_and_alerts_without_a_store_are_bounded_and_refused_aloud() -> None:
    mailbox = Mailbox()
    assert all(mailbox.put_record(record(number)) for number in range(MOST_RECORDS))
    assert not mailbox.put_record(record(0))
    one = alert(1)
    assert all(mailbox.put_unstored(one) for _ in range(MOST_UNSTORED))
    assert not mailbox.put_unstored(one)
    assert (mailbox.records_refused, mailbox.unstored_dropped) == (1, 1)
    mailbox.take(0.0)
    assert mailbox.put_record(record(0))
    assert mailbox.put_unstored(one)


def test_states_of_two_links_do_not_hide_each_other() -> None:
    def link(path: str, phase: LinkPhase) -> LinkState:
        return LinkState(phase, 1, "mqtt://broker:1883", path=path)

    mailbox = Mailbox()
    told = [
        link("primary", LinkPhase.CONNECTED),
        link("backup", LinkPhase.UNREACHABLE),
        link("backup", LinkPhase.CONNECTING),
        link("primary", LinkPhase.LOST),
    ]
    for state in told:
        mailbox.put(state)
    assert mailbox.take(0.0).answers == (told[0], told[2], told[3])


@pytest.mark.parametrize(
    "put",
    [
        lambda mailbox: mailbox.put(heard(1)),
        lambda mailbox: mailbox.put_record(record(1)),
        lambda mailbox: mailbox.put_unstored(alert(1)),
    ],
    ids=["heard", "record", "unstored"],
)
def test_whatever_comes_ends_the_wait(put: object) -> None:
    mailbox = Mailbox()
    threading.Thread(target=put, args=(mailbox,)).start()  # type: ignore[arg-type]
    mail = mailbox.take(DEADLINE_S)
    assert len(mail.heard) + len(mail.records) + len(mail.unstored) == 1


# Ranks of states.


def test_every_topic_has_its_rank_and_events_have_none_of_their_own() -> None:
    lifecycle = {kind for kind in TopicKind if rank_of(kind) is Rank.LIFECYCLE}
    assert lifecycle == {
        TopicKind.STATUS,
        TopicKind.SENSOR_AVAILABILITY,
        TopicKind.RECORD_STATUS,
        TopicKind.RECORD_AVAILABILITY,
    }
    assert {kind for kind in TopicKind if rank_of(kind) is Rank.HEALTH} == {
        TopicKind.HEALTH,
        TopicKind.SENSOR_HEALTH,
        TopicKind.RECORD_COVERAGE,
    }
    assert rank_of(TopicKind.SENSOR_LEVEL) is rank_of(TopicKind.RECORD_LEVEL) is Rank.TELEMETRY
    assert not any(DELIVERY[kind].retained for kind in TopicKind if kind.value.startswith("record"))


def test_states_leave_by_rank_then_in_order_of_first_appearance() -> None:
    board = StateBoard()
    ranks = {"level-1": Rank.TELEMETRY, "health-1": Rank.HEALTH, "level-2": Rank.TELEMETRY}
    for topic, rank in {**ranks, "status": Rank.LIFECYCLE, "health-2": Rank.HEALTH}.items():
        board.put(StateMessage(topic, b"x", 1, rank))

    def everything() -> list[str]:
        found = []
        while (message := board.take()) is not None:
            found.append(message.topic)
            if message.topic == "status":
                assert board.next_rank() is Rank.HEALTH
        return found

    assert board.next_rank() is Rank.LIFECYCLE
    assert everything() == ["status", "health-1", "health-2", "level-1", "level-2"]
    assert board.next_rank() is None
    board.all_due()
    assert everything() == ["status", "health-1", "health-2", "level-1", "level-2"]


# Alerts that no disk took.


class Side:
    """Alerts without a store on one scripted path."""

    def __init__(self, receive_maximum: int = 10) -> None:
        self.link = ScriptedLink("primary", receive_maximum, connected=True, generation=1)
        self.path = Path("primary", self.link, "mqtt://broker")  # type: ignore[arg-type]
        self._connected(1)
        self.alerts = UnstoredAlerts(TOPICS, encode)

    def _connected(self, generation: int) -> None:
        most = self.link.receive_maximum
        self.path.changed(
            LinkState(LinkPhase.CONNECTED, generation, "mqtt://broker", receive_maximum=most), 0.0
        )

    def connect_again(self) -> None:
        self.link.generation += 1
        self.link.pipe.clear()
        self.link.unanswered.clear()
        self._connected(self.link.generation)

    def sent(self) -> list[tuple[int, int]]:
        """Event and revision of what is in the pipe, in order."""
        found = []
        for posted in self.link.pipe:
            one = decode(posted.payload, Alert)
            assert isinstance(one, Alert)
            found.append((int(one.event_id, 16), one.revision))
        return found

    def answer(self, count: int) -> None:
        for _ in range(count):
            token = self.link.pipe.popleft().token
            self.link.unanswered.discard(token)
            assert not self.path.acknowledged(Acknowledged(token, 0), 0.0)
            assert self.alerts.acknowledged(token)


def test_they_leave_in_order_as_many_as_there_is_room_for() -> None:
    side = Side(receive_maximum=4)
    side.alerts.take(story(number) for number in range(6))
    side.alerts.send(side.path, 0.0)
    assert side.sent() == [(0, 0), (0, 1), (0, 2), (0, 3)]
    side.alerts.send(side.path, 0.0)
    assert side.path.unanswered == 4
    side.answer(3)
    side.alerts.send(side.path, 0.0)
    assert side.sent() == [(0, 3), (1, 0), (1, 1)]
    side.answer(3)
    assert side.alerts.idle
    assert side.alerts.published == 6
    assert not side.alerts.acknowledged(Token(1, 99))


def test_what_was_in_flight_on_a_lost_path_goes_again_before_what_waits() -> None:
    side = Side(receive_maximum=3)
    side.alerts.take(story(number) for number in range(4))
    side.alerts.send(side.path, 0.0)
    side.alerts.lost("backup")
    side.alerts.send(side.path, 0.0)
    assert side.sent() == [(0, 0), (0, 1), (0, 2)]
    side.alerts.lost("primary")
    side.connect_again()
    side.alerts.send(side.path, 0.0)
    assert side.sent() == [(0, 0), (0, 1), (0, 2)]
    side.answer(3)
    side.alerts.send(side.path, 0.0)
    assert side.sent() == [(0, 3)]


def test_how_long_the_oldest_has_been_in_flight() -> None:
    side = Side()
    side.alerts.take([alert(1)])
    side.alerts.send(side.path, 10.0)
    side.alerts.take([alert(2)])
    side.alerts.send(side.path, 12.0)
    assert side.alerts.oldest_in_flight_s("primary", 15.0) == 5.0
    assert side.alerts.oldest_in_flight_s("backup", 15.0) == 0.0
    side.answer(1)
    assert side.alerts.oldest_in_flight_s("primary", 15.0) == 3.0


def test_too_many_cost_the_oldest_and_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.delivery.side_mail.MOST_UNSTORED", 3)
    side = Side()
    side.alerts.take(alert(number) for number in range(5))
    side.alerts.send(side.path, 0.0)
    assert side.sent() == [(2, 0), (3, 0), (4, 0)]
    assert side.alerts.dropped == 2


def test_one_too_large_for_the_broker_does_not_block_the_others() -> None:
    side = Side()
    side.link.maximum_packet_size = len(encode(alert(1))) + 100
    side.alerts.take([alert(1), alert(2, model_id="x" * 1000), alert(3)])
    side.alerts.send(side.path, 0.0)
    assert side.sent() == [(1, 0), (3, 0)]


def test_without_a_connection_they_wait() -> None:
    side = Side()
    side.link.connected = False
    side.alerts.take([alert(1)])
    side.alerts.send(side.path, 0.0)
    assert not side.alerts.idle
    side.link.connected = True
    side.alerts.send(side.path, 0.0)
    assert side.sent() == [(1, 0)]

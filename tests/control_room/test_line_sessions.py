"""What a broker keeps for a line: until we say that we have it, and no longer than it may be news."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from control_room.broker_address import BrokerAddress
from control_room.line import LinePhase, LineState, Message, Patience, Session, Taken
from control_room.mqtt import Line
from tests.support.broker import HOST, MosquittoBroker
from tests.support.mqtt_witness import Witness
from tests.support.proxy import CuttingProxy
from tests.support.waiting import Collector

QUICK = Patience(first_s=0.01, most_s=0.05)
KEPT = Session(expiry_s=600, kept=True)


@pytest.fixture(scope="module")
def broker() -> Iterator[MosquittoBroker]:
    with MosquittoBroker() as started:
        yield started


class Ear:
    """A line by hand and what came over it."""

    def __init__(self, port: int, name: str, session: Session, *, mqtt5: bool = True) -> None:
        self.heard: Collector[Message] = Collector()
        self.states: Collector[LineState] = Collector()
        self.taken: Collector[Taken] = Collector()
        self.fatal: Collector[BaseException] = Collector()
        self.full = 0
        self.at_once = False
        self.line = Line(
            BrokerAddress(HOST, port, mqtt5=mqtt5),
            name,
            [("news/#", 1)],
            self._message,
            self.states.add,
            self.fatal.add,
            on_taken=self.taken.add,
            by_hand=True,
            session=session,
            patience=QUICK,
        )

    def _message(self, message: Message) -> bool:
        if self.full > 0:
            self.full -= 1
            return False
        if self.at_once:
            self.line.acknowledge([message])
        self.heard.add(message)
        return True

    def wait(self, *payloads: bytes) -> list[Message]:
        """Until these came, in this order, repeats of earlier ones left out."""

        def came(messages: list[Message]) -> bool:
            return list(dict.fromkeys(message.payload for message in messages)) == list(payloads)

        return self.heard.wait_for(came, f"{payloads}")

    def wait_connected(self, times: int = 1) -> LineState:
        def up(states: list[LineState]) -> list[LineState]:
            return [state for state in states if state.phase is LinePhase.CONNECTED]

        return up(self.states.wait_for(lambda states: len(up(states)) >= times, "connection"))[times - 1]


@contextmanager
def ear(
    port: int, name: str, session: Session = KEPT, *, mqtt5: bool = True, at_once: bool = False
) -> Iterator[Ear]:
    """at_once: each message is acknowledged as it comes."""
    made = Ear(port, name, session, mqtt5=mqtt5)
    made.at_once = at_once
    made.line.start()
    try:
        made.wait_connected()
        yield made
    finally:
        assert made.line.stop()
        assert made.fatal.items == []


both = pytest.mark.parametrize("mqtt5", [True, False], ids=["5", "3.1.1"])


@both
def test_the_broker_keeps_what_was_not_acknowledged(broker: MosquittoBroker, mqtt5: bool) -> None:
    name = f"keeps-{mqtt5}"
    with Witness(broker.port, "nothing") as source:
        with ear(broker.port, name, mqtt5=mqtt5) as first:
            source.publish("news/a", b"1")
            source.publish("news/a", b"2")
            one, _ = first.wait(b"1", b"2")
            first.line.acknowledge([one])
            source.publish("news/a", b"3")  # after it, so that the acknowledgement has left
            first.wait(b"1", b"2", b"3")
        with ear(broker.port, name, mqtt5=mqtt5) as second:
            messages = second.wait(b"2", b"3")
            second.line.acknowledge(messages)
            source.publish("news/a", b"4")
            second.line.acknowledge(second.wait(b"2", b"3", b"4")[2:])
        with ear(broker.port, name, mqtt5=mqtt5) as third:
            source.publish("news/a", b"5")
            third.line.acknowledge(third.wait(b"5"))


def test_an_acknowledgement_for_an_earlier_connection_is_left_out(broker: MosquittoBroker) -> None:
    """Message ids begin anew with each connection: it could confirm something that never came."""
    with Witness(broker.port, "nothing") as source, CuttingProxy(broker.port) as proxy:
        with ear(proxy.port, "stale-ids") as listener:
            source.publish("news/b", b"1")
            (before,) = listener.wait(b"1")
            proxy.cut()
            generation = listener.wait_connected(times=2).generation
            assert generation > before.generation
            again = listener.heard.first(lambda message: message.generation == generation)
            assert again.payload == b"1"
            listener.line.acknowledge([before])
        with ear(broker.port, "stale-ids") as later:
            later.wait(b"1")


def test_when_there_is_no_room_the_broker_sends_again(broker: MosquittoBroker) -> None:
    with Witness(broker.port, "nothing") as source, ear(broker.port, "no-room") as listener:
        listener.full = 2
        for number in range(5):
            source.publish("news/c", b"%d" % number)
        listener.wait_connected(times=2)
        seen = listener.heard.wait_for(lambda messages: {m.payload for m in messages} >= {b"0", b"4"})
        assert {message.payload for message in seen} == {b"0", b"1", b"2", b"3", b"4"}
        assert any("too much at once" in state.detail for state in listener.states.items)


@both
@pytest.mark.parametrize(
    ("session", "comes"),
    [
        (Session(600, kept=True), True),
        (Session(600, kept=True, resume_within_s=30.0, contact_s=None), False),
        (Session(600, kept=True, resume_within_s=30.0, contact_s=float("-inf")), False),
        (Session(600, kept=True, resume_within_s=30.0, contact_s=float("inf")), True),
    ],
    ids=["always", "unknown", "long ago", "a moment ago"],
)
def test_what_a_broker_kept_too_long_is_not_news(
    broker: MosquittoBroker, session: Session, comes: bool, mqtt5: bool
) -> None:
    name = f"old-{mqtt5}-{session.resume_within_s}-{session.contact_s}"
    with Witness(broker.port, "nothing") as source:
        with ear(broker.port, name, mqtt5=mqtt5):
            pass
        source.publish("news/d", b"old")
        with ear(broker.port, name, session, mqtt5=mqtt5) as listener:
            source.publish("news/d", b"new")
            listener.line.acknowledge(listener.wait(*([b"old", b"new"] if comes else [b"new"])))
        source.publish("news/d", b"later")  # from then on it keeps again
        with ear(broker.port, name, mqtt5=mqtt5) as again:
            again.line.acknowledge(again.wait(b"later"))


def test_a_session_is_stale_by_the_time_since_the_last_contact() -> None:
    session = Session(resume_within_s=30.0)
    assert session.is_stale(None, 100.0)
    assert not session.is_stale(70.0, 100.0)
    assert session.is_stale(69.0, 100.0)
    assert not Session().is_stale(None, 1e9)


@both
def test_what_a_kept_session_brings_at_once_can_be_acknowledged_at_once(
    broker: MosquittoBroker, mqtt5: bool
) -> None:
    """It comes before the broker has answered our subscription; unacknowledged it would fill the window."""
    name = f"at-once-{mqtt5}"
    with Witness(broker.port, "nothing") as source:
        with ear(broker.port, name, mqtt5=mqtt5):
            pass
        for number in range(50):
            source.publish("news/e", b"%d" % number)
        with ear(broker.port, name, mqtt5=mqtt5, at_once=True) as listener:
            listener.heard.wait_for(lambda messages: len(messages) == 50)
            source.publish("news/e", b"last")
            listener.heard.wait_for(lambda messages: len(messages) == 51)
        with ear(broker.port, name, mqtt5=mqtt5) as later:
            source.publish("news/e", b"after")
            later.wait(b"after")


@both
def test_a_session_that_is_renewed_forgets_what_the_broker_kept(broker: MosquittoBroker, mqtt5: bool) -> None:
    with Witness(broker.port, "nothing") as source, ear(broker.port, f"new-{mqtt5}", mqtt5=mqtt5) as listener:
        source.publish("news/f", b"1")
        listener.wait(b"1")  # never acknowledged
        listener.line.renew()
        listener.wait_connected(times=2)
        source.publish("news/f", b"2")
        seen = listener.wait(b"1", b"2")
        assert [message.payload for message in seen] == [b"1", b"2"]
        assert any("begun anew" in state.detail for state in listener.states.items)


def test_a_line_that_is_dropped_goes_on_where_it_was(broker: MosquittoBroker) -> None:
    with Witness(broker.port, "nothing") as source, ear(broker.port, "dropped") as listener:
        source.publish("news/g", b"1")
        listener.wait(b"1")
        listener.line.drop()
        listener.wait_connected(times=2)
        listener.heard.wait_for(lambda messages: [message.payload for message in messages] == [b"1", b"1"])


@both
def test_what_it_publishes_is_taken_by_the_broker(broker: MosquittoBroker, mqtt5: bool) -> None:
    with (
        Witness(broker.port, f"out/{mqtt5}") as witness,
        ear(broker.port, f"talks-{mqtt5}", mqtt5=mqtt5) as speaker,
    ):
        generation = speaker.wait_connected().generation
        sent = [speaker.line.publish(f"out/{mqtt5}", b"%d" % number, generation) for number in range(50)]
        assert None not in sent
        speaker.taken.wait_for(lambda taken: {one.sent for one in taken} == set(sent), "all to be taken")
        seen = witness.seen.wait_for(lambda items: len(items) == 50)
        assert [int(one.payload) for one in seen] == list(range(50))
        assert speaker.line.publish(f"out/{mqtt5}", b"", generation + 1) is None  # of another connection


def test_without_a_connection_nothing_is_taken() -> None:
    speaker = Ear(1, "alone", KEPT)
    assert speaker.line.publish("out", b"", 0) is None
    speaker.line.acknowledge([Message("news/x", b"", False, "", 0, 1)])
    assert speaker.line.stop()

"""The tail on a real broker: alerts once each, broken lines, wrong logins, readers that go away."""

from __future__ import annotations

import io
import itertools
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from control_room.broker_address import BrokerAddress
from control_room.changes import AlertChange, Change
from control_room.mqtt import LinePhase, LineState, Message, Patience
from control_room.subscriber import Subscriber, topics
from control_room.watcher import Watcher
from gateway.contract.encoding import encode
from gateway.contract.examples import GATEWAY_STATUS, SENSOR_AVAILABILITY
from gateway.contract.types import Alert, Timeline, replace
from gateway.contract.vocabulary import Presence
from tests.support.alerts import TOPICS, alert, story
from tests.support.broker import HOST, EmbeddedBroker, MosquittoBroker, free_port
from tests.support.mqtt_witness import Witness
from tests.support.proxy import CuttingProxy
from tests.support.waiting import DEADLINE_S, Collector, wait_until

QUICK = Patience(first_s=0.01, most_s=0.05)


@pytest.fixture(scope="module")
def broker() -> Iterator[MosquittoBroker]:
    with MosquittoBroker() as started:
        yield started


class Room:
    """A subscriber and everything it told."""

    def __init__(self, address: BrokerAddress, **options: str) -> None:
        self.changes: Collector[Change] = Collector()
        self.lines: Collector[LineState] = Collector()
        self.fatal: Collector[BaseException] = Collector()
        self.subscriber = Subscriber(
            address, self._changed, self.lines.add, self.fatal.add, patience=QUICK, **options
        )

    def _changed(self, change: Change, _message: Message) -> None:
        self.changes.add(change)

    def wait_phase(self, phase: LinePhase, times: int = 1) -> LineState:
        found = self.lines.wait_for(
            lambda lines: sum(line.phase is phase for line in lines) >= times, phase.name
        )
        return [line for line in found if line.phase is phase][times - 1]

    def wait_alerts(self, count: int) -> list[Alert]:
        self.changes.wait_for(lambda items: len(alerts(items)) >= count, f"{count} alerts")
        return alerts(self.changes.items)


def alerts(items: list[Change]) -> list[Alert]:
    return [item.alert for item in items if isinstance(item, AlertChange)]


@contextmanager
def room(port: int, **options: str) -> Iterator[Room]:
    started = Room(BrokerAddress(HOST, port), **options)
    started.subscriber.start()
    try:
        yield started
    finally:
        assert started.subscriber.stop()
        assert started.fatal.items == []


def publish(witness: Witness, one: Alert) -> None:
    witness.publish(TOPICS.event(one.event_class), encode(one))


def test_alerts_come_once_each_whatever_is_repeated(broker: MosquittoBroker) -> None:
    with Witness(broker.port, "nothing") as source, room(broker.port) as control:
        control.wait_phase(LinePhase.CONNECTED)
        for number in range(12):
            publish(source, story(number))
            publish(source, story(number))
        assert control.wait_alerts(12) == [story(number) for number in range(12)]
        control.changes.wait_for(lambda items: len(items) >= 24)
        assert len(alerts(control.changes.items)) == 12


def test_retained_states_are_told_to_whoever_comes_late(broker: MosquittoBroker) -> None:
    with Witness(broker.port, "nothing") as source:
        source.publish(TOPICS.status, encode(GATEWAY_STATUS), retain=True)
        source.publish(TOPICS.sensor_availability("square-north"), encode(SENSOR_AVAILABILITY), retain=True)
        with room(broker.port) as control:
            control.changes.wait_for(lambda items: len(items) >= 2)
            assert control.subscriber.view.gateway("harbour", "gw-1") == GATEWAY_STATUS
            assert control.subscriber.view.sensor("harbour", "gw-1", "square-north") == SENSOR_AVAILABILITY
        for topic in (TOPICS.status, TOPICS.sensor_availability("square-north")):
            source.publish(topic, b"", retain=True)


def test_only_the_site_and_gateway_asked_for(broker: MosquittoBroker) -> None:
    other = replace(alert(7), gateway="gw-2")
    with (
        Witness(broker.port, "nothing") as source,
        room(broker.port, site="harbour", gateway="gw-1") as control,
    ):
        control.wait_phase(LinePhase.CONNECTED)
        source.publish("aggression/v1/harbour/gw-2/event/scream", encode(other))
        publish(source, alert(8))
        assert control.wait_alerts(1) == [alert(8)]


def test_an_impossible_site_is_misuse() -> None:
    with pytest.raises(ValueError, match="site"):
        topics("no/such", None)


def test_what_came_while_the_line_was_broken_comes_afterwards(broker: MosquittoBroker) -> None:
    with (
        Witness(broker.port, "nothing") as source,
        CuttingProxy(broker.port) as proxy,
        room(proxy.port) as control,
    ):
        control.wait_phase(LinePhase.CONNECTED)
        publish(source, alert(1))
        control.wait_alerts(1)
        for lap in range(2, 5):
            proxy.cut()
            publish(source, alert(lap))
            control.wait_phase(LinePhase.CONNECTED, times=lap)
        assert {one.event_id for one in control.wait_alerts(4)} == {alert(n).event_id for n in range(1, 5)}


def test_with_a_lasting_id_what_came_while_it_was_away_comes_afterwards(broker: MosquittoBroker) -> None:
    with Witness(broker.port, "nothing") as source:
        with room(broker.port, client_id="desk-3") as before:
            before.wait_phase(LinePhase.CONNECTED)
        publish(source, alert(21))
        with room(broker.port, client_id="desk-3") as after:
            assert after.wait_alerts(1) == [alert(21)]


def test_a_broker_absent_at_the_start_is_said_and_then_found() -> None:
    broker = MosquittoBroker()
    try:
        with room(broker.port) as control:
            assert "refused" in control.wait_phase(LinePhase.UNREACHABLE, times=2).detail.lower()
            broker.start()
            control.wait_phase(LinePhase.CONNECTED)
            broker.kill()
            control.wait_phase(LinePhase.LOST)
            broker.start()
            control.wait_phase(LinePhase.CONNECTED, times=2)
    finally:
        broker.close()


def test_a_wrong_login_is_said() -> None:
    with MosquittoBroker(users={"room": "right"}) as broker:
        with room(broker.port) as control:
            assert control.wait_phase(LinePhase.UNAUTHORISED).retry_in_s is not None
        right = Room(BrokerAddress(HOST, broker.port, username="room", password="right"))
        right.subscriber.start()
        right.wait_phase(LinePhase.CONNECTED)
        assert right.subscriber.stop()


def test_bad_certificates_are_said(tmp_path: Path) -> None:
    address = BrokerAddress(HOST, free_port(), tls=True, ca=tmp_path / "missing.pem")
    control = Room(address)
    control.subscriber.start()
    control.wait_phase(LinePhase.UNTRUSTED)
    assert control.subscriber.stop()


def test_a_handler_that_breaks_ends_the_line_and_is_told(broker: MosquittoBroker) -> None:
    fatal: Collector[BaseException] = Collector()

    def handler(_change: Change, _message: Message) -> None:
        raise ValueError("full")

    subscriber = Subscriber(BrokerAddress(HOST, broker.port), handler, on_fatal=fatal.add, patience=QUICK)
    with Witness(broker.port, "nothing") as source:
        source.publish(TOPICS.status, encode(GATEWAY_STATUS), retain=True)
        subscriber.start()
        assert str(fatal.first(lambda problem: True)) == "full"
        source.publish(TOPICS.status, b"", retain=True)
    assert subscriber.stop()


def test_the_broker_that_comes_with_pip_serves_the_room_too() -> None:
    with EmbeddedBroker() as embedded, room(embedded.port) as control:
        control.wait_phase(LinePhase.CONNECTED)
        with Witness(embedded.port, "nothing") as source:
            publish(source, alert(1))
            control.wait_alerts(1)


# The watcher: lines on a stream.


@contextmanager
def watching(port: int, **options: object) -> Iterator[tuple[Watcher, io.StringIO, io.StringIO]]:
    out, notices = io.StringIO(), io.StringIO()
    watcher = Watcher(
        f"mqtt://{HOST}:{port}",
        "nl",
        out,
        notices=notices,
        patience=QUICK,
        **options,  # type: ignore[arg-type]
    )
    watcher.start()
    try:
        yield watcher, out, notices
    finally:
        assert watcher.stop()


def test_why_is_drawn_below_the_start_and_the_end(broker: MosquittoBroker) -> None:
    drawn = Timeline(
        start_utc="2026-03-14T22:40:57.250Z", step_s=0.125, scores=(0.0, 1.0), laeq_db=(50.0, 70.0)
    )
    with Witness(broker.port, "nothing") as source, watching(broker.port, why=True) as (watcher, out, _):
        assert watcher.wait(lambda seen: seen.was_connected, DEADLINE_S)
        for number in range(4):
            publish(source, replace(story(number), timeline=drawn))
        assert watcher.wait(lambda seen: seen.ends == 1, DEADLINE_S)
    scores = [line.split("|")[1] for line in out.getvalue().splitlines() if line.strip().startswith("score")]
    assert scores == [" @", " @"]


def test_lines_for_people(broker: MosquittoBroker) -> None:
    with Witness(broker.port, "nothing") as source, watching(broker.port) as (watcher, out, notices):
        assert watcher.wait(lambda seen: seen.was_connected, DEADLINE_S)
        source.publish(
            TOPICS.status, encode(replace(GATEWAY_STATUS, state=Presence.OFFLINE, reason="stopped"))
        )
        source.publish(TOPICS.event("scream"), b"rubbish")
        for number in range(4):
            publish(source, story(number))
            publish(source, story(number))
        assert watcher.wait(lambda seen: seen.ends == 1, DEADLINE_S)
        assert (watcher.starts, watcher.ends, watcher.alerts) == (1, 1, 4)
    lines = out.getvalue().splitlines()
    assert "NIET VERBONDEN  gestopt" in lines[0]
    assert "niet begrepen" in lines[1]
    assert lines[2].startswith("tijd")
    assert [line.split()[1] for line in lines[4:]] == [">", "VERVOLG", "VERVOLG", "EINDE"]
    told = notices.getvalue().splitlines()
    assert told[0].endswith("bezig met verbinden")
    assert told[1].endswith("verbonden, wacht op alarmen")


def test_json_is_the_payload_as_it_came(broker: MosquittoBroker) -> None:
    newer = {**json.loads(encode(alert(1))), "from_the_future": [1, {"ü": None}]}
    spread = json.dumps(newer, indent=2).encode()
    with (
        Witness(broker.port, "nothing") as source,
        watching(broker.port, as_json=True) as (watcher, out, _),
    ):
        assert watcher.wait(lambda seen: seen.was_connected, DEADLINE_S)
        source.publish(TOPICS.event("scream"), spread)
        source.publish(TOPICS.event("scream"), b"rubbish")
        publish(source, alert(1, 1))
        assert watcher.wait(lambda seen: seen.alerts == 2, DEADLINE_S)
    told = [json.loads(line) for line in out.getvalue().splitlines()]
    first, second = (one for one in told if one["type"] == "alert")
    assert first == newer
    assert second["revision"] == 1
    assert [one["type"] for one in told].count("bad_message") == 1


def test_a_broken_line_is_said_once_when_it_goes_and_once_when_it_is_back() -> None:
    broker = MosquittoBroker()
    try:
        broker.start()
        with watching(broker.port) as (watcher, _, notices):
            assert watcher.wait(lambda seen: seen.was_connected, DEADLINE_S)
            broker.kill()
            wait_until(lambda: "geen broker gevonden" in notices.getvalue(), "the loss")
            broker.start()
            wait_until(lambda: notices.getvalue().count("verbonden, wacht op alarmen") == 2, "the return")
        said = [line.split(": ", 1)[1].split(" (")[0] for line in notices.getvalue().splitlines()]
        assert said[-1] == "verbonden, wacht op alarmen"
        assert all(one != following for one, following in itertools.pairwise(said))
    finally:
        broker.close()


class ClosedReader(io.StringIO):
    def write(self, _text: str) -> int:
        raise BrokenPipeError


def test_a_reader_that_goes_away_ends_the_watching(broker: MosquittoBroker) -> None:
    watcher = Watcher(f"mqtt://{HOST}:{broker.port}", "en", ClosedReader(), patience=QUICK)
    watcher.start()
    assert watcher.wait(lambda seen: seen.was_connected, DEADLINE_S)
    with Witness(broker.port, "nothing") as source:
        publish(source, alert(1))
        assert not watcher.wait(lambda seen: seen.alerts > 0, DEADLINE_S)
    assert isinstance(watcher.failure, BrokenPipeError)
    assert watcher.stop()


def test_waiting_ends_at_its_deadline() -> None:
    watcher = Watcher(f"mqtt://{HOST}:{free_port()}", "en", io.StringIO())
    assert not watcher.wait(lambda seen: seen.alerts > 0, 0.01)


def test_stopping_from_another_thread_is_fine(broker: MosquittoBroker) -> None:
    with watching(broker.port) as (watcher, _, _):
        stopper = threading.Thread(target=watcher.stop)
        stopper.start()
        stopper.join(DEADLINE_S)
        assert not stopper.is_alive()

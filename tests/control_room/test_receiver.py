"""The receiver on real brokers: receipts, gaps, joining late, two brokers, old MQTT, bad input."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from control_room.broker_address import BrokerAddress
from control_room.changes import BadMessage, Change, GatewayChange, Ignored, Step
from control_room.ledger import Ledger
from control_room.ledger_error import LedgerError
from control_room.line import LinePhase, LineState, Message, Patience
from control_room.notices import (
    Arrival,
    ConfirmAnswered,
    GapFilled,
    GapFound,
    GatewayHeard,
    GatewaySilent,
    NotHeard,
    Notice,
)
from control_room.receiver import Receiver, Scope
from gateway.contract.encoding import encode
from gateway.contract.examples import GATEWAY_STATUS, RECEIPT
from gateway.contract.types import replace
from gateway.contract.vocabulary import Command, Lane, Phase, Presence, Status
from tests.control_room.gateway_on_brokers import GatewayOnBrokers
from tests.control_room.scripted_gateway import ScriptedGateway
from tests.support.alerts import TOPICS, alert, story
from tests.support.broker import HOST, EmbeddedBroker, MosquittoBroker
from tests.support.waiting import DEADLINE_S, Collector

QUICK = Patience(first_s=0.01, most_s=0.05)


@pytest.fixture(scope="module")
def broker() -> Iterator[MosquittoBroker]:
    with MosquittoBroker() as started:
        yield started


class Desk:
    """A receiver and everything it told."""

    def __init__(self, store: Path | None, *brokers: BrokerAddress | int, **options: object) -> None:
        self.arrivals: Collector[Arrival] = Collector()
        self.notices: Collector[Notice] = Collector()
        self.changes: Collector[Change] = Collector()
        self.lines: Collector[LineState] = Collector()
        self.ends: Collector[BaseException | None] = Collector()
        settings: dict[str, object] = {"name": "room", "on_alert": self.arrivals.add, "patience": QUICK}
        self.receiver = Receiver(
            [BrokerAddress(HOST, one) if isinstance(one, int) else one for one in brokers],
            store=store,
            on_notice=self.notices.add,
            on_change=self._changed,
            on_line=self.lines.add,
            on_end=self.ends.add,
            **settings | options,  # type: ignore[arg-type]
        )

    def _changed(self, change: Change, _message: Message) -> None:
        if not isinstance(change, Ignored):
            self.changes.add(change)

    def wait_connected(self, lines: int = 1) -> None:
        self.lines.wait_for(
            lambda states: sum(state.phase is LinePhase.CONNECTED for state in states) >= lines, "connection"
        )

    def wait_alerts(self, count: int) -> list[Arrival]:
        return self.arrivals.wait_for(lambda items: len(items) >= count, f"{count} alerts")


@contextmanager
def desk(store: Path | None, *brokers: BrokerAddress | int, **options: object) -> Iterator[Desk]:
    started = Desk(store, *brokers, **options)
    started.receiver.start()
    try:
        started.wait_connected(len(brokers))
        yield started
    finally:
        assert started.receiver.stop()
        started.ends.wait_for(lambda items: len(items) == 1)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "room.db"


def test_alerts_are_stored_shown_once_and_receipted(broker: MosquittoBroker, store: Path) -> None:
    with GatewayOnBrokers(broker.port) as gateway, desk(store, broker.port) as room:
        rows = gateway.send(*(story(number) for number in range(12)))
        gateway.wait_received()
        gateway.post(gateway.script.event(rows[3]))
        gateway.beat()
        gateway.wait_answered(1)
        assert [one.alert for one in room.arrivals.items] == rows
        assert all(one.stored and not one.again for one in room.arrivals.items)
        assert [one.rings for one in room.arrivals.items] == [one.phase is not Phase.END for one in rows]
    with Ledger.open(store) as ledger:
        assert [row[2:4] for row in ledger.revisions()] == [(row.event_id, row.revision) for row in rows]


def test_nothing_comes_twice_over_a_restart(broker: MosquittoBroker, store: Path) -> None:
    with GatewayOnBrokers(broker.port) as gateway:
        with desk(store, broker.port):
            rows = gateway.send(story(0), story(1))
            gateway.wait_received()
        later = gateway.send(story(2), story(3))  # while it is away for a moment
        with desk(store, broker.port) as room:
            assert room.receiver.open_at_start == (rows[1],)
            for row in rows:
                gateway.post(gateway.script.event(row))
            gateway.send_again()
            gateway.wait_received()
            assert [one.alert for one in room.wait_alerts(2)] == later
            assert [one.first for one in room.arrivals.items] == [False, False]


def test_a_large_backlog_comes_in_few_receipts(broker: MosquittoBroker, store: Path) -> None:
    with GatewayOnBrokers(broker.port) as gateway, desk(store, broker.port) as room:
        gateway.send(*(story(number) for number in range(1000)))
        gateway.wait_received(2 * DEADLINE_S)
        assert len(room.arrivals.items) == 1000
        assert len(gateway.said.items) < 1000


def test_who_joins_late_gets_what_is_open(broker: MosquittoBroker, store: Path) -> None:
    with GatewayOnBrokers(broker.port) as gateway:
        gateway.send(*(story(number) for number in range(6)))
        with desk(store, broker.port) as room:
            gateway.beat()
            (one,) = room.wait_alerts(1)
            assert (one.alert.revision, one.step, one.asked) == (1, Step.UPDATED, True)
            gateway.send(story(6), story(7))
            assert [one.step for one in room.wait_alerts(3)[1:]] == [Step.UPDATED, Step.ENDED]


def test_missing_alerts_are_asked_for(broker: MosquittoBroker, store: Path) -> None:
    with GatewayOnBrokers(broker.port) as gateway, desk(store, broker.port) as room:
        gateway.send(story(0))
        gateway.add(story(1))
        gateway.send(story(2))
        gateway.beat(interval_s=5.0)
        gateway.wait_received()
        room.notices.first(lambda notice: isinstance(notice, GapFilled))
        assert room.notices.items[0] == GapFound("harbour", "gw-1", Lane.LIVE, 2, 2, asked=True)


def test_the_last_alert_that_is_missing_shows_by_the_heartbeat(broker: MosquittoBroker, store: Path) -> None:
    with GatewayOnBrokers(broker.port) as gateway, desk(store, broker.port):
        gateway.send(story(0), story(1), story(2))
        gateway.add(story(3))  # the end, so that the question what is open does not bring it
        gateway.beat(interval_s=5.0)
        gateway.wait_received()
        assert [command for command, _ in gateway.script.requests] == [Command.OPEN, Command.RESEND]


def test_two_brokers_one_alert_and_one_of_them_may_die(store: Path) -> None:
    primary, backup = MosquittoBroker().start(), MosquittoBroker().start()
    try:
        with (
            GatewayOnBrokers(primary.port, backup.port) as gateway,
            desk(store, primary.port, backup.port) as room,
        ):
            gateway.send(story(0), story(1), legs=(0, 1))
            gateway.wait_received()
            gateway.beat(legs=(0, 1))
            gateway.post((TOPICS.status, encode(GATEWAY_STATUS)), legs=(0, 1))
            room.changes.first(lambda change: isinstance(change, GatewayChange))
            primary.kill()
            gateway.send(story(2), story(3), legs=(1,))
            gateway.wait_received()
            gateway.beat(legs=(1,))
            gateway.wait_answered(2)
            assert [one.alert.revision for one in room.arrivals.items] == [0, 1, 2, 3]
            assert [type(change) for change in room.changes.items] == [GatewayChange]
            primary.start()
            room.wait_connected(3)
    finally:
        primary.close()
        backup.close()


def test_a_gateway_gone_from_one_of_two_brokers_is_not_gone(store: Path) -> None:
    gone = replace(GATEWAY_STATUS, state=Presence.OFFLINE, reason="connection_lost", since_utc=None)
    with (
        MosquittoBroker() as primary,
        MosquittoBroker() as backup,
        GatewayOnBrokers(primary.port, backup.port) as gateway,
        desk(store, primary.port, backup.port) as room,
    ):
        gateway.post((TOPICS.status, encode(GATEWAY_STATUS)), legs=(0, 1), retain=True)
        gateway.beat(legs=(0,))
        gateway.beat(legs=(1,))
        for beat in (1, 2):  # both know that it is there
            gateway.wait_answered(beat)
        gateway.post((TOPICS.status, encode(gone)), legs=(0,), retain=True)
        gateway.beat()
        gateway.wait_answered(3)
        gateway.post((TOPICS.status, encode(gone)), legs=(1,), retain=True)
        room.changes.wait_for(lambda changes: len(changes) == 2)
        assert room.changes.items == [GatewayChange(GATEWAY_STATUS, 0), GatewayChange(gone, 0)]


def test_a_broker_of_mqtt_3_1_1_serves_as_well(broker: MosquittoBroker, store: Path) -> None:
    old = BrokerAddress(HOST, broker.port, mqtt5=False)
    with GatewayOnBrokers(broker.port) as gateway:
        with desk(store, old) as room:
            rows = gateway.send(story(0), story(1))
            gateway.wait_received()
            gateway.beat()
            gateway.wait_answered(1)
            gateway.wait_requests(1)
        later = gateway.send(story(2))
        with desk(store, old) as again:
            assert [one.alert for one in again.wait_alerts(1)] == later  # its session was kept
        assert [one.alert for one in room.arrivals.items] == rows


def test_the_broker_that_comes_with_pip_serves_as_well(store: Path) -> None:
    with (
        EmbeddedBroker() as embedded,
        GatewayOnBrokers(embedded.port) as gateway,
        desk(store, embedded.port) as room,
    ):
        gateway.send(*(story(number) for number in range(300)))
        gateway.beat()
        gateway.wait_received()
        gateway.wait_answered(1)
        assert len(room.arrivals.items) == 300


def test_a_silent_gateway_is_told_and_its_return(broker: MosquittoBroker, store: Path) -> None:
    script = ScriptedGateway(gateway="quiet")
    with GatewayOnBrokers(broker.port, script=script) as gateway, desk(store, broker.port) as room:
        gateway.beat(interval_s=0.2)
        silent = room.notices.first(lambda notice: isinstance(notice, GatewaySilent))
        assert isinstance(silent, GatewaySilent)
        assert (silent.site, silent.gateway) == ("harbour", "quiet")
        room.wait_connected(2)  # it makes sure that it was not the line
        gateway.beat(interval_s=5.0)
        room.notices.first(lambda notice: isinstance(notice, GatewayHeard))


def test_what_others_publish_is_not_believed(broker: MosquittoBroker, store: Path) -> None:
    with GatewayOnBrokers(broker.port) as gateway, desk(store, broker.port, name="other") as room:
        gateway.script.receiver = "other"
        event = TOPICS.event("scream")
        gateway.post((event, b"rubbish"))
        gateway.post((event, b"\x00" * 200_000))
        gateway.post((event, encode(alert(1, gateway="gw-2"))))
        gateway.post((f"{TOPICS.base}/response/open", b"[[["))
        gateway.post((f"{TOPICS.base}/heartbeat", encode(RECEIPT)))
        gateway.post((f"{TOPICS.base}/receipt", encode(replace(RECEIPT, receiver="other"))))
        gateway.script.received.clear()
        rows = gateway.send(alert(2))
        gateway.wait_received()
        assert [one.alert for one in room.arrivals.items] == rows
        assert [type(change) for change in room.changes.items] == [BadMessage] * 5


def test_a_message_too_large_for_anybody_does_not_stop_the_others(store: Path) -> None:
    with (
        MosquittoBroker() as broker,
        GatewayOnBrokers(broker.port) as gateway,
        desk(store, BrokerAddress(HOST, broker.port, mqtt5=False)) as old,
        desk(store.with_name("new.db"), broker.port, name="new") as new,
    ):
        gateway.script.receiver = "room"
        gateway.post((TOPICS.event("scream"), b"x" * 2_000_000))
        gateway.post(gateway.script.event(gateway.add(alert(1))))
        for room in (old, new):
            assert room.wait_alerts(1)[0].alert.event_id == alert(1).event_id
        assert len(old.changes.items) == 1  # the other broker connection never got it


def test_events_that_a_broker_had_retained_do_not_ring(store: Path) -> None:
    with MosquittoBroker() as broker, GatewayOnBrokers(broker.port) as gateway:
        gateway.post(gateway.script.event(gateway.add(alert(1))), retain=True)
        gateway.post(gateway.script.heartbeat(), retain=True)
        with desk(store, broker.port) as room:
            rows = gateway.send(alert(2))
            assert [one.alert for one in room.wait_alerts(1)] == rows
            gateway.said.wait_for(lambda items: len(items) >= 1)
            assert gateway.script.beats_answered == []
            assert len(gateway.script.unreceived()) == 1


def test_rights_that_lack_are_told(store: Path) -> None:
    acl = "user room\ntopic read #\nuser gw\ntopic readwrite #\n"
    with (
        MosquittoBroker(users={"room": "r", "gw": "g"}, acl=acl) as broker,
        GatewayOnBrokers(broker.port, username="gw", password="g") as gateway,
        desk(store, BrokerAddress(HOST, broker.port, username="room", password="r")) as room,
    ):
        gateway.send(alert(1))
        assert room.notices.first(lambda notice: isinstance(notice, NotHeard)) == NotHeard("primary", 0x87)
        assert len(room.arrivals.items) == 1


def test_a_handler_that_raises_ends_it_without_a_receipt(broker: MosquittoBroker, store: Path) -> None:
    def fail(_arrival: Arrival) -> None:
        raise ValueError("no screen")

    failing = Desk(store, broker.port, on_alert=fail, name="fails")
    script = ScriptedGateway(gateway="for-fails", receiver="fails")
    with GatewayOnBrokers(broker.port, script=script) as gateway:
        failing.receiver.start()
        failing.wait_connected()
        rows = gateway.send(alert(1))
        assert str(failing.ends.first(lambda problem: True)) == "no screen"
        with pytest.raises(ValueError, match="no screen"):
            failing.receiver.wait()
        assert gateway.said.items == []
        with desk(store, broker.port, name="fails") as room:
            (again,) = room.wait_alerts(1)
            assert (again.alert, again.again) == (rows[0], True)
            gateway.send_again()
            gateway.wait_received()
            assert len(room.arrivals.items) == 1


def test_while_a_handler_takes_its_time_nothing_is_lost(broker: MosquittoBroker, store: Path) -> None:
    gate = threading.Event()

    def slow(arrival: Arrival) -> None:
        assert gate.wait(DEADLINE_S)
        room.arrivals.add(arrival)

    script = ScriptedGateway(gateway="patient", receiver="slow")
    with GatewayOnBrokers(broker.port, script=script) as gateway:
        room = Desk(store, broker.port, on_alert=slow, name="slow")
        room.receiver.start()
        room.wait_connected()
        gateway.send(*(story(number) for number in range(400)))
        gate.set()
        gateway.wait_received()
        assert len(room.arrivals.items) == 400
        assert room.receiver.stop()


def test_a_store_in_use_and_wrong_use_are_said(broker: MosquittoBroker, store: Path) -> None:
    with desk(store, broker.port), pytest.raises(LedgerError, match="another receiver"):
        Desk(store, broker.port).receiver.start()
    for wrong, why in (
        ({"name": "a b"}, "name of the receiver"),
        ({"store": None}, "needs a store"),
        ({"brokers": []}, "one or two"),
        ({"brokers": ["mqtt://a", "mqtt://b", "mqtt://c"]}, "one or two"),
        ({"brokers": "http://a"}, "no broker address"),
        ({"scope": Scope("no/such")}, "site"),
    ):
        settings: dict[str, object] = {"brokers": "mqtt://a", "name": "a", "store": store, "on_alert": print}
        with pytest.raises(ValueError, match=why):
            Receiver(**settings | wrong)  # type: ignore[arg-type]


def test_test_alerts_are_shown_and_do_not_count(broker: MosquittoBroker, store: Path) -> None:
    script = ScriptedGateway(gateway="tests")
    with GatewayOnBrokers(broker.port, script=script) as gateway, desk(store, broker.port) as room:
        gateway.send(alert(1, status=Status.TEST, event_class="test"))
        gateway.wait_received()
        (one,) = room.arrivals.items
        assert (one.rings, one.counts) == (False, False)


def test_a_person_confirms_an_incident_and_each_gateway_of_it_answers(
    tmp_path: Path, broker: MosquittoBroker
) -> None:
    shared = {"incident_id": alert(71).event_id}
    one = ScriptedGateway(gateway="gw-71")
    other = ScriptedGateway(gateway="gw-72")
    with (
        GatewayOnBrokers(broker.port, script=one) as first,
        GatewayOnBrokers(broker.port, script=other) as second,
        desk(tmp_path / "store.db", broker.port) as room,
    ):
        room.wait_connected()
        first.beat()
        second.beat()
        first.send(alert(71, **shared))
        room.wait_alerts(1)
        second.send(alert(72, **shared))
        arrival = room.wait_alerts(2)[1]
        assert arrival.incident is not None
        assert len(arrival.incident.incident.events) == 2
        room.receiver.confirm(arrival.incident.incident)
        answers = room.notices.wait_for(
            lambda notices: sum(isinstance(notice, ConfirmAnswered) for notice in notices) == 2, "two answers"
        )
    told = [notice for notice in answers if isinstance(notice, ConfirmAnswered)]
    assert {(one.gateway, one.event_id, one.accepted) for one in told} == {
        ("gw-71", alert(71).event_id, True),
        ("gw-72", alert(72).event_id, True),
    }


def test_an_incident_is_known_again_after_a_restart(tmp_path: Path, broker: MosquittoBroker) -> None:
    script = ScriptedGateway(gateway="gw-73")
    shared = {"incident_id": alert(73).event_id}
    with GatewayOnBrokers(broker.port, script=script) as gateway:
        with desk(tmp_path / "store.db", broker.port) as room:
            room.wait_connected()
            gateway.send(alert(73, **shared))
            assert room.wait_alerts(1)[0].rings_once
            gateway.wait_received()
        with desk(tmp_path / "store.db", broker.port) as room:
            room.wait_connected()
            gateway.send(alert(74, **shared))
            (arrival,) = room.wait_alerts(1)
    assert arrival.incident is not None
    assert [event for _, event in arrival.incident.incident.events] == [
        alert(73).event_id,
        alert(74).event_id,
    ]
    assert arrival.rings
    assert not arrival.rings_once, "the incident rang before the restart"

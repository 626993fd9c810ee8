"""Retained states over real brokers: the latest counts, on every path, again after every connection."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.delivery.broker_link import BACKUP, LinkPhase, Will
from gateway.delivery.outbox import Outbox
from tests.support.alerts import TOPICS
from tests.support.broker import MosquittoBroker, free_port
from tests.support.delivering import EVERYTHING, Gateway, publishing
from tests.support.mqtt_witness import Seen, Witness
from tests.support.proxy import CuttingProxy
from tests.support.waiting import wait_until


@pytest.fixture(scope="module")
def broker() -> Iterator[MosquittoBroker]:
    with MosquittoBroker() as started:
        yield started


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    with Outbox.open(tmp_path / "outbox.db") as opened:
        yield opened


def test_states_are_retained_and_the_latest_counts(outbox: Outbox, broker: MosquittoBroker) -> None:
    topic = TOPICS.sensor_availability("north")
    with publishing(outbox, broker.port) as gateway:
        for number in range(200):
            assert gateway.publisher.put_state(topic, b"%d" % number)
        gateway.wait_phase(LinkPhase.CONNECTED)
        with Witness(broker.port, topic) as live:
            live.seen.first(lambda item: item.payload == b"199")
        assert gateway.count("states_published") <= 200
    with Witness(broker.port, topic) as late:
        assert late.seen.first(lambda item: True) == Seen(topic, b"199", True, 1)


def test_an_event_is_no_state(outbox: Outbox) -> None:
    publisher = Gateway(outbox, free_port()).publisher
    with pytest.raises(ValueError, match="through the outbox"):
        publisher.put_state(TOPICS.event("shout"), b"x")
    with pytest.raises(ValueError, match="topic"):
        publisher.put_state("elsewhere/status", b"x")


def test_levels_go_without_acknowledgement(outbox: Outbox, broker: MosquittoBroker) -> None:
    topic = TOPICS.sensor_level("north")
    with publishing(outbox, broker.port) as gateway, Witness(broker.port, topic) as witness:
        gateway.publisher.put_state(topic, b"61.5")
        assert witness.seen.first(lambda item: item.payload == b"61.5").qos == 0


def test_states_come_again_after_the_broker_forgot_them(outbox: Outbox) -> None:
    with MosquittoBroker() as broker, publishing(outbox, broker.port) as gateway:
        gateway.publisher.put_state(TOPICS.status, b"online")
        gateway.publisher.put_state(TOPICS.sensor_level("north"), b"61.5")
        wait_until(lambda: gateway.count("states_published") == 2, "states out")
        broker.kill()
        broker.start()
        with Witness(broker.port, EVERYTHING) as witness:
            witness.seen.wait_for(lambda seen: {b"online", b"61.5"} <= {item.payload for item in seen})


def test_a_status_left_offline_by_the_will_is_corrected(outbox: Outbox, broker: MosquittoBroker) -> None:
    will = Will(TOPICS.status, b"offline")
    with (
        CuttingProxy(broker.port) as proxy,
        publishing(outbox, proxy.port, will=will, will_delay_s=0) as gateway,
    ):
        gateway.publisher.put_state(TOPICS.status, b"online")
        with Witness(broker.port, TOPICS.status) as witness:
            witness.seen.first(lambda item: item.payload == b"online")
            proxy.cut()
            witness.seen.wait_for(
                lambda seen: [item.payload for item in seen][-2:] == [b"offline", b"online"]
            )


def test_a_connection_that_is_back_within_the_wills_delay_was_never_gone(
    outbox: Outbox, broker: MosquittoBroker
) -> None:
    will = Will(TOPICS.status, b"offline")
    with (
        CuttingProxy(broker.port) as proxy,
        Witness(broker.port, TOPICS.status) as witness,
        publishing(outbox, proxy.port, will=will, will_delay_s=3600) as gateway,
    ):
        for number in range(5):
            gateway.wait_phase(LinkPhase.CONNECTED, times=number + 1)
            gateway.publisher.put_state(TOPICS.status, b"online %d" % number)
            witness.seen.first(lambda item, number=number: item.payload == b"online %d" % number)  # type: ignore[misc]
            proxy.cut()
        assert b"offline" not in [item.payload for item in witness.seen.items]


def test_an_emptied_state_is_taken_off_the_broker(outbox: Outbox, broker: MosquittoBroker) -> None:
    topic = TOPICS.sensor_availability("removed")
    with publishing(outbox, broker.port) as gateway, Witness(broker.port, topic) as witness:
        gateway.publisher.put_state(topic, b"offline")
        witness.seen.first(lambda item: item.payload == b"offline")
        gateway.publisher.put_state(topic, b"")
        witness.seen.first(lambda item: item.payload == b"")
    with Witness(broker.port, f"{TOPICS.base}/sensor/removed/#") as late:
        late.publish(f"{TOPICS.base}/sensor/removed/marker", b"m")
        assert late.seen.first(lambda item: True).payload == b"m"


def test_states_are_true_on_both_brokers_whichever_takes_the_alerts(
    outbox: Outbox, broker: MosquittoBroker
) -> None:
    with MosquittoBroker() as second, publishing(outbox, broker.port, second.port) as gateway:
        gateway.publisher.put_state(TOPICS.status, b"online")
        for one in (broker, second):
            with Witness(one.port, TOPICS.status) as witness:
                witness.seen.first(lambda item: item.payload == b"online")
        second.kill()
        gateway.wait_phase(LinkPhase.LOST, path=BACKUP)
        gateway.publisher.put_state(TOPICS.status, b"degraded")
        second.start()
        for one in (broker, second):
            with Witness(one.port, TOPICS.status) as witness:
                witness.seen.first(lambda item: item.payload == b"degraded")

"""Serial bytes to the control room: simulated sensors on ptys, `agw run` as a process, a real mosquitto."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from firmware_bridge.simulator.pty_port import PtyPorts
from firmware_bridge.simulator.scenario import Scenario, SensorScript, SoundPlayed
from firmware_bridge.simulator.world import SimulatedWorld
from gateway.contract.encoding import BadPayload, decode_for
from gateway.contract.topics import parse_topic
from tests.support.broker import MosquittoBroker
from tests.support.gateway_process import GatewayProcess, settings_text
from tests.support.mqtt_witness import Seen, Witness
from tests.support.station_rig import quiet_and_bang

A = "SIM-A"
EVENT = "aggression/v1/site/gw/event/loud"


def bangs(*at_s: float, duration_s: float = 120.0, serials: tuple[str, ...] = (A,)) -> SimulatedWorld:
    scenario = Scenario(
        name="test",
        seed=1,
        duration_s=duration_s,
        sensors=tuple(SensorScript(serial, bed=("street",)) for serial in serials),
        sounds=tuple(SoundPlayed(at, ("bang",), (("*", 0.0),)) for at in at_s),
    )
    return SimulatedWorld(scenario, quiet_and_bang(), epoch=7)


@contextmanager
def simulated(folder: Path, world: SimulatedWorld) -> Iterator[PtyPorts]:
    ports = PtyPorts(world, folder)
    ports.start()
    try:
        yield ports
    finally:
        assert ports.stop()


def alerts(seen: list[Seen]) -> list[dict[str, Any]]:
    return [json.loads(one.payload) for one in seen if one.topic == EVENT]


def phases(seen: list[Seen]) -> list[str]:
    return [alert["phase"] for alert in alerts(seen)]


def has_phase(phase: str, **fields: str) -> Any:
    def holds(one: Seen) -> bool:
        if one.topic != EVENT:
            return False
        alert = json.loads(one.payload)
        return alert["phase"] == phase and all(alert[name] == value for name, value in fields.items())

    return holds


def state(one: Seen, topic: str, value: str) -> bool:
    return one.topic.endswith(topic) and bool(one.payload) and json.loads(one.payload).get("state") == value


@pytest.fixture
def broker() -> Iterator[MosquittoBroker]:
    running = MosquittoBroker()
    running.start()
    try:
        yield running
    finally:
        running.stop()


def test_an_alert_is_raised_and_cleared_and_everything_keeps_the_contract(
    tmp_path: Path, broker: MosquittoBroker
) -> None:
    gateway = GatewayProcess(tmp_path, settings_text(tmp_path, broker.port, [A]))
    with simulated(tmp_path, bangs(3.0)), Witness(broker.port) as witness, gateway:
        witness.seen.first(lambda one: state(one, "/status", "online"), "status online")
        witness.seen.first(lambda one: state(one, "/sensor/sim-a/availability", "online"), "sensor online")
        witness.seen.first(has_phase("start"), "start")
        witness.seen.first(has_phase("end", end_reason="cleared"), "end")
        witness.seen.first(lambda one: one.topic.endswith("/gw/health"), "health")
        assert gateway.terminate() == 0
        witness.seen.first(lambda one: state(one, "/status", "offline"), "status offline")
        seen = witness.seen.items
    told = alerts(seen)
    assert [alert["revision"] for alert in told] == list(range(len(told)))
    assert len({alert["event_id"] for alert in told}) == 1
    assert all(alert["status"] == "Test" and alert["published_utc"] and alert["seq"] for alert in told)
    assert not any(one.retained for one in seen if "/event/" in one.topic)
    for one in seen:
        topic = parse_topic(one.topic)
        decoded = decode_for(topic.kind, one.payload)
        assert not isinstance(decoded, BadPayload), decoded


def test_a_late_subscriber_gets_states_and_no_event(tmp_path: Path, broker: MosquittoBroker) -> None:
    gateway = GatewayProcess(tmp_path, settings_text(tmp_path, broker.port, [A]))
    with simulated(tmp_path, bangs(2.0)), gateway:
        with Witness(broker.port) as first:
            first.seen.first(has_phase("end"), "end")
        with Witness(broker.port) as late:
            late.seen.first(lambda one: one.topic.endswith("/status"), "status")
            late.seen.first(lambda one: one.topic.endswith("/availability"), "availability")
            assert not [one for one in late.seen.items if "/event/" in one.topic]


def test_stopping_the_gateway_ends_the_open_event(tmp_path: Path, broker: MosquittoBroker) -> None:
    gateway = GatewayProcess(tmp_path, settings_text(tmp_path, broker.port, [A]))
    with simulated(tmp_path, bangs(3.0, 4.9, 6.8, 8.7, 10.6, 12.5)), Witness(broker.port) as witness, gateway:
        witness.seen.first(has_phase("start"), "start")
        assert gateway.terminate() == 0
        witness.seen.first(has_phase("end", end_reason="gateway_stopped"), "end")


def test_an_event_orphaned_by_a_kill_is_ended_after_the_restart(
    tmp_path: Path, broker: MosquittoBroker
) -> None:
    gateway = GatewayProcess(tmp_path, settings_text(tmp_path, broker.port, [A]))
    with simulated(tmp_path, bangs(3.0)), Witness(broker.port) as witness, gateway:
        start = json.loads(witness.seen.first(has_phase("start"), "start").payload)
        gateway.kill()
        gateway.start()
        end = json.loads(witness.seen.first(has_phase("end", end_reason="gateway_restarted"), "end").payload)
        assert end["event_id"] == start["event_id"]
        assert end["revision"] > start["revision"]


def test_the_broker_may_be_absent_at_first_and_go_away(tmp_path: Path) -> None:
    broker = MosquittoBroker(keeps_state=True)
    gateway = GatewayProcess(tmp_path, settings_text(tmp_path, broker.port, [A]))
    with simulated(tmp_path, bangs(2.0, 14.0, 26.0)) as ports, gateway:
        broker.start()
        try:
            with Witness(broker.port) as witness:
                witness.seen.first(has_phase("end"), "the event of before the broker was there", 60.0)
                broker.kill()
                assert not ports.wait(1.0)
                broker.start()
                witness.seen.wait_for(lambda seen: phases(seen).count("end") >= 2, "second end", 60.0)
        finally:
            broker.stop()


def test_a_missing_model_is_declared_and_levels_go_on(tmp_path: Path, broker: MosquittoBroker) -> None:
    gateway = GatewayProcess(tmp_path, settings_text(tmp_path, broker.port, [A], model="no-such-model"))
    with simulated(tmp_path, bangs(3.0)), Witness(broker.port) as witness, gateway:
        start = json.loads(witness.seen.first(has_phase("start"), "start").payload)
        health = witness.seen.first(lambda one: one.topic.endswith("/gw/health"), "health")
    assert start["mode"] == "level_only"
    fault = next(f for f in json.loads(health.payload)["faults"] if f["code"] == "model_refused")
    assert "no-such-model" in fault["where"]
    assert fault["message"]["nl"]


def test_a_second_gateway_on_the_same_ports_says_that_they_are_busy(
    tmp_path: Path, broker: MosquittoBroker
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    first = GatewayProcess(tmp_path, settings_text(tmp_path, broker.port, [A]))
    text = settings_text(tmp_path, broker.port, [A]).replace('id = "gw"', 'id = "gw2"')
    second = GatewayProcess(other, text.replace(f'"{tmp_path}/data"', f'"{other}/data"'))
    with simulated(tmp_path, bangs()), Witness(broker.port) as witness, first:
        witness.seen.first(lambda one: state(one, "/sensor/sim-a/availability", "online"), "sensor online")
        with second:
            health = witness.seen.first(
                lambda one: one.topic.endswith("/gw2/health") and b"port_busy" in one.payload, "port busy"
            )
    fault = next(f for f in json.loads(health.payload)["faults"] if f["code"] == "port_busy")
    assert fault["where"] == f"{tmp_path}/{A}"

"""A place outlives what hangs there: sensors and gateways that are taken away, swapped or unplugged."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from firmware_bridge.simulator.scenario import Action, Plug, Scenario, SensorScript, Stall, Unplug
from firmware_bridge.simulator.world import SimulatedWorld
from tests.end_to_end.test_first_alert import A, alerts, bangs, has_phase, simulated, state
from tests.support.broker import MosquittoBroker
from tests.support.gateway_process import LOUD_RULE, GatewayProcess, settings_text
from tests.support.mqtt_witness import Seen, Witness
from tests.support.station_rig import quiet_and_bang
from tests.support.waiting import wait_until

B = "SIM-B"
OFTEN = "[storage]\nflush_s = 1\n" + LOUD_RULE


@pytest.fixture
def broker() -> Iterator[MosquittoBroker]:
    with MosquittoBroker(keeps_state=True) as running:
        yield running


def retained(broker: MosquittoBroker) -> dict[str, Any]:
    """What a late joiner is given, by the end of its topic."""
    with Witness(broker.port) as late:
        late.publish("marker", b"end")  # the broker gives what it retains first
        seen = late.seen.wait_for(lambda seen: any(one.topic == "marker" for one in seen), "the marker")
    return {
        one.topic.removeprefix("aggression/v1/site/gw/"): json.loads(one.payload)
        for one in seen
        if one.retained
    }


def of_sensor(topics: dict[str, Any], sensor_id: str) -> set[str]:
    return {topic.rpartition("/")[2] for topic in topics if topic.startswith(f"sensor/{sensor_id}/")}


def wait_online(witness: Witness, *sensor_ids: str) -> None:
    for sensor_id in sensor_ids:
        witness.seen.first(lambda one, ending=f"/{sensor_id}/availability": state(one, ending, "online"))


def quiet(*serials: str, actions: tuple[Action, ...] = ()) -> SimulatedWorld:
    sensors = tuple(SensorScript(serial, bed=("street",)) for serial in serials)
    scenario = Scenario("test", 1, 120.0, sensors, (), actions)
    return SimulatedWorld(scenario, quiet_and_bang(), epoch=7)


def wiped(sensor_id: str, leaf: str) -> Any:
    return lambda one: one.topic.endswith(f"/sensor/{sensor_id}/{leaf}") and one.payload == b""


def test_a_sensor_taken_out_of_the_settings_is_taken_off_the_broker(
    tmp_path: Path, broker: MosquittoBroker
) -> None:
    with simulated(tmp_path, quiet(A, B)), Witness(broker.port) as witness:
        with GatewayProcess(tmp_path, settings_text(tmp_path, broker.port, [A, B], model="none")) as gateway:
            wait_online(witness, "sim-a", "sim-b")
            witness.seen.first(lambda one: one.topic.endswith("/sim-b/level"), "a level")
            witness.seen.first(lambda one: one.topic.endswith("/sim-b/health"), "health")
            assert gateway.terminate() == 0
        assert of_sensor(retained(broker), "sim-b") == {"availability", "level", "health"}
        with GatewayProcess(tmp_path, settings_text(tmp_path, broker.port, [A], model="none")):
            for leaf in ("availability", "level", "health"):
                witness.seen.first(wiped("sim-b", leaf), f"{leaf} wiped")
            left = retained(broker)
    assert of_sensor(left, "sim-b") == set()
    assert "availability" in of_sensor(left, "sim-a")
    assert "status" in left


def test_it_is_wiped_also_if_the_broker_was_away_at_first_and_the_gateway_was_killed(
    tmp_path: Path, broker: MosquittoBroker
) -> None:
    with simulated(tmp_path, quiet(A, B)):
        with (
            Witness(broker.port) as witness,
            GatewayProcess(tmp_path, settings_text(tmp_path, broker.port, [A, B], model="none")) as gateway,
        ):
            wait_online(witness, "sim-a", "sim-b")
            gateway.kill()
        broker.stop()
        broker.start()
        assert "availability" in of_sensor(retained(broker), "sim-b"), "the broker kept no state"
        broker.stop()
        with GatewayProcess(tmp_path, settings_text(tmp_path, broker.port, [A], model="none")):
            broker.start()
            wait_until(lambda: not of_sensor(retained(broker), "sim-b"), "the sensor to be wiped")


def test_a_swapped_sensor_keeps_the_place_its_topics_and_its_hours(
    tmp_path: Path, broker: MosquittoBroker
) -> None:
    text = settings_text(tmp_path, broker.port, [A, B], model="none", more=OFTEN)
    text = text[: text.index('[[sensor]]\nid = "sim-b"')]  # the second port is there, its sensor is a spare
    with simulated(tmp_path, quiet(A, B)), Witness(broker.port) as witness:
        with GatewayProcess(tmp_path, text) as gateway:
            wait_online(witness, "sim-a")
            witness.seen.first(lambda one: state(one, "/unbound-SIM-B/availability", "unbound"), "the spare")
            before = heard(witness, "sim-a", lambda seen: seen["analysed_s"] > 5.0)
            assert gateway.terminate() == 0
        number = len(witness.seen.items)
        with GatewayProcess(tmp_path, text.replace('serial = "SIM-A"', 'serial = "SIM-B"')):
            witness.seen.first(
                lambda one: state(one, "/sim-a/availability", "online") and b"SIM-B" in one.payload,
                "the spare at the place",
            )
            witness.seen.first(wiped("unbound-SIM-B", "availability"), "its name as a spare wiped")
            after = heard(witness, "sim-a", lambda seen: seen["analysed_s"] > before["analysed_s"], number)
    assert after["window_s"] > before["window_s"]


def heard(witness: Witness, sensor_id: str, holds: Any, number: int = 0) -> dict[str, Any]:
    """The sensor's coverage in the first health after `number` messages for which it holds."""

    def entry(one: Seen) -> dict[str, Any] | None:
        if not one.topic.endswith("/gw/health"):
            return None
        sensors = json.loads(one.payload)["sensors"]
        return next((sensor for sensor in sensors if sensor["sensor_id"] == sensor_id), None)

    def found(items: list[Seen]) -> dict[str, Any] | None:
        entries = (entry(one) for one in items[number:])
        return next((one for one in entries if one is not None and holds(one)), None)

    seen = found(witness.seen.wait_for(lambda items: found(items) is not None, "coverage", 90.0))
    assert seen is not None
    return seen


def test_a_new_box_with_the_old_name_takes_the_place_over(tmp_path: Path, broker: MosquittoBroker) -> None:
    text = settings_text(tmp_path, broker.port, [A], model="none")
    with simulated(tmp_path, bangs(3.0, 12.0, 24.0, 36.0, 48.0)), Witness(broker.port) as witness:
        with GatewayProcess(tmp_path, text) as old:
            witness.seen.first(has_phase("end"), "an event")
            old.kill()
        number = len(witness.seen.items)
        with GatewayProcess(tmp_path, text.replace(f'"{tmp_path}/data"', f'"{tmp_path}/new-box"')):
            seen = witness.seen.wait_for(lambda seen: any(map(has_phase("end"), seen[number:])), "an event")
            topics = retained(broker)
    told = alerts(seen[number:])
    assert len({alert["numbering"] for alert in alerts(seen[:number])}) == 1
    assert {alert["numbering"] for alert in told}.isdisjoint(a["numbering"] for a in alerts(seen[:number]))
    assert {alert["event_id"] for alert in told}.isdisjoint(a["event_id"] for a in alerts(seen[:number]))
    assert told[0]["seq"] == 1
    assert topics["status"]["state"] == "online"
    assert topics["sensor/sim-a/availability"]["state"] == "online"


@pytest.mark.parametrize(
    ("action", "reason"),
    [(Unplug(3.0, A), "port_closed"), (Stall(3.0, A, 8.0), "silent")],
    ids=["pulled out", "silent"],
)
def test_a_sensor_that_is_cut_off_is_said_to_be_and_said_to_be_back(
    tmp_path: Path, broker: MosquittoBroker, action: Action, reason: str
) -> None:
    back = (Plug(10.0, A),) if isinstance(action, Unplug) else ()
    text = settings_text(tmp_path, broker.port, [A], model="none")
    with (
        simulated(tmp_path, quiet(A, actions=(action, *back))),
        Witness(broker.port) as witness,
        GatewayProcess(tmp_path, text),
    ):
        wait_online(witness, "sim-a")
        number = len(witness.seen.items)
        gone = witness.seen.first(
            lambda one: state(one, "/sim-a/availability", "offline") and reason in str(one.payload), reason
        )
        assert gone in witness.seen.items[number:]
        witness.seen.first(
            lambda one: one.topic.endswith("/gw/health")
            and any(fault["where"].endswith(A) for fault in json.loads(one.payload)["faults"]),
            "a fault",
        )
        number = witness.seen.items.index(gone)
        witness.seen.wait_for(
            lambda seen: any(state(one, "/sim-a/availability", "online") for one in seen[number:]), "back"
        )

"""Sensors and lines that misbehave, through `agw run` to a real broker; no alert comes of them."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread

import pytest

from firmware_bridge.messages import Health
from tests.end_to_end.test_first_alert import A, alerts, bangs, has_phase, simulated, state
from tests.firmware_bridge.wire import Pen, features, hello
from tests.support.broker import MosquittoBroker
from tests.support.gateway_process import GatewayProcess, settings_text
from tests.support.mqtt_witness import Witness
from tests.support.ptys import PtyDevice, pty_device
from tests.support.waiting import DEADLINE_S


@pytest.fixture
def broker() -> Iterator[MosquittoBroker]:
    running = MosquittoBroker()
    running.start()
    try:
        yield running
    finally:
        running.stop()


def test_of_two_sensors_with_one_serial_number_the_first_stays_and_both_are_shown(
    tmp_path: Path, broker: MosquittoBroker
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    text = settings_text(tmp_path, broker.port, [A]) + f'\n[[port]]\nurl = "{other}/{A}"\n'
    gateway = GatewayProcess(tmp_path, text)
    with simulated(tmp_path, bangs(6.0)), Witness(broker.port) as witness, gateway:
        witness.seen.first(lambda one: state(one, "/sensor/sim-a/availability", "online"), "the first")
        with simulated(other, bangs(0.5)):
            refused = witness.seen.first(
                lambda one: one.topic.endswith("/availability") and state(one, "", "refused"), "the second"
            )
            witness.seen.first(has_phase("end"), "the first sensor's event")
        seen = witness.seen.items
    assert json.loads(refused.payload)["reason"] == "duplicate_serial"
    assert not refused.topic.endswith("/sensor/sim-a/availability")
    assert len({alert["event_id"] for alert in alerts(seen)}) == 1, "the second's bang must not count"
    states = [json.loads(one.payload)["state"] for one in seen if one.topic.endswith("sim-a/availability")]
    assert "refused" not in states


RUBBISH_WRITES = 40
"""Five seconds: long enough for the line to count as garbled."""


class Babbler(Thread):
    """Writes to a port until it is stopped: first rubbish, then a sensor's messages with rubbish between."""

    def __init__(self, device: PtyDevice, seed: int) -> None:
        super().__init__()
        self._device = device
        self._random = random.Random(seed)
        self._ended = Event()

    def run(self) -> None:
        pen, hop = Pen(), 0
        for written in itertools.count():
            if self._ended.wait(0.125):
                return
            data = self._random.randbytes(60)
            if written >= RUBBISH_WRITES:
                data += b"\0" + pen.write(hello(A), Health(3300, 215, 0, 0, 0, -9500, hop), features(hop))
                hop += 1
            self._device.send(data)

    def stop(self) -> None:
        self._ended.set()
        self.join(DEADLINE_S)


def test_a_sensor_is_heard_through_a_line_full_of_rubbish(tmp_path: Path, broker: MosquittoBroker) -> None:
    gateway = GatewayProcess(tmp_path, settings_text(tmp_path, broker.port, [A]))
    with pty_device(tmp_path / A) as device, Witness(broker.port) as witness, gateway:
        device.received(DEADLINE_S)
        babbler = Babbler(device, seed=1)
        babbler.start()
        try:
            witness.seen.first(lambda one: state(one, "/sensor/sim-a/availability", "online"), "the sensor")
            health = witness.seen.first(lambda one: one.topic.endswith("/sim-a/health"), "its health")
        finally:
            babbler.stop()
        seen = witness.seen.items
    assert json.loads(health.payload)["supply_mv"] == 3300
    assert alerts(seen) == []

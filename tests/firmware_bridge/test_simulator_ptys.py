"""Simulated sensors behind real ptys and real port threads: the whole way of the bytes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from firmware_bridge.events import FeatureFrame, HealthReceived, LostReason, SensorLost, SensorReady
from firmware_bridge.link import SensorLink
from firmware_bridge.port_states import PortState
from firmware_bridge.port_watcher import PortWatcher
from firmware_bridge.port_worker import PortWorker
from firmware_bridge.ports import OpenFailure, open_line
from firmware_bridge.simulator.pty_port import PtyPorts
from firmware_bridge.simulator.scenario import Plug, Scenario, Unplug, with_sensor_count
from firmware_bridge.simulator.world import (
    PortAppeared,
    PortVanished,
    Sent,
    SimulatedWorld,
    play_in_memory,
)
from firmware_bridge.waker import Waker
from tests.support.port_log import PortLog
from tests.support.simulated import LIBRARY, scenario
from tests.support.waiting import Collector, wait_until

ONE = "SIM-0001"


@contextmanager
def simulated(
    script: Scenario, directory: Path, *, flat_out: bool, told: Collector[object] | None = None
) -> Iterator[tuple[PtyPorts, SimulatedWorld]]:
    world = SimulatedWorld(script, LIBRARY, epoch=7)
    ports = PtyPorts(world, directory, flat_out=flat_out, told=None if told is None else told.add)
    ports.start()
    try:
        yield ports, world
    finally:
        assert ports.stop(timeout_s=20)


@contextmanager
def gateway(directory: Path, log: PortLog, links: dict[str, SensorLink]) -> Iterator[None]:
    def worker(url: str) -> PortWorker:
        links[url] = SensorLink()
        return PortWorker(url, links[url], log.take)

    watcher = PortWatcher([f"{directory}/*"], worker, log.take)
    watcher.start()
    try:
        yield
    finally:
        assert watcher.stop(timeout_s=20)


def test_flat_out_every_byte_arrives(tmp_path: Path) -> None:
    log, links = PortLog(), dict[str, SensorLink]()
    script = with_sensor_count(scenario(duration_s=120.0), 8)
    with simulated(script, tmp_path, flat_out=True) as (ports, world), gateway(tmp_path, log, links):
        assert ports.wait(60)
        assert ports.lost_bytes == 0
    for sensor in world.sensors:
        link = links[str(tmp_path / sensor.serial)]
        assert link.counters.sequence.delivered == sensor.truth.frames
        assert link.counters.sequence.lost == 0
        assert link.counters.bytes.bad == 0
    assert len([e for e in log.events if isinstance(e, HealthReceived)]) > 8 * 5
    assert list(tmp_path.iterdir()) == []


def test_in_real_time_sensors_are_ready_at_once_and_stream(tmp_path: Path) -> None:
    log, links = PortLog(), dict[str, SensorLink]()
    script = with_sensor_count(scenario(duration_s=600.0), 3)
    with simulated(script, tmp_path, flat_out=False), gateway(tmp_path, log, links):
        for times in range(1, 4):
            assert log.wait_kind(SensorReady, times).epoch == 7
        log.wait_kind(FeatureFrame, 12)
    assert {e.serial for e in log.events if isinstance(e, SensorReady)} == {
        "SIM-0001",
        "SIM-0002",
        "SIM-0003",
    }
    assert list(tmp_path.iterdir()) == []


def test_replugged_under_another_name_the_gateway_finds_it(tmp_path: Path) -> None:
    log, links, told = PortLog(), dict[str, SensorLink](), Collector[object]()
    script = scenario(Unplug(1.0, ONE), Plug(1.5, ONE, "elsewhere"), duration_s=600.0)
    with simulated(script, tmp_path, flat_out=False, told=told), gateway(tmp_path, log, links):
        assert log.wait_kind(SensorReady).epoch == 7
        assert log.wait_kind(SensorLost).reason is LostReason.PORT_CLOSED
        assert log.wait_kind(SensorReady, 2).epoch == 8
        log.wait_state(PortState.OPEN, url=str(tmp_path / "elsewhere"))
    ports = [event for event in told.items if isinstance(event, PortAppeared | PortVanished)]
    assert [event.port for event in ports] == [ONE, ONE, "elsewhere"]


def test_nobody_listens_and_nothing_waits(tmp_path: Path) -> None:
    with simulated(scenario(duration_s=600.0), tmp_path, flat_out=False) as (ports, world):
        wait_until(lambda: world.sensors[0].truth.frames > 5, "five frames")
        wait_until(lambda: ports.lost_bytes > 5 * 56, "their loss")


def test_stopping_before_anybody_listens(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    with simulated(scenario(), tmp_path, flat_out=True) as (ports, _world):
        assert ports.running
        assert (tmp_path / ONE).exists()
        assert ports.stop()
        assert not ports.running
    assert list(tmp_path.iterdir()) == []
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_slow_reader_gets_flat_out_the_very_bytes_of_the_run_in_memory(tmp_path: Path) -> None:
    script = scenario(duration_s=90.0)
    in_memory = play_in_memory(SimulatedWorld(script, LIBRARY, epoch=7))
    expected = b"".join(event.data for event in in_memory if isinstance(event, Sent))
    assert len(expected) > 8 * 4096
    with simulated(script, tmp_path, flat_out=True) as (ports, _world):
        line = open_line(str(tmp_path / ONE), 115200, waker := Waker())
        assert not isinstance(line, OpenFailure)
        # A pty holds 4 KiB: the simulator has to wait long before the end.
        got = line.read(20)
        while isinstance(got, bytes) and len(got) < len(expected):
            more = line.read(20)
            assert isinstance(more, bytes)
            got += more
        assert got == expected
        assert ports.wait(20)
        line.close()
        waker.close()
    assert ports.lost_bytes == 0

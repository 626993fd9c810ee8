"""Bytes that a running gateway writes in a day of 20 sensors and 100 alerts; the goal: under 50 MB.

    python -m tests.benchmarks.written_a_day [--sensors 20] [--idle-minutes 12] [--events 200] [--a-day 100]

`agw run` with the default model and `agw watch --receive-as` (which gives receipts) as processes, write_bytes
of /proc/PID/io. First nothing happens at any sensor; then an event every three seconds that grows from low to
high (start, updates, end), heard by one sensor after the other. The day is extrapolated from the two rates.
What the file system writes for itself (its journal) is in no process's figures; nor are the gateway's once an
hour (a record of coverage for each sensor), which a short run does not meet.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import tempfile
import threading
from contextlib import ExitStack
from pathlib import Path

from firmware_bridge.simulator.pty_port import PtyPorts
from firmware_bridge.simulator.scenario import Scenario, SensorScript, SoundPlayed
from firmware_bridge.simulator.sound import Sound
from firmware_bridge.simulator.synthetic import flat
from firmware_bridge.simulator.world import FULL_SCALE_DB, SimulatedWorld
from gateway.tools.simulate import load_library
from tests.benchmarks.backlog_drain import undelivered
from tests.benchmarks.delivery_site import ReceiverProcess
from tests.benchmarks.gateway_latency import RECEIPTS
from tests.benchmarks.machine import processor
from tests.benchmarks.process_figures import written_bytes
from tests.support.broker import MosquittoBroker
from tests.support.gateway_process import GatewayProcess, settings_text

SETTLING_S = 90.0
APART_S = 3.0
DAY_S = 86_400.0
RULE = "[decision.loud]\nenabled = true\nlevel_db = 60.0\nfor_s = 0.125\nhold_s = 2.0\n"
GROWS_DB = (61.0,) * 3 + (66.0,) * 8 + (76.0,) * 8  # over 48 to 50 dB


def grows() -> Sound:
    return Sound(
        "grows", "other", tuple(flat(level_db - FULL_SCALE_DB) for level_db in GROWS_DB), FULL_SCALE_DB
    )


def scenario(sensors: int, quiet_s: float, events: int) -> Scenario:
    serials = [f"SIM-{number:04d}" for number in range(1, sensors + 1)]
    scripts = tuple(
        SensorScript(serial, bed=("ambience_quiet_1" if number % 2 else "ambience_quiet_2",))
        for number, serial in enumerate(serials)
    )
    sounds = tuple(
        SoundPlayed(quiet_s + turn * APART_S, ("grows",), ((serials[turn % sensors], 0.0),))
        for turn in range(events)
    )
    return Scenario("day", 1, quiet_s + events * APART_S + 600.0, scripts, sounds)


def measure(folder: Path, sensors: int, idle_s: float, events: int, a_day: int) -> None:
    pause = threading.Event()
    # A little longer quiet than is measured: the gateway needs its start.
    script = scenario(sensors, SETTLING_S + idle_s + 15.0, events)
    world = SimulatedWorld(script, {**load_library(), "grows": grows()}, epoch=1)
    serials = [sensor.serial for sensor in script.sensors]
    with ExitStack() as stack:
        broker = stack.enter_context(MosquittoBroker())
        receiver = stack.enter_context(ReceiverProcess(folder, "desk", [broker.url], lambda *_: None))
        text = settings_text(folder, broker.port, serials, more=RULE, delivery=RECEIPTS)
        gateway = stack.enter_context(GatewayProcess(folder, text))
        ports = PtyPorts(world, folder)
        ports.start()
        stack.callback(ports.stop)
        pause.wait(SETTLING_S)
        counts = [written(gateway.pid, receiver.pid)]
        for seconds in (idle_s, events * APART_S + 30.0):
            pause.wait(seconds)
            counts.append(written(gateway.pid, receiver.pid))
        outbox = folder / "data" / "outbox.db"
        found, rows = counted(outbox)
        left = undelivered(outbox)
    for who, at_start, after_idle, at_end in zip(("gateway", "receiver"), *counts, strict=True):
        idle = (after_idle - at_start) / idle_s
        an_event = (at_end - after_idle - idle * (events * APART_S + 30.0)) / found
        day_mb = (idle * DAY_S + an_event * a_day) / 1e6
        print(
            f"{who}: idle {idle * 60 / 1e3:.1f} kB a minute ({idle * DAY_S / 1e6:.1f} MB a day),"
            f" an event {an_event / 1e3:.1f} kB; a day with {a_day} events {day_mb:.1f} MB"
        )
    print(
        f"    {sensors} sensors, idle for {idle_s / 60:g} minutes, then {found} events with"
        f" {rows / found:.2f} revisions each, {left} not received; load average {os.getloadavg()[0]:.1f}"
    )


def written(*pids: int) -> tuple[int, ...]:
    return tuple(written_bytes(pid) for pid in pids)


def counted(outbox: Path) -> tuple[int, int]:
    """Events and rows that are in it."""
    connection = sqlite3.connect(f"{outbox.as_uri()}?mode=ro", uri=True, timeout=5.0)
    try:
        events, rows = connection.execute("SELECT COUNT(DISTINCT event_id), COUNT(*) FROM alerts").fetchone()
    finally:
        connection.close()
    return int(events), int(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sensors", type=int, default=20)
    parser.add_argument("--idle-minutes", type=float, default=12.0)
    parser.add_argument("--events", type=int, default=200)
    parser.add_argument("--a-day", type=int, default=100)
    parser.add_argument("--folder", type=Path, help="on the disk in question")
    args = parser.parse_args()
    print(processor())
    with tempfile.TemporaryDirectory(dir=args.folder) as made:
        measure(Path(made), args.sensors, args.idle_minutes * 60.0, args.events, args.a_day)


if __name__ == "__main__":
    main()

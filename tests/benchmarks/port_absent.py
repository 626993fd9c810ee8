"""What a missing sensor costs, and how soon it streams when it is back.

    python -m tests.benchmarks.port_absent [--ports 1 32 64] [--seconds 20] [--replugs 20]

CPU is of the whole process while every port is absent, as a share of one core (limit for one: 2 %).
Reopening is from the moment a device appears to `SensorReady` and to the first `FeatureFrame`, for a
port named outright and for a pattern under which it comes back with another name (limit: 2 s). The device is
a pty whose sensor answers a hello request and sends a frame every 125 ms.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from firmware_bridge.events import FeatureFrame, LinkEvent, SensorReady
from firmware_bridge.link import SensorLink
from firmware_bridge.port_states import PortChanged
from firmware_bridge.port_watcher import PortWatcher
from firmware_bridge.port_worker import PortWorker
from firmware_bridge.simulator.pty_port import PtyPorts
from firmware_bridge.simulator.scenario import Plug, Scenario, SensorScript, Unplug
from firmware_bridge.simulator.world import PortAppeared, SimulatedWorld, WorldEvent
from tests.benchmarks.machine import processor

_AWAY_S, _THERE_S = 1.3, 1.7


def cpu_while_absent(patterns: list[str], seconds: float) -> float:
    """Share of one core that the process takes while these ports are served and none is there."""
    watcher = PortWatcher(
        patterns, lambda url: PortWorker(url, SensorLink(), lambda *_: None), lambda *_: None
    )
    watcher.start()
    threading.Event().wait(1.0)
    cpu_s, wall_s = time.process_time(), time.monotonic()
    threading.Event().wait(seconds)
    share = (time.process_time() - cpu_s) / (time.monotonic() - wall_s)
    watcher.stop()
    return share


class _Stopwatch:
    """Times from the appearance of a device to what follows."""

    def __init__(self) -> None:
        self._appeared_s: float | None = None
        self._ready = False
        self.to_ready_s: list[float] = []
        self.to_frame_s: list[float] = []

    def told(self, event: WorldEvent) -> None:
        if isinstance(event, PortAppeared):
            self._appeared_s, self._ready = time.monotonic(), False

    def sink(self, _url: str, event: LinkEvent | PortChanged) -> None:
        if self._appeared_s is None:
            return
        if isinstance(event, SensorReady) and not self._ready:
            self._ready = True
            self.to_ready_s.append(event.now_s - self._appeared_s)
        elif isinstance(event, FeatureFrame) and self._ready:
            self.to_frame_s.append(event.received_s - self._appeared_s)
            self._appeared_s = None


def reopening(replugs: int, port_name: Callable[[int], str], pattern: str) -> _Stopwatch:
    """Unplug and replug a simulated sensor; the times it took to be back."""
    actions: list[Unplug | Plug] = []
    for number in range(replugs):
        start_s = 2.0 + number * (_AWAY_S + _THERE_S)
        actions += [Unplug(start_s, "S-1"), Plug(start_s + _AWAY_S, "S-1", port_name(number))]
    end_s = 2.0 + replugs * (_AWAY_S + _THERE_S)
    scenario = Scenario("replug", 1, end_s, (SensorScript("S-1"),), (), tuple(actions))
    stopwatch = _Stopwatch()
    with tempfile.TemporaryDirectory() as folder:
        ports = PtyPorts(SimulatedWorld(scenario, {}, 1), Path(folder), told=stopwatch.told)
        watcher = PortWatcher(
            [f"{folder}/{pattern}"],
            lambda url: PortWorker(url, SensorLink(), stopwatch.sink),
            stopwatch.sink,
        )
        ports.start()
        watcher.start()
        ports.wait()
        watcher.stop()
        ports.stop()
    return stopwatch


def _spread(times_s: list[float]) -> str:
    ms = sorted(1000 * t for t in times_s)
    return f"min {ms[0]:.0f}  median {statistics.median(ms):.0f}  max {ms[-1]:.0f} ms (n = {len(ms)})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--ports", type=int, nargs="+", default=[1, 32, 64])
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--replugs", type=int, default=20)
    args = parser.parse_args()
    print(processor())
    for count in args.ports:
        share = cpu_while_absent([f"/dev/serial/by-id/absent-{n}" for n in range(count)], args.seconds)
        print(f"{count:3d} ports absent: {share:.2%} of one core, {share / count:.3%} a port")
    share = cpu_while_absent(["/dev/serial/by-id/absent-*"], args.seconds)
    print(f"a pattern without a match: {share:.2%} of one core")
    for kind, name, pattern in (
        ("same name", lambda _number: "S-1", "S-1"),
        ("other name, by pattern", lambda number: f"S-1-{number}", "S-1*"),
    ):
        stopwatch = reopening(args.replugs, name, pattern)
        print(f"back, {kind}: to ready {_spread(stopwatch.to_ready_s)}")
        print(f"back, {kind}: to first frame {_spread(stopwatch.to_frame_s)}")


if __name__ == "__main__":
    main()

"""What it costs to read streaming sensors: CPU and memory of ports, decoder and link, without the pipeline.

    python -m tests.benchmarks.port_streaming [--sensors 1 32 64] [--seconds 20]

The sensors are `agw simulate` in a process of its own, on ptys, in real time, each with 8 frames a second;
its CPU is shown too, because it shares the machine with what is measured.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from firmware_bridge.events import FeatureFrame, Gap, LinkEvent
from firmware_bridge.link import SensorLink
from firmware_bridge.port_states import PortChanged
from firmware_bridge.port_watcher import PortWatcher
from firmware_bridge.port_worker import PortWorker
from tests.benchmarks.machine import processor

_SETTLING_S = 3.0


class _Counts:
    """Frames and missing hops of all ports; each port's own list, so that no thread waits for another."""

    def __init__(self) -> None:
        self.frames: dict[str, int] = {}
        self.missing: dict[str, int] = {}

    def sink(self, url: str, event: LinkEvent | PortChanged) -> None:
        if isinstance(event, FeatureFrame):
            self.frames[url] = self.frames.get(url, 0) + 1
        elif isinstance(event, Gap):
            self.missing[url] = self.missing.get(url, 0) + event.hops


def streaming(sensors: int, seconds: float) -> str:
    """One line of figures for this many sensors."""
    counts = _Counts()
    with tempfile.TemporaryDirectory() as folder:
        options = ["--scenario", "many", "--sensors", str(sensors), "--for", str(seconds + 60)]
        simulator = subprocess.Popen(
            [sys.executable, "-m", "gateway", "simulate", *options, "--dir", folder],
            stdout=subprocess.DEVNULL,
        )
        watcher = PortWatcher(
            [f"{folder}/*"], lambda url: PortWorker(url, SensorLink(), counts.sink), counts.sink
        )
        watcher.start()
        while len(counts.frames) < sensors:
            threading.Event().wait(0.1)
        threading.Event().wait(_SETTLING_S)
        frames, cpu_s, wall_s = sum(counts.frames.values()), time.process_time(), time.monotonic()
        simulator_s = _cpu_s(simulator.pid)
        threading.Event().wait(seconds)
        passed_s = time.monotonic() - wall_s
        share = (time.process_time() - cpu_s) / passed_s
        simulator_share = (_cpu_s(simulator.pid) - simulator_s) / passed_s
        rate = (sum(counts.frames.values()) - frames) / passed_s
        watcher.stop()
        simulator.terminate()
        simulator.wait()
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return (
        f"{sensors:3d} sensors: {rate:6.1f} frames/s, {sum(counts.missing.values())} missing, "
        f"{share:.1%} of one core, {1e6 * share / rate:.0f} us a frame, {megabytes:.0f} MB; "
        f"simulator {simulator_share:.1%}"
    )


def _cpu_s(pid: int) -> float:
    """Processor time that a process has taken, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sensors", type=int, nargs="+", default=[1, 32, 64])
    parser.add_argument("--seconds", type=float, default=20.0)
    args = parser.parse_args()
    print(processor())
    for sensors in args.sensors:
        print(streaming(sensors, args.seconds), flush=True)


if __name__ == "__main__":
    main()

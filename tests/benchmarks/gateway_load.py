"""Processor and memory of the running gateway; the goal: 64 sensors on half of one core, under 150 MB.

    python -m tests.benchmarks.gateway_load [--sensors 1 32 64] [--seconds 60] [--model default]

`agw run` as in the field, Debian's mosquitto on loopback, and `agw simulate` (scenario `many`: captures of
real sounds on ptys, 8 frames a second each) in a process of its own: not counted, but it shares the machine.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from tests.benchmarks.machine import processor
from tests.benchmarks.observed_gateway import ObservedGateway
from tests.benchmarks.process_figures import cpu_by_thread_s, cpu_s, memory
from tests.support.broker import MosquittoBroker
from tests.support.gateway_process import settings_text
from tests.support.mqtt_witness import Seen, Witness

_SETTLING_S = 15.0  # long enough for the background, and for the first model runs


def serials(count: int) -> list[str]:
    """Those of the scenario `many`."""
    return [f"SIM-{number:04d}" for number in range(1, count + 1)]


def measure(count: int, seconds: float, model: str) -> None:
    """Run one gateway with this many sensors and print its figures."""
    with tempfile.TemporaryDirectory() as made, MosquittoBroker() as broker:
        folder = Path(made)
        text = settings_text(folder, broker.port, serials(count), model=model, more="")
        options = ["--scenario", "many", "--sensors", str(count), "--for", str(seconds + 600.0)]
        simulator = subprocess.Popen(
            [sys.executable, "-m", "gateway", "simulate", *options, "--dir", made],
            stdout=subprocess.DEVNULL,
        )
        try:
            with ObservedGateway(folder, text, traced=False) as gateway, Witness(broker.port) as witness:
                witness.seen.wait_for(lambda seen: len(_online(seen)) == count, f"{count} sensors online")
                threading.Event().wait(_SETTLING_S)
                begin_s, begun = time.monotonic(), cpu_by_thread_s(gateway.pid)
                whole_s = cpu_s(gateway.pid)
                threading.Event().wait(seconds)
                passed_s = time.monotonic() - begin_s
                share = (cpu_s(gateway.pid) - whole_s) / passed_s
                ended = cpu_by_thread_s(gateway.pid)
                used = memory(gateway.pid)
                load = os.getloadavg()[0]
                gateway.terminate()
                seen = witness.seen.items
        finally:
            simulator.terminate()
            simulator.wait()
    threads = {name: (ended[name] - begun.get(name, 0.0)) / passed_s for name in ended}
    shown = ", ".join(f"{name} {part:.1%}" for name, part in sorted(threads.items(), key=_most) if part)
    health = [json.loads(one.payload) for one in seen if one.topic.endswith("/gw/health")][-1]
    counters = health["counters"]
    rate = counters["frames_heard"] / health["uptime_s"]
    print(
        f"{count:3d} sensors, model {health['model_id'] or 'none'}: {share:.1%} of one core, "
        f"RSS {used.rss_mb:.0f} MB, PSS {used.pss_mb:.0f} MB\n"
        f"    by thread: {shown}\n"
        f"    {rate:.0f} frames/s from the start, {counters['frames_dropped']} dropped, "
        f"{counters['alerts_committed']} alerts; load average {load:.1f}",
        flush=True,
    )


def _most(thread: tuple[str, float]) -> float:
    return -thread[1]


def _online(seen: list[Seen]) -> set[str]:
    return {
        one.topic
        for one in seen
        if one.topic.endswith("/availability")
        and one.payload
        and json.loads(one.payload)["state"] == "online"
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sensors", type=int, nargs="+", default=[1, 32, 64])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--model", default="default", help='"default", "none" or a folder')
    args = parser.parse_args()
    print(processor())
    for count in args.sensors:
        measure(count, args.seconds, args.model)


if __name__ == "__main__":
    main()

"""The same outages for this product's path and for what is usual: what is lost, doubled, out of order?

    python -m tests.benchmarks.peer_outage [--runs 3]

A message every 100 ms for two minutes (`peer_sender` says by whom), while mosquitto is killed, stopped
(SIGSTOP), the connection reset, and the sender itself killed (kill -9), also while the broker is away. Then
half a minute of quiet. Counted is what a sender had taken on: this product's commit had returned, paho's
publish() had. Mosquitto keeps its state on disk, saved at every change, which is kinder than as Debian ships
it; whoever receives has a session that the broker keeps: `agw watch --receive-as` for this product, a plain
paho subscriber with QoS 1 for the others. Each message is an event of its own: this product promises order
within an event, and sends again later what a receiver has not confirmed.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paho.mqtt.client import Client, MQTTMessage, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests.benchmarks.delivery_site import Line, ReceiverProcess
from tests.benchmarks.machine import processor
from tests.benchmarks.peer_sender import RECEIVER, TOPIC
from tests.chaos.gate import Gate, Pump
from tests.support.broker import HOST, MosquittoBroker
from tests.support.gateway_process import REPOSITORY

QUIET_S = 30.0
LASTS_S = 120.0
KINDS = {
    "outbox": "this product: outbox, publisher, receiver",
    "queue": "paho, QoS 1, its queue in memory",
    "drop": "paho, thrown away while not connected (zigbee2mqtt's rule)",
}


class Sender:
    """The process, started again with later numbers after a kill. taken: what it took on, and when."""

    def __init__(self, kind: str, port: int, until_s: float, folder: Path) -> None:
        self._arguments = (kind, str(port)), (repr(until_s), str(folder))
        self._log = folder / "sender.log"
        self.taken: dict[int, float] = {}
        self._process: subprocess.Popen[str] | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        first = str(max(self.taken) + 1000 if self.taken else 0)
        (before, after), module = self._arguments, "tests.benchmarks.peer_sender"
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module, *before, first, *after],
                cwd=REPOSITORY,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self._thread = threading.Thread(target=self._read, args=(self._process,), daemon=True)
        self._thread.start()

    def kill(self) -> None:
        """kill -9; what it had printed is known when this returns."""
        if self._process is None:
            return
        process, self._process = self._process, None
        process.send_signal(signal.SIGKILL)
        process.wait(30.0)
        assert self._thread is not None
        self._thread.join(30.0)

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self.taken[int(line)] = time.monotonic()


@dataclass(frozen=True, slots=True)
class Site:
    broker: MosquittoBroker
    gate: Gate
    sender: Sender


Act = Callable[[Site], object]
SCRIPT: tuple[tuple[float, Act], ...] = (
    (10.0, lambda site: site.broker.kill()),
    (18.0, lambda site: site.broker.start()),
    (26.0, lambda site: site.broker.pause()),
    (34.0, lambda site: site.broker.resume()),
    (42.0, lambda site: site.gate.reset()),
    (44.0, lambda site: site.gate.reset()),
    (46.0, lambda site: site.gate.reset()),
    (54.0, lambda site: site.broker.kill()),
    (57.0, lambda site: site.sender.kill()),
    (58.0, lambda site: site.sender.start()),
    (64.0, lambda site: site.broker.start()),
    (76.0, lambda site: site.sender.kill()),
    (77.0, lambda site: site.sender.start()),
    (86.0, lambda site: site.gate.refuse()),
    (92.0, lambda site: site.gate.listen()),
    (100.0, lambda site: site.broker.pause()),
    (103.0, lambda site: site.sender.kill()),
    (104.0, lambda site: site.sender.start()),
    (108.0, lambda site: site.broker.resume()),
)


class PlainReceiver:
    """Numbers as a paho subscriber gets them; its session outlives the broker's restarts."""

    def __init__(self, port: int) -> None:
        self.came: list[tuple[int, float]] = []
        self._client = Client(CallbackAPIVersion.VERSION2, "receiver", protocol=MQTTv5)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda client, *_: client.subscribe(TOPIC, qos=1)
        self._client.on_message = self._on_message
        kept = Properties(PacketTypes.CONNECT)
        kept.SessionExpiryInterval = 24 * 3600
        self._client.connect(HOST, port, clean_start=False, properties=kept)
        self._client.loop_start()

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _on_message(self, _client: Client, _userdata: Any, message: MQTTMessage) -> None:
        self.came.append((int(message.payload), time.monotonic()))


@dataclass(frozen=True, slots=True)
class Result:
    """Of what the sender took on; doubled: handed to whoever receives more than once.

    longest_s: that one took which was not lost, outages included.
    """

    taken: int
    lost: int
    doubled: int
    disordered: int
    longest_s: float


def measure(kind: str, folder: Path) -> Result:
    came: list[tuple[int, float]] = []

    def on_line(now_s: float, line: Line) -> None:
        if line.get("type") == "alert" and not line.get("again"):
            came.append((int(line["event_id"], 16), now_s))

    with ExitStack() as stack:
        pump = Pump()
        stack.callback(pump.close)
        broker = stack.enter_context(MosquittoBroker(keeps_state=True))
        if kind == "outbox":
            stack.enter_context(ReceiverProcess(folder, RECEIVER, [broker.url], on_line))
        else:
            plain = PlainReceiver(broker.port)
            stack.callback(plain.close)
            came = plain.came
        gate = pump.gate("sender", (HOST, broker.port))
        begin_s = time.monotonic() + 3.0
        sender = Sender(kind, gate.port, begin_s + LASTS_S, folder)
        stack.callback(sender.kill)
        sender.start()
        play(Site(broker, gate, sender), begin_s)
        sender.kill()
    return compared(sender.taken, list(came))


def play(site: Site, begin_s: float) -> None:
    pause = threading.Event()
    for at_s, act in (*SCRIPT, (LASTS_S + QUIET_S, lambda site: None)):
        pause.wait(max(0.0, begin_s + at_s - time.monotonic()))
        act(site)


def compared(taken: dict[int, float], came: list[tuple[int, float]]) -> Result:
    """Out of order: came for the first time after a later one had come."""
    first_s: dict[int, float] = {}
    latest, disordered = -1, 0
    for number, at_s in came:
        if number not in first_s:
            first_s[number] = at_s
            disordered += number < latest
            latest = max(latest, number)
    return Result(
        len(taken),
        len(taken.keys() - first_s.keys()),
        len(came) - len(first_s),
        disordered,
        max(first_s[number] - at_s for number, at_s in taken.items() if number in first_s),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=3)
    args = parser.parse_args()
    print(processor())
    print("| sender | run | taken on | lost | doubled | out of order | longest s |")
    print("|---|---|---|---|---|---|---|")
    for run in range(1, args.runs + 1):
        for kind, words in KINDS.items():
            with tempfile.TemporaryDirectory() as made:
                found = measure(kind, Path(made))
            figures = (found.taken, found.lost, found.doubled, found.disordered, f"{found.longest_s:.0f}")
            print(f"| {words} | {run} | {' | '.join(map(str, figures))} |", flush=True)
    print(f"load average {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()

"""The same outages for this product's path and for what is usual: what is lost, doubled, out of order?

    python -m tests.benchmarks.peer_outage [--runs 3]

A message every 100 ms for two minutes (`peer_sender` says by whom), while mosquitto is killed, stopped
(SIGSTOP), the connection reset, and the sender itself killed (kill -9), also while the broker is away. Then
half a minute of quiet. Counted is what a sender had taken on: this product's commit had returned, paho's
publish() had. Mosquitto keeps its state on disk, saved at every change, which is kinder than as Debian ships
it; whoever receives has a session that the broker keeps: `agw watch --receive-as` for this product, a plain
paho subscriber with QoS 1 for the others.
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
from collections import Counter
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
    """The process, started again with later numbers after a kill. taken: numbers that it took on."""

    def __init__(self, kind: str, port: int, until_s: float, folder: Path) -> None:
        self._arguments = (kind, str(port)), (repr(until_s), str(folder))
        self._log = folder / "sender.log"
        self.taken: list[int] = []
        self._process: subprocess.Popen[str] | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        first = str(self.taken[-1] + 1000 if self.taken else 0)
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
        self.taken += (int(line) for line in process.stdout)


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
        self.numbers: list[int] = []
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
        self.numbers.append(int(message.payload))


@dataclass(frozen=True, slots=True)
class Result:
    """Of what the sender took on; doubled: handed to whoever receives more than once."""

    taken: int
    lost: int
    doubled: int
    disordered: int


def measure(kind: str, folder: Path) -> Result:
    shown: list[int] = []

    def on_line(_now_s: float, line: Line) -> None:
        if line.get("type") == "alert" and not line.get("again"):
            shown.append(int(line["event_id"], 16))

    with ExitStack() as stack:
        pump = Pump()
        stack.callback(pump.close)
        broker = stack.enter_context(MosquittoBroker(keeps_state=True))
        if kind == "outbox":
            stack.enter_context(ReceiverProcess(folder, RECEIVER, [broker.url], on_line))
        else:
            plain = PlainReceiver(broker.port)
            stack.callback(plain.close)
            shown = plain.numbers
        gate = pump.gate("sender", (HOST, broker.port))
        begin_s = time.monotonic() + 3.0
        sender = Sender(kind, gate.port, begin_s + LASTS_S, folder)
        stack.callback(sender.kill)
        sender.start()
        play(Site(broker, gate, sender), begin_s)
        sender.kill()
    return compared(sender.taken, list(shown))


def play(site: Site, begin_s: float) -> None:
    pause = threading.Event()
    for at_s, act in (*SCRIPT, (LASTS_S + QUIET_S, lambda site: None)):
        pause.wait(max(0.0, begin_s + at_s - time.monotonic()))
        act(site)


def compared(taken: list[int], came: list[int]) -> Result:
    """Out of order: came for the first time after a later one had come."""
    first_times = list(dict.fromkeys(came))
    latest, disordered = -1, 0
    for number in first_times:
        disordered += number < latest
        latest = max(latest, number)
    return Result(
        len(taken),
        len(set(taken) - set(came)),
        sum(count - 1 for count in Counter(came).values()),
        disordered,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=3)
    args = parser.parse_args()
    print(processor())
    print("| sender | run | taken on | lost | doubled | out of order |\n|---|---|---|---|---|---|")
    for run in range(1, args.runs + 1):
        for kind, words in KINDS.items():
            with tempfile.TemporaryDirectory() as made:
                found = measure(kind, Path(made))
            figures = (found.taken, found.lost, found.doubled, found.disordered)
            print(f"| {words} | {run} | {' | '.join(map(str, figures))} |", flush=True)
    print(f"load average {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()

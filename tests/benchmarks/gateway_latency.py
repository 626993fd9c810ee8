"""From the frame that raises an alert, as it is written to a pty, to a subscriber at the broker.

    python -m tests.benchmarks.gateway_latency [--sensors 1 32] [--alerts 100 224] [--together] [--stages]
    python -m tests.benchmarks.gateway_latency --tls --sensors 32 --alerts 3008 --apart 6

`agw run` as in the field with the default model, Debian's mosquitto on loopback, a plain paho subscriber
here. With --tls broker and clients show each other certificates, and a receiver (`agw watch --receive-as`, a
process of its own) gives receipts: the second line is until it showed the alert, which it had stored by then.

Every sensor streams 8 frames a second; a bang of one hop now and then makes the plain level rule raise an
alert with that very frame, and the event's id tells which frame it was. Bangs come at one sensor after the
other; with --together all sensors hear each bang, and their frames come within one hop of 125 ms. --stages
says where the time goes, from instants taken inside the gateway. The hop itself is not in these figures.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from paho.mqtt.client import Client, MQTTMessage, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion

from dsp.layout import HOP_S
from firmware_bridge.framing import Decoder, Frame
from firmware_bridge.messages import Features, parse
from firmware_bridge.simulator.pty_port import PtyPorts
from firmware_bridge.simulator.scenario import EVERY_SENSOR, Scenario, SensorScript, SoundPlayed
from firmware_bridge.simulator.world import FULL_SCALE_DB, Sent, SimulatedWorld, WorldEvent
from gateway.alerts import event_id
from tests.benchmarks.delivery_site import Certificates, Line, ReceiverProcess
from tests.benchmarks.machine import processor
from tests.benchmarks.observed_gateway import ObservedGateway
from tests.support.broker import HOST, MosquittoBroker
from tests.support.gateway_process import settings_text
from tests.support.station_rig import steady
from tests.support.waiting import wait_until

EPOCH = 7
LOUD_DB = 90.0
RULE = f"[decision.loud]\nenabled = true\nlevel_db = {LOUD_DB}\nfor_s = 0.125\nhold_s = 1.0\n"
RECEIPTS = 'receivers = ["desk"]\ntest_alert_every_h = 0'
LIBRARY = {"street": steady("street", 55.0, 80, "ambience"), "bang": steady("bang", 100.0, 1)}
FIRST_BANG_S = 20.0  # the model has run for a while on every sensor
APART_S = 1.5  # least: the hold is over and the next bang is a new event
LATEST_S = 10.0

STAGES = (
    ("pty to port thread", "written_s", "received_s"),
    ("port thread to pipeline thread", "received_s", "taken_s"),
    ("levels, model, decision", "taken_s", "heard_s"),
    ("making the alert", "heard_s", "commit_s"),
    ("commit", "commit_s", "committed_s"),
    ("publisher wakes and reads the row", "committed_s", "publish_s"),
    ("MQTT, broker, subscriber", "publish_s", "came_s"),
)


@dataclass(frozen=True, slots=True)
class Latencies:
    """Seconds from byte to subscriber of each alert by event id, and how many never came.

    shown_s: until the receiver showed it.
    """

    by_event_s: dict[str, float]
    shown_s: list[float]
    missing: int
    other_alerts: int


class Subscriber:
    """Notes when each start alert came, at once."""

    def __init__(self, port: int, certificates: Certificates | None = None) -> None:
        self.came_s: dict[str, float] = {}
        self.online: set[str] = set()
        self.others = 0
        self._client = Client(CallbackAPIVersion.VERSION2, "stopwatch", protocol=MQTTv5)
        self._client.on_connect = lambda client, *_: client.subscribe("#", qos=1)
        self._client.on_message = self._on_message
        if certificates is not None:
            certificates.give(self._client)
        self._client.connect(HOST, port)
        self._client.loop_start()

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _on_message(self, _client: Client, _userdata: Any, message: MQTTMessage) -> None:
        now_s = time.monotonic()
        body = json.loads(message.payload) if message.payload else {}
        if message.topic.endswith("/event/loud"):
            if body["phase"] == "start":
                self.came_s.setdefault(body["event_id"], now_s)
        elif "/event/" in message.topic:
            self.others += 1
        elif message.topic.endswith("/availability") and body.get("state") == "online":
            self.online.add(message.topic)


class Bangs(SimulatedWorld):
    """A world that notes, on the simulator's thread, right before the frame of each bang is written.

    Not after: the thread may lose the processor in between, and what the gateway does meanwhile must count.
    """

    def __init__(self, scenario: Scenario) -> None:
        super().__init__(scenario, LIBRARY, EPOCH)
        self.written_s: dict[str, float] = {}
        self._before_s = 0.0
        self._decoders: dict[str, Decoder] = {}

    def advance(self, until_s: float) -> list[WorldEvent]:
        events = super().advance(until_s)
        self._before_s = time.monotonic()
        return events

    def told(self, event: WorldEvent) -> None:
        """The simulator has written this event's bytes, since the one before or since `advance`."""
        before_s = self._before_s
        if isinstance(event, Sent):
            for item in self._decoders.setdefault(event.serial, Decoder()).feed(event.data):
                message = parse(item) if isinstance(item, Frame) else None
                if isinstance(message, Features) and message.laeq_cdb / 100.0 + FULL_SCALE_DB >= LOUD_DB:
                    onset_s = message.hop_index * HOP_S
                    self.written_s[event_id(event.serial, EPOCH, onset_s, "loud")] = before_s
        self._before_s = time.monotonic()


class Shown:
    """Notes when the receiver showed each start alert; its thread."""

    def __init__(self) -> None:
        self.came_s: dict[str, float] = {}

    def take(self, now_s: float, line: Line) -> None:
        if line.get("type") == "alert" and line["phase"] == "start":
            self.came_s.setdefault(line["event_id"], now_s)


def scenario(sensors: int, alerts: int, together: bool, apart_s: float = APART_S) -> Scenario:
    """`alerts` bangs in all, spread evenly over sensors and time; apart_s: of one sensor's bangs."""
    chance = Random(1)
    serials = [f"SIM-{number:04d}" for number in range(1, sensors + 1)]
    rounds = -(-alerts // sensors)
    sounds = []
    for turn in range(rounds):
        begin_s = FIRST_BANG_S + turn * (apart_s + HOP_S)
        if together:
            sounds.append(SoundPlayed(begin_s, ("bang",), ((EVERY_SENSOR, 0.0),)))
            continue
        # Each sensor keeps its place in the round, so that its own bangs stay apart_s from each other.
        for place, serial in enumerate(serials):
            at_s = begin_s + apart_s * place / sensors + chance.uniform(0.0, HOP_S)
            sounds.append(SoundPlayed(at_s, ("bang",), ((serial, 0.0),)))
    end_s = FIRST_BANG_S + rounds * (apart_s + HOP_S) + apart_s
    scripts = tuple(SensorScript(serial, bed=("street",)) for serial in serials)
    return Scenario("bangs", 1, end_s, scripts, tuple(sounds))


def measure(
    folder: Path, script: Scenario, *, traced: bool, tls: bool = False, options: Sequence[str] = ()
) -> tuple[Latencies, list[dict[str, float | str | None]]]:
    """Play it against a gateway; latencies, and with `traced` the instants of each alert."""
    bangs = Bangs(script)
    serials = [sensor.serial for sensor in script.sensors]
    certificates = Certificates.make(folder) if tls else None
    shown = Shown()
    with ExitStack() as stack:
        broker = stack.enter_context(
            certificates.broker_of(*options) if certificates else MosquittoBroker(*options)
        )
        subscriber = Subscriber(broker.port, certificates)
        stack.callback(subscriber.close)
        text = settings_text(folder, broker.port, serials, more=RULE)
        if certificates is not None:
            more = RULE + certificates.settings()
            text = settings_text(folder, broker.port, serials, more=more, delivery=RECEIPTS)
            receiver = ReceiverProcess(
                folder, "desk", [broker.url], shown.take, options=certificates.options()
            )
            stack.enter_context(receiver)
        ports = PtyPorts(bangs, folder, told=bangs.told)
        with ObservedGateway(folder, text, traced=traced) as gateway:
            ports.start()
            stack.callback(ports.stop)
            wait_until(lambda: len(subscriber.online) == len(serials), "all sensors online")
            ports.wait()
            give_up_s = time.monotonic() + LATEST_S
            while bangs.written_s.keys() - subscriber.came_s.keys() and time.monotonic() < give_up_s:
                threading.Event().wait(0.1)
            gateway.terminate()
    delays_s = {event: came - bangs.written_s[event] for event, came in subscriber.came_s.items()}
    found = Latencies(
        delays_s,
        [shown.came_s[event] - at_s for event, at_s in bangs.written_s.items() if event in shown.came_s],
        len(bangs.written_s.keys() - delays_s.keys()),
        subscriber.others,
    )
    if not traced:
        return found, []
    rows = [json.loads(line) for line in gateway.trace_path.read_text().splitlines()]
    starts = [row for row in rows if row["phase"] == "start" and row["event_id"] in delays_s]
    for row in starts:
        row["written_s"] = bangs.written_s[row["event_id"]]
        row["came_s"] = subscriber.came_s[row["event_id"]]
    return found, starts


def quantiles_ms(times_s: list[float]) -> str:
    ordered = sorted(times_s)
    shares = (50, 90, 99) if len(ordered) < 1000 else (50, 90, 99, 99.9)
    parts = [(f"p{q}", ordered[min(len(ordered) - 1, int(len(ordered) * q / 100))]) for q in shares]
    parts.append(("max", ordered[-1]))
    return "  ".join(f"{name} {1000 * value:6.2f}" for name, value in parts) + " ms"


def show(sensors: int, found: Latencies, starts: list[dict[str, Any]], load: float) -> None:
    delays_s = list(found.by_event_s.values())
    print(
        f"{sensors:3d} sensors: {quantiles_ms(delays_s)}, {len(delays_s)} alerts, {found.missing} missing, "
        f"{found.other_alerts} of other classes; load average {load:.1f}"
    )
    if found.shown_s:
        print(f"    until the receiver showed it: {quantiles_ms(found.shown_s)}, {len(found.shown_s)} alerts")
    if not starts:
        return
    whole_s = sum(row["came_s"] - row["written_s"] for row in starts)
    for name, begin, end in STAGES:
        times_s = [row[end] - row[begin] for row in starts]
        print(f"    {name:<34} {quantiles_ms(times_s)}  {sum(times_s) / whole_s:4.0%} of the time")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sensors", type=int, nargs="+", default=[1, 32])
    parser.add_argument("--alerts", type=int, nargs="+", default=[100, 224], help="for each of --sensors")
    parser.add_argument("--together", action="store_true", help="all sensors hear each bang")
    parser.add_argument("--stages", action="store_true", help="say where the time goes")
    parser.add_argument("--tls", action="store_true", help="certificates on both sides, and receipts")
    parser.add_argument("--apart", type=float, default=APART_S, help="seconds between one sensor's bangs")
    parser.add_argument("--broker-options", nargs="*", default=(), help="more lines for mosquitto.conf")
    args = parser.parse_args()
    # The subscriber's thread is not to wait for the simulator's, which this process runs as well.
    sys.setswitchinterval(0.0005)
    print(processor())
    for sensors, alerts in zip(args.sensors, args.alerts, strict=True):
        with tempfile.TemporaryDirectory() as made:
            script = scenario(sensors, alerts, args.together, max(args.apart, APART_S))
            found, starts = measure(
                Path(made), script, traced=args.stages, tls=args.tls, options=args.broker_options
            )
            show(sensors, found, starts, os.getloadavg()[0])


if __name__ == "__main__":
    main()

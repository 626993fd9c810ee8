"""From the onset of a sound to a subscriber: all that a person waits for, at 32 sensors over TLS.

    python -m tests.benchmarks.onset_latency [--sensors 32] [--sounds 1200]

Captures of real sounds through the default model (a shot and glass, which are impulses; it raises none of the
shouts that come along), and a steady call for the plain level rule with half a second of evidence, as a voice
needs. The onset is the one of the capture's own
label, most of them at the beginning of a hop: later in a hop is nearer to its frame, by up to 125 ms. The
clock starts at that instant (when the frame of its hop was written to the pty tells it) and stops in the
callback of a paho subscriber. The least time is what the stream itself takes until the decision (hops, window
of the model, evidence); what is above it is the gateway's and the broker's. Certificates on both sides,
receipts.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import threading
import time
from collections import defaultdict
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paho.mqtt.client import Client, MQTTMessage, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion

from dsp.layout import HOP_S
from firmware_bridge.framing import Decoder, Frame
from firmware_bridge.messages import Features, parse
from firmware_bridge.simulator.pty_port import PtyPorts
from firmware_bridge.simulator.scenario import Scenario, SensorScript, SoundPlayed
from firmware_bridge.simulator.world import Sent, SimulatedWorld, WorldEvent
from gateway.resources import config_root
from gateway.tools.simulate import load_library
from tests.benchmarks.delivery_site import Certificates, ReceiverProcess
from tests.benchmarks.gateway_latency import RECEIPTS, quantiles_ms
from tests.benchmarks.machine import processor
from tests.support.broker import HOST
from tests.support.gateway_process import GatewayProcess, settings_text
from tests.support.station_rig import steady

RULE = "[decision.loud]\nenabled = true\nlevel_db = 80.0\nfor_s = 0.5\nhold_s = 2.0\n"
CALL = "call"
RAISES = {"gunshot_1": "gunshot", "glass_break_2": "glass_break", CALL: "loud"}
FIRST_S = 25.0
EACH_S = 16.0  # of one sensor: the capture is over, and so is the event
LATEST_S = 12.0
SLACK_S = 0.2


@dataclass(frozen=True, slots=True)
class Played:
    sound: str
    at_s: float


@dataclass(frozen=True, slots=True)
class Raised:
    """A start alert as the subscriber had it."""

    at_s: float
    sensor: str
    event_class: str


class Ears:
    """Start alerts as they come; paho's thread."""

    def __init__(self, port: int, certificates: Certificates) -> None:
        self.raised: list[Raised] = []
        self._client = Client(CallbackAPIVersion.VERSION2, "stopwatch", protocol=MQTTv5)
        self._client.on_connect = lambda client, *_: client.subscribe("aggression/v1/+/+/event/+", qos=1)
        self._client.on_message = self._on_message
        certificates.give(self._client)
        self._client.connect(HOST, port)
        self._client.loop_start()

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _on_message(self, _client: Client, _userdata: Any, message: MQTTMessage) -> None:
        now_s = time.monotonic()
        body = json.loads(message.payload)
        if body["phase"] == "start":
            self.raised.append(Raised(now_s, body["sensors"][0]["sensor_id"], body["class"]))


class Stopwatch(SimulatedWorld):
    """Notes of every frame when it was written and which hop of the world's time it closed."""

    def __init__(self, script: Scenario, library: dict[str, Any]) -> None:
        super().__init__(script, library, 7)
        self.frames: dict[str, list[tuple[float, float]]] = defaultdict(list)
        """Serial -> (end of the hop in the world's time, monotonic before it was written)."""
        self._before_s = 0.0
        self._decoders: dict[str, Decoder] = {}

    def advance(self, until_s: float) -> list[WorldEvent]:
        events = super().advance(until_s)
        self._before_s = time.monotonic()
        return events

    def told(self, event: WorldEvent) -> None:
        if isinstance(event, Sent):
            for item in self._decoders.setdefault(event.serial, Decoder()).feed(event.data):
                if isinstance(item, Frame) and isinstance(parse(item), Features):
                    self.frames[event.serial].append((event.t_s, self._before_s))
        self._before_s = time.monotonic()

    def instant_s(self, serial: str, into_s: float, played_s: float) -> float | None:
        """When a sound that was played at `played_s` was `into_s` old, monotonic."""
        after = [written_s for end_s, written_s in self.frames[serial] if end_s > played_s]
        hop = int(into_s // HOP_S)
        return after[hop] - HOP_S + into_s % HOP_S if hop < len(after) else None


def labelled_onsets() -> dict[str, list[float]]:
    index = json.loads((config_root() / "captures" / "index.json").read_text(encoding="utf-8"))
    found = {entry["file"].partition(".")[0]: [one["onset_s"] for one in entry["events"]] for entry in index}
    return {**found, CALL: [0.0]}


def plan(sensors: int, sounds: int) -> tuple[Scenario, dict[str, list[Played]]]:
    serials = [f"SIM-{number:04d}" for number in range(1, sensors + 1)]
    names = list(RAISES)
    played: dict[str, list[Played]] = defaultdict(list)
    for number in range(sounds):
        turn, place = divmod(number, sensors)
        at_s = FIRST_S + EACH_S * (turn + place / sensors)
        played[serials[place]].append(Played(names[(turn + place) % len(names)], at_s))
    scripts = tuple(SensorScript(serial, bed=("ambience",)) for serial in serials)
    actions = tuple(
        SoundPlayed(one.at_s, (one.sound,), ((serial, 0.0),)) for serial in serials for one in played[serial]
    )
    end_s = FIRST_S + EACH_S * (sounds // sensors + 2)
    return Scenario("onsets", 1, end_s, scripts, actions), played


def measure(folder: Path, sensors: int, sounds: int) -> tuple[dict[str, list[float]], dict[str, int]]:
    """Sound -> seconds from onset to subscriber; and how often it was played."""
    script, played = plan(sensors, sounds)
    certificates = Certificates.make(folder)
    world = Stopwatch(script, {**load_library(), CALL: steady(CALL, 90.0, 16)})
    serials = [sensor.serial for sensor in script.sensors]
    with ExitStack() as stack:
        broker = stack.enter_context(certificates.broker_of())
        ears = Ears(broker.port, certificates)
        stack.callback(ears.close)
        stack.enter_context(
            ReceiverProcess(folder, "desk", [broker.url], lambda *_: None, options=certificates.options())
        )
        more = RULE + certificates.settings()
        text = settings_text(folder, broker.port, serials, more=more, delivery=RECEIPTS)
        gateway = stack.enter_context(GatewayProcess(folder, text))
        ports = PtyPorts(world, folder, told=world.told)
        ports.start()
        stack.callback(ports.stop)
        ports.wait()
        threading.Event().wait(2.0)
        gateway.terminate()
    return matched(world, played, ears.raised), _times_played(played)


def matched(
    world: Stopwatch, played: dict[str, list[Played]], raised: list[Raised]
) -> dict[str, list[float]]:
    """Each alert with the sound that was played last there, and the label's onset that it must be about."""
    onsets_s = labelled_onsets()
    found: dict[str, list[float]] = defaultdict(list)
    for serial, sounds in played.items():
        here = [one for one in raised if one.sensor == serial.lower()]
        for sound in sounds:
            instants = [world.instant_s(serial, onset_s, sound.at_s) for onset_s in onsets_s[sound.sound]]
            begun = [instant for instant in instants if instant is not None]
            for alert in here:
                before = [instant for instant in begun if instant <= alert.at_s <= begun[0] + LATEST_S]
                if alert.event_class == RAISES[sound.sound] and before:
                    found[sound.sound].append(alert.at_s - about(before, alert.at_s))
                    break
    return found


def about(onsets_s: list[float], at_s: float) -> float:
    """No decision comes within SLACK_S of an onset: the latest that is longer ago."""
    old = [onset_s for onset_s in onsets_s if at_s - onset_s > SLACK_S]
    return old[-1] if old else onsets_s[0]


def _times_played(played: dict[str, list[Played]]) -> dict[str, int]:
    counts: dict[str, int] = defaultdict(int)
    for sounds in played.values():
        for sound in sounds:
            counts[sound.sound] += 1
    return counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sensors", type=int, default=32)
    parser.add_argument("--sounds", type=int, default=1200)
    args = parser.parse_args()
    sys.setswitchinterval(0.0005)
    print(processor())
    with tempfile.TemporaryDirectory() as made:
        found, counts = measure(Path(made), args.sensors, args.sounds)
    for sound, count in counts.items():
        delays_s = found.get(sound, [])
        if not delays_s:
            print(f"{sound}: no alert of {count}")
            continue
        print(
            f"{sound} -> {RAISES[sound]}: {quantiles_ms(delays_s)}, least {1000 * min(delays_s):.1f} ms;"
            f" {len(delays_s)} of {count} raised an alert"
        )
    print(f"{args.sensors} sensors; load average {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()

"""A gateway in the field hears a keyed tone; nothing that it receives, sends or keeps follows the key.

Every stream of bytes of a real run is looked at: the wire, a capture made with `agw record`, all files of
the data folder (alerts, telemetry), every MQTT message, the log. That the scanner would find a leak in any
of them is shown by planting one.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from dsp.front_end import frames_of
from firmware_bridge.framing import Decoder, Frame
from firmware_bridge.messages import Features, parse
from firmware_bridge.simulator.pty_port import PtyPorts
from firmware_bridge.simulator.scenario import Scenario, SensorScript, SoundPlayed
from firmware_bridge.simulator.sound import Sound
from firmware_bridge.simulator.world import Sent, SimulatedWorld, WorldEvent
from gateway.features import features_of
from gateway.telemetry.reader import TelemetryReader
from tests.privacy.scanner import trace_of
from tests.privacy.watermark import RATE_HZ, key, sound
from tests.support.broker import MosquittoBroker
from tests.support.gateway_process import LOUD_RULE, REPOSITORY, GatewayProcess, settings_text
from tests.support.mqtt_witness import Witness
from tests.support.station_rig import quiet_and_bang
from tests.support.waiting import Collector

HEARD, RECORDED = "SIM-A", "SIM-B"
SECONDS = 12
CHIPS = key(SECONDS, seed=41)
MOST_FRAMES_A_SECOND = 10.0
MOST_ALERT_BYTES = 16 * 1024
MOST_TIMELINE_BYTES = 4096


@dataclass(frozen=True)
class Run:
    """What left in one run. streams: name -> bytes; alerts: as received."""

    streams: Mapping[str, bytes]
    alerts: tuple[dict[str, Any], ...]
    seconds_kept: int
    lasted_s: float


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("run")
    wire: Collector[Sent] = Collector()

    def told(event: WorldEvent) -> None:
        if isinstance(event, Sent):
            wire.add(event)

    capture = folder / "recorded.agwcap"
    text = settings_text(folder, 0, [HEARD], more=LOUD_RULE + "[storage]\nflush_s = 1\n")
    with MosquittoBroker() as broker:
        gateway = GatewayProcess(folder, text.replace("port = 0\n", f"port = {broker.port}\n"))
        ports = PtyPorts(world(), folder, when_open=True, told=told)
        ports.start()
        with Witness(broker.port) as witness, gateway:
            recording = [sys.executable, "-m", "gateway", "record", "--port", f"{folder}/{RECORDED}",
                         "--out", str(capture), "--licence", "CC0-1.0",
                         "--for", str(SECONDS + 4)]  # fmt: skip
            subprocess.run(recording, cwd=REPOSITORY, check=True, capture_output=True)
            witness.seen.first(lambda one: b'"phase":"end"' in one.payload.replace(b" ", b""), "end", 60.0)
            assert gateway.terminate() == 0
            seen = witness.seen.items
        assert ports.stop()
    sent = [event for event in wire.items if event.serial == HEARD]
    streams = {"wire": b"".join(event.data for event in sent), "capture": capture.read_bytes(),
               "log": gateway.log.encode()}  # fmt: skip
    for path in sorted((folder / "data").rglob("*")):
        if path.is_file():
            streams[f"data/{path.relative_to(folder / 'data')}"] = path.read_bytes()
    by_topic: dict[str, bytes] = defaultdict(bytes)
    for one in seen:
        by_topic[f"mqtt {one.topic}"] += one.payload
    streams |= by_topic
    alerts = tuple(json.loads(one.payload) for one in seen if "/event/" in one.topic)
    kept = sum(1 for _ in TelemetryReader(folder / "data").seconds(HEARD.lower()))
    return Run(streams, alerts, kept, sent[-1].t_s - sent[0].t_s)


def world() -> SimulatedWorld:
    """Two sensors on a quiet street hear the keyed tone, as the real front end makes frames of it."""
    rows = frames_of(sound(CHIPS), RATE_HZ)
    heard = Sound("keyed", "other", tuple(features_of(row, hop) for hop, row in enumerate(rows)), 120.0)
    scenario = Scenario(
        name="keyed",
        seed=3,
        duration_s=120.0,
        sensors=tuple(SensorScript(serial, bed=("street",)) for serial in (HEARD, RECORDED)),
        sounds=(SoundPlayed(2.0, ("keyed",), (("*", 0.0),)),),
    )
    return SimulatedWorld(scenario, {**quiet_and_bang(), "keyed": heard}, epoch=5)


def test_the_run_left_something_to_look_at(run: Run) -> None:
    names = " ".join(run.streams)
    assert all(part in names for part in ("wire", "capture", "log", "telemetry", "event/loud", "level"))
    assert run.alerts
    assert run.seconds_kept >= SECONDS


def test_nothing_follows_the_key(run: Run) -> None:
    found = {name: trace_of(content, CHIPS) for name, content in run.streams.items()}
    assert {name: trace for name, trace in found.items() if trace is not None} == {}


@pytest.mark.parametrize("where", ["wire", "capture", "log", "mqtt", "telemetry"])
def test_a_leak_planted_in_a_stream_is_found(run: Run, where: str) -> None:
    """Sixteen values a second, each a byte beside others, as if a second frame came with each."""
    content = next(content for name, content in run.streams.items() if where in name)
    levels = frames_of(sound(CHIPS), RATE_HZ)
    half = sound(CHIPS).reshape(-1, RATE_HZ // 16)
    codes = np.clip(10.0 * np.log10(np.square(half).mean(axis=1) + 1e-9) + 120.0, 0, 255).astype(np.uint8)
    leak = np.column_stack([codes, np.repeat(levels["submax_code"], 2)[: len(codes)]]).tobytes()
    if where in ("log", "mqtt"):
        leak = json.dumps([int(code) for code in codes]).encode()
    middle = len(content) // 2
    assert trace_of(content[:middle] + leak + content[middle:], CHIPS) is not None


def test_the_wire_and_a_capture_carry_frames_at_most_ten_times_a_second(run: Run) -> None:
    decoder = Decoder()
    frames = [
        message
        for item in decoder.feed(run.streams["wire"])
        if isinstance(item, Frame) and isinstance(message := parse(item), Features)
    ]
    assert len(frames) >= 8 * SECONDS
    assert len(frames) / run.lasted_s <= MOST_FRAMES_A_SECOND
    bytes_a_second = len(run.streams["wire"]) / run.lasted_s
    assert bytes_a_second < MOST_FRAMES_A_SECOND * 64


def test_what_is_kept_and_sent_is_slow_and_small(run: Run) -> None:
    """At most a record a second is kept; of messages only an alert's timeline has more than one value."""
    assert run.seconds_kept <= run.lasted_s + 2.0
    for alert in run.alerts:
        assert len(json.dumps(alert)) <= MOST_ALERT_BYTES
        timeline = alert.get("timeline")
        if timeline is not None:
            assert len(json.dumps(timeline)) <= MOST_TIMELINE_BYTES
            assert timeline["step_s"] >= 1.0 / MOST_FRAMES_A_SECOND
    for name, content in run.streams.items():
        if name.startswith("mqtt") and "/event/" not in name:
            assert len(content) / run.lasted_s < 4096, name

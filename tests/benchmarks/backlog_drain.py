"""Three days without a network, then it is back: how long until everything has arrived, and live alerts?

    python -m tests.benchmarks.backlog_drain [--minutes 4320] [--runs 3]

The outbox is filled beforehand through the gateway's own Outbox: an event a minute, start and end each a row,
made that long ago on this boot's monotonic clock. Then `agw run` starts behind a closed gate, which opens
once it has been refused; a receiver (`agw watch --receive-as`, its store on disk) is with the broker all the
time. Four simulated sensors hear bangs before and after: alerts whose frame was written after the gate opened
and before the backlog was in are the live ones that had to overtake. Times run from the gateway's connection.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from msgspec.structs import replace

from firmware_bridge.simulator.pty_port import PtyPorts
from gateway.clock import HostClock
from gateway.contract.encoding import encode
from gateway.contract.examples import ALERT
from gateway.contract.instants import utc_text
from gateway.contract.topics import TopicBuilder
from gateway.contract.types import Alert
from gateway.contract.vocabulary import Phase
from gateway.delivery.outbox import Outbox
from tests.benchmarks.delivery_site import Line, ReceiverProcess
from tests.benchmarks.gateway_latency import RECEIPTS, RULE, Bangs, quantiles_ms, scenario
from tests.benchmarks.machine import processor
from tests.chaos.gate import Pump
from tests.support.broker import HOST, MosquittoBroker
from tests.support.gateway_process import GatewayProcess, settings_text
from tests.support.waiting import wait_until

SENSORS = 4
BANGS = 600
APART_S = 4.0
MINUTE_S = 60.0
LASTED_S = 8.0
TOPICS = TopicBuilder("site", "gw")


@dataclass
class Came:
    """What the receiver showed, in its order: (monotonic, event id, revision) of old and of live alerts."""

    old: list[tuple[float, str, int]] = field(default_factory=list)
    live: list[tuple[float, str, int]] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)

    def take(self, now_s: float, line: Line) -> None:
        if line.get("type") != "alert":
            return
        entry = (now_s, line["event_id"], line["revision"])
        if line["event_id"].startswith("0" * 16):
            self.old.append(entry)
            assert line["historical"], "an alert of days ago would ring"
            self.numbers.append(line["seq"])
        else:
            self.live.append(entry)


def fill(path: Path, minutes: int) -> None:
    """An event for each minute of the past, through the real outbox."""
    clock = HostClock()
    now = clock.instant()
    with Outbox.open(path) as outbox:
        for minute in range(minutes):
            for revision, phase in enumerate((Phase.START, Phase.END)):
                ago_s = (minutes - minute) * MINUTE_S - revision * LASTED_S
                alert = _alert(minute, revision, phase, clock.utc().timestamp() - ago_s)
                outbox.commit(
                    encode(alert),
                    alert.event_id,
                    revision,
                    TOPICS.event(alert.event_class),
                    phase.value,
                    boot_id=now.boot_id,
                    monotonic_s=now.monotonic_s - ago_s,
                    utc_offset_s=now.utc_offset_s,
                )


def _alert(number: int, revision: int, phase: Phase, utc_s: float) -> Alert:
    at = utc_text(utc_s)
    return replace(
        ALERT,
        event_id=f"{number:032x}",
        revision=revision,
        phase=phase,
        site=TOPICS.site,
        gateway=TOPICS.gateway,
        seq=None,
        published_utc=None,
        end_reason="cleared" if phase is Phase.END else None,
        sound_onset_utc=at,
        last_evidence_utc=at,
        detected_utc=at,
    )


def measure(minutes: int, folder: Path, options: Sequence[str] = ()) -> None:
    (folder / "data").mkdir()
    outbox = folder / "data" / "outbox.db"
    fill(outbox, minutes)
    script = scenario(SENSORS, BANGS, together=False, apart_s=APART_S)
    bangs = Bangs(script)
    serials = [sensor.serial for sensor in script.sensors]
    came = Came()
    pump = Pump()
    ports = PtyPorts(bangs, folder, told=bangs.told)
    try:
        with MosquittoBroker(*options) as broker, ReceiverProcess(folder, "desk", [broker.url], came.take):
            gate = pump.gate("gateway", (HOST, broker.port))
            gate.stop_listening()
            text = settings_text(folder, gate.port, serials, model="none", more=RULE, delivery=RECEIPTS)
            with GatewayProcess(folder, text) as gateway:
                ports.start()
                wait_until(lambda: len(bangs.written_s) >= SENSORS, "bangs heard without a network")
                open_s = time.monotonic()
                gate.listen()
                wait_until(lambda: gate.good, "the gateway's connection", 90.0)
                connected_s = next(at_s for at_s, good in reversed(gate.history) if good)
                wait_until(lambda: len(came.old) >= 2 * minutes, "the backlog", 300.0)
                drained_s = time.monotonic()
                wait_until(lambda: undelivered(outbox) <= SENSORS, "receipts of the backlog", 120.0)
                received_s = time.monotonic()
                gateway.terminate()
    finally:
        ports.stop()
        pump.close()
    live_s = [
        at_s - bangs.written_s[event_id]
        for at_s, event_id, revision in came.live
        if revision == 0 and connected_s <= bangs.written_s.get(event_id, 0.0) <= drained_s
    ]
    print(f"the connection came {connected_s - open_s:.1f} s after the network")
    show(minutes, came, drained_s - connected_s, received_s - connected_s)
    print(
        f"    live alerts meanwhile, last byte to line: {quantiles_ms(live_s) if live_s else 'none'},"
        f" {len(live_s)} alerts; load average {os.getloadavg()[0]:.1f}",
        flush=True,
    )


def show(minutes: int, came: Came, took_s: float, received_s: float) -> None:
    expected = [(f"{number:032x}", revision) for number in range(minutes) for revision in (0, 1)]
    shown = [(event_id, revision) for _at_s, event_id, revision in came.old]
    whole = came.numbers == list(range(came.numbers[0], came.numbers[0] + len(came.numbers)))
    print(
        f"    {2 * minutes} rows of {minutes} events: all shown {took_s:.2f} s after the connection"
        f" ({2 * minutes / took_s:.0f} a second), the gateway knew after {received_s:.2f} s\n"
        f"    in order {shown == expected}, numbers without a hole {whole},"
        f" doubled {len(shown) - len(set(shown))}, lost {len(set(expected) - set(shown))}"
    )


def undelivered(outbox: Path) -> int:
    connection = sqlite3.connect(f"{outbox.as_uri()}?mode=ro", uri=True, timeout=5.0)
    try:
        (count,) = connection.execute("SELECT COUNT(*) FROM alerts WHERE done = 0").fetchone()
    finally:
        connection.close()
    return int(count)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=int, default=72 * 60, help="one event each")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--broker-options", nargs="*", default=(), help="more lines for mosquitto.conf")
    args = parser.parse_args()
    sys.setswitchinterval(0.0005)
    print(processor())
    for _ in range(args.runs):
        with tempfile.TemporaryDirectory() as made:
            measure(args.minutes, Path(made), args.broker_options)


if __name__ == "__main__":
    main()

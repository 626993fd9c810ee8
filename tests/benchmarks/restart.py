"""How long a killed gateway is deaf: from its start to the first processed frame, and to the first alert.

    python -m tests.benchmarks.restart [--restarts 30] [--sensors 32] [--rows 10000] [--days 7]

`agw run` with simulated sensors on ptys and a real mosquitto is killed (SIGKILL) again and again at moments
drawn by chance, and started at once. Its data folder is that of a gateway with a past: an outbox of as many
delivered rows as are kept, days of telemetry. Every sensor hears 100 dB(A) all the time, so that each start
has an event of every sensor to close and a new one to raise: more than a street ever does. Times count from
the moment before the process is made.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from paho.mqtt.client import Client, MQTTMessage

from firmware_bridge.simulator.pty_port import PtyPorts
from firmware_bridge.simulator.scenario import Scenario, SensorScript
from firmware_bridge.simulator.world import SimulatedWorld
from gateway.contract.vocabulary import Lane
from gateway.delivery.outbox import Outbox
from gateway.model_setup import choose_model
from gateway.settings.schema import StorageSettings
from gateway.telemetry.chunk import ChunkHead
from gateway.telemetry.segment import SegmentHead
from gateway.telemetry.store import SegmentStore
from tests.benchmarks.gateway_load import serials
from tests.benchmarks.machine import processor
from tests.benchmarks.telemetry_written import DAY_S, batches, moved
from tests.support.alerts import commit, story
from tests.support.broker import MosquittoBroker
from tests.support.gateway_process import LOUD_RULE, GatewayProcess, settings_text
from tests.support.mqtt_witness import Witness
from tests.support.station_rig import quiet_and_bang
from tests.support.waiting import Collector, wait_until

FLUSH_S = 60
STAGES = (
    "entered",
    "imported",
    "outbox_checked",
    "model_loaded",
    "first_port_event",
    "telemetry_read",
    "pipeline_runs",
    "first_frame",
)


class Listener(Witness):
    """Starts of events, with the moment at which each came."""

    def __init__(self, port: int) -> None:
        super().__init__(port, "aggression/v1/site/gw/event/#")
        self.starts: Collector[tuple[float, str]] = Collector()

    def _on_message(self, _client: Client, _userdata: Any, message: MQTTMessage) -> None:
        alert = json.loads(message.payload)
        if alert["phase"] == "start":
            self.starts.add((time.monotonic(), alert["event_id"]))


def make_past(data_dir: Path, rows: int, days: float, sensors: list[str]) -> None:
    """A data folder as it is after a long time of service."""
    data_dir.mkdir()
    with Outbox.open(data_dir / "outbox.db", durable=False) as outbox:
        ids = [commit(outbox, story(number)) for number in range(rows)]
        done = [row_id for row_id in ids if row_id is not None]
        outbox.give_numbers([(row_id, Lane.LIVE) for row_id in done])
        outbox.mark_acknowledged(done, delivered=True)
    if days:
        model = choose_model("default")
        assert model.classifier is not None
        labels = model.classifier.package.labels
        head = SegmentHead(
            boot_id="an earlier boot",
            model_id=model.model_id,
            labels=labels,
            sensors=tuple(sensors),
            reported_hours=(),
        )
        store = SegmentStore(data_dir / "telemetry", head, StorageSettings().telemetry_mb * 1_000_000)
        made = batches(random.Random(1), len(sensors), FLUSH_S, labels, at_random=False)
        for write in range(int(days * DAY_S / FLUSH_S)):
            at_s = write * FLUSH_S
            batch = moved(made[write % len(made)], at_s)
            chunk = ChunkHead(
                from_s=at_s,
                length_s=FLUSH_S,
                utc_ms=1_700_000_000_000 + at_s * 1000,
                clock="synced",
                error_ms=5,
                reported_hours=(),
            )
            store.append(chunk, batch)
        store.close()


def measure(args: argparse.Namespace, folder: Path, broker: MosquittoBroker) -> list[dict[str, float]]:
    """Seconds from the start to each stage, one entry a restart."""
    names = serials(args.sensors)
    make_past(folder / "data", args.rows, args.days, [name.lower() for name in names])
    scenario = Scenario("loud", 1, 86_400.0, tuple(SensorScript(name, ("bang",)) for name in names))
    ports = PtyPorts(SimulatedWorld(scenario, quiet_and_bang(), epoch=7), folder)
    marks, chance, found = folder / "marks.jsonl", random.Random(args.seed), []
    marks.touch()
    text = settings_text(folder, broker.port, names, model=args.model, more=LOUD_RULE)
    gateway = GatewayProcess(folder, text, program=("tests.benchmarks.restart_marks", str(marks)))
    ports.start()
    try:
        with Listener(broker.port) as listener:
            for number in range(args.restarts + 1):
                begin_s = time.monotonic()
                gateway.start()
                stages = wait_for_marks(marks, number)
                told = listener.starts.first(lambda start, begin_s=begin_s: start[0] > begin_s, "an alert")
                if number:  # the first start is none after a kill
                    stages["first_alert"] = told[0]
                    found.append({stage: at_s - begin_s for stage, at_s in stages.items()})
                threading.Event().wait(chance.uniform(0.2, 4.0))
                gateway.kill()
    finally:
        ports.stop()
    return found


def wait_for_marks(marks: Path, number: int) -> dict[str, float]:
    wait_until(lambda: marks.read_text().count("\n") > number, "the first frame", 120.0)
    stages: dict[str, float] = json.loads(marks.read_text().splitlines()[number])
    return stages


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--restarts", type=int, default=30)
    parser.add_argument("--sensors", type=int, default=32)
    parser.add_argument("--rows", type=int, default=10_000, help="delivered rows in the outbox")
    parser.add_argument("--days", type=float, default=7.0, help="of telemetry")
    parser.add_argument("--model", default="default")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="restart-", dir=os.environ.get("TMPDIR")) as made:
        with MosquittoBroker() as broker:
            found = measure(args, Path(made), broker)
        outbox_mb = (Path(made) / "data" / "outbox.db").stat().st_size / 1e6
    print(processor())
    print(
        f"{len(found)} restarts after SIGKILL, {args.sensors} sensors, {args.days:g} days of telemetry, "
        f"{args.rows} rows ({outbox_mb:.0f} MB), seed {args.seed}, load average {os.getloadavg()[0]:.1f}"
    )
    for stage in (*STAGES, "first_alert"):
        times_s = sorted(one[stage] for one in found)
        median, longest = times_s[len(times_s) // 2], times_s[-1]
        print(f"  {stage:<15} median {median:6.3f} s, longest {longest:6.3f} s")


if __name__ == "__main__":
    main()

"""Hours of a whole site at its full load: do memory, descriptors and threads stay where they are?

    python -m tests.benchmarks.soak --minutes 120 --sensors 32 --out FILE.jsonl
    python -m tests.benchmarks.soak --report FILE.jsonl     # also while it runs, or after it was ended early

`agw run` with the default model and a level rule, `agw watch --receive-as desk` and `agw simulate` (sensors
on ptys, in real time) as processes of their own, Debian's mosquitto on loopback. Every fifteen seconds one
sensor after the other hears a shot, a shout, glass or a scream: some eight alerts a minute. A test alert runs
the whole way every quarter of an hour. A line with the figures of gateway and receiver goes to FILE every ten
seconds. How the slopes are worked out is in `trend`.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any, TextIO

from paho.mqtt.client import Client, MQTTMessage, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion

from tests.benchmarks.machine import processor
from tests.benchmarks.process_figures import figures
from tests.benchmarks.trend import report
from tests.support.broker import HOST, MosquittoBroker
from tests.support.gateway_process import REPOSITORY, settings_text

SAMPLE_EVERY_S = 10.0
APART_S = 15.0
SOUNDS = (
    "gunshot_1",
    "shout_3",
    "glass_break_2",
    "scream_1",
)  # the supplied model or the level rule hears them
DELIVERY = 'receivers = ["desk"]\ntest_alert_every_h = 0.25'
HEALTH_KEPT = ("frames_heard", "frames_dropped", "alerts_committed", "alerts_received", "alerts_sent_again")


class Ended(Exception):
    """SIGTERM or SIGINT: say goodbye and report."""


class Told:
    """What the gateway's health said last; paho's thread writes."""

    def __init__(self, port: int) -> None:
        self.health: dict[str, Any] = {}
        self.faults: set[str] = set()
        self._client = Client(CallbackAPIVersion.VERSION2, "soak", protocol=MQTTv5)
        self._client.on_connect = lambda client, *_: client.subscribe("aggression/v1/+/+/health")
        self._client.on_message = self._on_message
        self._client.connect(HOST, port)
        self._client.loop_start()

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _on_message(self, _client: Client, _userdata: Any, message: MQTTMessage) -> None:
        self.health = json.loads(message.payload)
        self.faults |= {fault["code"] for fault in self.health["faults"]}


class Shown:
    """Counts what the receiver shows, line by line, and keeps nothing of it."""

    def __init__(self, lines: TextIO) -> None:
        self.alerts = self.tests = self.notices = self.twice = 0
        self._lines = lines
        self._seen: set[tuple[str, int]] = set()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        for line in self._lines:
            told = json.loads(line)
            if told.get("type") == "alert":
                key = (told["event_id"], told["revision"])
                self.twice += key in self._seen
                self._seen.add(key)
                self.tests += told["class"] == "test"
                self.alerts += told["class"] != "test"
            elif str(told.get("type", "")).startswith(("gap", "gateway_silent", "not_shown")):
                self.notices += 1


def scenario_text(sensors: int, seconds: float) -> str:
    """One sound at one sensor every APART_S; each sensor has its turn, and all have heard all in the end."""
    turns = sensors * len(SOUNDS)
    seconds = max(seconds, 60.0 + turns * APART_S)  # a scenario names no sound after its end
    lines = ["seed = 1", f"duration_s = {seconds:.1f}", 'about.en = "soak"', 'about.nl = "duurproef"']
    lines += ["[[sensor]]", 'serial = "SIM-0001"', 'bed = "ambience"', f"count = {sensors}"]
    for turn in range(turns):
        serial = f"SIM-{turn % sensors + 1:04d}"
        lines += [
            "[[sound]]",
            f"at_s = {30.0 + turn * APART_S:.1f}",
            f'play = "{SOUNDS[(turn + turn // sensors) % len(SOUNDS)]}"',
        ]
        lines += [f'heard_by = {{ "{serial}" = 0.0 }}', f"every_s = {turns * APART_S:.1f}"]
    return "\n".join(lines) + "\n"


def spawn(*arguments: str, log: Path, **more: Any) -> subprocess.Popen[Any]:
    with log.open("ab") as file:
        options = {"stdout": file, **more}
        return subprocess.Popen(
            [sys.executable, "-m", "gateway", *arguments], cwd=REPOSITORY, stderr=file, **options
        )


def sample(begun_s: float, processes: dict[str, int], told: Told, shown: Shown) -> dict[str, Any]:
    counters = told.health.get("counters", {})
    row: dict[str, Any] = {"t_s": round(time.monotonic() - begun_s, 2)}
    for name, pid in processes.items():
        row[name] = figures(pid)
    row["health"] = {key: counters[key] for key in HEALTH_KEPT if key in counters}
    row["health"]["outbox_pending"] = told.health.get("outbox_pending")
    row["faults"] = sorted(fault["code"] for fault in told.health.get("faults", ()))
    row["shown"] = {
        "alerts": shown.alerts,
        "tests": shown.tests,
        "twice": shown.twice,
        "notices": shown.notices,
    }
    return row


def soak(minutes: float, sensors: int, out: Path, folder: Path) -> None:
    seconds = minutes * 60.0
    serials = [f"SIM-{number:04d}" for number in range(1, sensors + 1)]
    (folder / "soak.toml").write_text(scenario_text(sensors, seconds + 600.0))
    started: list[subprocess.Popen[Any]] = []
    with MosquittoBroker() as broker, out.open("a", encoding="utf-8") as lines:
        settings = folder / "gateway.toml"
        settings.write_text(settings_text(folder, broker.port, serials, delivery=DELIVERY))
        options = ("--receive-as", "desk", "--store", str(folder / "desk.db"), "--json")
        try:
            told = Told(broker.port)
            receiver = spawn(
                "watch", "--broker", broker.url, *options,
                log=folder / "watch.log", stdout=subprocess.PIPE, text=True,
            )  # fmt: skip
            started.append(receiver)
            shown = Shown(receiver.stdout)  # type: ignore[arg-type]
            started.append(
                spawn(
                    "simulate", "--scenario", str(folder / "soak.toml"), "--dir", str(folder),
                    log=folder / "simulate.log",
                )
            )  # fmt: skip
            gateway = spawn("run", "--settings", str(settings), log=folder / "gateway.log")
            started.append(gateway)
            begun_s = time.monotonic()
            processes = {"gateway": gateway.pid, "receiver": receiver.pid}
            _write(lines, {"head": head(minutes, sensors, folder, processes)})
            while time.monotonic() - begun_s < seconds:
                threading.Event().wait(SAMPLE_EVERY_S - (time.monotonic() - begun_s) % SAMPLE_EVERY_S)
                gone = [one.args for one in started if one.poll() is not None]
                if gone:
                    _write(lines, {"gone": [" ".join(map(str, args)) for args in gone]})
                    break
                _write(lines, sample(begun_s, processes, told, shown))
        except Ended:
            _write(lines, {"ended": "by signal"})
        finally:
            for process in reversed(started):
                process.terminate()
            for process in started:
                process.wait(30.0)
            told.close()


def head(minutes: float, sensors: int, folder: Path, processes: dict[str, int]) -> dict[str, Any]:
    git = ("git", "-C", str(REPOSITORY))
    commit = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return {
        "machine": processor(),
        "commit": commit.stdout.strip(),
        "code": str(REPOSITORY),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "minutes": minutes,
        "sensors": sensors,
        "folder": str(folder),
        "runner": os.getpid(),
        **processes,
    }


def _write(lines: TextIO, row: dict[str, Any]) -> None:
    lines.write(json.dumps(row) + "\n")
    lines.flush()


def _end(_number: int, _frame: FrameType | None) -> None:
    raise Ended


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, default=120.0)
    parser.add_argument("--sensors", type=int, default=32)
    parser.add_argument("--out", type=Path, default=Path("soak.jsonl"))
    parser.add_argument("--warm-up", type=float, default=10.0, help="minutes left out of the slopes")
    parser.add_argument("--report", type=Path, help="no soak: the figures of this file")
    args = parser.parse_args(arguments)
    if args.report is None:
        signal.signal(signal.SIGTERM, _end)
        signal.signal(signal.SIGINT, _end)
        with tempfile.TemporaryDirectory(prefix="soak-") as made:
            soak(args.minutes, args.sensors, args.out, Path(made))
    report(args.report or args.out, args.warm_up)


if __name__ == "__main__":
    main()

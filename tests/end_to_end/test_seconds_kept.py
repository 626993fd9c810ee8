"""What a running gateway keeps of each second survives a kill, and its downtime shows as not covered."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

from gateway.telemetry.reader import TelemetryError, TelemetryReader
from tests.end_to_end.test_first_alert import A, bangs, simulated
from tests.support.broker import MosquittoBroker
from tests.support.gateway_process import REPOSITORY, GatewayProcess, settings_text
from tests.support.mqtt_witness import Witness
from tests.support.waiting import wait_until

DOWN_S = 2.2
FAST = "[storage]\nflush_s = 1\n"


def kept(folder: Path) -> list[int]:
    try:
        return [one.second.number for one in TelemetryReader(folder / "data").seconds(A.lower())]
    except TelemetryError:
        return []


def coverage(gateway: GatewayProcess) -> list[dict[str, object]]:
    command = [sys.executable, "-m", "gateway", "coverage", "--settings", str(gateway.settings), "--json"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_seconds_survive_a_kill_and_the_gap_is_seen(tmp_path: Path) -> None:
    with MosquittoBroker() as broker, simulated(tmp_path, bangs()), Witness(broker.port) as room:
        text = settings_text(tmp_path, broker.port, [A], model="none", more=FAST)
        gateway = GatewayProcess(tmp_path, text)
        with gateway:
            wait_until(lambda: len(kept(tmp_path)) >= 4, f"four seconds\n{gateway.log}")
            gateway.kill()
        # A restart can be quicker than a second; whole seconds are to be missed here.
        missed_by = time.monotonic() + DOWN_S
        wait_until(lambda: time.monotonic() > missed_by, "two seconds of downtime")
        before = kept(tmp_path)
        with gateway:
            wait_until(lambda: len(kept(tmp_path)) >= len(before) + 4, f"four more\n{gateway.log}")
            (hour, *_) = coverage(gateway)  # while it runs
            health = room.seen.first(
                lambda one: one.topic.endswith("/gw/health") and bool(one.payload), "a health"
            )
            assert gateway.terminate() == 0
        numbers = kept(tmp_path)
    assert numbers[: len(before)] == before
    assert all(later > sooner for sooner, later in pairwise(numbers))
    assert numbers[len(before)] > before[-1] + 1  # nobody listened meanwhile
    heard = hour["analysed_s"]
    assert isinstance(heard, dict)
    assert 4.0 <= heard[A.lower()] <= len(numbers)
    counters = json.loads(health.payload)["counters"]
    assert (counters["telemetry_failed"], counters["telemetry_dropped"]) == (0, 0)
    assert "telemetry_written" in counters

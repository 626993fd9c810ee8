"""`agw run` that can be looked into from outside: threads carry their names, stages of alerts are timed.

    python -m tests.benchmarks.observed_gateway TRACE|- run --settings FILE

The kernel shows a Python thread under the program's name until 3.14; here each tells its own, so that
/proc/PID/task/*/stat says who took the processor. With a TRACE file, instants of CLOCK_MONOTONIC are kept for
every committed alert and written there when the gateway ends, one JSON object a line.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from firmware_bridge.events import FeatureFrame
from gateway.cli import main
from gateway.delivery.mqtt import MqttLink
from gateway.delivery.outbox import Outbox
from gateway.pipeline import SensorPipeline
from gateway.station import Station
from tests.support.gateway_process import REPOSITORY, GatewayProcess

UNTRACED = "-"


@dataclass(slots=True)
class Instants:
    """When one committed alert passed each stage; received_s to committed_s on the gateway's own threads."""

    event_id: str
    phase: str
    received_s: float
    taken_s: float
    heard_s: float
    commit_s: float
    committed_s: float


class ObservedGateway(GatewayProcess):
    """The gateway's process, with named threads; its stages in trace_path once it has ended."""

    def __init__(self, folder: Path, text: str, *, traced: bool) -> None:
        super().__init__(folder, text)
        self.trace_path = folder / "trace.jsonl"
        self._traced = traced

    def start(self) -> ObservedGateway:
        trace = str(self.trace_path) if self._traced else UNTRACED
        module = "tests.benchmarks.observed_gateway"
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module, trace, "run", "--settings", str(self.settings)],
                cwd=REPOSITORY,
                stdout=log,
                stderr=log,
            )
        return self


class _Trace:
    """Wraps the route's functions. Pipeline thread: all but `published`."""

    def __init__(self) -> None:
        self._received_s = self._taken_s = self._heard_s = 0.0
        self.committed: list[Instants] = []
        self.published: list[tuple[float, bytes]] = []

    def install(self) -> None:
        take, hear, commit, publish = Station.take, SensorPipeline.hear, Outbox.commit, MqttLink.publish

        def traced_take(station: Station, port: str, event: Any) -> None:
            if isinstance(event, FeatureFrame):
                self._received_s, self._taken_s = event.received_s, time.monotonic()
            take(station, port, event)

        def traced_hear(pipeline: SensorPipeline, *args: Any) -> Any:
            analysis = hear(pipeline, *args)
            self._heard_s = time.monotonic()
            return analysis

        def traced_commit(
            outbox: Outbox,
            alert_json: bytes,
            event_id: str,
            revision: int,
            topic: str,
            phase: str,
            **made: Any,
        ) -> int | None:
            begin_s = time.monotonic()
            row_id = commit(outbox, alert_json, event_id, revision, topic, phase, **made)
            now_s = time.monotonic()
            self.committed.append(
                Instants(event_id, phase, self._received_s, self._taken_s, self._heard_s, begin_s, now_s)
            )
            return row_id

        def traced_publish(link: MqttLink, topic: str, payload: bytes, **options: Any) -> Any:
            if "/event/" in topic:
                self.published.append((time.monotonic(), payload))
            return publish(link, topic, payload, **options)

        Station.take, SensorPipeline.hear = traced_take, traced_hear  # type: ignore[method-assign]
        Outbox.commit, MqttLink.publish = traced_commit, traced_publish  # type: ignore[method-assign]

    def write(self, path: Path) -> None:
        published = {}
        for at_s, payload in self.published:
            alert = json.loads(payload)
            published.setdefault((alert["event_id"], alert["phase"]), at_s)
        with path.open("w", encoding="utf-8") as file:
            for one in self.committed:
                publish_s = published.get((one.event_id, one.phase))
                print(json.dumps({**asdict(one), "publish_s": publish_s}), file=file)


def name_threads() -> None:
    run = threading.Thread.run

    def named_run(thread: threading.Thread) -> None:
        with contextlib.suppress(OSError):
            comm = Path(f"/proc/self/task/{threading.get_native_id()}/comm")
            comm.write_text(thread.name[:15], encoding="utf-8")
        run(thread)

    threading.Thread.run = named_run  # type: ignore[method-assign]


if __name__ == "__main__":
    name_threads()
    trace = _Trace()
    if sys.argv[1] != UNTRACED:
        trace.install()
    code = main(sys.argv[2:])
    if sys.argv[1] != UNTRACED:
        trace.write(Path(sys.argv[1]))
    raise SystemExit(code)

"""A site whose every sign of trouble is timed: two brokers, a receiver on both, and gates that can be spoilt.

Gateway and receiver are processes of their own; the sensors live here. What brokers publish is heard beside
the gates, so that it is known whatever was done to them; all instants are CLOCK_MONOTONIC.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paho.mqtt.client import Client, MQTTMessage, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion

from firmware_bridge.simulator.pty_port import PtyPorts, World
from firmware_bridge.simulator.world import WorldEvent
from tests.benchmarks.delivery_site import Line, ReceiverProcess
from tests.chaos.gate import Gate, Pump
from tests.support.broker import HOST, MosquittoBroker
from tests.support.gateway_process import GatewayProcess, settings_text
from tests.support.waiting import Collector

PATHS = ("primary", "backup")
RECEIVER = "desk"
_LOOK_S = 0.01


@dataclass(frozen=True, slots=True)
class Sign:
    """Something that somebody could see. by: primary, backup (what that broker gave), shown (a line of the
    receiver), receiver log, gateway log; body: the payload, or a line as {"text": ...}."""

    at_s: float
    by: str
    topic: str
    body: Line


class WatchedSite:
    """start() it; signs collects everything from then on."""

    def __init__(
        self,
        folder: Path,
        world: World,
        serials: list[str],
        told: Callable[[WorldEvent], None] | None = None,
        *,
        rule: str,
    ) -> None:
        """rule: the table of the level rule; keep-alive and the will's delay are those of the defaults."""
        self.signs: Collector[Sign] = Collector()
        self._undo = ExitStack()
        self.pump = Pump()
        self._undo.callback(self.pump.close)
        self.brokers = [self._undo.enter_context(MosquittoBroker()) for _ in PATHS]
        self.gates = {
            (who, path): self.pump.gate(f"{who}:{path}", (HOST, broker.port))
            for who in ("gateway", RECEIVER)
            for path, broker in zip(PATHS, self.brokers, strict=True)
        }
        for path, broker in zip(PATHS, self.brokers, strict=True):
            self._tap(path, broker.port)
        self.ports = PtyPorts(world, folder, told=told)
        self.gateway = GatewayProcess(folder, self._settings(folder, serials, rule))
        urls = [f"mqtt://{HOST}:{self.gates[RECEIVER, path].port}" for path in PATHS]
        self.receiver = ReceiverProcess(folder, RECEIVER, urls, self._shown)
        self._logs = {"receiver log": folder / f"{RECEIVER}.log", "gateway log": folder / "gateway.log"}

    def start(self) -> WatchedSite:
        self.ports.start()
        self._undo.callback(self.ports.stop)
        self.receiver.start()
        self._undo.callback(self.receiver.end)
        self._undo.enter_context(self.gateway)
        stopping = threading.Event()
        follower = threading.Thread(target=self._follow, args=(stopping,), daemon=True)
        follower.start()
        self._undo.callback(stopping.set)
        return self

    def __enter__(self) -> WatchedSite:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self._undo.close()

    def gate(self, path: str, who: str = "gateway") -> Gate:
        return self.gates[who, path]

    def last(self, holds: Callable[[Sign], bool]) -> Sign | None:
        return next((sign for sign in reversed(self.signs.items) if holds(sign)), None)

    def delivering(self) -> bool:
        """Nothing is wrong, by both brokers, and alerts leave by the first."""
        latest = [self.last(lambda sign, by=path: sign.by == by and is_health(sign)) for path in PATHS]
        told = [sign for sign in latest if sign is not None and not sign.body["faults"]]
        if len(told) < len(PATHS):
            return False
        delivery = max(told, key=lambda sign: sign.at_s).body.get("delivery") or {"paths": []}
        return any(path["path"] == PATHS[0] and path["active"] for path in delivery["paths"])

    def wait(self, holds: Callable[[], bool], what: str, deadline_s: float) -> None:
        """As tests.support.waiting, but looks rarely: the site is what is measured."""
        give_up_s = time.monotonic() + deadline_s
        while not holds():
            assert time.monotonic() < give_up_s, f"waited {deadline_s} s for {what}"
            threading.Event().wait(0.2)

    def _settings(self, folder: Path, serials: list[str], rule: str) -> str:
        ports = [self.gates["gateway", path].port for path in PATHS]
        backup = f'[backup_broker]\nhost = "{HOST}"\nport = {ports[1]}\n'
        delivery = f'receivers = ["{RECEIVER}"]\ntest_alert_every_h = 0'
        text = settings_text(folder, ports[0], serials, model="none", more=rule + backup, delivery=delivery)
        return text.replace("keep_alive_s = 5\n", "")

    def _tap(self, path: str, port: int) -> None:
        client = Client(CallbackAPIVersion.VERSION2, f"tap-{path}", protocol=MQTTv5)
        client.reconnect_delay_set(1, 1)
        client.on_connect = lambda client, *_: client.subscribe("aggression/v1/#", qos=0)
        client.on_message = lambda _client, _userdata, message: self._heard(path, message)
        client.connect(HOST, port)
        client.loop_start()
        self._undo.callback(client.loop_stop)
        self._undo.callback(client.disconnect)

    def _heard(self, path: str, message: MQTTMessage) -> None:
        if message.payload and not message.topic.endswith(("/heartbeat", "/receipt", "/level")):
            self.signs.add(Sign(time.monotonic(), path, message.topic, json.loads(message.payload)))

    def _shown(self, at_s: float, line: Line) -> None:
        self.signs.add(Sign(at_s, "shown", str(line.get("type", "")), line))

    def _follow(self, stopping: threading.Event) -> None:
        """Lines of the two logs, soon after they were written."""
        places = dict.fromkeys(self._logs, 0)
        while not stopping.wait(_LOOK_S):
            now_s = time.monotonic()
            for by, path in self._logs.items():
                if not path.exists() or path.stat().st_size == places[by]:
                    continue
                with path.open("rb") as file:
                    file.seek(places[by])
                    whole, newline, _rest = file.read().rpartition(b"\n")
                places[by] += len(whole) + len(newline)
                for text in whole.decode(errors="replace").splitlines():
                    self.signs.add(Sign(now_s, by, "", {"text": text}))


def is_health(sign: Sign) -> bool:
    return sign.topic.endswith("/health") and "/sensor/" not in sign.topic and "faults" in sign.body


def has_fault(sign: Sign, code: str, where: str = "") -> bool:
    """A health, at a broker or as shown, with this fault."""
    faults: list[dict[str, Any]] = sign.body.get("faults", []) if isinstance(sign.body, dict) else []
    return any(fault["code"] == code and where in ("", fault["where"]) for fault in faults)

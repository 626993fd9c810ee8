"""Is this installation fit to run? Each check looks at one thing and says how it is and what to do next.

Nothing is changed: a file that is written to try the data folder is gone again, ports are opened and
closed, the broker is greeted under a name of its own so that the running gateway keeps its session.
"""

from __future__ import annotations

import errno
import glob
import os
import queue
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from firmware_bridge.port_states import PortChanged, PortState
from firmware_bridge.port_watcher import is_pattern
from firmware_bridge.ports import OpenFailure, open_line
from firmware_bridge.waker import Waker
from gateway.broker_options import broker_options
from gateway.calibration.store import CalibrationStore
from gateway.checkup_words import FINDINGS, STATES, SUBJECTS
from gateway.clock import HostClock
from gateway.contract.instants import utc_text
from gateway.delivery.broker_link import Acknowledged, Heard, LinkPhase, LinkState
from gateway.delivery.mqtt import MqttLink
from gateway.errors import GatewayError
from gateway.model_setup import choose_model
from gateway.phrases import Language, fill
from gateway.settings.load import LoadedSettings
from gateway.settings.schema import BrokerSettings, PortSettings
from gateway.supervision.data_lock import holder_of

State = Literal["ok", "warn", "fail"]

DISK_FAIL_MB = 50.0
DISK_WARN_MB = 500.0
RELEASED = datetime(2026, 1, 1, tzinfo=UTC)
"""No honest clock of a machine with this release stands earlier."""

_MB = 1e6
_BROKER_GRACE_S = 5.0
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the checkup. subject, text: keys of checkup_words; values: what the text names."""

    state: State
    subject: str
    text: str
    values: dict[str, object]

    def line(self, language: Language) -> str:
        state, subject = STATES[self.state][language], SUBJECTS[self.subject][language]
        return f"{state:<7}{subject:<13}{fill(FINDINGS[self.text], language, **self.values)}"


def check_up(loaded: LoadedSettings, language: Language, clock: HostClock) -> Iterator[Finding]:
    """Everything, in the order in which a technician would put it right."""
    yield from settings(loaded)
    yield from data_dir(loaded.data_dir)
    yield from running(loaded.data_dir)
    yield from clock_state(clock)
    yield from model(loaded)
    yield from ports(loaded.values.port, language)
    for one in (loaded.values.broker, loaded.values.backup_broker):
        if one is not None:
            yield from broker(loaded, language, one)
    yield delivery(loaded)
    yield from calibrations(loaded, clock)


def settings(loaded: LoadedSettings) -> Iterator[Finding]:
    values = loaded.values
    counts = {"sensors": len(values.sensor), "ports": len(values.port)}
    yield Finding("ok", "settings", "settings_read", {"path": loaded.path, **counts})
    if not values.sensor:
        yield Finding("warn", "settings", "no_sensors", {})
    for one in (values.broker, values.backup_broker):
        secret_file = loaded.path if one is not None and one.password is not None else None
        if one is not None and one.password_file is not None:
            secret_file = loaded.resolve(one.password_file)
        if secret_file is not None and secret_file.exists() and secret_file.stat().st_mode & 0o004:
            yield Finding("warn", "settings", "password_open", {"path": secret_file})


def data_dir(path: Path) -> Iterator[Finding]:
    if path.exists():
        try:
            with tempfile.TemporaryFile(dir=path) as probe:
                probe.write(b"x")
                os.fsync(probe.fileno())
        except OSError as problem:
            yield Finding("fail", "data", "data_not_writable", {"path": path, "why": problem.strerror})
        else:
            yield Finding("ok", "data", "data_writable", {"path": path})
    elif os.access(_nearest_folder(path), os.W_OK | os.X_OK, effective_ids=True):
        yield Finding("ok", "data", "data_to_be_made", {"path": path})
    else:
        why = os.strerror(errno.EACCES)
        yield Finding("fail", "data", "data_not_writable", {"path": path, "why": why})
    free_mb = shutil.disk_usage(_nearest_folder(path)).free / _MB
    values: dict[str, object] = {"free_mb": free_mb, "path": path}
    if free_mb < DISK_WARN_MB:
        yield Finding("fail" if free_mb < DISK_FAIL_MB else "warn", "disk", "disk_low", values)
    else:
        yield Finding("ok", "disk", "disk_free", values)


def running(data_dir: Path) -> Iterator[Finding]:
    """A gateway at work is no fault, and says why its ports are taken; of none at work nothing is said."""
    process = holder_of(data_dir)
    if process is not None:
        yield Finding("ok", "gateway", "gateway_runs", {"process": process or "?"})


def clock_state(clock: HostClock) -> Iterator[Finding]:
    now, quality = clock.utc(), clock.quality()
    if now < RELEASED:
        yield Finding("fail", "clock", "clock_wrong", {"now": utc_text(now.timestamp())})
    elif quality.state == "unsynced" or quality.error_ms is None:
        yield Finding("warn", "clock", "clock_unsynced", {"now": utc_text(now.timestamp())})
    else:
        yield Finding("ok", "clock", "clock_synced", {"error_ms": quality.error_ms})


def model(loaded: LoadedSettings) -> Iterator[Finding]:
    setup = choose_model(loaded.values.model.package, loaded.path.parent)
    if setup.problem is not None:
        yield Finding("fail", "model", "model_refused", {"text": str(setup.problem)})
    elif setup.classifier is None:
        yield Finding("ok", "model", "model_none", {})
    else:
        values: dict[str, object] = {"model": setup.model_id, "runtime": setup.classifier.runtime}
        yield Finding("ok", "model", "model_loads", values)


def ports(settings: tuple[PortSettings, ...], language: Language) -> Iterator[Finding]:
    if not settings:
        yield Finding("fail", "port", "no_ports", {})
    for port in settings:
        urls = sorted(glob.glob(port.url)) if is_pattern(port.url) else [port.url]
        for url in urls or [port.url]:
            yield _port(url, port.baud, language)


def _port(url: str, baud: int, language: Language) -> Finding:
    waker = Waker()
    try:
        line = open_line(url, baud, waker)
        if not isinstance(line, OpenFailure):
            line.close()
            return Finding("ok", "port", "port_opens", {"url": url})
    finally:
        waker.close()
    if line.state is PortState.BUSY:
        return Finding("warn", "port", "port_busy", {"url": url})
    text = PortChanged(url, line.state, line.detail, now_s=0.0).text(language)
    return Finding("fail", "port", "port_trouble", {"url": url, "what": text.message, "hint": text.hint})


def broker(
    loaded: LoadedSettings, language: Language, chosen: BrokerSettings | None = None
) -> Iterator[Finding]:
    """chosen: None for the first broker."""
    values = loaded.values
    chosen = chosen or values.broker
    if chosen.tls is None and chosen.host not in _LOOPBACK:
        yield Finding("warn", "broker", "not_encrypted", {"host": chosen.host})
    try:
        options = broker_options(loaded, f"agw-{values.gateway.site}-{values.gateway.id}-check", chosen)
    except GatewayError as problem:
        yield Finding("fail", "broker", "as_said", {"text": str(problem)})
        return
    states: queue.Queue[LinkState | BaseException] = queue.Queue()

    def sink(state: LinkState | Acknowledged | Heard) -> None:
        if isinstance(state, LinkState) and state.phase is not LinkPhase.CONNECTING:
            states.put(state)

    link = MqttLink(replace(options, session_expiry_s=0), sink, lambda _name, problem: states.put(problem))
    link.start()
    try:
        state = states.get(timeout=2 * options.answer_s + _BROKER_GRACE_S)
    except queue.Empty:
        yield Finding("fail", "broker", "broker_silent", {"where": options.where})
        return
    finally:
        link.stop()
    if isinstance(state, BaseException):
        raise state
    if state.connected:
        yield Finding("ok", "broker", "broker_connects", {"where": options.where})
    else:
        yield Finding("fail", "broker", "as_said", {"text": replace(state, retry_in_s=None).text(language)})


def delivery(loaded: LoadedSettings) -> Finding:
    """What counts as delivered; whether receivers answer is told by the running gateway's health."""
    receivers = loaded.values.delivery.receivers
    if receivers:
        return Finding("ok", "delivery", "receivers_named", {"names": ", ".join(receivers)})
    return Finding("warn", "delivery", "broker_confirms", {})


def calibrations(loaded: LoadedSettings, clock: HostClock) -> Iterator[Finding]:
    store = CalibrationStore(loaded.data_dir)
    try:
        damaged = store.damaged()
    except GatewayError as problem:
        yield Finding("fail", "calibration", "as_said", {"text": str(problem)})
        return
    for line in damaged:
        values: dict[str, object] = {"number": line.number, "path": store.path}
        yield Finding("warn", "calibration", "calibration_damaged", values)
    for sensor in loaded.values.sensor:
        record = store.current(sensor.serial, clock.utc())
        if record is None:
            yield Finding("warn", "calibration", "uncalibrated", {"sensor": sensor.id})
        else:
            values = {"sensor": sensor.id, "offset": record.after_db, "id": record.calibration_id}
            yield Finding("ok", "calibration", "calibrated", values)


def _nearest_folder(path: Path) -> Path:
    """The folder itself, or the nearest one above it that exists."""
    return next(folder for folder in (path, *path.parents) if folder.is_dir())

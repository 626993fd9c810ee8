"""`agw calibrate`: hold a sound calibrator on a sensor, and store how far off the sensor is.

Opens the sensor's port itself, so the gateway must not hold it meanwhile.
"""

from __future__ import annotations

import argparse
import queue
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TextIO

from dsp.layout import LAYOUT_ID
from firmware_bridge.events import CalibrationReceived, LinkEvent
from firmware_bridge.link import SensorLink
from firmware_bridge.port_states import PortChanged, PortState
from firmware_bridge.port_watcher import PortWatcher
from firmware_bridge.port_worker import PortWorker
from gateway.calibration_check import NOMINAL_LEVELS_DB, Accepted, Refused
from gateway.calibration_record import (
    Calibration,
    CalibratorReference,
    ToneMeasurement,
    new_calibration_id,
)
from gateway.calibration_session import CalibrationSession
from gateway.calibration_store import CalibrationStore
from gateway.calibration_words import is_yes, say
from gateway.clock import HostClock
from gateway.contract.instants import utc_text
from gateway.errors import GatewayError
from gateway.exit_codes import ExitCode
from gateway.phrases import Language
from gateway.settings import PortSettings, SensorSettings
from gateway.settings_load import DEFAULT_SETTINGS_PATH, LoadedSettings, load_settings

_HOPELESS = {PortState.BUSY, PortState.DENIED, PortState.FAILED}
_HOPELESS_S = 2.0  # a pattern's ports come one by one
_POLL_S = 0.25
_LINE_EVERY_S = 1.0
_CERTIFICATE_SPREAD_DB = 0.5

PortEvent = tuple[str, LinkEvent | PortChanged]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--settings", type=Path, default=DEFAULT_SETTINGS_PATH, metavar="FILE")
    parser.add_argument("--sensor", required=True, metavar="ID", help="sensor id as in the settings")
    parser.add_argument("--who", required=True, metavar="NAME", help="who calibrates; stands in the record")
    parser.add_argument("--port", metavar="URL", help="the sensor's port (default: all of the settings)")
    parser.add_argument(
        "--reference-db",
        type=_reference_db,
        metavar="DB",
        help="level of the calibrator: 94, 114 or what its certificate says (default: recognised)",
    )
    parser.add_argument("--calibrator", metavar="SERIAL", help="serial number of the calibrator")
    parser.add_argument("--certificate-date", type=_date, metavar="YYYY-MM-DD", help="of the calibrator")
    parser.add_argument(
        "--for", dest="for_s", type=_seconds, default=120.0, metavar="S", help="give up after (default: 120)"
    )
    parser.add_argument("--yes", action="store_true", help="store without asking")
    parser.add_argument("--lang", choices=("nl", "en"), help="default: that of the settings")


def run(args: argparse.Namespace) -> int:
    loaded = load_settings(args.settings)
    language: Language = args.lang or loaded.values.gateway.language
    sensor = _sensor(loaded, args.sensor)
    store = CalibrationStore(loaded.data_dir)
    store.records()  # a store that cannot be read is said before anyone climbs a ladder
    for line in store.damaged():
        print(say("damaged", language, number=line.number, path=str(store.path), why=line.why))
    print(say("begin", language, sensor=sensor.id, serial=sensor.serial), flush=True)
    session = CalibrationSession(sensor.serial, args.reference_db)
    verdict = _listen(session, _ports(loaded, args.port), args.for_s, language)
    if isinstance(verdict, Refused):
        print(say("refused", language, why=verdict.text(language)))
        return ExitCode.FOUND
    assert session.hello is not None
    record = _record(args, sensor, verdict, session.hello.full_scale_db, store)
    _explain(record, verdict, language)
    if not (args.yes or _agreed(language)):
        print(say("not_stored", language))
        return ExitCode.FOUND
    store.append(record)
    print(say("stored", language, id=record.calibration_id, valid_from=record.valid_from_utc))
    return ExitCode.OK


def _sensor(loaded: LoadedSettings, sensor_id: str) -> SensorSettings:
    for sensor in loaded.values.sensor:
        if sensor.id == sensor_id:
            return sensor
    known = ", ".join(sensor.id for sensor in loaded.values.sensor) or "none"
    raise GatewayError(
        f"there is no sensor {sensor_id!r}", where=str(loaded.path), hint=f"The settings know: {known}"
    )


def _ports(loaded: LoadedSettings, url: str | None) -> Sequence[PortSettings]:
    ports = loaded.values.port if url is None else (PortSettings(url=url),)
    if not ports:
        raise GatewayError(
            "the settings name no port", where=str(loaded.path), hint="Add [[port]], or name one with --port"
        )
    return ports


def _listen(
    session: CalibrationSession, ports: Sequence[PortSettings], for_s: float, language: Language
) -> Accepted | Refused:
    """Until the tone is good enough or the time is up."""
    events: queue.Queue[PortEvent] = queue.Queue()
    watchers = [_watch(port, events) for port in ports]
    clock = HostClock()
    meter = _Meter(sys.stdout, language)
    give_up_s = clock.monotonic_s() + for_s
    states: dict[str, PortChanged] = {}
    hopeless_since_s: float | None = None
    for watcher in watchers:
        watcher.start()
    try:
        while clock.monotonic_s() < give_up_s:
            for event in _waiting(events):
                if isinstance(event, PortChanged):
                    states[event.url] = event
                    continue
                session.take(event)
                if isinstance(event, CalibrationReceived):
                    outcome = session.outcome()
                    if outcome is not None:
                        return outcome
            now_s = clock.monotonic_s()
            hopeless = bool(states) and all(state.state in _HOPELESS for state in states.values())
            if not hopeless:
                hopeless_since_s = None
            elif hopeless_since_s is None:
                hopeless_since_s = now_s
            elif now_s - hopeless_since_s > _HOPELESS_S:
                break
            meter.show(session, states, now_s)
        if session.hello is None:
            raise _no_sensor(session, states, language)
        return session.verdict()
    finally:
        meter.end()
        for watcher in watchers:
            watcher.stop()


def _watch(port: PortSettings, events: queue.Queue[PortEvent]) -> PortWatcher:
    def sink(url: str, event: LinkEvent | PortChanged) -> None:
        events.put((url, event))

    return PortWatcher(
        [port.url], lambda url: PortWorker(url, SensorLink((LAYOUT_ID,)), sink, baud=port.baud), sink
    )


def _waiting(events: queue.Queue[PortEvent]) -> list[LinkEvent | PortChanged]:
    """What has come, waiting a moment for the first."""
    taken: list[LinkEvent | PortChanged] = []
    try:
        taken.append(events.get(timeout=_POLL_S)[1])
        while True:
            taken.append(events.get_nowait()[1])
    except queue.Empty:
        return taken


def _no_sensor(
    session: CalibrationSession, states: dict[str, PortChanged], language: Language
) -> GatewayError:
    seen = []
    for url, state in states.items():
        text = state.text(language)
        seen.append(f"{url}: {text.message}. {text.hint}".rstrip(". "))
    others = [say("other", language, serial=serial) for serial in sorted(session.others)]
    return GatewayError(say("not_heard", language, serial=session.serial), hint=". ".join([*others, *seen]))


class _Meter:
    """The live line: rewritten in place on a terminal, one a second elsewhere."""

    def __init__(self, out: TextIO, language: Language) -> None:
        self._out = out
        self._language = language
        self._shown_s: float | None = None
        self._in_place = out.isatty()

    def show(self, session: CalibrationSession, states: dict[str, PortChanged], now_s: float) -> None:
        if self._shown_s is not None and now_s - self._shown_s < _LINE_EVERY_S:
            return
        self._shown_s = now_s
        line = self._line(session, states)
        self._out.write(f"\r\x1b[K{line}" if self._in_place else f"{line}\n")
        self._out.flush()

    def end(self) -> None:
        if self._in_place and self._shown_s is not None:
            self._out.write("\n")

    def _line(self, session: CalibrationSession, states: dict[str, PortChanged]) -> str:
        if session.hello is None or session.level_db is None:
            ports = [f"{url}: {state.text(self._language).message}" for url, state in states.items()]
            return say("waiting", self._language, ports=f"({', '.join(ports)})")
        parts = [say("level", self._language, level=session.level_db)]
        report = session.newest_report
        if report is not None:
            parts.append(
                say(
                    "tone",
                    self._language,
                    hz=report.frequency_dhz / 10,
                    level=report.level_cdb / 100 + session.hello.full_scale_db,
                    distortion=report.distortion_cpct / 100,
                )
            )
        verdict = session.verdict()
        if isinstance(verdict, Refused):
            parts.append(verdict.text(self._language))
        return " | ".join(parts)


def _record(
    args: argparse.Namespace,
    sensor: SensorSettings,
    verdict: Accepted,
    full_scale_db: float,
    store: CalibrationStore,
) -> Calibration:
    clock = HostClock()
    now = clock.utc()
    now_utc = utc_text(now.timestamp())
    before = store.current(sensor.serial, now, full_scale_db=full_scale_db)
    after_db = round(verdict.offset_db, 2)
    return Calibration(
        calibration_id=new_calibration_id(sensor.serial, now_utc),
        sensor_id=sensor.id,
        sensor_serial=sensor.serial,
        who=args.who,
        recorded_utc=now_utc,
        valid_from_utc=now_utc,
        clock=clock.quality().state,
        reference=CalibratorReference(
            level_db=verdict.reference_db,
            calibrator_serial=args.calibrator,
            certificate_date=args.certificate_date,
        ),
        measured=ToneMeasurement(
            tone_db=round(verdict.tone_db, 3),
            full_scale_db=full_scale_db,
            frequency_hz=round(verdict.frequency_hz, 1),
            distortion_percent=verdict.distortion_percent,
            sd_db=round(verdict.sd_db, 4),
            span_s=verdict.span_s,
        ),
        before_db=None if before is None else before.after_db,
        after_db=after_db,
        drift_db=None if before is None else round(after_db - before.after_db, 2),
    )


def _explain(record: Calibration, verdict: Accepted, language: Language) -> None:
    print(
        say(
            "accepted",
            language,
            reference=verdict.reference_db,
            reads=record.measured.tone_db + record.measured.full_scale_db,
            sd=verdict.sd_db,
            span=verdict.span_s,
        )
    )
    before = say("none", language)
    if record.before_db is not None:
        before = say("decibels", language, value=record.before_db)
    print(say("offset", language, after=record.after_db, before=before))
    if record.drifted:
        print(say("drift", language, drift=record.drift_db))
    if record.clock == "unsynced":
        print(say("clock", language, now=record.valid_from_utc))


def _agreed(language: Language) -> bool:
    try:
        return is_yes(input(say("ask", language)), language)
    except EOFError:  # nobody is there to answer
        print()
        return False


def _reference_db(text: str) -> float:
    value = float(text)
    if min(abs(value - nominal_db) for nominal_db in NOMINAL_LEVELS_DB) > _CERTIFICATE_SPREAD_DB:
        raise argparse.ArgumentTypeError(f"{text} dB: calibrators make 94 or 114 dB, give or take 0.5 dB")
    return value


def _seconds(text: str) -> float:
    value = float(text)
    if not 1.0 <= value <= 3600.0:
        raise argparse.ArgumentTypeError(f"{text}: a number of seconds from 1 to 3600")
    return value


def _date(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text}: a date as in 2026-01-31") from None

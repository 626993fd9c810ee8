"""`agw calibrate`: hold a sound calibrator on a sensor, and store how far off the sensor is.

Opens the sensor's port itself, so the gateway must not hold it meanwhile.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from firmware_bridge.events import CalibrationReceived
from firmware_bridge.port_states import PortChanged, PortState
from gateway.calibration.check import NOMINAL_LEVELS_DB, Accepted, Refused
from gateway.calibration.record import (
    Calibration,
    CalibratorReference,
    ToneMeasurement,
    new_calibration_id,
)
from gateway.calibration.session import CalibrationSession
from gateway.calibration.store import CalibrationStore
from gateway.calibration.words import is_yes, say
from gateway.clock import HostClock
from gateway.contract.instants import utc_text
from gateway.errors import GatewayError
from gateway.exit_codes import ExitCode
from gateway.phrases import Language
from gateway.port_listener import PortListener
from gateway.settings.load import DEFAULT_SETTINGS_PATH, LoadedSettings, load_settings
from gateway.settings.schema import PortSettings, SensorSettings
from gateway.tools.level_line import LevelLine

_HOPELESS = {PortState.BUSY, PortState.DENIED, PortState.FAILED}
_HOPELESS_S = 2.0  # a pattern's ports come one by one
_POLL_S = 0.25
_CERTIFICATE_SPREAD_DB = 0.5


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
    clock = HostClock()
    begun_s = usable_s = clock.monotonic_s()
    states: dict[str, PortChanged] = {}
    line = LevelLine(sys.stdout, language)
    with PortListener(ports) as listener, line:
        while clock.monotonic_s() - begun_s < for_s:
            for _port, event in listener.take(_POLL_S):
                if isinstance(event, PortChanged):
                    states[event.url] = event
                    continue
                session.take(event)
                outcome = session.outcome() if isinstance(event, CalibrationReceived) else None
                if outcome is not None:
                    return outcome
            now_s = clock.monotonic_s()
            if not states or any(state.state not in _HOPELESS for state in states.values()):
                usable_s = now_s
            if now_s - usable_s > _HOPELESS_S or session.refused is not None:
                break
            line.show(session, states, now_s)
    if session.hello is None:
        raise _no_sensor(session, states, language)
    return session.verdict()


def _no_sensor(
    session: CalibrationSession, states: dict[str, PortChanged], language: Language
) -> GatewayError:
    seen = [] if session.refused is None else [say("unusable", language, why=session.refused)]
    seen += [say("other", language, serial=serial) for serial in sorted(session.others)]
    for url, state in states.items():
        text = state.text(language)
        seen.append(f"{url}: {text.message}. {text.hint}".rstrip(". "))
    return GatewayError(say("not_heard", language, serial=session.serial), hint=". ".join(seen))


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

"""`agw monitor`: what one sensor hears now, for a technician: level, background, best scores, link, health.

Opens the port itself, so the gateway must not hold it meanwhile. It shows levels and scores, never sound.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path

from dsp.layout import HOP_S
from firmware_bridge.events import (
    FeatureFrame,
    Gap,
    HealthReceived,
    LinkChanged,
    SensorLost,
    SensorReady,
    SensorRefused,
)
from firmware_bridge.link import LinkCounters
from firmware_bridge.messages import NOT_MEASURED_I16, NOT_MEASURED_U16
from firmware_bridge.port_states import PortChanged
from gateway.calibration.applied import StoredCalibrations
from gateway.calibration.store import CalibrationStore
from gateway.clock import HostClock
from gateway.contract.words import class_word, phase_word, veto_word
from gateway.errors import GatewayError
from gateway.exit_codes import ExitCode
from gateway.features import codes_of
from gateway.model_setup import DEFAULT, ModelSetup, choose_model
from gateway.phrases import Language, Phrase, fill
from gateway.pipeline import Analysis, SensorPipeline
from gateway.port_listener import PortListener
from gateway.settings.decision import DecisionSettings
from gateway.settings.load import DEFAULT_SETTINGS_PATH, LoadedSettings, load_settings
from gateway.settings.rules_in_force import rules_in_force
from gateway.settings.schema import PortSettings
from gateway.tools.monitor_words import LINK, LOST, REFUSED, WORDS

_SHOW_EVERY_S = 0.5
_BAR_FROM_DB, _BAR_TO_DB, _BAR_CHARS = 30, 110, 32
_TOP = 3
_DEAF_AFTER_S = 5.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--settings", type=Path, metavar="FILE", help=f"as for agw run, e.g. {DEFAULT_SETTINGS_PATH}"
    )
    parser.add_argument("--port", metavar="URL", help="port to open (default: all of the settings)")
    parser.add_argument("--baud", type=int, default=115_200)
    parser.add_argument("--sensor", metavar="ID", help="sensor id of the settings, or a serial number")
    parser.add_argument("--for", dest="for_s", type=float, metavar="S", help="end after this long")
    parser.add_argument("--json", action="store_true", help="one JSON object a hop")
    parser.add_argument("--lang", choices=("nl", "en"), help="default: that of the settings, else en")


def run(args: argparse.Namespace) -> int:
    loaded = load_settings(args.settings) if args.settings else None
    ports = _ports(args, loaded)
    if not ports:
        print("agw monitor: name a port with --port, or settings with --settings", file=sys.stderr)
        return ExitCode.USAGE
    language: Language = args.lang or (loaded.values.gateway.language if loaded else "en")
    screen = _Screen(language, as_json=args.json)
    ears = _Ears(loaded, _serial(args.sensor, loaded))
    if ears.model.problem is not None:
        screen.line("no_model", problem=ears.model.problem)
    return _listen(ports, ears, screen, args.for_s)


def _listen(ports: list[PortSettings], ears: _Ears, screen: _Screen, for_s: float | None) -> int:
    clock = HostClock()
    begun_s = clock.monotonic_s()
    deaf_told = False
    with PortListener(ports) as listener:
        while for_s is None or clock.monotonic_s() - begun_s < for_s:
            for port, event in listener.take(0.25):
                ears.take(port, event, screen, listener.counters.get(port))
            if not ears.heard and not deaf_told and clock.monotonic_s() - begun_s > _DEAF_AFTER_S:
                deaf_told = True
                screen.line("nothing", ports=", ".join(port.url for port in ports))
    return ExitCode.OK if ears.heard else ExitCode.UNAVAILABLE


def _ports(args: argparse.Namespace, loaded: LoadedSettings | None) -> list[PortSettings]:
    if args.port is not None:
        return [PortSettings(url=args.port, baud=args.baud)]
    return [] if loaded is None else list(loaded.values.port)


def _serial(sensor: str | None, loaded: LoadedSettings | None) -> str | None:
    """The serial number meant; None: whichever sensor speaks first."""
    known = {} if loaded is None else {one.id: one.serial for one in loaded.values.sensor}
    if loaded is not None and sensor is not None and sensor not in {*known, *known.values()}:
        raise GatewayError(
            f"there is no sensor {sensor!r}",
            where=str(loaded.path),
            hint=f"The settings know: {', '.join(known) or 'none'}",
        )
    return None if sensor is None else known.get(sensor, sensor)


class _Ears:
    """The pipeline of the one sensor that is watched."""

    def __init__(self, loaded: LoadedSettings | None, serial: str | None) -> None:
        package, base = (
            (DEFAULT, Path()) if loaded is None else (loaded.values.model.package, loaded.path.parent)
        )
        self.model: ModelSetup = choose_model(package, base)
        decision = DecisionSettings() if loaded is None else loaded.values.decision
        self._rules = rules_in_force(decision, self.model.thresholds)
        self._calibrations = None
        if loaded is not None:
            self._calibrations = StoredCalibrations(CalibrationStore(loaded.data_dir), HostClock())
        self._serial = serial
        self._port: str | None = None
        self._pipeline: SensorPipeline | None = None
        self.heard = False

    def take(self, port: str, event: object, screen: _Screen, counters: LinkCounters | None) -> None:
        match event:
            case PortChanged():
                text = event.text(screen.language)
                screen.plain(f"{port}: {text.message}. {text.hint}".rstrip(". "))
            case SensorReady() if self._serial in (None, event.serial) and self._port in (None, port):
                self._port = port
                self._ready(event, screen, port)
            case LinkChanged() if self._port in (None, port):
                screen.plain(f"{port}: {screen.say(LINK[event.state])}")
            case SensorRefused():
                screen.line("refused", serial=event.serial, reason=screen.say(REFUSED[event.reason]))
            case _ if port == self._port:
                self._follow(event, screen, counters)
            case _:
                pass

    def _ready(self, ready: SensorReady, screen: _Screen, port: str) -> None:
        hello = ready.hello
        offset_db, calibration_id = 0.0, None
        if self._calibrations is not None:
            applied = self._calibrations.current(hello.serial, hello.full_scale_db)
            offset_db, calibration_id = applied.offset_db, applied.calibration_id
        self._pipeline = SensorPipeline(
            self.model.classifier, self._rules, full_scale_db=hello.full_scale_db + offset_db
        )
        calibration = (
            screen.word("uncalibrated")
            if calibration_id is None
            else screen.word("calibrated", id=calibration_id)
        )
        screen.line(
            "hello",
            serial=hello.serial,
            hardware=hello.hardware,
            firmware=hello.firmware,
            port=port,
            calibration=calibration,
        )

    def _follow(self, event: object, screen: _Screen, counters: LinkCounters | None) -> None:
        match event:
            case FeatureFrame() if self._pipeline is not None:
                self.heard = True
                t_s = (event.hop_index + 1) * HOP_S
                screen.show(self._pipeline.hear(codes_of(event.features), t_s), event.serial)
            case Gap() if self._pipeline is not None:
                self._pipeline.miss(event.hops)
            case HealthReceived():
                screen.health(event, counters)
            case SensorLost():
                self._port, self._pipeline = None, None
                screen.line("lost", serial=event.serial, reason=screen.say(LOST[event.reason]))
            case _:
                pass


@dataclass
class _Screen:
    """One line in place on a terminal, one each half second elsewhere, or JSON."""

    language: Language
    as_json: bool
    _shown_s: float = float("-inf")

    def say(self, phrase: Phrase, **values: object) -> str:
        return fill(phrase, self.language, **values)

    def word(self, key: str, **values: object) -> str:
        return self.say(WORDS[key], **values)

    def line(self, key: str, **values: object) -> None:
        self.plain(self.word(key, **values))

    def plain(self, text: str) -> None:
        out = sys.stderr if self.as_json else sys.stdout
        out.write(("\r\x1b[K" if out.isatty() else "") + text + "\n")
        out.flush()

    def show(self, analysis: Analysis, serial: str) -> None:
        if self.as_json:
            print(json.dumps(_fields(analysis, serial), allow_nan=False), flush=True)
            return
        for decision in analysis.decisions:
            phase = phase_word(decision.phase, self.language)
            name = class_word(decision.event_class, self.language)
            self.line("event", phase=phase, name=name, lafmax=decision.lafmax_db)
        for held in analysis.held_back:
            why = ", ".join(veto_word(code, self.language) for code in held.vetoes)
            self.line("held_back", name=class_word(held.event_class, self.language), why=why)
        if analysis.t_s - self._shown_s < _SHOW_EVERY_S and analysis.t_s >= self._shown_s:
            return
        self._shown_s = analysis.t_s
        line = self.word(
            "level", bar=_bar(analysis.laeq_db), laeq=analysis.laeq_db, lafmax=analysis.lafmax_db
        )
        if analysis.ambient_db is not None:
            line += self.word("ambient", ambient=analysis.ambient_db)
        for name, score in _best(analysis):
            line += self.word("score", name=class_word(name, self.language), score=score)
        for code in analysis.vetoes:
            line += self.word("veto", name=veto_word(code, self.language))
        tty = sys.stdout.isatty()
        sys.stdout.write(f"\r\x1b[K{line}" if tty else line + "\n")
        sys.stdout.flush()

    def health(self, event: HealthReceived, counters: LinkCounters | None) -> None:
        """What a sensor does not measure is left out."""
        health = event.health
        parts = []
        if health.supply_mv != NOT_MEASURED_U16:
            parts.append(self.word("supply", volt=health.supply_mv / 1000))
        if health.temperature_dc != NOT_MEASURED_I16:
            parts.append(self.word("temperature", celsius=health.temperature_dc / 10))
        parts.append(self.word("health", overloads=health.overload_count, dropped=health.dropped_frames))
        if counters is not None:
            sequence, bad = counters.sequence, counters.messages.bad_frames
            parts.append(self.word("link", good=sequence.delivered, lost=sequence.lost, bad=bad))
        self.plain("  ".join(parts))


def _fields(analysis: Analysis, serial: str) -> dict[str, object]:
    return {
        "serial": serial,
        "t": round(analysis.t_s, 3),
        "laeq_db": round(analysis.laeq_db, 2),
        "lafmax_db": round(analysis.lafmax_db, 2),
        "ambient_db": None if analysis.ambient_db is None else round(analysis.ambient_db, 2),
        "usual_db": None if analysis.usual_db is None else round(analysis.usual_db, 2),
        "vetoes": [code.value for code in analysis.vetoes],
        "held_back": [
            {"class": held.event_class, "vetoes": list(held.vetoes)} for held in analysis.held_back
        ],
        "scores": {}
        if analysis.scores is None
        else {k: round(p, 5) for k, p in analysis.scores.by_label.items()},
    }


def _best(analysis: Analysis) -> list[tuple[str, float]]:
    if analysis.scores is None:
        return []
    return sorted(analysis.scores.by_label.items(), key=lambda pair: -pair[1])[:_TOP]


def _bar(level_db: float) -> str:
    share = (level_db - _BAR_FROM_DB) / (_BAR_TO_DB - _BAR_FROM_DB)
    filled = round(min(max(share, 0.0), 1.0) * _BAR_CHARS)
    return "[" + "#" * filled + "." * (_BAR_CHARS - filled) + "]"

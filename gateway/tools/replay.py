"""`agw replay`: captures and sound files through the exact pipeline, faster than real time."""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from gateway.contract.words import (
    class_word,
    confirmed_by_word,
    phase_word,
    priority_word,
    severity_word,
    veto_word,
)
from gateway.decisions.decider import Decision
from gateway.decisions.rules import ClassRule
from gateway.decisions.types import HeldBack
from gateway.errors import GatewayError
from gateway.exit_codes import ExitCode
from gateway.incidents.types import Telling
from gateway.model_package import ModelError
from gateway.model_setup import DEFAULT, NONE, SUPPLIED, ModelSetup, choose_model
from gateway.pipeline import Analysis
from gateway.replay import ReplaySetup, replay_file
from gateway.replay_together import Together, replay_together
from gateway.settings.decision import DecisionSettings
from gateway.settings.load import load_settings
from gateway.settings.rules_in_force import rules_in_force

_PROGRESS_EVERY_S = 2.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "files", nargs="+", type=Path, metavar="FILE", help="captures (.agwcap) or sound files"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line instead of text")
    parser.add_argument(
        "--together",
        action="store_true",
        help="the files are sensors near each other that began at one instant: show their incidents",
    )
    parser.add_argument("--settings", type=Path, help="settings file with decision rules and model")
    parser.add_argument(
        "--model",
        help='model package folder, a supplied one ("default", "open", "default-int8", ...) or "none"',
    )
    parser.add_argument(
        "--full-scale-db",
        type=_decibels,
        help="SPL of a full-scale sine, amplitude 1.0 (AES17); without it 120 is assumed, uncalibrated",
    )
    parser.add_argument("--ambient-db", type=_decibels, help="declare the background level in dB(A)")
    parser.add_argument("--lang", choices=("nl", "en"), default="en", help="language of the text lines")


def run(args: argparse.Namespace) -> int:
    model, rules = _model_and_rules(args)
    if args.model is not None and isinstance(model.problem, ModelError):
        # A named model that is not there is a slip; to go on without it would look like a result.
        known = ", ".join([*SUPPLIED, NONE])
        print(f"agw replay: {model.problem}\n  supplied models: {known}", file=sys.stderr)
        return ExitCode.UNAVAILABLE
    if model.problem is not None:
        print(f"agw replay: {model.problem}; level-only mode", file=sys.stderr)
    setup = ReplaySetup(model.classifier, rules, args.full_scale_db, args.ambient_db)
    writer = _Writer(sys.stdout, args, model, several=len(args.files) > 1)
    progress = _Progress(len(args.files), sys.stderr)
    if args.together:
        return _run_together(args.files, setup, writer, progress)
    bad_files = 0
    for path in args.files:
        try:
            for step in replay_file(path, setup):
                writer.write(step, path)
                progress.heard(step)
            writer.end_of_file(path)
        except GatewayError as problem:
            bad_files += 1
            writer.bad_file(problem, path)
        progress.done(path)
    progress.finish()
    return ExitCode.FOUND if bad_files else ExitCode.OK


def _run_together(files: list[Path], setup: ReplaySetup, writer: _Writer, progress: _Progress) -> int:
    bad_files: list[Path] = []

    def on_bad_file(path: Path, problem: GatewayError) -> None:
        bad_files.append(path)
        writer.bad_file(problem, path)

    for one in replay_together(files, setup, on_bad_file):
        writer.write(one.step, one.path)
        for telling in one.tellings:
            writer.incident(telling, one)
        progress.heard(one.step)
    progress.finish()
    return ExitCode.FOUND if bad_files else ExitCode.OK


def _model_and_rules(args: argparse.Namespace) -> tuple[ModelSetup, dict[str, ClassRule]]:
    """Those of the settings file, or those that come with the release; --model goes before both."""
    if args.settings is None:
        model, decision = choose_model(args.model or DEFAULT), DecisionSettings()
    else:
        settings = load_settings(args.settings)
        model = choose_model(args.model or settings.values.model.package, settings.path.parent)
        decision = settings.values.decision
    return model, rules_in_force(decision, model.thresholds)


_NO_ALERT = {
    "en": "{file}: {seconds:.1f} s, no alert",
    "nl": "{file}: {seconds:.1f} s, geen alarm",
}


_HELD_BACK = {
    "en": "{t:9.3f} s  held back {sound} ({why})",
    "nl": "{t:9.3f} s  tegengehouden {sound} ({why})",
}
_PERHAPS = {"en": "perhaps {what}", "nl": "misschien {what}"}
_MEANWHILE = {"en": "meanwhile: {what}", "nl": "tegelijk: {what}"}
_HIGHEST = {"en": "highest score:", "nl": "hoogste score:"}


@dataclass
class _Writer:
    """Results as JSON lines or as text for people."""

    out: TextIO
    args: argparse.Namespace
    model: ModelSetup
    several: bool
    _heard_s: float = 0.0
    _alerts: int = 0
    _highest: tuple[float, str] = (0.0, "")

    def write(self, step: Analysis | Decision, path: Path) -> None:
        if self.args.json:
            self._line(step_fields(step, self.model), path)
        elif isinstance(step, Decision):
            self._alerts += 1
            self.out.write(self._text(step, path) + "\n")
        else:
            self._heard_s = step.t_s
            self._highest = max(self._highest, *self._positives(step))
            for held in step.held_back:
                self.out.write(self._held_back(held, path) + "\n")

    def incident(self, telling: Telling, one: Together) -> None:
        """What an event says of its incident, on a line after that of the decision that made it so."""
        standing, lang = telling.standing, self.args.lang
        if self.args.json:
            told = incident_fields(telling, one)
            self._line(told, Path(standing.sensors[0].sensor_id))
        elif len(standing.sensors) > 1 and telling.anew:
            by = ", ".join(confirmed_by_word(code, lang) for code in standing.confirmed_by)
            names = ", ".join(_plain(Path(sensor.sensor_id)) for sensor in standing.sensors)
            word = priority_word(standing.priority, lang).upper()
            self.out.write(
                f"  incident #{standing.incident_id[:4]} {word}{f' ({by})' if by else ''}: {names}\n"
            )

    def end_of_file(self, path: Path) -> None:
        """A file without an alert says so, so that silence is not taken for a failure."""
        if not self.args.json and not self._alerts:
            score, label = self._highest
            words = _NO_ALERT[self.args.lang]
            line = words.format(file=_plain(path), seconds=self._heard_s)
            if label:
                line += f" ({_HIGHEST[self.args.lang]} {class_word(label, self.args.lang)} {score:.2f})"
            print(line, file=sys.stderr)
        self._heard_s, self._alerts, self._highest = 0.0, 0, (0.0, "")

    def _positives(self, analysis: Analysis) -> list[tuple[float, str]]:
        if analysis.scores is None or self.model.classifier is None:
            return [(0.0, "")]
        scores = analysis.scores.by_label
        return [(scores[label], label) for label in self.model.classifier.package.positives]

    def bad_file(self, problem: GatewayError, path: Path) -> None:
        if self.args.json:
            self._line(
                {"type": "error", "what": problem.what, "where": problem.where, "hint": problem.hint}, path
            )
        else:
            self.out.flush()
            print(f"agw replay: {problem}", file=sys.stderr)

    def _line(self, fields: dict[str, Any], path: Path) -> None:
        fields["calibrated"] = self.args.full_scale_db is not None
        if self.several or fields["type"] == "error":
            fields["file"] = str(path)
        self.out.write(json.dumps(fields, allow_nan=False) + "\n")

    def _text(self, decision: Decision, path: Path) -> str:
        lang = self.args.lang
        above = "" if decision.above_ambient_db is None else f"  +{decision.above_ambient_db:.1f} dB"
        score = "" if decision.score is None else f"  p {decision.score:.2f}"
        return (
            f"{self._name(path)}{decision.t_s:9.3f} s  {phase_word(decision.phase, lang):<8} "
            f"{class_word(decision.event_class, lang):<14} {severity_word(decision.severity, lang):<8}"
            f" onset {decision.onset_s:.3f} s{score}  LAFmax {decision.lafmax_db:.1f} dB{above}"
            f"{self._against(decision)}"
        )

    def _against(self, decision: Decision) -> str:
        """What spoke against it, and whether that still casts a doubt."""
        if not decision.vetoes:
            return ""
        words = _PERHAPS if decision.doubted else _MEANWHILE
        return "  " + words[self.args.lang].format(what=self._reasons(decision.vetoes))

    def _held_back(self, held: HeldBack, path: Path) -> str:
        """An event that vetoes kept from being raised: never a silent drop."""
        sound = class_word(held.event_class, self.args.lang)
        words = _HELD_BACK[self.args.lang]
        return self._name(path) + words.format(t=held.t_s, sound=sound, why=self._reasons(held.vetoes))

    def _reasons(self, codes: tuple[str, ...]) -> str:
        return " / ".join(veto_word(code, self.args.lang) for code in codes)

    def _name(self, path: Path) -> str:
        return f"{_plain(path)}: " if self.several else ""


def incident_fields(telling: Telling, one: Together) -> dict[str, Any]:
    """The fields of one JSON line of what an event says of its incident."""
    standing = telling.standing
    return {
        "type": "incident",
        "t": round(one.step.t_s, 4),
        "event_id": telling.event_id,
        "incident_id": standing.incident_id,
        "priority": standing.priority.value,
        "confirmed_by": list(standing.confirmed_by),
        "sensors": [
            {
                "file": sensor.sensor_id,
                "lafmax_db": round(sensor.lafmax_db, 2),
                "arrival": sensor.arrival,
                "after_first_ms": sensor.after_first_ms,
                "loudest": sensor.loudest,
            }
            for sensor in standing.sensors
        ],
    }


def _plain(path: Path) -> str:
    """A name need not be UTF-8, and stdout takes nothing else."""
    return str(path).encode(errors="backslashreplace").decode()


def step_fields(step: Analysis | Decision, model: ModelSetup) -> dict[str, Any]:
    """The fields of one JSON line: of a window's scores, or of one revision of an event."""
    if isinstance(step, Analysis):
        return {
            "type": "scores",
            "t": round(step.t_s, 4),
            "scores": {}
            if step.scores is None
            else {k: round(p, 7) for k, p in step.scores.by_label.items()},
            "laeq_db": round(step.laeq_db, 2),
            "lafmax_db": round(step.lafmax_db, 2),
            "ambient_db": _rounded(step.ambient_db),
            "above_ambient_db": _rounded(step.above_ambient_db),
            "vetoes": [code.value for code in step.vetoes],
            "held_back": [
                {"class": held.event_class, "vetoes": list(held.vetoes), "score": _rounded(held.score)}
                for held in step.held_back
            ],
            "mode": "level_only" if step.scores is None else "full",
            "model": model.model_id,
        }
    return {
        "type": "alert",
        "phase": step.phase.value,
        "class": step.event_class,
        # Of an end: its last evidence. The onset is the same in every revision.
        "t": round(step.last_evidence_s if step.end_reason is not None else step.onset_s, 4),
        "t_onset": round(step.onset_s, 4),
        "t_raised": round(step.raised_s, 4),
        "t_decided": round(step.t_s, 4),
        "revision": step.revision,
        "severity": step.severity.value,
        "count": step.count,
        "score": None if step.score is None else round(step.score, 7),
        "runners_up": [{"class": name, "score": round(p, 4)} for name, p in step.runners_up],
        "laeq_db": round(step.laeq_db, 2),
        "lafmax_db": round(step.lafmax_db, 2),
        "above_ambient_db": _rounded(step.above_ambient_db),
        "end_reason": None if step.end_reason is None else step.end_reason.value,
        "vetoes": list(step.vetoes),
        "doubted": step.doubted,
        "model": model.model_id,
    }


class _Progress:
    """How far long work is, on stderr, so that stdout stays clean."""

    def __init__(self, files: int, err: TextIO) -> None:
        self._files = files
        self._err = err
        self._done = 0
        self._heard_s = 0.0
        self._file_s = 0.0
        self._begun_s = self._told_s = time.monotonic()
        self._spoke = False

    def heard(self, step: Analysis | Decision) -> None:
        if isinstance(step, Analysis):
            self._file_s = step.t_s
            self._tell(end="\r" if self._err.isatty() else "\n")

    def done(self, path: Path) -> None:
        self._done += 1
        self._heard_s += self._file_s
        self._file_s = 0.0

    def finish(self) -> None:
        if self._spoke:
            self._told_s = 0.0
            self._tell(end="\n")

    def _tell(self, end: str) -> None:
        now_s = time.monotonic()
        if now_s - self._told_s < _PROGRESS_EVERY_S:
            return
        self._told_s = now_s
        self._spoke = True
        total_s = self._heard_s + self._file_s
        speed = total_s / max(now_s - self._begun_s, 1e-9)
        print(
            f"{self._done}/{self._files} files, {total_s / 60:.1f} min of sound, {speed:.0f} x real time",
            end=end,
            file=self._err,
            flush=True,
        )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


def _decibels(text: str) -> float:
    value = float(text)
    if not -20.0 <= value <= 200.0:
        raise argparse.ArgumentTypeError(f"{text} dB is not a sound pressure level (-20 to 200)")
    return value

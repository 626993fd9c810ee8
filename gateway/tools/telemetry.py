"""`agw telemetry`: the seconds that are kept of one sensor, for looking back and for tuning.

One line a second, oldest first, of the last hours or of all seven days; also while the gateway runs. Levels
are exact to 0.25 dB and scores as gateway/telemetry/quantised.py says.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from gateway.contract.instants import utc_text
from gateway.contract.words import class_word, veto_word
from gateway.phrases import Language, Phrase, fill
from gateway.settings.load import DEFAULT_SETTINGS_PATH, load_settings
from gateway.telemetry.hours import HOUR_S
from gateway.telemetry.reader import StoredSecond, TelemetryReader
from gateway.telemetry.second import HOPS_A_SECOND
from gateway.tools.coverage import chosen, hours, tell_torn
from gateway.vetoes.tally import HELD_BACK_BIT, codes_of_bits

_TOP = 3
_WORTH_SHOWING = 0.1

WORDS: dict[str, Phrase] = {
    "line": {
        "en": "{utc}{mark}  {laeq:5.1f} dB(A)  max {lafmax:5.1f}",
        "nl": "{utc}{mark}  {laeq:5.1f} dB(A)  max {lafmax:5.1f}",
    },
    "ambient": {"en": "  background {ambient:5.1f}", "nl": "  achtergrond {ambient:5.1f}"},
    "hops": {"en": "  {hops} of 8 heard", "nl": "  {hops} van 8 gehoord"},
    "score": {"en": "  {name} {score:.2f}", "nl": "  {name} {score:.2f}"},
    "veto": {"en": "  ({name})", "nl": "  ({name})"},
    "held_back": {"en": "  EVENT HELD BACK", "nl": "  GEBEURTENIS TEGENGEHOUDEN"},
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--settings",
        type=Path,
        default=DEFAULT_SETTINGS_PATH,
        metavar="FILE",
        help="settings file (default: %(default)s)",
    )
    parser.add_argument("--sensor", required=True, metavar="ID", help="sensor id of the settings")
    parser.add_argument("--hours", type=hours, metavar="N", help="only the last N hours of recorded time")
    parser.add_argument("--json", action="store_true", help="one JSON object a second")
    parser.add_argument("--lang", choices=("nl", "en"), help="default: that of the settings")


def run(args: argparse.Namespace) -> int:
    loaded = load_settings(args.settings)
    language: Language = args.lang or loaded.values.gateway.language
    reader = TelemetryReader(loaded.data_dir)
    sensor_id = args.sensor
    if sensor_id not in (sensor.id for sensor in loaded.values.sensor):
        kept = (segment.head.sensors for segment in reader.segments() if segment.head is not None)
        chosen([sensor_id], sorted({one for sensors in kept for one in sensors}))
    for second in reader.seconds(sensor_id, None if args.hours is None else args.hours * HOUR_S):
        print(json.dumps(_as_json(second)) if args.json else _line(second, language))
    return tell_torn(reader, language)


def _as_json(stored: StoredSecond) -> dict[str, object]:
    second = stored.second
    return {
        "sensor_id": second.sensor_id,
        "boot_id": stored.boot_id,
        "second": second.number,
        "utc": utc_text(stored.utc_s),
        "clock": stored.clock,
        "error_ms": stored.error_ms,
        "hops": second.hops,
        "laeq_db": second.laeq_db,
        "lafmax_db": second.lafmax_db,
        "ambient_db": second.ambient_db,
        "calibrated": second.calibrated,
        "vetoes": list(codes_of_bits(second.vetoes)),
        "held_back": bool(second.vetoes & HELD_BACK_BIT),
        "model": stored.model_id,
        "scores": None if second.scores is None else {k: round(p, 5) for k, p in second.scores.items()},
    }


def _line(stored: StoredSecond, language: Language) -> str:
    second = stored.second
    parts = [
        fill(
            WORDS["line"],
            language,
            utc=utc_text(stored.utc_s)[:19].replace("T", " "),
            mark="?" if stored.clock == "unsynced" else "",
            laeq=second.laeq_db,
            lafmax=second.lafmax_db,
        )
    ]
    if second.ambient_db is not None:
        parts.append(fill(WORDS["ambient"], language, ambient=second.ambient_db))
    if second.hops < HOPS_A_SECOND:
        parts.append(fill(WORDS["hops"], language, hops=second.hops))
    best = sorted((second.scores or {}).items(), key=lambda one: -one[1])[:_TOP]
    parts += [
        fill(WORDS["score"], language, name=class_word(label, language), score=score)
        for label, score in best
        if score >= _WORTH_SHOWING
    ]
    parts += [
        fill(WORDS["veto"], language, name=veto_word(code, language)) for code in codes_of_bits(second.vetoes)
    ]
    if second.vetoes & HELD_BACK_BIT:
        parts.append(fill(WORDS["held_back"], language))
    return "".join(parts)

"""`agw coverage`: for how long each sensor's sound was analysed, hour by hour, also while the gateway runs.

It reads what the gateway has written: the newest minute may still be missing. Hours are UTC, as the clock
said when they were written.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.contract.instants import utc_text
from gateway.errors import GatewayError
from gateway.exit_codes import ExitCode
from gateway.phrases import Language, Phrase, fill
from gateway.settings.load import DEFAULT_SETTINGS_PATH, load_settings
from gateway.telemetry.hours import HOUR_S, HourTotals, hour_of
from gateway.telemetry.reader import TelemetryReader

MOST_HOURS = 168
_MINUTE_S = 60.0

WORDS: dict[str, Phrase] = {
    "title": {
        "en": "minutes analysed in each hour (UTC); `on`: minutes the gateway ran; ?: the clock was not set",
        "nl": "geluisterde minuten per uur (UTC); `aan`: minuten dat de gateway liep; ?: klok niet gezet",
    },
    "hour": {"en": "hour", "nl": "uur"},
    "on": {"en": "on", "nl": "aan"},
    "whole": {"en": "share", "nl": "aandeel"},
    "minutes": {"en": "{value:.1f}", "nl": "{value:.1f}"},
    "percent": {"en": "{value:.1f} %", "nl": "{value:.1f} %"},
    "torn": {
        "en": "{file}: {count} damaged stretches were passed over (a power cut?); the rest is complete",
        "nl": "{file}: {count} beschadigde stukken overgeslagen (stroomuitval?); de rest is volledig",
    },
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--settings",
        type=Path,
        default=DEFAULT_SETTINGS_PATH,
        metavar="FILE",
        help="settings file (default: %(default)s)",
    )
    parser.add_argument(
        "--hours", type=hours, default=24, metavar="N", help="the last N hours (default: %(default)s)"
    )
    parser.add_argument("--sensor", action="append", metavar="ID", help="only this sensor; may be repeated")
    parser.add_argument("--json", action="store_true", help="one JSON object an hour")
    parser.add_argument("--lang", choices=("nl", "en"), help="default: that of the settings")


def run(args: argparse.Namespace) -> int:
    loaded = load_settings(args.settings)
    language: Language = args.lang or loaded.values.gateway.language
    reader = TelemetryReader(loaded.data_dir)
    table = _read(reader, args.hours)
    bound = [sensor.id for sensor in loaded.values.sensor]
    sensors = chosen(args.sensor, [*bound, *(one for one in table.sensors if one not in bound)])
    if args.json:
        for hour in table.hours:
            print(json.dumps(_as_json(table, hour, sensors)))
    else:
        for line in _lines(table, sensors, language):
            print(line)
    return tell_torn(reader, language)


def hours(text: str) -> int:
    """For argparse."""
    try:
        value = int(text)
    except ValueError:
        value = 0
    if not 1 <= value <= MOST_HOURS:
        raise argparse.ArgumentTypeError(f"a whole number of hours, 1 to {MOST_HOURS}")
    return value


def chosen(wanted: Sequence[str] | None, known: Sequence[str]) -> list[str]:
    """The sensors that were asked for. Raises GatewayError for one that nobody knows."""
    for sensor_id in wanted or ():
        if sensor_id not in known:
            raise GatewayError(
                f"no sensor {sensor_id!r} in the settings, nor in what is kept",
                where="--sensor",
                hint=f"Known are: {', '.join(known) or 'none'}",
            )
    return list(wanted or known)


def tell_torn(reader: TelemetryReader, language: Language) -> int:
    """Say on the side what could not be read; the exit code."""
    for file, count in reader.torn.items():
        print(fill(WORDS["torn"], language, file=file, count=count), file=sys.stderr)
    return ExitCode.FOUND if reader.torn else ExitCode.OK


@dataclass(frozen=True, slots=True)
class _Table:
    totals: HourTotals
    hours: list[int]
    sensors: list[str]


def _read(reader: TelemetryReader, count: int) -> _Table:
    """The last `count` hours up to the newest that was written, those of downtime among them."""
    totals, sensors = HourTotals(), dict[str, None]()
    newest = None
    for segment in reader.segments((count + 1) * HOUR_S):
        if segment.head is None:
            continue
        sensors |= dict.fromkeys(segment.head.sensors)
        for chunk in segment.chunks:
            totals.add(segment.head, chunk)
            newest = hour_of(chunk.head.utc_ms / 1000.0 + max(0, chunk.head.length_s - 1))
    if newest is None:
        return _Table(totals, [], list(sensors))
    written = {hour for hour in totals.by_hour() if hour > newest - count}
    return _Table(
        totals, sorted(written.union(range(max(min(written), newest - count + 1), newest + 1))), list(sensors)
    )


def _as_json(table: _Table, hour: int, sensors: Sequence[str]) -> dict[str, object]:
    return {
        "hour_utc": utc_text(hour * HOUR_S),
        "clock_set": hour not in table.totals.unsure,
        "gateway_s": round(min(HOUR_S, table.totals.on_s.get(hour, 0.0)), 3),
        "analysed_s": {sensor_id: _analysed_s(table, hour, sensor_id) for sensor_id in sensors},
    }


def _analysed_s(table: _Table, hour: int, sensor_id: str) -> float:
    return min(float(HOUR_S), table.totals.analysed_s.get(hour, {}).get(sensor_id, 0.0))


def _lines(table: _Table, sensors: Sequence[str], language: Language) -> list[str]:
    def minutes(seconds: float) -> str:
        return fill(WORDS["minutes"], language, value=seconds / _MINUTE_S)

    def percent(share: float) -> str:
        return fill(WORDS["percent"], language, value=100.0 * share)

    on_s = {hour: min(float(HOUR_S), table.totals.on_s.get(hour, 0.0)) for hour in table.hours}
    rows = [[WORDS["hour"][language], WORDS["on"][language], *sensors]]
    for hour in table.hours:
        mark = " ?" if hour in table.totals.unsure else ""
        label = utc_text(hour * HOUR_S)[:16].replace("T", " ") + mark
        heard = (minutes(_analysed_s(table, hour, sensor_id)) for sensor_id in sensors)
        rows.append([label, minutes(on_s[hour]), *heard])
    if table.hours:
        whole_s = float(HOUR_S * len(table.hours))
        shares = (
            percent(sum(_analysed_s(table, hour, sensor_id) for hour in table.hours) / whole_s)
            for sensor_id in sensors
        )
        rows.append([WORDS["whole"][language], percent(sum(on_s.values()) / whole_s), *shares])
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    table_lines = (
        "  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))])
        for row in rows
    )
    return [WORDS["title"][language], *table_lines]

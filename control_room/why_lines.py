"""Why an alert was raised, in lines of text: score and level around its onset, and what came nearest."""

from __future__ import annotations

from collections.abc import Sequence

from control_room.lines import Style, clock_time, printable
from control_room.texts import text
from gateway.contract.types import Alert, Timeline
from gateway.contract.words import class_word

WIDTH = 60
_RAMP = " .:-=+*#@"
"""From nothing to all, in letters that every terminal has."""
_UNHEARD = "?"
_LEAST_RANGE_DB = 12.0
"""A level that hardly moves is not drawn as if it did."""


def why_lines(alert: Alert, style: Style) -> list[str]:
    """Empty for an alert that carries no timeline."""
    timeline, language = alert.timeline, style.language
    if timeline is None or not timeline.scores:
        return []
    low_db, high_db = min(timeline.laeq_db), max(timeline.laeq_db)
    begin = clock_time(timeline.start_utc, style.zone)
    seconds = f"{len(timeline.scores) * timeline.step_s:.0f} s"
    rows = [
        ("score", _drawn(timeline, timeline.scores), _most(alert.event_class, timeline.scores, language)),
        ("level", _level(timeline, low_db, high_db), f"{low_db:.0f} - {high_db:.0f} dB(A)"),
    ]
    if timeline.rival is not None:
        told = _most(timeline.rival.event_class, timeline.rival.scores, language)
        rows.insert(1, ("rival", _drawn(timeline, timeline.rival.scores), told))
    lines = [f"          {text(key, language):<9} |{drawn}| {told}" for key, drawn, told in rows]
    lines[-1] += f", {text('from_time', language, seconds=seconds, begin=begin)}"
    return lines


def _most(event_class: str, scores: Sequence[float], language: str) -> str:
    return f"{printable(class_word(event_class, language))} {100.0 * max(scores, default=0.0):.0f} %"


def _level(timeline: Timeline, low_db: float, high_db: float) -> str:
    range_db = max(high_db - low_db, _LEAST_RANGE_DB)
    return _drawn(timeline, [(level_db - low_db) / range_db for level_db in timeline.laeq_db])


def _drawn(timeline: Timeline, shares: Sequence[float]) -> str:
    """One letter for each group of steps: the highest of those that were heard."""
    group = -(-len(shares) // WIDTH) or 1
    missing = frozenset(timeline.missing)
    letters = []
    for first in range(0, len(shares), group):
        heard = [shares[k] for k in range(first, min(first + group, len(shares))) if k not in missing]
        letters.append(_RAMP[round(max(heard) * (len(_RAMP) - 1))] if heard else _UNHEARD)
    return "".join(letters)

"""Street soundscapes: misses against false alarms, and what the alerts at default settings really do there.

An alert is right when its stretch from stated onset to last evidence touches an event of its class (or the
LATE_S after it); it is wrongly named when it touches only events of another class, and else a false alarm.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gateway.decisions.rules import DEFAULT_RULES
from training.bench.alarms import Alarm, k_of_n
from training.bench.bootstrap import share
from training.bench.curves import LATE_S, Curve, columns, curve_of, miss_interval
from training.bench.detector import CLASSES
from training.bench.scoring import Scored
from training.bench.truth import Recording, Sound

RATES_PER_HOUR = (0.5, 1.5, 5.0, 15.0)
"""False alarms an hour of one class; four times as many in all."""
HIDDEN_RATE_PER_HOUR = 6.0
MISS_LEVELS = (0.1, 0.25, 0.5)
_EARLY_S = 0.5


def decided(scored: Scored) -> list[NDArray[np.float32]]:
    """Scores as they count for alarms: ours after the default rule's k of n, a rival's as they are."""
    if scored.alerts is None:
        return list(scored.scores)
    rules = [DEFAULT_RULES[label] for label in CLASSES]
    needed = [max(1, int(np.ceil(rule.required_s / scored.hop_s - 1e-9))) for rule in rules]
    of = [max(least, round(rule.window_s / scored.hop_s)) for least, rule in zip(needed, rules, strict=True)]
    return [
        np.stack([k_of_n(own[:, n], needed[n], of[n]) for n in range(len(CLASSES))], axis=1)
        for own in scored.scores
    ]


def curves_of(recordings: Sequence[Recording], scored: Scored) -> dict[str, Curve]:
    """A curve of each class, of scores as they count for alarms."""
    scores = decided(scored)
    return {label: curve_of(label, recordings, columns(scores, label), scored.hop_s) for label in CLASSES}


def at_no_false_alarm(street: Mapping[str, Curve], streams: Mapping[str, Curve]) -> dict[str, Any]:
    """What is found in the street at thresholds that no negative clip reaches: the lowest rate shown.

    No alarm in so many independent hours shows a rate of at most three in them, all classes together.
    """
    found: list[tuple[Sound, bool]] = []
    for label, curve in street.items():
        place = streams[label].at_rate(0.0)
        limit = np.inf if place is None else streams[label].thresholds[place]
        reached = np.flatnonzero(curve.thresholds >= limit)
        hits = curve.found[:, reached[-1]] if len(reached) else np.zeros(len(curve.events), dtype=bool)
        found += list(zip(curve.events, hits.tolist(), strict=True))
    hours = max(float(curve.hours.sum()) for curve in streams.values())
    return {
        "hours": round(hours, 2),
        "at_most_per_hour": round(3.0 / max(hours, 1e-9), 2),
        "found": found_tables(found),
    }


def street_figures(curves: Mapping[str, Curve]) -> dict[str, Any]:
    """Misses at each rate by class with intervals, and what is found at six false alarms an hour in all."""
    each = HIDDEN_RATE_PER_HOUR / len(CLASSES)
    classes = {}
    found: list[tuple[Sound, bool]] = []
    for label, curve in curves.items():
        place = curve.at_rate(each)
        found += list(zip(curve.events, curve.found_at(each).tolist(), strict=True))
        classes[label] = {
            "events": len(curve.events),
            "sources": len({event.source for event in curve.events}),
            "hours": round(float(curve.hours.sum()), 2),
            "misses": {str(rate): asdict(miss_interval(curve, rate)) for rate in RATES_PER_HOUR},
            "false_per_hour_at_misses": {str(level): _finite(curve.false_at(level)) for level in MISS_LEVELS},
            "threshold_at_six": None if place is None else float(curve.thresholds[place]),
            "curve": _points(curve),
        }
    return {"classes": classes, "at_six_per_hour": found_tables(found), "rates_per_hour": RATES_PER_HOUR}


def alert_figures(recordings: Sequence[Recording], alerts: Sequence[Sequence[Alarm]]) -> dict[str, Any]:
    """What alerts found and what else they were raised for."""
    found, under_any_name = [], []
    delays: dict[str, list[float]] = {label: [] for label in CLASSES}
    false_alarms: dict[str, int] = dict.fromkeys(CLASSES, 0)
    wrong_name = 0
    causes: dict[str, int] = {}
    for recording, own in zip(recordings, alerts, strict=True):
        for event in (sound for sound in recording.sounds if sound.is_event):
            raised = [a.raised_s for a in own if a.label == event.target and touches(a, event)]
            found.append((event, bool(raised)))
            delays[event.target] += [min(raised) - event.onset_s] if raised else []
            under_any_name.append((event, any(touches(a, event) for a in own)))
        for alarm in own:
            events = [s for s in recording.sounds if s.is_event and touches(alarm, s)]
            if any(event.target == alarm.label for event in events):
                continue
            if events:
                wrong_name += 1
                continue
            false_alarms[alarm.label] += 1
            cause = next((s.target for s in recording.sounds if touches(alarm, s)), "bed")
            causes[cause] = causes.get(cause, 0) + 1
    hours = sum(recording.duration_s for recording in recordings) / 3600.0
    return {
        "hours": round(hours, 2),
        "alerts": sum(len(own) for own in alerts),
        "found": found_tables(found),
        "found_under_any_name": _row(under_any_name),
        "delay_s": {label: _quartiles(own) for label, own in delays.items()},
        "delay_s_all": _quartiles([delay for own in delays.values() for delay in own]),
        "false_alarms": false_alarms,
        "false_per_hour": round(sum(false_alarms.values()) / max(hours, 1e-9), 2),
        "wrong_name": wrong_name,
        "false_alarms_while": dict(sorted(causes.items(), key=lambda item: -item[1])),
    }


def touches(alarm: Alarm, sound: Sound) -> bool:
    """Whether an alarm speaks of a sound: it overlaps it, or begins shortly after it."""
    return alarm.onset_s <= sound.end_s + LATE_S and alarm.end_s >= sound.onset_s - _EARLY_S


def found_tables(found: Sequence[tuple[Sound, bool]]) -> dict[str, Any]:
    """Shares found: in all, by class, SNR, class and SNR, place, distance."""
    return {
        "all": _row(found),
        "at_10_and_above": _row([one for one in found if (one[0].snr_db or 0.0) >= 10.0]),
        "below_10": _row([one for one in found if (one[0].snr_db or 0.0) < 10.0]),
        "by_class": _split(found, lambda sound: sound.target),
        "by_snr_db": _split(found, lambda sound: sound.snr_db),
        "by_class_and_snr_db": _split(found, lambda sound: (sound.target, sound.snr_db)),
        "by_place": _split(found, lambda sound: sound.place),
        "by_distance_m": _split(found, lambda sound: sound.distance_m),
    }


def _split(found: Sequence[tuple[Sound, bool]], key: Callable[[Sound], object]) -> list[dict[str, Any]]:
    groups: dict[object, list[tuple[Sound, bool]]] = {}
    for sound, hit in found:
        groups.setdefault(key(sound), []).append((sound, hit))
    return [{"of": name, **_row(groups[name])} for name in sorted(groups, key=_order)]


def _order(name: object) -> tuple[str, float]:
    if isinstance(name, tuple):
        return str(name[0]), float(name[1])
    return ("", float(name)) if isinstance(name, int | float) else (str(name), 0.0)


def _row(found: Sequence[tuple[Sound, bool]]) -> dict[str, Any]:
    hits = np.array([hit for _, hit in found], dtype=bool)
    names = [sound.source for sound, _ in found]
    clips = {sound.clip: min(sound.end_s - sound.onset_s, 60.0) for sound, _ in found}
    return {
        "found": int(hits.sum()),
        "events": len(found),
        "sources": len(set(names)),
        "unique_minutes": round(sum(clips.values()) / 60.0, 2),
        "share": asdict(share(hits, names)),
    }


def _points(curve: Curve) -> list[list[float]]:
    """(false alarms an hour, misses) along the curve, each rate once with its best misses."""
    best: dict[float, float] = {}
    for rate, misses in zip(curve.false_per_hour(), curve.miss_rate(), strict=True):
        best[round(float(rate), 3)] = round(float(misses), 4)
    return [[rate, misses] for rate, misses in sorted(best.items())]


def _quartiles(values: Sequence[float]) -> list[float]:
    return [round(float(q), 2) for q in np.percentile(values, (25, 50, 75))] if values else []


def _finite(value: float) -> float | None:
    return round(value, 2) if np.isfinite(value) else None

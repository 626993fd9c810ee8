"""What every kind of negative sound raises: false alarms per minute of that sound, and what cannot be shown.

A kind is only called shown when enough of it was heard: at least LEAST_MINUTES and LEAST_SOURCES, and so much
that the upper bound of its rate (95 %, one-sided, Poisson; 3 / minutes where nothing was raised) lies below
three times the mean. Few minutes never make a sound harmless.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from training.bench.alarms import Alarm, alarms_above
from training.bench.curves import Curve
from training.bench.detector import CLASSES
from training.bench.street_figures import touches
from training.bench.truth import Recording
from training.labels import NEGATIVES, OTHER

LEAST_MINUTES = 5.0
LEAST_SOURCES = 5
TIMES_MEAN = 3.0
LOOSE_PER_HOUR = 5.0
BACKGROUND = ("ambience", "vehicle", "wind_rain")


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of negative: how much was heard and how many alarms of each class it raised."""

    target: str
    minutes: float
    clips: int
    sources: int
    alarms: dict[str, int]

    @property
    def total(self) -> int:
        return sum(self.alarms.values())


def kinds_of(recordings: Sequence[Recording], alarms: Sequence[Sequence[Alarm]]) -> list[Kind]:
    """Count the alarms of continuous streams by the kind that fills the stream."""
    kinds = []
    for target in (*NEGATIVES, OTHER):
        own = [n for n, recording in enumerate(recordings) if recording.task == target]
        sounds = [sound for n in own for sound in recordings[n].sounds]
        if not sounds:
            continue
        raised = [alarm for n in own for alarm in alarms[n]]
        labels = sorted({alarm.label for alarm in raised})
        kinds.append(
            Kind(
                target=target,
                minutes=sum(sound.end_s - sound.onset_s for sound in sounds) / 60.0,
                clips=len(sounds),
                sources=len({sound.source for sound in sounds}),
                alarms={label: sum(a.label == label for a in raised) for label in labels},
            )
        )
    return kinds


def negative_table(kinds: Sequence[Kind]) -> list[dict[str, Any]]:
    """One row a kind: its rate, the ratio to the mean over all minutes, and what that shows."""
    mean = sum(kind.total for kind in kinds) / max(sum(kind.minutes for kind in kinds), 1e-9)
    return [
        {
            "target": kind.target,
            "minutes": round(kind.minutes, 1),
            "clips": kind.clips,
            "sources": kind.sources,
            "alarms": kind.alarms,
            "per_minute": round(kind.total / kind.minutes, 4),
            "upper_per_minute": round(upper_bound(kind.total) / kind.minutes, 4),
            "ratio_to_mean": round(kind.total / kind.minutes / mean, 2) if mean else None,
            "verdict": verdict(kind, mean),
        }
        for kind in kinds
    ]


def verdict(kind: Kind, mean: float) -> str:
    """`above`, `within`, or `not shown`: whether the rate lies within TIMES_MEAN of the mean."""
    if kind.minutes < LEAST_MINUTES or kind.sources < LEAST_SOURCES:
        return "not shown"
    if kind.total / kind.minutes > TIMES_MEAN * mean:
        return "above"
    return "within" if upper_bound(kind.total) / kind.minutes <= TIMES_MEAN * mean else "not shown"


def upper_bound(count: int) -> float:
    """The greatest mean that still gives `count` or fewer in one of twenty trials; 3.0 for none."""
    return float(chi2.ppf(0.95, 2 * (count + 1)) / 2.0)


def loose_alarms(
    streams: Sequence[NDArray[np.float32]], curves: Mapping[str, Curve], hop_s: float
) -> list[list[Alarm]]:
    """Alarms at thresholds of LOOSE_PER_HOUR false alarms an hour of each class on these very streams.

    At default settings there are too few alarms to tell kinds apart; here there are enough.
    """
    places = [curves[label].at_rate(LOOSE_PER_HOUR) for label in CLASSES]
    limits = [
        np.inf if place is None else float(curves[label].thresholds[place])
        for label, place in zip(CLASSES, places, strict=True)
    ]
    return [alarms_above(own, hop_s, np.array(limits)) for own in streams]


def background_row(kinds: Sequence[Kind]) -> dict[str, Any]:
    """False alarms in ambience, traffic, wind and rain, an hour and a sensor-day, with the bound."""
    return _rate_row([kind for kind in kinds if kind.target in BACKGROUND])


def all_row(kinds: Sequence[Kind]) -> dict[str, Any]:
    """The same of all kinds together."""
    return _rate_row(list(kinds))


def causes(recordings: Sequence[Recording], alarms: Sequence[Sequence[Alarm]]) -> list[dict[str, Any]]:
    """The clips that raised alarms, the worst sources first: what to listen to."""
    counts: dict[tuple[str, str], int] = {}
    for recording, own in zip(recordings, alarms, strict=True):
        for alarm in own:
            sound = next((s for s in recording.sounds if touches(alarm, s)), None)
            if sound is not None:
                key = (sound.target, sound.source)
                counts[key] = counts.get(key, 0) + 1
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [{"target": target, "source": source, "alarms": n} for (target, source), n in ranked[:20]]


def _rate_row(kinds: Sequence[Kind]) -> dict[str, Any]:
    hours = sum(kind.minutes for kind in kinds) / 60.0
    alarms = sum(kind.total for kind in kinds)
    per_hour, upper = alarms / max(hours, 1e-9), upper_bound(alarms) / max(hours, 1e-9)
    return {
        "minutes": round(hours * 60.0, 1),
        "sources": sum(kind.sources for kind in kinds),
        "alarms": alarms,
        "per_hour": _rounded(per_hour),
        "upper_per_hour": _rounded(upper),
        "per_sensor_day": _rounded(per_hour * 24.0),
        "upper_per_sensor_day": _rounded(upper * 24.0),
    }


def _rounded(value: float) -> float:
    return float(np.round(value, 2))

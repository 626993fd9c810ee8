"""Ours against each rival on the same street soundscapes: false alarms at equal misses, and the converse."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from training.bench.bootstrap import Floats, Interval, drawn
from training.bench.curves import Curve

Curves = Mapping[str, Curve]

MISS_LEVELS = (0.1, 0.25, 0.5, 0.7, 0.9)
LEAST_COUNT = 3.0
"""Where nothing was raised, three false alarms in the same time are still possible (95 %)."""


def comparison(ours: Curves, rival: Curves) -> dict[str, Any]:
    """For each miss level the ratio of false alarms, classes added up; for equal alarms both miss rates."""
    return {
        "false_alarm_ratio_at_misses": {str(level): ratio_at(ours, rival, level) for level in MISS_LEVELS},
        "misses_at_equal_false_alarms": {
            label: {
                str(rate): [round(ours[label].misses_at(rate), 3), round(rival[label].misses_at(rate), 3)]
                for rate in (0.5, 1.5, 5.0, 15.0)
            }
            for label in ours
            if label in rival
        },
    }


def ratio_at(ours: Curves, rival: Curves, misses: float) -> dict[str, Any]:
    """How many times more false alarms the rival raises at these misses, over the classes that both reach.

    `at_least` says that ours raised none in some class, so that the bound of three stands for it.
    """
    labels = [
        label
        for label in ours
        if np.isfinite(ours[label].false_at(misses)) and np.isfinite(rival[label].false_at(misses))
    ]
    unreached = [label for label in ours if not np.isfinite(rival[label].false_at(misses))]
    if not labels:
        return {"ratio": None, "classes": [], "rival_never_reaches": unreached}
    hours = float(ours[labels[0]].hours.sum())
    value = _ratio(ours, rival, labels, misses, hours)
    return {
        "ratio": asdict(value),
        "ours_per_hour": round(sum(ours[label].false_at(misses) for label in labels), 2),
        "rival_per_hour": round(sum(rival[label].false_at(misses) for label in labels), 2),
        "at_least": any(ours[label].false_at(misses) == 0.0 for label in labels),
        "classes": labels,
        "rival_never_reaches": unreached,
    }


def _ratio(ours: Curves, rival: Curves, labels: list[str], misses: float, hours: float) -> Interval:
    floor = LEAST_COUNT / hours

    def added(curves: Curves, weights: Mapping[str, Floats] | None) -> float:
        return sum(curves[one].false_at(misses, weights[one] if weights else None) for one in labels)

    def of(weights: Mapping[str, Floats] | None) -> float:
        own, theirs = added(ours, weights), added(rival, weights)
        return theirs / max(own, floor) if np.isfinite(own) and np.isfinite(theirs) else float("nan")

    sources = ours[labels[0]].sources

    def by_draw(weights: Floats) -> float:
        by_name = dict(zip(sources.names, weights, strict=True))
        return of(
            {
                label: np.array([by_name.get(name, 1.0) for name in ours[label].sources.names])
                for label in labels
            }
        )

    drawn_ratio = drawn(by_draw, sources, draws=200)
    return Interval(of(None), drawn_ratio.low, drawn_ratio.high)

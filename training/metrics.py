"""Misses against false alarms: thresholds, detection rates and their spread over sources.

The unit is the clip, one false alarm a clip at most, scored by its highest window. Intervals come from
drawing whole sources again (bootstrap), because clips of one recording are not independent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Group:
    """Clips of one kind: highest score, source number and seconds of each."""

    scores: Floats
    sources: NDArray[np.int64]
    seconds: Floats

    @property
    def hours(self) -> float:
        return float(self.seconds.sum()) / 3600.0


@dataclass(frozen=True, slots=True)
class Rate:
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float


def group_of(scores: Sequence[float], sources: Sequence[str], seconds: Sequence[float]) -> Group:
    """A group from lists; sources are numbered in order of their names."""
    numbers = {name: number for number, name in enumerate(sorted(set(sources)))}
    return Group(
        np.asarray(scores, dtype=np.float64),
        np.array([numbers[name] for name in sources], dtype=np.int64),
        np.asarray(seconds, dtype=np.float64),
    )


def threshold_at(negatives: Group, per_hour: float, copies: Floats | None = None) -> float:
    """The lowest threshold (score > threshold is an alarm) with at most `per_hour` alarms an hour.

    copies: how often each negative clip counts, all once without it.
    """
    count = np.ones(len(negatives.scores)) if copies is None else copies
    allowed = per_hour * float((negatives.seconds * count).sum()) / 3600.0
    order = np.argsort(-negatives.scores, kind="stable")
    above = np.cumsum(count[order])
    first_too_many = int(np.searchsorted(above, allowed + 1e-9, side="right"))
    return float(negatives.scores[order[first_too_many]]) if first_too_many < len(order) else 0.0


def detection(positives: Group, threshold: float, copies: Floats | None = None) -> float:
    """Share of positive clips above a threshold."""
    count = np.ones(len(positives.scores)) if copies is None else copies
    return float(((positives.scores > threshold) * count).sum() / max(count.sum(), 1e-9))


def area_under_curve(positives: Group, negatives: Group) -> float:
    """Chance that a positive clip scores higher than a negative one (ties count half)."""
    ordered = np.sort(negatives.scores)
    below = np.searchsorted(ordered, positives.scores, side="left")
    not_above = np.searchsorted(ordered, positives.scores, side="right")
    return float((below + not_above).mean() / 2.0 / max(len(ordered), 1))


def detection_at(
    positives: Group, negatives: Group, per_hour: float, rng: np.random.Generator, draws: int = 400
) -> Rate:
    """Detection rate at a false-alarm rate; the threshold is found anew in each draw of sources."""
    rates = []
    for _ in range(draws):
        of_negatives, of_positives = _copies(negatives, rng), _copies(positives, rng)
        threshold = threshold_at(negatives, per_hour, of_negatives)
        rates.append(detection(positives, threshold, of_positives))
    low, high = np.percentile(rates, (2.5, 97.5))
    return Rate(detection(positives, threshold_at(negatives, per_hour)), float(low), float(high))


def detection_above(positives: Group, threshold: float, rng: np.random.Generator, draws: int = 400) -> Rate:
    """Detection rate at a given threshold, with its interval over sources."""
    rates = [detection(positives, threshold, _copies(positives, rng)) for _ in range(draws)]
    low, high = np.percentile(rates, (2.5, 97.5))
    return Rate(detection(positives, threshold), float(low), float(high))


def alarms_per_hour(negatives: Group, threshold: float, rng: np.random.Generator, draws: int = 400) -> Rate:
    """Alarms an hour of this sound at a threshold, with the interval over sources."""
    alarms = negatives.scores > threshold
    rates = []
    for _ in range(draws):
        count = _copies(negatives, rng)
        rates.append((alarms * count).sum() / max((negatives.seconds * count).sum() / 3600.0, 1e-9))
    low, high = np.percentile(rates, (2.5, 97.5))
    return Rate(float(alarms.sum()) / max(negatives.hours, 1e-9), float(low), float(high))


def alarm_count(above: NDArray[np.bool_], hold_hops: int) -> int:
    """Alarms in one stream of windows: runs above the threshold, those closer than `hold_hops` being one."""
    hops = np.flatnonzero(above)
    return 0 if len(hops) == 0 else 1 + int((np.diff(hops) > hold_hops).sum())


def _copies(group: Group, rng: np.random.Generator) -> Floats:
    sources = int(group.sources.max()) + 1 if len(group.sources) else 0
    drawn = np.bincount(rng.integers(0, max(sources, 1), max(sources, 1)), minlength=sources)
    return drawn[group.sources].astype(np.float64)

"""What a model's window scores say: the figures of RESULTS.md, from scores alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from training.labels import LABELS, NEGATIVES, OTHER, POSITIVES
from training.metrics import (
    Group,
    Rate,
    alarm_count,
    alarms_per_hour,
    area_under_curve,
    detection_above,
    detection_at,
    group_of,
    threshold_at,
)
from training.store import Item

RATES_PER_HOUR = (2.5, 10.0)
SNR_EDGES_DB = (-5.0, 0.0, 5.0, 10.0, 15.0, 20.0)
LATE_HOPS = 4
HOLD_HOPS = 24


@dataclass(frozen=True, slots=True)
class Scored:
    """One item with its window probabilities (hops, labels) and its active hops (hops,)."""

    item: Item
    scores: NDArray[np.float32]
    active: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """Detection of one positive class among the clips, at each rate of RATES_PER_HOUR."""

    label: str
    clips: int
    minutes: float
    sources: int
    auc: float
    thresholds: tuple[float, ...]
    detection: tuple[Rate, ...]


@dataclass(frozen=True, slots=True)
class NegativeFigures:
    """False alarms an hour of one kind of sound, by positive class, at the first rate's thresholds."""

    target: str
    clips: int
    minutes: float
    sources: int
    per_hour: tuple[Rate, ...]
    excursions_per_hour: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class SnrFigures:
    """Events found in mixtures, at the first rate's thresholds."""

    label: str
    low_db: float
    high_db: float
    events: int
    sources: int
    found: Rate


def clip_group(scored: Iterable[Scored], label: str) -> Group:
    """Each clip by its highest window for a label."""
    column = LABELS.index(label)
    chosen = list(scored)
    return group_of(
        [float(one.scores[:, column].max()) for one in chosen],
        [one.item.sources[0] for one in chosen],
        [one.item.dur_s for one in chosen],
    )


def clips_for(scored: Sequence[Scored], target: str) -> list[Scored]:
    return [one for one in scored if one.item.kind == "clip" and one.item.target == target]


def negative_clips(scored: Sequence[Scored]) -> list[Scored]:
    return [one for one in scored if one.item.kind == "clip" and one.item.target not in POSITIVES]


def class_figures(scored: Sequence[Scored], rng: np.random.Generator) -> list[ClassFigures]:
    """One row for each positive class."""
    rows = []
    for label in POSITIVES:
        own = clips_for(scored, label)
        if not own:
            continue
        positives, negatives = clip_group(own, label), clip_group(negative_clips(scored), label)
        rows.append(
            ClassFigures(
                label=label,
                clips=len(own),
                minutes=positives.hours * 60.0,
                sources=len({one.item.sources[0] for one in own}),
                auc=area_under_curve(positives, negatives),
                thresholds=tuple(threshold_at(negatives, rate) for rate in RATES_PER_HOUR),
                detection=tuple(detection_at(positives, negatives, rate, rng) for rate in RATES_PER_HOUR),
            )
        )
    return rows


def negative_figures(
    scored: Sequence[Scored], thresholds: dict[str, float], rng: np.random.Generator
) -> list[NegativeFigures]:
    """One row for each kind of negative, at one threshold for each positive class."""
    rows = []
    for target in (*NEGATIVES, OTHER):
        own = clips_for(scored, target)
        if not own:
            continue
        hours = clip_group(own, POSITIVES[0]).hours
        excursions = [
            sum(alarm_count(one.scores[:, LABELS.index(label)] > at, HOLD_HOPS) for one in own) / hours
            for label, at in thresholds.items()
        ]
        rows.append(
            NegativeFigures(
                target=target,
                clips=len(own),
                minutes=hours * 60.0,
                sources=len({one.item.sources[0] for one in own}),
                per_hour=tuple(
                    alarms_per_hour(clip_group(own, label), at, rng) for label, at in thresholds.items()
                ),
                excursions_per_hour=tuple(excursions),
            )
        )
    return rows


def snr_figures(
    scored: Sequence[Scored], thresholds: dict[str, float], rng: np.random.Generator
) -> list[SnrFigures]:
    """Events of each class and SNR found in mixtures: a window above threshold from onset to 0.5 s after."""
    rows = []
    for label, at in thresholds.items():
        for low_db, high_db in pairwise(SNR_EDGES_DB):
            own = [
                one
                for one in scored
                if one.item.kind == "mixture"
                and one.item.target == label
                and one.item.snr_db is not None
                and low_db <= one.item.snr_db < high_db
            ]
            if own:
                highest = [_highest_in_event(one, LABELS.index(label)) for one in own]
                sources = [one.item.sources[0] for one in own]
                group = group_of(highest, sources, [one.item.dur_s for one in own])
                found = detection_above(group, at, rng)
                rows.append(SnrFigures(label, low_db, high_db, len(own), len(set(sources)), found))
    return rows


def by_dataset(scored: Sequence[Scored], label: str, threshold: float) -> list[tuple[str, int, int, float]]:
    """Of one positive class: data set, clips, sources, detection rate at the threshold."""
    groups: dict[str, list[Scored]] = defaultdict(list)
    for one in clips_for(scored, label):
        groups[one.item.dataset].append(one)
    rows = []
    for dataset, own in sorted(groups.items(), key=lambda entry: -len(entry[1])):
        group = clip_group(own, label)
        found = float((group.scores > threshold).mean())
        rows.append((dataset, len(own), len(set(group.sources.tolist())), found))
    return rows


def all_figures(scored: Sequence[Scored], seed: int = 1) -> dict[str, object]:
    """All figures of the results page, as plain values."""
    rng = np.random.default_rng(seed)
    classes = class_figures(scored, rng)
    strict = {row.label: row.thresholds[0] for row in classes}
    return {
        "rates_per_hour": list(RATES_PER_HOUR),
        "classes": [asdict(row) for row in classes],
        "negatives": [asdict(row) for row in negative_figures(scored, strict, rng)],
        "snr": [asdict(row) for row in snr_figures(scored, strict, rng)],
        "datasets": {label: by_dataset(scored, label, at) for label, at in strict.items()},
        "positives": list(POSITIVES),
    }


def _highest_in_event(one: Scored, column: int) -> float:
    during = one.active.copy()
    for back in range(1, LATE_HOPS + 1):
        during[back:] |= one.active[:-back]
    return float(one.scores[during, column].max()) if during.any() else 0.0

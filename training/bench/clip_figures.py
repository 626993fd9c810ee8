"""Clips by themselves: one false alarm a clip at most, each class at its own threshold, from the scores."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from training.bench.detector import CLASSES
from training.bench.scoring import Scored
from training.bench.truth import Recording
from training.metrics import Group, area_under_curve, detection_at, group_of, threshold_at

RATES_PER_HOUR = (2.5, 10.0)


@dataclass(frozen=True, slots=True)
class Peaks:
    """The highest score of every clip, (clips, 4), beside its truth."""

    recordings: tuple[Recording, ...]
    values: np.ndarray

    def group(self, label: str, chosen: Sequence[int]) -> Group:
        column = CLASSES.index(label)
        return group_of(
            [float(self.values[n, column]) for n in chosen],
            [self.recordings[n].sounds[0].source for n in chosen],
            [self.recordings[n].duration_s for n in chosen],
        )

    def of_target(self, label: str) -> list[int]:
        return [n for n, recording in enumerate(self.recordings) if recording.task == label]

    def negatives(self) -> list[int]:
        return [n for n, recording in enumerate(self.recordings) if recording.task not in CLASSES]


def peaks_of(recordings: Sequence[Recording], scored: Scored) -> Peaks:
    """The highest score of each class in every clip."""
    lowest = np.full(len(CLASSES), -np.inf, dtype=np.float32)
    rows = [own.max(axis=0) if len(own) else lowest for own in scored.scores]
    return Peaks(tuple(recordings), np.array(rows))


def clip_figures(peaks: Peaks) -> dict[str, Any]:
    """Of each class: the share of clips found at RATES_PER_HOUR on all negatives, and what is behind it."""
    figures = {}
    negatives = peaks.negatives()
    for label in CLASSES:
        own = peaks.of_target(label)
        if not own or not negatives:
            continue
        rng = np.random.default_rng(1)
        positive, negative = peaks.group(label, own), peaks.group(label, negatives)
        figures[label] = {
            "clips": len(own),
            "sources": len(set(positive.sources.tolist())),
            "minutes": round(positive.hours * 60.0, 1),
            "negative_hours": round(negative.hours, 2),
            "auc": round(area_under_curve(positive, negative), 4),
            "thresholds": [threshold_at(negative, rate) for rate in RATES_PER_HOUR],
            "found": [asdict(detection_at(positive, negative, rate, rng)) for rate in RATES_PER_HOUR],
            "by_dataset": _by_dataset(peaks, label, own, threshold_at(negative, RATES_PER_HOUR[0])),
        }
    return figures


def _by_dataset(peaks: Peaks, label: str, own: Sequence[int], threshold: float) -> list[dict[str, Any]]:
    groups: dict[str, list[int]] = defaultdict(list)
    for n in own:
        groups[peaks.recordings[n].sounds[0].dataset].append(n)
    column = CLASSES.index(label)
    return [
        {
            "dataset": dataset,
            "clips": len(members),
            "sources": len({peaks.recordings[n].sounds[0].source for n in members}),
            "found": round(float((peaks.values[members, column] > threshold).mean()), 3),
        }
        for dataset, members in sorted(groups.items(), key=lambda entry: -len(entry[1]))
    ]

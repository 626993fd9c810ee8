"""How good a rival in training is on the part tune: each clip or mixture by its highest window."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from training.labels import POSITIVES
from training.metrics import Group, area_under_curve, detection, group_of, threshold_at
from training.store import Item

PER_HOUR = 10.0
"""False alarms an hour of hard negatives at which rivals in training are compared: enough to be countable."""


def figures_of(highest: NDArray[np.float32], items: Sequence[Item]) -> dict[str, dict[str, float]]:
    """By class, AUC and the share found at PER_HOUR false alarms an hour. highest: (items, 4)."""
    negative = np.array([item.target not in POSITIVES for item in items])
    figures = {}
    for column, label in enumerate(POSITIVES):
        positive = np.array([item.target == label for item in items])
        on, off = (_group(highest[rows, column], items, rows) for rows in (positive, negative))
        figures[label] = {
            "auc": round(area_under_curve(on, off), 4),
            "found": round(detection(on, threshold_at(off, PER_HOUR)), 4),
        }
    return figures


def mean_found(figures: dict[str, dict[str, float]]) -> float:
    return float(np.mean([of_class["found"] for of_class in figures.values()]))


def highest_of(scores: NDArray[np.float32], numbers: NDArray[np.int32]) -> NDArray[np.float32]:
    """Highest score of each item, (items, 4), from rows (n, 4) that lie item by item."""
    first = np.flatnonzero(np.concatenate([[True], numbers[1:] != numbers[:-1]]))
    return np.maximum.reduceat(scores, first, axis=0)


def _group(scores: NDArray[np.float32], items: Sequence[Item], rows: NDArray[np.bool_]) -> Group:
    chosen = [item for item, wanted in zip(items, rows, strict=True) if wanted]
    return group_of(scores.tolist(), [item.sources[0] for item in chosen], [item.dur_s for item in chosen])

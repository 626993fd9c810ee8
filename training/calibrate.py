"""From logits to probabilities and thresholds, on the tune part alone.

For each positive label a scale and a bias are fitted (logistic regression on windows), windows with the sound
being given the weight that they have when one window in ten holds it.
Thresholds follow from a rate of alarms.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from dsp.layout import HOP_S
from gateway.decisions.rules import DEFAULT_RULES
from training.evaluation import Scored, negative_clips
from training.labels import LABELS, POSITIVES
from training.metrics import Group, group_of, threshold_at
from training.sampler import RECENT_HOPS, VOICES, is_lone_cheer

PRIOR = 0.1
#: Alarms an hour, by the default rules, on negative clips of every kind (each holds a hard sound), and on
#: what a sensor hears most of the time.
PER_HOUR_HARD = 1.0
PER_HOUR_STEADY = 1.0
KEPT_TO = (
    "the part tune: of each class the lowest at which the default rules raise at most one alarm an hour of "
    "hard negative clips and at most one an hour of ambience, traffic, wind and rain; a class without clips "
    "there by the negatives alone"
)
STEADY_TARGETS = ("ambience", "vehicle", "wind_rain")
_SCALE_BOUNDS = (0.3, 3.0)


@dataclass(frozen=True, slots=True)
class Calibration:
    """score = sigmoid(logit * scale + bias), by label in the order of LABELS."""

    scale: NDArray[np.float32]
    bias: NDArray[np.float32]

    def scores(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """logits: (n, labels); returns probabilities of the same shape."""
        return np.asarray(1.0 / (1.0 + np.exp(-(logits * self.scale + self.bias))), dtype=np.float32)


def fit_calibration(with_logits: list[Scored]) -> Calibration:
    """Scale and bias of every positive label; `scores` of the given items are logits here."""
    scale = np.ones(len(LABELS), dtype=np.float32)
    bias = np.zeros(len(LABELS), dtype=np.float32)
    for label in POSITIVES:
        column = LABELS.index(label)
        on = _windows_on([one for one in with_logits if one.item.target == label], column)
        off = [one.scores[:, column] for one in with_logits if one.item.target not in POSITIVES]
        if len(on) and off:
            scale[column], bias[column] = logistic(on, np.concatenate(off))
    return Calibration(scale, bias)


def thresholds_of(scored: list[Scored]) -> dict[str, float]:
    """By positive label, the lowest threshold that keeps both rates of alarms; 0.5 without negatives.

    A single loud voice that cheers counts neither for nor against the voice classes here.
    """
    negatives = negative_clips(scored)
    if not negatives:
        return dict.fromkeys(POSITIVES, 0.5)
    steady = [one for one in negatives if one.item.target in STEADY_TARGETS]
    without_cheers = [one for one in negatives if not is_lone_cheer(one.item)]
    return {
        label: max(
            threshold_at(
                decision_group(without_cheers if label in VOICES else negatives, label), PER_HOUR_HARD
            ),
            threshold_at(decision_group(steady, label), PER_HOUR_STEADY) if steady else 0.0,
        )
        for label in POSITIVES
    }


def decision_group(scored: list[Scored], label: str) -> Group:
    """Each clip by the highest threshold at which the default rule for a label would raise an event."""
    rule, column = DEFAULT_RULES[label], LABELS.index(label)
    needed, of = max(1, ceil(rule.required_s / HOP_S)), max(1, round(rule.window_s / HOP_S))
    return group_of(
        [raising_score(one.scores[:, column], needed, of) for one in scored],
        [one.item.sources[0] for one in scored],
        [one.item.dur_s for one in scored],
    )


def raising_score(scores: NDArray[np.float32], needed: int, of: int) -> float:
    """The highest threshold at which `needed` of some `of` successive windows are evidence; scores: (n,)."""
    padded = np.concatenate([np.zeros(of - 1, dtype=np.float32), scores])
    windows = np.lib.stride_tricks.sliding_window_view(padded, of)
    return float(np.partition(windows, of - needed, axis=1)[:, of - needed].max())


def _windows_on(items: list[Scored], column: int) -> NDArray[np.float32]:
    chosen = []
    for one in items:
        recent = one.active.copy()
        for back in range(1, RECENT_HOPS):
            recent[back:] |= one.active[:-back]
        chosen.append(one.scores[recent, column])
    return np.concatenate(chosen) if chosen else np.zeros(0, dtype=np.float32)


def logistic(on: NDArray[np.float32], off: NDArray[np.float32], prior: float = PRIOR) -> tuple[float, float]:
    """Scale and bias by Newton's method; the two groups weigh prior and 1 - prior."""
    logit = np.concatenate([on, off]).astype(np.float64)
    truth = np.concatenate([np.ones(len(on)), np.zeros(len(off))])
    weight = np.where(truth > 0, prior / len(on), (1.0 - prior) / len(off))
    scale, bias = 1.0, 0.0
    for _ in range(50):
        p = 1.0 / (1.0 + np.exp(-np.clip(scale * logit + bias, -40.0, 40.0)))
        error, slope = weight * (p - truth), weight * p * (1.0 - p) + 1e-12
        gradient = np.array([(error * logit).sum() + 1e-4 * (scale - 1.0), error.sum() + 1e-4 * bias])
        cross = (slope * logit).sum()
        hessian = np.array([[(slope * logit**2).sum() + 1e-4, cross], [cross, slope.sum() + 1e-4]])
        step = np.clip(np.linalg.solve(hessian, gradient), -1.0, 1.0)
        scale, bias = float(np.clip(scale - step[0], *_SCALE_BOUNDS)), float(bias - step[1])
    return scale, bias

"""From scores to alarms: a threshold and a hold. That is what a rival gets; our alerts take the same form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.bench.detector import CLASSES

HOLD_S = 3.0
"""Alarms of one class closer than this are one."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """One alarm: the onset that it states, when it was raised, and the end of its last evidence, s."""

    label: str
    onset_s: float
    raised_s: float
    end_s: float
    severity: str = ""


def alarms_above(
    scores: NDArray[np.float32], hop_s: float, thresholds: NDArray[np.float64], hold_s: float = HOLD_S
) -> list[Alarm]:
    """Alarms of every class where its score reaches its threshold. scores: (hops, 4), thresholds: (4,)."""
    alarms = []
    for column, label in enumerate(CLASSES):
        for first, last in runs(scores[:, column] >= thresholds[column], round(hold_s / hop_s)):
            alarms.append(Alarm(label, first * hop_s, (first + 1) * hop_s, (last + 1) * hop_s))
    return sorted(alarms, key=lambda alarm: alarm.raised_s)


def runs(above: NDArray[np.bool_], hold_hops: int) -> list[tuple[int, int]]:
    """First and last hop of each run of evidence; those at most `hold_hops` apart are one."""
    hops = np.flatnonzero(above)
    if len(hops) == 0:
        return []
    ends = np.flatnonzero(np.diff(hops) > max(hold_hops, 1))
    firsts = np.concatenate([hops[:1], hops[ends + 1]])
    lasts = np.concatenate([hops[ends], hops[-1:]])
    return list(zip(firsts.tolist(), lasts.tolist(), strict=True))


def k_of_n(scores: NDArray[np.float32], needed: int, of: int) -> NDArray[np.float32]:
    """Of each hop the highest threshold at which `needed` of the last `of` are evidence; scores: (n,)."""
    if needed <= 1:
        return scores
    padded = np.concatenate([np.zeros(of - 1, dtype=scores.dtype), scores])
    windows = np.lib.stride_tricks.sliding_window_view(padded, of)
    return np.asarray(np.partition(windows, of - needed, axis=1)[:, of - needed])

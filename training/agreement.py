"""How far one model file's scores lie from another's, and what that changes: on windows and on clips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsp.model_input import model_input
from dsp.windows import windows_of
from training.calibrate import decision_group
from training.check_runtime import scores_of
from training.evaluation import Scored
from training.labels import LABELS, POSITIVES
from training.store import Item, Store


@dataclass(frozen=True, slots=True)
class Decided:
    """One class, by the default rules at its threshold: clips that each file raises, and how many differ."""

    events: int
    found: tuple[int, int]
    others: int
    alarms: tuple[int, int]
    differ: int


@dataclass(frozen=True, slots=True)
class Agreement:
    """Scores of the positive classes over all windows of some clips, and what the decisions make of them."""

    windows: int
    clips: int
    mean: float
    largest: float
    decided: Mapping[str, Decided]


def scored_clips(interpreter: Any, store: Store, items: Sequence[Item], hops: int) -> list[Scored]:
    """Each item with the scores of its windows, one ending at each hop."""
    made = []
    for item in items:
        own = slice(item.start, item.start + item.count)
        frames, valid = windows_of(store.frames[own], np.ones(item.count, dtype=bool), hops)
        made.append(Scored(item, scores_of(interpreter, model_input(frames, valid)), store.active[own]))
    return made


def agreement(
    first: Sequence[Scored], second: Sequence[Scored], thresholds: Mapping[str, float]
) -> Agreement:
    """Of the same clips in the same order, scored by two files."""
    columns = [LABELS.index(label) for label in POSITIVES]
    apart = np.abs(_rows(first)[:, columns] - _rows(second)[:, columns])
    return Agreement(
        windows=len(apart),
        clips=len(first),
        mean=float(apart.mean()),
        largest=float(apart.max()),
        decided={label: _decided(first, second, label, thresholds[label]) for label in POSITIVES},
    )


def _decided(first: Sequence[Scored], second: Sequence[Scored], label: str, threshold: float) -> Decided:
    raised = [decision_group(list(scored), label).scores > threshold for scored in (first, second)]
    own = np.array([one.item.target == label for one in first])
    return Decided(
        events=int(own.sum()),
        found=(int((raised[0] & own).sum()), int((raised[1] & own).sum())),
        others=int((~own).sum()),
        alarms=(int((raised[0] & ~own).sum()), int((raised[1] & ~own).sum())),
        differ=int((raised[0] != raised[1]).sum()),
    )


def _rows(scored: Sequence[Scored]) -> NDArray[np.float32]:
    return np.concatenate([one.scores for one in scored])

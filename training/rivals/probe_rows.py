"""What a window of mn04's says of the four classes: targets, weights and kind of each row of `teachers`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.labels import POSITIVES
from training.sampler import NEGATIVE_WEIGHTS, VOICES
from training.store import Item

WINDOW_HOPS = 16
OPEN_HOPS = 4
"""A sound that is only in the oldest half second of a window leaves its target open."""
SURE_SHARE = 0.15
"""Weight of the other kind of voice: shouts and screams are loosely told apart in the labels."""
POSITIVE_SHARE = 0.4


@dataclass(frozen=True, slots=True)
class Rows:
    """kinds: what each row is drawn as, empty when it asks nothing; targets, weights: (n, 4)."""

    kinds: tuple[str, ...]
    targets: NDArray[np.float32]
    weights: NDArray[np.float32]


def draw_weights() -> dict[str, float]:
    """By kind, its share of what is drawn."""
    total = sum(NEGATIVE_WEIGHTS.values())
    return {
        **dict.fromkeys(POSITIVES, POSITIVE_SHARE / len(POSITIVES)),
        **{name: (1.0 - POSITIVE_SHARE) * weight / total for name, weight in NEGATIVE_WEIGHTS.items()},
    }


def rows_of(index: NDArray[np.int32], items: Sequence[Item], active: NDArray[np.bool_]) -> Rows:
    """index: (n, 2) of item number and newest hop, as `training.teachers` writes it; active: of the store.

    A window that holds none of a positive item's sound counts as its bed when the item is a mixture, and asks
    nothing when it is a clip (the quiet moments of a clip belong to the recorder, not to a place).
    """
    kinds = []
    targets = np.zeros((len(index), len(POSITIVES)), dtype=np.float32)
    weights = np.ones((len(index), len(POSITIVES)), dtype=np.float32)
    for row, (number, newest) in enumerate(index):
        item = items[number]
        if item.target not in POSITIVES:
            kinds.append(item.target)
            continue
        column = POSITIVES.index(item.target)
        window = active[item.start + max(newest + 1 - WINDOW_HOPS, 0) : item.start + newest + 1]
        if window[-(WINDOW_HOPS - OPEN_HOPS) :].any():
            kinds.append(item.target)
            targets[row, column] = 1.0
            if item.target in VOICES:
                weights[row, POSITIVES.index(VOICES[1 - VOICES.index(item.target)])] = SURE_SHARE
        elif item.kind == "mixture" and not window.any():
            kinds.append(item.bed_target)
        else:
            kinds.append("")
    return Rows(tuple(kinds), targets, weights)

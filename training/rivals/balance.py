"""How often each window is drawn in training: by class, within it by the roots of data sets and sources."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray


def chances_of(
    kinds: Sequence[str], datasets: Sequence[str], sources: Sequence[str], weights: Mapping[str, float]
) -> NDArray[np.float64]:
    """Chance of each of n rows, summing to 1. A kind that `weights` does not name is never drawn.

    A data set comes as often within its kind as the root of its rows says, and a source likewise within it.
    """
    of_source = Counter(zip(kinds, datasets, sources, strict=True))
    of_dataset: Counter[tuple[str, str]] = Counter()
    source_roots: dict[tuple[str, str], float] = defaultdict(float)
    for (kind, dataset, _source), rows in of_source.items():
        of_dataset[kind, dataset] += rows
        source_roots[kind, dataset] += np.sqrt(rows)
    dataset_roots: dict[str, float] = defaultdict(float)
    for (kind, _dataset), rows in of_dataset.items():
        dataset_roots[kind] += np.sqrt(rows)
    chances = np.array(
        [
            weights.get(kind, 0.0)
            * np.sqrt(of_dataset[kind, dataset])
            / dataset_roots[kind]
            / np.sqrt(of_source[kind, dataset, source])
            / source_roots[kind, dataset]
            for kind, dataset, source in zip(kinds, datasets, sources, strict=True)
        ]
    )
    return np.asarray(chances / chances.sum())

"""Which known stream lies nearest, whatever the pace: dynamic time warping. numpy alone.

H. Sakoe, S. Chiba, "Dynamic programming algorithm optimization for spoken word recognition", IEEE Trans.
ASSP 26 (1978), symmetric form.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from training.leak.streams import Rows

_NEAREST_VOICES = 2
_LEAST_SPREAD = 1e-3

Numbers = NDArray[np.float64]


def nearest(asked: Sequence[Rows], known: Sequence[Rows], sentences: int) -> NDArray[np.int64]:
    """For each of `asked` the number of the sentence whose streams lie nearest.

    known: every sentence by the first voice, then by the next. The two nearest voices of a sentence count.
    """
    every = np.concatenate(known)
    unit = np.maximum(every.std(axis=0), _LEAST_SPREAD)
    templates = [_centred(rows, unit) for rows in known]
    lengths = np.array([len(rows) for rows in templates])
    padded = np.zeros((len(templates), lengths.max(), every.shape[1]))
    for place, rows in zip(padded, templates, strict=True):
        place[: len(rows)] = rows
    told = []
    for stream in asked:
        far = warped_distances(_centred(stream, unit), padded, lengths).reshape(-1, sentences)
        told.append(int(np.sort(far, axis=0)[:_NEAREST_VOICES].mean(axis=0).argmin()))
    return np.array(told)


def warped_distances(rows: Numbers, templates: Numbers, lengths: NDArray[np.int64]) -> Numbers:
    """Mean squared distance of `rows` (n, width) to each of `templates` (count, longest, width), best path.

    Steps by one row in either or in both; one in both weighs twice, so that all paths weigh alike.
    """
    square = np.square(rows).sum(axis=1)[:, None, None] + np.square(templates).sum(axis=2)[None]
    cost = (square - 2.0 * np.einsum("nd,kmd->nkm", rows, templates)).transpose(0, 2, 1)
    longest, count = templates.shape[1], len(templates)
    before = np.full((longest + 1, count), np.inf)
    before[0] = 0.0
    for row_cost in cost:
        now = np.full((longest + 1, count), np.inf)
        for m in range(longest):
            straight = np.minimum(before[m + 1], now[m]) + row_cost[m]
            now[m + 1] = np.minimum(straight, before[m] + 2.0 * row_cost[m])
        before = now
    ends: Numbers = before[lengths, np.arange(count)] / (lengths + len(rows))
    return ends


def _centred(rows: Rows, unit: NDArray[np.float32]) -> Numbers:
    """About each column's mean, so that a voice's own colour and the level fall away."""
    scaled = rows / unit
    return np.asarray(scaled - scaled.mean(axis=0), dtype=np.float64)

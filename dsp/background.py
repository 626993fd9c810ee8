"""The running background level of one sensor, against which sounds stand out.

The level is the median of the A-weighted hop levels heard, with exponential forgetting: a sound shorter than
the forgetting time hardly moves it, a street that grows louder for good becomes the new background. After a
step the median reaches the new level in time_constant_s * ln 2.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

_LOWEST_DB = -20.0
_STEP_DB = 0.5
_BINS = 361  # -20 .. 160 dB


class Background:
    """Median of recent LAeq values with exponential forgetting; None until enough was heard.

    declared_db: a background stated by a person; it then holds for good and nothing is learnt.
    """

    def __init__(
        self,
        time_constant_s: float = 120.0,
        least_heard_s: float = 10.0,
        declared_db: float | None = None,
    ) -> None:
        self._time_constant_s = time_constant_s
        self._least_heard_s = least_heard_s
        self._declared_db = declared_db
        self._heard_s = 0.0
        self._weights: NDArray[np.float64] = np.zeros(_BINS)

    def level_db(self) -> float | None:
        """Background in dB, or None with less than least_heard_s heard."""
        if self._declared_db is not None:
            return self._declared_db
        if self._heard_s < self._least_heard_s:
            return None
        cumulated = np.cumsum(self._weights)
        middle = int(np.searchsorted(cumulated, cumulated[-1] / 2.0))
        return _LOWEST_DB + _STEP_DB * middle

    def hear(self, laeq_db: float, duration_s: float) -> None:
        """Learn from one hop; a hop without a level (NaN) teaches nothing."""
        if math.isnan(laeq_db):
            return
        self._heard_s += duration_s
        self._weights *= math.exp(-duration_s / self._time_constant_s)
        nearest = round((laeq_db - _LOWEST_DB) / _STEP_DB)
        self._weights[min(max(nearest, 0), _BINS - 1)] += duration_s

"""The running background level of one sensor, against which sounds stand out.

The level is the median of the A-weighted hop levels heard, with exponential forgetting: a sound shorter than
the forgetting time hardly moves it, a street that grows louder for good becomes the new background. After a
step the median reaches the new level in time_constant_s * ln 2.
"""

from __future__ import annotations

import math

_LOWEST_DB = -20.0
_STEP_DB = 0.5
_BINS = 361  # -20 .. 160 dB
_GREATEST_GROWTH = 1e6


class Background:
    """Median of recent LAeq values with exponential forgetting; None until enough was heard.

    declared_db: a background stated by a person; it then holds for good and nothing is learnt.

    A histogram of levels whose middle is followed from hop to hop. Old hops are not made lighter, new ones
    are made heavier, which is the same for a median and costs one bin instead of all.
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
        self._weights = [0.0] * _BINS
        self._growth = 1.0
        self._total = 0.0
        self._middle = 0
        self._below_middle = 0.0

    def level_db(self) -> float | None:
        """Background in dB, or None with less than least_heard_s heard."""
        if self._declared_db is not None:
            return self._declared_db
        if self._heard_s < self._least_heard_s:
            return None
        return _LOWEST_DB + _STEP_DB * self._middle

    def hear(self, laeq_db: float, duration_s: float) -> None:
        """Learn from one hop; a hop without a level (NaN) teaches nothing."""
        if math.isnan(laeq_db):
            return
        self._heard_s += duration_s
        self._growth *= math.exp(duration_s / self._time_constant_s)
        nearest = min(max(round((laeq_db - _LOWEST_DB) / _STEP_DB), 0), _BINS - 1)
        weight = duration_s * self._growth
        self._weights[nearest] += weight
        self._total += weight
        if nearest < self._middle:
            self._below_middle += weight
        self._follow_middle()
        if self._growth > _GREATEST_GROWTH:
            self._start_growth_anew()

    def _follow_middle(self) -> None:
        """The middle is the lowest bin that, with all below it, holds half of the weight."""
        half = self._total / 2.0
        while self._below_middle >= half:
            self._middle -= 1
            self._below_middle -= self._weights[self._middle]
        while self._below_middle + self._weights[self._middle] < half:
            self._below_middle += self._weights[self._middle]
            self._middle += 1

    def _start_growth_anew(self) -> None:
        """Scale all weights down, and sum them up afresh: nothing overflows and no rounding adds up."""
        self._weights = [weight / self._growth for weight in self._weights]
        self._growth = 1.0
        self._total = sum(self._weights)
        self._below_middle = sum(self._weights[: self._middle])

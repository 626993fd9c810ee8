"""The rate between two crystals: a line through the least delayed arrivals, deaf to those that were late.

Each point is (device seconds, offset seconds) of the least delayed arrival in its block. Delays are never
negative, so what lies far above the line was late and says nothing about the rate; it is left out, and the
line is drawn again through the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import median
from typing import Final

MOST_RATE: Final = 500e-6
"""No crystal is further off; a line that says so is drawn through something else."""
FEWEST_POINTS: Final = 8
SHORTEST_S: Final = 24.0

_PASSES: Final = 3
_TRIM: Final = 4.0
_LEAST_SPREAD_S: Final = 50e-6


@dataclass(frozen=True, slots=True)
class RateFit:
    """rate: host seconds per device second, less one. rate_sigma: its standard error.

    residual_s: root mean square of the points' distances from the line.
    """

    rate: float
    rate_sigma: float
    residual_s: float


def fit_rate(points: Sequence[tuple[float, float]], rate: float = 0.0) -> RateFit | None:
    """The rate through the points; rate: as known before. None while there are too few or too close."""
    kept = list(points)
    found: RateFit | None = None
    for _ in range(_PASSES):
        kept = _without_late(kept, rate)
        found = _line(kept)
        if found is None:
            return None
        rate = found.rate
    return found if abs(rate) <= MOST_RATE else None


def _without_late(points: list[tuple[float, float]], rate: float) -> list[tuple[float, float]]:
    if not points:
        return points
    excess = [offset_s - rate * device_s for device_s, offset_s in points]
    middle = median(excess)
    spread = max(_LEAST_SPREAD_S, median(abs(one - middle) for one in excess))
    return [point for point, one in zip(points, excess, strict=True) if one - middle <= _TRIM * spread]


def _line(points: list[tuple[float, float]]) -> RateFit | None:
    count = len(points)
    if count < FEWEST_POINTS or points[-1][0] - points[0][0] < SHORTEST_S:
        return None
    mean_device_s = sum(device_s for device_s, _ in points) / count
    mean_offset_s = sum(offset_s for _, offset_s in points) / count
    squares = sum((device_s - mean_device_s) ** 2 for device_s, _ in points)
    product = sum((device_s - mean_device_s) * (offset_s - mean_offset_s) for device_s, offset_s in points)
    rate = product / squares
    rest = sum(
        (offset_s - mean_offset_s - rate * (device_s - mean_device_s)) ** 2 for device_s, offset_s in points
    )
    return RateFit(rate, sqrt(rest / (count - 2) / squares), sqrt(rest / count))

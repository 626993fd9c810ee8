"""From samples and mean squares to levels in dB re a full-scale sine: Leq, F and S time weighting, peak."""

from __future__ import annotations

import math

import numpy as np
from scipy import signal

from dsp.cascade import NEGLIGIBLE_STATE, Floats
from dsp.layout import LEVEL_FLOOR_DB, SAMPLE_RATE_HZ

FAST_S = 0.125
SLOW_S = 1.0
FULL_SCALE_MEAN_SQUARE = 0.5
"""Mean square of a sine of amplitude 1.0, the reference of every level here (AES17)."""
FLOOR_MEAN_SQUARE = FULL_SCALE_MEAN_SQUARE * 10.0 ** (LEVEL_FLOOR_DB / 10.0)


def level_of(mean_square: Floats) -> Floats:
    """Mean squares >= 0 to dB re a full-scale sine; nothing reads below the floor of -124 dB, NaN stays."""
    return np.asarray(10.0 * np.log10(np.maximum(mean_square, FLOOR_MEAN_SQUARE) / FULL_SCALE_MEAN_SQUARE))


def peak_level_of(peak: Floats) -> Floats:
    """Peaks >= 0 to dB re the RMS of a full-scale sine: as on a sound level meter, 1.0 reads +3.01 dB."""
    return level_of(np.square(peak))


class TimeWeighting:
    """Exponential average of the square, IEC 61672-1 clause 5.8: F is 0.125 s, S is 1 s."""

    def __init__(self, time_constant_s: float = FAST_S, rate_hz: int = SAMPLE_RATE_HZ) -> None:
        keep = math.exp(-1.0 / (time_constant_s * rate_hz))
        self._numerator = np.array([1.0 - keep])
        self._denominator = np.array([1.0, -keep])
        self._state = np.zeros(1)

    def process(self, squares: Floats) -> Floats:
        """Squared samples in, running mean squares out, shape (n,)."""
        if squares.size == 0:
            return squares
        averaged, state = signal.lfilter(self._numerator, self._denominator, squares, zi=self._state)
        state[np.abs(state) < NEGLIGIBLE_STATE] = 0.0
        self._state = state
        return np.asarray(averaged)


class PeakPicker:
    """The largest magnitude per hop, between samples too: a parabola through the largest and its neighbours.

    Peaks are looked for one sample late, since the right neighbour must be known.
    """

    def __init__(self) -> None:
        self._last_two = np.zeros(2)

    def process(self, samples: Floats, hops: int) -> Floats:
        """Peak magnitude of each of `hops` equal parts of the block, shape (hops,)."""
        extended = np.concatenate([self._last_two, samples])
        self._last_two = extended[-2:].copy()
        centres = extended[1:-1].reshape(hops, -1)
        at = np.argmax(np.abs(centres), axis=1) + np.arange(hops) * centres.shape[1]
        sign = np.where(extended[at + 1] < 0.0, -1.0, 1.0)
        before, middle, after = (sign * extended[at + offset] for offset in (0, 1, 2))
        slope, bend = (after - before) / 2.0, 2.0 * middle - before - after
        is_top = (middle >= before) & (middle >= after) & (bend > 0.0)
        return np.asarray(middle + np.where(is_top, slope**2 / (2.0 * np.where(is_top, bend, 1.0)), 0.0))

"""Halving the sampling rate with half-band FIR filters, in blocks of any size."""

from __future__ import annotations

import math
from functools import cache

import numpy as np

from dsp.cascade import Floats

SHORT_PAIRS = 6
"""Pairs of taps that pass 0 .. 0.118 of the input rate and stop what folds onto it by more than 80 dB."""
SHARP_PAIRS = 15
"""Pairs of taps that pass 0 .. 0.2 of the input rate and stop what folds onto it by more than 80 dB."""
_KAISER_BETA = 9.0


@cache
def half_band_taps(pairs: int) -> Floats:
    """The taps h1, h3, h5 ... of a Kaiser-windowed half-band filter; h0 is 0.5, h2, h4 ... are 0."""
    offsets = np.arange(1, 2 * pairs, 2)
    half_width = 2 * pairs
    window = np.i0(_KAISER_BETA * np.sqrt(1.0 - (offsets / half_width) ** 2)) / np.i0(_KAISER_BETA)
    taps = window * np.sin(np.pi * offsets / 2.0) / (np.pi * offsets)
    return np.asarray(taps * (0.25 / math.fsum(taps)))  # exactly 1 at 0 Hz: 0.5 + 2 * 0.25


class HalfBandDecimator:
    """y[m] = sum over k of h[k] x[2 m - delay - k]; the delay in input samples is `2 * pairs - 1`."""

    def __init__(self, pairs: int) -> None:
        self._taps = half_band_taps(pairs)
        self._delay = 2 * pairs - 1
        self._history = np.zeros(2 * self._delay)

    def process(self, samples: Floats) -> Floats:
        """Filter and halve the next block of an even number of samples (odd is allowed once, at the end)."""
        padded = np.concatenate([self._history, samples, np.zeros(samples.size % 2)])
        self._history = padded[-self._history.size :].copy()
        count = (samples.size + 1) // 2
        even, odd = padded[0::2].copy(), padded[1::2].copy()
        # The history has an even length, so x[2 m - delay] is in `odd`, its odd neighbours in `even`.
        middle = (self._delay - 1) // 2
        halved = 0.5 * odd[middle : middle + count]
        pair_sum = np.empty(count)
        for k, tap in enumerate(self._taps):
            before, after = middle - k, middle + k + 1
            np.add(even[before : before + count], even[after : after + count], out=pair_sum)
            pair_sum *= tap
            halved += pair_sum
        return halved


class RatePyramid:
    """The signal at 48, 24, 12, 6 and 3 kHz; at 12 kHz clean up to 4.8 kHz, for the voice scalars."""

    def __init__(self) -> None:
        self._steps = [HalfBandDecimator(p) for p in (SHORT_PAIRS, SHARP_PAIRS, SHORT_PAIRS, SHORT_PAIRS)]

    def process(self, samples: Floats) -> list[Floats]:
        """The next block at each of the five rates, highest first; level k has ceil(n / 2**k) samples."""
        levels = [samples]
        for step in self._steps:
            levels.append(step.process(levels[-1]))
        return levels

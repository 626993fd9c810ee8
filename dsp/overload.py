"""Which hops hold clipped samples, seen on the source before any filter smooths them."""

from __future__ import annotations

import numpy as np

from dsp.cascade import Floats
from dsp.layout import HOP_SAMPLES, SAMPLE_RATE_HZ

CLIPPED_FROM = 1.0 - 2.0**-15
"""The largest value of 16-bit audio. One such sample may be an honest peak; two in a row are clipped."""


class OverloadWatch:
    """Marks a hop when a sample exceeds 1.0, or two in a row reach the 16-bit full scale."""

    def __init__(self, source_rate_hz: int) -> None:
        self._source_rate_hz = source_rate_hz
        self._seen = 0
        self._last_was_full = False
        self._overloaded: set[int] = set()

    def see(self, samples: Floats) -> None:
        """The next source samples."""
        magnitude = np.abs(samples)
        if samples.size and float(np.max(magnitude)) >= CLIPPED_FROM:
            full = magnitude >= CLIPPED_FROM
            follows = np.concatenate([[self._last_was_full], full[:-1]])
            at = self._seen + np.flatnonzero((magnitude > 1.0) | (full & follows))
            self._overloaded.update((at * SAMPLE_RATE_HZ // (self._source_rate_hz * HOP_SAMPLES)).tolist())
            self._last_was_full = bool(full[-1])
        elif samples.size:
            self._last_was_full = False
        self._seen += samples.size

    def hops_overloaded(self, first: int, hops: int) -> np.ndarray:
        """Flags of hops first..first + hops - 1, shape (hops,); they are forgotten."""
        flags = np.array([hop in self._overloaded for hop in range(first, first + hops)])
        self._overloaded.difference_update(range(first, first + hops))
        return flags

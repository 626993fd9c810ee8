"""Any source rate to 48 kHz: streaming polyphase FIR, flat to 0.9 of the source's half rate."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from scipy import signal

from dsp.cascade import Floats
from dsp.layout import SAMPLE_RATE_HZ

LOWEST_RATE_HZ = 8_000
HIGHEST_RATE_HZ = 192_000
FLAT_PART = 0.9
"""Flat up to this part of half the lower of the two rates; images and folds are stopped beyond 1.1 of it."""
STOP_DB = 80.0


class Resampler:
    """Linear-phase resampler without delay: output sample k is the source at time k / 48 kHz."""

    def __init__(self, source_rate_hz: int) -> None:
        if not LOWEST_RATE_HZ <= source_rate_hz <= HIGHEST_RATE_HZ:
            raise ValueError(
                f"source rate {source_rate_hz} Hz is outside {LOWEST_RATE_HZ}..{HIGHEST_RATE_HZ} Hz"
            )
        shared = math.gcd(source_rate_hz, SAMPLE_RATE_HZ)
        self._up, self._down = SAMPLE_RATE_HZ // shared, source_rate_hz // shared
        self._identity = self._up == self._down
        self._received = 0
        self._sent = 0
        if self._identity:
            return
        self._taps = _taps(self._up, self._down)
        # upfirdn starts each call at phase 0, so calls start at multiples of `down` source samples; the
        # history is as many of them as the filter reaches back, and as much output is dropped.
        reach = -(-self._taps.size // self._up)
        self._history_cycles = -(-reach // self._down)
        self._pending = np.zeros(self._history_cycles * self._down)
        self._delay = (self._taps.size - 1) // 2  # at up * source rate; a multiple of `down` by design
        self._to_drop = self._delay // self._down

    def process(self, samples: Floats) -> Floats:
        """The next source samples in, the 48 kHz samples that are complete out."""
        self._received += samples.size
        if self._identity:
            return samples
        self._pending = np.concatenate([self._pending, samples])
        cycles = self._pending.size // self._down - self._history_cycles
        if cycles <= 0:
            return np.zeros(0)
        used = (self._history_cycles + cycles) * self._down
        made = signal.upfirdn(self._taps, self._pending[:used], self._up, self._down)
        first = self._history_cycles * self._up
        made = made[first : first + cycles * self._up]
        self._pending = self._pending[cycles * self._down :]
        dropped = min(self._to_drop, made.size)
        self._to_drop -= dropped
        self._sent += made.size - dropped
        return np.asarray(made[dropped:])

    def flush(self) -> Floats:
        """What the filter still holds: as many samples in all as the source lasted."""
        if self._identity:
            return np.zeros(0)
        due = -(-self._received * self._up // self._down) - self._sent
        silence = np.zeros(self._taps.size // self._up + 2 * self._down)
        return self.process(silence)[:due]


@cache
def _taps(up: int, down: int) -> Floats:
    """Kaiser-windowed low-pass at up * source rate; its delay is a multiple of `down`, its gain `up`."""
    half_rate = 1.0 / max(up, down)  # half the lower rate as a part of half the filter's rate
    width = 2.0 * (1.0 - FLAT_PART) * half_rate
    length, beta = signal.kaiserord(STOP_DB, width)
    delay = -(-length // (2 * down)) * down
    taps = up * np.asarray(signal.firwin(2 * delay + 1, half_rate, window=("kaiser", beta)))
    taps.setflags(write=False)
    return taps

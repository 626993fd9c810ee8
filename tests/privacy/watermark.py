"""A sound that gives itself away: a 1 kHz tone keyed on and off to a secret rhythm, over a murmur.

The key has 32 chips a second. `scanner.trace_of` looks for the rhythm in any bytes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 48_000
CHIP_HZ = 32
_TONE_HZ = 1000.0
_ON_AMPLITUDE = 0.2
_RAMP_S = 0.002

Samples = NDArray[np.float64]
Key = NDArray[np.float64]


def key(seconds: int, seed: int) -> Key:
    """0 and 1 by chance, shape (32 * seconds,)."""
    return np.random.default_rng(seed).integers(0, 2, seconds * CHIP_HZ).astype(np.float64)


def sound(chips: Key, rate_hz: int = RATE_HZ) -> Samples:
    """The keyed tone with a voice-like murmur 20 dB below it; full scale 1.0."""
    length = len(chips) * rate_hz // CHIP_HZ
    at_s = np.arange(length) / rate_hz
    gate = chips[np.minimum((at_s * CHIP_HZ).astype(int), len(chips) - 1)]
    ramp = np.hanning(max(3, int(_RAMP_S * rate_hz)))
    gate = np.convolve(gate, ramp / ramp.sum(), mode="same")
    return _ON_AMPLITUDE * (gate * np.sin(2.0 * np.pi * _TONE_HZ * at_s) + 0.1 * _murmur(at_s))


def _murmur(at_s: Samples) -> Samples:
    """Harmonics of a gliding voice whose strength comes and goes four times a second, as syllables do."""
    pitch = 2.0 * np.pi * np.cumsum(120.0 + 15.0 * np.sin(2.0 * np.pi * 0.7 * at_s)) * (at_s[1] - at_s[0])
    syllables = 0.55 + 0.45 * np.sin(2.0 * np.pi * 4.0 * at_s)
    voice = sum(np.sin(number * pitch) / number for number in range(1, 25))
    return np.asarray(syllables * voice)

"""Something like speech, made on the fly: buzz and hiss through moving resonances, by voices of a seed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

RATE_HZ = 16_000
_FORMANTS_HZ = (
    (730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (530, 1840, 2480), (570, 840, 2410),
    (660, 1720, 2410), (440, 1020, 2240), (490, 1350, 1690),
)  # fmt: skip
"""Of vowels: G. E. Peterson, H. L. Barney, J. Acoust. Soc. Am. 24 (1952), men."""
_HISS_HZ = (2500, 4000, 6000)
_WIDTH_HZ = 90.0

Samples = NDArray[np.float64]


def babble(seconds: float, seed: int) -> Samples:
    """One voice: its pitch and its throat's length go by the seed. Sounds of 40 to 140 ms, some silent."""
    rng = np.random.default_rng(seed)
    pitch_hz, size = rng.uniform(90.0, 240.0), rng.uniform(0.9, 1.25)
    parts: list[Samples] = []
    total = 0
    while total < seconds * RATE_HZ:
        length = int(rng.uniform(0.04, 0.14) * RATE_HZ)
        parts.append(_sound(rng, length, pitch_hz * rng.uniform(0.85, 1.2), size))
        total += length
    samples = np.concatenate(parts)[: int(seconds * RATE_HZ)]
    return np.asarray(0.1 * samples / np.sqrt(np.mean(samples**2)) + rng.normal(0.0, 1e-4, len(samples)))


def _sound(rng: np.random.Generator, length: int, pitch_hz: float, size: float) -> Samples:
    drawn = rng.uniform()
    if drawn < 0.12:
        return np.zeros(length)
    if drawn < 0.35:
        return 0.3 * _resonant(rng.normal(0.0, 1.0, length), (rng.choice(_HISS_HZ) * size,), 900.0)
    pulses = np.diff(np.floor(np.arange(length + 1) * pitch_hz / RATE_HZ)) * 6.0
    formants = tuple(size * hz for hz in _FORMANTS_HZ[rng.integers(len(_FORMANTS_HZ))])
    edge = np.minimum(1.0, np.minimum(np.arange(length), np.arange(length)[::-1]) / (0.01 * RATE_HZ))
    return np.asarray(_resonant(pulses, formants, _WIDTH_HZ) * edge * rng.uniform(0.3, 1.0))


def _resonant(source: Samples, centres_hz: tuple[float, ...], width_hz: float) -> Samples:
    for centre_hz in centres_hz:
        radius = np.exp(-np.pi * width_hz / RATE_HZ)
        turn = 2.0 * np.cos(2.0 * np.pi * min(centre_hz, 7500.0) / RATE_HZ)
        source = lfilter([1.0 - radius], [1.0, -radius * turn, radius**2], source)
    return source

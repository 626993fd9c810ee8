"""What the microphone of a sensor adds to the sound and takes from it.

Numbers of a usual digital MEMS microphone (65 dB(A) signal to noise, 60 Hz lower limit, overload at 120 dB).
All sound of the bench is sampled at 16 kHz, so the upper limit is the recordings' own, 8 kHz or lower.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from training.bench.detector import RATE_HZ
from training.bench.loudness import laeq_db

Samples = NDArray[np.float64]

FULL_SCALE_DB = 120.0
"""SPL of a full-scale sine in all recordings of the bench."""
SELF_NOISE_DBA = 29.0
LOWER_LIMIT_HZ = 60.0


def heard(sound: Samples, rng: np.random.Generator) -> NDArray[np.int16]:
    """The sensor's samples of a sound at its membrane: high-passed, with self-noise, clipped, 16 bits."""
    pole = float(np.exp(-2.0 * np.pi * LOWER_LIMIT_HZ / RATE_HZ))
    passed = lfilter([(1.0 + pole) / 2.0, -(1.0 + pole) / 2.0], [1.0, -pole], sound)
    noisy = passed + self_noise(len(sound), rng)
    codes: NDArray[np.int16] = np.rint(np.clip(noisy, -1.0, 1.0) * 32767.0).astype(np.int16)
    return codes


def self_noise(count: int, rng: np.random.Generator) -> Samples:
    """White noise at the microphone's own level."""
    noise = rng.standard_normal(count)
    return noise * gain_to(noise[: 10 * RATE_HZ], SELF_NOISE_DBA)


def gain_to(samples: Samples, spl_dba: float) -> float:
    """The factor that brings a stretch to an A-weighted SPL."""
    return float(10.0 ** ((spl_dba - FULL_SCALE_DB - laeq_db(samples)) / 20.0))


def to_float(samples: NDArray[np.int16]) -> NDArray[np.float32]:
    """16-bit samples as detectors take them, full scale 1.0."""
    return samples.astype(np.float32) / np.float32(32767.0)

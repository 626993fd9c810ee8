"""Clips and impulse responses as samples: the one file of this room that reads sound files."""

from __future__ import annotations

from math import gcd
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray
from scipy.signal import resample_poly

CLIP_RATE_HZ = 16_000


def read_clip(path: Path) -> NDArray[np.float64]:
    """One channel at 16 kHz, full scale 1.0. Unreadable files raise soundfile's own error."""
    samples, rate_hz = soundfile.read(path, dtype="float64", always_2d=True)
    return _at_clip_rate(samples.mean(axis=1), rate_hz)


def read_response(path: Path) -> NDArray[np.float64]:
    """An impulse response at 16 kHz from its strongest sample on, at most 2 s, of unit energy."""
    response = read_clip(path)
    response = response[int(np.argmax(np.abs(response))) :][: 2 * CLIP_RATE_HZ]
    return response / max(float(np.sqrt(np.sum(response**2))), 1e-12)


def _at_clip_rate(samples: NDArray[np.float64], rate_hz: int) -> NDArray[np.float64]:
    if rate_hz == CLIP_RATE_HZ:
        return samples
    common = gcd(rate_hz, CLIP_RATE_HZ)
    resampled: NDArray[np.float64] = resample_poly(samples, CLIP_RATE_HZ // common, rate_hz // common)
    return resampled

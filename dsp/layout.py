"""Layout 1: what one feature frame holds, and what its integers mean.

Everything on the wire is a small integer; everything inside the programs is decibels, hertz and ratios. This
module holds both directions, vectorised, and nothing else. All levels are dB re a full-scale sine (a sine of
amplitude 1.0 reads 0 dB, as in AES17). The definitions of the quantities are in `dsp/README.md`, "Layout 1".
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

LAYOUT_ID = 1
SAMPLE_RATE_HZ = 48_000
HOP_SAMPLES = 6_000
HOP_S = HOP_SAMPLES / SAMPLE_RATE_HZ
SUBBLOCKS_PER_HOP = 16

BAND_COUNT = 24
BAND_INDICES = np.arange(-13, 11)
"""Third-octave numbers n of IEC 61260-1 clause 5.4, re 1 kHz."""
BAND_CENTRES_HZ: NDArray[np.float64] = 1000.0 * 10.0 ** (BAND_INDICES / 10.0)
"""Exact mid-band frequencies (base ten), IEC 61260-1 equation (2)."""
BAND_NOMINALS_HZ: tuple[int, ...] = (
    50, 63, 80, 100, 125, 160, 200, 250, 315, 400, 500, 630,
    800, 1000, 1250, 1600, 2000, 2500, 3150, 4000, 5000, 6300, 8000, 10000,
)  # fmt: skip
BAND_LOWER_HZ: NDArray[np.float64] = BAND_CENTRES_HZ * 10.0 ** (-1 / 20)
BAND_UPPER_HZ: NDArray[np.float64] = BAND_CENTRES_HZ * 10.0 ** (1 / 20)

LEVEL_FLOOR_DB = -124.0
LEVEL_STEP_DB = 0.5
LEVEL_TOP_DB = 2.5
LEVEL_CODE_OVERLOAD = 254
LEVEL_CODE_MISSING = 255
CENTIDECIBEL_FLOOR = -12_400
"""Lowest value of the two hundredth-of-a-decibel fields (-124.00 dB)."""

SUBMAX_STEP_DB = 0.125
FLATNESS_STEP_DB = 0.125
PITCH_NONE = 0
PITCH_LOWEST_INDEX = -11
"""Third-octave number n of pitch code 1 (nominal 80 Hz)."""
PITCH_CODE_MAX = 17

FRAME_DTYPE = np.dtype(
    [
        ("laeq_cdb", "<i2"),
        ("lafmax_cdb", "<i2"),
        ("lcpeak_code", "u1"),
        ("submax_code", "u1"),
        ("roughness_code", "u1"),
        ("harmonicity_code", "u1"),
        ("pitch_code", "u1"),
        ("flatness_code", "u1"),
        ("bands", "u1", (BAND_COUNT,)),
    ]
)
"""One frame without its hop index: the same names, order and bytes as the features payload (34 bytes)."""

Codes = NDArray[np.uint8]
Centidecibels = NDArray[np.int16]
Floats = NDArray[np.float64]


def level_codes(levels: ArrayLike) -> Codes:
    """Levels in dB to level codes; -inf becomes the floor, NaN becomes "missing"."""
    level = np.asarray(levels, dtype=np.float64)
    steps = np.rint((np.where(np.isnan(level), LEVEL_FLOOR_DB, level) - LEVEL_FLOOR_DB) / LEVEL_STEP_DB)
    codes = np.clip(steps, 0, LEVEL_CODE_OVERLOAD)
    return np.where(np.isnan(level), LEVEL_CODE_MISSING, codes).astype(np.uint8)


def level_db(codes: ArrayLike) -> Floats:
    """Level codes to dB: code 0 reads -124.0, overload reads +3.0, missing reads NaN."""
    code = np.asarray(codes, dtype=np.uint8)
    return np.where(
        code == LEVEL_CODE_MISSING, np.nan, LEVEL_FLOOR_DB + LEVEL_STEP_DB * code.astype(np.float64)
    )


def centidecibels(levels: ArrayLike) -> Centidecibels:
    """Levels in dB (finite or -inf) to hundredths of a decibel, not below -124.00 dB."""
    hundredths = np.rint(np.asarray(levels, dtype=np.float64) * 100.0)
    return np.clip(hundredths, CENTIDECIBEL_FLOOR, 32_767).astype(np.int16)


def centidecibels_to_db(hundredths: ArrayLike) -> Floats:
    """Hundredths of a decibel to dB."""
    return np.asarray(hundredths, dtype=np.float64) / 100.0


def submax_codes(excess_db: ArrayLike) -> Codes:
    """Excess of the loudest sixteenth over the hop's level, dB >= 0, in steps of 0.125 dB."""
    return _clipped(np.asarray(excess_db, dtype=np.float64) / SUBMAX_STEP_DB)


def submax_db(codes: ArrayLike) -> Floats:
    """Inverse of `submax_codes`."""
    return np.asarray(codes, dtype=np.float64) * SUBMAX_STEP_DB


def ratio_codes(ratio: ArrayLike) -> Codes:
    """A ratio 0..1 (roughness, harmonicity) to 0..255; values outside are clipped."""
    return _clipped(np.asarray(ratio, dtype=np.float64) * 255.0)


def ratios(codes: ArrayLike) -> Floats:
    """Inverse of `ratio_codes`."""
    return np.asarray(codes, dtype=np.float64) / 255.0


def pitch_codes(pitch_hz: ArrayLike) -> Codes:
    """Pitch in Hz to 1 + its third-octave step above nominal 80 Hz; NaN (unvoiced) becomes 0."""
    pitch = np.asarray(pitch_hz, dtype=np.float64)
    voiced = np.isfinite(pitch) & (pitch > 0)
    index = np.rint(10.0 * np.log10(np.where(voiced, pitch, 1000.0) / 1000.0)) - PITCH_LOWEST_INDEX + 1
    return np.where(voiced, np.clip(index, 1, PITCH_CODE_MAX), PITCH_NONE).astype(np.uint8)


def pitch_hz(codes: ArrayLike) -> Floats:
    """Pitch codes to the centre of their third-octave in Hz; code 0 reads NaN."""
    code = np.asarray(codes, dtype=np.float64)
    centre = 1000.0 * 10.0 ** ((code - 1 + PITCH_LOWEST_INDEX) / 10.0)
    return np.where(code == PITCH_NONE, np.nan, centre)


def flatness_codes(flatness_db: ArrayLike) -> Codes:
    """Flatness in dB (0 = flat, negative = peaky) to 255 + 8 per dB: 255 is flat, 0 is -31.875 dB or less."""
    return _clipped(255.0 + np.asarray(flatness_db, dtype=np.float64) / FLATNESS_STEP_DB)


def flatness_db(codes: ArrayLike) -> Floats:
    """Inverse of `flatness_codes`."""
    return (np.asarray(codes, dtype=np.float64) - 255.0) * FLATNESS_STEP_DB


def _clipped(steps: Floats) -> Codes:
    return np.clip(np.rint(steps), 0, 255).astype(np.uint8)

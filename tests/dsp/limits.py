"""The tables of the standards that the front end is held against; checked against phonometry's own copies.

Class 1 throughout. Frequencies are nominal; the exact ones are 1000 * 10^(n/10).
"""

from __future__ import annotations

import math

import numpy as np

INF = math.inf

WEIGHTING = (
    # IEC 61672-1:2013 Table 3: nominal Hz, A dB, C dB, upper limit, lower limit
    (10, -70.4, -14.3, 3.0, -INF),
    (12.5, -63.4, -11.2, 2.5, -INF),
    (16, -56.7, -8.5, 2.0, -4.0),
    (20, -50.5, -6.2, 2.0, -2.0),
    (25, -44.7, -4.4, 2.0, -1.5),
    (31.5, -39.4, -3.0, 1.5, -1.5),
    (40, -34.6, -2.0, 1.0, -1.0),
    (50, -30.2, -1.3, 1.0, -1.0),
    (63, -26.2, -0.8, 1.0, -1.0),
    (80, -22.5, -0.5, 1.0, -1.0),
    (100, -19.1, -0.3, 1.0, -1.0),
    (125, -16.1, -0.2, 1.0, -1.0),
    (160, -13.4, -0.1, 1.0, -1.0),
    (200, -10.9, 0.0, 1.0, -1.0),
    (250, -8.6, 0.0, 1.0, -1.0),
    (315, -6.6, 0.0, 1.0, -1.0),
    (400, -4.8, 0.0, 1.0, -1.0),
    (500, -3.2, 0.0, 1.0, -1.0),
    (630, -1.9, 0.0, 1.0, -1.0),
    (800, -0.8, 0.0, 1.0, -1.0),
    (1000, 0.0, 0.0, 0.7, -0.7),
    (1250, 0.6, 0.0, 1.0, -1.0),
    (1600, 1.0, -0.1, 1.0, -1.0),
    (2000, 1.2, -0.2, 1.0, -1.0),
    (2500, 1.3, -0.3, 1.0, -1.0),
    (3150, 1.2, -0.5, 1.0, -1.0),
    (4000, 1.0, -0.8, 1.0, -1.0),
    (5000, 0.5, -1.3, 1.5, -1.5),
    (6300, -0.1, -2.0, 1.5, -2.0),
    (8000, -1.1, -3.0, 1.5, -2.5),
    (10000, -2.5, -4.4, 2.0, -3.0),
    (12500, -4.3, -6.2, 2.0, -5.0),
    (16000, -6.6, -8.5, 2.5, -16.0),
    (20000, -9.3, -11.2, 3.0, -INF),
)

TONEBURST_F = (
    # IEC 61672-1:2013 Table 4, 4 kHz: ms, LAFmax - LA, LAE - LA, upper, lower
    (1000, 0.0, 0.0, 0.5, -0.5),
    (500, -0.1, -3.0, 0.5, -0.5),
    (200, -1.0, -7.0, 0.5, -0.5),
    (100, -2.6, -10.0, 1.0, -1.0),
    (50, -4.8, -13.0, 1.0, -1.0),
    (20, -8.3, -17.0, 1.0, -1.0),
    (10, -11.1, -20.0, 1.0, -1.0),
    (5, -14.1, -23.0, 1.0, -1.0),
    (2, -18.0, -27.0, 1.0, -1.5),
    (1, -21.0, -30.0, 1.0, -2.0),
    (0.5, -24.0, -33.0, 1.0, -2.5),
    (0.25, -27.0, -36.0, 1.0, -3.0),
)

C_PEAK = (
    # IEC 61672-1:2013 Table 5: cycles, Hz, LCpeak - LC, limit either way
    ("one cycle", 31.5, 2.5, 2.0),
    ("one cycle", 500, 3.5, 1.0),
    ("one cycle", 8000, 3.4, 2.0),
    ("positive half cycle", 500, 2.4, 1.0),
    ("negative half cycle", 500, 2.4, 1.0),
)

LINEARITY_DB = 0.8
WEIGHTINGS_AT_1_KHZ_DB = 0.2
LEQ_VERSUS_F_DB = 0.1
POLARITY_DB = 1.5

# Limits of our own, tighter than or beside those of the standards.
F_DECAY_DB_PER_S = 1.0
"""Around the 34.7 dB/s that a time constant of 125 ms gives."""
EFFECTIVE_BANDWIDTH_DB = 0.1
BANDS_SUM_DB = 0.1
LEQ_DB = 0.1
PART_OF_LIMIT = 0.25
"""The A and C weightings keep to this part of the limits of Table 3."""

_G = 10.0**0.3
_PASS_EXPONENTS = (0.0, 1 / 8, 1 / 4, 3 / 8, 1 / 2)
_PASS_MAX = (0.4, 0.5, 0.7, 1.4, 5.3)
_PASS_MIN = -0.4
_STOP_EXPONENTS = (1 / 2, 1.0, 2.0, 3.0, 4.0)
_STOP_MIN = (1.2, 16.6, 40.5, 60.0, 70.0)


def third_octave_ratio(octave_exponent: float) -> float:
    """IEC 61260-1:2014 clause 5.10: a breakpoint of the octave mask, mapped to third-octaves."""
    return 1.0 + (_G ** (1 / 6) - 1.0) / (_G**0.5 - 1.0) * (_G**octave_exponent - 1.0)


BREAKPOINT_RATIOS = tuple(third_octave_ratio(x) for x in (*_PASS_EXPONENTS, *_STOP_EXPONENTS[1:]))


def third_octave_mask(ratio: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """IEC 61260-1:2014 Table 1: least and greatest relative attenuation in dB at f / fm, shape as given."""
    ratio = np.asarray(ratio, dtype=np.float64)
    distance = np.log(np.maximum(ratio, 1.0 / ratio))
    pass_at = np.log([third_octave_ratio(x) for x in _PASS_EXPONENTS])
    stop_at = np.log([third_octave_ratio(x) for x in _STOP_EXPONENTS])
    inside = distance <= pass_at[-1]
    least = np.where(inside, _PASS_MIN, np.interp(distance, stop_at, _STOP_MIN))
    greatest = np.where(inside, np.interp(distance, pass_at, _PASS_MAX), INF)
    return least, greatest

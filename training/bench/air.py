"""How much sound the air itself swallows: ISO 9613-1, equations (3) to (6)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

TEMPERATURE_C = 10.0
HUMIDITY_PERCENT = 70.0
_PRESSURE_KPA = 101.325
_REFERENCE_KPA = 101.325
_REFERENCE_K = 293.15
_TRIPLE_POINT_K = 273.16


def absorption_db_per_m(
    hz: Floats, temperature_c: float = TEMPERATURE_C, humidity_percent: float = HUMIDITY_PERCENT
) -> Floats:
    """Attenuation of pure tones in dB/m at sea-level pressure; hz: any shape, returns the same."""
    kelvin = temperature_c + 273.15
    ratio_k = kelvin / _REFERENCE_K
    ratio_p = _PRESSURE_KPA / _REFERENCE_KPA
    saturation = 10.0 ** (-6.8346 * (_TRIPLE_POINT_K / kelvin) ** 1.261 + 4.6151)
    vapour = humidity_percent * saturation / ratio_p
    oxygen_hz = ratio_p * (24.0 + 4.04e4 * vapour * (0.02 + vapour) / (0.391 + vapour))
    nitrogen_hz = (
        ratio_p * ratio_k**-0.5 * (9.0 + 280.0 * vapour * np.exp(-4.170 * (ratio_k ** (-1.0 / 3.0) - 1.0)))
    )
    squared = np.asarray(hz, dtype=np.float64) ** 2
    oxygen = 0.01275 * np.exp(-2239.1 / kelvin) / (oxygen_hz + squared / oxygen_hz)
    nitrogen = 0.1068 * np.exp(-3352.0 / kelvin) / (nitrogen_hz + squared / nitrogen_hz)
    classical = 1.84e-11 / ratio_p * ratio_k**0.5
    return np.asarray(8.686 * squared * (classical + ratio_k**-2.5 * (oxygen + nitrogen)))


def gain_over(hz: Floats, distance_m: float) -> Floats:
    """Factor on the amplitude after `distance_m` of air."""
    return np.asarray(10.0 ** (-absorption_db_per_m(hz) * distance_m / 20.0))

"""Wind at the microphone and rain, told by what the last seconds were like. Pure.

Both are conditions of the surroundings, not of one sound: a single bang rumbles as a gust does, so the median
of the last seconds counts. Where a model runs, its score of wind and rain speaks as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import pstdev

from gateway.vetoes.traits import HopTraits

WEATHER_S = 4.0
"""How far back one looks."""
WIND_RUMBLE_DB = 6.0
"""Rumble this far above the voice band, by the median."""
WIND_PEAK_DB = 19.0
"""LCpeak this far above LAeq, by the median."""
WIND_GUSTS_DB = 2.5
"""And its rumble comes and goes: standard deviation; a lorry that idles does not."""
MOST_HARMONIC_WIND = 0.5
RAIN_FLATNESS_DB = -3.0
"""Nothing tonal in the voice band, by the median."""
RAIN_HISS_DB = -10.0
"""2.5 to 6.3 kHz at most this far below 400 Hz to 4 kHz."""
RAIN_RUMBLE_DB = 0.0
MOST_HARMONIC_RAIN = 0.2
RAIN_STEADY_DB = 1.5
"""Rain is steady: standard deviation of LAeq at most this."""
WEATHER_SCORE = 0.3
"""The model's score of wind and rain, mean over the same seconds, from which it is believed."""


def is_windy(hops: Sequence[HopTraits], weather_score: float | None) -> bool:
    """hops: of the last seconds, oldest first, not empty. weather_score: None without a model."""
    if weather_score is not None and weather_score >= WEATHER_SCORE:
        return not hisses(hops)
    return (
        median([hop.rumble_above_voice_db for hop in hops]) >= WIND_RUMBLE_DB
        and median([hop.peak_above_mean_db for hop in hops]) >= WIND_PEAK_DB
        and median([hop.harmonicity for hop in hops]) <= MOST_HARMONIC_WIND
        and pstdev(hop.rumble_db for hop in hops) >= WIND_GUSTS_DB
    )


def is_rainy(hops: Sequence[HopTraits], weather_score: float | None) -> bool:
    """As `is_windy`."""
    if not hisses(hops):
        return False
    if weather_score is not None and weather_score >= WEATHER_SCORE:
        return True
    return pstdev(hop.laeq_db for hop in hops) <= RAIN_STEADY_DB


def hisses(hops: Sequence[HopTraits]) -> bool:
    """A noise that reaches high up, without tone and without rumble."""
    return (
        median([hop.flatness_db for hop in hops]) >= RAIN_FLATNESS_DB
        and median([hop.harmonicity for hop in hops]) <= MOST_HARMONIC_RAIN
        and median([hop.hiss_above_voice_db for hop in hops]) >= RAIN_HISS_DB
        and median([hop.rumble_above_voice_db for hop in hops]) <= RAIN_RUMBLE_DB
    )


def median(values: list[float]) -> float:
    """The middle one; of an even number the lower of the two in the middle."""
    values.sort()
    return values[(len(values) - 1) // 2]

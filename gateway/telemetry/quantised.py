"""One byte for each value of a second: what is kept of scores and levels, and how exact it is. Pure.

| value | code | exact to |
|---|---|---|
| score of 0.5 and more | steps of 0.1 in log odds up to +9 (0.9999) | 0.0125 at 0.5, 0.003 at 0.94 |
| score below 0.5 | steps of 0.25 in log odds down to -3 (0.047) | 0.031 at 0.5, 0.006 at 0.05 |
| score below 0.047 | one code, read as 0.047 | 0.047 |
| level, background | steps of 0.5 dB from -10 dB to 117 dB re 20 uPa, beyond which the end stands | 0.25 dB |

Fine where thresholds lie, coarse where nothing is decided: that halves what is written. 255 means no value.
"""

from __future__ import annotations

import math

NONE_CODE = 255

_LOWEST_LOG_ODDS = -3.0
_HIGHEST_LOG_ODDS = 9.0
_COARSE_STEP = 0.25
_FINE_STEP = 0.1
EVEN_CODE = round(-_LOWEST_LOG_ODDS / _COARSE_STEP)
"""The code of exactly 0.5."""
HIGHEST_SCORE_CODE = EVEN_CODE + round(_HIGHEST_LOG_ODDS / _FINE_STEP)

LEVEL_STEP_DB = 0.5
LOWEST_LEVEL_DB = -10.0
HIGHEST_LEVEL_CODE = NONE_CODE - 1
HIGHEST_LEVEL_DB = LOWEST_LEVEL_DB + LEVEL_STEP_DB * HIGHEST_LEVEL_CODE


def score_code(score: float) -> int:
    """score: 0..1. What is no probability (NaN, a number outside) has no value."""
    if not 0.0 <= score <= 1.0:
        return NONE_CODE
    if score <= LOWEST_SCORE:
        return 0
    if score >= HIGHEST_SCORE:
        return HIGHEST_SCORE_CODE
    log_odds = math.log(score / (1.0 - score))
    return EVEN_CODE + round(log_odds / (_FINE_STEP if log_odds >= 0.0 else _COARSE_STEP))


def score_of(code: int) -> float | None:
    """The probability that a code stands for; None for no value and for what is no code."""
    if not 0 <= code <= HIGHEST_SCORE_CODE:
        return None
    steps = code - EVEN_CODE
    return 1.0 / (1.0 + math.exp(-steps * (_FINE_STEP if steps >= 0 else _COARSE_STEP)))


def level_code(level_db: float | None) -> int:
    if level_db is None or not math.isfinite(level_db):
        return NONE_CODE
    return min(HIGHEST_LEVEL_CODE, max(0, round((level_db - LOWEST_LEVEL_DB) / LEVEL_STEP_DB)))


def level_of(code: int) -> float | None:
    """The level in dB re 20 uPa that a code stands for."""
    return None if code == NONE_CODE else LOWEST_LEVEL_DB + LEVEL_STEP_DB * code


LOWEST_SCORE = 1.0 / (1.0 + math.exp(-_LOWEST_LOG_ODDS))
HIGHEST_SCORE = 1.0 / (1.0 + math.exp(-_HIGHEST_LOG_ODDS))

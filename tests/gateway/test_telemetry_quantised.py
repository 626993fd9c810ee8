"""One byte a value: the stated exactness holds everywhere."""

from __future__ import annotations

import math
import random

import pytest

from gateway.telemetry.quantised import (
    EVEN_CODE,
    HIGHEST_LEVEL_DB,
    HIGHEST_SCORE,
    LOWEST_LEVEL_DB,
    LOWEST_SCORE,
    NONE_CODE,
    level_code,
    level_of,
    score_code,
    score_of,
)


def log_odds(p: float) -> float:
    return math.log(p / (1.0 - p))


def score_back(p: float) -> float:
    found = score_of(score_code(p))
    assert found is not None
    return found


def test_scores_come_back_as_exact_as_stated() -> None:
    chance = random.Random(4)
    for _ in range(20_000):
        p = 1.0 / (1.0 + math.exp(-chance.uniform(-3.0, 9.0)))
        off = abs(log_odds(score_back(p)) - log_odds(p))
        assert off <= (0.05 if p >= 0.5 else 0.125) + 1e-9, p
        assert abs(score_back(p) - p) <= (0.0125 if p >= 0.5 else 0.0313), p


def test_the_stated_figures_of_single_scores() -> None:
    assert score_back(0.5) == 0.5
    assert score_code(0.5) == EVEN_CODE
    assert abs(score_back(0.94) - 0.94) <= 0.003
    assert (
        score_back(0.0) == score_back(0.01) == pytest.approx(LOWEST_SCORE) == pytest.approx(0.0474, abs=1e-4)
    )
    assert score_back(1.0) == score_back(0.99995) == pytest.approx(HIGHEST_SCORE)


def test_a_higher_score_never_has_a_lower_code() -> None:
    codes = [score_code(1.0 / (1.0 + math.exp(-step / 100))) for step in range(-500, 1201)]
    assert codes == sorted(codes)
    assert set(codes) == set(range(103))


def test_levels_come_back_within_a_quarter_decibel() -> None:
    chance = random.Random(5)
    for _ in range(5_000):
        level_db = chance.uniform(LOWEST_LEVEL_DB, HIGHEST_LEVEL_DB)
        back_db = level_of(level_code(level_db))
        assert back_db is not None
        assert abs(back_db - level_db) <= 0.25


@pytest.mark.parametrize(("level_db", "kept_db"), [(-40.0, -10.0), (140.0, 117.0)])
def test_levels_outside_stand_at_the_end(level_db: float, kept_db: float) -> None:
    assert level_of(level_code(level_db)) == kept_db


def test_what_is_no_value_is_none_and_stays_none() -> None:
    assert [level_code(value) for value in (None, math.nan, -math.inf)] == [NONE_CODE] * 3
    assert [score_code(value) for value in (math.nan, -0.1, 1.1)] == [NONE_CODE] * 3
    assert level_of(NONE_CODE) is None
    assert score_of(NONE_CODE) is None
    assert score_of(200) is None

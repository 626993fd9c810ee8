"""The running background: null at first, robust against events, re-learnt after a step."""

from __future__ import annotations

import math
import random

import pytest

from dsp.background import Background

HOP_S = 0.125


def hear(background: Background, level_db: float, seconds: float) -> None:
    for _ in range(round(seconds / HOP_S)):
        background.hear(level_db, HOP_S)


def test_unknown_until_ten_seconds_were_heard() -> None:
    background = Background()
    hear(background, 60.0, 9.875)
    assert background.level_db() is None
    hear(background, 60.0, 0.125)
    assert background.level_db() == pytest.approx(60.0, abs=0.25)


def test_an_event_hardly_moves_it() -> None:
    background = Background()
    hear(background, 60.0, 60.0)
    hear(background, 95.0, 10.0)
    assert background.level_db() == pytest.approx(60.0, abs=0.5)


def test_a_louder_street_is_learnt_within_two_minutes() -> None:
    background = Background()
    hear(background, 55.0, 600.0)
    hear(background, 75.0, 120.0)
    assert background.level_db() == pytest.approx(75.0, abs=0.5)


def test_a_declared_background_holds() -> None:
    background = Background(declared_db=58.0)
    assert background.level_db() == 58.0
    hear(background, 90.0, 60.0)
    assert background.level_db() == 58.0


def test_a_hop_without_a_level_teaches_nothing() -> None:
    background = Background()
    hear(background, math.nan, 60.0)
    assert background.level_db() is None


@pytest.mark.parametrize("level_db", [-1000.0, 1000.0])
def test_levels_out_of_range_are_kept_at_the_edge(level_db: float) -> None:
    background = Background()
    hear(background, level_db, 20.0)
    level = background.level_db()
    assert level is not None
    assert -20.0 <= level <= 160.0


def test_it_is_the_weighted_median_of_all_that_was_heard() -> None:
    chance = random.Random(1)
    background = Background(time_constant_s=5.0, least_heard_s=0.0)  # often enough scaled down
    heard: list[float] = []
    street_db = 50.0
    for _ in range(2000):
        if chance.random() < 0.02:
            street_db = chance.uniform(-30.0, 170.0)
        heard.append(chance.gauss(street_db, 4.0))
        background.hear(heard[-1], HOP_S)
        level = background.level_db()
        if len(heard) % 50 == 0:
            assert level == plain_median(heard, time_constant_s=5.0)


def plain_median(levels_db: list[float], time_constant_s: float) -> float:
    """Lowest step of 0.5 dB at which half of the weight is reached, by sorting everything."""
    steps = [min(max(round((level + 20.0) / 0.5), 0), 360) for level in levels_db]
    newest = len(levels_db) - 1
    weighted = sorted(
        (step, math.exp(-(newest - index) * HOP_S / time_constant_s)) for index, step in enumerate(steps)
    )
    half, reached = sum(weight for _, weight in weighted) / 2.0, 0.0
    for step, weight in weighted:
        reached += weight
        if reached >= half:
            return -20.0 + 0.5 * step
    raise AssertionError("nothing was heard")

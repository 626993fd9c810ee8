"""The usual level by hour of week, and what is judged against it: steps, long events, holidays, no clock."""

from __future__ import annotations

import math
import random

import pytest

from dsp.usual import HOURS_A_WEEK, LEAD_DB, MOST_WEEKS, HourLevel, JudgedBackground, UsualLevels

HOP_S = 1.0
"""Coarser than a sensor's, so that weeks pass quickly; the background counts seconds, not hops."""
BREAK = 34
"""Tuesday, 10 to 11."""


def hear(usual: UsualLevels, level_db: float, seconds: float, hour: int | None) -> None:
    for _ in range(round(seconds / HOP_S)):
        usual.hear(level_db, HOP_S, hour)


def listen(background: JudgedBackground, level_db: float, seconds: float, hour: int | None) -> list[float]:
    """The background after each hop, where it is known."""
    found: list[float] = []
    for _ in range(round(seconds / HOP_S)):
        background.hear(level_db, HOP_S, hour)
        level = background.level_db(hour)
        if level is not None:
            found.append(level)
    return found


def learnt(levels_db: dict[int, float]) -> UsualLevels:
    return UsualLevels({hour: HourLevel(level_db, MOST_WEEKS) for hour, level_db in levels_db.items()})


def test_an_hour_is_learnt_when_it_is_over_and_enough_of_it_was_heard() -> None:
    usual = UsualLevels()
    hear(usual, 52.0, 3600.0, 5)
    assert usual.level_db(5) is None
    hear(usual, 60.0, 600.0, 6)
    hear(usual, 50.0, 1.0, 7)
    assert usual.level_db(5) == pytest.approx(52.0, abs=0.5)
    assert 6 not in usual.known()
    assert usual.changes == 1


def test_before_its_first_week_an_hour_goes_by_the_same_hour_of_other_days() -> None:
    usual = learnt({10: 50.0, 34: 54.0, 11: 70.0})
    assert usual.level_db(58) == pytest.approx(52.0)
    assert usual.level_db(12) is None


def test_one_loud_week_moves_it_by_a_quarter_and_a_month_moves_it_all() -> None:
    usual = learnt({5: 50.0})
    for week in range(12):
        hear(usual, 70.0, 3600.0, 5)
        hear(usual, 50.0, 1.0, 6)
        if week == 0:
            assert usual.level_db(5) == pytest.approx(55.0, abs=0.5)
    assert usual.level_db(5) == pytest.approx(70.0, abs=1.5)


def test_without_an_hour_and_without_a_level_nothing_is_learnt() -> None:
    usual = UsualLevels()
    hear(usual, 60.0, 4000.0, None)
    hear(usual, math.nan, 4000.0, 3)
    hear(usual, 60.0, 1.0, 4)
    assert usual.known() == {}


@pytest.mark.parametrize("hour", [-1, HOURS_A_WEEK])
def test_an_hour_outside_the_week_is_misuse(hour: int) -> None:
    with pytest.raises(ValueError, match="hours of the week"):
        UsualLevels({hour: HourLevel(50.0, 1)})


def test_twenty_decibels_more_are_the_new_background_within_half_an_hour() -> None:
    background = JudgedBackground(learnt({BREAK: 50.0}))
    listen(background, 50.0, 3600.0, BREAK)
    after = listen(background, 70.0, 1800.0, BREAK)
    assert after[-1] == pytest.approx(70.0, abs=0.5)
    # Within two minutes it lags by no more than the lead, so that the step alone never ranks as high.
    assert min(after[120:]) == pytest.approx(70.0 - LEAD_DB, abs=0.5)
    down = listen(background, 50.0, 120.0, BREAK)
    assert down[-1] == pytest.approx(50.0, abs=0.5)


def test_a_long_event_keeps_standing_out_which_the_running_background_alone_forgets() -> None:
    alone, judged = JudgedBackground(), JudgedBackground(learnt({BREAK: 50.0}))
    for background in (alone, judged):
        listen(background, 50.0, 3600.0, BREAK)
    assert 75.0 - listen(alone, 75.0, 300.0, BREAK)[-1] < 1.0
    assert 75.0 - listen(judged, 75.0, 300.0, BREAK)[-1] == pytest.approx(LEAD_DB, abs=0.5)


def test_noise_that_is_usual_at_this_hour_is_background_at_once() -> None:
    usual = JudgedBackground(learnt({BREAK: 66.0}))
    listen(usual, 50.0, 3600.0, BREAK - 1)
    assert listen(usual, 66.0, 120.0, BREAK)[-1] == pytest.approx(66.0, abs=0.5)


def test_on_a_school_holiday_the_noise_of_the_usual_break_hides_nobody() -> None:
    background = JudgedBackground(learnt({BREAK - 1: 50.0, BREAK: 66.0}))
    listen(background, 50.0, 1800.0, BREAK - 1)
    quiet = listen(background, 50.0, 3600.0, BREAK)
    assert max(quiet) == pytest.approx(50.0, abs=0.5)


def test_after_the_holidays_the_break_is_no_news_for_long() -> None:
    usual = learnt({BREAK - 1: 50.0, BREAK: 66.0})
    for _ in range(6):
        hear(usual, 50.0, 3600.0, BREAK)
        hear(usual, 50.0, 1.0, BREAK + 1)
    background = JudgedBackground(usual)
    listen(background, 50.0, 3600.0, BREAK - 1)
    assert listen(background, 66.0, 1800.0, BREAK)[-1] == pytest.approx(66.0, abs=0.5)


def test_without_a_clock_it_is_the_running_background_to_the_bit() -> None:
    chance = random.Random(5)
    plain, unset = JudgedBackground(), JudgedBackground(learnt({BREAK: 40.0}))
    for _ in range(5000):
        level_db = chance.gauss(60.0, 8.0)
        for background in (plain, unset):
            background.hear(level_db, HOP_S, None)
        assert unset.level_db(None) == plain.level_db(None)
    assert unset.usual_db(None) is None


def test_it_never_lies_above_the_running_background_nor_more_than_the_lead_below() -> None:
    chance = random.Random(6)
    plain, judged = JudgedBackground(), JudgedBackground(learnt(dict.fromkeys(range(24), 55.0)))
    for step in range(20_000):
        level_db = chance.gauss(40.0 + 40.0 * (step // 2000 % 2), 3.0)
        for background in (plain, judged):
            background.hear(level_db, HOP_S, step // 3600)
        running, found = plain.level_db(None), judged.level_db(step // 3600)
        if running is not None and found is not None:
            assert running - LEAD_DB - 1e-9 <= found <= running


def test_a_declared_background_holds() -> None:
    background = JudgedBackground(learnt({BREAK: 40.0}), declared_db=58.0)
    assert listen(background, 90.0, 3600.0, BREAK)[-1] == 58.0

"""The rule when two sensors heard one sound: classes, time, levels."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from gateway.contract.examples import ALERT
from gateway.contract.one_sound import (
    METRES_A_DEGREE,
    NEAR_M,
    Trace,
    at_one_time,
    distance_m,
    may_be_one_sound,
    may_go_together,
    metres,
    needed_db,
    one_source,
    same_kind,
    shifted,
    trace_of,
)
from gateway.contract.types import replace as changed
from gateway.contract.vocabulary import EventClass, Phase
from tests.gateway.incident_world import Ear, trace


def apart(distance_m: float, one_db: float, other_db: float, **changes: object) -> tuple[Trace, Trace]:
    one = trace(Ear("a", 0.0), lafmax_db=one_db, **changes)
    return one, trace(Ear("b", distance_m), lafmax_db=other_db, **changes)


def test_distances_are_right_to_a_metre() -> None:
    dam, station = (4.8936, 52.3731), (4.9003, 52.3791)  # 0.0067 and 0.0060 degrees apart
    expected = math.hypot(0.0067 * METRES_A_DEGREE * math.cos(math.radians(52.376)), 0.0060 * METRES_A_DEGREE)
    assert metres(dam, station) == pytest.approx(expected, abs=1.0)
    assert metres((179.9999, 0.0), (-179.9999, 0.0)) == pytest.approx(22.2, abs=0.1), "across the date line"
    one, other = apart(80.0, 70.0, 70.0)
    assert distance_m(one, other) == pytest.approx(80.0, abs=0.1)


@pytest.mark.parametrize("d1_m", [1.0, 5.0, 40.0, 79.0])
def test_the_needed_level_is_that_of_a_source_on_the_line_between(d1_m: float) -> None:
    source_db, apart_m = 97.0, 80.0
    one_db = source_db - 20.0 * math.log10(d1_m)
    other_db = source_db - 20.0 * math.log10(apart_m - d1_m)
    assert needed_db(one_db, other_db, apart_m) == pytest.approx(source_db)


@pytest.mark.parametrize("off_m", [10.0, 30.0, 100.0])
def test_a_source_beside_the_line_only_needs_more(off_m: float) -> None:
    d1_m, d2_m = math.hypot(30.0, off_m), math.hypot(50.0, off_m)
    source_db = 97.0
    needed = needed_db(source_db - 20 * math.log10(d1_m), source_db - 20 * math.log10(d2_m), 80.0)
    assert needed <= source_db + 1e-9


def test_two_sensors_on_one_pole_need_no_more_than_what_they_hear() -> None:
    assert needed_db(80.0, 60.0, 0.0) == 80.0


def test_two_fights_80_m_apart_cannot_be_one_voice() -> None:
    for own_db in (72.0, 78.0, 90.0):
        assert not one_source(*apart(80.0, own_db, own_db)), own_db


def test_one_voice_between_two_sensors_80_m_apart_is_one() -> None:
    shout_db = 95.0
    for d1_m in (5.0, 20.0, 40.0):
        levels = (shout_db - 20 * math.log10(d1_m), shout_db - 20 * math.log10(80.0 - d1_m))
        assert one_source(*apart(80.0, *levels)), d1_m


def test_thunder_is_loud_everywhere_and_no_one_s_voice() -> None:
    assert not may_be_one_sound(*apart(120.0, 75.0, 74.0))


def test_a_shot_carries_further_than_a_voice() -> None:
    one, other = apart(300.0, 90.0, 88.0, event_class="gunshot")
    assert one_source(one, replace(other, onset_s=one.onset_s + 0.7))
    assert not one_source(*apart(300.0, 60.0, 58.0))


def test_levels_that_nobody_calibrated_get_some_leave() -> None:
    one, other = apart(80.0, 69.0, 69.0)
    assert not one_source(one, other)
    assert one_source(one, replace(other, calibrated=False))


def test_a_higher_level_never_makes_one_source_likelier() -> None:
    fits = [one_source(*apart(60.0, db, db - 6.0)) for db in range(40, 120)]
    assert fits == sorted(fits, reverse=True)


def test_onsets_agree_within_travel_clocks_and_reading() -> None:
    one, other = apart(100.0, 70.0, 70.0, event_class="gunshot")
    travel_s = 100.0 / 320.0
    just = one.onset_s + travel_s + 0.3 + 0.02
    assert at_one_time(one, replace(other, onset_s=just - 0.001))
    assert not at_one_time(one, replace(other, onset_s=just + 0.001))
    assert at_one_time(replace(other, onset_s=just - 0.001), one), "in either order"
    assert at_one_time(one, replace(other, onset_s=just + 0.2, error_s=0.25)), "a worse clock gets more leave"


@pytest.mark.parametrize("error_s", [None, 2.5])
def test_a_clock_that_is_worth_nothing_joins_nothing(error_s: float | None) -> None:
    one, other = apart(10.0, 70.0, 70.0)
    assert not at_one_time(one, replace(other, error_s=error_s))


def test_only_who_hears_a_voice_weaker_may_be_late() -> None:
    near, far = apart(40.0, 80.0, 62.0)
    late = replace(far, onset_s=near.onset_s + 4.0)
    assert at_one_time(near, late)
    assert not at_one_time(near, replace(late, lafmax_db=79.0)), "who hears it as well is not late"
    assert not at_one_time(replace(near, until_s=101.0), late), "it was over by then"


def test_weaker_is_meant_against_the_background_where_that_is_known() -> None:
    near, far = apart(40.0, 80.0, 70.0)
    late = replace(far, onset_s=near.onset_s + 4.0, above_db=25.0)
    assert not at_one_time(replace(near, above_db=15.0), late), "quieter, and yet better heard"
    assert at_one_time(replace(near, above_db=30.0), late)


def test_a_second_shot_is_not_an_echo_of_the_first() -> None:
    one, other = apart(40.0, 90.0, 80.0, event_class="gunshot")
    late = replace(other, onset_s=one.onset_s + 1.5)
    assert not at_one_time(one, late)
    assert at_one_time(replace(one, repeated=True), late), "in a burst the far one may hear the second"


def test_kinds_of_classes() -> None:
    assert same_kind("shout", "scream")
    assert same_kind("gunshot", "glass_break")
    assert not same_kind("shout", "gunshot")
    assert not same_kind("loud", "shout")
    assert may_go_together("loud", "shout")
    assert not may_go_together("shout", "glass_break")
    assert not same_kind("new_class", "new_class")
    assert not may_go_together("new_class", "loud")


def test_every_class_that_this_gateway_sends_has_its_limits() -> None:
    assert all(same_kind(one.value, one.value) for one in EventClass)


def test_without_coordinates_a_zone_says_near_and_nothing_says_nothing() -> None:
    one, other = (trace(lon_lat_deg=None, zone=zone) for zone in ("noord", "noord"))
    assert may_be_one_sound(one, other)
    assert not may_be_one_sound(one, replace(other, zone="zuid"))
    assert not may_be_one_sound(replace(one, zone=None), replace(other, zone=None))
    placed = trace(Ear("b", 20.0), zone="noord")
    assert distance_m(one, placed) == NEAR_M
    assert one_source(one, replace(placed, lafmax_db=130.0)), "a distance that nobody knows forbids nothing"


def test_sensors_near_each_other_share_a_fight_however_loud_it_is() -> None:
    assert one_source(*apart(NEAR_M - 0.1, 90.0, 90.0))
    assert not one_source(*apart(NEAR_M + 0.1, 90.0, 90.0))


def test_the_rule_does_not_depend_on_who_comes_first() -> None:
    levels = (55.0, 70.0, 85.0, 100.0)
    for distance in (0.0, 20.0, 80.0, 160.0):
        for one_db in levels:
            for other_db in levels:
                for late_s in (0.0, 1.0, 3.0):
                    one, other = apart(distance, one_db, other_db)
                    other = replace(other, onset_s=other.onset_s + late_s)
                    assert may_be_one_sound(one, other) == may_be_one_sound(other, one)


def test_an_alert_s_trace() -> None:
    start = trace_of(ALERT)
    assert (start.event_class, start.lafmax_db, start.above_db) == ("scream", 84.9, 17.4)
    assert (start.error_s, start.until_s, start.zone) == (0.012, math.inf, "market square")
    assert start.lon_lat_deg == (4.90041, 52.37403)
    end = trace_of(changed(ALERT, phase=Phase.END, count=2))
    assert (end.until_s - end.onset_s, end.repeated) == (pytest.approx(0.75), True)
    there = shifted(start, -1000.0, 0.05)
    assert there.onset_s == start.onset_s - 1000.0
    assert there.error_s == pytest.approx(0.062)

"""Histories put together, and what was heard against what sounded."""

from __future__ import annotations

import math

from tests.chaos.hearing import judge, windows_of
from tests.chaos.load import Load, Sounded
from tests.chaos.paths import both, either, without

A = [(0.0, False), (1.0, True), (5.0, False), (7.0, True)]
B = [(0.0, False), (2.0, True), (6.0, False), (8.0, True)]


def test_both_and_either() -> None:
    assert both(A, B) == [(0.0, False), (2.0, True), (5.0, False), (8.0, True)]
    assert either([A, B]) == [(0.0, False), (1.0, True), (6.0, False), (7.0, True)]


def test_without_windows() -> None:
    always = [(0.0, True)]
    assert [(at, up) for at, up in without(always, [(3.0, 4.0)]) if math.isfinite(at)][-2:] == [
        (3.0, False),
        (4.0, True),
    ]
    assert without(always, []) == always


def sound(start_s: float, serial: str = "A") -> Sounded:
    return Sounded(serial, "call", start_s, start_s + 1.0)


def test_a_sound_is_heard_unheard_in_downtime_or_missed() -> None:
    sounds = [sound(10.0), sound(20.0), sound(30.0), sound(30.0, "B")]
    hearing = judge(sounds, {"A": [10.3]}, {"A": [(19.0, 21.0)], "B": []})
    assert (hearing.sounds, hearing.heard, hearing.unheard, hearing.missed) == (4, 1, 1, 2)
    assert len(hearing.examples) == 2


def test_a_sound_that_the_gateway_died_on_is_unheard() -> None:
    assert judge([sound(10.0)], {}, {"A": [(10.4, 12.0)]}).unheard == 1
    assert judge([sound(10.0)], {}, {"A": [(11.5, 12.0)]}).missed == 1
    assert judge([sound(10.0)], {}, {"A": [(5.0, 9.9)]}).missed == 1


def test_deafness_lasts_until_the_gateway_speaks_to_the_sensor_again() -> None:
    windows = windows_of([(5.0, 7.0), (20.0, 21.0)], [1.0, 8.5, 15.0, 22.0], settling_s=0.0)
    assert windows == [(5.0, 8.5), (20.0, 22.0)]
    assert windows_of([(5.0, math.inf)], [1.0])[0][1] == math.inf


def test_the_load_is_the_same_for_the_same_seed_and_goes_on_for_ever() -> None:
    def played(seed: int) -> list[tuple[str, str]]:
        load = Load(seed, ("A", "B", "C"), epoch=1)
        for step in range(1, 1200):
            load.advance(step * 0.05)
        return [(one.serial, one.pattern) for one in load.heard]

    assert played(1) == played(1)
    assert played(1) != played(2)
    assert len(played(1)) > 20
    assert {serial for serial, _pattern in played(1)} == {"A", "B", "C"}


def test_quiet_is_quiet() -> None:
    load = Load(1, ("A", "B"), epoch=1)
    load.quiet()
    for step in range(1, 1000):
        load.advance(step * 0.05)
    assert load.heard == []
    load.quiet(False)
    for step in range(1000, 1400):
        load.advance(step * 0.05)
    assert load.heard

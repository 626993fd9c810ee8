"""Onsets and impulses from hop levels."""

from __future__ import annotations

import random

import pytest

from gateway.decisions.decider import Evidence
from gateway.decisions.levels import RecentLevels, estimate_onset

HOP_S = 0.125


def _hops(*levels_db: float | None) -> list[Evidence]:
    """One hop per level, None is a missing one."""
    return [
        Evidence((index + 1) * HOP_S, HOP_S, None, level_db, level_db + 2.0, None)
        for index, level_db in enumerate(levels_db)
        if level_db is not None
    ]


@pytest.mark.parametrize(
    ("levels_db", "onset_hop"),
    [
        pytest.param([50, 50, 50, 70, 71, 70, 69], 3, id="a sound out of the quiet"),
        pytest.param([50, 51, 63, 70, 71, 70, 69], 2, id="a rise over two hops begins with the first"),
        pytest.param([60, 62, 59, 63, 70, 71, 69], 4, id="in a street 10 dB below"),
        pytest.param([50, 50, 95, 75, 62, 55, 51], 2, id="a bang that is over at the first evidence"),
        pytest.param([50, 80, 50, 50, 70, 71, 69], 4, id="a door before it, with a pause, is not it"),
        pytest.param([50, 72, 61, 73, 60, 71, 70], 1, id="syllables are one sound"),
        pytest.param([40, 51, 53, 55, 57, 59, 61], 1, id="a soft rise begins where it is 10 dB below"),
        pytest.param([70, 70, 71, 70, 70, 71, 70], 0, id="it was there when the hearing began"),
        pytest.param(
            [None, None, 71, 70, 70, 71, 70], 2, id="what ends a gap is no onset, but nothing is before it"
        ),
        pytest.param([50, None, 71, 70, 75, 71, 70], 4, id="a step inside goes before the end of a gap"),
        pytest.param([50, 70, None, 71, 70, 71, 70], 3, id="not before a gap"),
        pytest.param([70], 0, id="the first hop of all"),
    ],
)
def test_onset_of_a_sound(levels_db: list[float | None], onset_hop: int) -> None:
    assert estimate_onset(_hops(*levels_db), None) == onset_hop * HOP_S


def test_background_as_far_as_one_looks_leaves_the_first_evidence() -> None:
    before, *hops = _hops(*[65.0, 66.0] * 7)
    assert estimate_onset(hops, before) == hops[-1].start_s


def test_a_step_right_at_the_edge_of_the_reach_is_seen() -> None:
    before, *hops = _hops(50.0, *[70.0] * 12)
    assert estimate_onset(hops, before) == hops[0].start_s


def test_an_onset_is_sought_no_further_than_its_reach() -> None:
    recent = RecentLevels(10.0)
    hops = _hops(*[50.0] * 8, *[70.0] * 40)
    for hop in hops:
        recent.hear(hop)
    assert recent.onset_of(hops[8 + 11]) == 8 * HOP_S
    late = hops[8 + 13]
    assert recent.onset_of(late) == late.start_s


def test_onsets_in_a_fluctuating_street_are_mostly_right() -> None:
    rng = random.Random(5)
    errors_s = []
    for _ in range(500):
        street = [rng.gauss(60.0, 1.5) for _ in range(18)]
        event = [rng.gauss(70.0, 2.0) for _ in range(rng.randrange(1, 6))]
        *far, before = _hops(*street, *event)[:-12]
        hops = _hops(*street, *event)[-12:]
        assert far
        errors_s.append(abs(estimate_onset(hops, before) - 18 * HOP_S))
    assert sum(error_s > 0.25 for error_s in errors_s) <= 25


def _impulses(hops: list[Evidence]) -> list[float]:
    recent = RecentLevels(10.0)
    for hop in hops:
        recent.hear(hop)
    return [start_s for start_s, _ in recent.impulses()]


def test_impulses_are_rises_of_six_decibels_within_a_quarter_second() -> None:
    assert _impulses(_hops(50, 50, 56, 56, 56)) == [2 * HOP_S]
    assert _impulses(_hops(50, 53, 56, 56, 56)) == [2 * HOP_S]
    assert _impulses(_hops(50, 52, 54, 57, 59)) == []
    assert _impulses(_hops(50, 90, 86, 82, 78, 90, 86)) == [HOP_S, 5 * HOP_S]
    assert _impulses(_hops(50, 60, 70, 80, 90)) == [HOP_S], "one rise is one impulse"


def test_neither_the_start_of_a_stream_nor_of_what_follows_a_gap_is_an_impulse() -> None:
    assert _impulses(_hops(90, 90)) == []
    assert _impulses(_hops(50, 50, None, 90, 90)) == []


def test_memory_is_bounded() -> None:
    recent = RecentLevels(2.0)
    hops = _hops(*[50.0, 90.0, 50.0, 50.0] * 1000)
    for hop in hops:
        recent.hear(hop)
    assert len(recent.between(0.0, 1e9)) == 16
    assert len(list(recent.impulses())) <= 16

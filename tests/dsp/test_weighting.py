"""A and C weighting against the tables, the formulas, and the wish to be well inside the limits."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import signal

from dsp.weighting import Weighting, a_after_c_sections, c_sections, design_goal_db, pole_frequencies_hz
from tests.dsp import limits, signals

SECTIONS = {"C": c_sections(), "A": np.vstack([c_sections(), a_after_c_sections()])}
FREQUENCIES = np.array([signals.exact_hz(row[0]) for row in limits.WEIGHTING])


def _response_db(name: str, frequency_hz: np.ndarray) -> np.ndarray:
    _, response = signal.sosfreqz(SECTIONS[name], worN=frequency_hz, fs=48_000)
    return 20.0 * np.log10(np.abs(response))


def test_poles_are_those_of_annex_e() -> None:
    assert pole_frequencies_hz() == pytest.approx((20.598997, 107.65265, 737.86223, 12194.217), rel=1e-7)


@pytest.mark.parametrize(("name", "column"), [("A", 1), ("C", 2)])
def test_design_goal_rounds_to_the_printed_table(name: str, column: int) -> None:
    printed = np.array([row[column] for row in limits.WEIGHTING])
    assert np.max(np.abs(design_goal_db(name, FREQUENCIES) - printed)) <= 0.0501


@pytest.mark.parametrize("name", ["A", "C"])
def test_digital_filter_is_within_a_quarter_of_class_1(name: str) -> None:
    deviation = _response_db(name, FREQUENCIES) - design_goal_db(name, FREQUENCIES)
    for row, error in zip(limits.WEIGHTING, deviation, strict=True):
        limit = row[3] if error >= 0 else -row[4]
        assert abs(error) <= limits.PART_OF_LIMIT * limit, row[0]


@pytest.mark.parametrize("name", ["A", "C"])
def test_digital_filter_follows_the_goal_between_the_nominal_frequencies(name: str) -> None:
    low = np.geomspace(10.0, 9000.0, 500)
    assert np.max(np.abs(_response_db(name, low) - design_goal_db(name, low))) < 0.02
    high = np.geomspace(9000.0, 20_000.0, 200)
    assert np.max(np.abs(_response_db(name, high) - design_goal_db(name, high))) < 0.25


@pytest.mark.parametrize("name", ["A", "C"])
def test_gain_is_one_at_1_khz_and_nothing_at_0_hz(name: str) -> None:
    assert _response_db(name, np.array([1000.0]))[0] == pytest.approx(0.0, abs=1e-9)
    constant = Weighting(name).process(np.ones(96_000))
    assert np.max(np.abs(constant[-1000:])) < 1e-6


@pytest.mark.parametrize("name", ["A", "C", "Z"])
def test_streaming_equals_whole_to_the_last_bit(name: str) -> None:
    wave = signals.white_noise(3, 0.5)
    whole = Weighting(name).process(wave)
    weighting = Weighting(name)
    parts = [weighting.process(part) for part in np.array_split(wave, [1, 2, 2, 500, 501, 20_000])]
    assert np.array_equal(np.concatenate(parts), whole)


def test_z_changes_nothing() -> None:
    wave = signals.white_noise(4, 0.1)
    assert np.array_equal(Weighting("Z").process(wave), wave)


def test_filters_are_stable_and_minimum_phase() -> None:
    for sections in SECTIONS.values():
        zeros, poles, _ = signal.sos2zpk(sections)
        assert np.all(np.abs(poles) < 1.0)
        assert np.all(np.abs(zeros) <= 1.0 + 1e-9)


def test_filters_die_down_to_exact_zero() -> None:
    weighting = Weighting("A")
    weighting.process(signals.white_noise(5, 0.1))
    for _ in range(100):
        rest = weighting.process(np.zeros(12_000))
    assert not rest.any()

"""Levels, time weighting and peak."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from dsp.levels import SLOW_S, PeakPicker, TimeWeighting, level_of, peak_level_of
from tests.dsp import signals


def test_full_scale_sine_reads_0_db() -> None:
    assert level_of(np.array([0.5]))[0] == pytest.approx(0.0, abs=1e-12)


def test_nothing_reads_the_floor_without_a_warning_and_nan_stays() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        levels = level_of(np.array([0.0, 1e-300, np.nan]))
    assert levels[:2].tolist() == pytest.approx([-124.0, -124.0])
    assert np.isnan(levels[2])


def test_peak_of_full_scale_reads_3_db_more_than_its_rms() -> None:
    assert peak_level_of(np.array([1.0]))[0] == pytest.approx(3.0103, abs=1e-4)


@pytest.mark.parametrize("time_constant_s", [0.125, SLOW_S])
def test_time_weighting_of_a_step_is_exponential(time_constant_s: float) -> None:
    averaged = TimeWeighting(time_constant_s).process(np.ones(48_000))
    expected = 1.0 - np.exp(-np.arange(1, 48_001) / 48_000 / time_constant_s)
    assert np.allclose(averaged, expected, atol=1e-12)


def test_time_weighting_splits_change_no_bit() -> None:
    squares = np.square(signals.white_noise(1, 0.2))
    whole = TimeWeighting().process(squares)
    weighting = TimeWeighting()
    parts = [weighting.process(part) for part in np.array_split(squares, [0, 1, 7, 5000])]
    assert np.array_equal(np.concatenate(parts), whole)


@pytest.mark.parametrize("phase", np.linspace(0.0, 1.0, 7))
@pytest.mark.parametrize(("frequency", "tolerance_db"), [(1000.0, 0.01), (4000.0, 0.05), (8000.0, 0.25)])
def test_peak_lies_between_samples(frequency: float, phase: float, tolerance_db: float) -> None:
    k = np.arange(4800)
    wave = 0.3 * np.sin(2.0 * np.pi * (frequency * k / 48_000 + phase / 6.0))
    peak = PeakPicker().process(wave, 1)[0]
    assert 20.0 * np.log10(peak / 0.3) == pytest.approx(0.0, abs=tolerance_db)


def test_peak_counts_either_sign_and_belongs_to_one_hop() -> None:
    wave = np.zeros(300)
    wave[150], wave[199] = -0.7, 0.4
    assert PeakPicker().process(wave, 3).tolist() == pytest.approx([0.0, 0.7, 0.4])


def test_peak_on_the_last_sample_is_seen_one_hop_later() -> None:
    wave = np.zeros(200)
    wave[99] = 0.5
    assert PeakPicker().process(wave, 2).tolist() == pytest.approx([0.0, 0.5])


def test_a_slope_across_the_border_is_no_peak_of_its_hop() -> None:
    wave = np.concatenate([np.linspace(0.0, 0.9, 100), np.linspace(0.9, 0.0, 100)])
    first, second = PeakPicker().process(wave, 2)
    assert first <= 0.9
    assert second == pytest.approx(0.9, abs=0.01)


def test_peak_splits_change_no_bit() -> None:
    wave = signals.white_noise(9, 0.5)
    whole = PeakPicker().process(wave, 4)
    picker = PeakPicker()
    parts = [
        picker.process(part, hops)
        for part, hops in zip(np.split(wave, [6000, 18_000]), (1, 2, 1), strict=True)
    ]
    assert np.array_equal(np.concatenate(parts), whole)

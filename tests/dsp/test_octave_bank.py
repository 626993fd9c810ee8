"""The third-octave bank and its decimators."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, signal

from dsp.decimation import SHARP_PAIRS, SHORT_PAIRS, HalfBandDecimator, RatePyramid, half_band_taps
from dsp.layout import BAND_CENTRES_HZ, BAND_COUNT, BAND_UPPER_HZ
from dsp.octave_bank import OctaveBank, band_sections, pyramid_level
from tests.dsp import limits, signals
from tests.dsp.chain import band_squares_in_hops


@pytest.mark.parametrize("band", range(BAND_COUNT))
def test_filter_response_keeps_the_mask_everywhere(band: int) -> None:
    centre, rate = BAND_CENTRES_HZ[band], 48_000 / 2 ** pyramid_level(band)
    ratio = np.geomspace(0.05, 0.4999 * rate / centre, 8001)
    _, response = signal.sosfreqz(band_sections(band), worN=centre * ratio, fs=rate)
    attenuation = -20.0 * np.log10(np.abs(response))
    least, greatest = limits.third_octave_mask(ratio)
    inside = np.isfinite(greatest)
    assert np.all(attenuation[inside] >= least[inside] + 0.35)
    assert np.all(attenuation[inside] <= greatest[inside] - 0.35)
    assert np.all(attenuation[~inside] >= least[~inside] + 2.0)


def test_effective_bandwidth_is_that_of_the_standard() -> None:
    for band in range(BAND_COUNT):
        centre, rate = BAND_CENTRES_HZ[band], 48_000 / 2 ** pyramid_level(band)
        log_ratio = np.linspace(-4.0, np.log(0.49999 * rate / centre), 20_001)
        _, response = signal.sosfreqz(band_sections(band), worN=centre * np.exp(log_ratio), fs=rate)
        bandwidth = integrate.trapezoid(np.abs(response) ** 2, log_ratio)
        assert 10.0 * np.log10(bandwidth / (np.log(10.0) / 10.0)) == pytest.approx(0.0, abs=0.002)


def test_each_band_runs_at_the_rate_that_layout_1_says() -> None:
    levels = [pyramid_level(band) for band in range(BAND_COUNT)]
    assert levels == [4] * 12 + [3] * 3 + [2] * 3 + [1] * 3 + [0] * 3
    assert max(BAND_UPPER_HZ * 2.0 ** np.array(levels) / 48_000) < 0.24


@pytest.mark.parametrize(("pairs", "pass_part"), [(SHORT_PAIRS, 0.1185), (SHARP_PAIRS, 0.2)])
def test_half_band_filter_passes_and_stops(pairs: int, pass_part: float) -> None:
    offsets = np.arange(1, 2 * pairs, 2)
    part = np.linspace(0.0, 0.5, 20_001)
    gain = 0.5 + 2.0 * np.cos(2.0 * np.pi * np.outer(part, offsets)) @ half_band_taps(pairs)
    assert np.max(np.abs(20.0 * np.log10(gain[part <= pass_part]))) < 0.001
    assert 20.0 * np.log10(np.max(np.abs(gain[part >= 0.5 - pass_part]))) < -80.0


def test_decimator_is_convolution_and_every_second_sample() -> None:
    wave = signals.white_noise(1, 0.02)[:800]
    taps = half_band_taps(SHORT_PAIRS)
    kernel = np.zeros(4 * SHORT_PAIRS - 1)
    middle = 2 * SHORT_PAIRS - 1
    offsets = np.arange(1, 2 * SHORT_PAIRS, 2)
    kernel[middle], kernel[middle + offsets], kernel[middle - offsets] = 0.5, taps, taps
    expected = np.convolve(wave, kernel)[:800:2]
    assert np.allclose(HalfBandDecimator(SHORT_PAIRS).process(wave), expected, atol=1e-15)


def test_decimator_splits_change_no_bit() -> None:
    wave = signals.white_noise(2, 0.1)
    whole = HalfBandDecimator(SHARP_PAIRS).process(wave)
    decimator = HalfBandDecimator(SHARP_PAIRS)
    parts = [decimator.process(part) for part in np.array_split(wave, [2, 4, 100, 2000, 2002])]
    assert np.array_equal(np.concatenate(parts), whole)


def test_pyramid_has_five_rates_also_of_an_odd_last_block() -> None:
    assert [level.size for level in RatePyramid().process(np.zeros(6000))] == [6000, 3000, 1500, 750, 375]
    assert [level.size for level in RatePyramid().process(np.zeros(1))] == [1, 1, 1, 1, 1]
    assert [level.size for level in RatePyramid().process(np.zeros(4001))] == [4001, 2001, 1001, 501, 251]


def test_bands_that_are_not_carried_are_nan() -> None:
    carried = np.ones(BAND_COUNT, dtype=bool)
    carried[20:] = False
    squares = OctaveBank(carried).process(RatePyramid().process(np.zeros(12_000)), 2)
    assert squares.shape == (2, 24)
    assert np.array_equal(np.isnan(squares), np.broadcast_to(~carried, (2, 24)))


@pytest.mark.parametrize("band", [0, 5, 11, 12, 15, 18, 21, 23])
def test_tone_at_the_centre_reads_its_level(band: int) -> None:
    wave = signals.faded_tone(float(BAND_CENTRES_HZ[band]), 4.0, 0.5)
    square = band_squares_in_hops(wave, [band])[-8:, band].mean()
    assert 10.0 * np.log10(square / 0.125) == pytest.approx(0.0, abs=0.02)


def test_bands_do_not_mind_a_constant() -> None:
    squares = band_squares_in_hops(np.full(96_000, 0.5), list(range(24)))[-1]
    assert np.max(squares) < 1e-12

"""Other rates to 48 kHz."""

from __future__ import annotations

import numpy as np
import pytest

from dsp.resampling import Resampler
from tests.dsp import signals

RATES = [8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 47_999, 96_000, 192_000]


def _resampled(wave: np.ndarray, rate_hz: int) -> np.ndarray:
    resampler = Resampler(rate_hz)
    return np.concatenate([resampler.process(wave), resampler.flush()])


@pytest.mark.parametrize("rate_hz", RATES)
def test_length_time_and_level_are_kept(rate_hz: int) -> None:
    wave = signals.tone(1000.0, 0.5, 0.5, rate_hz)
    out = _resampled(wave, rate_hz)
    assert out.size == -(-wave.size * 48_000 // rate_hz)
    middle = slice(6000, 18_000)
    assert np.max(np.abs(out[middle] - signals.tone(1000.0, 0.5)[middle])) < 2e-4


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 44_100, 96_000])
def test_flat_to_nine_tenths_of_half_the_rate(rate_hz: int) -> None:
    for part in (0.1, 0.5, 0.8, 0.899):
        frequency = part * min(rate_hz, 48_000) / 2.0
        out = _resampled(signals.tone(frequency, 0.4, 0.5, rate_hz), rate_hz)[4800:-4800]
        assert 10.0 * np.log10(np.mean(out**2) / 0.125) == pytest.approx(0.0, abs=0.02)


def test_images_are_stopped() -> None:
    out = _resampled(signals.tone(5000.0, 0.5, 0.5, 16_000), 16_000)[4800:-4800]
    spectrum = np.abs(np.fft.rfft(out * np.hanning(out.size)))
    frequency = np.fft.rfftfreq(out.size, 1.0 / 48_000)
    image = np.max(spectrum[frequency > 8000.0]) / np.max(spectrum)
    assert 20.0 * np.log10(image) < -75.0


def test_folds_are_stopped() -> None:
    out = _resampled(signals.tone(30_000.0, 0.3, 0.5, 96_000), 96_000)[2400:-2400]
    assert 10.0 * np.log10(np.mean(out**2) / 0.125) < -75.0


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 16_000, 44_100, 96_000])
def test_splits_change_no_bit(rate_hz: int) -> None:
    wave = signals.white_noise(7, 0.3, rate_hz=rate_hz)
    whole = _resampled(wave, rate_hz)
    random = np.random.RandomState(rate_hz)
    cuts = np.sort(random.randint(0, wave.size, 25))
    resampler = Resampler(rate_hz)
    parts = [resampler.process(part) for part in np.split(wave, [*cuts, 1, 2][: len(cuts)])]
    assert np.array_equal(np.concatenate([*parts, resampler.flush()]), whole)


@pytest.mark.parametrize("rate_hz", RATES)
@pytest.mark.parametrize("samples", [0, 1, 2, 399])
def test_tiny_clips_keep_their_length(rate_hz: int, samples: int) -> None:
    assert _resampled(np.ones(samples), rate_hz).size == -(-samples * 48_000 // rate_hz)


@pytest.mark.parametrize("rate_hz", [0, -1, 4_000, 7_999, 192_001])
def test_other_rates_are_refused(rate_hz: int) -> None:
    with pytest.raises(ValueError, match="outside"):
        Resampler(rate_hz)

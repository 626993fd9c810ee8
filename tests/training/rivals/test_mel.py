"""The rivals' spectra, against values that follow from their definitions."""

from __future__ import annotations

import numpy as np
import pytest

from training.rivals.mel import kaldi_mel_bank, mn04_log_mel, plain_mel_power


def _sine(hz: float, rate_hz: int, seconds: float = 1.0) -> np.ndarray:
    return np.sin(2 * np.pi * hz * np.arange(int(seconds * rate_hz)) / rate_hz)


def test_triangles_add_up_to_one_between_the_outer_peaks() -> None:
    bank = kaldi_mel_bank(128, 1024, 32_000, 0.0, 15_000.0)
    assert bank.shape == (128, 513)
    inner = bank.sum(axis=0)[5:400]
    assert np.allclose(inner, 1.0, atol=1e-5)
    assert bank[:, 481:].max() == 0.0


@pytest.mark.parametrize(("samples", "frames"), [(32_000, 100), (32_001, 101), (64_000, 200)])
def test_mn04_hears_a_frame_every_ten_milliseconds(samples: int, frames: int) -> None:
    assert mn04_log_mel(np.zeros(samples)).shape == (128, frames)


def test_mn04_of_silence_is_the_floor() -> None:
    assert np.allclose(mn04_log_mel(np.zeros(3200)), (np.log(1e-5) + 4.5) / 5.0)


def test_mn04_hears_a_louder_sine_by_two_nepers_a_tenfold() -> None:
    one, ten = (mn04_log_mel(level * _sine(1000.0, 32_000)) for level in (0.05, 0.5))
    loudest = int(one[:, 50].argmax())
    assert ten[loudest, 50] - one[loudest, 50] == pytest.approx(2 * np.log(10.0) / 5.0, abs=1e-3)


def test_plain_power_of_a_sine_is_where_its_frequency_is() -> None:
    low, high = (plain_mel_power(_sine(hz, 16_000)) for hz in (300.0, 3000.0))
    assert low.shape == (101, 64)
    assert low[50].argmax() < high[50].argmax()
    assert plain_mel_power(2.0 * _sine(300.0, 16_000))[50].sum() == pytest.approx(
        4.0 * low[50].sum(), rel=1e-4
    )


def test_long_sounds_go_in_pieces_without_a_seam() -> None:
    noise = np.random.default_rng(1).normal(size=16_000 * 50)
    whole = plain_mel_power(noise)
    part = plain_mel_power(noise[16_000 * 40 :])
    assert len(whole) == 5001
    assert np.allclose(whole[4010:4990], part[10:990], rtol=1e-3)

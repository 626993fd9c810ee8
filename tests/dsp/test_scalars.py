"""What the voice scalars say of sounds whose roughness, pitch and flatness are known."""

from __future__ import annotations

import numpy as np
import pytest

from dsp.front_end import frames_of
from dsp.layout import flatness_db, pitch_hz, ratios
from dsp.scalars import periodicity
from tests.dsp import signals

SECONDS = np.arange(72_000) / 48_000


def _voice(fundamental_hz: float, partials: int = 12) -> np.ndarray:
    return 0.05 * sum(np.sin(2.0 * np.pi * fundamental_hz * k * SECONDS) / k for k in range(1, partials + 1))


@pytest.mark.parametrize("fundamental", [75.0, 110.0, 220.0, 400.0, 700.0, 1200.0, 2000.0, 2500.0])
def test_pitch_of_a_voice(fundamental: float) -> None:
    frames = frames_of(_voice(fundamental, max(1, int(4000 // fundamental))))[4:]
    assert np.all(ratios(frames["harmonicity_code"]) > 0.95)
    heard = pitch_hz(frames["pitch_code"])
    assert np.all(np.abs(10.0 * np.log10(heard / fundamental)) <= 0.6)


def test_missing_fundamental_is_heard() -> None:
    wave = sum(np.sin(2.0 * np.pi * 150.0 * k * SECONDS + k) for k in range(5, 12)) * 0.03
    assert pitch_hz(frames_of(np.asarray(wave))["pitch_code"][6]) == pytest.approx(158.5, abs=1.0)


def test_gliding_scream_keeps_its_harmonicity() -> None:
    phase = 2.0 * np.pi * np.cumsum(700.0 + 400.0 * SECONDS) / 48_000
    wave = 0.1 * sum(np.sin(k * phase) / k for k in range(1, 5))
    assert np.all(ratios(frames_of(wave)["harmonicity_code"][2:]) > 0.9)


@pytest.mark.parametrize("slope", [0.0, -3.0, -6.0])
def test_noise_has_no_pitch_and_is_flat_whatever_its_slope(slope: float) -> None:
    wave = signals.periodic_noise(4, 4.0, 40.0, 16_000.0, slope)
    frames = frames_of(wave)[2:]
    assert np.median(ratios(frames["harmonicity_code"])) < 0.35
    assert np.mean(frames["pitch_code"] > 0) < 0.1
    assert -3.5 < np.median(flatness_db(frames["flatness_code"])) < -1.8


def test_tones_are_peaky() -> None:
    for frequency in (500.0, 1000.0, 3150.0):
        frames = frames_of(signals.tone(frequency, 1.5, 0.1) + signals.white_noise(5, 1.5, 1e-4))[2:]
        assert np.all(flatness_db(frames["flatness_code"]) < -20.0)


@pytest.mark.parametrize(
    ("modulation_hz", "tolerance"), [(35.0, 0.25), (50.0, 0.1), (80.0, 0.1), (120.0, 0.2)]
)
@pytest.mark.parametrize("depth", [0.2, 0.5, 0.9])
def test_roughness_is_the_modulation_depth(modulation_hz: float, tolerance: float, depth: float) -> None:
    wave = (
        0.1
        * (1.0 + depth * np.sin(2.0 * np.pi * modulation_hz * SECONDS))
        * np.sin(2.0 * np.pi * 1500.0 * SECONDS)
    )
    measured = ratios(frames_of(wave)["roughness_code"][4:])
    assert measured == pytest.approx(depth, rel=tolerance)


def test_slow_and_fast_modulation_are_not_rough() -> None:
    for modulation_hz in (4.0, 400.0):
        wave = (
            0.1
            * (1.0 + 0.8 * np.sin(2.0 * np.pi * modulation_hz * SECONDS))
            * np.sin(2.0 * np.pi * 1500.0 * SECONDS)
        )
        assert np.all(ratios(frames_of(wave)["roughness_code"][4:]) < 0.12)


def test_steady_tones_are_not_rough() -> None:
    for frequency in (350.0, 450.0, 1000.0, 1490.0, 2990.0, 3000.0):
        assert np.all(ratios(frames_of(signals.tone(frequency, 1.0, 0.1))["roughness_code"][3:]) < 0.03)


def test_loud_rumble_below_the_voice_does_not_hide_it() -> None:
    rumble = signals.periodic_noise(6, 1.5, 20.0, 120.0, 0.0, 0.2)
    frames = frames_of(_voice(500.0) + rumble)[3:]
    assert np.all(np.abs(10.0 * np.log10(pitch_hz(frames["pitch_code"]) / 500.0)) <= 0.6)


def test_periodicity_of_short_or_silent_parts_is_none() -> None:
    for parts in (np.zeros((3, 1500)), np.ones((1, 1)), np.ones((2, 11))):
        harmonicity, pitch = periodicity(parts)
        assert harmonicity.tolist() == [0.0] * len(parts)
        assert np.all(np.isnan(pitch))


def test_scalars_of_a_16_khz_recording_are_those_of_the_48_khz_one() -> None:
    wave_48 = signals.periodic_noise(8, 2.0, 100.0, 7000.0, -3.0)
    wave_16 = wave_48[::3]  # nothing lies above 8 kHz
    ours, other = frames_of(wave_48)[1:], frames_of(wave_16, 16_000)[1:]
    for field in ("roughness_code", "harmonicity_code", "flatness_code"):
        assert np.max(np.abs(ours[field].astype(int) - other[field].astype(int))) <= 2, field

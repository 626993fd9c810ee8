"""Test signals, the same bits under every numpy: used by the tests and by the phonometry oracle."""

from __future__ import annotations

import numpy as np

RATE_HZ = 48_000


def exact_hz(nominal_hz: float) -> float:
    """The base-ten third-octave frequency behind a nominal one."""
    return float(10.0 ** (round(10.0 * np.log10(nominal_hz)) / 10.0))


def tone(frequency_hz: float, seconds: float, amplitude: float = 0.5, rate_hz: int = RATE_HZ) -> np.ndarray:
    """A sine from phase 0."""
    k = np.arange(round(seconds * rate_hz))
    return amplitude * np.sin(2.0 * np.pi * frequency_hz * k / rate_hz)


def faded_tone(frequency_hz: float, seconds: float, fade_s: float) -> np.ndarray:
    """A sine of amplitude 0.5 with a raised-cosine start."""
    wave = tone(frequency_hz, seconds)
    n = round(fade_s * RATE_HZ)
    wave[:n] *= 0.5 - 0.5 * np.cos(np.pi * np.arange(n) / n)
    return wave


def burst(
    frequency_hz: float, duration_s: float, start_s: float, total_s: float, amplitude: float
) -> np.ndarray:
    """Silence, a sine from phase 0 for `duration_s`, silence."""
    wave = np.zeros(round(total_s * RATE_HZ))
    start, length = round(start_s * RATE_HZ), round(duration_s * RATE_HZ)
    wave[start : start + length] = amplitude * np.sin(
        2.0 * np.pi * frequency_hz * np.arange(length) / RATE_HZ
    )
    return wave


def white_noise(seed: int, seconds: float, rms: float = 0.1, rate_hz: int = RATE_HZ) -> np.ndarray:
    """Gaussian noise of numpy's frozen legacy generator."""
    return rms * np.random.RandomState(seed).standard_normal(round(seconds * rate_hz))


def periodic_noise(
    seed: int, seconds: float, low_hz: float, high_hz: float, slope_db_per_octave: float, rms: float = 0.1
) -> np.ndarray:
    """One period of noise with lines only between two frequencies; pink is -3 dB per octave."""
    n = round(seconds * RATE_HZ)
    frequency = np.fft.rfftfreq(n, 1.0 / RATE_HZ)
    inside = (frequency >= low_hz) & (frequency <= high_hz)
    phase = 2.0 * np.pi * np.random.RandomState(seed).random_sample(frequency.size)
    octaves = np.log2(np.where(inside, frequency, 1.0))
    spectrum = np.where(inside, 10.0 ** (slope_db_per_octave * octaves / 20.0), 0.0) * np.exp(1j * phase)
    wave = np.fft.irfft(spectrum, n)
    return wave * (rms / np.sqrt(np.mean(wave**2)))


def oracle_signals() -> dict[str, np.ndarray]:
    """What both sides measure; each lasts a whole number of hops."""
    second = np.arange(2 * RATE_HZ) / RATE_HZ
    quiet_start = np.clip((second - 0.25) / 0.25, 0.0, 1.0)
    voice = sum(np.sin(2.0 * np.pi * 220.0 * k * second) / k for k in range(1, 20))
    syllables = np.asarray(voice) * (0.6 + 0.4 * np.sin(2.0 * np.pi * 4.0 * second)) * 0.05
    decay = white_noise(5, 2.0, 1.0) * 0.2 * np.exp(-second / 0.05)
    return {
        "white noise": white_noise(1, 2.0),
        "pink noise": periodic_noise(2, 2.0, 20.0, 20_000.0, -3.0103),
        "steep noise": periodic_noise(3, 2.0, 30.0, 16_000.0, -6.0206),
        "tone 1 kHz": tone(1000.0, 2.0) * quiet_start,
        "tone 4 kHz": tone(exact_hz(4000.0), 2.0, 0.01) * quiet_start,
        "tone 100 Hz": tone(100.0, 2.0, 0.7) * quiet_start,
        "voiced syllables": syllables,
        "decaying bang": decay,
        "toneburst 50 ms": burst(4000.0, 0.05, 0.3, 2.0, 0.9),
    }

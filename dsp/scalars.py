"""The voice scalars of a hop: roughness, harmonicity, pitch and flatness, from the signal at 12 kHz.

They pay back what eight frames a second lose: how fast the envelope flutters and how periodic the waveform
is. All are ratios, so the level cancels. `dsp/README.md`, "Layout 1", is the normative text. A hop whose
voice band does not rise above the floor of -124 dB has roughness 0, harmonicity 0, no pitch, and is flat.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy import signal

from dsp.cascade import Cascade, Floats
from dsp.levels import FLOOR_MEAN_SQUARE

VOICE_RATE_HZ = 12_000
VOICE_LOW_HZ = 300.0
FFT_POINTS = 2048

ENVELOPE_RATE_HZ = 1_000
ROUGHNESS_HZ = (30.0, 150.0)

LAG_MAX = 168
"""Longest period looked for, in samples at 12 kHz: 71 Hz."""
LAG_MIN = 4
"""Shortest one: 3 kHz."""
FIRST_PEAK_PART = 0.9
"""The pitch is the shortest period whose peak reaches this part of the highest one (else octave errors)."""
VOICED_FROM = 0.5
"""A hop has a pitch when its harmonicity is at least this."""

FLATNESS_BANDS = range(-4, 7)
"""Third-octave numbers over which flatness is averaged: nominal 400 Hz to 4 kHz."""
FLATNESS_RANGE = 1e-12


@dataclass(frozen=True, slots=True)
class VoiceScalars:
    """One value per hop, shape (hops,) each."""

    roughness: Floats
    """0..1, not yet clipped."""
    harmonicity: Floats
    """0..1."""
    pitch_hz: Floats
    """NaN where there is none."""
    flatness_db: Floats
    """0 = flat, negative = peaky."""


class VoiceAnalyser:
    """Streaming voice scalars."""

    def __init__(self) -> None:
        self._high_pass = Cascade(_voice_sections())
        self._envelope = EnvelopeFlutter()

    def process(self, samples: Floats, hops: int) -> VoiceScalars:
        """The next block at 12 kHz: `hops` parts of 1500 samples, or one shorter part at the end."""
        voice = self._high_pass.process(samples)
        parts = voice.reshape(hops, -1)
        heard = np.mean(np.square(parts), axis=1) > FLOOR_MEAN_SQUARE
        safe = np.where(heard[:, None], parts, 0.0)
        harmonicity, pitch_hz = periodicity(safe)
        return VoiceScalars(
            roughness=np.where(heard, self._envelope.process(voice, hops), 0.0),
            harmonicity=harmonicity,
            pitch_hz=pitch_hz,
            flatness_db=flatness(safe),
        )


@cache
def _voice_sections() -> Floats:
    return np.asarray(signal.butter(4, VOICE_LOW_HZ, "highpass", fs=VOICE_RATE_HZ, output="sos"))


@cache
def _roughness_sections() -> Floats:
    return np.asarray(signal.butter(2, ROUGHNESS_HZ, "bandpass", fs=ENVELOPE_RATE_HZ, output="sos"))


class EnvelopeFlutter:
    """Depth of the 30-150 Hz part of the envelope (L. Arnal et al. 2015: the range that screams occupy)."""

    def __init__(self) -> None:
        self._band_pass = Cascade(_roughness_sections())
        self._last_two = np.zeros(2)

    def process(self, voice: Floats, hops: int) -> Floats:
        """Root 2 times the RMS of the band over the mean envelope, shape (hops,); m for 1 + m cos(wt)."""
        milliseconds = voice.size // 12
        if milliseconds == 0:
            return np.zeros(hops)
        thirds = np.mean(np.square(voice[: milliseconds * 12]).reshape(-1, 4), axis=1).reshape(-1, 3)
        before = np.vstack([[0.0, *self._last_two], thirds[:-1]])
        self._last_two = thirds[-1, 1:].copy()
        power = (
            thirds[:, 2] + 2.0 * thirds[:, 1] + 3.0 * thirds[:, 0] + 2.0 * before[:, 2] + before[:, 1]
        ) / 9.0
        envelope = np.sqrt(power)
        flutter = self._band_pass.process(envelope).reshape(hops, -1)
        mean = np.mean(envelope.reshape(hops, -1), axis=1)
        depth = np.sqrt(2.0 * np.mean(np.square(flutter), axis=1))
        return np.where(mean > 0.0, depth / np.where(mean > 0.0, mean, 1.0), 0.0)


def periodicity(parts: Floats) -> tuple[Floats, Floats]:
    """Harmonicity 0..1 and pitch in Hz (NaN: none) of each row of `parts`, shape (hops, samples).

    The normalised square difference of P. McLeod and G. Wyvill (2005), "A smarter way to find pitch":
    n(lag) = 2 sum x[j] x[j + lag] / sum (x[j]^2 + x[j + lag]^2), 1 for a periodic signal at its period.
    """
    hops, width = parts.shape
    longest = min(LAG_MAX, width // 2 - 2)
    if longest < LAG_MIN:
        return np.zeros(hops), np.full(hops, np.nan)
    curve = _square_difference(parts, longest + 1)
    left, here, right = curve[:, LAG_MIN - 1 : -2], curve[:, LAG_MIN:-1], curve[:, LAG_MIN + 1 :]
    was_negative = np.logical_or.accumulate(curve < 0.0, axis=1)[:, LAG_MIN:-1]
    is_peak = was_negative & (here > 0.0) & (here >= left) & (here > right)
    bend = np.where(is_peak, 2.0 * here - left - right, 1.0)
    height = np.where(is_peak, np.minimum(here + (right - left) ** 2 / (8.0 * bend), 1.0), 0.0)
    harmonicity = np.max(height, axis=1)
    first = np.argmax(is_peak & (height >= FIRST_PEAK_PART * harmonicity[:, None]), axis=1)
    rows = np.arange(hops)
    lag = LAG_MIN + first + ((right - left) / (2.0 * bend))[rows, first]
    return harmonicity, np.where(harmonicity >= VOICED_FROM, VOICE_RATE_HZ / lag, np.nan)


def _square_difference(parts: Floats, lags: int) -> Floats:
    """n(lag) for lag = 0..lags, shape (hops, lags + 1); 0 for silent rows."""
    power = np.abs(np.fft.rfft(parts, FFT_POINTS, axis=1)) ** 2
    products = np.fft.irfft(power, FFT_POINTS, axis=1)[:, : lags + 1]
    squares = np.square(parts)
    total = np.sum(squares, axis=1, keepdims=True)
    zero = np.zeros_like(total)
    head = np.concatenate([zero, np.cumsum(squares[:, :lags], axis=1)], axis=1)
    tail = np.concatenate([zero, np.cumsum(squares[:, : -lags - 1 : -1], axis=1)], axis=1)
    energy = 2.0 * total - head - tail
    return np.where(total > 0.0, 2.0 * products / np.where(total > 0.0, energy, 1.0), 0.0)


def _flatness_bins() -> Floats:
    edges_hz = 1000.0 * 10.0 ** ((np.arange(FLATNESS_BANDS.start, FLATNESS_BANDS.stop + 1) - 0.5) / 10.0)
    return np.ceil(edges_hz * FFT_POINTS / VOICE_RATE_HZ)


def flatness(parts: Floats) -> Floats:
    """How flat the fine structure of the spectrum is, dB <= 0, per row of `parts`: about -2.5 for noise.

    Within each third-octave: geometric over arithmetic mean of the Hann-windowed power spectrum; then the
    mean over the bands, each weighted with its energy. The slope from band to band, which the band levels
    show, cancels.
    """
    width = parts.shape[1]
    window = 0.5 - 0.5 * np.cos(2.0 * np.pi * (np.arange(width) + 0.5) / width)
    bins = _flatness_bins().astype(np.intp)
    power = np.abs(np.fft.rfft(parts * window, FFT_POINTS, axis=1)[:, bins[0] : bins[-1]]) ** 2
    top = np.max(power, axis=1, keepdims=True)
    heard = top[:, 0] > 0.0
    relative = np.where(heard[:, None], power / np.where(top > 0.0, top, 1.0), 1.0)
    relative = np.maximum(relative, FLATNESS_RANGE)
    starts, counts = bins[:-1] - bins[0], np.diff(bins)
    energy = np.add.reduceat(relative, starts, axis=1)
    mean_db = np.add.reduceat(10.0 * np.log10(relative), starts, axis=1) / counts
    band_db = mean_db - 10.0 * np.log10(energy / counts)
    return np.asarray(np.sum(band_db * energy, axis=1) / np.sum(energy, axis=1))

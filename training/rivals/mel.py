"""Log-mel spectra of whole waveforms: what rivals hear and a sensor never sends.

Two of them: EfficientAT's front end (Schmid et al., "Efficient large-scale audio tagging via
transformer-to-CNN knowledge distillation", ICASSP 2023), written here from its published settings, and the
plain 64 bands by 10 ms of the privacy-free student.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft

Floats = NDArray[np.float32]

MN04_RATE_HZ = 32_000
MN04_BANDS = 128
MN04_HOP = 320
MN04_FRAMES_PER_S = MN04_RATE_HZ // MN04_HOP
_MN04_FFT, _MN04_WINDOW, _MN04_TOP_HZ = 1024, 800, 15_000.0

PLAIN_RATE_HZ = 16_000
PLAIN_BANDS = 64
PLAIN_HOP = 160
PLAIN_FRAMES_PER_S = PLAIN_RATE_HZ // PLAIN_HOP
_PLAIN_FFT, _PLAIN_WINDOW, _PLAIN_RANGE_HZ = 512, 400, (50.0, 8_000.0)

_AT_ONCE = 4096


def mn04_log_mel(samples_32k: NDArray[np.floating]) -> Floats:
    """EfficientAT's input, (128 bands, 1 + (n - 1) // 320 frames), from n >= 2 samples at 32 kHz, +-1.

    Pre-emphasis 0.97; Hann window of 25 ms centred in 1024 points, hop 10 ms, edges mirrored; power in 128
    Kaldi mel bands from 0 to 15 kHz; natural logarithm; (value + 4.5) / 5.
    """
    samples = np.asarray(samples_32k, dtype=np.float32)
    samples = samples[1:] - np.float32(0.97) * samples[:-1]
    window = np.zeros(_MN04_FFT, dtype=np.float32)
    first = (_MN04_FFT - _MN04_WINDOW) // 2
    window[first : first + _MN04_WINDOW] = np.hanning(_MN04_WINDOW)
    power = _mel_power(samples, window, MN04_HOP, _MN04_BANK)
    log_mel: Floats = (np.log(power + np.float32(1e-5)) + np.float32(4.5)) / np.float32(5.0)
    return log_mel.T


def plain_mel_power(samples_16k: NDArray[np.floating]) -> Floats:
    """Mean power in 64 mel bands from 50 Hz to 8 kHz, (1 + n // 160 frames, 64), from samples at 16 kHz."""
    window = np.zeros(_PLAIN_FFT, dtype=np.float32)
    first = (_PLAIN_FFT - _PLAIN_WINDOW) // 2
    hann = np.hanning(_PLAIN_WINDOW)
    window[first : first + _PLAIN_WINDOW] = hann / np.sqrt(np.sum(hann**2) * _PLAIN_FFT)
    return _mel_power(np.asarray(samples_16k, dtype=np.float32), window, PLAIN_HOP, _PLAIN_BANK)


def kaldi_mel_bank(bands: int, points: int, rate_hz: int, low_hz: float, high_hz: float) -> Floats:
    """Triangles even in mel = 1127 ln(1 + f / 700), (bands, points // 2 + 1); the top bin counts nowhere."""
    edges = np.linspace(_mel(low_hz), _mel(high_hz), bands + 2)
    bins = _mel(np.arange(points // 2) * rate_hz / points)
    rising = (bins - edges[:-2, np.newaxis]) / np.diff(edges)[:-1, np.newaxis]
    falling = (edges[2:, np.newaxis] - bins) / np.diff(edges)[1:, np.newaxis]
    bank = np.zeros((bands, points // 2 + 1), dtype=np.float32)
    bank[:, :-1] = np.maximum(np.minimum(rising, falling), 0.0)
    return bank


def _mel(hz: NDArray[np.float64] | float) -> NDArray[np.float64]:
    return np.asarray(1127.0 * np.log1p(np.asarray(hz) / 700.0))


def _mel_power(samples: Floats, window: Floats, hop: int, bank: Floats) -> Floats:
    """(frames, bands); frame k is centred on sample k * hop. Long input goes in pieces to stay in memory."""
    points = len(window)
    padded = np.pad(samples, points // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, points)[::hop]
    parts = []
    for start in range(0, len(frames), _AT_ONCE):
        spectrum = fft.rfft(frames[start : start + _AT_ONCE] * window, axis=1)
        parts.append((spectrum.real**2 + spectrum.imag**2) @ bank.T)
    together: Floats = np.concatenate(parts)
    return together


_MN04_BANK = kaldi_mel_bank(MN04_BANDS, _MN04_FFT, MN04_RATE_HZ, 0.0, _MN04_TOP_HZ)
_PLAIN_BANK = kaldi_mel_bank(PLAIN_BANDS, _PLAIN_FFT, PLAIN_RATE_HZ, *_PLAIN_RANGE_HZ)

PLAIN_CENTRES_HZ: NDArray[np.float64] = 700.0 * np.expm1(
    np.linspace(_mel(_PLAIN_RANGE_HZ[0]), _mel(_PLAIN_RANGE_HZ[1]), PLAIN_BANDS + 2)[1:-1] / 1127.0
)
"""Centres of the 64 plain bands."""

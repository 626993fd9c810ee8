"""Mel spectra back to sound: non-negative inversion of the mel bands, then phases by Griffin and Lim.

D. W. Griffin, J. S. Lim, "Signal estimation from modified short-time Fourier transform", IEEE Trans. ASSP 32
(1984), with the acceleration of N. Perraudin et al., "A fast Griffin-Lim algorithm", WASPAA 2013.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training.leak.streams import FFT_POINTS, FRAME_SAMPLES, mel_weights, short_time_spectrum, window

_INVERSION_STEPS = 40
_PHASE_STEPS = 60
_MOMENTUM = 0.99
_TINY = 1e-12


def sound_of(log_power: NDArray[np.float64], seed: int = 3) -> NDArray[np.float64]:
    """Samples at 16 kHz with about this log mel power, shape (frames, 64) in natural logs."""
    magnitude = np.sqrt(linear_power(np.exp(np.clip(log_power, -30.0, 30.0))))
    turn = np.random.default_rng(seed).uniform(-np.pi, np.pi, magnitude.shape)
    estimate = magnitude * np.exp(1j * turn)
    before = np.zeros_like(estimate)
    for _ in range(_PHASE_STEPS):
        consistent = short_time_spectrum(samples_of(estimate))[: len(magnitude)]
        moved = consistent + _MOMENTUM * (consistent - before)
        before = consistent
        estimate = magnitude * moved / np.maximum(np.abs(moved), _TINY)
    return samples_of(estimate)


def linear_power(mel_power: NDArray[np.float64]) -> NDArray[np.float64]:
    """Non-negative spectra (frames, 257) whose mel bands are these, by Lee and Seung's updates."""
    weights = mel_weights()
    power = mel_power @ weights + _TINY
    wanted = mel_power @ weights
    for _ in range(_INVERSION_STEPS):
        power *= wanted / (power @ weights.T @ weights + _TINY)
    return power


def samples_of(spectrum: NDArray[np.complex128]) -> NDArray[np.float64]:
    """Overlap-add of the spectra's windowed inverse transforms, least squares."""
    frames = np.fft.irfft(spectrum, FFT_POINTS, axis=1) * window()
    length = (len(frames) - 1) * FRAME_SAMPLES + FFT_POINTS
    total, norm = np.zeros(length), np.zeros(length)
    for number, frame in enumerate(frames):
        at = number * FRAME_SAMPLES
        total[at : at + FFT_POINTS] += frame
        norm[at : at + FFT_POINTS] += window() ** 2
    half = FFT_POINTS // 2
    return np.asarray((total / np.maximum(norm, 1e-3))[half : half + (len(frames) - 1) * FRAME_SAMPLES])

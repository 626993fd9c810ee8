"""A, C and Z frequency weighting, IEC 61672-1:2013 clause 5.5 and Annex E, as digital filters at 48 kHz.

The pole frequencies follow from the closed formulas of Annex E. The high-pass parts (20.6, 107.7, 737.9 Hz)
lie far below half the sampling rate, where the bilinear transform is exact to 0.01 dB. The low-pass pair at
12.2 kHz does not: the bilinear transform bends it to -inf dB at 24 kHz and misses the design goal by 0.5 dB
at 8 kHz. It is therefore a matched second-order filter (M. Vicanek, "Matched Second Order Digital Filters",
2016): the poles map by z = exp(s T), and the three numerator coefficients are those whose magnitude equals
the analogue one at three chosen frequencies.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Literal

import numpy as np
from scipy import signal

from dsp.cascade import Cascade, Floats
from dsp.layout import SAMPLE_RATE_HZ

WeightingName = Literal["A", "C", "Z"]

_LOW_HZ, _HIGH_HZ = 10**1.5, 10**3.9
_CUTOFF_A_HZ = 10**2.45
_REFERENCE_HZ = 1000.0
MATCHED_AT_HZ = (0.0, 1e4, 10**4.25)
"""Where the digital low-pass pair equals the analogue one."""


def pole_frequencies_hz() -> tuple[float, float, float, float]:
    """f1..f4 of Annex E, equations (E.2) to (E.5): 20.60, 107.7, 737.9 and 12194 Hz."""
    ratio = 1.0 / math.sqrt(2.0)
    low2, high2, ref2 = _LOW_HZ**2, _HIGH_HZ**2, _REFERENCE_HZ**2
    b = (ref2 + low2 * high2 / ref2 - ratio * (low2 + high2)) / (1.0 - ratio)
    c = low2 * high2
    root = math.sqrt(b * b - 4.0 * c)
    f1, f4 = math.sqrt((-b - root) / 2.0), math.sqrt((-b + root) / 2.0)
    f2 = _CUTOFF_A_HZ * (3.0 - math.sqrt(5.0)) / 2.0
    f3 = _CUTOFF_A_HZ * (3.0 + math.sqrt(5.0)) / 2.0
    return f1, f2, f3, f4


def design_goal_db(name: WeightingName, frequency_hz: Floats) -> Floats:
    """The analogue weighting in dB re 1 kHz, equations (E.1) and (E.6); frequencies > 0."""
    frequencies = np.asarray(frequency_hz, dtype=np.float64)
    return _analogue_db(name, frequencies) - _analogue_db(name, np.asarray(_REFERENCE_HZ))


def _analogue_db(name: WeightingName, f: Floats) -> Floats:
    f1, f2, f3, f4 = pole_frequencies_hz()
    if name == "Z":
        return np.zeros_like(f)
    squared = f**2
    c_gain = f4**2 * squared / ((squared + f1**2) * (squared + f4**2))
    if name == "C":
        return 20.0 * np.log10(c_gain)
    return 20.0 * np.log10(c_gain * squared / np.sqrt((squared + f2**2) * (squared + f3**2)))


@cache
def c_sections() -> Floats:
    """C weighting as sections (2, 6), 0 dB at 1 kHz."""
    f1, _, _, f4 = pole_frequencies_hz()
    return _unity_at_1_khz(np.vstack([_high_pass_pair(f1, f1), _low_pass_pair(f4)]))


@cache
def a_after_c_sections() -> Floats:
    """What turns a C-weighted signal into an A-weighted one: sections (1, 6), 0 dB at 1 kHz."""
    _, f2, f3, _ = pole_frequencies_hz()
    return _unity_at_1_khz(_high_pass_pair(f2, f3))


class Weighting:
    """A streaming weighting filter at 48 kHz."""

    def __init__(self, name: WeightingName) -> None:
        parts: dict[str, list[Floats]] = {
            "A": [c_sections(), a_after_c_sections()],
            "C": [c_sections()],
            "Z": [],
        }
        self._cascade = Cascade(np.vstack(parts[name])) if parts[name] else None

    def process(self, samples: Floats) -> Floats:
        """Weight the next block; shape (n,) in and out."""
        return samples if self._cascade is None else self._cascade.process(samples)


def _high_pass_pair(first_hz: float, second_hz: float) -> Floats:
    """s^2 / ((s + w1)(s + w2)) by the bilinear transform, each pole prewarped."""
    poles = [-2.0 * SAMPLE_RATE_HZ * math.tan(math.pi * f / SAMPLE_RATE_HZ) for f in (first_hz, second_hz)]
    z, p, k = signal.bilinear_zpk([0.0, 0.0], poles, 1.0, SAMPLE_RATE_HZ)
    return np.asarray(signal.zpk2sos(z, p, k))


def _low_pass_pair(pole_hz: float) -> Floats:
    """1 / (1 + s/w)^2 with matched poles and a numerator that meets the magnitude at MATCHED_AT_HZ."""
    pole = math.exp(-2.0 * math.pi * pole_hz / SAMPLE_RATE_HZ)
    frequencies = np.asarray(MATCHED_AT_HZ)
    cosine = np.cos(2.0 * np.pi * frequencies / SAMPLE_RATE_HZ)
    wanted = (1.0 - 2.0 * pole * cosine + pole**2) ** 2 / (1.0 + (frequencies / pole_hz) ** 2) ** 2
    # |b0 + b1 z^-1 + b2 z^-2|^2 = r0 + 2 r1 cos w + 2 r2 cos 2w is linear in the autocorrelation r of b.
    terms = np.stack([np.ones(3), 2.0 * cosine, 2.0 * (2.0 * cosine**2 - 1.0)], axis=1)
    r0, r1, r2 = np.linalg.solve(terms, wanted)
    roots = np.roots([r2, r1, r0, r1, r2])
    inside = np.real(np.poly(roots[np.abs(roots) < 1.0]))  # the minimum-phase half of the symmetric pairs
    numerator = inside * math.sqrt(wanted[0]) / inside.sum()
    return np.array([[*numerator, 1.0, -2.0 * pole, pole**2]])


def _unity_at_1_khz(sections: Floats) -> Floats:
    scaled = sections.copy()
    _, response = signal.sosfreqz(sections, worN=[_REFERENCE_HZ], fs=SAMPLE_RATE_HZ)
    scaled[0, :3] /= abs(response[0])
    scaled.setflags(write=False)
    return scaled

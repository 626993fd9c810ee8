"""The third-octave filter bank: 24 bands, IEC 61260-1:2014, class 1.

Each band is a Butterworth band-pass of order 3 (three second-order sections) by the bilinear transform with
prewarped edges, run at the lowest of the rates 48, 24, 12, 6 and 3 kHz where the class 1 mask holds with room
to spare. The filter's own -3 dB points lie about 4 % of the bandwidth inside the edges of the standard, so
that its effective bandwidth (the integral of |H|^2 over the logarithm of frequency) is the standard's to
0.001 dB. That is what makes the bands of pink noise add up to the broadband level; a third-order Butterworth
with its -3 dB points on the edges reads 0.2 dB too much.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy import integrate, optimize, signal

from dsp.cascade import Cascade, Floats
from dsp.layout import BAND_CENTRES_HZ, BAND_COUNT, BAND_UPPER_HZ, SAMPLE_RATE_HZ

FILTER_ORDER = 3
HIGHEST_EDGE_OF_RATE = 0.24
"""A band is filtered at the lowest rate of which its upper edge is at most this part."""
LOWEST_PYRAMID_LEVEL = 4


def pyramid_level(band: int) -> int:
    """How often the rate is halved before band 0..23 is filtered, 0..4."""
    level = 0
    while level < LOWEST_PYRAMID_LEVEL:
        if BAND_UPPER_HZ[band] > HIGHEST_EDGE_OF_RATE * SAMPLE_RATE_HZ / 2 ** (level + 1):
            break
        level += 1
    return level


@cache
def band_sections(band: int) -> Floats:
    """Sections (3, 6) of band 0..23 at its rate."""
    rate_hz = SAMPLE_RATE_HZ / 2 ** pyramid_level(band)
    centre_hz = float(BAND_CENTRES_HZ[band])

    def excess(half_width_db: float) -> float:
        return _effective_bandwidth(_band_pass(centre_hz, half_width_db, rate_hz), centre_hz, rate_hz) - 1.0

    half_width_db = float(optimize.brentq(excess, 0.9, 1.0, xtol=1e-7))
    sections = _band_pass(centre_hz, half_width_db, rate_hz)
    sections.setflags(write=False)
    return sections


def _band_pass(centre_hz: float, half_width_db: float, rate_hz: float) -> Floats:
    """Edges `half_width_db` twentieths of a decade either side of the centre (1 = the standard's edges)."""
    factor = 10.0 ** (half_width_db / 20.0)
    edges = [centre_hz / factor, centre_hz * factor]
    return np.asarray(signal.butter(FILTER_ORDER, edges, "bandpass", fs=rate_hz, output="sos"))


def _effective_bandwidth(sections: Floats, centre_hz: float, rate_hz: float) -> float:
    """Integral of |H|^2 d(ln f) over that of the ideal filter, ln(10) / 10."""
    log_ratio = np.linspace(-3.0, np.log(0.4999 * rate_hz / centre_hz), 6001)
    _, response = signal.sosfreqz(sections, worN=centre_hz * np.exp(log_ratio), fs=rate_hz)
    return float(integrate.trapezoid(np.abs(response) ** 2, log_ratio) / (np.log(10.0) / 10.0))


class OctaveBank:
    """Mean squares of the 24 bands per hop; bands that the source cannot carry are not computed."""

    def __init__(self, carried: np.ndarray | None = None) -> None:
        """`carried`: shape (24,) of bool, by default all."""
        flags = np.ones(BAND_COUNT, dtype=bool) if carried is None else carried
        self._bands = [
            (int(band), pyramid_level(int(band)), Cascade(band_sections(int(band))))
            for band in np.flatnonzero(flags)
        ]

    def process(self, pyramid: list[Floats], hops: int) -> Floats:
        """Mean square per hop and band, shape (hops, 24), NaN where not carried.

        `pyramid`: the block at the five rates; every level holds `hops` equal parts.
        """
        mean_squares = np.full((hops, BAND_COUNT), np.nan)
        for band, level, cascade in self._bands:
            filtered = cascade.process(pyramid[level])
            mean_squares[:, band] = np.mean(np.square(filtered).reshape(hops, -1), axis=1)
        return mean_squares

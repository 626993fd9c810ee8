"""The streaming implementation under test, driven in random blocks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from dsp.decimation import RatePyramid
from dsp.front_end import FrontEnd
from dsp.layout import BAND_COUNT, HOP_SAMPLES
from dsp.levels import PeakPicker
from dsp.octave_bank import OctaveBank
from dsp.weighting import Weighting, WeightingName


def random_blocks(samples: np.ndarray, seed: int, longest: int = 20_000) -> Iterator[np.ndarray]:
    """The samples, cut at random places; empty blocks and single samples occur."""
    random = np.random.RandomState(seed)
    at = 0
    while at < samples.size:
        size = int(random.choice([0, 1, int(random.randint(2, 200)), int(random.randint(200, longest))]))
        yield samples[at : at + size]
        at += size


def frames_in_blocks(samples: np.ndarray, seed: int = 0, rate_hz: int = 48_000) -> np.ndarray:
    """Frames of the stream, fed in random blocks."""
    front_end = FrontEnd(rate_hz)
    parts = [front_end.process(block) for block in random_blocks(samples, seed)]
    return np.concatenate([*parts, front_end.flush()])


def weighted_in_blocks(samples: np.ndarray, name: WeightingName, seed: int = 0) -> np.ndarray:
    """The weighted signal, filtered in random blocks."""
    weighting = Weighting(name)
    return np.concatenate([weighting.process(block) for block in random_blocks(samples, seed)])


def band_squares_in_hops(samples: np.ndarray, bands: list[int]) -> np.ndarray:
    """Mean squares of some bands, (hops, 24), NaN elsewhere, through decimators and filters hop by hop."""
    carried = np.zeros(BAND_COUNT, dtype=bool)
    carried[bands] = True
    pyramid, bank = RatePyramid(), OctaveBank(carried)
    hops = samples.size // HOP_SAMPLES
    rows = []
    for first in range(0, hops, 4):
        count = min(4, hops - first)
        block = samples[first * HOP_SAMPLES : (first + count) * HOP_SAMPLES]
        rows.append(bank.process(pyramid.process(block), count))
    return np.concatenate(rows)


def peak_of(samples: np.ndarray) -> float:
    """The greatest magnitude of a whole signal, with the parabola."""
    return float(PeakPicker().process(np.append(samples, 0.0), 1)[0])

"""The simplest rival: louder than it was. How far LAFmax stands above the running background, in dB.

As installed sound level meters raise alarms. It cannot tell one class from another, so all have its score.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dsp.front_end import frames_of
from dsp.layout import HOP_S
from training.bench.detector import CLASSES, RATE_HZ

BACKGROUND_S = 30.0
"""The background is the median LAeq of the hops before, as far back as this."""


def excess_db(laeq_db: NDArray[np.float64], lafmax_db: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) dB of each hop's LAFmax above the median LAeq of the hops before it; the first has no excess."""
    hops = round(BACKGROUND_S / HOP_S)
    if len(laeq_db) == 0:
        return np.zeros(0)
    before = np.concatenate([np.full(hops, np.nan), laeq_db[:-1]])
    past = np.lib.stride_tricks.sliding_window_view(before, hops)
    background_db = np.empty(len(laeq_db))
    background_db[0] = lafmax_db[0]
    for start in range(1, len(laeq_db), 4096):
        background_db[start : start + 4096] = np.nanmedian(past[start : start + 4096], axis=1)
    return lafmax_db - background_db


class EnergyThreshold:
    """A Detector of the bench."""

    name = "energy"
    hop_s = HOP_S

    def score(self, samples: NDArray[np.float32], full_scale_db: float) -> NDArray[np.float32]:
        """Excess in dB for every class alike; absolute level does not count."""
        frames = frames_of(np.asarray(samples, dtype=np.float64), RATE_HZ)
        excess = excess_db(frames["laeq_cdb"] / 100.0, frames["lafmax_cdb"] / 100.0)
        return np.repeat(excess[:, np.newaxis], len(CLASSES), axis=1).astype(np.float32)


def load(argument: str) -> EnergyThreshold:
    """`energy=training.rivals.energy`; there is nothing to choose."""
    return EnergyThreshold()

"""What the privacy-free student sees of three seconds: 64 mel bands every 10 ms, blind to absolute level.

The same treatment as `dsp.model_input`: levels count from the loudest eighth of a second of the window, and
what lies RANGE_DB below it is not heard.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dsp.weighting import design_goal_db
from training.rivals.mel import PLAIN_CENTRES_HZ

Floats = NDArray[np.float32]

WINDOW_FRAMES = 300
BLOCK_FRAMES = 12
RANGE_DB, HEADROOM = 60.0, 1.2
_A_POWER = (10.0 ** (design_goal_db("A", PLAIN_CENTRES_HZ) / 10.0)).astype(np.float32)
_LEAST_POWER = np.float32(1e-12)
_DECIBELS = np.float32(10.0 / np.log(10.0))


def mel_input(power: Floats) -> Floats:
    """power: (n, WINDOW_FRAMES, 64); returns the same shape, 0..HEADROOM, 0 where nothing is heard."""
    reference = np.maximum(block_power(power).max(axis=1), _LEAST_POWER)
    relative = power / reference[:, np.newaxis, np.newaxis]
    np.maximum(relative, np.float32(10.0 ** (-RANGE_DB / 10.0)), out=relative)
    np.log(relative, out=relative)
    relative *= _DECIBELS / np.float32(RANGE_DB)
    relative += np.float32(1.0)
    np.minimum(relative, np.float32(HEADROOM), out=relative)
    return relative


def block_power(power: Floats) -> Floats:
    """A-weighted mean power of each eighth of a second, (n, WINDOW_FRAMES // BLOCK_FRAMES)."""
    weighted = power @ _A_POWER
    blocks: Floats = weighted.reshape(len(power), -1, BLOCK_FRAMES).mean(axis=2)
    return blocks


def cut(codes_power: Floats, ends: NDArray[np.int64]) -> Floats:
    """The WINDOW_FRAMES before each end (in frames) of one sound, (n, WINDOW_FRAMES, 64), silence before."""
    padded = np.concatenate([np.zeros((WINDOW_FRAMES, codes_power.shape[1]), np.float32), codes_power])
    return np.asarray(padded[ends[:, np.newaxis] + np.arange(WINDOW_FRAMES)])
